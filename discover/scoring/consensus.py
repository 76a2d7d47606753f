"""When two laws say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def twins(forecasts: Sequence[Floats], sizes: Sequence[int], least: Floats) -> list[int]:
    """For every law the place of the first that forecasts the same from as many constants; its own, if it is the first.

    Laws may be one function in other words, which no comparison of formulas sees.

    Args:
        forecasts: arrays of one shape (..., T).
        sizes: numbers of fitted constants.
        least: differences of the T targets that count.
    """
    first: list[int] = []
    for i, forecast in enumerate(forecasts):
        equals = (j for j in range(i) if first[j] == j and sizes[j] == sizes[i])
        same = (j for j in equals if _alike(forecast, forecasts[j], least))
        first.append(next(same, i))
    return first


def _alike(a: Floats, b: Floats, least: Floats) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(a - b) <= least))


def distances(forecasts: Sequence[Floats], centre: Floats) -> Floats:
    """Mean squared distance of every forecast from one of them, in variances of the forecasts, targets alike."""
    stacked = np.stack(forecasts)
    scale = stacked.std(axis=tuple(range(stacked.ndim - 1)))
    scaled = (stacked - centre) / np.where(scale > 0, scale, 1.0)
    out: Floats = np.mean(scaled**2, axis=tuple(range(1, stacked.ndim)))
    return out
