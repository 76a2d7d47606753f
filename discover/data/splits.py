"""Splitting rows by scale."""

from __future__ import annotations

import numpy as np

from discover.arrays import Floats, Ints, Mask

MIN_TRAIN_ROWS = 2
"""Fewest rows of a group that must stay for fitting."""


def scale_ranks(axes: Floats) -> Floats:
    """Product over the axes of each value's rank among the distinct values, shape (n,).

    Ranks do not change when an axis is replaced by its logarithm: its unit and scale do not matter.

    Args:
        axes: values of the scale axes, shape (n, A).
    """
    ranks = np.ones(axes.shape[0])
    for values in axes.T:
        _, level = np.unique(values, return_inverse=True)
        ranks *= level + 1
    return ranks


def hold_out(axes: Floats, group: Ints, fraction: float) -> Mask:
    """Mask of the rows with the largest scale, about this fraction of each group, shape (n,).

    Rows of equal scale stay together, so the share is the nearest possible one. It is chosen within each
    group, because a group without train rows has no constants. Groups too small to
    spare a row keep all of theirs.

    Args:
        axes: values of the scale axes, shape (n, A).
        group: group code of each row, shape (n,).
        fraction: wanted share of the rows, above 0 and below 1.
    """
    held = np.zeros(axes.shape[0], dtype=bool)
    for code in np.unique(group):
        rows = np.flatnonzero(group == code)
        ranks = scale_ranks(axes[rows])
        held[rows] = ranks >= _threshold(ranks, fraction)
    return held


def _threshold(ranks: Floats, fraction: float) -> float:
    levels = np.unique(ranks)
    n_held = len(ranks) - np.searchsorted(np.sort(ranks), levels)
    possible = len(ranks) - n_held >= MIN_TRAIN_ROWS
    if not possible.any():
        return float("inf")
    distance = np.abs(n_held[possible] / len(ranks) - fraction)
    # Of two equally near cuts the later one in `levels` keeps more train rows.
    best = int(np.flatnonzero(distance <= distance.min() + 1e-12)[-1])
    return float(levels[possible][best])
