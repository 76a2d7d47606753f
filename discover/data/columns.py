"""What the cells of a whole column mean as numbers; fast where a program wrote them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats
from discover.data.cells import Sign, Written, floats_in, written

_SIMPLE = re.compile(r"[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True)
class Numbers:
    """The numbers of a column.

    Attributes:
        values: shape (n,), NaN where a cell is no number, or says that it is none.
        others: row -> what a cell means that is not written as programs write numbers; None for what is no number.
    """

    values: Floats
    others: Mapping[int, Written | None]

    def written(self, row: int) -> Written | None:
        """What a cell means as a number, or None when it is not one."""
        return self.others[row] if row in self.others else Written(float(self.values[row]))


def numbers_in(cells: Sequence[object], sign: Sign) -> Numbers:
    """The numbers of a column whose decimal sign is known.

    A column that a program wrote is read as a whole, any other cell by cell.
    """
    plain = floats_in(cells)
    if plain is not None and (sign == "." or not any("." in str(cell) for cell in cells)):
        return Numbers(plain, {})
    values = np.full(len(cells), math.nan)
    others: dict[int, Written | None] = {}
    for row, cell in enumerate(cells):
        if type(cell) is str and _SIMPLE.fullmatch(cell) and (sign == "." or "." not in cell):
            values[row] = float(cell)
            continue
        found = others[row] = written(cell, sign)
        if found is not None:
            values[row] = found.value
    return Numbers(values, others)
