"""Drift: how far laws that fit the data are off beyond them.

Near-tied laws and resampled constants tell how far apart forecasts are, not how far all of them may be off together.
What is known of that: on tables whose larger scales were known, the error beyond the data grew like that of a random
walk near the data and steadily farther out (`scripts/bench_coverage`, docs/forecasts.md). A table whose inner
folds went worse than that gets as much more as they did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats, Ints
from discover.rules import RULES
from discover.rules import Drift as DriftRules
from discover.scoring.reach import Reach


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
