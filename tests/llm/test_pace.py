"""A model that takes its time costs the search no time: measured as CPU time of the searching thread."""

from __future__ import annotations

import time
from pathlib import Path

from discover.llm.budget import Caps
from discover.llm.client import Endpoint, OpenAIProvider
from discover.llm.opening import open_session
from discover.llm.schema import answer_schema
from discover.llm.session import Session, Settings

from .servers import GOOD, ScriptedServer, Step, serve
from .test_session import question

STEPS = 300


def evaluate() -> float:
    """Stands for fitting and scoring a candidate: about 2 ms of work."""
    return sum((i % 7) ** 0.5 for i in range(20_000))


def seconds_of_search(session: Session | None) -> float:
    started = time.process_time()
    for step in range(STEPS):
        if session is not None:
            session.collect(step)
            if session.ready:
                session.ask(question(str(step)), answer_schema(4), step)
        evaluate()
    return time.process_time() - started


def test_calls_in_flight_take_under_a_twentieth_of_the_search(tmp_path: Path) -> None:
    with serve(ScriptedServer([], Step(GOOD, delay_s=20))) as server:
        provider = OpenAIProvider(Endpoint("slow", server.url))
        session = open_session(
            provider, tmp_path, settings=Settings(), caps=Caps(), price=None, mask=str, head={}
        )
        session.ask(question("first"), answer_schema(4), 0)
        while len(server.seen) < 1:  # the client's package is imported by the first call of a process
            time.sleep(0.005)
        pairs = [(seconds_of_search(None), seconds_of_search(session)) for _ in range(3)]
        session.close()
    assert min(slow / fast for fast, slow in pairs) < 1.05
