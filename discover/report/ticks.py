"""Where the axes of plots have labels, and which: as many as fit, at round numbers, the same in all kinds of plots."""

from __future__ import annotations

import math

from discover.report.figures import Axis
from discover.report.texts import quantity, raised_digits, size

MOST = 7
PER_DECADE = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
NARROW = 3.0  # ends that differ by less than this factor have labels in even steps


def ticks_of(axis: Axis, low: float, high: float, most: int = MOST) -> tuple[tuple[float, str], ...]:
    """Places on an axis with their labels, between its ends."""
    if axis.ticks or not high > low:
        return axis.ticks
    ends = low * axis.multiple, high * axis.multiple
    found = _by_factors(*ends, most) if axis.log and high / low >= NARROW else _even(*ends, most)
    return tuple((value / axis.multiple, tick(value)) for value in found)


def _even(low: float, high: float, most: int) -> list[float]:
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def _by_factors(low: float, high: float, most: int) -> list[float]:
    """Round numbers, evenly on a logarithmic axis as far as that goes; powers of ten alone where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in PER_DECADE:
        found = [float(f"{step}e{power}") for power in powers for step in steps]
        inside = [value for value in found if low <= value <= high]
        if len(inside) <= most:
            return inside
    return inside[:: math.ceil(len(inside) / most)]


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
