"""An island: a population of laws that breeds by itself, an epoch at a time.

An epoch is a task. It takes the island as the last epoch left it, the laws that came from elsewhere, and a number of
laws to score; its random numbers are of the search's seed and the epoch's number. So what becomes of an island depends
on these alone.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.grammar import Grammar
from discover.scoring import Problem, Score
from discover.search.archive import AddStatus, Archive
from discover.search.tasks import Bench, Job

MIGRANTS = 4
GATE = 6.0  # train errors above this multiple of that of the island's best law are not tried on the folds
DUPLICATES = 6  # proposals that were tried before, for every law of an epoch, after which the epoch ends


@dataclass
class Island:
    """What an island is between two epochs.

    Attributes:
        seed: of the search.
        grammar: proposes laws here; None where none takes part.
        archive: the elites.
        seen: fingerprints of the candidates tried here, and of those that this island was told of.
    """

    seed: int
    grammar: Grammar | None
    archive: Archive = field(default_factory=Archive)
    seen: set[int] = field(default_factory=set)

    def packed(self) -> bytes:
        """The island to send; without the problem, which workers have."""
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def unpacked(state: bytes, problem: Problem) -> Island:
        """The island that was sent."""
        island: Island = pickle.loads(state)
        if island.grammar is not None:
            island.grammar.problem = problem
        return island


@dataclass(frozen=True)
class Step:
    """One scored candidate and what the archive did with it.

    Attributes:
        told: candidate and score.
        status: of the archive.
        batch: number of the epoch, from 0, over all islands.
        settled: the search had settled before it, see `discover.search.settling`.
    """

    told: Told
    status: AddStatus
    batch: int = 0
    settled: bool = False

    @property
    def index(self) -> int:
        return self.told.index


@dataclass(frozen=True)
class EpochResult:
    """What an epoch brought.

    Attributes:
        island: packed, as the next epoch takes it; None if the epoch was lost, and the island is as it was.
        steps: in order. Steps count from the epoch's `begin`; so do the parents of candidates that were bred here.
        dropped: places, among those handed over, of candidates that had been tried here.
        emigrants: the best of the island.
    """

    island: bytes | None = None
    steps: tuple[Step, ...] = ()
    dropped: tuple[int, ...] = ()
    emigrants: tuple[Told, ...] = ()


@dataclass(frozen=True)
class Epoch:
    """A task: an island breeds and scores a number of laws.

    Attributes:
        island: packed.
        number: of the epoch, over all islands.
        begin: number of its first step.
        size: laws to score.
        handed: candidates from elsewhere, which come first.
        migrants: elites of another island.
        tried: fingerprints of candidates tried elsewhere.
        known: scores by `Candidate.key`, which are not computed again.
        until: when to end early, as `time.time` counts.
    """

    island: bytes
    number: int
    begin: int
    size: int
    handed: tuple[Candidate, ...] = ()
    migrants: tuple[Told, ...] = ()
    tried: tuple[int, ...] = ()
    known: Mapping[str, Score] = field(default_factory=dict)
    until: float = math.inf

    def run(self, bench: Bench) -> EpochResult:
        setting = bench.setting
        island = Island.unpacked(self.island, setting.problem)
        for told in self.migrants:
            island.archive.add(told)
        island.seen.update(self.tried)
        steps: list[Step] = []
        dropped: list[int] = []
        candidates = self._candidates(island, bench, dropped)
        while len(steps) < self.size and time.time() < self.until:
            candidate = next(candidates, None)
            if candidate is None:
                break
            bare = replace(candidate, inherited={})  # only the fit needs to know where to set out
            island.seen.add(fingerprint(bare))
            score = self.known.get(bare.key) or Job(candidate, _gate(island, candidate)).run(bench)
            told = Told(self.begin + len(steps), bare, score, setting.penalty(score), added=True)
            status = island.archive.add(told)
            steps.append(Step(told if status else replace(told, added=False), status, self.number))
            if island.grammar is not None:
                island.grammar.tell([steps[-1].told])
        emigrants = tuple(island.archive.elites()[:MIGRANTS])
        return EpochResult(island.packed(), tuple(steps), tuple(dropped), emigrants)

    def lost(self) -> EpochResult:
        return EpochResult()

    def _candidates(self, island: Island, bench: Bench, dropped: list[int]) -> Iterator[Candidate]:
        """New candidates, those handed over first; every one is bred from all steps before it."""
        for place, candidate in enumerate(self.handed):
            if fingerprint(candidate) in island.seen:
                dropped.append(place)
            else:
                yield candidate
        if island.grammar is None:
            return
        rng = np.random.default_rng([island.seed, self.number])
        for _ in range(DUPLICATES * self.size):
            for proposed in island.grammar.ask(1, island.archive.parents(), rng):
                candidate = bench.setting.credited(proposed)
                if fingerprint(candidate) in island.seen:
                    island.grammar.drop(candidate, "proposed before")
                else:
                    yield candidate


def fingerprint(candidate: Candidate) -> int:
    """Of the key: 64 bits, since an island that lives long has many to remember."""
    return int.from_bytes(blake2b(candidate.key.encode(), digest_size=8).digest(), "little")


def _gate(island: Island, candidate: Candidate) -> float:
    """The group means are always judged: they are the forecast to beat."""
    leaders = island.archive.elites()[:1] if candidate.structure.features else []
    return GATE * leaders[0].score.train if leaders else math.inf
