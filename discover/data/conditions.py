"""Conditions on rows, as `--where "status == finished and params >= 1e8"` writes them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from discover.data.cells import is_empty, number, text_of
from discover.errors import InputError

_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_QUOTED = r'"[^"]*"|\'[^\']*\'|`[^`]*`'
_PART = re.compile(rf"\s*(?P<column>{_QUOTED}|.+?)\s*(?P<sign>==|!=|<=|>=|=|<|>)\s*(?P<value>{_QUOTED}|.*?)\s*")
_PIECES = re.compile(rf"(?:{_QUOTED}|(?!\s+and\s).)+", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """What the cells of a column must be.

    Attributes:
        column: its heading, as the user wrote it.
        sign: one of ==, !=, <, <=, >, >=.
        value: text to compare with; as a number where it is one, else without regard to capitals.
    """

    column: str
    sign: str
    value: str

    def holds(self, cell: object, found: float | None) -> bool:
        """Whether a cell meets the condition.

        Args:
            cell: as it stands in the file.
            found: its number, or None.
        """
        wanted = number(self.value)
        if self.sign in _ORDERED:
            return found is not None and wanted is not None and _ORDERED[self.sign](found, wanted)
        equal = found == wanted if found is not None and wanted is not None else self._same_text(cell)
        return equal if self.sign == "==" else not equal

    def _same_text(self, cell: object) -> bool:
        if is_empty(cell) and is_empty(self.value):
            return True
        return text_of(cell).lower() == self.value.lower()


def parse_conditions(text: str, option: str = "--where") -> tuple[Condition, ...]:
    """The conditions of a text, all of which must hold.

    Raises:
        InputError: a part is not `COLUMN == VALUE`, or orders something that is not a number.
    """
    found = []
    for place, piece in enumerate(_PIECES.findall(text)):
        part = re.sub(r"^\s*and\s", "", piece, flags=re.IGNORECASE) if place else piece
        match = _PART.fullmatch(part)
        if not match or not match["column"].strip():
            raise InputError(
                f"{option}: {part.strip()!r} is no condition; expected one such as 'status == finished' or "
                "'params >= 1e8 and seed != 3'"
            )
        sign = "==" if match["sign"] == "=" else match["sign"]
        value = _bare(match["value"])
        if sign in _ORDERED and number(value) is None:
            raise InputError(f"{option}: {value!r} is not a number, which {sign} needs")
        found.append(Condition(_bare(match["column"]), sign, value))
    if not found:
        raise InputError(f"{option} is empty; expected a condition such as 'status == finished'")
    return tuple(found)


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" else text
