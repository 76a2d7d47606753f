"""What the search knows of a task: the train rows, the columns' kinds and what a practitioner declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.canonical import in_canonical_order
from discover.data.orders import Parts, parts_of
from discover.data.table import Table
from discover.data.task_files import ErrorScale
from discover.law.matching import check_roles
from discover.rules import RULES, Rules
from discover.scoring.folds import Fold, make_folds
from discover.scoring.scales import check_scale, guessed_scale, on_scale, target_span
from discover.scoring.sweeps import sweep_notes, sweep_weights, swept_columns

if TYPE_CHECKING:
    from discover.data.tasks import Task

Kind = Literal["scale", "logged", "share", "other"]
Direction = Literal["decreasing", "increasing"]

MOST_ROWS = 20_000  # of a long table, on which laws are found and judged; more tell nothing more of a few constants
LONG = 1.5  # tables less than this much longer are used whole
MANY_GROUPS = 1_000  # from which on what they cost besides the search is told
GROUP_S = 0.01  # seconds of a processor that a group and target cost there, as measured


@dataclass(frozen=True)
class Problem:
    """Train rows and declared knowledge; sealed rows are not part of it and cannot be reached from it.

    Attributes:
        table: the train rows, or a part of a long table, see `rows`; with what they weigh in fits.
        kinds: per feature: a positive scale, a logarithm of one, a share of a mixture, or anything else.
        axes: features to extrapolate along; empty if the task does not extrapolate in scale.
        monotone: features along which the target is known to fall or rise.
        eventually: those of them along which it does so only somewhat beyond the data.
        lower, upper: known bounds of the target.
        constants: budget of constants per group and target, or None.
        target_scale: feature values at which a forecast is wanted, if any.
        units: units of the features, where they are known.
        error_scale: what errors are counted in, see `discover.scoring.scales`.
        roles: feature -> the variable of the law library that it is, where it was told.
        rules: by which laws are judged, chosen and averaged.
        rows: how many train rows there are, where `table` is a part of them; else None. Laws are then found and judged
            on that part, and the constants of the chosen one are fitted to all.
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
    error_scale: ErrorScale = "value"
    roles: dict[str, str] = field(default_factory=dict)
    rules: Rules = RULES
    rows: int | None = None

    def __post_init__(self) -> None:
        # The table carries what its rows weigh, so that no fit to it can leave that out.
        with np.errstate(all="ignore"):
            weighed = replace(self.table, sweep=sweep_weights(self, self.swept), heights=self._heights())
        object.__setattr__(self, "table", weighed)

    def _heights(self) -> Floats | None:
        """See `Table`; the mean over the axes."""
        if not self.axes:
            return None
        axes = [self.coordinate(axis) for axis in self.axes]
        height = np.mean([(values - values.min()) / (float(np.ptp(values)) or 1.0) for values in axes], axis=0)
        centred: Floats = height - np.median(height)
        return centred

    def without(self, rows: Sequence[int]) -> Problem:
        """The same problem without some rows of its table."""
        if not len(rows):
            return self
        kept = np.ones(len(self.table), bool)
        kept[list(rows)] = False
        return replace(self, table=self.table.take(kept))

    def on_scale(self, values: Floats) -> Floats:
        """Measured or predicted values of the target on the scale on which errors count, shape (..., n_targets).

        A prediction without a place there, such as a cost below 0, counts as one far off.
        """
        if self.error_scale == "value":
            return values
        low, high = self._ends
        scaled = np.clip(on_scale(values, self.error_scale), low, high)
        placed = np.where(np.isnan(scaled), np.where(values > 0, high, low), scaled)
        return np.where(np.isnan(values), np.nan, placed)

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """What counts as far off on either side, on the error scale, each of shape (n_targets,)."""
        measured = on_scale(self.table.targets, self.error_scale)
        room = self.rules.guards.far_off * np.ptp(measured, axis=0)
        return measured.min(axis=0) - room, measured.max(axis=0) + room

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What to tell of how rows and errors count, before anything is searched."""
        return (*_part_notes(self), *_group_notes(self), *sweep_notes(self), *_scale_notes(self))

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The inner folds, on which laws are judged; empty if the table is too small to hold anything out."""
        return make_folds(self)

    @cached_property
    def swept(self) -> tuple[str, ...]:
        """The columns that were swept at every size."""
        return swept_columns(self)

    @cached_property
    def parts(self) -> Parts:
        """Pairs of scale columns of which the first is a part of the second."""
        return parts_of({name: self.table.features[name] for name in self.of_kind("scale")}, self.units)

    @cached_property
    def largest(self) -> dict[str, float]:
        """The largest value of every feature."""
        return {name: float(values.max()) for name, values in self.table.features.items()}

    @cached_property
    def ranges(self) -> tuple[Floats, Floats, Floats]:
        """Range and width of the measured values of every group on the error scale, each (n_groups, T).

        Groups whose values hardly vary are given a share of the width of all groups, those without rows all of it.
        """
        table, targets = self.table, self.on_scale(self.table.targets)
        low, high = np.empty((table.n_groups, table.n_targets)), np.empty((table.n_groups, table.n_targets))
        for g, own in enumerate(table.members):
            rows = targets[own] if len(own) else targets
            low[g], high[g] = rows.min(axis=0), rows.max(axis=0)
        return low, high, np.maximum(high - low, self.rules.guards.least_range * np.ptp(targets, axis=0))

    @cached_property
    def fold_weights(self) -> Floats:
        """Weights of the folds in the score, in their order."""
        return np.array([fold.weight for fold in self.folds])

    @cached_property
    def size(self) -> Floats:
        """Where the rows lie along all axes together; 0 without an axis."""
        return sum((self.coordinate(axis) for axis in self.axes), np.zeros(len(self.table)))

    def some_rows(self, most: int) -> Ints:
        """All rows of the table in their order, or of a longer one about so many, of every group and size."""
        n = len(self.table)
        return np.sort(self.table.spread(most, self.size)) if n > most else np.arange(n)

    def coordinate(self, feature: str, values: Floats | None = None) -> Floats:
        """A feature on the axis where equal steps are equal ratios of scale: log10 of a scale, else as it is."""
        return _coordinate(self.table.features[feature] if values is None else values, self.kinds[feature])

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(name for name, kind in self.kinds.items() if kind in kinds)


