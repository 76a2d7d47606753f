"""Names: near matches for messages, and headings as identifiers of the formula language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from difflib import get_close_matches

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

LONGEST_QUOTED = 60  # characters
LEAST_NAME = 4  # letters of a constant that may be a mistyped column


def folded(text: str) -> str:
    """The text without accents: `Nb paramètres` becomes `Nb parametres`."""
    if text.isascii():
        return text
    parted = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    return "".join(c for c in parted if not unicodedata.combining(c))


def near(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"`, or nothing when no known name is close."""
    matches = get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""


def mistyped(constants: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Notes on constants of a formula whose names are nearly those of columns that it does not use."""
    unused = list(columns)
    folded = {column.casefold(): column for column in unused}
    hints = {}
    for name in constants:
        same = folded.get(name.casefold())
        hints[name] = f"; did you mean {same!r}?" if same else near(name, unused) if len(name) >= LEAST_NAME else ""
    return [f"{name} of the formula is fitted as a constant{hint}" for name, hint in hints.items() if hint]


def listed(names: Sequence[object], most: int = 5) -> str:
    """`a, b and 3 more`."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def excerpt(text: str) -> str:
    """A cell as messages quote it: the beginning of a long one."""
    return text if len(text) <= LONGEST_QUOTED else f"{text[: LONGEST_QUOTED - 3]}..."


def is_usable(name: str) -> bool:
    """Whether a formula can use this name for a column."""
    return IDENTIFIER.fullmatch(name) is not None and name not in FUNCTIONS


def to_identifier(heading: str, taken: Container[str] = ()) -> str:
    """A heading as a name that a formula can use and that is not taken: `"Params (M)"` becomes `Params_M`."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", folded(heading)).strip("_") if not is_usable(heading) else heading
    if not name or name[0].isdigit() or name in FUNCTIONS:
        name = f"x_{name}".rstrip("_")
    unique, count = name, 2
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
