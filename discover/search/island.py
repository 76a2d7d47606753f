"""An island: a population of laws that breeds by itself, an epoch at a time.

An epoch is a task. It takes the island as the last epoch left it, the laws that came from elsewhere, and a number of
laws to score; its random numbers are of the search's seed and the epoch's number. So what becomes of an island depends
on these alone.
"""

from __future__ import annotations

import math
import pickle
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.grammar import Grammar
from discover.scoring import Problem, Refused, Score
from discover.search.archive import AddStatus, Archive, Leaders, shape_class
from discover.search.tasks import Bench, Job

MIGRANTS = 4
MOST_LEADERS = 40  # laws that a search looks at closely in the end
GATE = 6.0  # train errors above this multiple of that of the island's best law are not tried on the folds
DUPLICATES = 6  # proposals that were tried before, for every law of an epoch, after which the epoch ends


@dataclass
class Island:
    """What an island is between two epochs.

    Attributes:
        seed: of the search.
        grammar: proposes laws here; None where none takes part.
        archive: the elites, which breed.
        leaders: the best laws that were scored here, as the search has them of all islands.
        seen: fingerprints of the candidates tried here, and of those that this island was told of.
    """

    seed: int
    grammar: Grammar | None
    archive: Archive = field(default_factory=Archive)
    leaders: Leaders[Told] = field(default_factory=Leaders)
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


@dataclass(slots=True)
class Step:
    """One scored candidate and what the archive of its island did with it. Of most the driver needs little.

    Attributes:
        index: number of the step; while it is with its epoch, its place, see `Epoch.begin`.
        batch: number of the epoch, from 0, over all islands.
        origin, parents: of the candidate.
        fingerprint: of the candidate.
        penalty: of the law.
        status: of the archive.
        note: what the journal says of the law, see `Setting.note`.
        kind: shape of the law.
        published: it is a law of the library.
        law: what `told` is made of: candidate and score as the epoch has them, which may be packed; of published laws
            and of those that may be among the best, of others only where somebody wants all.
        settled: the search had settled before it, see `discover.search.settling`.
    """

    index: int
    batch: int
    origin: str
    parents: tuple[int, ...]
    fingerprint: int
    penalty: float
    status: AddStatus
    note: bytes
    kind: str = ""
    published: bool = False
    law: Told | bytes | None = None
    settled: bool = False

    def __reduce__(self) -> tuple[object, ...]:
        """As a call with all values: one driver unpacks the steps of hundreds of workers."""
        return Step, tuple(getattr(self, name) for name in self.__slots__)

    @property
    def told(self) -> Told | None:
        """Candidate and score; unpacked when somebody asks, since of most laws nobody does."""
        law: Told | None = pickle.loads(self.law) if isinstance(self.law, bytes) else self.law
        if law is not None and law.index != self.index:
            law = replace(law, index=self.index, candidate=law.candidate.descended(self.parents))
        self.law = law
        return law


@dataclass(frozen=True)
class EpochResult:
    """What an epoch brought.

    Attributes:
        island: as the next epoch takes it; None if the epoch was lost, and the island is as it was.
        steps: in order.
        dropped: places, among those handed over, of candidates that had been tried here.
        emigrants: the best of the island, packed.
        refused: the reason why one of the laws was refused, if any was.
    """

    island: Any = None
    steps: tuple[Step, ...] = ()
    dropped: tuple[int, ...] = ()
    emigrants: bytes = b""
    refused: str = ""