def _coordinate(values: Floats, kind: Kind) -> Floats:
    return np.log10(values) if kind == "scale" else values


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
    """The problem of a task: its train rows and declarations; of a long table a part of the rows.

    Args:
        task: read for its declarations; its train rows are read unless they are given.
        train: the train rows, if they have been read already.

    Raises:
        InputError: see `Task.train`, or the task's error scale has no place for some target, or its
            roles are not variables of the law library.
    """
    return _problem(task, train, MOST_ROWS)


def whole_problem(task: Task) -> Problem:
    """The problem of a task with all of its train rows, see `problem_of`."""
    return _problem(task, None, None)


def _problem(task: Task, train: Table | None, most: int | None) -> Problem:
    table, axes = task.train() if train is None else train, task.extrapolate
    if task.card is None:  # the order of a shipped table is its own
        table = in_canonical_order(table, {name: task.column(name).heading for name in table.features})
        axes = tuple(name for name in table.features if name in axes)
    error_scale = task.error_scale or guessed_scale(table)
    check_scale(table, error_scale, str(task.table))
    check_roles(task.roles, str(task.table))
    kinds = {
        name: column_kind(values, name in task.logged, task.column(name).domain == "fraction")
        for name, values in table.features.items()
    }
    rows = len(table)
    if most is not None and rows > LONG * most:
        scale = sum((_coordinate(table.features[axis], kinds[axis]) for axis in axes), np.zeros(rows))
        table = table.take(table.part(most, scale))
    bounds = [item for item in task.knowledge if item.kind == "bounds"]
    monotone = [item for item in task.knowledge if item.kind == "monotone"]
    return Problem(
        table=table,
        kinds=kinds,
        axes=axes,
        monotone={item.feature: item.direction for item in monotone},
        eventually=frozenset(item.feature for item in monotone if item.eventually),
        lower=max((item.lower for item in bounds if item.lower is not None), default=None),
        upper=min((item.upper for item in bounds if item.upper is not None), default=None),
        constants=None if task.constants is None else max(task.constants // table.n_targets, 1),
        target_scale=dict(task.target_scale),
        units={name: task.column(name).unit for name in task.features},
        error_scale=error_scale,
        roles=dict(task.roles),
        rows=rows if len(table) < rows else None,
    )


def _part_notes(problem: Problem) -> tuple[str, ...]:
    """That a long table is judged by a part of it."""
    if problem.rows is None:
        return ()
    return (
        f"of {problem.rows:,} rows {len(problem.table):,} judge the laws, of every group and scale and the largest; "
        "run and fit fit the constants of their law to all, which run does after its time",
    )


def _group_notes(problem: Problem) -> tuple[str, ...]:
    """That very many groups take time which no budget counts."""
    groups = problem.table.n_groups
    if groups < MANY_GROUPS:
        return ()
    return (
        f"{groups:,} groups have constants of their own: a run looks at their rows before its time and makes their "
        f"forecasts after it, which takes about {groups * problem.table.n_targets * GROUP_S:.0f} s on an idle machine; "
        "a table of some of the groups finds a law sooner, and `discover fit` then fits it to all",
    )


def _scale_notes(problem: Problem) -> tuple[str, ...]:
    """What errors are counted in, where that is not the target's own unit."""
    names = ", ".join(problem.table.target_names)
    if problem.error_scale == "odds":
        return (f"errors count in the logarithm of the odds of {names}",)
    if problem.error_scale == "log":
        span = f"{target_span(problem.table):.3g}"
        return (f"errors count in the logarithm of {names}, which spans a factor of {span}; --error-scale value counts "
                "them in its own unit",)  # fmt: skip
    return ()
