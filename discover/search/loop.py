"""The search: islands advance by epochs, elites travel between them; then a closer look at the best.

The epochs of all islands are numbered in turn. One epoch of every island is under way at a time; they are told in the
order of their numbers, and what an epoch is given depends on those that were told. So the course of a search depends on
the seed, the islands and the number of evaluations alone, whatever does the work and however fast it is. Scores that
are already known, from the journal of an interrupted run, are taken from there: replaying them brings the search to the
same state.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from discover.errors import InputError
from discover.fitting import FitResult
from discover.proposers.base import Adviser, Proposer, Told
from discover.proposers.engine_proposer import Circumstances
from discover.proposers.library import Library
from discover.proposers.logbook import Logbook
from discover.scoring import Problem, Score
from discover.scoring.stacking import Stack
from discover.search.archive import AddStatus, Archive, Leaders
from discover.search.guests import Guests, Handed
from discover.search.island import MOST_LEADERS, Epoch, EpochResult, Island, Step, packed_fingerprints
from discover.search.pool import Pool
from discover.search.settling import Settled, Settling
from discover.search.tally import Tally
from discover.search.tasks import Executor, Setting, Ticket
from discover.search.team import make_team
from discover.search.verdict import choose, closer_look, fits_of, simplest, weigh, without_twins

if TYPE_CHECKING:
    from distributed import Client

    from discover.search.cluster import Cluster

EPOCH = 16  # laws, where islands are few; of many a driver hears less often
LONGEST = 16  # times as many
ISLANDS = 2
EXCHANGE_EVERY = 192  # laws of all islands
NEWS = 16  # epochs of other islands, at most, whose candidates an island need not try again

# Why a search ended
BY_EVALUATIONS = "budget of evaluations reached"
BY_TIME = "budget of time reached"
SETTLED = "the forecast has settled"
FINAL_SHARE = 0.1  # of a time budget, kept for the closer look and for
LIMIT_SHARE = 0.03  # what is simpler than the chosen law and says the same

Known = Mapping[int, Mapping[str, Score]]


@dataclass(frozen=True)
class SearchConfig:
    """What decides the course of a search.

    Attributes:
        seed: of everything drawn.
        evaluations: candidates to score, or None.
        seconds: time to spend, or None. At least one of the two is given.
        proposers: names from `discover.search.team.PROPOSERS`.
        workers: processes that score; does not change the result.
        islands: populations that breed apart and exchange their best.
        until_settled: the search ends when it has settled, within the budget.
    """

    seed: int = 0
    evaluations: int | None = None
    seconds: float | None = 60.0
    proposers: tuple[str, ...] = ("library", "grammar")
    workers: int = 1
    islands: int = ISLANDS
    until_settled: bool = False


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: the chosen law with the fit to all train rows.
        finalists: the laws of the closer look: `best`, then the others by penalty.
        stack: their average, which is the forecast.
        evaluations: candidates scored.
        seconds: time spent.
        stopped: why the search ended.
        settled: how far the search had settled; None where nothing was searched.
        proposers: what each of them brought.
    """

    best: Told
    finalists: tuple[Told, ...]
    stack: Stack
    evaluations: int
    seconds: float
    stopped: str
    settled: Settled | None = None
    proposers: tuple[Tally, ...] = ()

    @property
    def fit(self) -> FitResult:
        return self.fits[0]

    @property
    def fits(self) -> list[FitResult]:
        """The fits of the finalists to all train rows."""
        return fits_of(self.finalists)


OnSteps = Callable[[Sequence[Step]], None]


