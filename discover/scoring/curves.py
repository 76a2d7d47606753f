"""Training curves: rows of one run, which are not independent of each other.

A curve of two hundred points tells little more of how a law fares than one of twenty: what one point is off, its
neighbours are off, too. How much the rows tell is read from the residuals: the effective size of a correlated series
(Geyer 1992, Statistical Science 7, 473). Rows of runs that were each trained for themselves keep what they are,
whatever the design looks like, for their residuals do not go together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from discover.data.aliases import STEP_NAMES, squash
from discover.scoring.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_POINTS = 5  # of a curve, in the middle of all


def curves(problem: Problem) -> tuple[Ints, ...]:
    """The rows of every run in the order of its course; none where rows are not taken to be points of curves.

    A run is what one column grows along while the group and all others stay. Where a schedule changes other columns,
    too, a column of steps or epochs tells: from row to row of the table it grows in the course of a run.
    """
    found = [_with_others_equal(problem, name) for name in problem.axes]
    steps = [name for name in problem.kinds if name in problem.axes or squash(name) in STEP_NAMES]
    found += [runs for name in steps if len(runs := _in_file_order(problem, name)) > problem.table.n_groups]
    long = [runs for runs in found if runs and np.median([len(rows) for rows in runs]) >= LEAST_POINTS]
    return max(long, key=lambda runs: float(np.median([len(rows) for rows in runs])), default=())


def _with_others_equal(problem: Problem, name: str) -> tuple[Ints, ...]:
    table = problem.table
    others = [values for other, values in table.features.items() if other != name]
    _, setting = np.unique(np.column_stack([table.group, *others]), axis=0, return_inverse=True)
    order = np.lexsort((table.features[name], setting.ravel()))
    return _parted(order, np.diff(setting.ravel()[order]) != 0)


def _in_file_order(problem: Problem, name: str) -> tuple[Ints, ...]:
    table = problem.table
    begins = (np.diff(table.features[name]) <= 0) | (np.diff(table.group) != 0)
    return _parted(np.arange(len(table)), begins)


def _parted(order: Ints, begins: NDArray[np.bool_]) -> tuple[Ints, ...]:
    return tuple(np.split(order, np.flatnonzero(begins) + 1))


def effective_rows(problem: Problem, residuals: Floats) -> float:
    """How many independent rows the rows of a problem are worth: as many as there are, or fewer where they are curves.

    Args:
        residuals: of a law that fits well, shape (n, n_targets), on the scale on which errors count. Those of a law
            that misses the shape of the curves say less of the rows than of the law.

    Returns:
        At least the number of runs, at most that of the rows.
    """
    runs = curves(problem)
    n = len(residuals)
    size = np.sqrt(np.mean(residuals**2, axis=0))
    if not runs or not np.all(size > 0):
        return float(n)
    standard = residuals / size
    longest = max(len(rows) for rows in runs)
    products = np.zeros(longest + 1)
    for rows in runs:
        for lag in range(1, len(rows)):
            products[lag] += float(np.mean(standard[rows[lag:]] * standard[rows[:-lag]], axis=1).sum())
    total = 0.0
    for lag in range(1, longest, 2):  # sums of two neighbours are positive where there is more than chance
        if products[lag : lag + 2].sum() <= 0:
            break
        total += float(products[lag : lag + 2].sum())
    return float(np.clip(n / (1.0 + 2.0 * total / n), len(runs), n))
