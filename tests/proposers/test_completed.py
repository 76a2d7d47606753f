"""Published laws of the sizes with bowls in what was swept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from discover.expressions import constant_names, evaluate, features_in
from discover.proposers.completed import completed_laws, odds_laws
from discover.proposers.grammar import Grammar, recipes
from discover.scoring import Problem, Scorer
from tests.scoring.problems import problem_from


def rates(groups: int = 1) -> Problem:
    """Loss of parameters, tokens and a learning rate, whose best value falls as models grow; in each of the groups."""
    rng = np.random.default_rng(0)
    grid = np.meshgrid((1e7, 3e7, 1e8, 3e8), (1e9, 4e9, 1.6e10), np.geomspace(1e-4, 1e-2, 7), np.arange(groups))
    params, tokens, lr, group = (x.ravel() for x in grid)
    u = np.log(lr / (3e-3 * (params / 1e7) ** -0.2))
    y = 1.8 + 480 * params**-0.35 + 2000 * tokens**-0.37 + 0.02 * u**2 + 1e-4 * rng.standard_normal(len(u))
    columns = {"params": params, "tokens": tokens, "lr": lr}
    return problem_from(columns, y, group=group, axes=("params", "tokens"))


def test_every_law_of_the_sizes_is_completed_once() -> None:
    problem = rates()
    laws = list(completed_laws(problem))
    assert len(laws) >= 5
    assert len(set(laws)) == len(laws)
    assert all(features_in(law) == {"params", "tokens", "lr"} for law in laws)


def test_there_is_nothing_to_complete_where_nothing_was_swept() -> None:
    problem = rates()
    assert not list(completed_laws(replace(problem, axes=())))
    assert not Grammar(replace(problem, axes=())).first


def test_the_grammar_begins_with_them_and_the_right_one_is_found() -> None:
    problem = rates()
    grammar = Grammar(problem)
    rng = np.random.default_rng(0)
    first = grammar.ask(3, (), rng) + grammar.ask(100, (), rng)
    completed = [c for c in first if c.origin == "grammar:complete_law"]
    assert [c.origin for c in first[: len(completed)]] == ["grammar:complete_law"] * len(completed)
    assert not grammar.first
    scorer = Scorer(problem)
    scores = [scorer.score(c.structure, c.recipe) for c in completed]
    best = min(scores, key=scorer.penalty)
    assert best.train < 2e-5


def test_groups_share_the_exponents() -> None:
    structures = Grammar(rates(groups=2)).first
    assert structures
    assert all(s.shared and s.shared < set(s.constants) for s in structures)


def shares(upper: float | None) -> Problem:
    """An accuracy along epochs whose odds fall, bend and fall again; below one, or in per cent."""
    epochs = np.arange(1.0, 61.0)
    odds = 12 * epochs**-0.6 * (1 + (epochs / 30) ** 4) ** -0.1
    y = (upper or 1.0) / (1 + odds)
    return replace(problem_from({"epoch": epochs}, y, axes=("epoch",)), lower=0.0, upper=upper)


@pytest.mark.parametrize("upper", [1.0, 100.0])
def test_laws_of_odds_stay_below_the_most_that_a_share_can_be(upper: float) -> None:
    problem = shares(upper)
    laws = list(odds_laws(problem))
    assert 5 <= len(laws) == len(set(laws))
    names = dict.fromkeys(("b", "c0", "c1", "c2", "d1", "d2", "f1", "f2", "c", "A", "x0"), 0.5)
    (bent,) = [law for law in laws if {"c2", "d2"} <= set(constant_names(law))]
    far = evaluate(bent, {"epoch": np.geomspace(1, 1e9, 40), **names})
    assert np.all((far >= 0) & (far <= upper))
    scorer = Scorer(problem)
    found = Grammar(problem).first
    best = min(scorer.score(s, recipes(problem)[0]).train for s in found)
    assert best < 1e-6


def test_what_is_no_share_has_no_odds() -> None:
    assert not list(odds_laws(shares(None)))
