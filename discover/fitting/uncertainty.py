"""How far constants and predictions are known: covariance, bootstrap, profiles, intervals.

The covariance is that of the linearised law and is only as good as that. The bootstrap repeats the whole fit,
starts included: from one warm start, intervals come out too narrow. A profile refits all other constants at
fixed values of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import Number, substitute
from discover.fitting.fit import Effort, fit
from discover.fitting.linearise import ALL_GROUPS, Component, linearise
from discover.fitting.result import FitFailure, FitResult
from discover.law.structure import Recipe, Structure

RESAMPLE = Effort(draws=16, agree=2, tolerance=1e-10, iterations=200)


def _loss_slopes(recipe: Recipe, residuals: Floats) -> tuple[Floats, Floats]:
    """psi (half the slope of the loss) and psi' at residuals; the loss is r**2 for small r."""
    r, scale = residuals, recipe.scale
    if recipe.loss == "huber":
        inside = np.abs(r) <= scale
        return np.clip(r, -scale, scale), inside.astype(np.float64)
    if recipe.loss == "soft_l1":
        z = np.sqrt(1.0 + (r / scale) ** 2)
        return r / z, z**-3.0
    return r, np.ones_like(r)


def _variance(part: Component, recipe: Recipe) -> float:
    """Residual variance per unit weight, for robust losses in the sense of Huber (1981, section 7.6)."""
    freedom = part.freedom
    if freedom <= 0:
        return np.inf
    psi, _ = _loss_slopes(recipe, part.residuals)
    mean, expected = _curvature(part, recipe)
    if mean == 0.0:
        return np.inf
    correction = 1.0 + part.free.sum() / len(part.rows) * (1.0 - mean) / mean
    return float(((part.factors * psi) ** 2).sum() / freedom * (correction / expected) ** 2)


def _curvature(part: Component, recipe: Recipe) -> tuple[float, float]:
    """Mean of psi' over a window of residuals wide enough to tell it, and what this says of the loss itself."""
    # A loss that turns linear within a small part of the scatter is nearly that of absolute values: few residuals or
    # none lie where it is curved, and how many to expect there is told by the residuals within a wider window.
    width = max(recipe.scale, _bandwidth(part.residuals)) if recipe.loss != "squared" else recipe.scale
    _, slope = _loss_slopes(replace(recipe, scale=width), part.residuals)
    mean = float(slope.mean())
    return mean, mean * recipe.scale / width


def _bandwidth(residuals: Floats) -> float:
    """Width of a window in which a density is told well (Silverman 1986, Density Estimation, equation 3.31)."""
    low, high = np.quantile(residuals, [0.25, 0.75])
    spread = min(float(residuals.std()), float(high - low) / 1.34) or float(residuals.std())
    return float(0.9 * spread * len(residuals) ** -0.2)


# -- covariance -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Covariance:
    """Standard errors and covariances of the constants of a fit.

    Attributes:
        errors: standard errors, shape (n_groups, n_targets, n_constants); NaN for a constant at a bound or in
            an absent group, infinite for one that the rows do not determine.
        components: per component (see `discover.fitting.linearise`) its constants' (group, name), with group
            -1 for shared constants, and their covariance matrix.
    """

    errors: Floats
    components: tuple[tuple[tuple[tuple[int, str], ...], Floats], ...]

    def correlations(self, component: int = 0) -> Floats:
        """Correlation matrix of one component, shape (k, k)."""
        matrix = self.components[component][1]
        sizes = np.sqrt(np.diag(matrix))
        with np.errstate(all="ignore"):
            out: Floats = matrix / np.outer(sizes, sizes)
        return out


def covariance(result: FitResult, table: Table, *, absolute: bool = False) -> Covariance:
    """The covariance of the constants, from the linearised law.

    Args:
        table: the rows of the fit.
        absolute: takes the table's measurement errors as they are; otherwise only their ratios count, and the
            residuals give their size.
    """
    structure = result.structure
    errors = np.full(result.constants.shape, np.nan)
    components = []
    for part in linearise(result, table):
        variance = 1.0 if absolute and table.errors is not None else _variance(part, result.recipe)
        with np.errstate(invalid="ignore"):
            matrix = _inverse_normal(part) * variance
        components.append((part.labels, matrix))
        diagonal = np.sqrt(np.diag(matrix))
        for (group, name), error in zip(part.labels, diagonal, strict=True):
            groups = np.unique(table.group[part.rows]) if group == ALL_GROUPS else [group]
            errors[groups, part.target, structure.constants.index(name)] = error
    return Covariance(errors, tuple(components))


