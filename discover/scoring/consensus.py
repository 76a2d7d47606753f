"""When two laws say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from discover.arrays import Floats


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
    """The largest distance of every forecast from one of them at any step beyond the data.

    The distance of a step is the mean square, targets alike, in variances of the forecasts up to this step. So neither
    the widest step rules how close the nearer ones must be, nor a step where all forecasts have levelled off.

    Args:
        forecasts: arrays of one shape (steps, points, T).
        centre: one of them.
    """
    stacked = np.stack(forecasts)
    out = np.zeros(len(stacked))
    for step in range(stacked.shape[1]):
        scale = stacked[:, : step + 1].std(axis=(0, 1, 2))
        apart = (stacked[:, step] - centre[step]) / np.where(scale > 0, scale, 1.0)
        out = np.maximum(out, np.mean(apart**2, axis=(1, 2)))
    return out
