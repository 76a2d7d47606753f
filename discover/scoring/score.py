"""The score of a candidate: how well it forecasts larger scales that were held out inside the train rows.

`Scorer.score` fits a candidate on all train rows, asks it for plausible values beyond the data, refits it on
every fold (warm, from the larger fit) and measures the held-out errors. `penalty` joins these figures into the
one number by which candidates are ranked; `docs/selection.md` derives it and compares it with other rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.table import Table
from discover.expressions import complexity
from discover.fitting import Effort, FitFailure, FitResult, Recipe, Structure, fit
from discover.rules import RULES, Guards, Penalty
from discover.scoring.beyond import (
    astray,
    implausible,
    lost_in_rounding,
    points_along,
    points_beyond,
    predict_beyond,
    settings_beyond,
    settings_mixed,
    wrong_direction,
)
from discover.scoring.problem import Problem
from discover.scoring.stacking import rows_asked
from discover.scoring.sweeps import sweep_weights
from discover.scoring.units import unit_bound, unit_groups

SEARCH_EFFORT = Effort(draws=32, agree=2, tolerance=1e-9, iterations=120)
INHERITED_EFFORT = replace(SEARCH_EFFORT, draws=8)  # from the constants of a parent
SCREEN_EFFORT = Effort(draws=8, agree=1, tolerance=1e-6, iterations=40)
FOLD_EFFORT = Effort(draws=0, agree=1, tolerance=1e-8, iterations=80)  # from the fit to all train rows
FAR = "train error far above the best law's"
SCREEN_ROWS = 300  # tables three times as long are screened on so many rows
SEARCH_ROWS = 1000  # of a long table that a search scores on, until the closer look at the best laws
SCREEN_SLACK = 1.5


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What is known of a candidate, whatever becomes of it. All errors are mean squared errors over the target's train
    variance, both on the problem's error scale, of rows weighted as in `discover.scoring.sweeps` where columns were
    swept.

    Attributes:
        train: error of the fit to all train rows; infinite without one.
        n_constants: constants per group and target.
        description: what the size of the law costs, see `description_length`.
        complexity: weighted nodes of the formula.
        published: the law is of the library.
    """

    train: float = math.inf
    n_constants: int = 0
    description: float = 0.0
    complexity: int = 0
    published: bool = False


@dataclass(frozen=True, kw_only=True)
class Refused(_Judged):
    """A candidate that is out.

    Attributes:
        reason: why.
        fit: the fit to all train rows, if it came to that.
    """

    reason: str
    fit: FitResult | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Figures(_Judged):
    """What was measured of a law.

    Attributes:
        folds: held-out error of every fold, in the order of `make_folds`, see `expected_error`; none where the table
            is too small to hold anything out.
    """

    folds: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scored(Figures):
    """A law with what was measured of it.

    Attributes:
        fit: the fit to all train rows.
        held_out: what the law forecast of every fold at `rows_asked`, shape (rows, T); empty unless asked for.
    """

    fit: FitResult = field(compare=False, repr=False)
    held_out: tuple[Floats, ...] = field(default=(), compare=False, repr=False)


Score = Scored | Refused


def penalty(score: Figures | Refused, weights: Floats, rule: Penalty = RULES.penalty) -> float:
    """Lower is better; infinite for refused candidates."""
    if isinstance(score, Refused) or not score.folds:
        return math.inf
    logs = np.log(np.minimum(score.folds, rule.ceiling) + rule.floor)
    mean = float(weights @ logs)
    return (
        mean
        + rule.train * math.log(score.train + rule.floor)
        + rule.description * score.description
        + (0.0 if score.published else rule.novelty)
    )


def inner_error(score: Figures | Refused, weights: Floats) -> float:
    """Held-out error of a law: weighted geometric mean over the inner folds, in variances of the target.

    More than four variances on a fold count as four; infinite for a law that was refused.
    """
    if isinstance(score, Refused) or not score.folds or len(score.folds) != len(weights):
        return math.inf
    return math.exp(float(weights @ fold_logs(score)))


def fold_logs(score: Figures) -> Floats:
    """Logarithms of the held-out errors, shape (folds,); a forecast far off counts as that, however far."""
    logs: Floats = np.log(np.clip(score.folds, 1e-300, RULES.penalty.ceiling))
    return logs


def parameters(structure: Structure, table: Table) -> int:
    """Fitted constants of a law, all groups and targets counted."""
    shared = len(structure.shared & frozenset(structure.constants))
    own = len(structure.constants) - shared
    return table.n_targets * (own * table.n_groups + shared)


