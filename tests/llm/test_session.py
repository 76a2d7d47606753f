"""Worker, session and record: nothing waits, caps stop the asking, a replay is the same run."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discover.errors import InputError
from discover.llm.budget import Caps, Price
from discover.llm.config import ModelConfig
from discover.llm.opening import open_live as open_endpoint
from discover.llm.opening import open_replay, open_session
from discover.llm.provider import Completion, Message, Problem, Reason, Request, Usage
from discover.llm.replay import FILE_NAME, load_record
from discover.llm.schema import answer_schema
from discover.llm.session import Session, Settings, format_status
from discover.llm.worker import Worker

SCHEMA = answer_schema(2)
SETTINGS = Settings(slots=3, max_tokens=128)


class ScriptedProvider:
    """Answers from a function of the request; keeps the questions. Negative delays never end."""

    heard = ""

    def __init__(self, answer: Callable[[Request], Completion] | None = None, delay_s: float = 0.0) -> None:
        self.asked: list[Request] = []
        self._answer = answer or (lambda request: Completion(f"answer {request.number}", usage=Usage(10, 5)))
        self._delay_s = delay_s

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request)
        await asyncio.sleep(self._delay_s if self._delay_s >= 0 else 3600)
        return self._answer(request)


def question(text: str) -> tuple[Message, ...]:
    return (Message("system", "s"), Message("user", text))


def open_live(provider: Any, folder: Path, **kwargs: Any) -> Session:
    options: dict[str, Any] = {"settings": SETTINGS, "caps": Caps(), "price": None, "mask": str, "head": {}}
    return open_session(provider, folder, **(options | kwargs))


def collect_all(session: Session, step: int, count: int) -> list[Completion]:
    """Polls one step until `count` answers are in; only tests wait."""
    found: list[Completion] = []
    deadline = time.monotonic() + 120
    while len(found) < count and time.monotonic() < deadline:
        found += [arrival.completion for arrival in session.collect(step)]
        time.sleep(0.002)
    return found


def test_asking_and_polling_do_not_wait_for_a_slow_model(tmp_path: Path) -> None:
    session = open_live(ScriptedProvider(delay_s=-1), tmp_path)
    for step in range(1000):  # a single wait for an answer would last an hour
        session.ask(question(str(step)), SCHEMA, step)
        assert session.collect(step) == []
    assert not session.ready
    session.close()
    assert session.status.spent.calls == 3
    assert session.status.spent.estimated


def test_closing_ends_the_thread_and_every_call(tmp_path: Path) -> None:
    before = threading.active_count()
    session = open_live(ScriptedProvider(delay_s=-1), tmp_path)
    session.ask(question("a"), SCHEMA, 0)
    session.close()
    session.close()
    assert threading.active_count() == before
    assert session.ask(question("b"), SCHEMA, 1) is None
    assert session.collect(2) == []


def test_closing_does_not_wait_for_a_provider_that_blocks() -> None:
    release = threading.Event()

    class Blocking:
        heard = ""

        async def complete(self, request: Request) -> Completion:
            release.wait(600)
            return Completion("late")

    worker = Worker(Blocking())
    worker.submit(Request(question("a")), 0)
    worker.close(timeout_s=0.1)
    assert worker._thread.is_alive()  # it blocks still, and closing is over
    release.set()
    worker._thread.join(120)
    assert not worker._thread.is_alive()


def test_a_mistake_in_a_provider_is_a_failed_call(tmp_path: Path) -> None:
    def answer(request: Request) -> Completion:
        raise ZeroDivisionError("secret words")

    session = open_live(ScriptedProvider(answer), tmp_path)
    session.ask(question("a"), SCHEMA, 0)
    (completion,) = collect_all(session, 0, 1)
    session.close()
    assert completion.problem == Problem(Reason.INTERNAL, "ZeroDivisionError")


@pytest.mark.parametrize(("reason", "calls"), [(Reason.QUOTA, 1), (Reason.CREDENTIALS, 1), (Reason.REFUSAL, 5)])
def test_lasting_failures_stop_the_asking(tmp_path: Path, reason: Reason, calls: int) -> None:
    session = open_live(ScriptedProvider(lambda r: Completion(problem=Problem(reason))), tmp_path)
    for step in range(20):
        if session.ask(question("a"), SCHEMA, step) is not None:
            collect_all(session, step, 1)
    session.close()
    assert session.status.spent.calls == calls
    assert reason.value in str(session.status.stopped)
    assert session.status.failures == {reason: calls}


def test_a_prompt_that_is_too_long_shrinks_the_context(tmp_path: Path) -> None:
    session = open_live(ScriptedProvider(lambda r: Completion(problem=Problem(Reason.TOO_LONG))), tmp_path)
    session.ask(question("a"), SCHEMA, 0)
    collect_all(session, 0, 1)
    session.close()
    assert session.context == SETTINGS.context // 2


def test_a_cap_stops_the_asking(tmp_path: Path) -> None:
    session = open_live(ScriptedProvider(), tmp_path, caps=Caps(calls=2))
    numbers = []
    for step in range(5):
        numbers.append(session.ask(question("a"), SCHEMA, step))
        collect_all(session, step, 1 if numbers[-1] is not None else 0)
    session.close()
    assert numbers == [0, 1, None, None, None]
    assert "2 calls" in str(session.status.stopped)


def run(session: Session, steps: range, pace_s: float = 0.0) -> list[tuple[int, str]]:
    """A search in small: what it asks depends on the answers that it has seen, and on when."""
    seen: list[tuple[int, str]] = []
    for step in steps:
        seen += [(step, a.completion.text) for a in session.collect(step)]
        session.ask(question(f"{step} {seen}"), SCHEMA, step)
        time.sleep(pace_s)
    return seen


def test_a_replay_sees_the_same_answers_at_the_same_steps(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    for folder in (first, second, third):
        folder.mkdir()
    live = open_live(ScriptedProvider(delay_s=0.01), first)
    seen = run(live, range(30), pace_s=0.004)
    live.close()
    assert len(seen) >= 3
    for source, target in ((first, second), (second, third)):
        replay = open_replay(source, target)
        assert run(replay, range(30)) == seen
        replay.close()
        assert load_record(target).used == load_record(first).used


def test_a_resumed_run_pays_for_nothing_twice(tmp_path: Path) -> None:
    session = open_live(ScriptedProvider(delay_s=0.01), tmp_path)
    seen = run(session, range(20), pace_s=0.004)
    session.close()
    answered = set(load_record(tmp_path).answered)
    provider = ScriptedProvider(delay_s=0.01)
    resumed = open_live(provider, tmp_path, steps_done=20)
    again = run(resumed, range(40), pace_s=0.004)
    resumed.close()
    assert again[: len(seen)] == seen
    assert len(again) > len(seen)
    assert not answered & {request.number for request in provider.asked}


def test_another_question_than_the_recorded_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    session = open_live(ScriptedProvider(), tmp_path)
    session.ask(question("a"), SCHEMA, 0)
    collect_all(session, 1, 1)
    session.close()
    replay = open_replay(tmp_path, tmp_path / "new")
    with pytest.raises(InputError, match="call 0"):
        replay.collect(1)
    with pytest.raises(InputError, match="something else"):
        replay.ask(question("b"), SCHEMA, 0)
    replay.close()


def test_a_folder_without_a_record_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no record"):
        open_replay(tmp_path, tmp_path)


def test_the_record_is_masked_and_survives_a_torn_line(tmp_path: Path) -> None:
    session = open_live(ScriptedProvider(), tmp_path, mask=lambda text: text.replace("hush", "***"))
    session.ask(question("hush"), SCHEMA, 0)
    collect_all(session, 0, 1)
    session.close()
    path = tmp_path / FILE_NAME
    whole = path.read_text()
    assert "hush" not in whole
    assert [json.loads(line)["kind"] for line in whole.splitlines()] == ["head", "asked", "answered", "used"]
    path.write_text(whole + '{"kind": "ask')
    assert load_record(tmp_path).used == {0: 0}
    open_live(ScriptedProvider(), tmp_path).close()
    assert path.read_text() == whole


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"kind": "head", "format": 1}\n{"kind": "nonsense"}\n')
    with pytest.raises(InputError, match="line 2"):
        load_record(tmp_path)
    (tmp_path / FILE_NAME).write_text('{"kind": "head", "format": 99}\n')
    with pytest.raises(InputError, match="99"):
        load_record(tmp_path)


@pytest.mark.parametrize("wrong", [{"context": 100}, {"max_tokens": 5000}, {"max_tokens": 1}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_configuration_becomes_a_session_with_notes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    environ = {"OPENAI_API_KEY": "a-key-of-a-test-0123456789"}
    local = ModelConfig(model="my-model", url="http://127.0.0.1:9/v1")
    session, notes = open_endpoint(local, tmp_path / "a", environ=environ)
    session.close()
    assert notes[0] == "asking my-model at http://127.0.0.1:9/v1"
    assert "--llm-price" in notes[1]
    session, notes = open_endpoint(ModelConfig(model="gpt-4o-mini"), tmp_path / "b", environ=environ)
    session.close()
    assert len(notes) == 1
    assert session.status.spent.cost == 0.0
    assert "a-key" not in (tmp_path / "b" / FILE_NAME).read_text()


def test_a_resumed_run_keeps_its_settings(tmp_path: Path) -> None:
    open_live(ScriptedProvider(), tmp_path, caps=Caps(calls=3)).close()
    session = open_live(ScriptedProvider(), tmp_path, caps=Caps(calls=9), settings=Settings(context=4096))
    session.close()
    assert session.settings == SETTINGS


def test_a_server_that_cuts_prompts_is_noticed(tmp_path: Path) -> None:
    session = open_live(ScriptedProvider(lambda r: Completion("x", usage=Usage(100, 5))), tmp_path)
    session.ask(question("short"), SCHEMA, 0)
    collect_all(session, 0, 1)
    assert session.status.notes == ()
    session.ask(question("long " * 1000), SCHEMA, 1)
    collect_all(session, 1, 1)
    session.close()
    assert "cut prompts" in session.status.notes[0]


def test_the_status_line(tmp_path: Path) -> None:
    session = open_live(ScriptedProvider(), tmp_path, price=Price(1.0, 10.0))
    session.ask(question("a"), SCHEMA, 0)
    collect_all(session, 0, 1)
    session.close()
    line = format_status(session.status, proposed=4, accepted=1)
    assert line == "1 calls, 15 tokens, $0.0001, 1 of 4 proposals accepted (25%)"
