"""The law document: a fitted law as data, with all that is needed to use, export and judge it.

A document checks all that later steps rely on, because it may come from anywhere: names are identifiers, the formula
is of the closed formula language, every group has every constant, and every number is finite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.names import IDENTIFIER
from discover.data.orders import Parts
from discover.errors import FormulaError, InputError
from discover.expressions import Expr, constant_names, parse
from discover.law.structure import values_of
from discover.plain_data import multiple_of

if TYPE_CHECKING:
    from discover.law.published import Law, Published

Range = tuple[float, float]
_FINITE = {"allow_inf_nan": False}  # of numbers that are read from a file


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
    __pydantic_config__: ClassVar[Mapping[str, bool]] = _FINITE


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
    __pydantic_config__: ClassVar[Mapping[str, bool]] = _FINITE

    def __post_init__(self) -> None:
        _check(self)

    @cached_property
    def _places_of_groups(self) -> dict[str, int]:
        return {group: place for place, group in enumerate(self.groups)}

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def multiple(self, name: str) -> float:
        """How many of its unit a feature counts as one, see `multiple_of`; 1 for a name that is none."""
        return next((multiple_of(feature.unit) for feature in self.features if feature.name == name), 1.0)

    @cached_property
    def expr(self) -> Expr:
        """The formula as a tree."""
        return parse(self.formula, self.feature_names)

    @cached_property
    def constant_names(self) -> tuple[str, ...]:
        """Constants in order of first appearance in the formula."""
        return constant_names(self.expr)

    @cached_property
    def by_name(self) -> dict[str, Floats]:
        """Constants by name, each of shape (groups, targets)."""
        shape = len(self.groups), len(self.targets)
        return {
            name: np.array([one.values[name] for one in self.constants]).reshape(shape) for name in self.constant_names
        }

    def values(self, features: Mapping[str, Any], codes: Ints, target: int) -> Any:
        """What the law says of a target at points, see `values_of`."""
        return values_of(self.expr, self.by_name, features, codes, target)

    def constant_set(self, group: str, target: str) -> ConstantSet:
        """The constants of this group and target.

        Raises:
            InputError: there is no such group or target.
        """
        return self.constants[self.group_code(group) * len(self.targets) + self.target_code(target)]

    def of_groups(self, codes: Sequence[int]) -> LawDocument:
        """The law of some groups alone, in this order; without what intervals need, which is of all groups."""
        width = len(self.targets)
        sets = tuple(self.constants[code * width + target] for code in codes for target in range(width))
        return replace(self, groups=tuple(self.groups[code] for code in codes), constants=sets, forecasts={})

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


def current_versions() -> dict[str, str]:
    """Versions of this package, Python and the numerical packages."""
    from importlib.metadata import version
    from platform import python_version

    from discover._version import __version__

    found = {"discover": __version__, "python": python_version()}
    return found | {name: version(name) for name in ("numpy", "scipy", "numba")}
