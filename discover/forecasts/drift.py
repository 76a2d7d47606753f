"""Drift: how far laws that fit the data are off beyond them.

Near-tied laws and resampled constants tell how far apart forecasts are, not how far all of them may be off together.
What is known of that: on tables whose larger scales were known, the error beyond the data grew like that of a random
walk near the data and steadily farther out (`scripts/bench_coverage`, docs/forecasts.md). A table whose inner
folds went worse than that gets as much more as they did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from discover.arrays import Floats, Ints
from discover.rules import RULES
from discover.rules import Drift as DriftRules

if TYPE_CHECKING:
    from discover.data.table import Table
    from discover.scoring import Problem


MOST_POINTS = 400  # of a group, by which distances are measured


@dataclass(frozen=True)
class Reach:
    """How far the data reach.

    Attributes:
        logged: columns measured by their logarithm, base 10.
        axes: columns along which the task extrapolates; without any, points are compared in all columns.
        ends: column -> smallest and largest coordinate in every group, shape (groups, 2).
        front: per group the coordinates of rows that no other row exceeds in every axis, shape (rows, axes); without
            axes those of all rows, shape (rows, columns).
    """

    logged: frozenset[str]
    axes: tuple[str, ...]
    ends: Mapping[str, Floats]
    front: tuple[Floats, ...]

    @staticmethod
    def of(problem: Problem, table: Table | None = None) -> Reach:
        """The reach of a problem's train rows, or of some of them."""
        rows = problem.table if table is None else table
        logged = frozenset(name for name, kind in problem.kinds.items() if kind == "scale")
        columns = {name: np.log10(v) if name in logged else v for name, v in rows.features.items()}
        members = [m if len(m) else np.arange(len(rows)) for m in rows.members]
        ends = {name: np.array([[x[m].min(), x[m].max()] for m in members]) for name, x in columns.items()}
        stacked = np.column_stack([columns[name] for name in problem.axes or tuple(columns)])
        thin = _highest if problem.axes else _some
        return Reach(logged, problem.axes, ends, tuple(thin(stacked[m]) for m in members))

    @staticmethod
    def box(ends: Mapping[str, Floats], logged: frozenset[str] = frozenset()) -> Reach:
        """The reach of data that fill their ranges; all columns are axes."""
        corners = np.stack([pairs[:, 1] for pairs in ends.values()], axis=-1)
        return Reach(logged, tuple(ends), ends, tuple(corners[:, None]))

    def of_groups(self, codes: Sequence[int]) -> Reach:
        """The reach of some groups; a last row of `ends` is of all groups, whose width counts where one has none."""
        places = list(codes)
        whole = {name: [[pairs[:, 0].min(), pairs[:, 1].max()]] for name, pairs in self.ends.items()}
        ends = {name: np.vstack([pairs[places], whole[name]]) for name, pairs in self.ends.items()}
        return replace(self, ends=ends, front=tuple(self.front[place] for place in places))

    def distance(self, features: Mapping[str, Floats], codes: Ints) -> Floats:
        """How far points lie beyond their group's data, in widths of the data, shape (points,).

        Along the axes this is the way to the nearest point that some row reaches in every axis, so that a large
        model with much data is far from rows that are large in one of them alone.
        """
        out = np.zeros(len(codes))
        for g in np.unique(codes):
            points = np.flatnonzero(codes == g)
            out[points] = self._from_group({name: v[points] for name, v in features.items()}, int(g))
        return out

    def _from_group(self, features: Mapping[str, Floats], g: int) -> Floats:
        total = np.zeros(len(next(iter(features.values()))))
        gaps = np.zeros((len(total), len(self.front[g])))
        for name, ends in self.ends.items():
            if name not in features:  # no law reads it
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                x = np.log10(features[name]) if name in self.logged else features[name]
            low, high = ends[g]
            width = high - low or float(ends[:, 1].max() - ends[:, 0].min()) or 1.0
            if not self.axes:
                gaps += ((x[:, None] - self.front[g][:, list(self.ends).index(name)]) / width) ** 2
            elif name in self.axes:
                gaps += (np.maximum(x[:, None] - self.front[g][:, self.axes.index(name)], 0.0) / width) ** 2
                total += (np.maximum(low - x, 0.0) / width) ** 2
            else:
                total += (np.maximum(np.maximum(x - high, low - x), 0.0) / width) ** 2
        out: Floats = np.sqrt(total + gaps.min(axis=1))
        return out


def _highest(points: Floats) -> Floats:
    """The points that no other one exceeds in every coordinate."""
    kept: list[Floats] = []
    for point in sorted(np.unique(points, axis=0), key=lambda p: -float(p.sum())):
        if not any(np.all(other >= point) for other in kept):
            kept.append(point)
    return np.array(kept[:MOST_POINTS])


def _some(points: Floats) -> Floats:
    distinct = np.unique(points, axis=0)
    chosen = np.unique(np.linspace(0, len(distinct) - 1, min(len(distinct), MOST_POINTS)).astype(int))
    out: Floats = distinct[chosen]
    return out


@dataclass(frozen=True)
class Drift:
    """Standard deviation of what all laws are off by beyond the data.

    Attributes:
        reach: of the data.
        noise: standard deviation of the noise, shape (groups, targets), in the target's unit or relative.
        growth: standard deviation at a distance d, in multiples of the noise, over sqrt(d + d**2).
    """

    reach: Reach
    noise: Floats
    growth: float

    def scale(self, features: Mapping[str, Floats], codes: Ints, target: int) -> Floats:
        """Standard deviation at these points, in the noise's unit, shape (points,)."""
        distance = self.reach.distance(features, codes)
        out: Floats = self.noise[codes, target] * self.growth * np.sqrt(distance + distance**2)
        return out


def growth_of(
    errors: Sequence[float],
    distances: Sequence[Floats],
    weights: Sequence[float],
    rule: DriftRules = RULES.drift,
) -> float:
    """The growth that the inner folds show, but not less than what is usual.

    Args:
        errors: mean squared error of the average on each fold, in variances of the noise.
        distances: of each fold's rows from those it was fitted to, see `Reach.distance`.
        weights: of the folds.
    """
    ways = np.array([float(np.mean(d + d**2)) for d in distances])
    beyond = ways > 1e-3
    if not beyond.any():
        return rule.growth
    excess = np.maximum(np.array(errors)[beyond] - 1.0, 0.0) / ways[beyond]
    share = np.array(weights)[beyond]
    typical = float(np.exp(share @ np.log(excess + rule.floor) / share.sum()))
    return max(rule.growth, rule.from_folds * float(np.sqrt(typical)))
