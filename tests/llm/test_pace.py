"""A model that takes its time costs the search no time: counted in calls of functions, which no machine changes."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

from .servers import GOOD, ScriptedServer, Step, serve
from .test_session import question

CLIENT = "llm"
"""Name of the client's thread."""


class Calls(Counter[str]):
    """Calls of functions by thread; of this thread under the name `here`."""

    def _note(self, frame: object, event: str, argument: object) -> None:
        if event == "call":
            self[threading.current_thread().name] += 1

    def _note_here(self, frame: object, event: str, argument: object) -> None:
        self["here"] += event == "call"

    @contextmanager
    def of_new_threads(self) -> Iterator[None]:
        """Counts in threads that begin meanwhile, as long as they last."""
        threading.setprofile(self._note)
        try:
            yield
        finally:
            threading.setprofile(None)

    @contextmanager
    def here(self) -> Iterator[None]:
        """Counts in this thread."""
        sys.setprofile(self._note_here)
        try:
            yield
        finally:
            sys.setprofile(None)


def open_slow(url: str, folder: Path) -> Session:
    provider = OpenAIProvider(Endpoint("slow", url))
    return open_session(provider, folder, settings=Settings(), caps=Caps(), price=None, mask=str, head={})


def test_calls_in_flight_leave_the_search_and_the_processor_alone(tmp_path: Path) -> None:
    calls, slots = Calls(), Settings().slots
    with serve(ScriptedServer([], Step(GOOD, delay_s=600))) as server:
        with calls.of_new_threads():
            session = open_slow(server.url, tmp_path)
        for step in range(slots):
            session.ask(question(str(step)), answer_schema(4), step)
        while len(server.seen) < slots:  # the client's package is imported by the first call of a process
            time.sleep(0.005)
        before = calls[CLIENT]
        with calls.here():
            for step in range(300):
                assert session.collect(step) == []
                assert not session.ready
        time.sleep(1.0)
        woken = calls[CLIENT] - before
        session.close()
    assert before > 0
    assert woken < 1000  # a client that looks for answers every few milliseconds makes many thousands
    assert calls["here"] < 300 * 40


class Counted(LanguageModel):
    """Counts the calls that the searching thread makes for its model."""

    total = Calls()
    spent = 0

    def _counted(self, method: Callable[..., Any], *arguments: Any) -> Any:
        before = Counted.total["here"]
        try:
            return method(*arguments)
        finally:
            Counted.spent += Counted.total["here"] - before

    def ask(self, *arguments: Any) -> Any:
        return self._counted(super().ask, *arguments)

    def listen(self, *arguments: Any) -> Any:
        return self._counted(super().listen, *arguments)

    def tell(self, *arguments: Any) -> Any:
        return self._counted(super().tell, *arguments)

    def close(self) -> None:
        self._counted(super().close)


@pytest.mark.slow
def test_a_slow_model_takes_under_a_twentieth_of_a_real_search(tmp_path: Path) -> None:
    """No answer comes within such a search: all that a model costs is asking, hearing and waiting."""
    task = load_task("parallel")
    problem = problem_of(task)
    config = SearchConfig(seed=5, evaluations=160, seconds=None)
    alone: list[Any] = []
    search(problem, config, on_steps=alone.extend)
    with serve(ScriptedServer([], Step(GOOD, delay_s=600))) as server:
        session = open_slow(server.url, tmp_path)
        model = Counted(problem, task_card(task, problem), session)
        again: list[Any] = []
        with Counted.total.here():
            search(problem, config, on_steps=again.extend, advisers=[model])
    assert [step.told.candidate.key for step in again] == [step.told.candidate.key for step in alone]
    assert session.status.spent.calls == 2  # both were under way all the time, the second with laws to show
    assert 0 < Counted.spent < 0.05 * Counted.total["here"]
