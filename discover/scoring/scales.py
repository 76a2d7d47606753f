"""The scale on which errors count: the target's value, its logarithm, or the logarithm of its odds.

In squares of the value a target that spans decades, such as a number of steps or a cost, is ruled by its few largest
rows: a law may miss all others by half of what they are and still lead. So the scale is a property of the problem, not
of a law: held-out errors, the choice and the noise of forecasts all follow it.
"""

from __future__ import annotations

import numpy as np

from discover.arrays import Floats
from discover.data.table import Table
from discover.data.task_files import ErrorScale
from discover.errors import InputError
from discover.rules import RULES, Scale


def on_scale(values: Floats, scale: ErrorScale) -> Floats:
    """Values on a scale, of the same shape; not finite where they have no place on it."""
    if scale == "value":
        return values
    with np.errstate(all="ignore"):
        return np.log(values) if scale == "log" else np.log(values) - np.log1p(-values)


def target_span(table: Table, rules: Scale = RULES.scale) -> float:
    """Large over small values of the target, of the one that spans least; 1 if any is not above 0.

    Groups that differ in level span it as rows do: in squares of the value the largest group would rule.
    """
    if not np.all(table.targets > 0):
        return 1.0
    small, large = np.quantile(table.targets, (rules.small, 1.0 - rules.small), axis=0)
    return float(np.min(large / small))


def guessed_scale(table: Table, rules: Scale = RULES.scale) -> ErrorScale:
    """Logarithms for a positive target that spans a decade, else the value."""
    return "log" if target_span(table, rules) >= rules.span else "value"


def check_scale(table: Table, scale: ErrorScale, where: str) -> None:
    """Refuses a scale on which some target has no place.

    Args:
        where: head of the message.

    Raises:
        InputError: there is one.
    """
    lost = np.argwhere(~np.isfinite(on_scale(table.targets, scale)))
    if len(lost):
        row, place = lost[0]
        wanted = "above 0" if scale == "log" else "between 0 and 1"
        raise InputError(
            f"{where}: {table.target_names[place]} is {table.targets[row, place]:g} on a train row; the error scale "
            f"{scale!r} expects values {wanted}"
        )
