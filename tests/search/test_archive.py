"""The archive: one elite per number of constants and shape of law."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.expressions import parse
from discover.fitting import Recipe, Structure
from discover.proposers import Candidate, Told
from discover.scoring import Refused
from discover.search import AddStatus, Archive
from discover.search.archive import Leaders, cell_of, shape_class

LAWS = ("E + A*n**(-a)", "E + A*d**(-a)", "E + A*log(n)", "E", "E + A*n**(-a) + B*d**(-b)", "A*n**(-a)*d**(-b) + E")


def told(index: int, penalty: float, text: str = LAWS[0], complexity: int = 5) -> Told:
    candidate = Candidate(Structure(parse(text, ["n", "d"])), Recipe(), "x:y")
    return Told(index, candidate, Refused(reason="a stand-in", complexity=complexity), penalty, False)


def test_what_becomes_of_a_candidate() -> None:
    archive = Archive()
    assert archive.add(told(0, -1.0)) is AddStatus.NEW
    assert archive.add(told(1, -1.0)) is AddStatus.REFUSED  # as good is not better
    assert archive.add(told(2, -0.5)) is AddStatus.REFUSED
    assert archive.add(told(3, -2.0)) is AddStatus.IMPROVED
    assert archive.add(told(4, -0.1, LAWS[1])) is AddStatus.NEW
    assert archive.add(told(5, math.inf, LAWS[2])) is AddStatus.REFUSED
    assert archive.add(told(6, math.nan, LAWS[2])) is AddStatus.REFUSED
    assert [t.index for t in archive.elites()] == [3, 4]
    assert len(archive) == 2
    assert [bool(s) for s in AddStatus] == [False, True, True]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("E + A*n**(-a)", "B + C*n**(-k)", True),
        ("E + A*n**(-a)", "E + A*n**a", True),
        ("E + A*n**(-a)", "E + A*d**(-a)", False),
        ("E + A*n**(-a)", "E + A*n**(-0.5)", False),
        ("E + A*n**(-0.5)", "E + A*n**(-0.25)", False),
        ("E + A*n**(-a)", "E*(A + n)**(-a)", False),
        ("E + A*n**(-a)", "E + A*exp(-a*n)", False),
        ("E + A*n", "E + A*n + B*n", False),
    ],
)
def test_cells(one: str, other: str, same: bool) -> None:
    assert (cell_of(told(0, 0.0, one).candidate) == cell_of(told(0, 0.0, other).candidate)) is same


def test_a_shape_names_columns_and_building_blocks() -> None:
    law = parse("E + (A*n**(-a) + B/d)**b + C*exp(-c*n)", ["n", "d"])
    assert shape_class(law) == "d+n|col^-1,col^c,exp,sum^c"


additions = st.lists(
    st.tuples(st.floats(-9, 9) | st.just(math.inf), st.sampled_from(LAWS), st.integers(1, 9)), max_size=30
)


@given(additions)
def test_whatever_is_added(entries) -> None:
    archive, best = Archive(), dict[object, float]()
    for i, (penalty, text, complexity) in enumerate(entries):
        one = told(i, penalty, text, complexity)
        cell = cell_of(one.candidate)
        before = best.get(cell, math.inf)
        assert bool(archive.add(one)) == (penalty < before)
        best[cell] = min(before, penalty)
    elites = archive.elites()
    assert [t.penalty for t in elites] == sorted(m for m in best.values() if math.isfinite(m))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("discover.search.archive.BREEDING", 3)
        assert archive.parents() == elites[:3]


@given(additions)
def test_the_leaders_of_all_are_among_those_that_every_island_keeps(entries) -> None:
    def add(leaders: Leaders[Told], one: Told) -> None:
        leaders.add(one, shape_class(one.candidate.structure.expr), one.candidate.key)

    whole, islands = Leaders[Told](), (Leaders[Told](), Leaders[Told]())
    for i, (penalty, text, complexity) in enumerate(entries):
        one = told(i, penalty, text, complexity)
        add(whole, one)
        add(islands[i % 2], one)
        islands[i % 2].keep(2)
    joined = Leaders[Told]()
    for one in sorted((t for island in islands for t in island.all), key=lambda t: t.index):
        add(joined, one)
    assert joined.all[:2] == whole.all[:2]
    assert all(len(island.all) <= 2 for island in islands)
