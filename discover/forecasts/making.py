"""Making the forecasts of a search: near-tied laws, resampled constants, noise, and drift from the inner folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discover.documents import LawDocument
from discover.fitting import Effort, FitResult, bootstrap
from discover.forecasts.drift import Drift, Reach
from discover.forecasts.ensemble import DRAWS, Draws, Ensemble, Noise
from discover.forecasts.storing import runner_up
from discover.scoring import Problem
from discover.scoring.consensus import TIE, near_tied
from discover.scoring.score import emphasis_weights

Floats = NDArray[np.float64]

RESAMPLE = Effort(draws=4, agree=1, tolerance=1e-8, iterations=100)
FEWEST = 12  # draws of a law, whatever its weight
PRIOR_ROWS = 4.0  # what the residuals of all groups count against those of one


@dataclass(frozen=True)
class Contender:
    """A law that may be chosen: its fit to all train rows, a text by which equal laws are known, and its merit."""

    fit: FitResult
    key: str
    merit: float


def make_ensemble(
    problem: Problem, document: LawDocument, chosen: Contender, others: Sequence[Contender] = (),
    *, draws: int = DRAWS, seed: int = 0,
) -> Ensemble:  # fmt: skip
    """The forecasts of a chosen law and those near-tied with it.

    Args:
        problem: train rows and declared knowledge.
        document: of the chosen law.
        chosen: the chosen law.
        others: further laws of the search; those whose merit is near the best take part.
        draws: of all laws together, about.
        seed: of the resampling.
    """
    laws = tied_with(chosen, others)
    weights = shares([law.merit for law in laws])
    members = []
    for i, (law, weight) in enumerate(zip(laws, weights, strict=True)):
        n = max(FEWEST, round(draws * weight))
        drawn = resampled(problem, law.fit, n, seed + i)
        about = document if i == 0 else runner_up(
            document, law.fit.structure.text, law.fit.constants, law.fit.structure.shared, law.fit.recipe
        )  # fmt: skip
        names = law.fit.structure.constants
        members.append(Draws(about, float(weight), {name: drawn[..., k] for k, name in enumerate(names)}))
    noise = noise_of(problem, laws[0].fit)
    drift = Drift(Reach.of(problem), noise.scale, 1.0, 0.5)
    low = -np.inf if problem.lower is None else problem.lower
    high = np.inf if problem.upper is None else problem.upper
    return Ensemble(tuple(members), noise, drift, (low, high))


def tied_with(chosen: Contender, others: Sequence[Contender]) -> list[Contender]:
    """The chosen law, then those near-tied with the best, each law once, best first."""
    everyone = [chosen, *others]
    near = near_tied([law.merit for law in everyone], [law.key for law in everyone])
    return [chosen, *(everyone[i] for i in near if everyone[i].key != chosen.key)]


def shares(merits: Sequence[float]) -> Floats:
    """Weights of near-tied laws; the chosen law, which is the first, counts as the best of them."""
    values = np.array(merits)
    values[0] = values.min()
    likely = np.exp(-(values - values.min()) / TIE)
    out: Floats = likely / likely.sum()
    return out


def resampled(problem: Problem, law: FitResult, n: int, seed: int) -> Floats:
    """Constants of refits to resampled residuals, shape (draws, groups, targets, constants)."""
    weights = emphasis_weights(problem, law.recipe.emphasis)
    found: Floats = bootstrap(law, problem.table, n, seed=seed, weights=weights, effort=RESAMPLE).constants
    return found if len(found) else law.constants[None]


def noise_of(problem: Problem, law: FitResult) -> Noise:
    """Standard deviation of the residuals in every group, drawn towards that of all groups where rows are few."""
    table = problem.table
    fitted = law.predict(table.features, table.group)
    log = law.recipe.space == "log" and bool(np.all(table.targets > 0) and np.all(fitted > 0))
    residuals = np.log(table.targets) - np.log(fitted) if log else table.targets - fitted
    own = len(law.structure.constants) - len(law.structure.shared)
    squares = np.zeros((table.n_groups, table.n_targets))
    np.add.at(squares, table.group, residuals**2)
    rows = np.bincount(table.group, minlength=table.n_groups)
    freedom = np.where(rows > 0, np.maximum(rows - own, 1.0), 0.0)
    pooled = squares.sum(axis=0) / max(freedom.sum() - len(law.structure.shared), 1.0)
    scale = np.sqrt((squares + PRIOR_ROWS * pooled) / (freedom + PRIOR_ROWS)[:, None])
    return Noise(scale, (log,) * table.n_targets)
