"""Which runs to do next: those that would tell most about the forecasts at the target scale for their cost.

Every plausible law (near-tied laws, each with draws of its constants) forecasts both the candidates and the target
scale. Their joint covariance says how much a measurement of a candidate would narrow the forecasts at the target:
linear conditioning, as in the ensemble Kalman filter (Evensen 1994, J. Geophys. Res. 99, 10143). Laws and constants
count alike, as both move the forecasts. What all laws may be wrong about together, the drift, is a Gaussian process
over the distance between points (Kennedy and O'Hagan 2001, J. R. Statist. Soc. B 63, 425), so that a run far out
tells about the drift farther out, and many runs in one place do not.

A batch is chosen greedily, each run given the expected outcomes of those before it (Krause et al. 2008, J. Mach.
Learn. Res. 9, 235). Under a limit of the cost, greedy choice by reduction alone, by reduction per unit of cost and
half way between are compared, and the batch that leaves the least variance is taken (Leskovec et al. 2007, KDD, section
3: the better of the first two is within a constant factor of the best batch there is).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from discover.arrays import Floats, Ints
from discover.errors import InputError
from discover.forecasts import Ensemble
from discover.forecasts.ensemble import tamed

WORTH = 0.1  # without a limit of the cost: share of the largest reduction that a run must bring
MOST_CANDIDATES = 20_000
WARINESS = 3.0  # the drift counts so many times in the choice: laws that fit small runs may all fail together
POWERS = (0.0, 0.5, 1.0)  # of the cost by which a reduction is divided


@dataclass(frozen=True)
class Points:
    """Points of a law: columns of shape (n,), and the name of every point's group."""

    features: Mapping[str, Floats]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.groups)

    def of(self, groups: Collection[str]) -> Points:
        """The points of these groups."""
        kept = [place for place, group in enumerate(self.groups) if group in groups]
        return Points({name: v[kept] for name, v in self.features.items()}, tuple(self.groups[i] for i in kept))


@dataclass(frozen=True)
class Pick:
    """A run to do.

    Attributes:
        place: among the candidates.
        cost: its cost, or None.
        sd: target -> standard deviation of the forecast at the target scale that is to be expected after this run
            and those before it.
    """

    place: int
    cost: float | None
    sd: Mapping[str, float]


@dataclass(frozen=True)
class Suggestion:
    """Runs to do, in the order in which they were chosen.

    Attributes:
        picks: the runs.
        before: target -> standard deviation of the forecast at the target scale now: root of the mean variance
            over the points of the target scale, constants, near-tied laws and drift together, without the noise of
            a new measurement.
    """

    picks: tuple[Pick, ...]
    before: Mapping[str, float]


def suggest(
    ensemble: Ensemble,
    candidates: Points,
    at: Points,
    n: int,
    *,
    costs: Floats | None = None,
    limit: float | None = None,
) -> Suggestion:
    """The runs that would narrow the forecasts at the target scale most.

    Args:
        ensemble: of the law.
        candidates: runs that could be done.
        at: points of the target scale.
        n: number of runs, at most.
        costs: of every candidate, shape (candidates,).
        limit: of the cost of all runs together; without it, the reduction per unit of cost decides among runs that
            bring at least a tenth of the largest reduction; without costs the reduction alone.

    Raises:
        InputError: no candidates, too many, or none within the limit; a law that forecasts nothing at the target scale.
    """
    _check(len(candidates), n, costs, limit)
    targets = ensemble.document.targets
    honest = [_belief(ensemble, candidates, at, target) for target in targets]
    wary = [_belief(ensemble, candidates, at, target, WARINESS) for target in targets]
    if limit is None or costs is None:
        best = _greedy(wary, n, costs, np.inf, 0.0 if costs is None else 1.0, WORTH)
    else:
        best = min((_greedy(wary, n, costs, limit, power, 0.0) for power in POWERS), key=lambda batch: batch.left)
    picks = []
    now = honest
    for j in best.places:
        now = [belief.given(j) for belief in now]
        sds = {target: belief.sd for target, belief in zip(targets, now, strict=True)}
        picks.append(Pick(j, None if costs is None else float(costs[j]), sds))
    return Suggestion(tuple(picks), {target: belief.sd for target, belief in zip(targets, honest, strict=True)})


