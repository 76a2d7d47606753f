"""Who proposes besides the islands' own grammar: the library, engines and language models.

They stay with the driver. They are asked when an epoch begins, for the laws that it is handed, and hear what became of
every law in the order of the steps. A bandit shares an epoch's laws among them and the grammar.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from discover.proposers.bandit import Bandit
from discover.proposers.base import Adviser, Proposer, Told, Waiting
from discover.proposers.candidate import LIBRARY, Candidate, Origin
from discover.proposers.grammar import Grammar
from discover.proposers.library import Library, group_means
from discover.search.island import Step, fingerprint
from discover.search.tally import Tallies
from discover.search.tasks import Setting

ATTEMPTS = 6  # rounds of asking until an epoch has its laws, where no grammar can fill it

Handed = tuple[Proposer | None, Candidate]


class Guests:
    """The team of a search, of which the islands take over the grammar.

    Args:
        setting: of the search.
        team: all proposers.
        seed: of what the bandit draws.

    Attributes:
        grammar: for the islands; None if it is not in the team.
        bandit: what everyone but the library was paid.
        listening: those who want to hear of every law.
    """

    def __init__(self, setting: Setting, team: Sequence[Proposer], seed: int) -> None:
        self.setting, self.team = setting, team
        self.grammar = next((p for p in team if type(p) is Grammar), None)
        self.guests = [p for p in team if p is not self.grammar]
        self.listening = [p for p in self.guests if not isinstance(p, Library)]
        self.advisers = [p for p in team if isinstance(p, Adviser)]
        self.bandit = Bandit([p.name for p in team if p.name != LIBRARY])
        self.tallies = Tallies()
        self._rng = np.random.default_rng(seed)
        self._seen: set[int] = set()
        self._best = math.inf

    def listen(self, elites: Sequence[Told]) -> None:
        """An epoch begins: advisers read answers and ask questions."""
        for adviser in self.advisers:
            adviser.listen(elites)

    def hand(self, size: int, elites: Sequence[Told], first: bool) -> list[Handed]:
        """New candidates for an epoch, with who proposed them: at most half from the library, the rest by the bandit.

        Args:
            size: laws of the epoch; the grammar fills up what is left of them.
            elites: of all islands.
            first: the search begins: with the group means and laws of the library.
        """
        handed = self._new([(None, group_means(self.setting.problem))] if first else [], size)
        room = size - len(handed) if first else size // 2
        for guest in self.guests:
            if guest.name == LIBRARY:
                handed += self._new(self._asked(guest, room, elites), size - len(handed))
        room = size - len(handed)
        arms = self._arms(elites) if room else []
        drawn = Counter(self.bandit.draw(self._rng, arms) for _ in range(room if len(arms) > 1 else 0))
        drawn.update(arms * room if len(arms) == 1 else ())
        for guest in self.guests:
            handed += self._new(self._asked(guest, drawn[guest.name], elites), size - len(handed))
        for _ in range(ATTEMPTS if self.grammar is None else 0):
            for guest in self.guests:
                left = size - len(handed)
                handed += self._new(self._asked(guest, left, elites), left)
        return handed

    def drop(self, handed: Handed) -> None:
        """The island that it was handed to had tried it."""
        guest, candidate = handed
        if guest is not None:
            guest.drop(candidate, "proposed before")

    def tell(self, steps: Sequence[Step], room: int) -> None:
        """What became of an epoch's laws. It pays who proposed them, and an adviser whose law became the best one.

        Args:
            steps: in order.
            room: laws that the island was to breed itself.
        """
        shared = len(self.bandit.arms) > 1
        for step in steps:
            self._seen.add(step.fingerprint)
            arm = Origin.of(step.origin).proposer
            if shared:
                self.bandit.reward(arm, bool(step.status))
            if step.penalty < self._best:
                self._best = step.penalty
                for adviser in self.advisers:
                    if adviser.name != arm and step.told is not None and adviser.inspired(step.told.candidate):
                        self.bandit.reward(adviser.name, True)
        self.tallies.take(steps)
        if self.grammar is not None and room > 0:
            self.tallies.bred(
                self.grammar.name, sum(Origin.of(step.origin).proposer == self.grammar.name for step in steps)
            )
        for guest in self.listening if steps else ():
            guest.tell([step.told for step in steps if step.told is not None])

    def wait(self) -> bool:
        """Nobody has a candidate: whether someone expects an answer, for which its next `ask` waits."""
        waits = [guest.wait() for guest in self.guests if isinstance(guest, Waiting)]
        return any(waits)

    def _new(self, proposed: Sequence[Handed], room: int) -> list[Handed]:
        """The first of them that nobody proposed before; a published law as what it is."""
        new: list[Handed] = []
        for guest, candidate in proposed:
            if len(new) == room:
                break
            candidate = self.setting.credited(candidate)
            if fingerprint(candidate.key) in self._seen:
                self.drop((guest, candidate))
            else:
                self._seen.add(fingerprint(candidate.key))
                new.append((guest, candidate))
        return new

    def _asked(self, guest: Proposer, n: int, elites: Sequence[Told]) -> list[Handed]:
        return [(guest, candidate) for candidate in self.tallies.ask(guest, n, elites, self._rng)] if n > 0 else []

    def _arms(self, elites: Sequence[Told]) -> list[str]:
        """Who can be drawn. As long as an engine has nothing to say, the search is the same as without it."""
        waiting = [guest for guest in self.guests if isinstance(guest, Waiting)]
        for guest in waiting:
            if not guest.ready:
                guest.ask(0, elites, self._rng)
        idle = {guest.name for guest in waiting if not guest.ready}
        return [arm for arm in self.bandit.arms if arm not in idle]
