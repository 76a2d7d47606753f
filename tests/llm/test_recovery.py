"""What a server does in the course of a run, and that it is used before and after. The clock is the test's."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from discover.llm.budget import Caps, Price
from discover.llm.client import Endpoint, OpenAIProvider
from discover.llm.config import ModelConfig
from discover.llm.doctor import CARD
from discover.llm.opening import open_live, open_replay, open_session
from discover.llm.prompt import Brief, Job, build_prompt
from discover.llm.provider import Completion, Problem, Reason, Request
from discover.llm.replay import load_record
from discover.llm.replies import estimate_tokens
from discover.llm.schema import answer_schema
from discover.llm.session import LONGEST_KNOCK_S, LONGEST_PAUSE_S, Session, Settings, format_status, pause_s

from .servers import GOOD, ScriptedServer, Step, chat, formulas, serve
from .test_session import ScriptedProvider, question

SCHEMA = answer_schema(2)


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


def open_at(url: str, folder: Path, clock: Clock, **options: Any) -> Session:
    provider = OpenAIProvider(Endpoint("m", url), rng=random.Random(0), clock=clock, sleep=clock.sleep)
    options = {"settings": Settings(slots=1), "caps": Caps(), "price": None} | options
    return open_session(provider, folder, mask=str, head={}, clock=clock, **options)


def settled(session: Session, step: int) -> list[Completion]:
    """What arrives at a step, once nothing is on its way any more; only tests wait."""
    found = [arrival.completion for arrival in session.collect(step)]
    deadline = time.monotonic() + 120
    while session.status.in_flight and time.monotonic() < deadline:
        time.sleep(0.002)
        found += [arrival.completion for arrival in session.collect(step)]
    return found


def test_a_server_that_comes_late_pauses_dies_and_returns_is_used_before_and_after(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    clock = Clock()
    begun = clock()
    answered: list[float] = []
    asked: list[float] = []

    def answer(body: Any) -> Step:
        asked.append(clock() - begun)
        return Step({}, 429, {"retry-after": "200"}) if len(asked) == 4 else Step(GOOD)

    session = open_at(f"http://127.0.0.1:{port}/v1", tmp_path, clock, caps=Caps(calls=None))
    lives = [(45.0, 400.0), (460.0, 600.0)]  # of the server
    with ExitStack() as running:
        for step in range(700):
            now = clock() - begun
            if lives and now >= lives[0][0]:
                running.enter_context(serve(ScriptedServer(answer), port=port))
            if lives and now >= lives[0][1]:
                running.pop_all().close()
                lives.pop(0)
            elif lives and now >= lives[0][0]:
                lives[0] = (float("inf"), lives[0][1])
            session.ask(question(str(step)), SCHEMA, step)
            answered += [clock() - begun for completion in settled(session, step) if completion.text]
            clock.now_s += 1.0
            if now > 500:
                break
        session.close()
    assert 45 <= answered[0] <= 45 + LONGEST_KNOCK_S + 5  # knocking itself takes 3.5 s
    refused = asked[3]
    assert all(not refused < at < refused + 200 for at in asked)
    assert any(refused + 200 <= at <= refused + 203 for at in answered)
    assert any(390 <= at <= 400 for at in answered)
    assert any(460 <= at <= 460 + LONGEST_KNOCK_S + 5 for at in answered)
    assert session.status.failures == {Reason.UNREACHABLE: session.status.failures[Reason.UNREACHABLE],
                                       Reason.RATE_LIMIT: 1}  # fmt: skip
    assert session.status.notes == ()


def test_failures_are_told_as_they_happen_and_so_is_the_return(tmp_path: Path) -> None:
    clock = Clock()
    with serve(ScriptedServer([Step({"error": "full"}, 429, {"retry-after": "60"})])) as server:
        session = open_at(server.url, tmp_path, clock)
        session.ask(question("a"), SCHEMA, 0)
        settled(session, 0)
        (told,) = session.news()
        assert "the server limits the rate of calls: HTTP 429 full; asked again in 60 s" in told
        line = format_status(session.status, 0, 0)
        assert "pausing for 60 s: the server limits the rate of calls" in line
        assert session.ask(question("b"), SCHEMA, 1) is None
        clock.now_s += 61
        session.collect(2)
        assert session.ask(question("b"), SCHEMA, 2) is not None
        settled(session, 2)
        assert session.news() == ["the model answers again"]
        session.close()


def test_pauses_grow_and_a_closed_port_is_knocked_at_more_often() -> None:
    lengths = [pause_s(Problem(Reason.SERVER), n) for n in range(1, 10)]
    assert lengths == sorted(lengths)
    assert lengths[-1] == LONGEST_PAUSE_S
    assert pause_s(Problem(Reason.UNREACHABLE), 99) == LONGEST_KNOCK_S
    assert pause_s(Problem(Reason.RATE_LIMIT, retry_after_s=1000.0), 1) == 1000.0


def test_a_replay_pauses_where_the_run_did(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    for folder in (first, second, third):
        folder.mkdir()
    clock = Clock()

    def answer(request: Request) -> Completion:
        return Completion(problem=Problem(Reason.SERVER)) if 2 <= request.number <= 4 else Completion("x")

    provider = ScriptedProvider(answer)
    live = open_session(provider, first, settings=Settings(slots=1), caps=Caps(), price=None, mask=str, head={},
                        clock=clock)  # fmt: skip

    def run(session: Session) -> list[int | None]:
        numbers = []
        for step in range(60):
            numbers.append(session.ask(question("q"), SCHEMA, step))
            settled(session, step)
            clock.now_s += 1.0
        session.close()
        return numbers

    asked = run(live)
    assert asked.count(None) >= 30  # pauses of 5, 10 and 20 s
    clock.now_s += 1e6
    for source, target in ((first, second), (second, third)):
        assert run(open_replay(source, target)) == asked
        assert load_record(target).pauses == load_record(first).pauses


# --- caps ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caps", "price"),
    [
        (Caps(calls=None, tokens=5_000, cost=None), None),
        (Caps(calls=None, tokens=50_000, cost=None), None),
        (Caps(calls=None, tokens=None, cost=0.05), Price(1.25, 10.0)),
        (Caps(calls=10, tokens=None, cost=None), None),
    ],
)
def test_a_cap_is_used_to_nine_tenths_before_it_stops_the_asking(
    tmp_path: Path, caps: Caps, price: Price | None
) -> None:
    def answer(body: Any) -> Step:
        characters = sum(len(row["content"]) for row in body["messages"])
        assert body["max_tokens"] >= 200
        return Step(chat(formulas("a*x"), usage=(characters // 4, 200)))

    with serve(ScriptedServer(answer)) as server:
        session = open_at(server.url, tmp_path, Clock(), caps=caps, price=price, settings=Settings(slots=2))
        for step in range(200):
            for _ in range(2):  # both slots, so that the calls in flight compete for the cap
                session.ask(question("x" * 5_600), SCHEMA, step)
            settled(session, step)
        spent = session.status.spent
        session.close()
    assert session.status.stopped
    assert session.status.stopped.startswith("the cap of")
    for used, cap in ((spent.calls, caps.calls), (spent.tokens, caps.tokens), (spent.cost, caps.cost)):
        assert cap is None or used is None or 0.9 * cap <= used <= cap


# --- room ----------------------------------------------------------------------------------------------


def test_a_model_whose_thoughts_use_up_an_answer_gets_room(tmp_path: Path) -> None:
    def answer(body: Any) -> Step:
        limit = body["max_tokens"]
        if limit >= 5000:
            return Step(GOOD)
        usage = {
            "prompt_tokens": 9,
            "completion_tokens": limit,
            "completion_tokens_details": {"reasoning_tokens": limit},
        }
        return Step(chat("", finish="length", usage=usage))

    with serve(ScriptedServer(answer)) as server:
        session = open_at(server.url, tmp_path, Clock())
        answers = []
        for step in range(4):
            session.ask(question("a"), SCHEMA, step)
            answers += settled(session, step)
        session.close()
    assert [bool(answer.text) for answer in answers] == [False, False, True, True]
    assert session.max_tokens == 8192
    assert "for thoughts" in session.status.notes[0]
    assert "8,192 are allowed" in session.status.notes[0]


def test_a_model_that_thinks_aloud_gets_room_and_what_it_wrote_before_is_not_useful(tmp_path: Path) -> None:
    def answer(body: Any) -> Step:
        limit = body["max_tokens"]
        return Step(GOOD) if limit > 2048 else Step(chat("Let us see.", finish="length", usage=(9, limit)))

    with serve(ScriptedServer(answer)) as server:
        session = open_at(server.url, tmp_path, Clock())
        for step in range(2):
            session.ask(question("a"), SCHEMA, step)
            settled(session, step)
        session.close()
    assert session.max_tokens == 4096
    assert (session.status.answered, session.status.failures) == (1, {Reason.TRUNCATED: 1})


@pytest.mark.parametrize("refusal", [Step({"error": "no such model"}, 404), Step({"error": "who?"}, 401)])
def test_a_refusal_that_would_be_lasting_is_none_of_a_model_that_has_answered(tmp_path: Path, refusal: Step) -> None:
    clock = Clock()
    with serve(ScriptedServer([Step(GOOD), refusal])) as server:
        session = open_at(server.url, tmp_path, clock)
        for step in range(4):  # at one of them it pauses
            session.ask(question("a"), SCHEMA, step)
            settled(session, step)
            clock.now_s += 60.0
        session.close()
    assert (session.status.answered, session.status.spent.calls) == (2, 3)


def test_room_that_the_user_fixed_is_kept_and_paid_empty_answers_end(tmp_path: Path) -> None:
    with serve(ScriptedServer([], Step(chat("", finish="length", usage=(9, 2048))))) as server:
        session = open_at(server.url, tmp_path, Clock(), settings=Settings(slots=1, most_tokens=2048))
        for step in range(9):
            session.ask(question("a"), SCHEMA, step)
            settled(session, step)
        session.close()
    assert session.max_tokens == 2048
    assert session.status.spent.calls == 5
    assert "of no use" in str(session.status.stopped)


@pytest.mark.parametrize(
    "said",
    [
        {
            "code": 400,
            "message": "exceeds the available context size",
            "type": "exceed_context_size_error",
            "n_ctx": 3000,
        },
        {"message": "This model's maximum context length is 3000 tokens. However, your messages resulted in 9000"},
        {"message": "The input token count (9000) exceeds the maximum number of tokens allowed (3000)."},
        {"message": "prompt is too long: 9000 tokens > 3000 maximum"},
    ],
)
def test_a_context_that_the_server_names_is_kept_to_by_prompt_and_answer(tmp_path: Path, said: dict[str, Any]) -> None:
    with serve(ScriptedServer([Step({"error": said}, 400)])) as server:
        session = open_at(server.url, tmp_path, Clock())
        session.ask(question("a"), SCHEMA, 0)
        settled(session, 0)
        session.close()
    assert (session.context, session.max_tokens) == (3000, 1500)
    assert "3,000 tokens" in session.status.notes[0]


def test_a_small_context_leaves_the_room_that_a_prompt_needs(tmp_path: Path) -> None:
    said = {"message": "This model's maximum context length is 2048 tokens, you requested 3100"}
    with serve(ScriptedServer([Step({"error": said}, 400)])) as server:
        session = open_at(server.url, tmp_path, Clock())
        session.ask(question("a"), SCHEMA, 0)
        settled(session, 0)
        session.close()
    characters = 2.4  # in a token of a small vocabulary
    prompt = build_prompt(
        Brief(CARD, Job("fresh")), context=session.context, max_tokens=session.max_tokens,
        count=lambda text: estimate_tokens(text, characters),
    )  # fmt: skip
    assert prompt.tokens + session.max_tokens <= 2048


# --- counting ------------------------------------------------------------------------------------------


def test_tokens_are_counted_by_the_servers_tokenizer_where_it_offers_one(tmp_path: Path) -> None:
    script = ScriptedServer([], tokens=lambda text: [7] * (len(text) // 2))
    for owner, characters in (("llamacpp", 1.8), ("somebody", 2.2)):
        (tmp_path / owner).mkdir()
        with serve(script, [{"id": "m", "owned_by": owner}]) as server:
            session, _ = open_live(ModelConfig(model="m", url=server.url), tmp_path / owner, environ={})
            session.close()
        assert session.settings.characters == pytest.approx(characters, rel=1e-3)
    assert [seen.path for seen in script.seen if seen.body].count("/tokenize") == 1  # nobody else is bothered
    head = json.loads((tmp_path / "llamacpp" / "llm.jsonl").read_text().splitlines()[0])
    assert head["settings"]["characters"] == session.settings.characters or head["settings"]["characters"] < 2


def test_tokens_are_counted_by_what_the_server_counted_before(tmp_path: Path) -> None:
    with serve(ScriptedServer([Step(chat("x", usage=(100, 20)))])) as server:
        session = open_at(server.url, tmp_path, Clock())
        cautious = session.count("x" * 400)
        session.ask(question("x" * 399), SCHEMA, 0)
        settled(session, 0)
        session.close()
    assert session.count("x" * 400) == pytest.approx(100 / 0.95, abs=1)
    assert cautious > 150
