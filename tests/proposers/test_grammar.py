"""The grammar: whatever the parents, a move gives a law of the task or nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.data.table import Table
from discover.errors import FormulaError
from discover.expressions import Call, Constant, Feature, add, complexity, differentiate, evaluate, parse, terms, walk
from discover.fitting import Recipe, Structure
from discover.proposers import Candidate, Told, blocks
from discover.proposers.blocks import Maker
from discover.proposers.grammar import MAX_COMPLEXITY, MOVES, Grammar, finished, random_law, recipes
from discover.proposers.surgery import Names, at, exponents, places, replaced, well_named, without
from discover.scoring import Problem, Refused, Scorer

KINDS = ("scale", "logged", "share", "other")


def table_of_kinds(kinds: Sequence[str], groups: int = 2, rows: int = 12, sign: float = 1.0) -> Problem:
    rng = np.random.default_rng(len(kinds))
    columns = {}
    for i, kind in enumerate(kinds):
        u = rng.uniform(0, 1, rows)
        columns[f"x{i}"] = {"scale": 10 ** (6 + 3 * u), "logged": 17 + 4 * u, "share": u, "other": u - 0.5}[kind]
    if list(kinds[:2]) == ["scale", "scale"]:  # a part and its whole
        columns["x1"] = columns["x0"] * 2.0 ** rng.integers(0, 4, rows)
        columns["x1"][0] = columns["x0"][0]
    targets = sign * rng.uniform(1, 2, (rows, 1))
    group = np.arange(rows) % groups
    table = Table(columns, targets, ("y",), group, tuple(f"g{i}" for i in range(groups)))
    axes = tuple(c for c, kind in zip(columns, kinds, strict=True) if kind in ("scale", "logged"))[:1]
    return Problem(table, dict(zip(columns, kinds, strict=True)), axes, constants=7)  # type: ignore[arg-type]


def assert_law(problem: Problem, candidate: Candidate) -> None:
    structure = candidate.structure
    assert structure.features
    assert set(structure.features) <= set(problem.kinds)
    assert len(structure.constants) <= 7
    assert complexity(structure.expr) <= MAX_COMPLEXITY
    assert structure.shared <= set(structure.constants)
    assert parse(structure.text, list(problem.kinds)) == structure.expr
    assert candidate.recipe in recipes(problem)


kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(kinds, st.integers(1, 3), st.sampled_from([1.0, -1.0]), st.integers(0, 2**32 - 1))
def test_laws_breed_laws(kinds: list[str], groups: int, sign: float, seed: int) -> None:
    problem = table_of_kinds(kinds, groups, sign=sign)
    rng, grammar, elites = np.random.default_rng(seed), Grammar(problem), list[Told]()
    for _ in range(3):
        for candidate in grammar.ask(6, elites, rng):
            assert_law(problem, candidate)
            assert all(0 <= parent < len(elites) for parent in candidate.parents)
            elites.append(Told(len(elites), candidate, Refused(reason="a stand-in"), float(rng.random()), True))
    assert elites


@settings(max_examples=12, deadline=None)
@given(kinds, st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("move", sorted(set(MOVES) - {"change_recipe", "change_sharing"}))
def test_every_move_gives_a_law_or_nothing(move: str, kinds: list[str], seed: int) -> None:
    problem = table_of_kinds(kinds)
    rng = np.random.default_rng(seed)
    parents = []
    for _ in range(2):
        parent = finished(problem, random_law(Maker(problem, rng, Names()), []))
        parents.append(parent or Structure(parse("E + A*x0", ["x0"])))
    names = Names(tuple(name for parent in parents for name in parent.constants))
    before = [parent.text for parent in parents]
    try:
        changed = MOVES[move](Maker(problem, rng, names), [parent.expr for parent in parents])
        structure = None if changed is None else finished(problem, changed, frozenset(parents[0].constants[:1]))
    except FormulaError:
        return
    assert [parent.text for parent in parents] == before
    if structure is not None:
        assert_law(problem, Candidate(structure, Recipe(), "grammar:" + move))


BLOCKS = [
    (kind, block)
    for kind, table in {
        "scale": blocks._SCALE_TERMS + blocks._BOWL_TERMS,
        "logged": blocks._LOGGED_TERMS,
        "share": blocks._SHARE_TERMS,
        "other": blocks._OTHER_TERMS,
    }.items()
    for _, block in table
]


@pytest.mark.parametrize(("kind", "block"), BLOCKS, ids=[f"{kind}-{block.__name__}" for kind, block in BLOCKS])
def test_every_block_beside_a_floor_can_be_identified(kind: str, block: blocks.Term) -> None:
    """A constant that others can make up for is refused as unidentified: a block of the grammar must have none."""
    problem, rng = table_of_kinds([kind]), np.random.default_rng(0)
    maker = Maker(problem, rng, Names(problem.kinds))
    law = finished(problem, add(maker.c(), block(maker, Feature("x0"))))
    assert law is not None
    values: dict[str, Any] = {"x0": np.linspace(0.2, 5, 40), **{c: rng.uniform(0.5, 1.5) for c in law.constants}}
    slopes = np.stack([np.broadcast_to(evaluate(differentiate(law.expr, c), values), 40) for c in law.constants])
    assert np.linalg.matrix_rank(slopes / np.linalg.norm(slopes, axis=1, keepdims=True), tol=1e-7) == len(slopes)


def test_an_asymmetric_bowl_is_lowest_in_its_centre() -> None:
    problem = table_of_kinds(["scale"])
    maker = Maker(problem, np.random.default_rng(0), Names(problem.kinds))
    bowl = blocks.skewed_bowl(maker, Feature("x0"))
    x = np.geomspace(1, 100, 201)
    for steepness in (-2.0, 0.5, 3.0):
        values = {"k0": steepness, "k1": math.log(10), "k2": 1.0, "x0": x}
        assert np.argmin(np.asarray(evaluate(bowl, values))) == 100


def test_the_moves_beside_the_tree() -> None:
    problem = table_of_kinds(["scale"], groups=3)
    rng, grammar = np.random.default_rng(0), Grammar(problem)
    candidate = Candidate(Structure(parse("E + A*x0**(-a)", ["x0"])), Recipe(), "x")
    parent = Told(0, candidate, Refused(reason="a stand-in"), 0.0, True)
    seen = set()
    for _ in range(40):
        recipe, sharing = grammar._with_recipe(parent, rng), grammar._with_sharing(parent, rng)
        assert recipe.structure is parent.candidate.structure
        assert recipe.recipe != parent.candidate.recipe
        assert sharing is not None
        assert sharing.key != parent.candidate.key
        seen.add(sharing.structure.shared)
    assert seen == {frozenset([name]) for name in ("E", "A", "alpha")}
    nested = replace(
        parent, candidate=Candidate(Structure(parse("E + A*(k + x0**(-0.5))", ["x0"]), frozenset("E")), Recipe(), "x")
    )
    found = {grammar._with_sharing(nested, rng).structure.text for _ in range(40)}
    assert found == {"E + A*(k1 + x0**(-0.5))", "E + A*x0**(-0.5)"}  # E of a group holds A*k, E of all groups does not
    alone = table_of_kinds(["scale"], groups=1)
    assert Grammar(alone)._with_sharing(parent, rng) is None


@pytest.mark.parametrize("groups", [1, 3])
def test_a_child_inherits_the_constants_of_its_parents(groups: int) -> None:
    problem = table_of_kinds(["scale", "scale"], groups=groups, rows=36)
    rng, grammar, scorer, elites = np.random.default_rng(0), Grammar(problem), Scorer(problem), list[Told]()
    for text in ("E + A*x0**(-a) + B*x1**(-b)", "E + A*(x0*x1)**(-a)"):
        candidate = Candidate(Structure(parse(text, ["x0", "x1"])), Recipe(), "x")
        score = scorer.score(candidate.structure, candidate.recipe)
        assert score.fit is not None
        elites.append(Told(len(elites), candidate, score, 0.0, True))
    known = [value for told in elites for value in told.score.fit.by_name.values()]
    from_both = False
    for child in grammar.ask(200, elites, rng):
        assert set(child.inherited) <= set(child.structure.constants)
        for value in child.inherited.values():
            assert value.shape == (groups, 1)
            assert any(value is v or np.array_equal(value, v) for v in known)
        if child.origin.endswith((":add_term", ":change_recipe", ":add_floor")):
            assert len(child.inherited) >= 3
        from_both |= child.origin.endswith(":crossover") and len(child.inherited) > 5
    assert from_both


def test_recipes_of_logarithms_need_positive_targets() -> None:
    assert any(r.space == "log" for r in recipes(table_of_kinds(["scale"])))
    assert all(r.space == "value" for r in recipes(table_of_kinds(["scale"], sign=-1.0)))


def test_too_long_too_many_and_no_column_are_no_laws() -> None:
    problem = table_of_kinds(["scale"])
    assert finished(problem, Constant("E")) is None
    assert finished(problem, parse("x0 - x0 + E", ["x0"])) is None
    eight = parse("+".join(f"A{i}*x0**{i}" for i in range(8)), ["x0"])
    assert finished(problem, eight) is None
    long = parse("+".join(f"A*x0**(a + {i})" for i in range(1, 20)), ["x0"])
    assert finished(problem, long) is None


def test_drawn_moves_are_paid_for_what_entered_the_archive() -> None:
    problem = table_of_kinds(["scale", "scale"])
    grammar = Grammar(problem)
    candidate = Candidate(Structure(parse("E + A*x0", ["x0"])), Recipe(), "grammar:bend")
    before = grammar.bandit.shares["bend"]
    grammar.tell([Told(0, candidate, Refused(reason="a stand-in"), math.inf, True)])
    paid = grammar.bandit.shares["bend"]
    grammar.drop(candidate, "proposed before")
    assert before < paid > grammar.bandit.shares["bend"]


# -- surgery -------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(kinds, st.integers(0, 2**32 - 1))
def test_places_lead_where_they_say(kinds: list[str], seed: int) -> None:
    problem = table_of_kinds(kinds)
    expr = random_law(Maker(problem, np.random.default_rng(seed), Names()), [])
    found = list(places(expr))
    assert found[0] == ((), expr)
    assert len(found) == len(list(walk(expr)))
    for path, node in found:
        assert at(expr, path) == node
        rest = without(expr, path)
        if rest is not None:
            parent = at(expr, path[:-1])
            assert isinstance(parent, Call)
            assert parent.op in ("add", "mul")


@settings(max_examples=40, deadline=None)
@given(kinds, st.integers(0, 2**32 - 1))
def test_well_named_laws_differ_in_names_only(kinds: list[str], seed: int) -> None:
    problem = table_of_kinds(kinds)
    rng = np.random.default_rng(seed)
    expr = random_law(Maker(problem, rng, Names()), [])
    named, new = well_named(expr)
    assert len(set(new.values())) == len(new)
    assert not set(new.values()) & set(problem.kinds)
    assert Structure(named).constants == tuple(new[name] for name in Structure(expr).constants)
    again, same = well_named(named)
    assert again == named
    assert all(old == fresh for old, fresh in same.items())
    values = {name: float(rng.uniform(0.1, 1)) for name in new}
    for old, fresh in new.items():
        assert values[old] == {new[n]: v for n, v in values.items()}[fresh]


def test_names_tell_the_role() -> None:
    tree, _ = well_named(parse("q + w*n**(-z) + y*d**(-z/2) + exp(v*n)", ["n", "d"]))
    assert tree == parse("E + A*n**(-alpha) + B*d**(-alpha/2) + exp(k1*n)", ["n", "d"])


def test_without_leaves_out_terms_and_factors() -> None:
    law = parse("E + A*n**(-a)", ["n"])
    kept = {without(law, path) for path, _ in places(law)} - {None}
    assert kept == {parse(t, ["n"]) for t in ("E", "A*n**(-a)", "E + A", "E + n**(-a)", "E + A*n**a", "E + A*n**(-1)")}


def test_replaced_keeps_the_normal_form() -> None:
    law = parse("E + A*n**(-a)", ["n"])
    path = next(path for path, node in places(law) if node == Constant("E"))
    assert replaced(law, path, parse("B + C", [])) == parse("B + C + A*n**(-a)", ["n"])
    assert replaced(law, (), Feature("n")) == Feature("n")


def test_terms_and_exponents() -> None:
    law = parse("E + A*n**(-a) + B*d**b + (n + k)**(-a*2) + n**(1 + c)", ["n", "d"])
    assert len(terms(law)) == 5
    assert exponents(law)[:2] == ["a", "b"]
    assert "E" not in exponents(law)
    assert "c" not in exponents(law)