def description_length(
    structure: Structure, table: Table, published: bool = False, rule: Penalty = RULES.penalty
) -> float:
    """What a law's size adds to the logarithm of a mean squared error, by chance.

    Over the number of measured values: 2 per constant (Akaike 1974, IEEE Trans. Autom. Control 19, 716), as befits
    forecasts; the BIC's log(n) asks for too few constants where every group has its own. And twice the code length of
    the formula (Rissanen 1978, Automatica 14, 465): one symbol among some eight per node, since there are more formulas
    of many nodes to be deceived by; of a published law no more than its place in the library, however long it is.
    """
    code = math.log(rule.symbols) * complexity(structure.expr)
    if published:
        code = min(code, math.log(rule.published))
    return 2.0 * (parameters(structure, table) + code) / (len(table) * table.n_targets)


def expected_error(measured: float, values: int, noise: float, prior: float = RULES.penalty.prior) -> float:
    """The squared error to expect of forecasts, of which some were measured.

    The mean square of one or two residuals is near zero by chance, and of a thousand laws some have that luck in every
    fold. No law forecasts better than its noise in the long run; so the noise counts as `prior` more values: the scale
    of the posterior under a scaled inverse chi-squared prior (Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6).

    Args:
        measured: mean squared error of the held-out values.
        values: how many these are.
        noise: mean square of the law's residuals in all rows, per degree of freedom.
    """
    return (values * measured + prior * noise) / (values + prior)


def _run_off(fit: FitResult, rules: Guards = RULES.guards) -> str | None:
    """A constant that runs off to where no unit would put it: the formula says less than it seems to.

    In some of many groups that happens to good laws, where a group's data have not bent yet.
    """
    sizes = np.abs(fit.constants)
    with np.errstate(invalid="ignore"):
        away = (sizes > rules.run_off) | ((sizes > 0) & (sizes < 1.0 / rules.run_off))
    for i, name in enumerate(fit.structure.constants):
        if away[:, :, i].mean() > rules.few_groups:
            return f"the constant {name} runs off to {fit.constants[:, :, i][away[:, :, i]][0]:.0e}"
    return None


