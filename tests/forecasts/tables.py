"""Tables from a straight line, whose prediction intervals are known, and ensembles made of them."""

from __future__ import annotations

import numpy as np

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import FitResult, Structure, fit
from discover.fitting.document import from_fit
from discover.forecasts import Ensemble, make_ensemble
from discover.scoring import Problem, make_folds
from discover.scoring.stacking import Stack, rows_asked

SIGMA = 0.1


def line(n: int = 60, seed: int = 0, sigma: float = SIGMA, groups: int = 1) -> Table:
    """y = 2 + 3x + noise for x from 0 to 1."""
    rng = np.random.default_rng(seed)
    x = np.tile(np.linspace(0.0, 1.0, n), groups)
    y = 2.0 + 3.0 * x + sigma * rng.standard_normal(n * groups)
    names = tuple("abcdefgh"[:groups]) if groups > 1 else ("all",)
    return Table({"x": x}, y[:, None], ("y",), np.repeat(np.arange(groups), n), names)


def problem_of(table: Table, axes: tuple[str, ...] = ("x",)) -> Problem:
    return Problem(table, dict.fromkeys(table.features, "other"), axes)


def fitted(table: Table, formula: str = "a + b*x", shared: tuple[str, ...] = ()) -> FitResult:
    found = fit(Structure(parse(formula, table.features), frozenset(shared)), table)
    assert isinstance(found, FitResult)
    return found


def ensemble_of(table: Table, *formulas: str, draws: int = 400, weights: tuple[float, ...] = ()) -> Ensemble:
    """The ensemble of these laws, the first one chosen, all weighing the same unless said otherwise."""
    fits = [fitted(table, formula) for formula in formulas or ("a + b*x",)]
    counts = np.array(weights or (1.0,) * len(fits))
    column = None if table.n_groups == 1 else "family"
    document = from_fit(fits[0], table, task="line", group_column=column)
    problem = problem_of(table)
    held_out = tuple(fits[0].predict(rows.features, rows.group) for rows in _held_out(problem))
    stack = Stack(counts / counts.sum(), held_out) if len(fits) > 1 else None
    return make_ensemble(problem, document, fits, stack, draws=draws)


def _held_out(problem: Problem) -> list[Table]:
    return [problem.table.take(rows_asked(fold)) for fold in make_folds(problem)]
