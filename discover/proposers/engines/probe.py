"""Whether an engine starts here, in a process of its own with a limit of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from discover.proposers.worker import Worker


@dataclass(frozen=True)
class Probe:
    """What a start showed.

    Attributes:
        works: the engine said that it is ready.
        versions: of the engine and its runtime.
        start_s: seconds until it was ready; None if it never was.
        reason: why it does not work, or None.
    """

    works: bool
    versions: Mapping[str, str]
    start_s: float | None
    reason: str | None


def probe(
    command: Sequence[str],
    environ: Mapping[str, str],
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Probe:
    """Starts an engine and ends it again."""
    worker = Worker(command, environ=environ, start_s=timeout_s)
    begin = clock()
    try:
        reason = worker.ready(timeout_s + 1.0)
    finally:
        worker.close()
    took = clock() - begin
    facts = {name: str(value) for name, value in (worker.facts or {}).items()}
    return Probe(reason is None, facts, took if reason is None else None, reason)
