"""Sweeps: columns whose best value was searched for at every size, such as a learning rate or a batch.

What is asked of such a table is what larger runs will reach when they are set well, and how to set them. Most of its
rows tell of runs that were set badly, and a law that gives them their due pays with the level of the good ones. Studies
of such tables fit the best runs first (Li et al. 2025, arXiv 2503.04715). Here one fit does both: rows of a sweep weigh
by how near they come to the best run of their size, and that run weighs more. Fits and held-out errors are weighted
alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from discover.arrays import Floats, Ints
from discover.rules import Sweeps

if TYPE_CHECKING:
    from discover.data.table import Table
    from discover.scoring.problem import Problem


def swept_columns(problem: Problem) -> tuple[str, ...]:
    """The columns of a problem that were swept at every size; empty where there are none.

    A size is a combination of the values of all other columns, and the group. A column was swept if the best runs of
    the other values get worse with the distance from the best value, on both sides; more data or experts are best at
    an end, and seeds make no difference.
    """
    few = len(problem.table) < problem.rules.sweeps.least_runs
    if few or not problem.axes or problem.table.n_targets > 1:
        return ()
    columns = [c for c in problem.of_kind("scale", "logged") if c not in problem.axes and c not in problem.monotone]
    while columns:
        sizes = sizes_of(problem, columns, problem.table)
        excess = excess_of(problem, sizes, problem.table)
        kept = [c for c in columns if _is_swept(problem.coordinate(c), sizes, excess, problem.rules.sweeps)]
        if kept == columns:
            break
        columns = kept
    return tuple(columns)


def sweep_notes(problem: Problem) -> tuple[str, ...]:
    """What to tell of the weights: a sentence, or nothing where they are equal."""
    if not problem.swept:
        return ()
    what = f"{', '.join(problem.swept)} {'was' if len(problem.swept) == 1 else 'were'} swept at every size"
    return (f"{what}: rows weigh by how near they come to the best run of their size",)


def sweep_weights(problem: Problem, columns: Sequence[str], part: Table | None = None) -> Floats | None:
    """Weights of the rows, of mean one, where these columns were swept.

    A row weighs from one, if it is as good as the best of its size, down to a least weight; the best row weighs a share
    of all of its size besides.

    Args:
        part: of the table, whose rows are weighed by the best of their size among them; all of it if not given.

    Returns:
        Shape (n,), or None where nothing was swept or nothing makes a difference.
    """
    if not columns:
        return None
    table = problem.table if part is None else part
    sizes = sizes_of(problem, columns, table)
    excess = excess_of(problem, sizes, table)
    worse = excess[excess > 0]
    if not len(worse):
        return None
    rules = problem.rules.sweeps
    near = rules.least_weight + (1.0 - rules.least_weight) / (1.0 + (excess / (rules.far * np.median(worse))) ** 2)
    weights = near.copy()
    weights[best_rows(sizes, excess)] += rules.best * np.bincount(sizes, near)
    out: Floats = weights / weights.mean()
    return out


def sizes_of(problem: Problem, columns: Sequence[str], table: Table) -> Ints:
    """The size of every row: one code per combination of the group and all columns but these."""
    rest = [table.features[name] for name in problem.kinds if name not in columns]
    codes: Ints = np.unique(np.column_stack([table.group, *rest]), axis=0, return_inverse=True)[1].ravel()
    return codes


def excess_of(problem: Problem, sizes: Ints, table: Table) -> Floats:
    """By how much every row misses the best of its size."""
    cost = table.targets[:, 0] * (1.0 if falls(problem) else -1.0)
    best = np.full(sizes.max() + 1, np.inf)
    np.minimum.at(best, sizes, cost)
    out: Floats = cost - best[sizes]
    return out


def falls(problem: Problem) -> bool:
    """Whether a smaller target is better: it falls along the axes, as declared or as most rows have it."""
    declared = {problem.monotone[axis] for axis in problem.axes if axis in problem.monotone}
    if len(declared) == 1:
        return declared == {"decreasing"}
    target = problem.table.targets[:, 0]
    trends = [np.cov(problem.coordinate(axis), target)[0, 1] / (np.ptp(problem.coordinate(axis)) or 1.0)
              for axis in problem.axes]  # fmt: skip
    return bool(np.sum(trends) <= 0)


def best_rows(sizes: Ints, excess: Floats) -> Ints:
    """The first of the best rows of every size, in the order of the codes."""
    order = np.lexsort((excess, sizes))
    starts = np.flatnonzero(np.diff(sizes[order], prepend=-1))
    rows: Ints = order[starts]
    return rows


def _is_swept(values: Floats, sizes: Ints, excess: Floats, rules: Sweeps) -> bool:
    order = np.argsort(sizes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1)
    sweeps = [rows for rows in parts if len(rows) >= rules.least_runs]
    if sum(map(len, sweeps)) < len(values) / 2:
        return False
    sides: dict[bool, tuple[list[Floats], list[Floats]]] = {False: ([], []), True: ([], [])}
    for rows in sweeps:
        tried, place = np.unique(values[rows], return_inverse=True)
        profile = np.full(len(tried), np.inf)  # the best run with every value, whatever the other columns
        np.minimum.at(profile, place, excess[rows])
        best = int(np.argmin(profile))
        for above, (distances, losses) in sides.items():
            side = slice(best + 1, None) if above else slice(0, best)
            distances.append(_ranks(np.abs(tried[side] - tried[best])))
            losses.append(_ranks(profile[side]))
    return all(_goes_with(np.concatenate(x), np.concatenate(y), rules.sure) for x, y in sides.values())


def _goes_with(x: Floats, y: Floats, sure: float) -> bool:
    """Whether two centred variables surely rise together."""
    size = float(np.sqrt(np.sum(x**2) * np.sum(y**2)))
    return size > 0 and float(np.sum(x * y)) / size * len(x) ** 0.5 > sure


def _ranks(values: Floats) -> Floats:
    """Ranks about their mean, ties alike."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    out: Floats = ranks - ranks.mean() if len(ranks) else ranks
    return out
