"""The keys of a task's TOML, and what must hold among them."""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from discover.data.cards import Column
from discover.data.names import is_usable, near
from discover.data.tomls import Strict
from discover.plain_data import printable


class Monotone(Strict):
    """The target never moves the other way when this feature grows and the others stay; equal is allowed.

    Attributes:
        eventually: only from somewhat beyond the largest value in the train rows; within them it may turn.
    """

    kind: Literal["monotone"] = "monotone"
    feature: str
    direction: Literal["decreasing", "increasing"]
    eventually: bool = False
    reason: str = ""


class Bounds(Strict):
    """The target lies between these values, in the target's unit; None where there is no bound."""

    kind: Literal["bounds"] = "bounds"
    lower: float | None = None
    upper: float | None = None
    reason: str = ""

    @model_validator(mode="after")
    def _check(self) -> Bounds:
        if self.lower is None and self.upper is None:
            raise ValueError("bounds need a lower value, an upper value or both")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ValueError(f"the lower bound must be below the upper bound, got {self.lower} and {self.upper}")
        return self


ErrorScale = Literal["value", "log", "odds"]
"""What squared errors are of: the target, its logarithm, or the logarithm of its odds."""

Knowledge = Annotated[Monotone | Bounds, Field(discriminator="kind")]


class Split(Strict):
    """Which rows are sealed: named in a column, the largest scales, a second file, or none.

    Attributes:
        column: heading of the column that says `train` or `test`.
        train: its text for train rows.
        test: its text for test rows.
        holdout: share of the rows with the largest scale to seal, above 0 and below 1.
        test_rows: a second table, all of whose rows are sealed; a path relative to the TOML.
        rule: the split in words.
    """

    column: str | None = None
    train: str = "train"
    test: str = "test"
    holdout: Annotated[float, Field(gt=0, lt=1)] | None = None
    test_rows: str | None = None
    rule: str = ""

    @model_validator(mode="after")
    def _check(self) -> Split:
        given = [key for key in ("column", "holdout", "test_rows") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"a split has one of column, holdout and test_rows, got {' and '.join(given)}")
        return self


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class TaskFile(Strict):
    """The keys of a task's TOML.

    Attributes:
        name: short name; the file's name without suffix when left out.
        title: name for people.
        summary: one sentence on what is asked.
        benchmark: name of the task in the benchmark that it comes from.
        dataset: name of a shipped dataset, or path of a table relative to the TOML.
        target: column or columns to predict.
        features: columns to predict from.
        group: column whose values each get their own constants; None for one set of constants.
        constants: most constants that a law may have per group, all targets together; None for no limit.
        extrapolate: features along which the law must reach further; empty when the split is not by scale.
        target_scale: feature -> value at which the law will be used, if the user knows it.
        weights: column with the weight of each row in the fit.
        errors: columns with the standard error of each target.
        run: column that tells which training run a row is a point of.
        error_scale: what errors are counted in; None to be guessed from the train rows.
        roles: feature -> the variable of the law library that it is, where its name does not say so.
        baselines: identifiers of published laws to compare with.
        split: which rows are sealed.
        knowledge: what a practitioner knows before seeing any row.
        columns: meaning, unit, domain and scale of columns; goes before the dataset's card.
        sheet: name of the sheet of a spreadsheet; None for the first with rows.
        where: conditions on the rows that count; None for all rows of runs that finished.
    """

    name: str = ""
    title: str = ""
    summary: str = ""
    benchmark: str | None = None
    dataset: str
    target: Names = Field(min_length=1)
    features: Names = Field(min_length=1)
    group: str | None = None
    constants: Annotated[int, Field(ge=1)] | None = None
    extrapolate: Names = ()
    target_scale: dict[str, float] = Field(default_factory=dict)
    weights: str | None = None
    errors: Names = ()
    run: str | None = None
    error_scale: ErrorScale | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    baselines: Names = ()
    split: Split = Field(default_factory=Split)
    knowledge: tuple[Knowledge, ...] = ()
    columns: tuple[Column, ...] = ()
    sheet: str | None = None
    where: str | None = None

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if name.startswith(".") or "/" in name or "\\" in name or printable(name) != name:
            raise ValueError("run folders are named after it, so expected no '/', no '\\' and no dot in front")
        return name

    @field_validator("target", "features")
    @classmethod
    def _usable(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not is_usable(name):
                raise ValueError(
                    f"{name!r} cannot stand in a formula; name the column with letters, digits and "
                    f"underscores and give its heading in the key 'source' of [[columns]]"
                )
        return names

    @model_validator(mode="after")
    def _agree(self) -> TaskFile:
        used = [*self.features, *self.target, *([self.group] if self.group else [])]
        twice = [name for name, count in Counter(used).items() if count > 1]
        if twice:
            raise ValueError(f"the column {twice[0]!r} is used more than once among features, target and group")
        for key, names in (
            ("extrapolate", self.extrapolate),
            ("target_scale", tuple(self.target_scale)),
            ("roles", tuple(self.roles)),
            ("knowledge", tuple(item.feature for item in self.knowledge if isinstance(item, Monotone))),
        ):
            for name in names:
                if name not in self.features:
                    hint = near(name, self.features)
                    raise ValueError(f"{key} names {name!r}, which is not among the features{hint}")
        if not all(math.isfinite(value) for value in self.target_scale.values()):
            raise ValueError("target_scale must hold finite numbers")
        if self.errors and len(self.errors) != len(self.target):
            raise ValueError(f"errors names {len(self.errors)} columns; expected one per target, {len(self.target)}")
        if self.split.holdout is not None and not self.extrapolate:
            raise ValueError("split.holdout seals the largest scales, so extrapolate must name at least one feature")
        return self
