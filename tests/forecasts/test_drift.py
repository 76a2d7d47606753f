"""Distances beyond the data, and how much worse forecasts get there."""

from __future__ import annotations

import numpy as np
import pytest

from discover.data.table import Table
from discover.forecasts.drift import growth_of
from discover.rules import RULES
from discover.scoring import Problem
from discover.scoring.reach import Reach

ZERO = np.zeros(1, dtype=np.int64)


def problem(axes: tuple[str, ...] = ("params", "tokens")) -> Problem:
    """Large models with few tokens and small ones with many: nothing is large in both."""
    params, tokens = np.array([1e6, 1e6, 1e8, 1e7]), np.array([1e8, 1e10, 1e8, 1e9])
    table = Table(
        {"params": params, "tokens": tokens}, np.ones((4, 1)), ("loss",), np.zeros(4, dtype=np.int64), ("all",)
    )
    return Problem(table, dict.fromkeys(table.features, "scale"), axes)


@pytest.mark.parametrize(
    ("params", "tokens", "expected"),
    [
        (1e6, 1e8, 0.0),
        (1e8, 1e8, 0.0),
        (1e10, 1e8, 1.0),  # as far again as the data are wide, two decades
        (1e8, 1e12, np.sqrt(1.0 + 1.0)),  # from the many tokens of the small model
        (1e8, 1e10, np.sqrt(0.25 + 0.25)),  # each has been seen, not together: one decade from the middle row
        (1e5, 1e8, 0.5),  # below the data
    ],
)
def test_distance_is_counted_in_widths_of_the_data(params: float, tokens: float, expected: float) -> None:
    found = Reach.of(problem()).distance({"params": np.array([params]), "tokens": np.array([tokens])}, ZERO)
    assert found[0] == pytest.approx(expected)


def test_columns_that_are_no_axis_count_only_outside_of_their_range() -> None:
    reach = Reach.of(problem(axes=("params",)))
    inside, outside = np.array([1e7, 1e7]), np.array([1e9, 1e11])
    found = reach.distance({"params": inside, "tokens": outside}, np.zeros(2, dtype=np.int64))
    np.testing.assert_allclose(found, [0.0, 0.5])
    np.testing.assert_allclose(reach.distance({"params": inside}, np.zeros(2, dtype=np.int64)), 0.0)


def test_without_axes_the_nearest_row_counts() -> None:
    reach = Reach.of(problem(axes=()))
    found = reach.distance({"params": np.array([1e7]), "tokens": np.array([1e8])}, ZERO)
    assert found[0] == pytest.approx(0.5)


def test_a_box_reaches_its_corner() -> None:
    reach = Reach.box({"x": np.array([[0.0, 1.0]]), "y": np.array([[0.0, 2.0]])})
    found = reach.distance({"x": np.array([1.0, 2.0]), "y": np.array([2.0, 2.0])}, np.zeros(2, dtype=np.int64))
    np.testing.assert_allclose(found, [0.0, 1.0])


def test_growth_follows_bad_folds_and_not_good_ones() -> None:
    away = [np.full(5, 0.2), np.full(5, 0.5)]
    assert growth_of([1.0, 1.1], away, [0.5, 0.5]) == RULES.drift.growth
    bad = growth_of([40.0, 100.0], away, [0.5, 0.5])
    assert bad > 3 * RULES.drift.growth
    assert growth_of([160.0, 400.0], away, [0.5, 0.5]) == pytest.approx(2 * bad, rel=0.05)
    assert growth_of([], [], []) == RULES.drift.growth
    assert growth_of([50.0], [np.zeros(3)], [1.0]) == RULES.drift.growth  # folds within the data tell nothing of beyond


def test_a_point_beyond_is_moved_to_the_end_of_the_data_and_farther_within() -> None:
    points = {"params": np.array([1e9, 1e7, 1e12]), "tokens": np.array([1e9, 1e10, 1e11]), "lr": np.ones(3)}
    edge, inside, times = Reach.of(problem()).inward(points, np.zeros(3, dtype=np.int64))
    np.testing.assert_allclose(edge["params"], [1e8, 1e7, 1e8])
    np.testing.assert_allclose(inside["params"], [1e7, 1e7, 1e7])  # at most half of two decades
    np.testing.assert_allclose(edge["tokens"], [1e9, 1e10, 1e10])
    np.testing.assert_allclose(inside["tokens"], [1e9, 1e10, 10**9.75])  # in proportion
    np.testing.assert_allclose(times, [1.0, 0.0, 4.0])
    assert edge["lr"] is points["lr"]


def test_a_group_with_one_value_of_an_axis_has_the_width_of_all() -> None:
    reach = Reach.box({"x": np.array([[2.0, 2.0], [0.0, 4.0]])})
    _, inside, times = reach.inward({"x": np.array([5.0])}, ZERO)
    assert inside["x"][0] == pytest.approx(0.0)
    assert times[0] == pytest.approx(1.5)
