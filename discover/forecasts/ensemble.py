"""Forecasts with uncertainty: an average of laws, each with plausible constants, noise, and what grows beyond the data.

A forecast is a mixture. Every law that the data cannot rule out has a weight and, in proportion to it, draws of its
constants; each draw counts the same. On top come two independent terms: the noise of a new measurement,
and the drift, by which any law is wrong beyond the data although it fits them (see `discover.forecasts.drift`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from discover.arrays import Floats, Ints
from discover.averages import average, disagreement, restrained
from discover.errors import InputError
from discover.forecasts.drift import Drift
from discover.forecasts.points import used_columns, why_needed
from discover.law.document import LawDocument
from discover.law.storage import read
from discover.law.structure import values_of

LEVELS = (0.5, 0.9)
DRAWS = 400
NODES = 25  # points by which noise and drift are spread around every draw
TAIL = 4.0  # draws farther from the median than this many standard deviations count as that far
HUGE = 1e300  # forecasts beyond this are infinite
CHUNK = 4_000_000  # numbers at a time


@dataclass(frozen=True)
class Draws:
    """One law, with many plausible constants.

    Attributes:
        document: the law with its best constants.
        weight: its share among the laws of the ensemble.
        values: constant name -> values, shape (draws, groups, targets), groups and targets as in the document.
    """

    document: LawDocument
    weight: float
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(next(iter(self.values.values()))) if self.values else 1

    def of_groups(self, codes: Sequence[int]) -> Draws:
        """The same draws of some groups alone, in this order."""
        values = {name: drawn[:, list(codes)] for name, drawn in self.values.items()}
        return replace(self, document=self.document.of_groups(codes), values=values)

    def best(self, features: Mapping[str, Floats], codes: Ints, target: int) -> Floats:
        """The law with its best constants, shape (points,)."""
        return self._said(self.document.by_name, features, codes, target)

    def sample(self, features: Mapping[str, Floats], codes: Ints, target: int) -> Floats:
        """The law with every draw of its constants, shape (draws, points)."""
        return self._said(self.values, features, codes, target, len(self))

    def _said(
        self, constants: Mapping[str, Floats], features: Mapping[str, Floats], codes: Ints, target: int, *draws: int
    ) -> Floats:
        with np.errstate(all="ignore"):
            said = values_of(self.document.expr, constants, features, codes, target)
        return np.array(np.broadcast_to(said, (*draws, len(codes))), dtype=np.float64)


@dataclass(frozen=True)
class Noise:
    """Errors of new measurements.

    Attributes:
        scale: standard deviation, shape (groups, targets), in the target's unit, or relative where `log`.
        log: per target, whether the noise multiplies.
    """

    scale: Floats
    log: tuple[bool, ...]


@dataclass(frozen=True)
class Forecast:
    """Forecasts of one target at some points.

    Attributes:
        value: the weighted mean of what the laws say with their best constants, shape (points,).
        law: what the chosen law alone says, shape (points,).
        lower, upper: level -> ends of the interval, shape (points,); it holds the value.
        shares: share of the variance that is due to "constants", "laws" (their disagreement), "drift" (beyond
            the data) and "noise", each of shape (points,); they sum to 1.
        outside: level -> by how much the value lies outside of that middle part of the mixture, as where the laws fall
            into two camps, so that one end of the interval is the value; else 0. Shape (points,).
    """

    value: Floats
    law: Floats
    lower: Mapping[float, Floats]
    upper: Mapping[float, Floats]
    shares: Mapping[str, Floats]
    outside: Mapping[float, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Ensemble:
    """Near-tied laws of a run, each with draws of its constants; the noise; the drift beyond the data.

    Attributes:
        laws: the chosen law first.
        noise, drift: what comes on top of a law's value.
        bounds: known lower and upper bound of the targets.
        logs: the average of the laws is that of their logarithms.
    """

    laws: tuple[Draws, ...]
    noise: Noise
    drift: Drift
    bounds: tuple[float, float] = (-np.inf, np.inf)
    logs: bool = True

    @classmethod
    def from_run(cls, folder: str | Path, *, draws: int = DRAWS, seed: int = 0) -> Ensemble:
        """The forecasts of a run.

        Args:
            folder: the run's folder, or its law.json, which holds all that is needed.
            draws: at most so many draws of all laws together.
            seed: of the choice among the draws, where the file holds more.

        Raises:
            InputError: no such file, not a law, or a law without uncertainty.
        """
        return cls.from_document(read(folder), draws=draws, seed=seed)

    @classmethod
    def from_document(cls, document: LawDocument, *, draws: int = DRAWS, seed: int = 0) -> Ensemble:
        """The forecasts that a law document holds; see `from_run`."""
        from discover.forecasts.storing import restored

        found = restored(document)
        total = sum(map(len, found.laws))
        return found if total <= draws else found.thinned(draws / total, np.random.default_rng(seed))

    @property
    def document(self) -> LawDocument:
        """The chosen law."""
        return self.laws[0].document

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Columns that a point needs: those that any of the laws reads."""
        return used_columns(*(law.document for law in self.laws))

    @cached_property
    def weights(self) -> Floats:
        return np.array([law.weight for law in self.laws])

    def thinned(self, share: float, rng: np.random.Generator) -> Ensemble:
        """About this share of every law's draws, at least one."""
        return replace(self, laws=tuple(_thinned(law, share, rng) for law in self.laws))

    def of_groups(self, codes: Sequence[int]) -> Ensemble:
        """The same forecasts of some groups alone, in this order."""
        places = list(codes)
        drift = replace(self.drift, reach=self.drift.reach.of_groups(places), noise=self.drift.noise[places])
        noise = replace(self.noise, scale=self.noise.scale[places])
        return replace(self, laws=tuple(law.of_groups(places) for law in self.laws), noise=noise, drift=drift)

    def codes(self, groups: Sequence[str] | None, points: int) -> Ints:
        """Places of the groups, shape (points,).

        Raises:
            InputError: an unknown group, or none is named where the law has several.
        """
        known = self.document.groups
        if groups is None:
            if len(known) > 1:
                raise InputError(f"the law has {len(known)} groups; name one for every point")
            return np.zeros(points, dtype=np.int64)
        return np.array([self.document.group_code(str(name)) for name in groups], dtype=np.int64)

    def sample(
        self,
        features: Mapping[str, Any],
        groups: Sequence[str] | None = None,
        *,
        noise: bool = False,
        target: str | None = None,
        seed: int = 0,
    ) -> Floats:
        """Plausible values, shape (draws of all laws, points); row by row one law with one set of constants.

        Args:
            features: the law's columns, shape (points,) or single numbers.
            groups: name of every point's group; None for a law with one group.
            noise: with drift and noise, as a new measurement; the drift of a row is the same at all points, up to
                its size.
            target: name; None for the only one.
            seed: of drift and noise.

        Raises:
            InputError: an unknown group or target, or a missing column.
        """
        columns, codes, t = self._points(features, groups, target)
        values = np.concatenate([law.sample(columns, codes, t) for law in self.laws])
        if not noise:
            return self._bounded(values)
        rng = np.random.default_rng(seed)
        drift = self.drift.scale(columns, codes, t) * rng.standard_normal((len(values), 1))
        fresh = self.noise.scale[codes, t] * rng.standard_normal(values.shape)
        return self._spread(values, drift + fresh, t)

    def intervals(
        self,
        features: Mapping[str, Any],
        groups: Sequence[str] | None = None,
        *,
        levels: Sequence[float] = LEVELS,
        target: str | None = None,
        noise: bool = True,
    ) -> Forecast:
        """Forecasts with prediction intervals; arguments as in `sample`.

        Args:
            levels: probabilities of the intervals.
            noise: the interval is for a new measurement; otherwise for what the law would be.

        Raises:
            InputError: an unknown group or target, a missing column, or a level outside of (0, 1).
        """
        for level in levels:
            if not 0.0 < level < 1.0:
                raise InputError(f"the level of an interval is {level:g}; expected a number between 0 and 1")
        columns, codes, t = self._points(features, groups, target)
        value = self._central(columns, codes, t)
        per_law = [law.sample(columns, codes, t) for law in self.laws]
        drift, fresh = self.drift.scale(columns, codes, t), self.noise.scale[codes, t] * float(noise)
        tails = np.array([p for level in levels for p in (0.5 - level / 2, 0.5 + level / 2)])
        ends = self._quantiles(np.concatenate(per_law), drift, fresh, tails, t)
        lower, upper = dict(zip(levels, ends[::2], strict=True)), dict(zip(levels, ends[1::2], strict=True))
        return Forecast(
            value=value,
            law=self.laws[0].best(columns, codes, t),
            lower={level: np.fmin(end, value) for level, end in lower.items()},
            upper={level: np.fmax(end, value) for level, end in upper.items()},
            shares=self._shares(per_law, value, drift, fresh, t),
            outside={level: np.fmax(np.fmax(lower[level] - value, value - upper[level]), 0.0) for level in levels},
        )

    def central(
        self, features: Mapping[str, Any], groups: Sequence[str] | None = None, *, target: str | None = None
    ) -> Floats:
        """The average of the laws without its uncertainty, shape (points,); arguments as in `sample`.

        Raises:
            InputError: an unknown group or target, or a missing column.
        """
        return self._central(*self._points(features, groups, target))

    def _central(self, columns: Mapping[str, Floats], codes: Ints, target: int) -> Floats:
        said = self._said(columns, codes, target)
        value = self._mean(said)
        edge, inside, times = self.drift.reach.inward({name: columns[name] for name in self.inputs}, codes)
        beyond = np.flatnonzero(times)
        if len(said) > 1 and len(beyond):
            at, back = (
                self._mean(self._said({name: v[beyond] for name, v in place.items()}, codes[beyond], target))
                for place in (edge, inside)
            )
            variance = disagreement(said[:, beyond], self.weights, self.logs)
            value[beyond] = restrained(value[beyond], at, back, times[beyond], variance, self.logs)
        return self._bounded(value)

    def _said(self, columns: Mapping[str, Floats], codes: Ints, target: int) -> Floats:
        """What every law says with its best constants, shape (laws, points)."""
        return np.stack([law.best(columns, codes, target) for law in self.laws])

    def _mean(self, said: Floats) -> Floats:
        return average(said, self.weights, self.logs) if len(said) > 1 else said[0]

    def _points(
        self, features: Mapping[str, Any], groups: Sequence[str] | None, target: str | None
    ) -> tuple[dict[str, Floats], Ints, int]:
        document = self.document
        if target is None and len(document.targets) > 1:
            raise InputError(f"the law has {len(document.targets)} targets; name one of {', '.join(document.targets)}")
        missing = [name for name in self.inputs if name not in features]
        if missing:
            why = why_needed(document, missing[0])
            raise InputError(f"the column {missing[0]!r} is missing; expected {', '.join(self.inputs)}{why}")
        given = [name for name in document.feature_names if name in features]
        arrays = [np.atleast_1d(np.asarray(features[name], dtype=np.float64)) for name in given]
        length = np.zeros(len(groups) if groups is not None else 1)
        wide = np.broadcast_arrays(*arrays, length)[:-1]
        columns = dict(zip(given, wide, strict=True))
        codes = self.codes(groups, len(wide[0]))
        return columns, codes, 0 if target is None else document.target_code(target)

    def _spread(self, values: Floats, term: Floats, target: int) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            moved = values * np.exp(term) if self.noise.log[target] else values + term
        return self._bounded(moved)

    def _bounded(self, values: Floats) -> Floats:
        out: Floats = np.clip(values, *self.bounds)
        return out

    def _quantiles(self, values: Floats, drift: Floats, fresh: Floats, tails: Floats, target: int) -> Floats:
        """Quantiles of the mixture, shape (tails, points): every draw is spread over nodes of drift and noise."""
        draws, points = values.shape
        nodes = normal_nodes(NODES)[:, None] * np.hypot(drift, fresh)
        out = np.empty((len(tails), points))
        step = max(1, CHUNK // (draws * NODES))
        for start in range(0, points, step):
            part = slice(start, start + step)
            spread = self._spread(values[:, None, part], nodes[None, :, part], target)
            finite = np.clip(spread, -HUGE, HUGE)  # between infinities there is no quantile
            out[:, part] = _quantiles_of(finite.reshape(draws * NODES, -1), tails)
        return np.where(np.abs(out) < HUGE, out, np.copysign(np.inf, out))

    def _shares(
        self, per_law: Sequence[Floats], value: Floats, drift: Floats, fresh: Floats, target: int
    ) -> dict[str, Floats]:
        held, _ = tamed(self._bounded(np.concatenate(per_law)))
        parted = np.split(held, np.cumsum([len(sample) for sample in per_law])[:-1])
        centres = np.array([np.median(sample, axis=0) for sample in parted])
        spreads = np.array([_spread_of(sample) for sample in parted])
        middle = self.weights @ centres
        size = np.abs(value) if self.noise.log[target] else np.ones_like(value)
        parts = {
            "constants": self.weights @ spreads**2,
            "laws": self.weights @ (centres - middle) ** 2,
            "drift": (size * drift) ** 2,
            "noise": (size * fresh) ** 2,
        }
        total = sum(parts.values(), np.zeros_like(value))
        return {name: np.divide(part, total, out=np.zeros_like(part), where=total > 0) for name, part in parts.items()}


def normal_nodes(n: int) -> Floats:
    """Equally likely values of unit variance, as of a normal distribution."""
    from scipy.special import ndtri

    z = ndtri((np.arange(n) + 0.5) / n)
    out: Floats = z / np.sqrt(np.mean(z**2))
    return out


def _spread_of(sample: Floats) -> Floats:
    """Half the width of the middle two thirds: a standard deviation that single wild draws do not rule."""
    low, high = np.quantile(sample, [0.159, 0.841], axis=0)
    out: Floats = (high - low) / 2.0
    return out


def tamed(values: Floats) -> tuple[Floats, Floats]:
    """Draws of all laws with wild ones pulled in, shape (draws, points), and their median, shape (points,).

    A variance is that of its few largest deviations: a law that diverges far out should not rule it.
    """
    with np.errstate(all="ignore"):
        values = np.where(np.isfinite(values), values, np.nan)
        low, middle, high = _quantiles_of(values, [0.159, 0.5, 0.841])
        reach = TAIL * np.maximum(high - low, 1e-300) / 2.0
        held = np.clip(values, middle - reach, middle + reach)
    return np.where(np.isnan(held), middle, held), middle


def _quantiles_of(values: Floats, shares: Floats | Sequence[float]) -> Floats:
    """Quantiles along the first axis, of columns with values that are NaN of the others; these take a call each."""
    out: Floats = np.quantile(values, shares, axis=0)
    holes = np.isnan(values).any(axis=0)
    if holes.any():
        out[:, holes] = np.nanquantile(values[:, holes], shares, axis=0)
    return out


def _thinned(law: Draws, share: float, rng: np.random.Generator) -> Draws:
    kept = np.sort(rng.choice(len(law), max(1, round(share * len(law))), replace=False))
    return replace(law, values={name: values[kept] for name, values in law.values.items()})
