"""The loop of an engine's process: a job in, an answer out, until the search closes the line.

Standard input is empty, and whatever the engine prints goes to a log; see `channel` for why. The first message says
`ready` with facts about the engine, or `failed` with the reason. Then every job gets a message with its `id` and
either `rows`, a list of [complexity, loss, equation], or `error`; and with `notes`, what the user should know, that the
work left in the job.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from discover.proposers.engines.channel import ChannelError, connect

Job = dict[str, Any]
Work = Callable[[Job], list[list[Any]]]
NICENESS = 5


def serve(start: Callable[[], tuple[dict[str, Any], Work]]) -> None:
    """Starts an engine, then works until the search is over or gone."""
    channel = connect()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        facts, work = start()
    except Exception as problem:  # engines fail to start in every way, with every type
        channel.send({"failed": _said(problem)})
        return
    try:
        channel.send({"ready": facts})
        while (job := channel.receive(None)) is not None:
            channel.send(_answer(job, work))
    except ChannelError:
        return


def _answer(job: Job, work: Work) -> dict[str, Any]:
    try:
        rows = work(job)
        return {"id": job["id"], "rows": rows, "notes": job.get("notes", [])}
    except Exception as problem:  # likewise
        return {"id": job["id"], "error": _said(problem)}


def _said(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"[:500]
