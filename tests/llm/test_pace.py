"""A model that takes its time costs the search no time: measured as CPU time of the searching thread."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from discover.data.tasks import load_task
from discover.llm.budget import Caps
from discover.llm.client import Endpoint, OpenAIProvider
from discover.llm.opening import open_session
from discover.llm.schema import answer_schema
from discover.llm.session import Session, Settings
from discover.proposers.brief import task_card
from discover.proposers.llm import LanguageModel
from discover.scoring import Problem, problem_of
from discover.search import SearchConfig, search

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


def seconds_of_whole_search(problem: Problem, guest: LanguageModel | None) -> tuple[float, list[str]]:
    """CPU time of this process in a search with one worker, all threads, and the laws that it tried."""
    keys: list[str] = []
    config = SearchConfig(seed=5, evaluations=400, seconds=None)
    started = time.process_time()
    search(
        problem,
        config,
        on_step=lambda step: keys.append(step.told.candidate.key),
        guests=[] if guest is None else [guest],
    )
    return time.process_time() - started, keys


@pytest.mark.slow
def test_a_model_of_twenty_seconds_takes_under_a_twentieth_of_a_real_search(tmp_path: Path) -> None:
    """No answer comes within such a search: all that a model costs is asking and waiting."""
    task = load_task("parallel")
    problem = problem_of(task)
    pairs = []
    with serve(ScriptedServer([], Step(GOOD, delay_s=20))) as server:
        for i in range(4):
            folder = tmp_path / str(i)
            folder.mkdir()
            session = open_session(
                OpenAIProvider(Endpoint("slow", server.url)),
                folder,
                settings=Settings(),
                caps=Caps(),
                price=None,
                mask=str,
                head={},
            )
            guest = LanguageModel(problem, task_card(task, problem), session)
            pairs.append((seconds_of_whole_search(problem, None), seconds_of_whole_search(problem, guest)))
            assert session.status.spent.calls == 2  # both were under way all the time
    pairs = pairs[1:]  # the first compiles and imports
    assert all(alone[1] == together[1] for alone, together in pairs)
    alone_s, together_s = (min(pair[i][0] for pair in pairs) for i in (0, 1))
    assert together_s < 1.05 * alone_s
