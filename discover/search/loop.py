"""The loop: ask proposers, score, add to the archive, tell; then a closer look at the best.

Candidates are asked for in batches of fixed size, and told in the order asked, with a fixed number of batches
under way. So the course of a search depends on the seed and the number of evaluations alone, whatever the
number of workers and however fast they are. Scores that are already known, from the journal of an interrupted
run, are taken from there: replaying them brings the search to the same state.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from discover.errors import InputError
from discover.fitting import FitResult
from discover.proposers.bandit import Bandit
from discover.proposers.base import Adviser, Proposer, Told, Waiting
from discover.proposers.candidate import Candidate
from discover.proposers.engine_proposer import Circumstances
from discover.proposers.library import Library, group_means
from discover.proposers.logbook import Logbook
from discover.scoring import CUTS, Problem, Score, fold_weights, merit
from discover.scoring.stacking import Stack
from discover.search.archive import AddStatus, Archive, shape_class
from discover.search.pool import Job, Pool, Ticket
from discover.search.tally import Tallies, Tally
from discover.search.team import make_team
from discover.search.verdict import choose, closer_look, fits_of, simplest, weigh, without_twins

BATCH = 16
ATTEMPTS = 6  # rounds of asking until a batch is full
LIBRARY = "library"
UNDER_WAY = 2  # batches
ISLANDS = 2
MIGRATE_EVERY = 12  # batches
MIGRANTS = 4
FINALISTS = 40
OF_A_KIND = 3  # finalists of one shape
GATE = 6.0  # train errors above this multiple of that of the island's best law are not tried on the folds
FINAL_SHARE = 0.15  # of a time budget, kept for the closer look and for
LIMIT_SHARE = 0.03  # what is simpler than the chosen law and says the same


@dataclass(frozen=True)
class SearchConfig:
    """What decides the course of a search.

    Attributes:
        seed: of everything drawn.
        evaluations: candidates to score, or None.
        seconds: time to spend, or None. At least one of the two is given.
        proposers: names from `discover.search.team.PROPOSERS`.
        workers: processes that score; does not change the result.
        cuts: cut points per axis of the inner folds.
    """

    seed: int = 0
    evaluations: int | None = None
    seconds: float | None = 60.0
    proposers: tuple[str, ...] = ("library", "grammar")
    workers: int = 1
    cuts: int = CUTS


@dataclass(frozen=True)
class Step:
    """One scored candidate and what the archive did with it.

    Attributes:
        told: candidate and score.
        status: of the archive.
        batch: number of the batch, from 0.
    """

    told: Told
    status: AddStatus
    batch: int = 0

    @property
    def index(self) -> int:
        return self.told.index


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: the chosen law with the fit to all train rows.
        finalists: the laws of the closer look: `best`, then the others by merit.
        stack: their average, which is the forecast.
        front: Pareto front of merit against complexity.
        evaluations: candidates scored.
        seconds: time spent.
        stopped: why the search ended.
        proposers: what each of them brought.
    """

    best: Told
    finalists: tuple[Told, ...]
    stack: Stack
    front: tuple[Told, ...]
    evaluations: int
    seconds: float
    stopped: str
    pay: Mapping[str, float] = field(default_factory=dict)
    proposers: tuple[Tally, ...] = ()

    @property
    def fit(self) -> FitResult:
        return self.fits[0]

    @property
    def fits(self) -> list[FitResult]:
        """The fits of the finalists to all train rows."""
        return fits_of(self.finalists)


OnStep = Callable[[Step], None]


