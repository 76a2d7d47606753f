"""Making the forecasts of a search: an average of laws, resampled constants, noise, and drift from the inner folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from discover.arrays import Floats, Mask
from discover.fitting import Effort, FitFailure, FitResult, bootstrap, fit, freedom, no_freedom
from discover.forecasts.drift import Drift, growth_of
from discover.forecasts.ensemble import DRAWS, Draws, Ensemble, Noise
from discover.forecasts.storing import runner_up, with_forecasts
from discover.law.document import LawDocument
from discover.rules import RULES, Average
from discover.scoring import Fold, Problem, points_beyond
from discover.scoring.beyond import Beyond, unbelieved_groups
from discover.scoring.reach import Reach
from discover.scoring.score import FOLD_EFFORT
from discover.scoring.stacking import Stack, averages_logs, rows_asked

RESAMPLE = Effort(draws=0, agree=1, tolerance=1e-6, iterations=15)  # from the law's own constants
FEWEST = 100  # draws
WORK = 200_000  # draws times measured values, more for groups with shared constants
GROUPS = 8
PRIOR_ROWS = 4.0  # what the residuals of all groups count against those of one
MANY = 30.0  # residuals from which on their quantile tells more than their mean square


def with_uncertainty(
    problem: Problem,
    document: LawDocument,
    fits: Sequence[FitResult],
    stack: Stack | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> LawDocument:
    """The document of a chosen law with what its forecasts need, or the reason why they have no intervals.

    Arguments as of `make_ensemble`.
    """
    reason = no_freedom(fits[0], problem.table)
    if reason:
        return replace(document, no_intervals=reason)
    return with_forecasts(make_ensemble(problem, document, fits, stack, draws=draws, seed=seed))


def make_ensemble(
    problem: Problem,
    document: LawDocument,
    fits: Sequence[FitResult],
    stack: Stack | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Ensemble:
    """The forecasts of laws that were fitted to a problem: their average, and what it is unsure of.

    Args:
        problem: train rows and declared knowledge.
        document: of the first law, the chosen one.
        fits: of the laws to all train rows.
        stack: their average; None for a single law.
        draws: of all laws together, about; fewer for large tables, which determine the constants well.
        seed: of the resampling.
    """
    weights = np.ones(1) if stack is None else stack.weights
    members = counted(weights, problem.rules.average)
    effort = len(problem.table) * problem.table.n_targets * (1 + problem.table.n_groups // GROUPS)
    total = min(draws, max(FEWEST, WORK // effort))
    laws = []
    for place, weight in members.items():
        law = fits[place]
        structure = law.structure
        drawn = resampled(problem, law, max(1, round(total * weight)), seed + place)
        about = document
        if place > 0:
            about = runner_up(document, structure.text, law.constants, structure.shared, asdict(law.recipe))
        named = {name: drawn[..., k] for k, name in enumerate(structure.constants)}
        laws.append(Draws(about, weight, named))
    noise = noise_of(problem, fits[0])
    drift = drift_of(problem, fits[0], noise, () if stack is None else stack.held_out)
    wider = noise.scale * few_rows_factor(freedom(fits[0], problem.table))
    return Ensemble(
        tuple(laws),
        replace(noise, scale=wider),
        replace(drift, noise=wider),
        _bounds(problem),
        averages_logs(problem.table),
    )


def few_rows_factor(degrees: int) -> float:
    """How much wider Student's t is than the normal distribution, by their 95 % quantiles; at least one degree."""
    from scipy.stats import norm, t

    return float(t.ppf(0.95, max(degrees, 1)) / norm.ppf(0.95))


def counted(weights: Floats, rules: Average = RULES.average) -> dict[int, float]:
    """The laws that count in an average, place -> weight: the first, then the heaviest of the others."""
    heaviest = sorted(range(1, len(weights)), key=lambda i: (-weights[i], i))
    kept = [0, *(i for i in heaviest if weights[i] >= rules.least_weight)]
    total = float(sum(weights[i] for i in kept))
    return {i: float(weights[i]) / total for i in kept}


def _bounds(problem: Problem) -> tuple[float, float]:
    low, high = problem.lower, problem.upper
    return -np.inf if low is None else low, np.inf if high is None else high


def resampled(problem: Problem, law: FitResult, n: int, seed: int) -> Floats:
    """Constants of n refits to resampled residuals, shape (n, groups, targets, constants).

    Resamples that cannot be fitted, or not believed, are replaced by others; if none can, by the law's own constants.
    """
    found = bootstrap(law, problem.table, n, seed=seed, effort=RESAMPLE, vary_size=True).constants
    drawn = np.resize(found if len(found) else law.constants, (n, *law.constants.shape))
    return _believable(problem, law, drawn)