@dataclass(frozen=True)
class Epoch:
    """A task: an island breeds and scores a number of laws.

    Attributes:
        island: packed; an executor may hold it in a form of its own until the task runs.
        number: of the epoch, over all islands.
        begin: place of its first step; parents of candidates are places, too.
        size: laws to score.
        handed: candidates from elsewhere, which come first.
        migrants: elites of another island, packed.
        tried: fingerprints of candidates tried elsewhere, see `packed_fingerprints`.
        known: scores by `Candidate.key`, which are not computed again.
        until: when to end early, as `time.time` counts.
        enough: the penalty above which a law is not among the best of all islands.
        whole: every step is to have its law.
    """

    island: Any
    number: int
    begin: int
    size: int
    handed: tuple[Candidate, ...] = ()
    migrants: bytes = b""
    tried: bytes = b""
    known: Mapping[str, Score] = field(default_factory=dict)
    until: float = math.inf
    enough: float = math.inf
    whole: bool = False

    def run(self, bench: Bench) -> EpochResult:
        island = Island.unpacked(self.island, bench.setting.problem)
        for told in pickle.loads(self.migrants) if self.migrants else ():
            island.archive.add(told)
        island.seen.update(value for (value,) in struct.iter_unpack("<Q", self.tried))
        laws: list[tuple[Told, AddStatus]] = []
        dropped: list[int] = []
        candidates = self._candidates(island, bench, dropped)
        while len(laws) < self.size and time.time() < self.until:
            candidate = next(candidates, None)
            if candidate is None:
                break
            bare = replace(candidate, inherited={})  # only the fit needs to know where to set out
            island.seen.add(fingerprint(bare.key))
            score = self.known.get(bare.key) or Job(candidate, _gate(island, candidate)).run(bench)
            told = Told(self.begin + len(laws), bare, score, bench.setting.penalty(score), added=True)
            status = island.archive.add(told)
            told = told if status else replace(told, added=False)
            island.leaders.add(told, shape_class(bare.structure.expr), bare.key)
            laws.append((told, status))
            if island.grammar is not None:
                island.grammar.tell([told])
        island.leaders.keep(MOST_LEADERS)
        best = {told.index for i, told in enumerate(island.leaders.all) if not i or told.penalty <= self.enough}
        return EpochResult(
            island.packed(),
            tuple(self._step(told, status, bench, told.index in best) for told, status in laws),
            tuple(dropped),
            pickle.dumps(island.archive.elites()[:MIGRANTS], pickle.HIGHEST_PROTOCOL),
            min((told.score.reason for told, _ in laws if isinstance(told.score, Refused)), default=""),
        )

    def _step(self, told: Told, status: AddStatus, bench: Bench, best: bool) -> Step:
        candidate, note = told.candidate, bench.setting.note
        return Step(
            told.index, self.number, candidate.origin, candidate.parents, fingerprint(candidate.key), told.penalty,
            status, b"" if note is None else note(told, status), shape_class(candidate.structure.expr),
            candidate.published, told if self.whole or best or candidate.published else None,
        )  # fmt: skip

    def lost(self) -> EpochResult:
        return EpochResult()

    def _candidates(self, island: Island, bench: Bench, dropped: list[int]) -> Iterator[Candidate]:
        """New candidates, those handed over first; every one is bred from all steps before it."""
        for place, candidate in enumerate(self.handed):
            if fingerprint(candidate.key) in island.seen:
                dropped.append(place)
            else:
                yield candidate
        if island.grammar is None:
            return
        rng = np.random.default_rng([island.seed, self.number])
        for _ in range(DUPLICATES * self.size):
            for proposed in island.grammar.ask(1, island.archive.parents(), rng):
                candidate = bench.setting.credited(proposed)
                if fingerprint(candidate.key) in island.seen:
                    island.grammar.drop(candidate, "proposed before")
                else:
                    yield candidate


def fingerprint(key: str) -> int:
    """Of the key of a candidate: 64 bits, since an island that lives long has many to remember."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")


def packed_fingerprints(steps: Iterable[Step]) -> bytes:
    """The fingerprints of steps, to hand on to other islands."""
    prints = [step.fingerprint for step in steps]
    return struct.pack(f"<{len(prints)}Q", *prints)


def _gate(island: Island, candidate: Candidate) -> float:
    """The group means are always judged: they are the forecast to beat."""
    leaders = island.archive.elites()[:1] if candidate.structure.features else []
    return GATE * leaders[0].score.train if leaders else math.inf
