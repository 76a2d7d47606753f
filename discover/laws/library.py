"""The library of human-derived scaling laws: loads, validates and looks up `library/*.toml`.

A law is data: one formula in the formula language, its columns with units and typical ranges, its constants
with domains and a starting guess, published constants, and what is known of its validity. `variables.toml`
holds the meaning of the column names, which a law may narrow. Formulas are parsed when first asked for.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import permutations
from pathlib import Path
from typing import Any, ClassVar, Literal

from discover.data.aliases import OUTCOME_WORDS, STEP_NAMES, by_quantity, is_logged, recognise, squash, words
from discover.errors import InputError
from discover.expressions import Expr, constant_names, feature_names, parse, skeleton
from discover.expressions.parsing import FUNCTIONS

Domain = Literal["real", "positive", "nonnegative", "negative", "nonpositive"]
Role = Literal[
    "params", "data", "unique_data", "compute", "multiplicity", "batch", "lr", "steps", "proportion", "loss",
    "scale", "log_scale", "ratio", "other",
]  # fmt: skip
Confidence = Literal["code", "text", "second-hand", "variant"]

ANY_TARGET = "any"
RESULTS = frozenset(("loss", "error", "accuracy", "score", "reward"))
"""What a law may predict that is a result; the others predict sizes or settings."""
GENERIC = {"x": "scale", "z": "log_scale"}
"""Variables of laws that hold for any column of a kind: name -> role."""

ABOUT = 10.0  # factor by which a column may leave the range that a variable is meant for

_SCALE_ROLES = {"params", "data", "unique_data", "compute", "multiplicity", "batch", "steps", "scale"}
_STRICT = {"extra": "forbid"}
_LIMITS: dict[str, tuple[float, float]] = {
    "real": (-math.inf, math.inf),
    "positive": (0.0, math.inf),
    "nonnegative": (0.0, math.inf),
    "negative": (-math.inf, 0.0),
    "nonpositive": (-math.inf, 0.0),
}
_ID = re.compile(r"(?P<law>[a-z0-9_]+)(\([^()]+\))?")
_IDENTIFIER = re.compile(r"(?<![0-9.A-Za-z_])[A-Za-z_][A-Za-z0-9_]*")
_BOUND_ID = re.compile(r"(?P<law>[a-z0-9_]+)\((?P<columns>[^()]+)\)")


@dataclass(frozen=True)
class Variable:
    """A column that a law reads.

    Attributes:
        meaning: what is counted or measured.
        unit: its unit; "count", "ratio" and "1" are without dimension.
        role: what part it plays in training.
        range: smallest and largest value for which the law is meant, in the unit.
    """

    meaning: str
    unit: str
    role: Role
    range: tuple[float, float]
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT


@dataclass(frozen=True)
class ConstantSpec:
    """A constant of a law: where it may lie and where to start.

    Attributes:
        domain: sign that the constant must have.
        guess: typical value, in the units of the formula.
        meaning: what it stands for.
        lower: closer lower limit, or None.
        upper: closer upper limit, or None.
    """

    domain: Domain
    guess: float
    meaning: str
    lower: float | None = None
    upper: float | None = None
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT

    @property
    def bounds(self) -> tuple[float, float]:
        """Closed interval of the constant; a zero end is excluded for "positive" and "negative"."""
        lower, upper = _LIMITS[self.domain]
        return (
            lower if self.lower is None else max(lower, self.lower),
            upper if self.upper is None else min(upper, self.upper),
        )

    def contains(self, value: float) -> bool:
        """Whether a value is allowed."""
        lower, upper = self.bounds
        strict = self.domain in ("positive", "negative") and value == 0.0
        return lower <= value <= upper and not strict


@dataclass(frozen=True)
class Published:
    """A complete set of constants that somebody reported.

    Attributes:
        label: which fit it is; the name of the group where a task has groups.
        constants: name -> value, in the units of the formula.
        note: where the values come from, if not from the law's own paper.
    """

    label: str
    constants: Mapping[str, float] = field(hash=False)
    note: str = ""
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT


@dataclass(frozen=True)
class RecipeHint:
    """How the law is usually fitted.

    Attributes:
        loss: shape of the penalty on residuals.
        space: residuals of the value or of its logarithm (positive targets only).
        scale: residual at which a robust loss turns linear; None for the squared loss.
    """

    loss: Literal["squared", "huber", "soft_l1"]
    space: Literal["value", "log"]
    scale: float | None = None
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT


@dataclass(frozen=True)
class Law:
    """One human-derived law.

    Attributes:
        id: name in the library; a law bound to another column is written ``power_law(params)``.
        title: the law in a few words.
        source: title of the paper it comes from.
        year: year of the paper.
        confidence: how the formula was confirmed: in the authors' code, in the paper's text, at second hand,
            or not at all because it is a "variant" of the source's law made from known parts.
        target: what is predicted; "any" for shapes of learning curves.
        formula: the right-hand side, in the formula language.
        recipe: how the law is usually fitted; our refits follow it unless told otherwise.
        identifiable: True, or a sentence on which constants the data hardly determine.
        notes: validity, conventions, reported exponents.
        variables: columns by name.
        constants: constants by name.
        arxiv: arXiv number of the source, or None.
        shared: constants that are common to all groups.
        published: complete reported sets of constants, maybe none.
        surface: its shape suits any sizes; it is also tried on as many of which no law speaks.
    """

    id: str
    title: str
    source: str
    year: int
    confidence: Confidence
    target: str
    formula: str
    recipe: RecipeHint
    identifiable: bool | str
    notes: str
    variables: Mapping[str, Variable] = field(hash=False)
    constants: Mapping[str, ConstantSpec] = field(hash=False)
    arxiv: str | None = None
    shared: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    surface: bool = False
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT

    @cached_property
    def expr(self) -> Expr:
        """The parsed formula.

        Raises:
            FormulaError: the formula cannot be read.
        """
        return parse(self.formula, tuple(self.variables))

    @property
    def guess(self) -> dict[str, float]:
        """Typical constants: a start for fits and a truth for tests."""
        return {name: spec.guess for name, spec in self.constants.items()}

    @property
    def generic(self) -> str | None:
        """The variable that stands for any column of its kind, or None."""
        return next((name for name in self.variables if name in GENERIC), None)

    def bind(self, names: Mapping[str, str]) -> Law:
        """The same law over renamed variables, such as ``{"x": "params"}``.

        A renamed variable takes meaning, unit and role from the glossary if the new name is known there. A
        constant whose name the new column takes gets an underscore.

        Raises:
            InputError: a name is not a variable of the law, or two variables would share a name.
        """
        unknown = sorted(set(names) - set(self.variables))
        if unknown:
            raise InputError(f"law {self.id}: no variable {unknown[0]!r}; it has {', '.join(self.variables)}")
        renamed = {name: names.get(name, name) for name in self.variables}
        if len(set(renamed.values())) < len(renamed):
            raise InputError(f"law {self.id}: two variables would share a name in {dict(names)}")
        renamed |= _free_names(self.constants, set(renamed.values()))
        return replace(
            self,
            id=f"{self.id}({','.join(renamed[name] for name in self.variables)})",
            formula=_IDENTIFIER.sub(lambda match: renamed.get(match[0], match[0]), self.formula),
            variables={
                renamed[name]: _described(variable, name, renamed[name]) for name, variable in self.variables.items()
            },
            constants={renamed[name]: spec for name, spec in self.constants.items()},
            shared=tuple(renamed[name] for name in self.shared),
            published=tuple(
                replace(fit, constants={renamed[name]: value for name, value in fit.constants.items()})
                for fit in self.published
            ),
        )


def _free_names(constants: Iterable[str], taken: set[str]) -> dict[str, str]:
    result: dict[str, str] = {}
    used = taken | set(constants)
    for name in constants:
        new = name
        while new in taken or (new != name and new in used):
            new += "_"
        used.add(new)
        result[name] = new
    return result


def _described(variable: Variable, old: str, new: str) -> Variable:
    known = glossary().get(new)
    if known is None or old == new:
        return variable
    return replace(variable, **known)


def load_library() -> dict[str, Law]:
    """All laws by id, in the order of the files.

    Raises:
        InputError: a file of the library is damaged.
    """
    return dict(_library())


@lru_cache(maxsize=1)
def _library() -> dict[str, Law]:
    laws: dict[str, Law] = {}
    folder = files("discover.laws") / "library"
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


@lru_cache(maxsize=1)
def glossary() -> dict[str, dict[str, Any]]:
    """Meaning, unit and role of the column names that the field shares."""
    text = (files("discover.laws") / "variables.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


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


def laws_for(
    columns: Collection[str],
    target: str | None = None,
    largest: Mapping[str, float] | None = None,
    heading: str | None = None,
    roles: Mapping[str, str] | None = None,
) -> list[Law]:
    """Laws that can be fitted to a table with these feature columns.

    A law applies if the table has all its variables, under their own names or under others by which the field knows
    them (`n_params` or `N` for `params`), as long as it is clear which column is meant. Generic laws are bound to
    every column of their kind: those over `x` to sizes, data, compute, counts and to names that the glossary does not
    know, those over `z` to logarithms (role "log_scale", or an unknown name that begins with ``log_``). Where no law
    speaks of all sizes of the table together, surfaces over as many sizes are bound to them, in every order.

    Args:
        columns: names of the table's features.
        target: keep laws for this target ("loss", "error", ...) and for any; None keeps all.
        largest: column -> its largest value, which tells apart what a heading such as `P` may mean.
        heading: of the column to predict; a law of learning rates is none of a loss, nor the other way round.
        roles: column -> the variable that it is, whatever it is called.

    Returns:
        Laws that use the most columns first, otherwise in the order of the library.
    """
    names = list(dict.fromkeys(columns))
    places = _places(names, largest or {}, roles or {})
    result: list[Law] = []
    for law in _library().values():
        if (target is None or law.target in (target, ANY_TARGET)) and predicts(law, heading):
            result.extend(_applied(law, names, places))
    result.extend(_surfaces(names, result, target, heading))
    return sorted(result, key=lambda law: -len(law.variables))


def predicts(law: Law, heading: str | None) -> bool:
    """Whether a law may predict a column of this heading: the quantity that it names, or a result of training."""
    if heading is None or law.target == ANY_TARGET:
        return True
    quantity = recognise(heading)
    if quantity is not None:
        return law.target == _GLOSSARY_NAMES.get(quantity.name, quantity.name)
    return law.target in RESULTS or not words(heading) & OUTCOME_WORDS


_GLOSSARY_NAMES = {"flops": "compute"}


def known_variables() -> frozenset[str]:
    """Names of all variables that some law has."""
    return frozenset(name for law in _library().values() for name in law.variables) - set(GENERIC)


def check_roles(roles: Mapping[str, str], where: str) -> None:
    """Refuses roles that no law knows.

    Args:
        roles: column -> variable of the library.
        where: head of the message.

    Raises:
        InputError: no law has such a variable, or two columns are to be the same one.
    """
    for column, role in roles.items():
        if role not in known_variables():
            near = difflib.get_close_matches(role, known_variables(), n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else f" ({', '.join(sorted(known_variables()))})"
            raise InputError(f"{where}: {column} is to be {role!r}, a variable that no law has{hint}")
    twice = [role for role in roles.values() if list(roles.values()).count(role) > 1]
    if twice:
        raise InputError(f"{where}: two columns are to be {twice[0]!r}; expected one")


def nameable(
    ranges: Mapping[str, tuple[float, float]], heading: str | None = None, roles: Mapping[str, str] | None = None
) -> list[tuple[Law, dict[str, str]]]:
    """Laws that would apply if columns whose names say nothing were named, and how: column -> variable.

    All such columns must find a place, where their values are about as large as the law is meant for.

    Args:
        ranges: column -> its smallest and largest value.
        heading: of the column to predict.
        roles: column -> the variable that it is, where that was told.

    Returns:
        Laws of most columns first.
    """
    names = list(ranges)
    places = _places(names, {name: high for name, (_, high) in ranges.items()}, roles or {})
    known = {column for name, column in places.items() if name in known_variables()}
    unknown = [column for column in names if column not in known]
    found = []
    for law in _library().values() if unknown else ():
        missing = [name for name in law.variables if name not in places]
        if law.generic is not None or len(missing) != len(unknown) or not predicts(law, heading):
            continue
        orders = (dict(zip(unknown, order, strict=True)) for order in permutations(missing))
        suited = (o for o in orders if all(_is_about(ranges[c], law.variables[name].range) for c, name in o.items()))
        named = next(suited, None)
        if named is not None:
            found.append((law, named))
    return sorted(found, key=lambda pair: -len(pair[0].variables))


def _is_about(found: tuple[float, float], meant: tuple[float, float]) -> bool:
    """Whether values that go from here to there are about those that a variable is meant for."""
    return found[0] >= meant[0] / ABOUT and meant[0] <= found[1] <= meant[1] * ABOUT


def _places(columns: list[str], largest: Mapping[str, float], roles: Mapping[str, str]) -> dict[str, str]:
    """Name of the glossary -> its column: the one told, the one so called, or the only one known by its heading."""
    told = {role: column for column, role in roles.items()}
    columns = [column for column in columns if column not in roles]
    alike: dict[str, list[str]] = {}
    for quantity, found in by_quantity(columns, largest).items():
        for column in found:
            name = f"log_{quantity}" if is_logged(column) else _GLOSSARY_NAMES.get(quantity, quantity)
            alike.setdefault(name, []).append(column)
    steps = [column for column in columns if squash(column) in STEP_NAMES - {"epoch"}]
    alike.setdefault("steps", []).extend(steps)
    alone = {name: found[0] for name, found in alike.items() if len(found) == 1}
    return alone | {name: name for name in columns} | told


def _applied(law: Law, columns: list[str], places: Mapping[str, str]) -> list[Law]:
    generic = law.generic
    if generic is None:
        if not set(law.variables) <= set(places):
            return []
        found = {name: places[name] for name in law.variables}
        other = any(name != column for name, column in found.items())
        return [law.bind(found)] if other and len(set(found.values())) == len(found) else [] if other else [law]
    kind = GENERIC[generic]
    return [law.bind({generic: name}) for name in columns if _kind(name) == kind]


def _surfaces(columns: Sequence[str], found: Sequence[Law], target: str | None, heading: str | None) -> Iterator[Law]:
    """Surfaces over all sizes among the columns, one per function, if no law that was found holds them all."""
    sizes = [name for name in columns if _kind(name) == "scale"]
    if len(sizes) < 2 or any(set(sizes) <= set(law.variables) for law in found):
        return
    seen: set[str] = set()
    for law in _library().values():
        if not law.surface or len(law.variables) != len(sizes) or target not in (None, law.target):
            continue
        if not predicts(law, heading):
            continue
        for order in permutations(sizes):
            bound = law.bind(dict(zip(law.variables, order, strict=True)))
            key = skeleton(bound.expr)
            if key not in seen:
                seen.add(key)
                yield bound


def _kind(column: str) -> str | None:
    """Whether a column is a scale, the logarithm of one, or neither."""
    entry = glossary().get(column)
    if entry is None:
        return "log_scale" if column.startswith("log_") else "scale"
    if entry["role"] == "log_scale":
        return "log_scale"
    return "scale" if entry["role"] in _SCALE_ROLES else None
