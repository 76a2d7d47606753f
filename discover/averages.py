"""The mean of what several laws say, which no single wild one rules."""

from __future__ import annotations

import numpy as np

from discover.arrays import Floats, Mask
from discover.rules import RULES

HALF = (0.16, 0.5, 0.84)
TINY = 1e-37  # of a variance; the least that single precision divides by


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
        said, known, shares = _said(values, weights, logs)
        low, middle, high = _quantiles(np.where(known, said, np.inf), shares)
        room = reach * (high - low) / 2.0
        held = np.where(known, np.clip(said, middle - room, middle + room), 0.0)
        mean = np.sum(shares * held, axis=0) / np.sum(shares, axis=0)
        out: Floats = np.exp(mean) if logs else mean
    if logs and np.isnan(out).any():
        return np.where(np.isnan(out), average(values, weights, False, reach), out)
    return out


def disagreement(values: Floats, weights: Floats, logs: bool) -> Floats:
    """The weighted variance of what laws say, or of its logarithms; arguments as of `average`."""
    with np.errstate(all="ignore"):
        said, known, shares = _said(values, weights, logs)
        shares = shares / np.sum(shares, axis=0)
        said = np.where(known, said, 0.0)
        out: Floats = np.sum(shares * (said - np.sum(shares * said, axis=0)) ** 2, axis=0)
    return out


def restrained(
    value: Floats,
    edge: Floats,
    inside: Floats,
    times: Floats,
    variance: Floats,
    logs: bool,
    yielding: float = RULES.average.yielding,
) -> Floats:
    """Forecasts beyond the data, which are no steeper there than within them unless the laws agree that they are.

    Of the change that this asks for, a share of v / (v + change**2) is made, where v is `yielding` times the variance
    of what the laws say.

    Args:
        value: the mean of the laws at the points; this and the others of shape (points,).
        edge: their mean where the data end on the way to the points.
        inside: their mean farther within, see `discover.scoring.reach.Reach.inward`.
        times: how often the way from inside to edge fits into that from edge to the points.
        variance: see `disagreement`.
        logs: slopes are those of the logarithms; what is not positive has none, and stays.
    """
    with np.errstate(all="ignore"):
        said, at, back = (np.log(v) if logs else v for v in (value, edge, inside))
        room = times * np.abs(at - back)
        change = np.clip(said, at - room, at + room) - said
        moved = said + change / (1.0 + change**2 / (yielding * variance + TINY))
        out = np.exp(moved) if logs else moved
    return np.where(np.isfinite(out) & (change != 0.0), out, value)


def half_width(values: Floats, weights: Floats) -> Floats:
    """Half width of the weighted middle two thirds of what laws say, which are all finite, over the first axis."""
    low, _, high = _quantiles(values, np.broadcast_to(weights.reshape(-1, *[1] * (values.ndim - 1)), values.shape))
    out: Floats = (high - low) / 2.0
    return out


def _said(values: Floats, weights: Floats, logs: bool) -> tuple[Floats, Mask, Floats]:
    """Values or their logarithms, where they are finite, and there the weights, elsewhere 0; all of one shape."""
    said = np.log(np.where(values > 0, values, np.nan)) if logs else values
    known = np.isfinite(said)
    return said, known, np.where(known, weights.reshape(-1, *[1] * (values.ndim - 1)), 0.0)


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
