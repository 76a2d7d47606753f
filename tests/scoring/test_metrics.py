"""The benchmark's metric, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from discover.scoring import metrics, r_squared


def by_hand(predicted: np.ndarray, measured: np.ndarray) -> float:
    ratios = []
    for p, y in zip(predicted.T.tolist(), measured.T.tolist(), strict=True):
        mean = sum(y) / len(y)
        variance = sum((v - mean) ** 2 for v in y) / len(y)
        error = sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) / len(y)
        ratios.append(error / variance)
    return 1.0 - sum(ratios) / len(ratios)


def test_figures_of_a_small_table() -> None:
    measured = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [6.0, 20.0]])
    predicted = measured + np.array([[0.5, -1.0], [0.0, 2.0], [-0.5, 0.0], [1.0, 1.0]])
    found = metrics(predicted, measured)
    # first column: errors 1.5/4 over 14/4; second: 6/4 over 200/4
    assert found.r2 == pytest.approx(1 - (1.5 / 14 + 6 / 200) / 2, rel=1e-12)
    assert found.rmse == pytest.approx(math.sqrt(7.5 / 8), rel=1e-12)
    assert found.mare == pytest.approx((0.5 + 0.5 / 3 + 1 / 6 + 0.1 + 2 / 30 + 0 + 1 / 20) / 8, rel=1e-12)
    assert found.n == 4


tables = arrays(float, (7, 2), elements=st.floats(-100, 100))


@given(tables, tables)
def test_equal_to_the_metric_by_hand(predicted, measured) -> None:
    if np.all(measured.std(axis=0) > 1e-3):
        assert r_squared(predicted, measured) == pytest.approx(by_hand(predicted, measured), rel=1e-9, abs=1e-9)


def test_perfect_mean_and_worse() -> None:
    y = np.array([[1.0], [2.0], [4.0]])
    assert r_squared(y, y) == 1.0
    assert r_squared(np.full_like(y, y.mean()), y) == pytest.approx(0.0)
    assert r_squared(y + 1e3, y) < -1e5  # not clipped


def test_a_target_without_variance() -> None:
    constant = np.full((3, 1), 2.0)
    assert r_squared(constant, constant) == 1.0
    assert r_squared(constant + 0.1, constant) == -math.inf
    both = np.hstack([constant, np.array([[1.0], [2.0], [3.0]])])
    assert r_squared(both, both) == 1.0
    assert r_squared(both + np.array([[0.1, 0.0]]), both) == -math.inf


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_forecast_that_is_no_number_is_worst(value: float) -> None:
    y = np.array([[1.0], [2.0]])
    wrong = np.array([[1.0], [value]])
    found = metrics(wrong, y)
    assert (found.r2, found.rmse, found.mare) == (-math.inf, math.inf, math.inf)
    assert r_squared(np.array([[1.0], [1e300]]), y) == -math.inf  # its square overflows
