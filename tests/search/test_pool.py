"""What becomes of a job whose worker processes end."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children

import pytest

from discover.expressions import parse
from discover.fitting import Recipe, Structure
from discover.proposers.candidate import Candidate
from discover.scoring import Refused, Score, Scored
from discover.search import pool as worker
from discover.search.pool import TRIES, Pool
from discover.search.processes import Workers
from discover.search.tasks import Job, Setting
from tests.scoring.problems import chinchilla

JOB = Job(Candidate(Structure(parse("E", ())), Recipe(), "library:group_means"))


class Killed(Pool):
    """Workers that end at every try but those from a number on."""

    def __init__(self, good_from: int) -> None:
        super().__init__(Setting(chinchilla()), 2)
        self.tries, self.good_from = 0, good_from

        self._executor = object()

    def again(self, job: Job) -> Future[Score]:
        self.tries += 1
        future: Future[Score] = Future()
        if self.tries >= self.good_from:
            future.set_result(Refused(reason="a stand-in", train=0.5))
        else:
            future.set_exception(BrokenProcessPool())
        return future


def test_a_job_that_ends_its_workers_is_not_given_to_further_ones() -> None:
    pool = Killed(good_from=99)
    assert "worker processes ended" in pool.submit(JOB).result().reason
    assert pool.tries == TRIES


def test_a_job_whose_worker_was_killed_once_is_tried_again() -> None:
    pool = Killed(good_from=2)
    assert pool.submit(JOB).result().train == 0.5
    assert pool.tries == 2


class Failing:
    """A task that fails."""

    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def run(self, bench: object) -> None:
        raise self.problem


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(worker, "_bench", object())
    monkeypatch.setattr("os._exit", gone)


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize(
    "problem",
    [MemoryError(), SystemError("returned NULL without setting an exception"), OSError(errno.ENOMEM, "no memory")],
)
def test_a_worker_that_finds_no_memory_ends(problem: Exception) -> None:
    with pytest.raises(SystemExit):
        worker._work(Failing(problem))


@pytest.mark.usefixtures("ending")
def test_any_other_failure_of_a_task_reaches_the_parent() -> None:
    for problem in (OSError(errno.ENOSPC, "disk full"), ValueError("a mistake")):
        with pytest.raises(type(problem)):
            worker._work(Failing(problem))


def test_a_candidate_keeps_its_key_on_the_way_to_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    key, packed = JOB.candidate.key, pickle.dumps(JOB.candidate)
    monkeypatch.setattr("discover.proposers.candidate.skeleton", None)  # as it takes the driver's time
    there = pickle.loads(packed)
    child = there.descended((3,))
    assert (child.key, child.parents, there.parents) == (key, (3,), ())
    assert child.structure is there.structure


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs signals of POSIX")
def test_a_worker_hears_no_ctrl_c_from_its_birth(capfd: pytest.CaptureFixture[str]) -> None:
    worker = Workers().Process(target=os.getpid)
    worker.start()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGINT)
    worker.join()
    assert (worker.exitcode, capfd.readouterr().err) == (0, "")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


class Sleep:
    """A task that nobody will wait for."""

    def run(self, bench: object) -> None:
        time.sleep(600)


def test_a_pool_that_ends_leaves_no_process_and_no_thread() -> None:
    before = set(threading.enumerate())
    begun = time.monotonic()
    with Pool(Setting(chinchilla()), 2) as pool:
        assert isinstance(pool.submit(JOB).result(), Scored | Refused)
        for _ in range(6):
            pool.submit(Sleep())
        processes = [process for process in active_children() if type(process).__name__ == "_Process"]
    assert processes
    assert not any(process.is_alive() for process in processes)
    assert set(threading.enumerate()) <= before
    assert time.monotonic() - begun < 300
