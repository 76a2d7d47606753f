"""Scores and penalties: what is refused and why, and what the figures are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from discover.expressions import complexity, parse
from discover.fitting import FitResult, Recipe, Structure, fit
from discover.law import get_law
from discover.law.intake import structure_of
from discover.rules import RULES, Penalty
from discover.scoring import Figures, Problem, Refused, Scored, Scorer, penalty
from discover.scoring.score import (
    FAR,
    _run_off,
    description_length,
    expected_error,
)
from tests.scoring.problems import chinchilla, law_with, problem_from, two_families, with_cuts

TRUE = "E + A*N**(-a) + B*D**(-b)"


@pytest.fixture(scope="module")
def problem() -> Problem:
    return chinchilla(noise=0.003, constants=6)


@pytest.fixture(scope="module")
def scorer(problem: Problem) -> Scorer:
    return Scorer(with_cuts(problem, 2))


def law(text: str, *columns: str, shared: frozenset[str] = frozenset()) -> Structure:
    return Structure(parse(text, columns or ("N", "D")), shared)


def test_the_true_law_forecasts_best(scorer: Scorer) -> None:
    good, poor = scorer.score(law(TRUE), Recipe()), scorer.score(law("E + A*N**(-a)"), Recipe())
    assert isinstance(good, Scored)
    assert len(good.folds) == len(scorer.problem.folds)
    assert max(good.folds) < min(poor.folds)
    assert scorer.penalty(good) < scorer.penalty(poor) - 2
    assert good.fit is not None
    assert good.train == pytest.approx(np.mean(good.fit.residuals(scorer.problem.table) ** 2) / scorer.variance[0])


def test_scores_repeat(scorer: Scorer, problem: Problem) -> None:
    first = scorer.score(law(TRUE), Recipe("huber", "log", 1e-3))
    assert scorer.score(law(TRUE), Recipe("huber", "log", 1e-3)) == first
    assert Scorer(with_cuts(problem, 2)).score(law(TRUE), Recipe("huber", "log", 1e-3)) == first


def test_a_fold_error_is_that_of_a_fit_that_never_saw_the_fold(scorer: Scorer, problem: Problem) -> None:
    """Changing the rows of a fold changes neither its fit nor the forecasts for other rows of it."""
    fold = scorer.problem.folds[0]
    targets = problem.table.targets.copy()
    targets[fold.judge] += 0.01
    moved = replace(problem, table=replace(problem.table, targets=targets))
    before, after = scorer.score(law(TRUE), Recipe()), Scorer(with_cuts(moved, 2)).score(law(TRUE), Recipe())
    rows = fold.judge.sum()
    raw = [before.folds[0] * scorer.variance[0], after.folds[0] * moved.table.targets.var()]
    drift = 0.01 * math.sqrt(raw[0])  # (e + 0.01)**2 = e**2 + 0.02 e + 0.0001, and |mean e| <= root of mean e**2
    assert rows > 0
    assert raw[1] == pytest.approx(raw[0] + 1e-4, abs=2 * drift + 1e-9)


def test_too_many_constants_are_not_even_fitted(scorer: Scorer) -> None:
    score = scorer.score(law("E + A*N**(-a) + B*D**(-b) + C*(N*D)**(-c)"), Recipe())
    assert isinstance(score, Refused)
    assert score.reason == "7 constants; the task allows 6"
    assert score.fit is None
    assert scorer.penalty(score) == math.inf


def test_the_gate_lets_only_near_laws_on_the_folds(scorer: Scorer) -> None:
    free = scorer.score(law("E + A*N**(-a)"), Recipe())
    shut = scorer.score(law("E + A*N**(-a)"), Recipe(), gate=free.train * 0.99)
    ajar = scorer.score(law("E + A*N**(-a)"), Recipe(), gate=free.train * 1.01)
    assert isinstance(shut, Refused)
    assert shut.reason == FAR
    assert ajar == free


def test_a_long_table_is_screened() -> None:
    scorer = Scorer(with_cuts(chinchilla(1000, noise=0.003), 1))
    far = scorer.score(law("E + A*D"), Recipe(), gate=1e-4)
    assert (far.reason, far.fit, far.train) == (FAR, None, math.inf)  # no fit to all rows
    assert isinstance(scorer.score(law(TRUE), Recipe(), gate=1e-2), Scored)


def test_units_bind_what_nobody_published(scorer: Scorer) -> None:
    odd = law("A*N**(-a)*log(D)")
    assert scorer.score(odd, Recipe()).reason == "depends on the unit of D"
    assert isinstance(scorer.score(odd, Recipe(), published=True), Scored)


def test_what_cannot_be_fitted_says_so(scorer: Scorer) -> None:
    assert "fewer rows" in str(Scorer(with_cuts(chinchilla(8), 2)).score(law("A + B*N + C*D + E*N*D + F*N**2 + G*D**2"
        " + H*N**3 + K*D**3 + P*N**4"), Recipe()).reason)  # fmt: skip
    assert "column" in str(scorer.score(law("E + A*x", "x"), Recipe()).reason)
    below = problem_from({"N": [1.0, 2, 3, 4, 5, 6]}, [-1.0, 1, 2, 3, 4, 5], axes=("N",))
    assert "positive" in str(Scorer(below).score(law("E + A*N", "N"), Recipe("squared", "log")).reason)


@pytest.mark.parametrize("value", [1e41, -1e41, 1e-41])
def test_a_constant_that_runs_off(problem: Problem, value: float) -> None:
    assert "the constant A runs off" in str(_run_off(law_with(problem, "E + A*N**(-a)", E=1.0, A=value, a=0.3)))
    assert _run_off(law_with(problem, "E + A*N**(-a)", E=0.0, A=1e20, a=0.0)) is None


def test_constants_may_run_off_in_few_groups() -> None:
    x = np.tile(np.geomspace(1.0, 8.0, 4), 8)
    problem = problem_from({"N": x}, x, group=np.repeat(np.arange(8), 4))
    values = np.ones((8, 1))
    values[: int(8 * RULES.guards.few_groups)] = 1e50
    assert _run_off(law_with(problem, "A*N", A=values)) is None
    values[: int(8 * RULES.guards.few_groups) + 1] = 1e50
    assert "A runs off to 1e+50" in str(_run_off(law_with(problem, "A*N", A=values)))


def test_description_length_by_hand() -> None:
    x = np.tile(np.geomspace(1.0, 8.0, 4), 3)
    problem = problem_from({"N": x}, np.column_stack([x, x]), group=np.repeat(np.arange(3), 4))
    nodes = math.log(RULES.penalty.symbols) * complexity(parse("E + A*N**(-a)", ["N"]))
    plain, tied = (law("E + A*N**(-a)", "N", shared=frozenset(s)) for s in ((), ("a",)))
    values = 12 * 2
    assert description_length(plain, problem.table) == pytest.approx(2 * (2 * 9 + nodes) / values)
    assert description_length(tied, problem.table) == pytest.approx(2 * (2 * 7 + nodes) / values)


def test_a_published_law_is_described_by_its_place_in_the_library() -> None:
    x = np.geomspace(1.0, 8.0, 12)
    table = problem_from({"N": x}, x).table
    long, short = law("E + A*N**(-a) + B*(N + k)**(-b)", "N"), law("E", "N")
    assert description_length(long, table, published=True) == pytest.approx(
        2 * (6 + math.log(RULES.penalty.published)) / 12
    )
    assert description_length(short, table, published=True) == description_length(short, table)


def test_few_held_out_values_are_judged_with_the_noise() -> None:
    assert expected_error(0.5, 2, 0.1) == pytest.approx(0.3)
    assert expected_error(0.5, 2000, 0.1) == pytest.approx(0.5, rel=1e-3)
    assert expected_error(0.0, 2, 0.1) == pytest.approx(0.05)
    assert expected_error(0.5, 2, 0.0) == pytest.approx(0.25)
    assert math.isinf(expected_error(math.inf, 2, 0.1))


def test_no_fold_of_few_rows_promises_less_than_the_noise_allows() -> None:
    """A single row that happens to lie on the law is no proof of it."""
    x = np.geomspace(1e3, 1e9, 12)
    y = 2 + 10 * x**-0.2 + 0.05 * np.cos(np.arange(12) ** 2.0)
    found = law("E + A*N**(-a)", "N")
    problem = problem_from({"N": x}, y, axes=("N",))
    fold = problem.folds[0]
    part = fit(found, problem.table.take(fold.fit))
    assert isinstance(part, FitResult)
    y[fold.judge] = part.predict({"N": x[fold.judge]})[:, 0]  # the held-out rows lie on the law
    scored = Scorer(problem_from({"N": x}, y, axes=("N",))).score(found, Recipe())
    assert scored.folds[0] > 0.2 * scored.train


def test_emphasis_grows_tenfold_per_unit_from_the_smallest_to_the_largest() -> None:
    problem = problem_from({"N": np.geomspace(1e3, 1e9, 7)}, np.arange(7.0), axes=("N",))
    assert problem.table.fit_weights(0.0) is None
    assert replace(problem, axes=()).table.fit_weights(1.0) is None
    for emphasis in (0.5, 1.0, -1.0):
        weights = problem.table.fit_weights(emphasis)
        assert weights is not None
        assert np.log10(weights) == pytest.approx(emphasis * np.linspace(-0.5, 0.5, 7))


def test_emphasis_fits_the_large_rows_better() -> None:
    x = np.geomspace(1e3, 1e9, 24)
    problem = problem_from({"N": x}, 2 + 10 * x**-0.2 + 0.5 * x**-0.05, axes=("N",))
    scorer = Scorer(with_cuts(problem, 1))

    def at_the_top(emphasis: float) -> float:
        fit = scorer.score(law("E + A*N**(-a)", "N"), Recipe(emphasis=emphasis)).fit
        assert isinstance(fit, FitResult)
        return float(np.mean(fit.residuals(problem.table)[-6:] ** 2))

    assert at_the_top(1.0) < 0.5 * at_the_top(0.0)


WEIGHTS = np.array([0.5, 0.3, 0.2])
MEASURED = Figures(train=0.02, folds=(0.01, 0.04, 0.1), description=0.7, complexity=11)


def test_penalty_by_hand() -> None:
    logs = [math.log(e + RULES.penalty.floor) for e in MEASURED.folds]
    mean = 0.5 * logs[0] + 0.3 * logs[1] + 0.2 * logs[2]
    rule = Penalty(train=0.9, description=0.4, novelty=0.5)
    expected = mean + 0.9 * math.log(0.02 + RULES.penalty.floor) + 0.4 * 0.7 + 0.5
    assert penalty(MEASURED, WEIGHTS, rule) == pytest.approx(expected, rel=1e-12)
    assert penalty(replace(MEASURED, published=True), WEIGHTS, rule) == pytest.approx(expected - 0.5, rel=1e-12)


@pytest.mark.parametrize(
    "worse",
    [
        {"train": 0.03},
        {"folds": (0.01, 0.04, 0.2)},
        {"description": 0.8},
        {"folds": ()},
    ],
)
def test_what_makes_a_penalty_worse(worse) -> None:
    assert penalty(replace(MEASURED, **worse), WEIGHTS) > penalty(MEASURED, WEIGHTS)


def test_a_refused_law_has_no_penalty_that_counts():
    assert penalty(Refused(reason="x", train=0.02), WEIGHTS) == math.inf


def test_errors_above_the_ceiling_and_below_the_floor_count_as_equal() -> None:
    high = [penalty(replace(MEASURED, folds=(0.01, 0.04, e)), WEIGHTS) for e in (RULES.penalty.ceiling, 1e3, 1e300)]
    assert high[0] == high[1] == high[2]
    low = [penalty(replace(MEASURED, folds=(e, e, e)), WEIGHTS) for e in (0.0, RULES.penalty.floor * 1e-4)]
    assert low[0] == pytest.approx(low[1], abs=1e-3)


def test_several_targets_count_alike() -> None:
    base = chinchilla()
    y = base.table.targets[:, 0]
    problem = problem_from(base.table.features, np.column_stack([y, 1e6 * y]), axes=("N", "D"))
    both, one = Scorer(with_cuts(problem, 1)), Scorer(with_cuts(base, 1))
    poor = law("E + A*N**(-a)")
    assert both.score(poor, Recipe()).train == pytest.approx(one.score(poor, Recipe()).train, rel=1e-6)


def test_a_target_without_variance_is_scored() -> None:
    x = np.geomspace(1e3, 1e6, 12)
    scorer = Scorer(problem_from({"N": x}, np.full(12, 2.0), axes=("N",)))
    score = scorer.score(law("E", "N"), Recipe(), published=True)
    assert isinstance(score, Scored)
    assert score.train == pytest.approx(0.0, abs=1e-20)
    assert math.isfinite(scorer.penalty(score))


@pytest.mark.parametrize("seed", [12, 10])
def test_the_true_law_of_two_small_families_is_judged_and_leads(seed: int) -> None:
    """In these tables an outer cut alone would leave the smaller family four rows for five constants."""
    scorer = Scorer(two_families(seed))
    true = scorer.score(structure_of(get_law("chinchilla")), Recipe(), published=True)
    other = scorer.score(structure_of(get_law("power_law_inverse_shift(tokens)")), Recipe(), published=True)
    assert isinstance(true, Scored)
    assert max(true.folds) < 0.5
    assert scorer.penalty(true) < scorer.penalty(other)
