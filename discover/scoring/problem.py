"""What the search knows of a task: the train rows, the columns' kinds and what a practitioner declared."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from discover.data.orders import Parts, parts_of
from discover.data.table import Table
from discover.scoring.sweeps import sweep_weights, swept_columns

if TYPE_CHECKING:
    from discover.data.tasks import Task

Floats = NDArray[np.float64]
Kind = Literal["scale", "logged", "share", "other"]
Direction = Literal["decreasing", "increasing"]


@dataclass(frozen=True)
class Problem:
    """Train rows and declared knowledge; sealed rows are not part of it and cannot be reached from it.

    Attributes:
        table: the train rows.
        kinds: per feature: a positive scale, a logarithm of one, a share of a mixture, or anything else.
        axes: features to extrapolate along; empty if the task does not extrapolate in scale.
        monotone: features along which the target is known to fall or rise.
        eventually: those of them along which it does so only somewhat beyond the data.
        lower, upper: known bounds of the target.
        constants: budget of constants per group and target, or None.
        target_scale: feature values at which a forecast is wanted, if any.
        units: units of the features, where they are known.
    """

    table: Table
    kinds: dict[str, Kind]
    axes: tuple[str, ...] = ()
    monotone: dict[str, Direction] = field(default_factory=dict)
    _: KW_ONLY
    eventually: frozenset[str] = frozenset()
    lower: float | None = None
    upper: float | None = None
    constants: int | None = None
    target_scale: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    @cached_property
    def swept(self) -> tuple[str, ...]:
        """The columns that were swept at every size."""
        return swept_columns(self)

    @cached_property
    def sweep(self) -> Floats | None:
        """Weights of the rows where columns were swept, shape (n,), or None for equal ones."""
        return sweep_weights(self, self.swept)

    @cached_property
    def parts(self) -> Parts:
        """Pairs of scale columns of which the first is a part of the second."""
        return parts_of({name: self.table.features[name] for name in self.of_kind("scale")}, self.units)

    @cached_property
    def largest(self) -> dict[str, float]:
        """The largest value of every feature."""
        return {name: float(values.max()) for name, values in self.table.features.items()}

    def coordinate(self, feature: str, values: Floats | None = None) -> Floats:
        """A feature on the axis where equal steps are equal ratios of scale: log10 of a scale, else as it is."""
        v = self.table.features[feature] if values is None else values
        return np.log10(v) if self.kinds[feature] == "scale" else v

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(name for name, kind in self.kinds.items() if kind in kinds)


def column_kind(values: Floats, logged: bool, fraction: bool) -> Kind:
    """The kind of a column, from its card where there is one and from its values."""
    if logged:
        return "logged"
    if fraction:
        return "share"
    if np.all(values > 0):
        return "scale"
    return "other"


def problem_of(task: Task, train: Table | None = None) -> Problem:
    """The problem of a task: its train rows and declarations.

    Args:
        task: read for its declarations; its train rows are read unless they are given.
        train: the train rows, if they have been read already.
    """
    table = task.train() if train is None else train
    bounds = [item for item in task.knowledge if item.kind == "bounds"]
    monotone = [item for item in task.knowledge if item.kind == "monotone"]
    return Problem(
        table=table,
        kinds={
            name: column_kind(values, name in task.logged, task.column(name).domain == "fraction")
            for name, values in table.features.items()
        },
        axes=task.extrapolate,
        monotone={item.feature: item.direction for item in monotone},
        eventually=frozenset(item.feature for item in monotone if item.eventually),
        lower=max((item.lower for item in bounds if item.lower is not None), default=None),
        upper=min((item.upper for item in bounds if item.upper is not None), default=None),
        constants=None if task.constants is None else max(task.constants // table.n_targets, 1),
        target_scale=dict(task.target_scale),
        units={name: task.column(name).unit for name in task.features},
    )
