"""A proposer of another package: whatever it does wrong ends the search with a sentence that names it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np

from discover.addons import failure
from discover.expressions import features_in
from discover.proposers.base import Proposer, Told
from discover.proposers.candidate import Candidate, Origin
from discover.scoring import Problem


class Added:
    """The proposer that an entry point makes.

    Args:
        point: the entry point, whose name the proposer gets.
        make: what it names.
        problem: train rows and declared knowledge.
    """

    def __init__(self, point: EntryPoint, make: Callable[[Problem], Proposer], problem: Problem) -> None:
        self.name, self._point = point.name, point
        self._columns = frozenset(problem.table.features)
        self._own = self._done(make, problem)

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        return [self._checked(candidate) for candidate in self._done(lambda: list(self._own.ask(n, elites, rng)))]

    def tell(self, results: Sequence[Told]) -> None:
        self._done(lambda: self._own.tell(results))

    def drop(self, candidate: Candidate, reason: str) -> None:
        self._done(lambda: self._own.drop(candidate, reason))

    def close(self) -> None:
        self._done(lambda: self._own.close())

    def _done(self, act: Callable[..., Any], *given: Any) -> Any:
        try:
            return act(*given)
        except Exception as problem:
            raise failure(self._point, problem) from problem

    def _checked(self, candidate: Any) -> Candidate:
        if not isinstance(candidate, Candidate):
            raise failure(self._point, f"it proposes a {type(candidate).__name__}; expected a Candidate")
        unknown = sorted(set(features_in(candidate.structure.expr)) - self._columns)
        if unknown:
            raise failure(self._point, f"it proposes a law of {unknown[0]!r}, which is no column of the table")
        return replace(candidate, origin=str(Origin(self.name, Origin.of(candidate.origin).move)))