def _check(count: int, n: int, costs: Floats | None, limit: float | None) -> None:
    if n < 1:
        raise InputError(f"--n is {n}; expected a number of runs above zero")
    if not 0 < count <= MOST_CANDIDATES:
        raise InputError(f"there are {count:,} candidates; expected 1 to {MOST_CANDIDATES:,}")
    if costs is not None and not (np.isfinite(costs).all() and (costs > 0).all()):
        bad = int(np.flatnonzero(~(np.isfinite(costs) & (costs > 0)))[0])
        raise InputError(f"the cost of candidate {bad + 1} is {costs[bad]:g}; expected a number above zero")
    if costs is not None and limit is not None and not (costs <= limit).any():
        raise InputError(f"no candidate costs at most {limit:g}; the cheapest costs {costs.min():.4g}")


# --- what is believed about one target


@dataclass(frozen=True)
class _Belief:
    """Covariances of one target at candidates and target points, given the runs chosen so far.

    Attributes:
        factors: square root of the covariance that laws and constants give, shape (draws, candidates + points).
        drift: standard deviation of the drift, shape (candidates + points,).
        coordinates: for the drift's correlation, shape (candidates + points, columns).
        noise: variance of a measurement of each candidate.
        variance: of each candidate, shape (candidates,).
        cross: covariance of candidates and target points, shape (candidates, points).
        left: variance at the target points, shape (points,).
        known: columns of the runs chosen so far, shape (candidates + points, chosen).
    """

    factors: Floats
    drift: Floats
    coordinates: Floats
    noise: Floats
    variance: Floats
    cross: Floats
    left: Floats
    known: Floats

    @property
    def sd(self) -> float:
        return float(np.sqrt(max(self.left.mean(), 0.0)))

    @property
    def gains(self) -> Floats:
        """By how much each candidate would lower the mean variance at the target points."""
        out: Floats = (self.cross**2).mean(axis=1) / (np.maximum(self.variance, 0.0) + self.noise)
        return out

    def given(self, j: int) -> _Belief:
        """After a measurement of candidate j."""
        n = len(self.variance)
        rows = np.arange(len(self.drift))
        prior = _covariance(self.factors, self.drift, self.coordinates, rows, np.array([j]))[:, 0]
        column = prior - self.known @ self.known[j]
        column = column / np.sqrt(max(float(column[j]), 0.0) + self.noise[j])
        return replace(
            self,
            variance=self.variance - column[:n] ** 2,
            cross=self.cross - np.outer(column[:n], column[n:]),
            left=self.left - column[n:] ** 2,
            known=np.column_stack([self.known, column]),
        )


def _covariance(factors: Floats, drift: Floats, coordinates: Floats, rows: Ints, columns: Ints) -> Floats:
    """Prior covariance of these points with those, shape (rows, columns)."""
    squared = ((coordinates[rows, None, :] - coordinates[None, columns, :]) ** 2).sum(axis=2)
    together = np.outer(drift[rows], drift[columns]) * np.exp(-0.5 * squared)
    out: Floats = factors[:, rows].T @ factors[:, columns] + together
    return out


