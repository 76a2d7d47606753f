"""What every proposer brought to a search, counted."""

from __future__ import annotations

import math
from collections import Counter

from discover.proposers.candidate import NO_LAW
from discover.proposers.grammar import Grammar
from discover.proposers.library import Library
from discover.search import SearchConfig, Step, search
from tests.proposers.contract import plain_problem


class Silent(Grammar):
    """Never has a law."""

    name = "silent"

    def ask(self, n, elites, rng):
        return []


class Adviser(Grammar):
    """Joins the team from outside."""

    name = "adviser"
    ready = True

    def wait(self):
        return False

    def listen(self, elites):
        pass

    def inspired(self, candidate):
        return False


def sender(told):
    """The first part of its origin; the library's shapes have one of their own."""
    first = told.candidate.origin.partition(":")[0]
    return "library" if first == "shape" else first


def test_everyone_is_accounted_for():
    problem, steps = plain_problem(), list[Step]()
    silent, adviser = Silent(problem), Adviser(problem)
    team = [Library(problem), Grammar(problem), silent]
    found = search(problem, SearchConfig(0, 40, None), proposers=team, advisers=[adviser], on_steps=steps.extend)
    tallies = {tally.name: tally for tally in found.proposers}
    assert {"library", "grammar", "silent", "adviser"} <= set(tallies)

    senders = Counter(sender(s.told) for s in steps if s.told.candidate.origin != NO_LAW)
    assert {name: tally.scored for name, tally in tallies.items() if tally.scored} == senders
    final = Counter(sender(t) for t in found.finalists if t.candidate.origin != NO_LAW)
    assert {name: tally.finalists for name, tally in tallies.items() if tally.finalists} == final

    silent_tally = tallies["silent"]
    assert silent_tally.asked > 0
    assert (silent_tally.answered, silent_tally.scored, silent_tally.finalists) == (0, 0, 0)
    assert silent_tally.best_penalty == math.inf
    for name in ("library", "grammar"):
        assert 0 < tallies[name].answered <= tallies[name].asked
    best = min(t.penalty for t in found.finalists)
    assert min(tally.best_penalty for tally in found.proposers) <= best
