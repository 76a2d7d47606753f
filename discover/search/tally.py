"""What each proposer brought to a search."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from discover.proposers.base import Proposer, Told
from discover.proposers.candidate import NO_LAW, Candidate, Origin
from discover.proposers.engine_proposer import EngineProposer
from discover.search.island import Step


@dataclass(frozen=True)
class Tally:
    """What one proposer brought.

    Attributes:
        name: of the proposer.
        asked: how often it was asked for laws; of an engine, questions to it.
        answered: how often it had any.
        scored: laws of its that were fitted and scored.
        finalists: how many of them are among the laws of the closer look.
        best_penalty: the least penalty of its laws, finalists as the closer look found them; infinite without one.
    """

    name: str
    asked: int
    answered: int
    scored: int
    finalists: int
    best_penalty: float


class Tallies:
    """Counts while a search goes on."""

    def __init__(self) -> None:
        self.asked = Counter[str]()
        self.answered = Counter[str]()
        self.scored = Counter[str]()
        self.best: dict[str, float] = {}
        self.senders: dict[str, str] = {}  # first part of an origin -> the proposer that writes it

    def ask(self, proposer: Proposer, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        """Asks a proposer, and counts."""
        found = proposer.ask(n, elites, rng)
        self.asked[proposer.name] += n > 0
        self.answered[proposer.name] += bool(found)
        self.senders |= {Origin.of(candidate.origin).proposer: proposer.name for candidate in found}
        return found

    def bred(self, name: str, laws: int) -> None:
        """Counts an epoch in which an island was to fill up with laws of its own."""
        self.asked[name] += 1
        self.answered[name] += laws > 0

    def take(self, steps: Iterable[Step]) -> None:
        """Counts steps."""
        for step in steps:
            sender = self._sender(step.origin)
            self.scored[sender] += 1
            self.best[sender] = min(step.penalty, self.best.get(sender, math.inf))

    def final(self, team: Iterable[Proposer], finalists: Sequence[Told]) -> tuple[Tally, ...]:
        """One tally for each of the team, and for whoever else brought laws.

        Args:
            team: the proposers.
            finalists: with the penalties of the closer look.
        """
        for proposer in team:
            self.asked.setdefault(proposer.name, 0)
            if isinstance(proposer, EngineProposer):
                self.asked[proposer.name], self.answered[proposer.name] = proposer.questions, proposer.answers
        final, best = Counter(self._sender(law.candidate.origin) for law in finalists), dict(self.best)
        for law in finalists:
            sender = self._sender(law.candidate.origin)
            best[sender] = min(law.penalty, best.get(sender, math.inf))
        names = [*self.asked, *(name for name in self.scored if name and name not in self.asked)]
        return tuple(
            Tally(name, self.asked[name], self.answered[name], self.scored[name], final[name], best.get(name, math.inf))
            for name in names
        )

    def _sender(self, origin: str) -> str:
        """Who brought a law; nobody brought the group means."""
        first = Origin.of(origin).proposer
        if origin == NO_LAW:
            return ""
        return first if first in self.asked else self.senders.get(first, first)
