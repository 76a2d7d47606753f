"""Scores candidates in worker processes, or here if one worker is enough. Results come in the order asked."""

from __future__ import annotations

import math
import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import parent_process
from types import TracebackType

from threadpoolctl import threadpool_limits

from discover.fitting import FitResult
from discover.fitting.fit import NORMAL
from discover.proposers.candidate import Candidate
from discover.scoring import Problem, Score, Scorer
from discover.scoring.score import FOLD_AGAIN, FOLD_EFFORT, INHERITED_EFFORT, SEARCH_EFFORT, SEARCH_ROWS, is_thinned
from discover.search.processes import Workers

TRIES = 3  # of a job whose workers end


class Scorers:
    """The quick scorer of the search, and the one of the closer look, on all rows."""

    def __init__(self, problem: Problem, cuts: int) -> None:
        self.quick = Scorer(problem, cuts, SEARCH_ROWS)
        thin = is_thinned(len(problem.table), SEARCH_ROWS)
        self.full = Scorer(problem, cuts) if thin else self.quick


_scorers: Scorers | None = None  # of this worker process


@dataclass(frozen=True)
class Job:
    """One candidate to score.

    Attributes:
        gate: train error above which it is not tried on the folds.
        closer: on all rows of a long table, with more effort, and with what it forecasts of the folds.
        start: the fit from which the closer look sets out; without one, what the candidate inherited.
    """

    candidate: Candidate
    gate: float = math.inf
    closer: bool = False
    start: FitResult | None = None


@dataclass
class Ticket:
    """A job that is being worked on; `result` waits for its score."""

    pool: Pool
    job: Job
    future: Future[Score] | None = None

    def cancel(self) -> None:
        """The score is not needed any more."""
        if self.future is not None:
            self.future.cancel()

    def result(self) -> Score:
        if self.future is None:
            return self.pool.here(self.job)
        for left in reversed(range(TRIES)):
            try:
                return self.future.result()
            except BrokenProcessPool:  # a worker was killed: start others and try again
                if left:
                    self.future = self.pool.again(self.job)
        return Score(refused="could not be scored: the worker processes ended while they tried")


class Pool:
    """Worker processes that hold the problem. With one worker everything happens in this process."""

    def __init__(self, problem: Problem, workers: int, cuts: int) -> None:
        self.problem, self.workers, self.cuts = problem, workers, cuts
        self._scorers: Scorers | None = None
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        self._threads = _one_thread()
        if self.workers > 1:
            self._executor = self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        self._threads.restore_original_limits()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.workers, Workers(), initializer=_initialise, initargs=(self.problem, self.cuts))

    @property
    def thin(self) -> bool:
        """Whether only the closer look is at all rows."""
        return is_thinned(len(self.problem.table), SEARCH_ROWS)

    def submit(self, job: Job) -> Ticket:
        if self._executor is None:
            return Ticket(self, job)
        try:
            return Ticket(self, job, self._executor.submit(_work, job))
        except BrokenProcessPool:
            return Ticket(self, job, self.again(job))

    def again(self, job: Job) -> Future[Score]:
        """Submit to fresh workers after some were killed."""
        try:
            assert self._executor is not None
            return self._executor.submit(_work, job)
        except BrokenProcessPool:
            self._executor = self._start()
            return self._executor.submit(_work, job)

    def here(self, job: Job) -> Score:
        if self._scorers is None:
            self._scorers = Scorers(self.problem, self.cuts)
        return _score(self._scorers, job)


def _initialise(problem: Problem, cuts: int) -> None:
    global _scorers
    _one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _scorers = Scorers(problem, cuts)


def _one_thread() -> threadpool_limits:
    """Linear algebra of this process in one thread: the matrices are small, and the workers have the processors."""
    return threadpool_limits(1, user_api="blas")


def _leave_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job) -> Score:
    assert _scorers is not None
    return _score(_scorers, job)


def _score(scorers: Scorers, job: Job) -> Score:
    candidate = job.candidate
    known = candidate.inherited if job.start is None else job.start.by_name
    scorer, effort, fold_effort = scorers.quick, INHERITED_EFFORT if known else SEARCH_EFFORT, FOLD_EFFORT
    if job.closer and scorers.full is scorers.quick:
        effort, fold_effort = NORMAL, FOLD_AGAIN
    elif job.closer:  # on a long table many starts would take too long
        scorer, effort = scorers.full, FOLD_EFFORT
    warm = [known] if known else []
    try:
        return scorer.score(
            candidate.structure, candidate.recipe, job.gate, candidate.published, effort, warm, fold_effort, job.closer
        )
    except Exception as error:  # one candidate must not end a search; the journal keeps what went wrong
        return Score(refused=f"could not be scored: {type(error).__name__}: {str(error)[:200]}")