def search(
    problem: Problem,
    config: SearchConfig,
    *,
    known: Mapping[str, Score] | None = None,
    on_step: OnStep | None = None,
    clock: Callable[[], float] = time.monotonic,
    proposers: Sequence[Proposer] | None = None,
    advisers: Sequence[Adviser] = (),
    logbook: Logbook | None = None,
) -> SearchResult:
    """Search a problem for the law that extrapolates best.

    Args:
        problem: train rows and declared knowledge.
        config: seed, budget, proposers, workers.
        known: scores by `Candidate.key`, which are not computed again.
        on_step: called after every step, in order. If it raises, the search ends with that error; a
            KeyboardInterrupt ends the search with what it has.
        clock: seconds; replaced in tests.
        proposers: instances to use instead of those that the configuration names.
        advisers: proposers from outside, who join the team.
        logbook: answers of engines in earlier sessions of the run, and who hears of new ones.

    Raises:
        InputError: the table is too small to hold rows out, no candidate could be fitted, or an unknown
            proposer is named.
    """
    if config.evaluations is None and config.seconds is None:
        raise InputError("a search needs a budget: a time or a number of evaluations")
    circumstances = Circumstances(config.evaluations is not None, logbook or Logbook(), config.seed, config.seconds)
    team = list(proposers) if proposers is not None else make_team(config.proposers, problem, circumstances)
    team += advisers
    try:
        with Pool(problem, config.workers, config.cuts) as pool:
            state = _State(problem, config, pool, team, dict(known or {}), clock)
            stopped = state.run(on_step)
            return state.conclude(stopped)
    finally:
        for proposer in team:
            proposer.close()


@dataclass
class _Batch:
    number: int
    island: int
    candidates: list[Candidate]
    tickets: list[Ticket | Score]