def search(
    problem: Problem,
    config: SearchConfig,
    *,
    known: Known | None = None,
    on_steps: OnSteps | None = None,
    clock: Callable[[], float] = time.monotonic,
    proposers: Sequence[Proposer] | None = None,
    advisers: Sequence[Adviser] = (),
    logbook: Logbook | None = None,
    client: Client | None = None,
    note: Callable[[Told, AddStatus], bytes] | None = None,
) -> SearchResult:
    """Search a problem for the law that extrapolates best.

    Args:
        problem: train rows and declared knowledge.
        config: seed, budget, proposers, islands, workers.
        known: scores by the number of the epoch and `Candidate.key`, which are not computed again.
        on_steps: called with the steps of every epoch, in order. If it raises, the search ends with that error; a
            KeyboardInterrupt ends the search with what it has.
        clock: seconds; replaced in tests.
        proposers: instances to use instead of those that the configuration names.
        advisers: proposers from outside, who join the team.
        logbook: answers of engines in earlier sessions of the run, and who hears of new ones.
        client: of a Dask cluster whose workers score, in place of processes of this machine.
        note: writes what a journal says of a law, see `Step.note`; without it, every step has its law.

    Raises:
        InputError: the table is too small to hold rows out, no candidate could be fitted, or an unknown
            proposer is named.
    """
    if config.evaluations is None and config.seconds is None:
        raise InputError("a search needs a budget: a time or a number of evaluations")
    circumstances = Circumstances(config.evaluations is not None, logbook or Logbook(), config.seed, config.seconds)
    team = list(proposers) if proposers is not None else make_team(config.proposers, problem, circumstances)
    team += advisers
    published = {key: law for p in team if isinstance(p, Library) for key, law in p.laws.items()}
    setting = Setting(problem, published, note)
    try:
        if not problem.folds:
            raise InputError(
                f"no rows can be held out to judge laws on (rows: {len(problem.table)}, groups:"
                f" {problem.table.n_groups}); every group that is held out in part must keep at least two rows"
            )
        with executor_of(setting, config.workers, client) as executor:
            under_way = _Search(setting, config, executor, team, known or {}, clock)
            stopped = under_way.run(on_steps)
            return under_way.conclude(stopped)
    finally:
        for proposer in team:
            proposer.close()


def executor_of(setting: Setting, workers: int, client: Client | None) -> Pool | Cluster:
    """So many processes of this machine, or the workers of a cluster."""
    if client is None:
        return Pool(setting, workers)
    from discover.search.cluster import Cluster

    return Cluster(setting, client)


@dataclass
class _UnderWay:
    """An epoch that an executor works on, and what the island was handed for it."""

    number: int
    size: int
    ticket: Ticket[EpochResult]
    handed: list[Handed]


