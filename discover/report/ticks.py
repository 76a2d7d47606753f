"""Where the axes of plots have labels, and which: as many as fit, at round numbers, the same in all kinds of plots."""

from __future__ import annotations

import math

from discover.plain_data import round_numbers
from discover.report.figures import Axis
from discover.report.texts import quantity, raised_digits, size

MOST = 7


def ticks_of(axis: Axis, low: float, high: float, most: int = MOST) -> tuple[tuple[float, str], ...]:
    """Places on an axis with their labels, between its ends."""
    if axis.ticks or not high > low:
        return axis.ticks
    ends = low * axis.multiple, high * axis.multiple
    found = round_numbers(*ends, most, by_factors=axis.log)
    return tuple((value / axis.multiple, tick(value)) for value in found)


def tick(value: float) -> str:
    """Small numbers as they are, counts as 500M and 70B, all others as powers of ten."""
    if 1e-3 <= abs(value) < 1e4 or value == 0:
        return quantity(value, 3)
    return size(value) if 1e4 <= abs(value) < 1e15 else _power(value)


def _power(value: float) -> str:
    """Large and small numbers in powers of ten, so that all labels of an axis look alike."""
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    raised = "10" + raised_digits(exponent)
    mantissa = quantity(value / 10.0**exponent, 3)
    return raised if mantissa == "1" else f"{mantissa} × {raised}"
