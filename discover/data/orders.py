"""Columns that are parts of others: unique tokens of all tokens, active parameters of all parameters.

One relation for all who ask: points at which laws are checked, candidates for runs, units, proposed terms, warnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from discover.arrays import Floats

PURE = ("", "1", "count", "ratio")  # units of plain numbers, which need not be of one kind
ROUNDING = 1e-9

Parts = tuple[tuple[str, str], ...]


def parts_of(columns: Mapping[str, Floats], units: Mapping[str, str]) -> Parts:
    """Pairs (part, whole) of positive columns.

    The part exceeds the whole in no row although its range reaches into that of the whole, and the two are not known to
    be counted in different units: parameters are no part of tokens, even where each run has more tokens.

    Args:
        columns: name -> values above zero, shape (n,).
        units: name -> unit, where it is known.
    """
    return tuple(
        (part, whole)
        for part, whole in permutations(columns, 2)
        if never_exceeds(columns[part], columns[whole])
        and columns[part].max() > columns[whole].min()
        and not np.array_equal(columns[part], columns[whole])
        and not _differ(units.get(part, ""), units.get(whole, ""))
    )


def never_exceeds(small: Floats, large: Floats) -> bool:
    """Whether no value of a column is above that of the other in its row, but for rounding."""
    return bool(np.all(small <= large * (1 + ROUNDING)))


def meet(a: Floats, b: Floats) -> bool:
    """Whether one never exceeds the other, and somewhere they are equal."""
    return any(
        never_exceeds(small, large) and bool(np.any(small >= large * (1 - ROUNDING)))
        for small, large in ((a, b), (b, a))
    )


def _differ(one: str, other: str) -> bool:
    return one not in PURE and other not in PURE and one != other
