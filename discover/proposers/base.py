"""The contract of a proposer: ask for candidates, tell what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from discover.arrays import Floats
from discover.proposers.candidate import Candidate
from discover.scoring import Score


@dataclass(frozen=True)
class Told:
    """What became of a proposed candidate: its step number, score, penalty and whether the archive took it."""

    index: int
    candidate: Candidate
    score: Score
    penalty: float
    added: bool

    @property
    def values(self) -> Mapping[str, Floats | float]:
        """The fitted constants by name, each of shape (groups, targets); none where nothing was fitted."""
        return {} if self.score.fit is None else self.score.fit.by_name


class Proposer(Protocol):
    """Suggests candidates; neither fits nor scores nor holds the loop.

    `ask` and `tell` are deterministic given the random generator and the order of calls. A proposer that waits
    for something slow answers `ask` with an empty list meanwhile; the others then fill the epoch.
    """

    name: str

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        """Up to n candidates; fewer, or none, if it has no more."""
        ...

    def tell(self, results: Sequence[Told]) -> None:
        """What became of candidates of any proposer, in the order of their steps."""
        ...

    def drop(self, candidate: Candidate, reason: str) -> None:
        """A candidate of this proposer was not tried, because it was proposed before."""
        ...

    def close(self) -> None:
        """The search is over: end calls and processes."""
        ...


@runtime_checkable
class Waiting(Protocol):
    """A proposer that may have something slow under way; where others work, it is only drawn when it is ready."""

    @property
    def ready(self) -> bool:
        """Whether the next `ask` has candidates; where it has none, `ask` is called for none in every epoch."""
        ...

    def wait(self) -> bool:
        """No proposer has a candidate. Whether this one expects an answer; its next `ask` then waits for it."""
        ...


@runtime_checkable
class Adviser(Proposer, Waiting, Protocol):
    """A waiting proposer outside of the program, such as a language model, whose every answer costs something.

    It has random numbers of its own, so that a search goes as without it for as long as it has no candidate.
    """

    def listen(self, elites: Sequence[Told]) -> None:
        """An epoch begins: answers are read, and a question may be asked. The elites are those of all islands."""
        ...

    def inspired(self, candidate: Candidate) -> bool:
        """Whether the candidate descends from one of its own, which is paid by what it becomes."""
        ...
