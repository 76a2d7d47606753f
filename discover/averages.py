"""The mean of what several laws say, which no single wild one rules."""

from __future__ import annotations

import numpy as np

from discover.arrays import Floats
from discover.rules import RULES

HALF = (0.16, 0.5, 0.84)


def average(values: Floats, weights: Floats, logs: bool, reach: float = RULES.average.reach) -> Floats:
    """The weighted mean of what laws say, of the shape of what one says; NaN where none says anything.

    A law farther from the weighted median than `reach` half widths of the middle two thirds counts as that far: one
    that diverges should not rule the mean.

    Args:
        values: shape (laws, ...).
        weights: shape (laws,).
        logs: the mean is that of the logarithms; what is not positive has none. Where nothing is positive, the mean is
            that of the values.
    """
    with np.errstate(all="ignore"):
        said = np.log(np.where(values > 0, values, np.nan)) if logs else values
        known = np.isfinite(said)
        shares = np.where(known, weights.reshape(-1, *[1] * (values.ndim - 1)), 0.0)
        low, middle, high = _quantiles(np.where(known, said, np.inf), shares)
        room = reach * (high - low) / 2.0
        held = np.where(known, np.clip(said, middle - room, middle + room), 0.0)
        mean = np.sum(shares * held, axis=0) / np.sum(shares, axis=0)
        out: Floats = np.exp(mean) if logs else mean
    if logs and np.isnan(out).any():
        return np.where(np.isnan(out), average(values, weights, False, reach), out)
    return out


def half_width(values: Floats, weights: Floats) -> Floats:
    """Half width of the weighted middle two thirds of what laws say, which are all finite, over the first axis."""
    low, _, high = _quantiles(values, np.broadcast_to(weights.reshape(-1, *[1] * (values.ndim - 1)), values.shape))
    out: Floats = (high - low) / 2.0
    return out


def _quantiles(values: Floats, shares: Floats) -> tuple[Floats, ...]:
    """The weighted quantiles `HALF` over the first axis."""
    order = np.argsort(values, axis=0, kind="stable")
    passed = np.cumsum(np.take_along_axis(shares, order, axis=0), axis=0)
    passed = passed / np.maximum(passed[-1], 1e-300)
    return tuple(
        np.take_along_axis(
            np.take_along_axis(values, order, axis=0), np.argmax(passed >= q - 1e-12, axis=0)[None], axis=0
        )[0]
        for q in HALF
    )