def _belief(ensemble: Ensemble, candidates: Points, at: Points, target: str, wariness: float = 1.0) -> _Belief:
    """What is believed about a target before any further run, the drift taken so many times.

    Raises:
        InputError: no law has a finite forecast at the target scale.
    """
    document = ensemble.document
    t = document.target_code(target)
    groups = (*candidates.groups, *at.groups)
    names = ensemble.inputs
    features = {name: np.concatenate([candidates.features[name], at.features[name]]) for name in names}
    n, total = len(candidates), len(candidates) + len(at)
    codes = ensemble.codes(groups, total)
    values, middle = tamed(ensemble.sample(features, groups, target=target))
    if not np.isfinite(middle[n:]).all():
        raise InputError(f"the law has no finite forecast of {target} at the target scale")
    size = np.abs(middle) if ensemble.noise.log[t] else np.ones(total)
    factors = (values - values.mean(axis=0)) / np.sqrt(max(len(values) - 1, 1))
    drift = wariness * np.minimum(ensemble.drift.scale(features, codes, t) * size, _room(values, ensemble.bounds))
    noise = (ensemble.noise.scale[codes, t] * size)[:n] ** 2
    coordinates = _coordinates(ensemble, features, codes)
    every, ahead = np.arange(n), np.arange(n, total)
    variance = (factors**2).sum(axis=0) + drift**2
    # A table without noise still leaves rounding.
    floor = 1e-12 * max(float(variance.max()), 1e-300)
    return _Belief(
        factors, drift, coordinates, np.maximum(noise, floor), variance[:n],
        _covariance(factors, drift, coordinates, every, ahead), variance[n:], np.empty((total, 0)),
    )  # fmt: skip


def _room(values: Floats, bounds: tuple[float, float]) -> Floats:
    """Standard deviation that known bounds leave besides that of the draws, shape (points,).

    The variance of what lies between two bounds is at most the product of the mean's distances from them (Bhatia and
    Davis 2000, Amer. Math. Monthly 107, 353).
    """
    low, high = bounds
    if not np.isfinite(high - low):
        return np.full(values.shape[1], np.inf)
    mean = values.mean(axis=0)
    out: Floats = np.sqrt(
        np.maximum((mean - low) * (high - mean) - (values.var(axis=0, ddof=1) if len(values) > 1 else 0.0), 0.0)
    )
    return out


def _coordinates(ensemble: Ensemble, features: Mapping[str, Floats], codes: Ints) -> Floats:
    """Places of points in widths of the data; points of different groups are far apart."""
    reach = ensemble.drift.reach
    columns = [1e3 * codes.astype(np.float64)]
    for name, values in features.items():
        ends = reach.ends[name]
        width = float(ends[:, 1].max() - ends[:, 0].min())
        columns.append((np.log10(values) if name in reach.logged else values) / (width if width > 0 else 1.0))
    return np.stack(columns, axis=1)


# --- choosing


@dataclass(frozen=True)
class _Batch:
    """Places of runs, and the share of the variance that is left after them."""

    places: tuple[int, ...]
    left: float


def _greedy(
    beliefs: Sequence[_Belief], n: int, costs: Floats | None, limit: float, power: float, worth: float
) -> _Batch:
    """Runs one by one, each given those before it.

    Args:
        power: of the cost by which a reduction is divided.
        worth: share of the largest reduction that a run must bring to be considered.
    """
    price = np.ones_like(beliefs[0].variance) if costs is None else costs
    first = [max(float(b.left.mean()), 1e-300) for b in beliefs]
    now = list(beliefs)
    spent = 0.0
    open_ = np.ones(len(price), bool)
    places: list[int] = []
    while len(places) < n:
        open_ &= price <= limit - spent
        if not open_.any():
            break
        gains = sum((b.gains / scale for b, scale in zip(now, first, strict=True)), np.zeros(len(price)))
        gains = np.where(open_, gains, -np.inf)
        merit = np.where(gains >= worth * gains.max(), gains / price**power, -np.inf)
        j = int(np.argmax(merit))
        now = [b.given(j) for b in now]
        open_[j] = False
        spent += float(price[j])
        places.append(j)
    left = sum(float(b.left.mean()) / scale for b, scale in zip(now, first, strict=True))
    return _Batch(tuple(places), left)
