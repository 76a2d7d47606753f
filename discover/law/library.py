"""The library of human-derived scaling laws: loads, validates and looks up `library/*.toml`.

A law is data: one formula in the formula language, its columns with units and typical ranges, its constants
with domains and a starting guess, published constants, and what is known of its validity. `variables.toml`
holds the meaning of the column names, which a law may narrow. Formulas are parsed when first asked for.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.expressions import constant_names, feature_names
from discover.expressions.parsing import FUNCTIONS
from discover.law.published import FOLLOWS, GENERIC, IDENTIFIER, Law, glossary

_ID = re.compile(r"(?P<law>[a-z0-9_]+)(\([^()]+\))?")
_BOUND_ID = re.compile(r"(?P<law>[a-z0-9_]+)\((?P<columns>[^()]+)\)")


def load_library() -> dict[str, Law]:
    """All laws by id, in the order of the files.

    Raises:
        InputError: a file of the library is damaged.
    """
    return dict(_library())


@lru_cache(maxsize=1)
def _library() -> dict[str, Law]:
    laws: dict[str, Law] = {}
    folder = files("discover.law") / "library"
    for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".toml"):
            _add(laws, load_laws(path), path.name)
    return laws


def _add(laws: dict[str, Law], new: Mapping[str, Law], where: str) -> None:
    twice = sorted(set(laws) & set(new))
    if twice:
        raise InputError(f"{where}: law {twice[0]!r} is already in the library")
    laws.update(new)


def load_laws(path: Path | Traversable) -> dict[str, Law]:
    """The laws of one TOML file by id.

    Formulas are not parsed here; `check_law` does it.

    Raises:
        InputError: the file is not valid TOML, a key is unknown or missing, or a value has the wrong type.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: not a readable TOML file: {error}") from error
    if set(raw) != {"law"} or not isinstance(raw["law"], list):
        raise InputError(f"{path.name}: expected [[law]] entries only, found {', '.join(raw) or 'nothing'}")
    laws: dict[str, Law] = {}
    for entry in raw["law"]:
        law = _validate(entry, path.name)
        _add(laws, {law.id: law}, path.name)
    return laws


def _validate(entry: dict[str, Any], where: str) -> Law:
    from pydantic import ValidationError

    try:
        law: Law = _adapter().validate_python(_completed(entry))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}, law {entry.get('id', '?')}: {place}: {first['msg']}") from error
    return law


@lru_cache(maxsize=1)
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Law)


def _completed(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with the glossary's words for the variables that it does not describe itself."""
    words = glossary()
    variables = entry.get("variables")
    if not isinstance(variables, dict):
        return entry
    merged = {
        name: (words.get(name, {}) | spec if isinstance(spec, dict) else spec) for name, spec in variables.items()
    }
    return entry | {"variables": merged}


def check_law(law: Law) -> None:
    """Refuses a law whose parts do not agree.

    Raises:
        FormulaError: the formula cannot be read.
        InputError: declared and used names differ, a guess or published constant lies outside its domain, or
            a range is empty.
    """
    _same(law, "variables", law.variables, feature_names(law.expr))
    _same(law, "constants", law.constants, constant_names(law.expr))
    if not set(law.shared) <= set(law.constants):
        raise InputError(f"law {law.id}: shared names {law.shared} must be constants of the law")
    for name, variable in law.variables.items():
        lower, upper = variable.range
        if not lower < upper:
            raise InputError(f"law {law.id}: range of {name} must rise, not go from {lower} to {upper}")
    _check_values(law, "guess", law.guess)
    for fit in law.published:
        _same(law, f"constants of {fit.label!r}", law.constants, fit.constants)
        _check_values(law, fit.label, fit.constants)


def _check_values(law: Law, label: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        spec = law.constants[name]
        if not spec.contains(value):
            allowed = f"{spec.domain} within {spec.bounds}"
            raise InputError(f"law {law.id}: {label} gives {name} = {value}, it must be {allowed}")


def _same(law: Law, what: str, declared: Iterable[str], used: Iterable[str]) -> None:
    odd = sorted(set(declared) ^ set(used))
    if odd:
        raise InputError(f"law {law.id}: {what}: {', '.join(odd)} must be both declared and used")


def names_law(text: str) -> bool:
    """Whether a text is meant as the id of a law and not as a formula; ``log(x)`` is a formula."""
    match = _ID.fullmatch(text)
    return match is not None and match["law"] not in FUNCTIONS


def get_law(law_id: str) -> Law:
    """The law of this id; ``power_law(params)`` is the generic law `power_law` over the column `params`, and
    ``chinchilla(N,D)`` a law over other columns, in the order of its variables.

    Raises:
        InputError: there is no such law; the message names near matches.
    """
    laws = _library()
    if law_id in laws:
        return laws[law_id]
    bound = _BOUND_ID.fullmatch(law_id)
    if bound and bound["law"] in laws:
        law = laws[bound["law"]]
        columns = [column.strip() for column in bound["columns"].split(",")]
        if len(columns) != len(law.variables):
            raise InputError(
                f"law {law.id} is not generic: it has the variables {', '.join(law.variables)}; "
                f"expected {len(law.variables)} columns, found {len(columns)}"
            )
        return law.bind(dict(zip(law.variables, columns, strict=True)))
    near = difflib.get_close_matches(law_id, laws, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; the library has {len(laws)} laws"
    raise InputError(f"no law {law_id!r} in the library{hint}")


def known_variables() -> frozenset[str]:
    """Names of all variables that some law has, or that tell one, see `FOLLOWS`."""
    telling = {name for texts in FOLLOWS.values() for text in texts for name in IDENTIFIER.findall(text)}
    return frozenset(name for law in _library().values() for name in law.variables) - set(GENERIC) | telling