class Scorer:
    """Scores candidates of one problem; pure but for the work done once here.

    Args:
        rows: about how many rows to fit and judge on; the folds with their weights and all else are those of the whole
            table, but for the best run of a size, which is the best of these rows. None for all rows.
    """

    def __init__(self, problem: Problem, rows: int | None = None) -> None:
        self.problem = problem
        n = len(problem.table)
        self.rows = self._spread(rows) if rows is not None and n > rows else np.arange(n)
        self.table = self._part(self.rows) if len(self.rows) < n else problem.table
        self.beyond = points_beyond(problem)
        self.far = (
            points_beyond(problem, problem.rules.guards.far_multiple) if problem.axes else None
        )  # without an axis there is no farther
        self.aside = settings_beyond(problem)
        self.mixed = settings_mixed(problem)
        self.along = points_along(problem)
        self.units = unit_groups(problem)
        variance = problem.on_scale(problem.table.targets).var(axis=0)
        self.variance = np.where(variance > 0, variance, 1.0)
        deviation = problem.table.targets.std(axis=0)
        self.deviation = np.where(deviation > 0, deviation, 1.0)
        self._tables = [(self.table.take(f.fit[self.rows]), self.table.take(f.judge[self.rows])) for f in problem.folds]
        large = len(self.table) > 3 * SCREEN_ROWS
        self._screen = self._part(self._spread(SCREEN_ROWS)) if large else None

    def penalty(self, score: Score) -> float:
        return penalty(score, self.problem.fold_weights, self.problem.rules.penalty)

    def score(
        self,
        structure: Structure,
        recipe: Recipe,
        gate: float = math.inf,
        published: bool = False,
        effort: Effort = SEARCH_EFFORT,
        warm: Sequence[Mapping[str, Floats | float]] = (),
        keep: bool = False,
    ) -> Score:
        """The score of a structure under a recipe.

        Args:
            published: a law that people published may depend on units, as some do.
            gate: candidates whose train error exceeds this are not tried on the folds.
            effort: of the fit to all train rows.
            warm: constants from which the fit sets out: a parent's, or of a fit to some of the rows.
            keep: the score holds what the law forecast of the folds.
        """
        size = _Judged(
            n_constants=len(structure.constants),
            description=description_length(structure, self.problem.table, published, self.problem.rules.penalty),
            complexity=complexity(structure.expr),
            published=published,
        )
        over = self._over_budget(structure)
        if over is not None:
            return Refused(**vars(size), reason=over)
        if self._hopeless(structure, gate, warm):
            return Refused(**vars(size), reason=FAR)
        full = fit(structure, self.table, recipe, effort=effort, warm=warm)
        if isinstance(full, FitFailure):
            return Refused(**vars(size), reason=full.text)
        size = replace(size, train=self._error(full, self.table))
        reason = FAR if size.train > gate else self.unbelievable(full, published)
        if reason is not None:
            return Refused(**vars(size), reason=reason, fit=full)
        return self._judge(size, full, keep)

    def unbelievable(self, full: FitResult, published: bool) -> str | None:
        """Why a fitted law cannot be believed; None if no guard speaks against it."""
        reason = _run_off(full, self.problem.rules.guards)
        if reason is None and not published:
            reason = unit_bound(self.problem, self.units, full)
        return self._beyond_belief(full) if reason is None else reason

    def _beyond_belief(self, full: FitResult) -> str | None:
        """Why a law's values beyond the data cannot be believed; None if nothing speaks against them."""
        forecast = predict_beyond(full, self.beyond)
        reason = implausible(self.problem, self.beyond, forecast)
        if reason is None and self.far is not None:
            reason = implausible(self.problem, self.far, predict_beyond(full, self.far))
        if reason is None and self.along is not None:
            reason = wrong_direction(self.problem, self.along, predict_beyond(full, self.along))
        if reason is not None:
            return reason
        if self.aside is not None and not np.all(np.isfinite(predict_beyond(full, self.aside))):
            return "has no finite value for other settings beyond the data"
        if self.mixed is not None:
            reason = astray(self.problem, self.mixed, predict_beyond(full, self.mixed))
            if reason is not None:
                return reason
        if lost_in_rounding(full, self.beyond, forecast, self.problem.rules.guards.moved_by_rounding * self.deviation):
            return "its terms cancel to the last digits"
        return None

    def _part(self, rows: Ints) -> Table:
        """Some rows of the table; in a sweep they weigh by the best run of their size among them."""
        part = self.problem.table.take(rows)
        return replace(part, sweep=sweep_weights(self.problem, self.problem.swept, part))

    def _spread(self, n: int) -> Ints:
        """Rows spread evenly over the groups of the table as they are sorted by size."""
        return self.problem.table.spread(n, self.problem.size)

    def _hopeless(self, structure: Structure, gate: float, warm: Sequence[Mapping[str, Floats | float]]) -> bool:
        """On a large table: whether a quick least-squares fit to a few rows is already far off."""
        if self._screen is None or not math.isfinite(gate):
            return False
        quick = fit(structure, self._screen, effort=SCREEN_EFFORT, warm=warm)
        if isinstance(quick, FitFailure):
            return False
        return self._error(quick, self._screen) > SCREEN_SLACK * gate

    def _over_budget(self, structure: Structure) -> str | None:
        budget, used = self.problem.constants, len(structure.constants)
        if budget is not None and used > budget:
            return f"{used} constants; the task allows {budget}"
        return None

    def _judge(self, size: _Judged, full: FitResult, keep: bool) -> Score:
        structure, prior = full.structure, self.problem.rules.penalty.prior
        values = len(self.table) * self.table.n_targets
        noise = size.train * values / max(1, values - parameters(structure, self.table))
        errors: list[float] = []
        held_out: list[Floats] = []
        for fold, (inner, outer) in zip(self.problem.folds, self._tables, strict=True):
            part = fit(structure, inner, full.recipe, effort=FOLD_EFFORT, warm=[full.by_name])
            if isinstance(part, FitFailure):
                return Refused(**vars(size), reason=f"no fit on fold '{fold.label}': {part.text}", fit=full)
            errors.append(expected_error(self._error(part, outer), len(outer) * outer.n_targets, noise, prior))
            if not math.isfinite(errors[-1]):
                return Refused(**vars(size), reason=f"not finite on fold '{fold.label}'", fit=full)
            if keep:
                asked = self.problem.table.take(rows_asked(fold))
                held_out.append(part.predict(asked.features, asked.group))
        return Scored(**vars(size), folds=tuple(errors), fit=full, held_out=tuple(held_out))

    def _error(self, fit: FitResult, table: Table) -> float:
        on_scale = self.problem.on_scale
        with np.errstate(over="ignore", invalid="ignore"):
            residuals = on_scale(table.targets) - on_scale(fit.predict(table.features, table.group))
            return float(np.mean(np.average(residuals**2, axis=0, weights=table.sweep) / self.variance))