def _inverse_normal(part: Component) -> Floats:
    """(J'WJ)^-1 of the free constants by singular values; NaN rows at bounds, infinite where undetermined."""
    k = len(part.labels)
    out = np.full((k, k), np.nan)
    jacobian = part.weighted[:, part.free]
    norms = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / np.where(norms > 0, norms, 1.0)
    if scaled.shape[1] == 0:
        return out
    _, sizes, right = np.linalg.svd(np.linalg.qr(scaled, mode="r"), full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(right.shape[0] - len(sizes))])
    good = sizes > 1e-13 * max(float(sizes[0]), 1e-300)
    inverse = (right[good].T / sizes[good] ** 2) @ right[good]
    lost = (np.abs(right[~good]) > 1e-6).any(axis=0) if not good.all() else np.zeros(len(sizes), bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = inverse / np.outer(norms, norms)
    inverse[lost, :] = inverse[:, lost] = np.nan
    inverse[lost, lost] = np.inf
    out[np.ix_(part.free, part.free)] = inverse
    return out


# -- bootstrap ------------------------------------------------------------------------------------------

Unit = Literal["residuals", "rows", "groups"]


@dataclass(frozen=True)
class Bootstrap:
    """Constants of refits to resampled tables.

    Attributes:
        result: the fit to the table itself.
        constants: shape (n, n_groups, n_targets, n_constants); resamples that could not be fitted left out.
        failures: number of resamples left out.
        noise: residuals of the fit in the recipe's space, spread as the errors of a new row are, by target.
        freedom: rows minus constants, per group and target on average.
    """

    result: FitResult
    constants: Floats
    failures: int
    noise: tuple[Floats, ...]
    freedom: float

    def __len__(self) -> int:
        return len(self.constants)

    def intervals(self, level: float = 0.9) -> Floats:
        """Lower and upper ends for every constant, shape (2, n_groups, n_targets, n_constants)."""
        lower, upper = self._tails(level)
        out: Floats = np.quantile(self.constants, [lower, upper], axis=0)
        return out

    def predictions(self, features: Mapping[str, Floats], group: Ints | None = None) -> Floats:
        """Predictions of every refit, shape (n, rows, n_targets)."""
        one = self.result
        return np.array([replace(one, constants=c).predict(features, group) for c in self.constants])

    def prediction_interval(
        self,
        features: Mapping[str, Floats],
        group: Ints | None = None,
        *,
        level: float = 0.9,
        new_row: bool = False,
        seed: int = 0,
    ) -> Floats:
        """Lower and upper ends of the law's value at these rows, shape (2, rows, n_targets).

        Args:
            new_row: the interval is for a new measurement, so that its noise is added.
            seed: of the noise.
        """
        values = self.predictions(features, group)
        if new_row:
            rng = np.random.default_rng(seed)
            for t, residuals in enumerate(self.noise):
                drawn = rng.choice(residuals, size=values.shape[:2])
                if self.result.recipe.space == "log":
                    values[:, :, t] *= np.exp(drawn)
                else:
                    values[:, :, t] += drawn
        lower, upper = self._tails(level)
        out: Floats = np.quantile(values, [lower, upper], axis=0)
        return out

    def _tails(self, level: float) -> tuple[float, float]:
        """Percentiles, moved outwards as Student's t is wider than the normal distribution.

        Percentiles of the plain bootstrap are too narrow for few rows (Hesterberg 2015, The American
        Statistician 69, 371, section 3.2: expanded percentile intervals).
        """
        from scipy.stats import norm, t

        if not 0.0 < level < 1.0:
            raise InputError(f"the level of an interval must lie between 0 and 1, not {level}")
        tail = float(norm.cdf(t.ppf(0.5 - level / 2, max(self.freedom, 1.0))))
        return tail, 1.0 - tail


def bootstrap(
    result: FitResult,
    table: Table,
    n: int = 200,
    *,
    seed: int = 0,
    unit: Unit = "residuals",
    clusters: Ints | None = None,
    effort: Effort = RESAMPLE,
    workers: int = 2,
    vary_size: bool = False,
) -> Bootstrap:
    """Refits the law to n resampled tables, each from several starts.

    Args:
        result: the fit to the table.
        table: its rows.
        n: number of resamples.
        seed: equal seeds give equal results, whatever the number of workers.
        unit: what is drawn with replacement. "residuals": added to the fitted values, enlarged for the degrees of
            freedom that the constants took; rows keep their place, so small designed tables stay identifiable.
            "rows": within groups, without assumptions on how errors vary. "groups": whole groups.
        clusters: code of each row's cluster, shape (rows,), such as runs whose rows share an error; whole
            clusters are then drawn instead of single rows or residuals.
        effort: how hard each refit tries.
        workers: threads; the compiled part runs without Python's lock.
        vary_size: varies the size of the residuals from resample to resample, by as much as the rows leave it open
            (chi-squared with the fit's degrees of freedom). For draws that stand for what is known of the constants;
            `Bootstrap.intervals` allows for it by itself.

    Raises:
        InputError: `unit` is "groups", but constants belong to each group.
    """
    plan = _Resampling(result, table, unit, clusters, vary_size)
    seeds = np.random.SeedSequence(seed).spawn(n)
    warm = [result.by_name]

    def refit(one: np.random.SeedSequence) -> Floats | None:
        resampled = plan.draw(np.random.default_rng(one))
        start = int(one.generate_state(1)[0] % 4)  # few sequences of draws, so that they are cached
        again = fit(result.structure, resampled, result.recipe, seed=start, effort=effort, warm=warm)
        return None if isinstance(again, FitFailure) else again.constants

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        found = list(pool.map(refit, seeds))
    kept = [c for c in found if c is not None]
    return Bootstrap(
        result=result,
        constants=np.array(kept).reshape(len(kept), *result.constants.shape),
        failures=n - len(kept),
        noise=plan.noise,
        freedom=plan.freedom,
    )


class _Resampling:
    """Draws tables: new targets on the same rows, or the same rows with new weights."""

    def __init__(self, result: FitResult, table: Table, unit: Unit, clusters: Ints | None, vary_size: bool) -> None:
        if unit not in ("residuals", "rows", "groups"):
            raise InputError(f"unknown unit of resampling {unit!r}; expected residuals, rows or groups")
        self.table, self.log = table, result.recipe.space == "log"
        own = [name for name in result.structure.constants if name not in result.structure.shared]
        if unit == "groups":
            if own and table.n_groups > 1:
                raise InputError(
                    f"groups cannot be drawn while {own[0]} is fitted to each of them; draw rows, or clusters of rows"
                )
            clusters = table.group
        self.clusters = clusters
        self.by_residuals = unit == "residuals" and clusters is None
        self.strata = list(table.members)
        if unit == "groups" or table.n_groups == 1:
            self.strata = [np.arange(len(table))]
        self.fitted = result.predict(table.features, table.group)
        parts = linearise(result, table)
        self.noise = tuple(np.concatenate([_noise(p) for p in parts if p.target == t]) for t in range(table.n_targets))
        self.scaled, self.factors = self._scaled_residuals(parts)
        self.freedom = float(np.mean([p.freedom for p in parts]))
        # All parts together tell of the size of the errors.
        self.degrees = sum(p.freedom for p in parts) if vary_size else 0

    def _scaled_residuals(self, parts: Sequence[Component]) -> tuple[Floats, Floats]:
        residuals = np.zeros_like(self.table.targets)
        factors = np.ones_like(self.table.targets)
        for part in parts:
            residuals[part.rows, part.target] = _noise(part) * part.factors
            factors[part.rows, part.target] = part.factors
        return residuals, factors

    def draw(self, rng: np.random.Generator) -> Table:
        if self.by_residuals:
            return self._new_targets(rng)
        counts = np.zeros(len(self.table))
        for rows in self.strata:
            codes = rows if self.clusters is None else self.clusters[rows]
            names, member = np.unique(codes, return_inverse=True)
            drawn = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
            counts[rows] = drawn[member]
        own = self.table.weights
        return replace(self.table, weights=counts if own is None else counts * own).take(counts > 0)

    def _new_targets(self, rng: np.random.Generator) -> Table:
        drawn = np.empty_like(self.scaled)
        for rows in self.strata:
            drawn[rows] = self.scaled[rows[rng.integers(len(rows), size=len(rows))]]  # rows keep targets together
        with np.errstate(divide="ignore", invalid="ignore"):
            residuals = np.where(self.factors > 0, drawn / self.factors, 0.0)
        if self.degrees > 0:
            residuals = residuals * np.sqrt(self.degrees / rng.chisquare(self.degrees))
        targets = self.fitted * np.exp(residuals) if self.log else self.fitted + residuals
        return replace(self.table, targets=targets)


def _noise(part: Component) -> Floats:
    """Residuals enlarged to the size of the errors: divided by sqrt(1 - leverage), then centred."""
    used = part.factors > 0
    weighted = part.weighted[used][:, part.free]
    norms = np.linalg.norm(weighted, axis=0)
    left, sizes, _ = np.linalg.svd(weighted / np.where(norms > 0, norms, 1.0), full_matrices=False)
    leverage = (left[:, sizes > 1e-12 * sizes.max(initial=1e-300)] ** 2).sum(axis=1)
    out = part.residuals.copy()
    out[used] /= np.sqrt(np.maximum(1.0 - leverage, 0.05))
    return out - out[used].mean() if used.any() else out


# -- profile --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Profile:
    """Interval of one constant from refits with that constant fixed; an end may be infinite."""

    name: str
    value: float
    lower: float
    upper: float
    level: float


def profile(
    result: FitResult,
    table: Table,
    name: str,
    *,
    group: int = 0,
    target: int = 0,
    level: float = 0.9,
    seed: int = 0,
) -> Profile:
    """The interval of one constant that the rows do not refute, with all other constants refitted.

    At its ends the objective has risen by the F quantile times the residual variance (Bates and Watts 1988, Nonlinear
    Regression Analysis, section 6.1), which a robust loss multiplies by its mean curvature. An end is infinite if the
    objective never rises that far.

    Args:
        name: the constant; if groups share it, all groups are refitted.
        group: code of the group whose constant is meant.
        target: code of the target.

    Raises:
        InputError: the law has no such constant.
    """
    structure = result.structure
    if name not in structure.constants:
        raise InputError(f"the law has no constant {name!r}; it has {', '.join(structure.constants)}")
    shared = name in structure.shared
    rows = np.ones(len(table), bool) if structure.shared else table.group == group
    small = replace(table.take(rows), targets=table.targets[rows][:, [target]], target_names=("",))
    if table.errors is not None:
        small = replace(small, errors=table.errors[rows][:, [target]])
    if structure.shared and not shared:
        raise InputError(f"{name} has one value per group next to shared constants; profile the shared ones")
    part = next(
        p for p in linearise(result, table)
        if p.target == target and ((ALL_GROUPS if shared else group), name) in p.labels
    )  # fmt: skip
    search = _ProfileSearch(result, small, name, part, level, seed)
    value = float(result.constants[group, target, structure.constants.index(name)])
    error = covariance(result, table).errors[group, target, structure.constants.index(name)]
    step = float(error) if np.isfinite(error) and error > 0 else 0.1 * abs(value) + 1e-3
    return Profile(name, value, search.end(value, -step), search.end(value, step), level)


class _ProfileSearch:
    """Finds where the refitted objective crosses its limit."""

    def __init__(self, result: FitResult, table: Table, name: str, part: Component, level: float, seed: int) -> None:
        from scipy.stats import f

        self.result, self.table, self.name, self.seed = result, table, name, seed
        freedom = max(part.freedom, 1)
        _, expected = _curvature(part, result.recipe)
        spread = _variance(part, result.recipe) * expected if expected > 0 else np.inf
        self.bounds = result.structure.domain(name)
        fitted = {c: values[:, [part.target]] for c, values in result.by_name.items()}
        own = fitted.pop(name)
        self.warm = fitted
        best = self.cost(float(own[table.group.min(), 0]))
        self.limit = best + spread * float(f.ppf(level, 1, freedom))

    def cost(self, value: float) -> float:
        old = self.result.structure
        structure = Structure(
            substitute(old.expr, {self.name: Number(value)}),
            old.shared - {self.name},
            {n: old.domain(n) for n in old.constants if n != self.name},
        )
        effort = Effort(draws=8, agree=2, tolerance=1e-12, iterations=200)
        again = fit(structure, self.table, self.result.recipe, seed=self.seed, effort=effort, warm=[self.warm])
        if isinstance(again, FitFailure):
            return np.inf
        self.warm = again.by_name
        return again.objective

    def end(self, value: float, step: float) -> float:
        """The crossing on one side, to three digits of the distance; infinite if there is none."""
        inside, outside = value, value
        for _ in range(30):
            outside = inside + step
            edge = self.bounds.lower if step < 0 else self.bounds.upper
            if (outside - edge) * step >= 0:
                outside = edge if not self.bounds.log or edge > 0 else inside / 10.0
                if self.cost(outside) < self.limit:
                    if outside == edge:
                        return float(edge)
                    inside = outside
                    continue
                break
            if self.cost(outside) >= self.limit:
                break
            inside, step = outside, step * 2.0
        else:
            return float(np.sign(step) * np.inf) if not (self.bounds.log and step < 0) else 0.0
        for _ in range(40):
            if abs(outside - inside) <= 1e-3 * abs(outside - value):
                break
            middle = 0.5 * (inside + outside)
            if self.cost(middle) < self.limit:
                inside = middle
            else:
                outside = middle
        return 0.5 * (inside + outside)
