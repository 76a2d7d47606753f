"""Choosing among near-tied laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from discover.scoring.consensus import MOST, TIE, distances, medoid, near_tied, twins


def test_near_tied_laws_are_counted_once_best_first() -> None:
    merits = [-5.0, -5.5, -5.4, -5.5 + TIE + 0.01, -5.2, float("inf")]
    assert near_tied(merits, ["a", "b", "b", "c", "d", "e"]) == [1, 4, 0]
    assert near_tied([-1.0], ["a"]) == [0]
    assert near_tied([], []) == []


def test_no_more_laws_than_most() -> None:
    assert near_tied([0.0] * 40, [str(i) for i in range(40)]) == list(range(MOST))


def test_equal_merits_keep_their_order() -> None:
    assert near_tied([1.0, 1.0, 0.9], ["a", "b", "c"]) == [2, 0, 1]


def forecasts(*values: float) -> list[np.ndarray]:
    return [np.full((2, 3, 1), v) for v in values]


def test_the_medoid_stands_nearest_the_median() -> None:
    assert medoid(forecasts(9.0, 1.0, 2.1, 2.0, 3.0)) == 2  # the median is 2.1
    assert medoid(forecasts(100.0, 2.0, 2.2)) == 2


def test_fewer_than_three_have_no_median_to_speak_of() -> None:
    assert medoid(forecasts(5.0)) == 0
    assert medoid(forecasts(5.0, 1.0)) == 0


def test_the_first_of_equals() -> None:
    assert medoid(forecasts(1.0, 1.0, 1.0)) == 0
    assert medoid(forecasts(3.0, 1.0, 1.0, 1.0)) == 1


def test_targets_count_alike() -> None:
    """The second target is a thousand times the first, and decides no more for it."""
    small = np.array([0.0, 1.0, 1.1, 5.0])
    large = np.array([1.0, 0.0, 1.1, 2.0]) * 1e3
    stacked = [np.array([[[a, b]]]) for a, b in zip(small, large, strict=True)]
    rescaled = [f / [1.0, 1e3] for f in stacked]
    assert medoid(stacked) == medoid(rescaled) == 2
    assert distances(stacked, stacked[2]) == pytest.approx(distances(rescaled, rescaled[2]))


@given(arrays(float, (5, 2, 4, 2), elements=st.floats(-10, 10)), st.floats(0.1, 100), st.floats(-5, 5))
def test_distances_do_not_depend_on_the_unit(values, factor: float, shift: float) -> None:
    if np.all(values.std(axis=(0, 1, 2)) > 1e-3):
        here, there = list(values), list(values * factor + shift)
        assert distances(there, there[1]) == pytest.approx(distances(here, here[1]), rel=1e-6, abs=1e-9)
        assert distances(here, here[1])[1] == 0.0


def test_forecasts_that_are_the_same_are_twins() -> None:
    a = np.array([[1.0, 10.0], [2.0, 20.0]])
    deviation = np.array([1.0, 10.0])
    other = np.array([[1.0, 10.0], [2.0, 20.2]])  # in one target only
    forecasts = [a, other, a + 1e-4, other + 1e-5, np.full_like(a, np.inf)]
    assert twins(forecasts, [3] * 5, deviation) == [0, 1, 0, 1, 4]
    assert twins(forecasts, [3, 3, 2, 3, 3], deviation) == [0, 1, 2, 1, 4]  # fewer constants say more
    assert twins([], [], deviation) == []
