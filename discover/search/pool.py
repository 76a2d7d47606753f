"""Worker processes of this machine, which do the tasks of a search; with one worker, this process does them."""

from __future__ import annotations

import errno
import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import parent_process
from typing import Generic, TypeVar

from threadpoolctl import threadpool_limits

from discover.search.processes import Workers
from discover.search.tasks import Bench, Setting, Task

TRIES = 3  # of a task whose workers end

Result = TypeVar("Result")
_bench: Bench | None = None  # of this worker process


@dataclass
class PoolTicket(Generic[Result]):
    """A task that the pool has taken; `result` waits for it."""

    pool: Pool
    task: Task[Result]
    future: Future[Result] | None = None

    def cancel(self) -> bool:
        """It is not needed any more. Whether it had not begun."""
        return self.future is None or self.future.cancel()

    def result(self) -> Result:
        if self.future is None:
            return self.task.run(self.pool.bench)
        for left in reversed(range(TRIES)):
            try:
                return self.future.result()
            except BrokenProcessPool:  # a worker was killed: start others and try again
                if left:
                    self.future = self.pool.again(self.task)
        return self.task.lost()


class Pool:
    """Worker processes that hold the setting. With one worker everything happens in this process."""

    def __init__(self, setting: Setting, workers: int) -> None:
        self.setting, self.workers = setting, workers
        self._bench: Bench | None = None
        self._executor: ProcessPoolExecutor | None = None
        self._processes = Workers()

    def __enter__(self) -> Pool:
        self._threads = one_thread()
        if self.workers > 1:
            self._executor = self._start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._executor is not None:
            # Nobody waits for what they are at. The executor's thread must have ended before Python does: at exit the
            # two race for a pipe, and the loser shows a traceback.
            self._processes.end()
            self._executor.shutdown(cancel_futures=True)
        self._threads.restore_original_limits()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.workers, self._processes, initializer=_initialise, initargs=(self.setting,))

    @property
    def bench(self) -> Bench:
        """The bench of this process."""
        if self._bench is None:
            self._bench = Bench(self.setting)
        return self._bench

    def submit(self, task: Task[Result]) -> PoolTicket[Result]:
        return PoolTicket(self, task, None if self._executor is None else self.again(task))

    def again(self, task: Task[Result]) -> Future[Result]:
        """Gives a task to the workers, to fresh ones if some were killed."""
        assert self._executor is not None
        try:
            return self._executor.submit(_work, task)
        except BrokenProcessPool:
            self._executor = self._start()
            return self._executor.submit(_work, task)


def _initialise(setting: Setting) -> None:
    global _bench
    one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _bench = Bench(setting)


def one_thread() -> threadpool_limits:
    """Linear algebra of this process in one thread: the matrices are small, and the workers have the processors."""
    return threadpool_limits(1, user_api="blas")


def _leave_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task[Result]) -> Result:
    assert _bench is not None
    try:
        return task.run(_bench)
    except (MemoryError, SystemError, OSError) as problem:
        if not _lacks_memory(problem):
            raise
        os._exit(1)  # there may be none left to say so with; the parent starts another worker


def _lacks_memory(problem: Exception) -> bool:
    """Whether there was no memory; where there is none for the exception either, Python raises a SystemError."""
    return not isinstance(problem, OSError) or problem.errno == errno.ENOMEM
