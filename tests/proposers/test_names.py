"""Tables whose columns have the names that laws like for constants, such as C, E or alpha."""

from __future__ import annotations

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import Constant, parse
from discover.fitting import Recipe
from discover.proposers import Told
from discover.proposers.candidate import Candidate
from discover.proposers.grammar import Grammar
from discover.proposers.library import Library
from discover.proposers.literals import law_of
from discover.proposers.surgery import Names, well_named
from discover.scoring import Problem, Refused
from discover.search import SearchConfig, search

COLUMNS = ("E", "A", "k0", "alpha")


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(0)
    features = {name: 10 ** rng.uniform(7, 9, 24) for name in COLUMNS}
    loss = 1.7 + 400 * features["A"] ** -0.34
    table = Table(features, loss[:, None], ("loss",), np.zeros(24, np.int64), ("all",))
    return Problem(table, dict.fromkeys(COLUMNS, "scale"), ("A",), constants=8)


def reads_back(candidate: Candidate) -> bool:
    structure = candidate.structure
    return not set(structure.constants) & set(COLUMNS) and parse(structure.text, COLUMNS) == structure.expr


def test_grammar_and_library_leave_the_columns_their_names(problem: Problem) -> None:
    laws = Library(problem).queue
    assert laws
    assert all(map(reads_back, laws))
    rng, grammar, elites = np.random.default_rng(1), Grammar(problem), list[Told]()
    for _ in range(12):
        for candidate in grammar.ask(12, elites, rng):
            assert reads_back(candidate), candidate.origin
            elites.append(Told(len(elites), candidate, Refused(reason="a stand-in"), float(rng.random()), True))


def test_the_laws_of_a_search_read_back(problem: Problem) -> None:
    seen: list[Candidate] = []
    config = SearchConfig(evaluations=24, seconds=None)
    search(problem, config, on_steps=lambda steps: seen.extend(step.told.candidate for step in steps))
    assert len(seen) == 24
    assert all(map(reads_back, seen))


def test_an_equation_keeps_the_columns_names(problem: Problem) -> None:
    law = law_of(parse("2.5 + 300*A**(-0.37)", COLUMNS), problem.table.features)
    assert reads_back(Candidate(law, Recipe(), "x:y"))


def test_well_named_avoids_columns_that_the_tree_does_not_use() -> None:
    tree, new = well_named(parse("a + b*n**(-c)", ["n"]), ["E", "A", "alpha"])
    assert new == {"a": "E1", "b": "B", "c": "beta"}
    assert tree == parse("E1 + B*n**(-beta)", ["n"])


def test_fresh_names_are_new() -> None:
    names = Names(("k0", "k2"))
    assert [names.fresh() for _ in range(3)] == [Constant("k1"), Constant("k3"), Constant("k4")]
