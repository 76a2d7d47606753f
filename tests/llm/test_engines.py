"""The same checks against every server that really generates: a grammar, an engine, and a live one.

The engine has random weights: it is a check of the plumbing and the random arm of a comparison, never a
result about language models. `-m live` asks the server that DISCOVER_TEST_LLM_URL names, with the model of
DISCOVER_TEST_LLM_MODEL and the key of DISCOVER_TEST_LLM_KEY; else a small instruct model, see `local_server`.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from discover.errors import FormulaError
from discover.expressions import parse
from discover.llm.client import PLACEHOLDER_KEY, Endpoint, OpenAIProvider
from discover.llm.doctor import sample_text
from discover.llm.prompt import Brief, Job, build_prompt
from discover.llm.provider import Completion, Message, Reason, Request
from discover.llm.schema import answer_patterns, answer_schema, read_answer

from .grammar import GrammarSampler
from .local_server import local_server, weights
from .servers import ScriptedServer, Step, serve
from .test_prompt import CARD

FEATURES = ("examples",)
LIVE_CALLS = int(os.environ.get("DISCOVER_TEST_LLM_CALLS", "20"))
PATTERNS = answer_patterns(FEATURES, ("E", "A", "alpha"))


@dataclass(frozen=True)
class Target:
    """A server under test; `obeys` when it is known to obey a schema."""

    endpoint: Endpoint
    obeys: bool
    calls: int


@pytest.fixture(scope="module", params=["grammar", pytest.param("engine", marks=pytest.mark.engine),
                                        pytest.param("live", marks=pytest.mark.live)])  # fmt: skip
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    if request.param == "live":
        url = os.environ.get("DISCOVER_TEST_LLM_URL")
        if not url:
            model_file = weights()
            if model_file is None:
                pytest.skip("DISCOVER_TEST_LLM_URL names no server, and there is no local model (see local_server.py)")
            with local_server(model_file) as url:
                yield Target(Endpoint("", url, deadline_s=1200), obeys=True, calls=LIVE_CALLS)
            return
        model = os.environ.get("DISCOVER_TEST_LLM_MODEL", "")
        key = os.environ.get("DISCOVER_TEST_LLM_KEY", PLACEHOLDER_KEY)
        yield Target(Endpoint(model, url, key), obeys=False, calls=2)
        return
    answer: Callable[[Any], Step] = GrammarSampler(7)
    if request.param == "engine":
        answer = _engine(tmp_path_factory.mktemp("model"))
    with serve(ScriptedServer(answer)) as server:
        yield Target(Endpoint("random", server.url, deadline_s=60), obeys=True, calls=20)


def _engine(folder: Path) -> Callable[[Any], Step]:
    pytest.importorskip("mistralrs", reason="the extra `engine` is not installed")
    pytest.importorskip("gguf", reason="the extra `engine` is not installed")
    from .engine import Engine

    return Engine(folder)


def question(max_tokens: int = 1500, temperature: float | None = None) -> Request:
    prompt = build_prompt(Brief(CARD, Job("fresh"), count=3))
    return Request(prompt.messages, answer_schema(3, PATTERNS), max_tokens, temperature)


def ask(target: Target, request: Request, count: int = 1) -> list[Completion]:
    provider = OpenAIProvider(target.endpoint, rng=random.Random(0))

    async def run() -> list[Completion]:
        return [await provider.complete(request) for _ in range(count)]

    return asyncio.run(run())


def test_answers_hold_formulas(target: Target) -> None:
    formulas = 0
    for completion in ask(target, question(), target.calls):
        assert completion.problem is None or completion.problem.reason is Reason.TRUNCATED, completion.problem
        reading = read_answer(completion.text)
        for proposal in reading.proposals:
            try:
                parse(proposal.formula, FEATURES)
                formulas += 1
            except FormulaError:
                assert not target.obeys
        assert not target.obeys or completion.mode == "json_schema"
    assert formulas > 0


def test_a_model_with_a_tokenizer_counts_our_prompts(target: Target) -> None:
    """A cautious count is above the server's own, and not twice as large, once its tokenizer was asked."""
    provider = OpenAIProvider(target.endpoint, rng=random.Random(0))
    prompt = "".join(message.content for message in question().messages)
    characters = asyncio.run(provider.characters_per_token(sample_text(), 60.0))
    if characters is None:
        pytest.skip("this server offers no tokenizer")
    (completion,) = ask(target, question())
    assert completion.usage.prompt <= len(prompt) / (0.9 * characters) + 60  # the chat template adds some
    assert completion.usage.prompt > 0.5 * len(prompt) / characters


@pytest.mark.live
def test_nearly_all_answers_of_a_real_model_are_readable_and_none_is_cut(target: Target) -> None:
    if target.calls < LIVE_CALLS or not target.obeys:
        pytest.skip("for the local instruct model")
    answers = ask(target, question(), target.calls)
    assert not any(answer.problem for answer in answers)
    readable = [answer for answer in answers if read_answer(answer.text).proposals]
    assert len(readable) >= 0.95 * len(answers)


def test_usage_is_counted(target: Target) -> None:
    (completion,) = ask(target, question())
    assert completion.usage.prompt > 0
    assert completion.usage.answer > 0
    assert not (target.obeys and completion.usage.estimated)


def test_a_token_limit_ends_the_answer(target: Target) -> None:
    (completion,) = ask(target, question(max_tokens=20))
    assert completion.problem is not None
    assert completion.problem.reason in (Reason.TRUNCATED, Reason.EMPTY)
    assert completion.usage.answer <= 24


def test_calls_at_the_same_time_are_all_answered(target: Target) -> None:
    async def run() -> list[Completion]:
        provider = OpenAIProvider(target.endpoint, rng=random.Random(0))
        return await asyncio.gather(*(provider.complete(question()) for _ in range(4)))

    assert all(completion.text for completion in asyncio.run(run()))


@pytest.mark.engine
def test_the_engine_repeats_itself_at_temperature_zero(tmp_path: Path) -> None:
    with serve(ScriptedServer(_engine(tmp_path))) as server:
        target = Target(Endpoint("random", server.url), obeys=True, calls=2)
        first, second = ask(target, question(temperature=0.0), 2)
    assert first.text == second.text


@pytest.mark.engine
def test_a_prompt_beyond_the_context_is_too_long_or_refused(tmp_path: Path) -> None:
    with serve(ScriptedServer(_engine(tmp_path))) as server:
        target = Target(Endpoint("random", server.url), obeys=True, calls=1)
        request = Request((Message("user", "x" * 20_000),), answer_schema(1, PATTERNS), 50)
        (completion,) = ask(target, request)
    assert completion.problem is not None
