"""Inner folds: fit on small scales, judge on larger ones, all within the train rows.

Rolling origin along the task's axes of scale. One axis: its largest levels are held out, at several cut
points. Several axes: besides each axis alone, rows that are large on any of them (union) and rows that are
large on all of them (corner), because a larger run may be larger in either way. Within such a family the cut
that leaves most rows to fit on weighs most. Without an axis the edge of the design is held out, and interleaved
parts of it; these also help out where an axis allows fewer than three cuts. Where rows are points of training runs,
whole runs are held out besides, see `discover.scoring.curves`.

Scales are compared within a group, which has constants of its own. Of a group that a cut would leave too few rows for
the laws that people publish only the largest scales are held out: such a law would be refused for want of rows there,
and an odd one with fewer constants would win without having been compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from discover.arrays import Floats, Ints, Mask
from discover.scoring.curves import parts_of_runs

if TYPE_CHECKING:
    from discover.scoring.problem import Problem


MOST_LEVELS = 24  # of an axis that are tried, evenly spread; more differ by little


@dataclass(frozen=True)
class Fold:
    """One cut.

    Attributes:
        fit, judge: rows to fit on and rows to judge on, masks of shape (n,).
        weight: share of the fold in the score.
        nearest: the cut of its family that leaves most rows to fit on.
    """

    label: str
    fit: Mask
    judge: Mask
    weight: float
    nearest: bool


def make_folds(problem: Problem) -> tuple[Fold, ...]:
    """Cuts the folds of a problem, see `Problem.folds`."""
    rules = problem.rules.folds
    families = [(family, rules.decay, 1.0) for family in _families(problem) if family]
    if not problem.axes:
        families = [(_parts_of_the_design(problem, edge=True), 1.0, 1.0)]
    elif sum(len(family) for family, _, _ in families) < rules.few_folds:
        families.append((_parts_of_the_design(problem, edge=False), 1.0, 0.5))
    runs = [(f"whole runs, part {k + 1}", judge) for k, judge in enumerate(parts_of_runs(problem, rules.cuts))]
    families.append((runs, 1.0, 1.0))
    folds: list[Fold] = []
    seen: set[bytes] = set()
    for family, decay, share in families:
        fresh: Family = []
        for label, judge in family:
            if judge.tobytes() not in seen:
                seen.add(judge.tobytes())
                fresh.append((label, judge))
        fresh.sort(key=lambda fold: float(fold[1].mean()))
        weights = decay ** np.arange(len(fresh))
        for i, (label, judge) in enumerate(fresh):
            weight = share * float(weights[i] / weights.sum())
            folds.append(Fold(label, ~judge, judge, weight, nearest=i == 0 or decay == 1.0))
    total = sum(f.weight for f in folds)
    return tuple(replace(fold, weight=fold.weight / total) for fold in folds)


Family = list[tuple[str, Mask]]


def _families(problem: Problem) -> Iterator[Family]:
    cuts = problem.rules.folds.cuts
    if len(problem.axes) > 1:  # more families of folds, fewer cuts in each
        cuts = max(1, cuts - 1)
    heights = {axis: _heights(problem, axis) for axis in problem.axes}
    for axis, height in heights.items():
        yield _cut_family(problem, axis, height, cuts)
    if len(heights) > 1:
        stacked = np.vstack(list(heights.values()))
        yield _cut_family(problem, "any of " + ", ".join(heights), np.fmax.reduce(stacked), cuts)
        yield _cut_family(problem, "all of " + ", ".join(heights), np.fmin.reduce(stacked), cuts, corner=True)


def _heights(problem: Problem, axis: str) -> Floats:
    """Per row the rank of its scale within its group, in (0, 1]; NaN in groups that have one scale only."""
    values, group = problem.coordinate(axis), problem.table.group
    out = np.full(len(values), np.nan)
    for g in np.unique(group):
        rows = np.flatnonzero(group == g)
        levels, place = np.unique(values[rows], return_inverse=True)
        if len(levels) > 1:
            out[rows] = (place.ravel() + 1.0) / len(levels)
    return out


def _cut_family(problem: Problem, label: str, height: Floats, cuts: int, corner: bool = False) -> Family:
    """Cut points from low to high, evenly spread over those that leave enough to fit on."""
    rules = problem.rules.folds
    levels = np.unique(height[np.isfinite(height)])[1:]
    levels = levels[np.unique(np.linspace(0, len(levels) - 1, min(len(levels), MOST_LEVELS)).astype(int))]
    valid: Family = []
    for level in levels:
        judge = _judged(problem, height >= level, height)
        share = float(judge.mean())
        remaining = len(np.unique(height[~judge]))
        if share < rules.smallest_share or share > rules.largest_share or (remaining < 2 and not corner):
            continue
        if valid and np.array_equal(judge, valid[-1][1]):
            continue
        valid.append((f"{label}: top {share:.0%}", judge))
    if len(valid) > cuts:
        chosen = np.unique(np.round(np.linspace(0, len(valid) - 1, cuts)).astype(int))
        valid = [valid[i] for i in chosen]
    return valid


def _judged(problem: Problem, held: Mask, height: Floats) -> Mask:
    """The held-out rows, but only the highest of a group that would keep too few to fit on, or none of it.

    Where more than half of the groups are too small for that, as many rows are left as let half of them be judged.
    """
    group = problem.table.group
    touched = np.unique(group[held])
    sizes = np.bincount(group, minlength=problem.table.n_groups)
    kept = held
    for left in range(_enough(problem), 1, -1):
        kept = held.copy()
        for g in touched:
            rows = np.flatnonzero(held & (group == g))
            kept[rows] = _highest(height[rows], int(sizes[g]) - left)
        if 2 * len(np.unique(group[kept])) >= len(touched):
            break
    return kept


def _highest(heights: Floats, most: int) -> Mask:
    """The highest rows, at most so many; rows of one height stay together."""
    levels, counts = np.unique(heights, return_counts=True)
    above = np.cumsum(counts[::-1])[::-1]
    out: Mask = np.isin(heights, levels[above <= most])
    return out


def _enough(problem: Problem) -> int:
    """Rows of a group on which most published laws can be fitted."""
    varying = sum(bool(np.ptp(values) > 0) for values in problem.table.features.values())
    return 2 * varying + 1 + problem.rules.folds.left_over


def _parts_of_the_design(problem: Problem, edge: bool) -> Family:
    """Every fifth point of the design, ordered by its distance from the centre, in five parts.

    Args:
        edge: before them the quarter of the points that is farthest from the centre.
    """
    points, inverse = _design_points(problem)
    if len(points) < 6:
        return []
    distance = _from_centre(points)
    order = np.argsort(-distance, kind="stable")
    parts = [("edge of the design", order[: max(2, len(points) // 4)])] if edge else []
    parts += [(f"interleaved part {k + 1}", order[k::5]) for k in range(5)]
    judged = [(label, _judged(problem, np.isin(inverse, part), distance[inverse])) for label, part in parts]
    return [(label, judge) for label, judge in judged if judge.any()]


def _from_centre(points: Floats) -> Floats:
    """Distances of points from their mean; in a symmetric design equal ones stay equal whatever the units are."""
    out: Floats = np.round(np.linalg.norm(points - points.mean(axis=0), axis=1), 9)
    return out


def _design_points(problem: Problem) -> tuple[Floats, Ints]:
    """Distinct points of the design in standard coordinates, and the point of every row."""
    columns = np.column_stack([_standard(problem.coordinate(name)) for name in problem.kinds])
    unique, inverse = np.unique(np.round(columns, 9), axis=0, return_inverse=True)
    return unique, inverse.ravel()


def _standard(values: Floats) -> Floats:
    spread = values.std()
    out: Floats = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return out
