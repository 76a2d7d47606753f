"""Guests: proposers whose candidates come on top of the search's own, such as a language model.

The search itself goes exactly as it would without them: same draws, same archives, same batches. Guests see
everything, are tried beside every batch, and compete in an archive of their own that everything enters; at
the end their best laws stand beside the search's best. So for the same seed and evaluations a guest can
improve the result and cannot spoil it.

A bandit decides how many of the extra places a guest gets. What it competes with is the search itself: a
guest whose candidates enter the archive less often than the search's own is hardly asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import numpy as np

from discover.proposers.bandit import Bandit
from discover.proposers.base import Proposer, Told
from discover.proposers.candidate import Candidate
from discover.proposers.grammar import Grammar
from discover.scoring import Problem
from discover.search.archive import AddStatus, Archive

PLACES = 4  # on top of every batch
TRIAL = 24  # tries of a guest before the bandit decides
SEARCH, POLISH = "search", "polish"


class Guest(Proposer, Protocol):
    """A proposer that is asked once beside every batch, for no candidates when it has earned none."""

    def wasted(self) -> int:
        """Tries since the last call of this method that gave no candidate, such as refused formulas."""
        ...


class Guests:
    """The guests of one search. Without guests it does nothing."""

    def __init__(self, guests: Sequence[Guest], problem: Problem, seed: int) -> None:
        self.guests = tuple(guests)
        self.rng = np.random.default_rng([seed, 1])
        self.archive = Archive()
        self.seen: set[str] = set()
        self.polish = Grammar(problem, first=())  # varies what guests brought
        self.polish.name = POLISH
        names = tuple(guest.name for guest in self.guests)
        self.bandit = Bandit((SEARCH, POLISH, *names), forgives=False)
        self.tries = Counter[str]()
        self.origins = {POLISH, *names}

    def ask(self, seen: Collection[str]) -> list[Candidate]:
        """Candidates to try beside a batch.

        Args:
            seen: keys of the search's own candidates.
        """
        if not self.guests:
            return []
        drawn = Counter(self.bandit.draw(self.rng) for _ in range(PLACES))
        elites = self.archive.parents()
        out: list[Candidate] = []
        for guest in self.guests:
            n = PLACES if self.tries[guest.name] < TRIAL else drawn[guest.name]
            out += self._fresh(guest, guest.ask(n, elites, self.rng), seen)
            self._pay(guest.name, paid=0, tries=guest.wasted())
        own = [told for told in elites if self.brought(told.candidate)]
        if own and drawn[POLISH]:
            out += self._fresh(self.polish, self.polish.ask(drawn[POLISH], own, self.rng), seen)
        return out

    def brought(self, candidate: Candidate) -> bool:
        """Whether a guest brought it, or it was made from what a guest brought."""
        return candidate.origin.partition(":")[0] in self.origins

    def judge(self, told: Told) -> AddStatus:
        """Offers a scored candidate, anyone's, to the archive."""
        if not self.guests:
            return AddStatus.REFUSED
        status = self.archive.add(told)
        origin = told.candidate.origin.partition(":")[0]
        self._pay(origin if origin in self.origins else SEARCH, paid=int(bool(status)), tries=1)
        return status

    def tell(self, own: Sequence[Told], brought: Sequence[Told]) -> None:
        """What became of a batch: the search's own candidates and the guests'."""
        for guest in self.guests:
            guest.tell([*own, *brought])
        self.polish.tell(brought)

    def close(self) -> None:
        """The search is over."""
        for guest in self.guests:
            guest.close()

    def _fresh(self, sender: Proposer, asked: Sequence[Candidate], seen: Collection[str]) -> Iterator[Candidate]:
        for candidate in asked:
            if candidate.key in seen or candidate.key in self.seen:
                sender.drop(candidate, "proposed before")
                self._pay(sender.name, paid=0, tries=1)
                continue
            self.seen.add(candidate.key)
            yield candidate

    def _pay(self, arm: str, paid: int, tries: int) -> None:
        self.tries[arm] += tries
        for i in range(tries):
            self.bandit.reward(arm, i < paid)
