"""How far the data reach, and how far points lie beyond them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.table import Table
from discover.rules import RULES
from discover.scoring.problem import Problem

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

    def inward(
        self, features: Mapping[str, Floats], codes: Ints, part: float = RULES.average.upper_part
    ) -> tuple[dict[str, Floats], dict[str, Floats], Floats]:
        """Points beyond their group's data along the axes, moved back to where the data end, and farther.

        Args:
            features: the points, shape (..., points) each.
            codes: their groups, shape (points,).
            part: how far into the data they are moved at most, in widths of the data.

        Returns:
            The points where the data end; those as far within as the given ones are beyond, or by `part`; and how often
            that way fits into the one beyond the data, of the points' shape, 0 where a point is not beyond.
        """
        steps, way = {}, np.zeros(len(codes))
        for name in [axis for axis in self.axes if axis in features]:
            steps[name] = np.fmax(self._coordinate(name, features) - self.ends[name][codes, 1], 0.0)
            way = np.maximum(way, steps[name] / self.widths(name)[codes])
        share = part / np.maximum(way, part)

        def moved(times: Floats | float) -> dict[str, Floats]:
            back = {
                name: features[name] * 10.0 ** (-times * step) if name in self.logged else features[name] - times * step
                for name, step in steps.items()
            }
            return {**features, **back}

        return moved(1.0), moved(1.0 + share), np.where(way > 0.0, 1.0 / share, 0.0)

    def _coordinate(self, name: str, features: Mapping[str, Floats]) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log10(features[name]) if name in self.logged else features[name]

    def widths(self, name: str) -> Floats:
        """The width of a column in every group; of all groups where the one has a single value."""
        low, high = self.ends[name].T
        out: Floats = np.where(high > low, high - low, float(high.max() - low.min()) or 1.0)
        return out

    def _from_group(self, features: Mapping[str, Floats], g: int) -> Floats:
        total = np.zeros(len(next(iter(features.values()))))
        gaps = np.zeros((len(total), len(self.front[g])))
        for name, ends in self.ends.items():
            if name not in features:  # no law reads it
                continue
            x = self._coordinate(name, features)
            low, high = ends[g]
            width = self.widths(name)[g]
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
