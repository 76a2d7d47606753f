"""The law document: a fitted law as data, kept in law.json; every export is made from it.

Reading checks all that later steps rely on, because a document may come from anywhere: names are
identifiers, the formula is of the closed formula language, every group has every constant, and every
number is finite. Fields that a later version adds are passed over.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from discover.data.names import IDENTIFIER
from discover.data.orders import Parts, parts_of
from discover.errors import FormulaError, InputError
from discover.expressions import Expr, constant_names, parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from discover.data.table import Table
    from discover.fitting import FitResult
    from discover.laws.library import Law, Published

FORMAT = 1
Range = tuple[float, float]


class ColumnLike(Protocol):
    """What is said about a column: a name, a meaning, a unit, and its heading where that is another."""

    @property
    def name(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def source(self) -> str: ...


@dataclass(frozen=True)
class FeatureInfo:
    """A feature of a law.

    Attributes:
        name: in the formula.
        meaning: what it is.
        unit: "1" for a pure number, "" if unknown.
        source: heading in the table that the law was fitted to, where it differs from the name; else "".
    """

    name: str
    meaning: str = ""
    unit: str = ""
    source: str = ""

    def keys(self) -> dict[str, str]:
        """As in law.json."""
        keys = {"name": self.name, "meaning": self.meaning, "unit": self.unit}
        return keys | {"source": self.source} if self.source else keys


@dataclass(frozen=True)
class ConstantSet:
    """The constants of one group and one target.

    Attributes:
        group, target: what they belong to.
        values: constant -> value, every constant of the formula.
        errors: constant -> standard error, None where it is not known.
    """

    group: str
    target: str
    values: Mapping[str, float]
    errors: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class LawDocument:
    """A fitted law with all that is needed to use, export and judge it.

    Attributes:
        task: name of the task.
        formula: the formula as text; names of `features` are columns, all other names constants.
        features: the task's features in its order, those the formula does not use included.
        targets: names of the predicted columns.
        group_column: column that names a row's group, or None.
        groups: names of the groups; a single one where `group_column` is None.
        constants: one set for every group and target, group by group.
        shared: constants with one value for all groups.
        recipe: how it was fitted, see `discover.fitting.Recipe`.
        n_constants: constants per group, all targets together.
        inner_error: error on the extrapolation folds inside the train rows, or None.
        domain: feature -> smallest and largest value on the train rows.
        target_range: target -> smallest and largest value on the train rows.
        seed: of the run, or None.
        versions: software -> version that made the law.
        forecasts: what intervals of its forecasts need, see `discover.forecasts.storing`; empty for none.
        parts: pairs of features of which the first is a part of the second, see `discover.data.orders`.
        no_intervals: why there can be no such intervals; empty if there are, or if nothing is known of it.
        edited: the file was changed after it was written, by its own checksum; files of early versions have none.
    """

    task: str
    formula: str
    features: tuple[FeatureInfo, ...]
    targets: tuple[str, ...]
    group_column: str | None
    groups: tuple[str, ...]
    constants: tuple[ConstantSet, ...]
    shared: tuple[str, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    n_constants: int = 0
    inner_error: float | None = None
    domain: Mapping[str, Range] = field(default_factory=dict)
    target_range: Mapping[str, Range] = field(default_factory=dict)
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    forecasts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    parts: Parts = ()
    no_intervals: str = ""
    edited: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)

    @cached_property
    def _places_of_groups(self) -> dict[str, int]:
        return {group: place for place, group in enumerate(self.groups)}

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def expr(self) -> Expr:
        """The formula as a tree."""
        return parse(self.formula, self.feature_names)

    @cached_property
    def constant_names(self) -> tuple[str, ...]:
        """Constants in order of first appearance in the formula."""
        return constant_names(self.expr)

    def constant_set(self, group: str, target: str) -> ConstantSet:
        """The constants of this group and target.

        Raises:
            InputError: there is no such group or target.
        """
        return self.constants[self.group_code(group) * len(self.targets) + self.target_code(target)]

    def group_code(self, group: str) -> int:
        """Place of a group in `groups`.

        Raises:
            InputError: there is no such group.
        """
        return _place("group", group, self._places_of_groups)

    def target_code(self, target: str) -> int:
        """Place of a target in `targets`.

        Raises:
            InputError: there is no such target.
        """
        return _place("target", target, {name: place for place, name in enumerate(self.targets)})


def _place(kind: str, name: str, known: Mapping[str, int]) -> int:
    if name not in known:
        raise InputError(f"the law has no {kind} {name!r}; its {kind}s are {_listed(list(known))}")
    return known[name]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


# --- checks


def _check(document: LawDocument) -> None:
    _check_names("features", document.feature_names, identifiers=True)
    _check_names("targets", document.targets)
    _check_names("groups", document.groups)
    if document.group_column is None and len(document.groups) != 1:
        raise InputError(f"key groups: {len(document.groups)} groups, but group_column is null; expected one group")
    try:
        names = document.constant_names
    except FormulaError as error:
        raise InputError(f"key formula: {error}") from error
    _check_sets(document, names)
    for name in document.shared:
        if name not in names:
            raise InputError(f"key shared: the formula has no constant {name!r}")


def _check_names(key: str, names: Sequence[str], identifiers: bool = False) -> None:
    if not names:
        raise InputError(f"key {key}: empty; expected at least one name")
    if len(set(names)) != len(names):
        raise InputError(f"key {key}: a name is there twice: {_listed(names)}")
    for name in names:
        if identifiers and not IDENTIFIER.fullmatch(name):
            raise InputError(f"key {key}: {name[:40]!r} is not a name of letters, digits and underscores")


def _check_sets(document: LawDocument, names: Sequence[str]) -> None:
    expected = [(group, target) for group in document.groups for target in document.targets]
    found = [(s.group, s.target) for s in document.constants]
    if found != expected:
        odd = next((pair for pair in expected if pair not in found), None)
        what = f"group {odd[0]!r}, target {odd[1]!r} is missing" if odd else "they are not in the order of the groups"
        raise InputError(f"key constants: expected one entry for every group and target, group by group; {what}")
    for entry in document.constants:
        where = f"key constants, group {entry.group!r}, target {entry.target!r}"
        if set(entry.values) != set(names):
            raise InputError(f"{where}: constants {_listed(sorted(entry.values))}; expected {_listed(names)}")
        for name, value in entry.values.items():
            if not math.isfinite(value):
                raise InputError(f"{where}: {name} is {value}; expected a finite number")


# --- from a fit


def from_fit(
    fit: FitResult,
    table: Table,
    *,
    task: str,
    columns: Sequence[ColumnLike] = (),
    group_column: str | None = None,
    errors: NDArray[np.float64] | None = None,
    n_constants: int | None = None,
    inner_error: float | None = None,
    seed: int | None = None,
    versions: Mapping[str, str] | None = None,
) -> LawDocument:
    """The document of a fit.

    Args:
        fit: structure, recipe and constants.
        table: the train rows it was fitted to; gives the features, their order and all ranges.
        task: name of the task.
        columns: meaning and unit of features; columns of other names are passed over.
        group_column: column that names the groups, or None for a table without groups.
        errors: standard errors of the constants, shape (n_groups, n_targets, n_constants), NaN where unknown.
        n_constants: constants per group; by default constants of the formula times targets.
        inner_error: error on the extrapolation folds.
        seed: of the run.
        versions: software versions; by default those of `current_versions`.

    Raises:
        InputError: a constant is not finite, as for a group without rows.
    """
    from dataclasses import asdict

    names = fit.structure.constants
    about = {column.name: column for column in columns}
    sets = tuple(
        ConstantSet(
            group=group,
            target=target,
            values=fit.named(g, t),
            errors={name: _known(None if errors is None else errors[g, t, i]) for i, name in enumerate(names)},
        )
        for g, group in enumerate(fit.group_names)
        for t, target in enumerate(fit.target_names)
    )
    return LawDocument(
        task=task,
        formula=fit.structure.text,
        features=tuple(
            FeatureInfo(name, column.meaning, column.unit, column.source)
            if (column := about.get(name))
            else FeatureInfo(name)
            for name in table.features
        ),
        targets=tuple(fit.target_names),
        group_column=group_column,
        groups=tuple(fit.group_names),
        constants=sets,
        shared=tuple(name for name in names if name in fit.structure.shared),
        recipe=asdict(fit.recipe),
        n_constants=len(names) * len(fit.target_names) if n_constants is None else n_constants,
        inner_error=_known(inner_error),
        domain={name: (float(v.min()), float(v.max())) for name, v in table.features.items()},
        target_range={
            name: (float(v.min()), float(v.max())) for name, v in zip(table.target_names, table.targets.T, strict=True)
        },
        parts=parts_of(
            {name: values for name, values in table.features.items() if (values > 0).all()},
            {name: column.unit for name, column in about.items()},
        ),
        seed=seed,
        versions=dict(current_versions() if versions is None else versions),
    )


def from_published(law: Law, published: Published) -> LawDocument:
    """The document of a law with the constants that a study reported, whose errors and rows are not known."""
    return LawDocument(
        task=f"{law.id} ({published.label})",
        formula=law.formula,
        features=tuple(FeatureInfo(name, v.meaning, v.unit) for name, v in law.variables.items()),
        targets=(law.target,),
        group_column=None,
        groups=("all",),
        constants=(ConstantSet("all", law.target, dict(published.constants)),),
        shared=law.shared,
        n_constants=len(law.constants),
        domain={name: v.range for name, v in law.variables.items()},
        no_intervals=f"these are the constants that {published.note or law.source} reports, without rows to judge by",
    )


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def current_versions() -> dict[str, str]:
    """Versions of this package, Python and the numerical packages."""
    from importlib.metadata import version
    from platform import python_version

    from discover._version import __version__

    found = {"discover": __version__, "python": python_version()}
    return found | {name: version(name) for name in ("numpy", "scipy", "numba")}


# --- to and from JSON


def law_keys(document: LawDocument) -> dict[str, Any]:
    """The keys that files and commands use for a law."""
    return {
        "task": document.task,
        "seed": document.seed,
        "formula": document.formula,
        "targets": list(document.targets),
        "group_column": document.group_column,
        "groups": list(document.groups),
        "constants": [
            {"group": s.group, "target": s.target, "values": dict(s.values), "errors": dict(s.errors)}
            for s in document.constants
        ],
        "n_constants": document.n_constants,
        "shared": list(document.shared),
        "recipe": dict(document.recipe),
        "inner_error": document.inner_error,
    }


def to_json(document: LawDocument) -> str:
    """The text of law.json; every number reads back to the same 64-bit float."""
    content = {"format": FORMAT} | law_keys(document) | {
        "features": [feature.keys() for feature in document.features],
        "domain": {name: list(ends) for name, ends in document.domain.items()},
        "target_range": {name: list(ends) for name, ends in document.target_range.items()},
        "versions": dict(document.versions),
    }  # fmt: skip
    if document.forecasts:
        content["forecasts"] = dict(document.forecasts)
    if document.parts:
        content["parts"] = [list(pair) for pair in document.parts]
    if document.no_intervals:
        content["no_intervals"] = document.no_intervals
    content["sha256"] = _digest(content)
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the keys of law.json but its own, however they are spaced and ordered."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def from_json(text: str, where: str = "law.json") -> LawDocument:
    """The document in this text.

    Args:
        text: JSON.
        where: head of error messages.

    Raises:
        InputError: not JSON, another format, or a key that is missing or not as expected.
    """
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not valid JSON: {str(error)[:200]}") from error
    fields = _Fields(content, where)
    found = fields.get("format", int)
    if found > FORMAT:
        raise InputError(
            f"{where} was written by a newer discover (format {found}, this one reads up to {FORMAT}); update discover"
        )
    if found != FORMAT:
        raise InputError(f"{where}, key format: {found}; this version reads format {FORMAT}")
    try:
        return _document(fields)
    except InputError as error:
        text = str(error)
        raise error if text.startswith(where) else InputError(f"{where}, {text}") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _document(fields: _Fields) -> LawDocument:
    return LawDocument(
        task=fields.get("task", str),
        formula=fields.get("formula", str),
        features=tuple(
            FeatureInfo(
                f.get("name", str),
                f.get("meaning", str),
                f.get("unit", str),
                f.get("source", str) if "source" in f.content else "",
            )
            for f in fields.entries("features")
        ),
        targets=fields.names("targets"),
        group_column=fields.get("group_column", str, None),
        groups=fields.names("groups"),
        constants=tuple(
            ConstantSet(
                s.get("group", str), s.get("target", str), s.within("values").numbers(), s.within("errors").perhaps()
            )
            for s in fields.entries("constants")
        ),
        shared=fields.names("shared"),
        recipe=fields.get("recipe", dict),
        n_constants=fields.get("n_constants", int),
        inner_error=fields.get("inner_error", float, None),
        domain=fields.within("domain").ranges(),
        target_range=fields.within("target_range").ranges(),
        seed=fields.get("seed", int, None),
        versions=fields.within("versions").texts(),
        forecasts=fields.get("forecasts", dict) if "forecasts" in fields.content else {},
        parts=fields.pairs("parts") if "parts" in fields.content else (),
        no_intervals=fields.get("no_intervals", str) if "no_intervals" in fields.content else "",
        edited="sha256" in fields.content and fields.content["sha256"] != _digest(fields.content),
    )


_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "an object", list: "a list"}


class _Fields:
    """A JSON object that says which key is wrong."""

    def __init__(self, content: object, where: str, path: str = "") -> None:
        if not isinstance(content, dict):
            raise InputError(f"{where}{', key ' + path if path else ''}: expected an object")
        self.content, self.where, self.path = content, where, path

    def error(self, key: str, message: str) -> InputError:
        return InputError(f"{self.where}, key {self.path}{'.' if self.path else ''}{key}: {message}")

    def get(self, key: str, kind: type, *others: None) -> Any:
        """The value of a key; `others` is None where null is allowed."""
        if key not in self.content:
            raise self.error(key, "missing")
        return self.checked(key, self.content[key], kind, *others)

    def checked(self, key: str, value: object, kind: type, *others: None) -> Any:
        if value is None and others:
            return None
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if abs(value) < 1 << 1000 else math.inf
        if not isinstance(value, kind) or isinstance(value, bool) or value == math.inf:
            expected = _KINDS[kind] + (" or null" if others else "")
            raise self.error(key, f"{json.dumps(value)[:60]}; expected {expected}")
        return value

    def within(self, key: str) -> _Fields:
        return _Fields(self.get(key, dict), self.where, f"{self.path}{'.' if self.path else ''}{key}")

    def entries(self, key: str) -> list[_Fields]:
        items = self.get(key, list)
        return [_Fields(item, self.where, f"{self.path}{key}[{i}]") for i, item in enumerate(items)]

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(self.checked(f"{key}[{i}]", v, str) for i, v in enumerate(self.get(key, list)))

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        found = [_Fields({"pair": value}, self.where, f"{key}[{i}]").names("pair")
                 for i, value in enumerate(self.get(key, list))]  # fmt: skip
        if any(len(pair) != 2 for pair in found):
            raise self.error(key, "expected pairs of names")
        return tuple((pair[0], pair[1]) for pair in found)

    def numbers(self) -> dict[str, float]:
        return {key: self.get(key, float) for key in self.content}

    def perhaps(self) -> dict[str, float | None]:
        return {key: self.get(key, float, None) for key in self.content}

    def texts(self) -> dict[str, str]:
        return {key: self.get(key, str) for key in self.content}

    def ranges(self) -> dict[str, Range]:
        return {key: self.ends(key) for key in self.content}

    def ends(self, key: str) -> Range:
        value = self.get(key, list)
        if len(value) != 2:
            raise self.error(key, f"{len(value)} entries; expected the smallest and the largest value")
        return self.checked(key, value[0], float), self.checked(key, value[1], float)


# --- files


def read(path: str | Path) -> LawDocument:
    """The law in a file, or in the law.json of a run folder.

    Raises:
        InputError: no such file, or not a law document; names file and key.
    """
    place = Path(path)
    place = place / "law.json" if place.is_dir() else place
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{place}: no such file; expected the law.json of a run") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{place} cannot be read: {error}") from error
    return from_json(text, str(place))


def write(document: LawDocument, path: str | Path) -> None:
    """Writes law.json: the whole file or nothing.

    Raises:
        InputError: the folder is missing, not writable, or the disk is full.
    """
    write_whole(Path(path), to_json(document).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside its place, then moves it there, so that no reader ever sees half of it.

    Raises:
        InputError: the folder is missing, not writable, or the disk is full.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