def _believable(problem: Problem, law: FitResult, drawn: Floats) -> Floats:
    """Draws, shape (draws, groups, targets, constants), with those that say the impossible replaced group by group.

    What a law had to keep to be chosen is known before any row is seen, so a resample that breaks it is no plausible
    law. Where a law's own constants break it, nothing is asked of their draws.
    """
    beyond = [
        points_beyond(problem),
        *([points_beyond(problem, problem.rules.guards.far_multiple)] if problem.axes else []),
    ]
    unasked = ~_believed(problem, beyond, law)
    kept = np.array([_believed(problem, beyond, replace(law, constants=one)) for one in drawn]) | unasked
    out = drawn.copy()
    for g in range(drawn.shape[1]):
        good, bad = np.flatnonzero(kept[:, g]), np.flatnonzero(~kept[:, g])
        out[bad, g] = drawn[np.resize(good, len(bad)), g] if len(good) else law.constants[g]
    return out


def _believed(problem: Problem, beyond: Sequence[Beyond], law: FitResult) -> Mask:
    """In which groups nothing speaks against what a law says beyond the data, shape (groups,)."""
    broken = [unbelieved_groups(problem, points, law) for points in beyond]
    out: Mask = ~np.any(broken, axis=0)
    return out


def noise_of(problem: Problem, law: FitResult) -> Noise:
    """Size of the residuals in every group, drawn towards that of all groups where rows are few.

    Nine in ten residuals, not the few largest ones, decide how large the noise is.
    """
    table = problem.table
    log = law.recipe.space == "log"
    residuals = _off(law.predict(table.features, table.group), table.targets, log)
    own = len(law.structure.constants) - len(law.structure.shared)
    squares = np.zeros((table.n_groups, table.n_targets))
    np.add.at(squares, table.group, residuals**2)
    rows = np.bincount(table.group, minlength=table.n_groups)
    freedom = np.where(rows > 0, np.maximum(rows - own, 1.0), 0.0)
    pooled = squares.sum(axis=0) / max(freedom.sum() - len(law.structure.shared), 1.0)
    scale = np.sqrt((squares + PRIOR_ROWS * pooled) / (freedom + PRIOR_ROWS)[:, None])
    least = 1e-12 * np.abs(table.targets).max(axis=0)
    scale = np.maximum(scale, 1e-12 if log else least)
    return Noise(scale * _robust(residuals / scale[table.group]), (log,) * table.n_targets)


def _off(said: Floats, measured: Floats, log: bool, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Floats:
    """Measured minus said within bounds, or the logarithm of their ratio; zero where that has no value."""
    within = np.clip(said, *bounds)
    with np.errstate(all="ignore"):
        out = np.log(measured) - np.log(within) if log else measured - within
    return np.where(np.isfinite(out), out, 0.0)


def _robust(standard: Floats) -> float:
    """Factor from the root mean square of many residuals to the normal distribution with the same 90 % quantile."""
    from scipy.special import ndtri

    size = float(np.sqrt(np.mean(standard**2)))
    if size == 0.0:
        return 1.0
    factor = float(np.quantile(np.abs(standard), 0.9)) / float(ndtri(0.95)) / size
    trust = standard.size / (standard.size + MANY)
    return trust * factor + 1.0 - trust


def drift_of(problem: Problem, law: FitResult, noise: Noise, held_out: Sequence[Floats] = ()) -> Drift:
    """The drift, from how the forecast fared on the inner folds.

    Args:
        held_out: what the average forecast of each fold at `rows_asked`; without it the law is refitted to each.
    """
    folds = problem.folds
    errors, distances, shares_of_folds = [], [], []
    for i, fold in enumerate(folds):
        inner, outer = problem.table.take(fold.fit), problem.table.take(rows_asked(fold))
        said = held_out[i] if held_out else _refitted(problem, law, fold)
        if said is None:
            continue
        standard = _off(said, outer.targets, noise.log[0], _bounds(problem)) / noise.scale[outer.group]
        errors.append(float(np.mean(standard**2)))
        distances.append(Reach.of(problem, inner).distance(outer.features, outer.group))
        shares_of_folds.append(fold.weight)
    return Drift(Reach.of(problem), noise.scale, growth_of(errors, distances, shares_of_folds, problem.rules.drift))


def _refitted(problem: Problem, law: FitResult, fold: Fold) -> Floats | None:
    """What a law fitted to the rest of the rows forecasts of those of a fold; None if it cannot be fitted to it."""
    inner, outer = problem.table.take(fold.fit), problem.table.take(rows_asked(fold))
    part = fit(law.structure, inner, law.recipe, effort=FOLD_EFFORT, warm=[law.by_name])
    return None if isinstance(part, FitFailure) else part.predict(outer.features, outer.group)
