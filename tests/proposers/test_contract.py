"""The contract, for every proposer that needs nothing from outside; and who is on the team."""

from __future__ import annotations

import pytest

from discover.errors import InputError
from discover.proposers.engine_proposer import Circumstances
from discover.proposers.grammar import Grammar
from discover.proposers.library import SHAPE, Library
from discover.proposers.logbook import Logbook
from discover.proposers.operon import Operon
from discover.search import team
from tests.proposers.contract import ProposerContract


class TestLibrary(ProposerContract):
    other_origins = (SHAPE,)

    @pytest.fixture
    def make(self):
        return Library


class TestGrammar(ProposerContract):
    @pytest.fixture
    def make(self):
        return Grammar


class TestOperon(ProposerContract):
    @pytest.fixture
    def make(self):
        return lambda problem: Operon(problem, Circumstances(patient=True, logbook=Logbook()))


def test_auto_is_everyone_who_works_here_and_says_who_does_not(monkeypatch):
    def no_julia():
        return "pysr needs Julia"

    entries = {**team.PROPOSERS, "pysr": team.Entry(team.PROPOSERS["pysr"].make, no_julia, "")}
    monkeypatch.setattr(team, "PROPOSERS", entries)
    assert team.chosen(("auto",)) == (("library", "grammar", "operon"), ("pysr needs Julia",))
    assert team.chosen(("grammar", "auto")) == (("grammar", "library", "operon"), ("pysr needs Julia",))
    with pytest.raises(InputError, match="pysr needs Julia"):
        team.chosen(("library", "pysr"))


@pytest.mark.parametrize("names", [(), ("gramar",), ("library", "library")])
def test_a_team_that_cannot_be_is_refused(names):
    with pytest.raises(InputError):
        team.chosen(names)
