"""Training runs: rows that are points of one run, which a fold should hold out together or not at all.

Under a schedule of the learning rate, say, the end of a run is no larger scale than its middle, and what is asked is
how a run under another schedule will go. A fold of the largest values of an axis holds out the end of every run, of
which its beginning tells much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from discover.arrays import Ints, Mask

if TYPE_CHECKING:
    from discover.scoring.problem import Problem


LEAST_POINTS = 20  # of a run, in the middle of all, where no column tells the runs


def runs_of(problem: Problem) -> tuple[Ints, ...]:
    """The rows of every run; none where rows are not taken to be points of runs.

    A column tells, where one was named. Else, where there is one axis, a run is what it grows along from row to row
    while other columns change with it, as under a schedule: rows of equal settings are told apart by their scale alone.
    """
    table = problem.table
    if table.runs is not None:
        _, code = np.unique(np.column_stack([table.group, table.runs]), axis=0, return_inverse=True)
        return _parted(np.argsort(code.ravel(), kind="stable"), np.diff(np.sort(code.ravel())) != 0)
    if len(problem.axes) != 1:
        return ()
    (axis,) = problem.axes
    begins = (np.diff(table.features[axis]) <= 0) | (np.diff(table.group) != 0)
    runs = _parted(np.arange(len(table)), begins)
    if np.median([len(rows) for rows in runs]) < LEAST_POINTS:
        return ()
    others = [values for name, values in table.features.items() if name != axis]
    scheduled = [any(np.ptp(values[rows]) > 0 for values in others) for rows in runs]
    return runs if np.mean(scheduled) > 0.5 else ()


def parts_of_runs(problem: Problem, parts: int) -> list[Mask]:
    """Masks that hold out every run once, some of every group at a time; none where a group would be left without.

    Args:
        parts: at most.
    """
    owner = [(int(problem.table.group[rows[0]]), rows) for rows in runs_of(problem)]
    groups = {group: [rows for g, rows in owner if g == group] for group, _ in owner}
    parts = min(parts, *(len(runs) for runs in groups.values())) if groups else 0
    if parts < 2:
        return []
    out = [np.zeros(len(problem.table), bool) for _ in range(parts)]
    for runs in groups.values():
        for place, rows in enumerate(runs):
            out[place % parts][rows] = True
    return out


def _parted(order: Ints, begins: Mask) -> tuple[Ints, ...]:
    return tuple(np.split(order, np.flatnonzero(begins) + 1))
