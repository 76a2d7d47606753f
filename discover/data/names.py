"""Names: near matches for messages, and headings as identifiers of the formula language."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from difflib import get_close_matches

from discover.errors import InputError

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

FUNCTIONS = frozenset(
    (
        "exp",
        "log",
        "log2",
        "log10",
        "sqrt",
        "abs",
        "Abs",
        "Min",
        "Max",
        "tanh",
        "sigmoid",
        "sin",
        "cos",
        "atan",
    )
)
"""Names that a formula cannot use for a column."""

LEAST_NAME = 4  # letters of a constant that may be a mistyped column


def near(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"`, or nothing when no known name is close."""
    matches = get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""


def mistyped(constants: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Notes on constants of a formula whose names are nearly those of columns that it does not use."""
    unused = list(columns)
    hints = {name: near(name, unused) for name in constants if len(name) >= LEAST_NAME}
    return [f"{name} of the formula is fitted as a constant{hint}" for name, hint in hints.items() if hint]


def check_uses_column(found: Container[str], names: Sequence[str], columns: Sequence[str], table: str) -> None:
    """Refuses a formula none of whose names is a column.

    Args:
        found: those of the names that stand for columns.
        names: all names in the formula.
        columns: of the table.
        table: what the message calls the table.

    Raises:
        InputError: `found` is empty.
    """
    if not found:
        hint = next(filter(None, (near(name, columns) for name in names if len(name) >= LEAST_NAME)), "")
        raise InputError(
            f"none of the names in the formula ({', '.join(names) or 'there is none'}) is a column of {table}{hint} "
            f"(its columns: {', '.join(columns)})"
        )


def listed(names: Sequence[object], most: int = 5) -> str:
    """`a, b and 3 more`."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def is_usable(name: str) -> bool:
    """Whether a formula can use this name for a column."""
    return IDENTIFIER.fullmatch(name) is not None and name not in FUNCTIONS


def to_identifier(heading: str, taken: Container[str] = ()) -> str:
    """A heading as a name that a formula can use and that is not taken: `"Params (M)"` becomes `Params_M`."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", heading).strip("_") if not is_usable(heading) else heading
    if not name or name[0].isdigit() or name in FUNCTIONS:
        name = f"x_{name}".rstrip("_")
    unique, count = name, 2
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