class _Search:
    """A search under way."""

    def __init__(
        self,
        setting: Setting,
        config: SearchConfig,
        executor: Executor,
        team: list[Proposer],
        known: Known,
        clock: Callable[[], float],
    ) -> None:
        self.setting, self.config, self.executor, self.known, self.clock = setting, config, executor, known, clock
        self.last_known = max(known, default=-1)
        self.begin = clock()
        self.guests = Guests(setting, team, config.seed)
        self.islands = self.new_islands()
        self.epoch = EPOCH * min(LONGEST, max(1, config.islands // 32))  # laws
        self.emigrants = [b""] * config.islands
        self.whole = setting.note is None or bool(self.guests.listening)
        self.archive, self.leaders = Archive(), Leaders[Step]()
        self.settling = Settling(setting, config.islands)
        self.news: deque[bytes] = deque(maxlen=min(config.islands, NEWS))  # fingerprints by epoch
        self.refused = ""
        self.epochs = self.told = 0
        self.enough = math.inf
        self.dry = 0  # epochs in a row without a law
        self.queue: deque[_UnderWay] = deque()
        self.index: dict[int, int] = {}  # number of a step by its place, see `Epoch.begin`
        self.places: list[int] = []

    def new_islands(self) -> list[Any]:
        """Islands without laws; what the grammar has to begin with is divided among them."""
        islands, grammar = list[Any](), self.guests.grammar
        first = [] if grammar is None else grammar.first
        for i in range(self.config.islands):
            if grammar is not None:
                grammar.first = first[i :: self.config.islands]
            islands.append(Island(self.config.seed, grammar).packed())
        return islands

    # -- the loop ---------------------------------------------------------------------------------------

    def run(self, on_steps: OnSteps | None) -> str:
        try:
            while True:
                while len(self.queue) < self.config.islands and (epoch := self.next_epoch()) is not None:
                    self.queue.append(epoch)
                if self.config.until_settled and self.settling.last.yes:
                    self.cancel()
                    return SETTLED
                if self.queue:
                    self.finish(self.queue.popleft(), on_steps)
                elif self.at_limit():
                    return BY_EVALUATIONS
                elif self.out_of_time():
                    return BY_TIME
                elif not self.guests.wait():
                    return "no more candidates"
        except KeyboardInterrupt:
            self.cancel()
            return "interrupted"

    def cancel(self) -> None:
        """What is under way is not needed any more."""
        for epoch in self.queue:
            epoch.ticket.cancel()

    def left(self) -> float:
        """Laws that the budget of evaluations has left when all epochs under way have theirs."""
        most = self.config.evaluations
        return math.inf if most is None else most - self.told - sum(epoch.size for epoch in self.queue)

    def at_limit(self) -> bool:
        return self.left() <= 0

    def out_of_time(self) -> bool:
        return self.overdue(FINAL_SHARE)

    def overdue(self, left: float = 0.0) -> bool:
        """Whether no more than a share of the time is left."""
        return self.time_left(left) <= 0

    def time_left(self, share: float = 0.0) -> float:
        """Seconds until no more than a share of the time is left."""
        seconds = self.config.seconds
        return math.inf if seconds is None else seconds * (1.0 - share) - (self.clock() - self.begin)

    def next_epoch(self) -> _UnderWay | None:
        """The next island sets out on its next epoch; none if the budget is spent or nobody has a candidate."""
        if self.at_limit() or self.out_of_time():
            return None
        number, islands = self.epochs, self.config.islands
        elites = self.archive.parents()
        self.guests.listen(elites)
        size = int(min(self.epoch, self.left()))
        handed = self.guests.hand(size, elites, first=number == 0)
        if not handed and (self.guests.grammar is None or self.dry >= islands):
            return None
        known = self.known.get(number, {})
        turn, island = divmod(number, islands)
        exchanges = turn % max(1, EXCHANGE_EVERY // (self.epoch * islands)) == 0
        epoch = Epoch(
            self.islands[island],
            number,
            number * self.epoch,
            size if number >= self.last_known else len(known),  # an epoch that was ended early is so again
            tuple(c.descended(tuple(self.places[i] for i in c.parents)) for _, c in handed),
            self.emigrants[island - 1] if exchanges and islands > 1 else b"",
            b"".join(self.news),
            known,
            time.time() + self.time_left(FINAL_SHARE) if number else math.inf,  # the first may begin late
            self.enough,
            self.whole,
        )
        self.epochs += 1
        return _UnderWay(number, size, self.executor.submit(epoch), handed)

    def finish(self, epoch: _UnderWay, on_steps: OnSteps | None) -> None:
        """Waits for an epoch, and tells what became of its laws."""
        if self.told and self.out_of_time() and epoch.ticket.cancel():
            return
        result, island = epoch.ticket.result(), epoch.number % self.config.islands
        if result.island is not None:
            self.islands[island] = result.island
            self.emigrants[island] = result.emigrants
        self.dry = 0 if result.steps else self.dry + 1
        self.refused = min(filter(None, (self.refused, result.refused)), default="")
        for step in result.steps:
            self.note(step)
        if on_steps is not None and result.steps:
            on_steps(result.steps)
        self.enough = self.leaders.keep(MOST_LEADERS)
        self.news.append(packed_fingerprints(result.steps))
        for place in result.dropped:
            self.guests.drop(epoch.handed[place])
        self.guests.tell(result.steps, room=epoch.size - len(epoch.handed))
        if self.settling.due(self.told):
            self.look()

    def note(self, step: Step) -> None:
        """A step of an island becomes one of the search."""
        self.index[step.index] = self.told
        self.places.append(step.index)
        step.index, step.parents = self.told, tuple(self.index[place] for place in step.parents)
        step.settled = self.settling.last.yes
        self.told += 1
        if step.law is not None:
            self.leaders.add(step, step.kind, step.fingerprint)
            self.settling.note(step)
            if step.status and self.guests.listening and step.told is not None:
                self.archive.add(step.told)

    def look(self) -> Settled:
        """How far the search has settled."""
        return self.settling.look(self.best(), self.told)

    def best(self) -> list[Told]:
        """The best laws so far."""
        return [step.told for step in self.leaders.all[:MOST_LEADERS] if step.told is not None]

    # -- the end ----------------------------------------------------------------------------------------

    def conclude(self, stopped: str) -> SearchResult:
        """Look closely at the best laws, and choose among them."""
        leaders = self.best()
        if not leaders:
            raise InputError(
                "no law could be fitted to this table"
                + (f"; the first reason was: {self.refused}" if self.refused else "")
            )
        setting, problem, settled = self.setting, self.setting.problem, self.look()
        finalists = closer_look(leaders, setting, self.executor, lambda: self.overdue(LIMIT_SHARE))
        finalists = [replace(told, candidate=told.candidate.attributed()) for told in finalists]
        finalists = without_twins(finalists, problem)
        stack = weigh(finalists, problem)
        place = choose(finalists, stack.weights, problem)
        finalists[place] = simplest(finalists[place], setting, self.executor, self.overdue)
        order = [place, *(i for i in range(len(finalists)) if i != place)]
        finalists, stack = [finalists[i] for i in order], replace(stack, weights=stack.weights[order])
        return SearchResult(
            finalists[0], tuple(finalists), stack, self.told, self.clock() - self.begin, stopped, settled,
            self.guests.tallies.final(self.guests.team, finalists),
        )  # fmt: skip
