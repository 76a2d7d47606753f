"""Whether an engine works here: a start in a process of its own, and a table whose law it must find."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from discover.proposers.worker import Worker

ROWS = 40
FOUND = 0.05  # of the variance may be left by the law that a self-test has to find; a logarithm leaves more
LIMIT_S = 60.0


@dataclass(frozen=True)
class Probe:
    """What a start and a self-test showed.

    Attributes:
        works: the engine was ready, and found the law of the self-test.
        versions: of the engine and its runtime.
        start_s: seconds until it was ready; None if it never was.
        test_s: seconds of the self-test; None without one.
        reason: why it does not work, or None.
    """

    works: bool
    versions: Mapping[str, str]
    start_s: float | None
    test_s: float | None
    reason: str | None


def known_table() -> dict[str, Any]:
    """`x`, of one column, and `y`, standardised, of a power law with a floor: 40 rows of a job."""
    x = np.exp(np.linspace(-3.0, 3.0, ROWS))
    y = 0.5 + 1.2 * x**-0.34
    return {"x": x[:, None].tolist(), "y": ((y - y.mean()) / y.std()).tolist()}


def probe(
    worker: Worker,
    test: Mapping[str, Any],
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    waiting: Callable[[], None] = lambda: None,
    step_s: float = 1.0,
) -> Probe:
    """Starts an engine, gives it a job, and ends it again.

    Args:
        worker: that has not been started.
        test: the job; its law must leave hardly any variance of a standardised target.
        timeout_s: seconds for the start.
        waiting: called about every `step_s` seconds while the engine starts.
    """
    begin = clock()
    try:
        while (reason := worker.ready(step_s)) is not None and worker.dead is None and clock() - begin < timeout_s:
            waiting()
        waiting()
        versions = {name: str(value) for name, value in (worker.facts or {}).items()}
        if reason is not None:
            return Probe(False, versions, None, None, worker.dead or f"the engine was not ready after {timeout_s:g} s")
        start_s, begin = clock() - begin, clock()
        worker.submit(test, LIMIT_S)
        reply = worker.reply(LIMIT_S + 5.0)
        test_s = clock() - begin
    finally:
        worker.close()
    left = min((row.loss for row in reply.rows), default=None) if reply is not None else None
    if left is None:
        said = reply.problem if reply is not None and reply.problem else "no equation"
        return Probe(False, versions, start_s, test_s, f"the self-test failed: {said}")
    found = left < FOUND
    return Probe(found, versions, start_s, test_s, None if found else f"the self-test left {left:.0%} of the variance")
