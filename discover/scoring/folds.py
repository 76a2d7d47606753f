"""Inner folds: fit on small scales, judge on larger ones, all within the train rows.

Rolling origin along the task's axes of scale. One axis: its largest levels are held out, at several cut
points. Several axes: besides each axis alone, rows that are large on any of them (union) and rows that are
large on all of them (corner), because a larger run may be larger in either way. Within such a family the cut
that leaves most rows to fit on weighs most. Without an axis the edge of the design is held out, and interleaved
parts of it; these also help out where an axis allows fewer than three cuts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discover.scoring.problem import Problem

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

FEW_LEVELS = 24  # more distinct values than this count as a continuous axis
CUTS = 3
SMALLEST_SHARE, LARGEST_SHARE = 0.02, 0.65
LEFT = 5  # rows of a group, on which most laws can be fitted
MOST_KEPT = 0.75  # of the held-out rows, if small groups are not held out
DECAY = 0.3  # of the weight from one cut point to the next lower: the nearest resembles the task most
FEW_FOLDS = 3  # with fewer cut points than this, interleaved parts of the design are judged as well


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


def make_folds(problem: Problem, cuts: int = CUTS) -> tuple[Fold, ...]:
    """The folds of a problem; empty if the table is too small to hold anything out."""
    families = [(family, DECAY, 1.0) for family in _families(problem, cuts) if family]
    if not problem.axes:
        families = [(_edge_family(problem) + _interleaved_family(problem), 1.0, 1.0)]
    elif sum(len(family) for family, _, _ in families) < FEW_FOLDS:
        families.append((_interleaved_family(problem), 1.0, 0.5))
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
    return tuple(Fold(f.label, f.fit, f.judge, f.weight / total, f.nearest) for f in folds)


def fold_weights(problem: Problem, cuts: int = CUTS) -> tuple[float, ...]:
    """Weights of the folds of a problem, in their order."""
    return tuple(fold.weight for fold in make_folds(problem, cuts))


Family = list[tuple[str, Mask]]


def _families(problem: Problem, cuts: int) -> Iterator[Family]:
    if not problem.axes:
        return
    if len(problem.axes) > 1:  # more families of folds, fewer cuts in each
        cuts = max(1, cuts - 1)
    heights = {axis: _heights(problem, axis) for axis in problem.axes}
    for axis, height in heights.items():
        yield _cut_family(problem, axis, height, cuts)
    if len(heights) > 1:
        stacked = np.vstack(list(heights.values()))
        yield _cut_family(problem, "any of " + ", ".join(heights), stacked.max(axis=0), cuts)
        yield _cut_family(problem, "all of " + ", ".join(heights), stacked.min(axis=0), cuts, corner=True)


def _heights(problem: Problem, axis: str) -> Floats:
    """Per row, how near the top of the axis it is, in (0, 1]: its level, or its rank within its group."""
    values = problem.coordinate(axis)
    levels, place = np.unique(values, return_inverse=True)
    if len(levels) <= FEW_LEVELS:
        return (place.ravel() + 1.0) / len(levels)
    out = np.empty(len(values))
    for g in np.unique(problem.table.group):
        rows = np.flatnonzero(problem.table.group == g)
        ranked, inverse = np.unique(values[rows], return_inverse=True)
        out[rows] = (inverse.ravel() + 1.0) / len(ranked)
    return out


def _cut_family(problem: Problem, label: str, height: Floats, cuts: int, corner: bool = False) -> Family:
    """Cut points from low to high, evenly spread over those that leave enough to fit on."""
    levels = np.unique(height)[1:]
    if len(levels) >= FEW_LEVELS:
        levels = np.quantile(height, 1.0 - np.array([0.5, 0.4, 0.3, 0.2, 0.12]), method="higher")
    valid: Family = []
    for level in levels:
        judge = _judged(problem, height >= level)
        share = float(judge.mean())
        remaining = len(np.unique(height[~judge]))
        if share < SMALLEST_SHARE or share > LARGEST_SHARE or (remaining < 2 and not corner):
            continue
        valid.append((f"{label}: top {share:.0%}", judge))
    if len(valid) > cuts:
        chosen = np.unique(np.round(np.linspace(0, len(valid) - 1, cuts)).astype(int))
        valid = [valid[i] for i in chosen]
    return valid


def _judged(problem: Problem, judge: Mask) -> Mask:
    """Without the rows of groups that would keep too few to fit on: fewer than `LEFT`, or than two if most do."""
    left = np.bincount(problem.table.group[~judge], minlength=problem.table.n_groups)
    for least in (LEFT, 2):
        kept: Mask = judge & (left >= least)[problem.table.group]
        if kept.mean() >= MOST_KEPT * judge.mean():
            break
    return kept


def _edge_family(problem: Problem) -> Family:
    """The quarter of the design's points that is farthest from its centre."""
    points, inverse = _design_points(problem)
    if len(points) < 6:
        return []
    order = np.argsort(-np.linalg.norm(points - points.mean(axis=0), axis=1), kind="stable")
    edge = _judged(problem, np.isin(inverse, order[: max(2, len(points) // 4)]))
    return [("edge of the design", edge)] if edge.any() else []


def _interleaved_family(problem: Problem) -> Family:
    """Every fifth point of the design, ordered by its distance from the centre, in five parts."""
    points, inverse = _design_points(problem)
    if len(points) < 6:
        return []
    order = np.argsort(-np.linalg.norm(points - points.mean(axis=0), axis=1), kind="stable")
    family = [(f"interleaved part {k + 1}", _judged(problem, np.isin(inverse, order[k::5]))) for k in range(5)]
    return [(label, judge) for label, judge in family if judge.any()]


def _design_points(problem: Problem) -> tuple[Floats, NDArray[np.int64]]:
    """Distinct points of the design in standard coordinates, and the point of every row."""
    columns = np.column_stack([_standard(problem.coordinate(name)) for name in problem.kinds])
    unique, inverse = np.unique(np.round(columns, 9), axis=0, return_inverse=True)
    return unique, inverse.ravel()


def _standard(values: Floats) -> Floats:
    spread = values.std()
    out: Floats = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return out
