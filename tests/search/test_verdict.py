"""The choice at the end of a search."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from discover.expressions import parse
from discover.fitting import Recipe, Structure
from discover.fitting.fit import NORMAL
from discover.proposers import Candidate, Told
from discover.scoring import Problem, Scored, Scorer
from discover.search.pool import Pool
from discover.search.tasks import Job, Setting
from discover.search.verdict import choose, closer_look, simplest, weigh, without_twins
from tests.scoring.problems import law_with, problem_from


@pytest.fixture
def problem() -> Problem:
    x = np.geomspace(1e6, 1e9, 12)
    return problem_from({"x": x}, 2 + 1e3 * x**-0.5, axes=("x",))


def law(problem: Problem, index: int, penalty: float, complexity: int, text: str, **constants: float) -> Told:
    fit = law_with(problem, text, **constants)
    score = Scored(folds=(0.1,), complexity=complexity, fit=fit)
    return Told(index, Candidate(fit.structure, Recipe(), "x:y"), score, penalty, True)


def power(problem: Problem, index: int, penalty: float, floor: float = 2.0) -> Told:
    return law(problem, index, penalty, 9, "E + A*x**(-a)", E=floor, A=1e3, a=0.5)


def alike(laws: list[Told]) -> np.ndarray:
    return np.full(len(laws), 1 / len(laws))


def test_of_equal_forecasts_the_simplest_law_is_chosen(problem: Problem) -> None:
    finalists = [
        law(problem, 0, -5.00, 14, "E + A*x**(-a) + B*x**(-b)", E=2.0, A=5e2, a=0.5, B=5e2, b=0.5),
        power(problem, 1, -4.95),
        law(problem, 2, -4.90, 7, "E + A*x**(-0.5)", E=2.0, A=1e3),
        law(problem, 3, -4.80, 5, "E + A*log(x)", E=3.0, A=-0.02),  # simpler, and says something else
        law(problem, 4, -1.00, 3, "E", E=2.0),  # not near-tied
    ]
    assert choose(finalists, alike(finalists), problem) == 2


def test_the_law_nearest_the_average_is_chosen(problem: Problem) -> None:
    apart = law(problem, 0, -5.0, 5, "E + A*log(x)", E=5.0, A=-0.2)
    near = [power(problem, 1, -4.9), law(problem, 2, -4.8, 8, "E + A*(x + k)**(-0.5)", E=2.0, A=1e3, k=1.0)]
    laws = [apart, *near]
    assert choose(laws, alike(laws), problem) == 2
    assert choose(laws, np.array([0.98, 0.01, 0.01]), problem) == 0


def test_the_average_that_the_choice_is_near_does_not_steepen_beyond_the_data(problem: Problem) -> None:
    """Two laws fall to nothing after the data, and outweigh the one that goes on as before."""
    falling = "E + A*x**(-a) - B*(x/1e9)**4"
    laws = [law(problem, i, -5.0 + i / 10, 12, falling, E=2.0, A=1e3, a=0.5, B=b) for i, b in enumerate((1e-3, 1.1e-3))]
    laws += [power(problem, 2, -4.8)]
    assert choose(laws, np.array([0.4, 0.3, 0.3]), problem) == 2


def test_where_nothing_is_extrapolated_the_leader_is_chosen(problem: Problem) -> None:
    apart = law(problem, 0, -5.0, 5, "E + A*log(x)", E=5.0, A=-0.2)
    laws = [apart, power(problem, 1, -4.9), power(problem, 2, -4.8)]
    assert choose(laws, alike(laws), replace(problem, axes=())) == 0


def test_laws_are_weighed_by_what_they_forecast_of_held_out_rows(problem: Problem) -> None:
    structures = [Structure(parse(text, ["x"])) for text in ("E + A*x**(-a)", "E + A*log(x)")]
    scores = [Scorer(problem).score(one, Recipe(), keep=True) for one in structures]
    laws = [Told(i, Candidate(s, Recipe(), "x:y"), score, -5.0, True)
            for i, (s, score) in enumerate(zip(structures, scores, strict=True))]  # fmt: skip
    stack = weigh(laws, problem)
    assert stack.weights.sum() == pytest.approx(1.0)
    assert stack.weights[0] > 0.9
    unseen = [replace(told, score=replace(told.score, held_out=())) for told in laws]
    assert weigh(unseen, problem).weights == pytest.approx([0.5, 0.5])


def test_a_law_in_other_words_is_no_rival(problem: Problem) -> None:
    laws = [
        power(problem, 0, -5.0),
        law(problem, 1, -4.9, 12, "E + 1/(k*x**a)", E=2.0, k=1e-3, a=0.5),
        law(problem, 2, -4.8, 9, "E + A*x**(-a)", E=2.0, A=9e2, a=0.5),
    ]
    assert [told.index for told in without_twins(laws, problem)] == [0, 2]


def test_one_finalist_is_the_choice(problem: Problem) -> None:
    assert choose([power(problem, 0, -5.0)], np.ones(1), problem) == 0


def test_a_long_table_is_searched_on_some_rows_and_judged_on_all() -> None:
    n = 1600
    x = np.geomspace(1e3, 1e6, n)
    y = 2 + 5 * x**-0.3 + np.random.default_rng(0).normal(0, 0.01, n)
    long = problem_from({"x": x}, y, axes=("x",))
    candidate = Candidate(Structure(parse("E + A*x**(-a)", ["x"])), Recipe(), "grammar:test")
    setting = Setting(long)
    with Pool(setting, 1) as pool:
        assert setting.thin
        quick = pool.submit(Job(candidate)).result()
        closer = pool.submit(Job(candidate, closer=True, start=quick.fit)).result()
        told = Told(0, candidate, quick, 0.0, added=True)
        looked = closer_look([told, replace(told, index=1)], setting, pool, lambda: True)
    assert len(quick.folds) == len(closer.folds) == len(setting.problem.folds)
    assert closer.train != quick.train == pytest.approx(closer.train, rel=0.2)
    thorough = Scorer(long).score(candidate.structure, Recipe(), effort=NORMAL)
    assert closer.folds == pytest.approx(thorough.folds, rel=1e-3)
    assert closer.train == pytest.approx(thorough.train, rel=1e-6)
    assert [t.score for t in looked] == [closer]  # a law seen on some rows only is never the answer


def test_a_closer_look_ranks_anew_and_stops_when_time_is_up(problem: Problem) -> None:
    setting = Setting(problem)
    leaders = [power(problem, 0, -1.0), law(problem, 1, 5.0, 3, "E", E=2.0)]
    with Pool(setting, 1) as pool:
        looked = closer_look(leaders[::-1], setting, pool, lambda: False)
        assert [t.index for t in looked] == [0, 1]
        assert looked[0].penalty < -10
        assert all(len(t.score.folds) == len(setting.problem.folds) and math.isfinite(t.penalty) for t in looked)
        kept = closer_look(leaders, setting, pool, lambda: True)
    assert kept == leaders


def told(problem: Problem, text: str, origin: str = "grammar:add_term") -> Told:
    """A law as the closer look leaves it."""
    structure = Structure(parse(text, list(problem.table.features)))
    score = Scorer(problem).score(structure, Recipe(), published=origin.startswith("library:"), effort=NORMAL)
    return Told(3, Candidate(structure, Recipe(), origin), score, Scorer(problem).penalty(score), True)


def decay() -> Problem:
    x = np.linspace(1e6, 5e8, 24)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(24)
    return problem_from({"x": x}, 2 + np.exp(-x / 2e8) + noise, axes=("x",))


def settled(law: Told, problem: Problem, out_of_time: bool = False) -> Told:
    setting = Setting(problem)
    with Pool(setting, 1) as pool:
        return simplest(law, setting, pool, lambda: out_of_time)


def test_a_law_is_given_at_its_limit() -> None:
    problem = decay()
    law = told(problem, "E + A*(1 + c*x)**b")  # c is 2e-13 and b -3e4
    assert law.score.fit is not None
    simpler = settled(law, problem)
    assert simpler.candidate.structure.text == "E + A*exp(k1*x)"
    assert simpler.penalty < law.penalty
    assert (simpler.index, simpler.candidate.origin) == (law.index, law.candidate.origin)
    assert simpler.score.train <= 1.01 * law.score.train
    assert simpler.score.fit is not None
    x = np.linspace(1e6, 2e9, 9)
    assert simpler.score.fit.predict({"x": x}) == pytest.approx(law.score.fit.predict({"x": x}), abs=2e-3)
    assert settled(law, problem, out_of_time=True) is law


def test_what_is_not_at_a_limit_or_was_published_stays(problem: Problem) -> None:
    law = told(problem, "E + A*x**(-a)")
    assert settled(law, problem) is law
    published = told(decay(), "E + A*(1 + c*x)**b", "library:shifted")
    assert settled(published, decay()) is published


def test_constants_that_may_be_zero_are_left_out(problem: Problem) -> None:
    x = problem.table.features["x"]
    noise = 1e-3 * np.random.default_rng(1).standard_normal(len(x))
    noisy = problem_from({"x": x}, 2 + 1e3 * x**-0.5 + noise, axes=("x",))
    structure = Structure(parse("E + A*x**(-a) + B*log(x)", ["x"]))
    score = Scorer(noisy).score(structure, Recipe(), effort=NORMAL)
    law = Told(3, Candidate(structure, Recipe(), "grammar:add_term"), score, Scorer(noisy).penalty(score), True)
    simpler = settled(law, noisy)
    assert simpler.candidate.structure.text == "E + A*x**alpha"
    assert simpler.penalty <= law.penalty
    assert settled(simpler, noisy) is simpler