class _State:
    """A search under way."""

    def __init__(
        self,
        problem: Problem,
        config: SearchConfig,
        pool: Pool,
        team: list[Proposer],
        known: dict[str, Score],
        clock: Callable[[], float],
    ) -> None:
        self.problem, self.config, self.pool = problem, config, pool
        self.team, self.known = team, known
        self.advisers = [p for p in team if isinstance(p, Adviser)]
        self.clock = clock
        self.begin = clock()
        self.rng = np.random.default_rng(config.seed)
        self.weights = np.array(fold_weights(problem, config.cuts))
        if not len(self.weights):
            raise InputError(
                f"no rows can be held out to judge laws on (rows: {len(problem.table)}, groups:"
                f" {problem.table.n_groups}); every group that is held out in part must keep at least two rows"
            )
        self.islands = [Archive() for _ in range(ISLANDS)]
        self.bandit = Bandit([p.name for p in team if p.name != LIBRARY])
        self.published = {key: law for p in team if isinstance(p, Library) for key, law in p.laws.items()}
        self.seen: set[str] = set()
        self.tallies = Tallies()
        self.asked = 0
        self.told: list[Told] = []
        self.batches = 0

    # -- the loop ---------------------------------------------------------------------------------------

    def run(self, on_step: OnStep | None) -> str:
        queue: deque[_Batch] = deque()
        try:
            while True:
                while len(queue) < UNDER_WAY and (batch := self.next_batch()) is not None:
                    queue.append(batch)
                if not queue:
                    if self.at_limit():
                        return "budget of evaluations reached"
                    if self.out_of_time():
                        return "budget of time reached"
                    if not self.wait():
                        return "no more candidates"
                    continue
                self.finish(queue.popleft(), on_step)
                if self.out_of_time():
                    return "budget of time reached"
        except KeyboardInterrupt:
            return "interrupted"

    def wait(self) -> bool:
        """Nobody has a candidate: whether someone expects an answer, for which its next `ask` waits."""
        waits = [proposer.wait() for proposer in self.team if isinstance(proposer, Waiting)]
        return any(waits)

    def at_limit(self) -> bool:
        return self.config.evaluations is not None and self.asked >= self.config.evaluations

    def out_of_time(self) -> bool:
        return self.overdue(FINAL_SHARE)

    def overdue(self, left: float = 0.0) -> bool:
        """Whether no more than a share of the time is left."""
        seconds = self.config.seconds
        return seconds is not None and self.clock() - self.begin >= seconds * (1.0 - left)

    def next_batch(self) -> _Batch | None:
        if self.at_limit() or self.out_of_time():
            return None
        for adviser in self.advisers:
            adviser.listen(self.all_parents())
        size = BATCH
        if self.config.evaluations is not None:
            size = min(size, self.config.evaluations - self.asked)
        for turn in range(ISLANDS):
            island = (self.batches + turn) % ISLANDS
            candidates = list(self.gather(size, island))
            if candidates:
                break
        else:
            return None
        self.batches += 1
        self.asked += len(candidates)
        leaders = self.islands[island].elites()[:1]
        gate = GATE * leaders[0].score.train if leaders else math.inf
        tickets = [self.known.get(c.key) or self.pool.submit(Job(c, _gate(c, gate))) for c in candidates]
        return _Batch(self.batches - 1, island, candidates, tickets)

    def gather(self, size: int, island: int) -> Iterator[Candidate]:
        """New candidates: at most half from the library, the rest by the bandit's shares of the others."""
        elites = self.parents(island)
        fresh: list[tuple[Proposer | None, Candidate]] = [] if self.batches else [(None, group_means(self.problem))]
        for proposer in self.team:
            if proposer.name == LIBRARY:
                room = size // 2 if self.batches else size - len(fresh)
                fresh += [(proposer, c) for c in self.tallies.ask(proposer, room, elites, self.rng)]
        left = size
        for attempt in range(ATTEMPTS):
            for sender, proposed in fresh:
                if not left:
                    break
                candidate = self.credited(proposed)
                if candidate.key in self.seen:
                    if sender is not None:
                        sender.drop(candidate, "proposed before")
                    continue
                self.seen.add(candidate.key)
                left -= 1
                yield candidate
            if not left:
                break
            fresh = self.from_others(left, elites, everyone=attempt > 0)

    def credited(self, candidate: Candidate) -> Candidate:
        """The candidate, or the published law that it is, whoever proposed it: one function has one score."""
        law = self.published.get(candidate.law_key)
        return candidate if law is None or candidate.published else candidate.as_law(law)

    def parents(self, island: int) -> list[Told]:
        """The elites of an island, or of all of them where it has no law but the group means."""
        own = self.islands[island].parents()
        if any(told.candidate.structure.features for told in own):
            return own
        return [told for archive in self.islands for told in archive.parents()]

    def all_parents(self) -> list[Told]:
        """The elites of all islands, best first."""
        elites = {told.index: told for archive in self.islands for told in archive.parents()}
        return sorted(elites.values(), key=lambda told: (told.merit, told.index))

    def from_others(self, n: int, elites: list[Told], everyone: bool) -> list[tuple[Proposer | None, Candidate]]:
        """Candidates of the proposers that the bandit draws, or of everyone where those had none."""
        counts: dict[str, int] = {}
        arms = [] if everyone else self.arms(elites)
        for _ in range(n if arms else 0):
            arm = self.bandit.draw(self.rng, arms)
            counts[arm] = counts.get(arm, 0) + 1
        out: list[tuple[Proposer | None, Candidate]] = []
        for proposer in self.team:
            fresh = {c.key for _, c in out} - self.seen
            share = n - len(fresh) if everyone else counts.get(proposer.name, 0)
            if share > 0:
                out += [(proposer, c) for c in self.tallies.ask(proposer, share, elites, self.rng)]
        return out

    def arms(self, elites: list[Told]) -> list[str]:
        """Who can be drawn. As long as an engine has nothing to say, the search is the same as without it."""
        for proposer in self.team:
            if isinstance(proposer, Waiting) and not proposer.ready:
                proposer.ask(0, elites, self.rng)
        idle = {p.name for p in self.team if isinstance(p, Waiting) and not p.ready}
        return [arm for arm in self.bandit.arms if arm not in idle]

    def finish(self, batch: _Batch, on_step: OnStep | None) -> None:
        archive = self.islands[batch.island]
        results = []
        for candidate, ticket in zip(batch.candidates, batch.tickets, strict=True):
            score = ticket if isinstance(ticket, Score) else ticket.result()
            told, status = self.judge(candidate, score, archive)
            results.append(told)
            self.note(Step(told, status, batch.number), on_step)
        for proposer in self.team:
            proposer.tell(results)
        if self.batches % MIGRATE_EVERY == 0:
            self.migrate()

    def note(self, step: Step, on_step: OnStep | None) -> None:
        self.told.append(step.told)
        if on_step is not None:
            on_step(step)

    def judge(self, candidate: Candidate, score: Score, archive: Archive) -> tuple[Told, AddStatus]:
        """What the archive does with a candidate. It pays who proposed it, and an adviser if it made the best law."""
        value = merit(score, self.weights, self.problem.rules.penalty)
        best = min((told.merit for told in archive.elites()[:1]), default=math.inf)
        told = Told(len(self.told), candidate, score, value, added=False)
        status = archive.add(told)
        if status:
            told = Told(told.index, candidate, score, value, added=True)
        arm = candidate.origin.partition(":")[0]
        self.bandit.reward(arm, bool(status))
        for adviser in self.advisers if value < best else ():
            if adviser.name != arm and adviser.inspired(candidate):
                self.bandit.reward(adviser.name, True)
        return told, status

    def migrate(self) -> None:
        """The best of every island are offered to the others."""
        best = [archive.elites()[:MIGRANTS] for archive in self.islands]
        for i, archive in enumerate(self.islands):
            for j, migrants in enumerate(best):
                if i != j:
                    for told in migrants:
                        archive.add(told)

    # -- the end ----------------------------------------------------------------------------------------

    def conclude(self, stopped: str) -> SearchResult:
        """Fit and score the best laws again with more effort, and choose among them."""
        merged = Archive()
        for archive in self.islands:
            for told in archive.elites():
                merged.add(told)
        leaders = self.leaders()
        if not leaders:
            reasons = {t.score.refused for t in self.told if t.score.refused}
            raise InputError(
                "no law could be fitted to this table"
                + (f"; the first reason was: {sorted(reasons)[0]}" if reasons else "")
            )
        pool, weights, rule = self.pool, self.weights, self.problem.rules.penalty
        finalists = closer_look(leaders, pool, weights, rule, lambda: self.overdue(LIMIT_SHARE))
        finalists = [replace(told, candidate=told.candidate.attributed()) for told in finalists]
        finalists = without_twins(finalists, self.problem)
        stack = weigh(finalists, self.problem)
        place = choose(finalists, stack.weights, self.problem)
        finalists[place] = simplest(finalists[place], self.problem, pool, weights, rule, self.overdue)
        order = [place, *(i for i in range(len(finalists)) if i != place)]
        finalists, stack = [finalists[i] for i in order], replace(stack, weights=stack.weights[order])
        return SearchResult(
            finalists[0], tuple(finalists), stack, tuple(merged.front()), len(self.told),
            self.clock() - self.begin, stopped, self.bandit.shares,
            self.tallies.final(self.team, self.told, finalists),
        )  # fmt: skip

    def leaders(self) -> list[Told]:
        """The best steps with different laws or recipes."""
        ranked = sorted((t for t in self.told if math.isfinite(t.merit)), key=lambda t: (t.merit, t.index))
        return _of_all_kinds(ranked, FINALISTS)


def _of_all_kinds(ranked: Sequence[Told], most: int) -> list[Told]:
    """The first of a ranking, few of each kind of law: variants of the leader would take all the places."""
    taken: list[Told] = []
    counts: dict[str, int] = {}
    for told in ranked:
        kind = shape_class(told.candidate.structure.expr)
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= OF_A_KIND:
            taken.append(told)
        if len(taken) == most:
            break
    return taken


def _gate(candidate: Candidate, gate: float) -> float:
    """The group means are always judged: they are the forecast to beat."""
    return math.inf if not candidate.structure.features else gate
