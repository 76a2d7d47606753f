"""When two laws say the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from discover.scoring.consensus import distances, twins


@given(arrays(float, (5, 2, 4, 2), elements=st.floats(-10, 10)), st.floats(0.1, 100), st.floats(-5, 5))
def test_distances_do_not_depend_on_the_unit(values, factor: float, shift: float) -> None:
    if np.all(values.std(axis=(0, 1, 2)) > 1e-3):
        here, there = list(values), list(values * factor + shift)
        assert distances(there, there[1]) == pytest.approx(distances(here, here[1]), rel=1e-6, abs=1e-9)
        assert distances(here, here[1])[1] == 0.0


def test_forecasts_that_are_the_same_are_twins() -> None:
    a = np.array([[1.0, 10.0], [2.0, 20.0]])
    least = np.array([1e-3, 1e-2])
    other = np.array([[1.0, 10.0], [2.0, 20.2]])  # in one target only
    forecasts = [a, other, a + 1e-4, other + 1e-5, np.full_like(a, np.inf)]
    assert twins(forecasts, [3] * 5, least) == [0, 1, 0, 1, 4]
    assert twins(forecasts, [3, 3, 2, 3, 3], least) == [0, 1, 2, 1, 4]  # fewer constants say more
    assert twins([], [], least) == []
