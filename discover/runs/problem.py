"""From a task to what the search may know of it."""

from __future__ import annotations

from discover.data.table import Table
from discover.data.task_files import Bounds, Monotone
from discover.data.tasks import Task
from discover.scoring import Problem, column_kind


def problem_of(task: Task, train: Table) -> Problem:
    """The train rows, the kinds of the columns and the declared knowledge of a task."""
    bounds = [item for item in task.knowledge if isinstance(item, Bounds)]
    lower = [item.lower for item in bounds if item.lower is not None]
    upper = [item.upper for item in bounds if item.upper is not None]
    return Problem(
        table=train,
        kinds={
            name: column_kind(values, name in task.logged, task.column(name).domain == "fraction")
            for name, values in train.features.items()
        },
        axes=task.extrapolate,
        monotone={item.feature: item.direction for item in task.knowledge if isinstance(item, Monotone)},
        lower=max(lower, default=None),
        upper=min(upper, default=None),
        constants=None if task.constants is None else max(task.constants // train.n_targets, 1),
        target_scale=dict(task.target_scale),
    )
