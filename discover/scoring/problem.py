"""What the search knows of a task: the train rows, the columns' kinds and what a practitioner declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from discover.data.table import Table

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
        lower, upper: known bounds of the target.
        constants: budget of constants per group and target, or None.
        target_scale: feature values at which a forecast is wanted, if any.
    """

    table: Table
    kinds: dict[str, Kind]
    axes: tuple[str, ...] = ()
    monotone: dict[str, Direction] = field(default_factory=dict)
    lower: float | None = None
    upper: float | None = None
    constants: int | None = None
    target_scale: dict[str, float] = field(default_factory=dict)

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


def problem_of(task: Task) -> Problem:
    """The problem of a task: its train rows and declarations. Reads the train rows only."""
    table = task.train()
    kinds = {
        name: column_kind(table.features[name], name in task.logged, task.column(name).domain == "fraction")
        for name in task.features
    }
    lower = [k.lower for k in task.knowledge if k.kind == "bounds" and k.lower is not None]
    upper = [k.upper for k in task.knowledge if k.kind == "bounds" and k.upper is not None]
    return Problem(
        table=table,
        kinds=kinds,
        axes=tuple(task.extrapolate),
        monotone={k.feature: k.direction for k in task.knowledge if k.kind == "monotone"},
        lower=max(lower, default=None),
        upper=min(upper, default=None),
        constants=None if task.constants is None else task.constants // table.n_targets,
        target_scale=dict(task.target_scale),
    )
