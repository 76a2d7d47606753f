"""Worker processes that do not run the user's program again.

A spawned process of Python first runs the main module of its parent. Of a script without
`if __name__ == "__main__":` this is the whole script, so that every worker would begin a run of its own.
The workers here need nothing of it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any


@contextmanager
def no_main() -> Iterator[None]:
    """Processes that are spawned meanwhile find no main module of their parent to run."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Processes that are started meanwhile never hear Ctrl-C, which is their parent's to handle.

    To ignore it once they run would be late: what they import first takes seconds.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start would let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802 - the name is Python's
        with no_main(), no_interrupt():
            return SpawnProcess._Popen(process_obj)


class Workers(SpawnContext):
    """The context of worker processes: spawned, so that they inherit neither threads nor state of their parent."""

    def __init__(self) -> None:
        super().__init__()
        self._started: list[_Process] = []

    def Process(self, *args: Any, **named: Any) -> _Process:  # type: ignore[override]  # noqa: N802 - the name is Python's
        process = _Process(*args, **named)
        self._started.append(process)
        return process

    def end(self) -> None:
        """Ends the processes, whatever they are at."""
        for process in self._started:
            if process.is_alive():
                process.terminate()
