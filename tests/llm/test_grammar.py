"""Answers by the thousand that obey the schema that we send: each is read whole, each formula parses."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

from discover.expressions import constant_names, feature_names, parse
from discover.llm.client import Endpoint, OpenAIProvider
from discover.llm.provider import Completion, Message, Reason, Request
from discover.llm.schema import Proposals, answer_patterns, answer_schema, read_answer

from .grammar import GrammarSampler
from .servers import ScriptedServer, serve

FEATURES = ("params", "tokens")
CONSTANTS = ("E", "A", "B", "alpha", "beta")
PATTERNS = answer_patterns(FEATURES, CONSTANTS)
MESSAGES = (Message("system", "You propose laws."), Message("user", "Propose."))


def test_a_thousand_answers_with_patterns_hold_only_formulas() -> None:
    sampler = GrammarSampler(seed=1)
    schema = answer_schema(4, PATTERNS) | {"x-guidance": {"whitespace_flexible": False}}
    texts: set[str] = set()
    count = 0
    for _ in range(1000):
        text, finish, _ = sampler.sample(schema, 20_000)
        assert finish == "stop"
        Proposals.model_validate_json(text)
        reading = read_answer(text)
        assert reading.refused == ()
        assert 1 <= len(reading.proposals) <= 4
        count += len(reading.proposals)
        texts |= {proposal.formula for proposal in reading.proposals}
        for proposal in reading.proposals:
            expr = parse(proposal.formula, FEATURES)
            assert set(feature_names(expr)) <= set(FEATURES)
            assert set(constant_names(expr)) <= set(CONSTANTS)
            assert set(proposal.shared) <= set(CONSTANTS)
    assert len(texts) > 0.8 * count


def test_five_hundred_answers_without_patterns_are_read_without_an_error() -> None:
    sampler = GrammarSampler(seed=2)
    schema = answer_schema(2) | {"x-guidance": {"whitespace_flexible": False}}
    for _ in range(500):
        text, finish, _ = sampler.sample(schema, 400)
        reading = read_answer(text)
        assert reading.proposals or reading.refused
        if finish == "stop":
            rows = json.loads(text)["proposals"]
            assert len(reading.proposals) + len(reading.refused) == len(rows)


def ask(url: str, count: int, patterns: bool, max_tokens: int = 4096) -> list[Completion]:
    provider = OpenAIProvider(Endpoint("grammar", url, backoff_s=0.02), rng=random.Random(0))
    schema = answer_schema(4, PATTERNS if patterns else None)
    request = Request(MESSAGES, schema, max_tokens=max_tokens)

    async def run() -> list[Completion]:
        return [await provider.complete(request) for _ in range(count)]

    return asyncio.run(run())


def test_over_the_wire_every_answer_is_valid() -> None:
    with serve(ScriptedServer(GrammarSampler(seed=3))) as server:
        completions = ask(server.url, 40, patterns=True)
    for completion in completions:
        assert completion.problem is None
        assert completion.mode == "json_schema"
        assert completion.usage.answer > 0
        assert not read_answer(completion.text).refused


def test_a_cut_answer_keeps_its_whole_proposals() -> None:
    with serve(ScriptedServer(GrammarSampler(seed=4))) as server:
        completions = ask(server.url, 60, patterns=True, max_tokens=250)
    cut = [c for c in completions if c.problem is not None]
    assert cut
    assert all(c.problem is not None and c.problem.reason is Reason.TRUNCATED for c in cut)
    assert any(read_answer(c.text).proposals for c in cut)
    for completion in cut:
        for proposal in read_answer(completion.text).proposals:
            parse(proposal.formula, FEATURES)


def ask_with_schema(schema: dict[str, Any]) -> Completion:
    with serve(ScriptedServer(GrammarSampler(seed=5))) as server:
        provider = OpenAIProvider(Endpoint("grammar", server.url), rng=random.Random(0))
        return asyncio.run(provider.complete(Request(MESSAGES, schema)))


def test_a_schema_that_the_grammar_refuses_is_a_refused_request() -> None:
    completion = ask_with_schema({"type": "nonsense"})
    assert completion.problem is not None
    assert completion.problem.reason is Reason.REQUEST
    assert completion.attempts == 3


def test_patterns_that_the_grammar_refuses_are_left_out() -> None:
    row = {"type": "string", "pattern": "("}
    completion = ask_with_schema({"type": "object", "properties": {"a": row}, "additionalProperties": False})
    assert completion.problem is None
    assert completion.attempts == 2
    assert completion.mode == "json_schema"
