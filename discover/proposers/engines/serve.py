"""The loop of an engine's process: one JSON object per line in, one out.

Standard output belongs to the answers; whatever the engine prints goes to standard error. The first line says
`ready` with facts about the engine, or `failed` with the reason. Then every job gets a line with its `id` and
either `rows`, a list of [complexity, loss, equation], or `error`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

Job = dict[str, Any]
Work = Callable[[Job], list[list[Any]]]
NICENESS = 5


def serve(start: Callable[[], tuple[dict[str, Any], Work]]) -> None:
    """Starts an engine, then works until standard input ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    die_with_parent()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        facts, work = start()
    except Exception as problem:  # engines fail to start in every way, with every type
        _say(out, {"failed": f"{type(problem).__name__}: {problem}"[:500]})
        return
    _say(out, {"ready": facts})
    for line in sys.stdin:
        _say(out, _answer(json.loads(line), work))


def _answer(job: Job, work: Work) -> dict[str, Any]:
    try:
        return {"id": job["id"], "rows": work(job)}
    except Exception as problem:  # likewise
        return {"id": job["id"], "error": f"{type(problem).__name__}: {problem}"[:500]}


def _say(out: Any, message: dict[str, Any]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def die_with_parent() -> None:
    """Asks the system to end this process when the one that started it dies, where it can."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)
    except (OSError, AttributeError):  # a C library without it: jobs are short, and input ends after them
        return
