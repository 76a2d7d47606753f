"""A model that takes its time costs the search no time: measured as CPU time of the searching thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discover.data.tasks import load_task
from discover.llm.budget import Caps
from discover.llm.client import Endpoint, OpenAIProvider
from discover.llm.opening import open_session
from discover.llm.schema import answer_schema
from discover.llm.session import Session, Settings
from discover.proposers.brief import task_card
from discover.proposers.llm import LanguageModel
from discover.scoring import problem_of
from discover.search import SearchConfig, search
from discover.search.guests import Guests

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


class Timed(Guests):
    """Counts the CPU time that the searching thread spends on its guests."""

    spent_s = 0.0

    def _timed(self, method: Callable[..., Any], *arguments: Any) -> Any:
        started = time.thread_time()
        try:
            return method(*arguments)
        finally:
            Timed.spent_s += time.thread_time() - started

    def ask(self, *arguments: Any) -> Any:
        return self._timed(super().ask, *arguments)

    def judge(self, *arguments: Any) -> Any:
        return self._timed(super().judge, *arguments)

    def tell(self, *arguments: Any) -> Any:
        return self._timed(super().tell, *arguments)

    def close(self) -> None:
        self._timed(super().close)


def test_a_model_of_twenty_seconds_takes_under_a_twentieth_of_a_real_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer comes within such a search: all that a model costs is asking, hearing and waiting."""
    monkeypatch.setattr("discover.search.loop.Guests", Timed)
    task = load_task("parallel")
    problem = problem_of(task)
    config = SearchConfig(seed=5, evaluations=400, seconds=None)
    keys: list[str] = []
    search(problem, config, on_step=lambda step: keys.append(step.told.candidate.key))
    with serve(ScriptedServer([], Step(GOOD, delay_s=20))) as server:
        provider = OpenAIProvider(Endpoint("slow", server.url))
        session = open_session(
            provider, tmp_path, settings=Settings(), caps=Caps(), price=None, mask=str, head={}
        )
        guest = LanguageModel(problem, task_card(task, problem), session)
        Timed.spent_s = 0.0
        again: list[str] = []
        process, thread = time.process_time(), time.thread_time()
        search(problem, config, on_step=lambda step: again.append(step.told.candidate.key), guests=[guest])
        thread = time.thread_time() - thread
        process = time.process_time() - process
    assert again == keys
    assert session.status.spent.calls == 2  # both were under way all the time
    others = process - thread  # the client's thread, and the server's
    assert Timed.spent_s + others < 0.05 * thread
