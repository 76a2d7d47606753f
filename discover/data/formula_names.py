"""Which column of a table each name in a formula stands for: one rule for `fit`, `import` and Python.

A name is looked up by itself: as the user says, as a heading, as the name that formulas have for a heading, by place
(`x0`), by meaning (`N` for `params`). Whatever is not plain is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from discover.data.aliases import Quantity, by_quantity, recognise
from discover.data.names import listed, mistyped, near, to_identifier
from discover.errors import InputError
from discover.plain_data import counted, quoted

_NAME = re.compile(r"(?<![\w.#])(?:(?:np|numpy|math|jnp|torch)\.)?([^\W\d]\w*)(?!\w|\s*\()")
_POSITIONAL = re.compile(r"(?P<letter>[xX])_?(?P<number>[0-9]{1,3})")
_COLUMN_LETTERS = frozenset("NDC")
_USUAL_CONSTANTS = frozenset(("E", "A", "B", "alpha", "beta", "gamma", "delta", "epsilon", "lambda", "eta", "kappa"))
_MODULES = frozenset(("np", "numpy", "math", "jnp", "torch"))


@dataclass(frozen=True)
class Places:
    """Where the names of formulas lead.

    Attributes:
        columns: name -> heading; the other names are constants.
        notes: what the user may have meant otherwise.
    """

    columns: dict[str, str]
    notes: tuple[str, ...]


def names_in(texts: Iterable[str]) -> list[str]:
    """Names of columns and constants in formulas, each once, without functions and Python modules."""
    found = (name for text in texts for name in _NAME.findall(text))
    return list(dict.fromkeys(name for name in found if name not in _MODULES))


def usable_names(headings: Iterable[str]) -> dict[str, str]:
    """Names by which columns may be called -> heading: the heading itself, and its name in formulas."""
    headings = list(headings)
    return {to_identifier(heading): heading for heading in headings} | {heading: heading for heading in headings}


def places_of(
    formulas: Sequence[str],
    usable: Mapping[str, str],
    mapping: Mapping[str, str] | None = None,
    features: Sequence[str] | None = None,
    target: Collection[str] = (),
) -> Places:
    """Which column of the table each name in the formulas stands for; the other names are constants.

    Args:
        formulas: texts.
        usable: names by which the columns may be called -> heading, see `usable_names`.
        mapping: name -> heading, as the user says.
        features: headings in the order in which an engine was given them, or None.
        target: headings that are predicted, which no name stands for by its meaning.

    Raises:
        InputError: a name or heading is unknown, or no name stands for a column.
    """
    names, mapping = names_in(formulas), mapping or {}
    _check_mapping(names, usable, mapping)
    found = {name: usable[mapping.get(name, name)] for name in names if mapping.get(name, name) in usable}
    notes = [
        f"{name} of the formula is the column {name!r}; if it is meant as a constant, give that another name, "
        f"such as {name}0"
        for name in found
        if name in _USUAL_CONSTANTS and name not in mapping
    ]
    numbered = [name for name in names if name not in found and _POSITIONAL.fullmatch(name)]
    if numbered and (features or not found):
        found |= _by_number(numbered, features)
    left = {heading for heading in usable.values() if heading not in (*found.values(), *target)}
    meant = by_meaning([name for name in names if name not in found], left)
    sure = {name: heading for name, heading in meant.items() if not found or surely_column(name, formulas)}
    notes += [
        f"{name} of the formula is fitted as a constant; if it is the column {heading!r}, write that, or "
        f"--columns {quoted(f'{name}={heading}')}"
        for name, heading in meant.items()
        if name not in sure
    ]
    found |= sure
    notes += [_renamed(name, found[name]) for name in (*numbered, *sure) if name in found]
    if not found:
        hint = next(filter(None, (near(name, usable) for name in names if len(name) > 3)), "")
        raise InputError(
            f"no name in the formula ({', '.join(names) or 'there is none'}) is a column of the table{hint} "
            f"({listed(list(dict.fromkeys(usable.values())), 12)}); say which is which with --columns NAME=COLUMN"
        )
    unused = [name for name, heading in usable.items() if heading not in (*found.values(), *target)]
    constants = [name for name in names if name not in found and name not in meant]
    for name in constants:
        notes += mistyped([name], unused) or _absent(name, formulas)
    return Places(found, tuple(notes))


def _check_mapping(names: Sequence[str], usable: Mapping[str, str], mapping: Mapping[str, str]) -> None:
    for name, column in mapping.items():
        if name not in names:
            raise InputError(f"--columns names {name!r}, which is not in the formula{near(name, names)}")
        if column not in usable:
            raise InputError(
                f"--columns names the column {column!r}, which the table does not have{near(column, usable)}"
            )


def _renamed(name: str, heading: str) -> str:
    return f"{name} of the formula is the column {heading!r}"


def _absent(name: str, formulas: Sequence[str]) -> list[str]:
    """A note on a constant that stands where the field writes a column that the table lacks; none for others."""
    quantity = _quantity_of(name)
    if quantity is None or name in _USUAL_CONSTANTS or not surely_column(name, formulas):
        return []
    return [
        f"{name} of the formula is fitted as a constant, for no column is known to hold the {quantity.meaning}; if one "
        f"does, write --columns {name}=COLUMN"
    ]


def _quantity_of(name: str) -> Quantity | None:
    """What the field means by a name; of single letters only N, D and C mean something."""
    return recognise(name) if len(name) > 1 or name in _COLUMN_LETTERS else None


def surely_column(name: str, formulas: Sequence[str]) -> bool:
    """Whether a name that might be a constant has a place where constants do not stand: a power's base, a logarithm."""
    if len(name) > 1 and name not in _USUAL_CONSTANTS:
        return True
    word = rf"(?<![\w.]){re.escape(name)}"
    place = re.compile(rf"{word}\s*\)?\s*(\*\*|\^)|(log\w*|sqrt|pow|power)\s*\(\s*{word}\b")
    return any(place.search(text) for text in formulas)


def _by_number(names: Sequence[str], features: Sequence[str] | None) -> dict[str, str]:
    """Columns by place: PySR counts x0, x1, ... from zero, Operon X1, X2, ... from one."""
    if not features:
        raise InputError(
            f"the formula counts its columns ({', '.join(names)}); say which they are with --columns "
            f"{names[0]}=COLUMN, or with --features A,B in the order in which the engine was given them"
        )
    found = {}
    for name in names:
        match = _POSITIONAL.fullmatch(name)
        assert match is not None
        place = int(match["number"]) - (match["letter"] == "X")
        if not 0 <= place < len(features):
            raise InputError(f"the formula names {name}, but --features names {counted(len(features), 'column')}")
        found[name] = features[place]
    return found


def by_meaning(names: Sequence[str], headings: Collection[str]) -> dict[str, str]:
    """Names by which the field knows the quantity of exactly one column."""
    found: dict[str, str] = {}
    known = by_quantity(headings)
    for name in names:
        quantity = _quantity_of(name)
        alike = known.get(quantity.name, []) if quantity is not None else []
        if len(alike) == 1 and alike[0] not in found.values():
            found[name] = alike[0]
    return found
