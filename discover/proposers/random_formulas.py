"""A control for language models: random formulas of the grammar, tried when a model's laws were."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.grammar import Grammar
from discover.scoring import Problem


class RandomFormulas:
    """Proposes laws from scratch, which know nothing of the rows; joins a search as a model does.

    Args:
        problem: train rows and declared knowledge.
        schedule: how many laws to propose, by epoch of the search.
        seed: of the draws.
    """

    name = "random"

    def __init__(self, problem: Problem, schedule: Mapping[int, int], seed: int) -> None:
        self._grammar = Grammar(problem, first=())
        self._schedule = schedule
        self._rng = np.random.default_rng([seed, *self.name.encode()])
        self._epoch = 0
        self._queue: deque[Candidate] = deque()
        self._line: set[int] = set()

    @property
    def ready(self) -> bool:
        return bool(self._queue)

    def wait(self) -> bool:
        return False

    def listen(self, elites: Sequence[Told]) -> None:
        drawn = self._grammar.ask(self._schedule.get(self._epoch, 0), (), self._rng)
        self._queue += [replace(candidate, origin=f"{self.name}:law") for candidate in drawn]
        self._epoch += 1

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        return [self._queue.popleft() for _ in range(min(n, len(self._queue)))]

    def tell(self, results: Sequence[Told]) -> None:
        for told in results:
            if told.candidate.origin == f"{self.name}:law" or self.inspired(told.candidate):
                self._line.add(told.index)

    def inspired(self, candidate: Candidate) -> bool:
        return any(parent in self._line for parent in candidate.parents)

    def drop(self, candidate: Candidate, reason: str) -> None:
        """Another is drawn in its place, so that as many are tried."""
        self._queue += [replace(c, origin=f"{self.name}:law") for c in self._grammar.ask(1, (), self._rng)]

    def close(self) -> None:
        """Nothing to end."""
