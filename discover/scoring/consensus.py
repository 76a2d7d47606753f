"""Choosing among laws that the data can hardly tell apart.

The law of lowest merit among thousands owes part of its lead to chance. Laws that are near-tied with it often
agree on what lies beyond the data although they are written differently; those that owe most to chance stand apart.
So the choice falls on the near-tied law whose forecasts beyond the data lie closest to the median forecast of
all near-tied laws: the medoid. It is one law, with constants and a formula, and nearly as sure as their average.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TIE = 1.0  # merits closer than this count as near-tied; a merit sums two logarithms of errors
MOST = 8  # laws that are consulted
SAME = 1e-3  # of the target's standard deviation: forecasts that differ by less everywhere are one
LEAST = 3  # fewer than this have no median to speak of


def near_tied(merits: Sequence[float], kinds: Sequence[str]) -> list[int]:
    """Places of the near-tied laws, the best of each kind, best first.

    A search breeds dozens of variants of what leads; were each of them heard, they would only hear themselves.

    Args:
        merits: lower is better.
        kinds: equal texts are laws of one kind.
    """
    order = sorted(range(len(merits)), key=lambda i: merits[i])
    chosen: dict[str, int] = {}
    for i in order:
        if merits[i] > merits[order[0]] + TIE or len(chosen) == MOST:
            break
        chosen.setdefault(kinds[i], i)
    return list(chosen.values())


def medoid(forecasts: Sequence[Floats]) -> int:
    """The forecast closest to the median of all, in mean squared distance; the first of equals.

    Args:
        forecasts: arrays of one shape (..., T), best law first; the T targets count alike.
    """
    if len(forecasts) < LEAST:
        return 0
    stacked = np.stack(forecasts)
    return int(np.argmin(distances(forecasts, np.median(stacked, axis=0))))


def twins(forecasts: Sequence[Floats], sizes: Sequence[int], deviation: Floats) -> list[int]:
    """For every law the place of the first that forecasts the same from as many constants; its own, if it is the first.

    Laws may be one function in other words, which no comparison of formulas sees.

    Args:
        forecasts: arrays of one shape (..., T).
        sizes: numbers of fitted constants.
        deviation: standard deviations of the T targets.
    """
    first: list[int] = []
    for i, forecast in enumerate(forecasts):
        equals = (j for j in range(i) if first[j] == j and sizes[j] == sizes[i])
        same = (j for j in equals if _alike(forecast, forecasts[j], deviation))
        first.append(next(same, i))
    return first


def _alike(a: Floats, b: Floats, deviation: Floats) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(a - b) <= SAME * deviation))


def distances(forecasts: Sequence[Floats], centre: Floats) -> Floats:
    """Mean squared distance of every forecast from one of them, in variances of the forecasts, targets alike."""
    stacked = np.stack(forecasts)
    scale = stacked.std(axis=tuple(range(stacked.ndim - 1)))
    scaled = (stacked - centre) / np.where(scale > 0, scale, 1.0)
    out: Floats = np.mean(scaled**2, axis=tuple(range(1, stacked.ndim)))
    return out
