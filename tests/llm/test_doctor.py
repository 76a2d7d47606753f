"""The doctor says whether an endpoint can be used, and what to do when it cannot."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from discover.llm.client import Endpoint, OpenAIProvider
from discover.llm.doctor import Report, advice_for, examine, format_report
from discover.llm.provider import Reason

from .servers import ScriptedServer, Step, chat, formulas, serve

KEY = "a-key-of-a-test-0123456789"
LAW = "E + A*params**(-alpha) + B*tokens**(-beta)"


def count_tokens(body: Any, limit: int = 10**9) -> int:
    return min(limit, sum(len(row["content"]) for row in body["messages"]) // 4)


def good(body: Any) -> Step:
    """Of a server that obeys whatever schema it is sent."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    if "word" in schema.get("properties", {}):
        return Step(chat(json.dumps({"word": schema["properties"]["word"]["enum"][0]})))
    return Step(chat(formulas(LAW), usage=(count_tokens(body), 30)))


def cutting(body: Any) -> Step:
    return Step(chat(formulas(LAW), usage=(count_tokens(body, 1500), 30)))


def refusing_long(body: Any) -> Step:
    if count_tokens(body) < 1500:
        return good(body)
    return Step({"error": {"message": "too long", "code": "context_length_exceeded"}}, 400)


def text_only(body: Any) -> Step:
    return good(body) if "response_format" not in body else Step({"error": "response_format"}, 400)


def check(answer: Callable[[Any], Step], models: list[dict[str, Any]] | None = None) -> Report:
    with serve(ScriptedServer(answer), models) as server:
        endpoint = Endpoint("m", server.url, KEY, deadline_s=10, backoff_s=0.02)
        return asyncio.run(examine(OpenAIProvider(endpoint, rng=random.Random(0))))


def finding(report: Report, name: str) -> tuple[bool | None, str, str]:
    (found,) = [f for f in report.findings if f.name == name]
    return found.ok, found.detail, found.advice


def test_a_good_endpoint_is_usable() -> None:
    report = check(good, [{"id": "m", "max_model_len": 32768}])
    assert report.usable
    assert all(f.ok for f in report.findings)
    assert finding(report, "proposal")[1] == LAW
    assert "32,768" in finding(report, "context")[1]
    text = format_report(report)
    assert "can be used" in text
    assert KEY not in text


def test_a_silently_cut_prompt_is_seen() -> None:
    ok, detail, advice = finding(check(cutting), "context")
    assert ok is False
    assert "%" in detail
    assert "--llm-context" in advice


@pytest.mark.parametrize("key", ["max_model_len", "context_length", "n_ctx"])
def test_a_small_declared_context_is_seen(key: str) -> None:
    report = check(good, [{"id": "other", key: 99999}, {"id": "m", "meta": {key: 2048}}])
    assert finding(report, "context")[:2] == (False, "the server declares 2,048 tokens")


def test_a_refused_long_prompt_is_seen() -> None:
    ok, detail, _ = finding(check(refusing_long), "context")
    assert ok is False
    assert "refuses" in detail


def test_a_server_without_structure_is_usable_with_a_word_of_warning() -> None:
    report = check(text_only)
    assert report.usable
    assert "plain text" in finding(report, "structure")[1]
    assert finding(report, "structure")[2]


def test_a_schema_that_is_accepted_and_not_obeyed_is_not_called_obeyed() -> None:
    report = check(lambda body: Step(chat(formulas(LAW), usage=(count_tokens(body), 30))))
    assert report.usable
    ok, detail, advice = finding(report, "structure")
    assert (ok, bool(advice)) == (None, True)
    assert "does not obey" in detail


def test_the_servers_models_are_listed() -> None:
    names = [{"id": f"model-{i}"} for i in range(11)]
    ok, detail, advice = finding(check(good, names), "models")
    assert ok is None
    assert detail.startswith("model-0, ")
    assert detail.endswith(" and 3 more")
    assert advice == "m is not among them"
    assert finding(check(good, [{"id": "m"}]), "models") == (True, "m", "")


def test_what_is_waited_for_is_told_before_the_wait() -> None:
    told: list[tuple[str, int]] = []
    with serve(ScriptedServer(good)) as server:
        provider = OpenAIProvider(Endpoint("m", server.url), rng=random.Random(0))
        asyncio.run(examine(provider, tell=lambda said: told.append((said, len(server.seen)))))
    assert len(told) == 4
    assert [seen for _, seen in told] == [0, 1, 2, 3]


def test_a_small_vocabulary_is_not_taken_for_a_small_context() -> None:
    """Numbers with a token for each digit: 1.5 characters a token; the server's context is as large as asked."""

    def answer(body: Any) -> Step:
        counted = sum(len(row["content"]) for row in body["messages"]) * 2 // 3
        if counted + body["max_tokens"] > 8192:
            return Step({"error": {"message": "exceeds the available context size", "code": 400}}, 400)
        reply = good(body).body
        return Step({**reply, "usage": {"prompt_tokens": counted, "completion_tokens": 20}})

    assert finding(check(answer), "context")[0] is True


def test_a_server_that_does_not_count_leaves_the_context_open() -> None:
    report = check(lambda body: Step(chat(formulas(LAW), usage=None)))
    assert finding(report, "context")[0] is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("I would try a power law.", "no proposals"),
        (formulas("import os"), "character"),
        (formulas("print(params)"), "unknown function"),
    ],
)
def test_a_model_that_writes_no_formulas_is_not_usable(answer: str, words: str) -> None:
    report = check(lambda body: Step(chat(answer)))
    assert not report.usable
    ok, detail, advice = finding(report, "proposal")
    assert (ok, bool(advice)) == (False, True)
    assert words in detail


def test_an_endpoint_that_fails_gets_advice() -> None:
    report = check(lambda body: Step({"error": {"message": f"bad key {KEY}"}}, 401))
    assert not report.usable
    assert "environment variable" in format_report(report)
    assert KEY not in format_report(report)
    assert "cannot be used" in format_report(report)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_advice(reason: Reason) -> None:
    assert advice_for(reason)


def test_the_command_prints_the_report_and_exits_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    from discover.cli.app import main

    with serve(ScriptedServer(good)) as server:
        assert main(["llm", "check", "--llm", "m", "--llm-url", server.url]) == 0
    printed = capsys.readouterr()
    assert LAW in printed.out
    assert f"asking m at {server.url} for two proposals" in " ".join(printed.err.split())
    assert main(["llm", "check", "m", "--llm-url", "http://127.0.0.1:9/v1", "--json"]) == 1
    assert '"usable": false' in capsys.readouterr().out
    assert main(["llm", "check", "--llm", "m", "--llm-url", "ftp://nowhere"]) == 1
    assert "http://" in capsys.readouterr().err
    assert main(["llm", "check", "m", "--llm", "other"]) == 1
    assert "m and --llm other are two models" in capsys.readouterr().err
