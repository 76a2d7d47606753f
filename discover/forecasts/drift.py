"""Drift: how far laws that fit the data are off beyond them.

Near-tied laws and resampled constants tell how far apart the forecasts of laws are, not how far all of them may be off
together. The inner folds tell: laws fitted to small scales were judged on larger ones inside the train rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discover.data.table import Table
from discover.scoring import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Reach:
    """How far the data reach.

    Attributes:
        logged: columns measured by their logarithm.
        ends: column -> smallest and largest coordinate in every group, shape (groups, 2).
    """

    logged: frozenset[str]
    ends: Mapping[str, Floats]

    @staticmethod
    def of(problem: Problem, table: Table | None = None) -> Reach:
        """The reach of a problem's train rows, or of some of them."""
        rows = problem.table if table is None else table
        logged = frozenset(name for name, kind in problem.kinds.items() if kind == "scale")
        ends = {}
        for name, values in rows.features.items():
            coordinate = np.log10(values) if name in logged else values
            per_group = [coordinate[rows.group == g] for g in range(rows.n_groups)]
            pairs = [(v.min(), v.max()) if len(v) else (coordinate.min(), coordinate.max()) for v in per_group]
            ends[name] = np.array(pairs, dtype=np.float64)
        return Reach(logged, ends)

    def distance(self, features: Mapping[str, Floats], codes: Ints) -> Floats:
        """How far points lie beyond their group's data, in widths of the data, all given columns together."""
        total = np.zeros(len(codes))
        for name, ends in self.ends.items():
            if name not in features:
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                x = np.log10(features[name]) if name in self.logged else features[name]
            low, high = ends[codes, 0], ends[codes, 1]
            widest = float(np.max(ends[:, 1]) - np.min(ends[:, 0]))
            width = np.where(high > low, high - low, widest if widest > 0 else 1.0)
            beyond = np.maximum(np.maximum(x - high, low - x), 0.0)
            total += (beyond / width) ** 2
        out: Floats = np.sqrt(total)
        return out


@dataclass(frozen=True)
class Drift:
    """Standard deviation of what all laws are off by.

    Attributes:
        reach: of the data.
        base: standard deviation at the edge of the data, shape (groups, targets), as the noise's scale.
        growth: how many times the base is added per width beyond the data.
        start: multiple of the base inside the data.
    """

    reach: Reach
    base: Floats
    growth: float
    start: float

    def scale(self, features: Mapping[str, Floats], codes: Ints, target: int) -> Floats:
        """Standard deviation at these points, shape (points,)."""
        distance = self.reach.distance(features, codes)
        out: Floats = self.base[codes, target] * np.sqrt(self.start**2 + (self.growth * distance) ** 2)
        return out

    def nodes(self, drift: Floats, fresh: Floats, n: int) -> Floats:
        """Equally likely values of drift plus noise, shape (n, points)."""
        from scipy.special import ndtri

        z = ndtri((np.arange(n) + 0.5) / n)
        z /= np.sqrt(np.mean(z**2))
        out: Floats = z[:, None] * np.hypot(drift, fresh)[None, :]
        return out
