"""Making the forecasts of a search: near-tied laws, resampled constants, noise, and drift from the inner folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from discover.data.table import Table
from discover.documents import LawDocument
from discover.fitting import Effort, FitFailure, FitResult, bootstrap, fit
from discover.forecasts.drift import Drift, Reach, growth_of
from discover.forecasts.ensemble import DRAWS, Draws, Ensemble, Noise
from discover.forecasts.storing import runner_up
from discover.scoring import Problem, broken_promises, make_folds, points_beyond, predict_beyond
from discover.scoring.beyond import FAR_MULTIPLE, Beyond
from discover.scoring.consensus import TIE
from discover.scoring.score import FOLD_EFFORT, row_weights

Floats = NDArray[np.float64]

RESAMPLE = Effort(draws=0, agree=1, tolerance=1e-6, iterations=15)  # from the law's own constants
CIRCLE = 3.75 * TIE  # merits farther than this from the best count too little to matter
MOST = 20  # laws
FEWEST = 100  # draws
WORK = 200_000  # draws times measured values, more for groups with shared constants
GROUPS = 8
PRIOR_ROWS = 4.0  # what the residuals of all groups count against those of one
MANY = 30.0  # residuals from which on their quantile tells more than their mean square


@dataclass(frozen=True)
class Contender:
    """A law that may be chosen: its fit to all train rows, a text by which equal laws are known, and its merit."""

    fit: FitResult
    key: str
    merit: float


def make_ensemble(
    problem: Problem,
    document: LawDocument,
    chosen: Contender,
    others: Sequence[Contender] = (),
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Ensemble:
    """The forecasts of a chosen law and its rivals.

    Args:
        problem: train rows and declared knowledge.
        document: of the chosen law.
        chosen: the chosen law.
        others: further laws of the search; those whose merit is near the best take part.
        draws: of all laws together, about; fewer for large tables, which determine the constants well.
        seed: of the resampling.
    """
    laws = rivals(chosen, others)
    effort = len(problem.table) * problem.table.n_targets * (1 + problem.table.n_groups // GROUPS)
    total = min(draws, max(FEWEST, WORK // effort))
    counts = [max(1, round(total * weight)) for weight in shares([law.merit for law in laws])]
    members = []
    for i, (law, n) in enumerate(zip(laws, counts, strict=True)):
        structure = law.fit.structure
        drawn = resampled(problem, law.fit, n, seed + i)
        about = document
        if i > 0:
            about = runner_up(document, structure.text, law.fit.constants, structure.shared, asdict(law.fit.recipe))
        named = {name: drawn[..., k] for k, name in enumerate(structure.constants)}
        members.append(Draws(about, n / sum(counts), named))
    noise = noise_of(problem, chosen.fit)
    return Ensemble(tuple(members), noise, drift_of(problem, chosen.fit, noise), _bounds(problem))


def _bounds(problem: Problem) -> tuple[float, float]:
    low, high = problem.lower, problem.upper
    return -np.inf if low is None else low, np.inf if high is None else high


def rivals(chosen: Contender, others: Sequence[Contender]) -> list[Contender]:
    """The chosen law, then the others whose merit is within the circle, each law once, best first."""
    limit = min(law.merit for law in (chosen, *others)) + CIRCLE
    found = {chosen.key: chosen}
    for law in sorted(others, key=lambda law: law.merit):
        if law.merit <= limit:
            found.setdefault(law.key, law)
    return list(found.values())[:MOST]


def shares(merits: Sequence[float]) -> Floats:
    """Weights of laws; the chosen law, which is the first, counts as the best of them."""
    values = np.array(merits)
    values[0] = values.min()
    likely = np.exp(-(values - values.min()) / TIE)
    out: Floats = likely / likely.sum()
    return out


def resampled(problem: Problem, law: FitResult, n: int, seed: int) -> Floats:
    """Constants of n refits to resampled residuals, shape (n, groups, targets, constants).

    Resamples that cannot be fitted, or not believed, are replaced by others; if none can, by the law's own constants.
    """
    weights = row_weights(problem, law.recipe.emphasis)
    found = bootstrap(law, problem.table, n, seed=seed, weights=weights, effort=RESAMPLE).constants
    drawn = np.resize(found if len(found) else law.constants, (n, *law.constants.shape))
    return _believable(problem, law, drawn)


def _believable(problem: Problem, law: FitResult, drawn: Floats) -> Floats:
    """Draws, shape (draws, groups, targets, constants), with those that say the impossible replaced group by group.

    What a law had to keep to be chosen is known before any row is seen, so a resample that breaks it is no plausible
    law. Where a law's own constants break it, nothing is asked of their draws.
    """
    beyond = [points_beyond(problem), *([points_beyond(problem, FAR_MULTIPLE)] if problem.axes else [])]
    unasked = ~_believed(problem, beyond, law)
    kept = np.array([_believed(problem, beyond, replace(law, constants=one)) for one in drawn]) | unasked
    out = drawn.copy()
    for g in range(drawn.shape[1]):
        good, bad = np.flatnonzero(kept[:, g]), np.flatnonzero(~kept[:, g])
        out[bad, g] = drawn[np.resize(good, len(bad)), g] if len(good) else law.constants[g]
    return out


def _believed(problem: Problem, beyond: Sequence[Beyond], law: FitResult) -> NDArray[np.bool_]:
    """In which groups nothing speaks against what a law says beyond the data, shape (groups,)."""
    out = np.ones(problem.table.n_groups, bool)
    for points in beyond:
        for _, broken in broken_promises(problem, points, predict_beyond(law, points)):
            out &= ~broken
    return out


def noise_of(problem: Problem, law: FitResult) -> Noise:
    """Size of the residuals in every group, drawn towards that of all groups where rows are few.

    Nine in ten residuals, not the few largest ones, decide how large the noise is.
    """
    table = problem.table
    log = law.recipe.space == "log"
    residuals = _residuals(law, table, log)
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


def _residuals(law: FitResult, table: Table, log: bool, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Floats:
    """Measured minus fitted within bounds, or the logarithm of their ratio; zero where that has no value."""
    fitted = np.clip(law.predict(table.features, table.group), *bounds)
    with np.errstate(all="ignore"):
        out = np.log(table.targets) - np.log(fitted) if log else table.targets - fitted
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


def drift_of(problem: Problem, law: FitResult, noise: Noise) -> Drift:
    """The drift, from how the chosen law fared on the inner folds."""
    warm = law.by_name
    weights = row_weights(problem, law.recipe.emphasis)
    errors, distances, shares_of_folds = [], [], []
    for fold in make_folds(problem):
        inner, outer = problem.table.take(fold.fit), problem.table.take(fold.judge)
        rows = None if weights is None else weights[fold.fit]
        part = fit(law.structure, inner, law.recipe, effort=FOLD_EFFORT, weights=rows, warm=[warm])
        if isinstance(part, FitFailure):
            continue
        standard = _residuals(part, outer, noise.log[0], _bounds(problem)) / noise.scale[outer.group]
        errors.append(float(np.mean(standard**2)))
        distances.append(Reach.of(problem, inner).distance(outer.features, outer.group))
        shares_of_folds.append(fold.weight)
    return Drift(Reach.of(problem), noise.scale, growth_of(errors, distances, shares_of_folds))
