"""The library proposer: every applicable law, each way of fitting it, once."""

from __future__ import annotations

import numpy as np

from discover.law import get_law, laws_for
from discover.law.intake import structure_of
from discover.proposers.grammar import recipes
from discover.proposers.library import Library, short_of_rows
from discover.proposers.surgery import exponents
from tests.proposers.contract import grouped_problem, plain_problem
from tests.scoring.problems import problem_from, two_families

RNG = np.random.default_rng(0)


def test_plain_laws_come_first_fullest_first() -> None:
    problem = plain_problem()
    laws = [law for law in laws_for(["params", "tokens"]) if len(law.constants) <= 7]
    queue = Library(problem).queue
    assert [c.origin.partition(":")[2] for c in queue[: len(laws)]] == [law.id for law in laws]
    assert len(queue) == len(laws) * len(recipes(problem))
    assert all(c.recipe == recipes(problem)[0] for c in queue[: len(laws)])
    published = {law.id for law in laws_for(["params", "tokens"], heading="loss")}
    assert all(c.published == (c.origin.partition(":")[2] in published) for c in queue)
    assert "shape:steplaw_lr" in {c.origin for c in queue}  # a law of learning rates is no published law of losses
    assert {c.recipe for c in queue} == set(recipes(problem))


def test_laws_over_the_budget_are_left_out() -> None:
    problem = grouped_problem()
    assert problem.constants == 4
    assert max(len(c.structure.constants) for c in Library(problem).queue) <= 4
    assert any(len(law.constants) > 4 for law in laws_for(["n"]))


def test_with_groups_the_exponents_are_shared_too() -> None:
    queue = Library(grouped_problem()).queue
    for recipe in recipes(grouped_problem()):
        here = [c for c in queue if c.recipe == recipe]
        tied = [c for c in here if c.structure.shared and c.structure.shared == set(exponents(c.structure.expr))]
        assert tied
        for candidate in tied:
            alone = [c for c in here if c.origin == candidate.origin and not c.structure.shared]
            assert [c.structure.text for c in alone] == [candidate.structure.text]
            assert candidate.key != alone[0].key
    assert not any(c.structure.shared for c in Library(plain_problem()).queue)


def test_every_law_is_asked_for_once() -> None:
    library = Library(plain_problem())
    total = len(library.queue)
    asked = []
    while batch := library.ask(7, [], RNG):
        asked += batch
    assert len(asked) == total
    assert library.ask(7, [], RNG) == []


def test_a_structure_has_the_laws_domains_and_guess() -> None:
    law = get_law("chinchilla")
    structure = structure_of(law)
    assert set(structure.constants) == set(law.constants) == set(structure.guess)
    for name, spec in law.constants.items():
        domain = structure.domain(name)
        assert (domain.lower, domain.upper) == spec.bounds
        assert domain.log == (spec.domain == "positive")


def test_chosen_laws_alone() -> None:
    law = get_law("chinchilla")
    assert {c.origin for c in Library(plain_problem(), [law]).queue} == {f"library:{law.id}"}


def test_laws_that_have_too_few_rows_to_be_judged_on_are_told() -> None:
    assert {law.partition("(")[0] for law in short_of_rows(two_families(2))} <= {"bnsl_two_breaks"}
    tokens, group = np.tile(10.0 ** np.arange(9, 13), 3), np.repeat(range(3), 4)
    short = short_of_rows(problem_from({"tokens": tokens}, 2 + 9 * tokens**-0.1, group=group, axes=("tokens",)))
    assert "bnsl(tokens)" in short
    assert not {"power_law(tokens)", "power_law_floor(tokens)"} & set(short)
