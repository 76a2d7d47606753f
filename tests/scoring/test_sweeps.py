"""Sweeps: which columns count as swept, and what their rows weigh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from discover.expressions import parse
from discover.fitting import FitResult, Recipe, Structure
from discover.rules import RULES
from discover.scoring import Problem, Scorer
from discover.scoring.sweeps import sweep_notes, sweep_weights, swept_columns
from tests.scoring.problems import problem_from

SIZES = (1e7, 3e7, 1e8, 3e8)


def swept(noise: float = 1e-3, rising: bool = False, flat: float = 0.0) -> Problem:
    """Loss of size N and learning rate r, best at a power law of N; besides, a column of data D and a seed."""
    rng = np.random.default_rng(0)
    N, D, r, seed = (x.ravel() for x in np.meshgrid(SIZES, (1e9, 4e9), np.geomspace(1e-4, 1e-2, 7), (1.0, 2.0, 3.0)))
    u = np.log(r / (3e-3 * (N / 1e7) ** -0.2))
    y = 2 + 20 * N**-0.2 + 50 * D**-0.25 + 0.02 * (u**2 + flat * np.abs(u) ** 3) + noise * rng.standard_normal(len(N))
    return problem_from({"N": N, "D": D, "r": r, "seed": seed}, 10 - y if rising else y, axes=("N", "D"))


def test_a_rate_is_swept_and_a_seed_is_not() -> None:
    problem = swept()
    assert swept_columns(problem) == ("r",)
    (note,) = sweep_notes(problem)
    assert note.startswith("r was swept at every size")


def test_a_score_that_rises_is_best_at_its_top() -> None:
    low, high = swept(), swept(rising=True)
    assert swept_columns(high) == ("r",)
    assert sweep_weights(high, ("r",)) == pytest.approx(sweep_weights(low, ("r",)))
    declared = replace(high, monotone={"N": "increasing"})
    assert swept_columns(declared) == ("r",)
    assert swept_columns(replace(high, monotone={"N": "decreasing"})) == ()  # then the best rates are at the ends


def test_what_is_best_at_an_end_was_not_swept() -> None:
    problem = swept()
    more_data_is_better = replace(problem, axes=("N",), table=problem.table)
    assert "D" not in swept_columns(more_data_is_better)
    N, x = (v.ravel() for v in np.meshgrid(SIZES, np.geomspace(1, 64, 7)))
    rng = np.random.default_rng(1)
    experts = problem_from({"N": N, "x": x}, 2 + (N * x**0.5) ** -0.1 + 0.01 * rng.standard_normal(28), axes=("N",))
    assert swept_columns(experts) == ()
    assert sweep_notes(experts) == ()
    assert experts.table.sweep is None


@pytest.mark.parametrize("seed", range(8))
def test_what_makes_no_difference_was_not_swept(seed: int) -> None:
    rng = np.random.default_rng(seed)
    N, x = (v.ravel() for v in np.meshgrid(SIZES, np.arange(1.0, 9.0)))
    problem = problem_from({"N": N, "x": x}, 2 + 20 * N**-0.2 + 0.01 * rng.standard_normal(32), axes=("N",))
    assert swept_columns(problem) == ()


def test_nothing_is_swept_without_axes_for_several_targets_or_with_few_runs() -> None:
    problem = swept()
    assert swept_columns(replace(problem, axes=())) == ()
    two = replace(problem.table, targets=np.tile(problem.table.targets, 2), target_names=("a", "b"))
    assert swept_columns(replace(problem, table=two)) == ()
    assert swept_columns(replace(problem, monotone={"r": "decreasing"})) == ()
    few = problem.table.take(np.flatnonzero(np.isin(problem.table.features["r"], np.geomspace(1e-4, 1e-2, 7)[2:4])))
    assert swept_columns(replace(problem, table=few)) == ()


def test_the_best_of_a_size_weighs_more_and_the_others_the_less_the_worse_they_are() -> None:
    problem = swept()
    weights = sweep_weights(problem, ("r",))
    assert weights is not None
    table = problem.table
    assert weights.mean() == pytest.approx(1)
    for N in SIZES:
        for D in (1e9, 4e9):
            for seed in (1.0, 2.0, 3.0):
                f = table.features
                rows = np.flatnonzero((f["N"] == N) & (f["D"] == D) & (f["seed"] == seed))
                own, y = weights[rows], table.targets[rows, 0]
                best = int(np.argmin(y))
                others = np.delete(own, best)
                weights_of_one = (own[best] - RULES.sweeps.best * others.sum()) / (
                    1 + RULES.sweeps.best
                )  # what it weighs as a row like others
                assert weights_of_one > others.max()
                assert np.all(np.diff(others[np.argsort(np.delete(y, best))]) < 0)  # the worse, the lighter
                assert others.min() > RULES.sweeps.least_weight * weights_of_one


def test_equal_targets_have_no_best() -> None:
    problem = swept()
    even = replace(problem, table=replace(problem.table, targets=np.ones((len(problem.table), 1))))
    assert sweep_weights(even, ("r",)) is None


def test_the_level_of_the_good_runs_is_forecast_although_the_bowl_is_wrong() -> None:
    """The true bowl is cubic far out; a parabola that all rows shape alike pays with the level of the good runs."""
    problem = swept(flat=0.5)
    table, f = problem.table, problem.table.features
    plain = replace(problem, kinds={**problem.kinds, "r": "other"})  # of no kind that is swept
    law = Structure(parse("E + A*N**(-a) + B*D**(-b) + C*(log(r) - c - d*log(N))**2", list(problem.kinds)))
    assert swept_columns(plain) == ()

    def misses(which: Problem) -> float:
        found = Scorer(which).score(law, Recipe()).fit
        assert isinstance(found, FitResult)
        errors = found.residuals(table)[:, 0]
        keys = np.column_stack([f["N"], f["D"]])
        best = [
            rows[np.argmin(table.targets[rows, 0])]
            for key in np.unique(keys, axis=0)
            for rows in [np.flatnonzero(np.all(keys == key, axis=1))]
        ]
        return float(np.sqrt(np.mean(errors[best] ** 2)))

    assert misses(problem) < 0.5 * misses(plain)


def test_folds_and_fit_are_judged_by_the_weights_that_they_are_fitted_with() -> None:
    problem = swept()
    scorer = Scorer(problem)
    law = Structure(parse("E + A*N**(-a) + C*(log(r) - c - d*log(N))**2", list(problem.kinds)))
    score = scorer.score(law, Recipe())
    assert score.fit is not None
    weights = problem.table.sweep
    assert weights is not None
    squares = score.fit.residuals(problem.table)[:, 0] ** 2
    assert score.train == pytest.approx(np.average(squares, weights=weights) / problem.table.targets.var())
