"""One row per fault of a server: what it does, and what must come of it.

Every row is checked for the reason, the number of requests, the time, and that no secret comes out.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from discover.llm.client import Endpoint, OpenAIProvider
from discover.llm.provider import Completion, Message, Reason, Request
from discover.llm.schema import answer_schema, read_answer

from .servers import GOOD, ScriptedServer, Step, chat, formulas, serve

KEY = "sk-test-0123456789abcdefghij"
ANSWER = formulas("E + A*examples**(-alpha)")
SOON = {"retry-after-ms": "10"}
PACKED = gzip.compress(json.dumps(GOOD).encode())


def streamed(text: str, *, field: str = "content", end: str = "data: [DONE]\n\n") -> str:
    """A completion in pieces, as events."""
    cuts = [text[i : i + 7] for i in range(0, len(text), 7)]
    pieces = [{"model": "m", "choices": [{"index": 0, "delta": {field: cut}, "finish_reason": None}]} for cut in cuts]
    return ": still alive\n\n" + "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + end


STREAM = streamed(ANSWER)
LINES = "".join(json.dumps({"message": {"content": cut}, "done": False}) + "\n" for cut in (ANSWER[:40], ANSWER[40:]))
LINES += json.dumps({"message": {"content": ""}, "done": True, "prompt_eval_count": 7, "eval_count": 8})
ERROR = {"error": {"message": "no", "type": "t", "code": "c"}}
REQUEST = Request(
    (Message("system", "You propose laws."), Message("user", "Propose.")),
    schema=answer_schema(2, {"rationale": "^[a-z]{1,9}$"}),
    max_tokens=256,
    temperature=0.8,
)


@dataclass(frozen=True)
class Fault:
    """Replies of a server and what must come of them; reason None means an answer with a formula."""

    name: str
    steps: list[Step] | Callable[[Any], Step]
    reason: Reason | None
    sent: int = 1
    deadline_s: float = 60.0
    mode: str = "json_schema"
    detail: str = ""
    estimated: bool | None = None


def error(status: int, message: str, code: str = "", **headers: str) -> Step:
    return Step({"error": {"message": message, "code": code}}, status, dict(headers))


def refuses(words: str, allowed: Callable[[Any], bool], status: int = 400) -> Callable[[Any], Step]:
    return lambda body: Step(GOOD) if allowed(body) else error(status, words)


def format_type(body: Any) -> str:
    return str(body.get("response_format", {}).get("type", "text"))


def needs_stream(words: str) -> Callable[[Any], Step]:
    """A server that answers in pieces only."""
    pieces = Step(STREAM, content_type="text/event-stream")
    return lambda body: pieces if body.get("stream") else error(400, words)


def at_most(limit: int, words: str) -> Callable[[Any], Step]:
    return refuses(words, lambda body: body.get("max_tokens", body.get("max_completion_tokens", limit)) <= limit)


def is_text(body: Any) -> bool:
    return format_type(body) == "text"


def is_object(body: Any) -> bool:
    return format_type(body) == "json_object"


def is_user_only(body: Any) -> bool:
    return [row["role"] for row in body["messages"]] == ["user"]


FAULTS = [
    # refusals that pass by themselves
    Fault("429 then good", [Step(ERROR, 429, SOON), Step(GOOD)], None, sent=2),
    Fault("500 then good", [Step(ERROR, 500, SOON), Step(GOOD)], None, sent=2),
    Fault("502 html then good", [Step("<html>bad gateway</html>", 502, SOON, "text/html")], None, sent=2),
    Fault("503 twice", [Step(ERROR, 503, SOON)] * 2, None, sent=3),
    Fault("529 overloaded", [Step(ERROR, 529, SOON)], None, sent=2),
    Fault("408", [Step(ERROR, 408, SOON)], None, sent=2),
    Fault("409", [Step(ERROR, 409, SOON)], None, sent=2),
    Fault("500 for ever", [Step(ERROR, 500, SOON)] * 9, Reason.SERVER, sent=5),
    Fault("429 for ever", [Step(ERROR, 429, SOON)] * 9, Reason.RATE_LIMIT, sent=4),
    Fault("reset once", [Step(reset=True)], None, sent=2),
    Fault("reset for ever", [Step(reset=True)] * 9, Reason.DROPPED, sent=5, estimated=True),
    Fault("body cut once", [Step(GOOD, missing=50)], None, sent=2),
    Fault("malformed once", [Step('{"choices": [', headers=SOON)], None, sent=2),
    # refusals that stay
    Fault("retry-after beyond the deadline", [Step(ERROR, 429, {"retry-after": "3600"})], Reason.RATE_LIMIT),
    Fault("x-should-retry false", [Step(ERROR, 500, {"x-should-retry": "false"})], Reason.SERVER),
    Fault("x-should-retry true", [Step(ERROR, 418, SOON | {"x-should-retry": "true"})], None, sent=2),
    Fault("quota", [error(429, "You exceeded it", "insufficient_quota")], Reason.QUOTA),
    Fault("quota in words", [error(429, "check your plan and billing details")], Reason.QUOTA),
    Fault("payment required", [Step(ERROR, 402)], Reason.QUOTA),
    Fault("401 that echoes the key", [error(401, f"Incorrect API key: {KEY}")], Reason.CREDENTIALS),
    Fault("403", [Step(ERROR, 403)], Reason.CREDENTIALS),
    Fault("404", [Step({"error": "model 'x' not found"}, 404)], Reason.NOT_FOUND, detail="model 'x'"),
    Fault("400 unknown model", [error(400, "The model x does not exist")], Reason.NOT_FOUND),
    Fault("400 error is a bare string", [Step({"error": "bad thing"}, 400)] * 9, Reason.REQUEST, sent=3,
          mode="text", detail="bad thing"),
    Fault("413", [Step(ERROR, 413)], Reason.TOO_LONG),
    Fault("context exceeded", [error(400, "exceeds the available context size", "exceed_context_size_error")],
          Reason.TOO_LONG),
    Fault("input tokens counted", [error(400, "The input token count (53) exceeds the maximum number of tokens")],
          Reason.TOO_LONG),
    Fault("prompt length", [error(400, "This model's maximum prompt length is 1024 but the request contains 5301")],
          Reason.TOO_LONG),
    Fault("content policy", [error(400, "no", "content_policy_violation")], Reason.FILTERED),
    Fault("redirect", [Step(b"", 307, {"location": "http://127.0.0.1:1/"})], Reason.REQUEST,
          detail="307 leads to http://127.0.0.1:1/, where keys are not sent"),
    # replies that are no completions
    Fault("html with status 200", [Step("<html>login</html>", content_type="text/html", headers=SOON)] * 9,
          Reason.MALFORMED, sent=4, detail="text/html"),
    Fault("empty body", [Step(b"", headers=SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("not UTF-8", [Step(b'{"choices": "\xff\xfe"}', headers=SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("deeply nested JSON", [Step(b"[" * 100_000, headers=SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("event stream that breaks off", [Step(streamed(ANSWER, end=""), headers=SOON)] * 9, Reason.DROPPED, sent=5),
    Fault("event stream of an error", [Step('data: {"error": {"message": "no", "code": 503}}\n\n', headers=SOON)] * 9,
          Reason.SERVER, sent=5, detail="503"),
    Fault("event stream cut", [Step(STREAM, content_type="text/event-stream", missing=9)], None, sent=2),
    Fault("204 without a body", [Step(b"", 204, SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("a number for a reply", [Step(b"42", headers=SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("choices null", [Step({"choices": None}, headers=SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("choices empty", [Step({"choices": []}, headers=SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("choice of wrong type", [Step({"choices": ["x"]}, headers=SOON)] * 9, Reason.MALFORMED, sent=4),
    Fault("error object with status 200", [Step({"error": {"message": "boom"}}, headers=SOON)] * 9,
          Reason.SERVER, sent=5, detail="boom"),
    Fault("broken gzip", [Step(b"\x1f\x8bgarbage", headers=SOON | {"content-encoding": "gzip"})] * 9,
          Reason.DROPPED, sent=5, deadline_s=30),
    # errors with status 200, in the words of several servers
    Fault("200: a list", [Step([{"error": {"code": 429, "message": "full"}}], headers=SOON)], None, sent=2),
    Fault("200: a name", [Step({"error": {"code": "rate_limit_exceeded"}}, headers=SOON)] * 9, Reason.RATE_LIMIT,
          sent=4),
    Fault("200: a string", [Step({"error": "Too many requests"}, headers=SOON)] * 9, Reason.RATE_LIMIT, sent=4),
    Fault("200: no error key", [Step({"code": 503, "msg": "full"}, headers=SOON)] * 9, Reason.SERVER, sent=5,
          detail="503"),
    Fault("200: an object", [Step({"object": "error", "message": "no such thing"}, headers=SOON)] * 9, Reason.SERVER,
          sent=5, detail="no such thing"),
    Fault("200: a detail", [Step({"detail": "rate limit"}, headers=SOON)] * 9, Reason.RATE_LIMIT, sent=4),
    Fault("200: a base", [Step({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None},
                               headers=SOON)] * 9, Reason.RATE_LIMIT, sent=4),
    Fault("200: a key", [Step({"error": {"message": "Incorrect API key provided"}})], Reason.CREDENTIALS),
    Fault("200: no money", [Step({"error": {"message": "Insufficient balance"}})], Reason.QUOTA),
    Fault("200: no model", [Step({"error": "model 'x' not found"})], Reason.NOT_FOUND, detail="model 'x'"),
    Fault("200: a long prompt", [Step({"error": "This model's maximum context length is 2048"})], Reason.TOO_LONG),
    Fault("200: choices, too", [Step({**chat(""), "error": {"code": 502, "message": "boom"}}, headers=SOON)] * 9,
          Reason.SERVER, sent=5, detail="502"),
    Fault("200: in a choice", [Step(chat("", finish="error"), headers=SOON)] * 9, Reason.SERVER, sent=5, detail="502"),
    # when to come back, in words
    Fault("quota of a minute", [error(429, "You exceeded your quota, check your billing. Please retry in 0.02s")], None,
          sent=2),
    Fault("come back in minutes", [error(429, "Rate limit reached. Please try again in 2m59.5s")], Reason.RATE_LIMIT),
    Fault("delay in details", [Step({"error": {"code": 429, "details": [{"retryDelay": "43s"}]}}, 429)],
          Reason.RATE_LIMIT),
    Fault("403 is a rate limit", [Step({"error": "Rate limit exceeded"}, 403, SOON)], None, sent=2),
    # completions without an answer
    Fault("content null", [Step(chat(None))], Reason.EMPTY),
    Fault("content empty", [Step(chat(""))], Reason.EMPTY),
    Fault("content a number", [Step(chat(7))], Reason.EMPTY),
    Fault("refusal", [Step(chat(None, refusal="I cannot"))], Reason.REFUSAL, detail="I cannot"),
    Fault("content filter", [Step(chat("", finish="content_filter"))], Reason.FILTERED),
    Fault("thoughts only, cut", [Step(chat("<think>let me", finish="length"))], Reason.TRUNCATED),
    Fault("reasoning that is prose", [Step(chat("", reasoning_content="Let me think"))], Reason.EMPTY),
    Fault("thoughts in a stream, cut", [Step(streamed("hm", field="reasoning", end='data: {"choices": '
          '[{"delta": {}, "finish_reason": "length"}]}'), headers=SOON)], Reason.TRUNCATED),
    # answers in odd places
    Fault("event stream unasked", [Step(STREAM, content_type="text/event-stream")], None),
    Fault("event stream of thoughts", [Step(streamed(f"So: {ANSWER}", field="reasoning_content"))], None),
    Fault("a JSON object a line", [Step(LINES, content_type="application/x-ndjson")], None, estimated=False),
    Fault("a message without choices", [Step({"message": {"content": ANSWER}, "done_reason": "stop"})], None),
    Fault("a text for a message", [Step({"choices": [{"text": ANSWER}]})], None),
    Fault("second choice", [Step({"choices": [*chat("")["choices"], *chat(ANSWER)["choices"]]})], None),
    Fault("content an object", [Step(chat(json.loads(ANSWER)))], None),
    Fault("content as parts, thoughts first", [Step(chat([{"type": "thinking", "thinking": "x"}, {"type": "reasoning",
          "text": '{"formula": "x"}'}, {"type": "text", "text": ANSWER}]))], None),
    Fault("arguments of a tool", [Step(chat(None, finish="tool_calls", tool_calls=[{"function": {"name": "answer",
          "arguments": ANSWER}}]))], None),
    Fault("arguments of a function", [Step(chat(None, function_call={"arguments": ANSWER}))], None),
    Fault("parsed", [Step(chat(None, parsed=json.loads(ANSWER)))], None),
    Fault("thoughts, then the answer", [Step(chat("", reasoning_content=f"Let me see. So:\n{ANSWER}"))], None),
    Fault("details of thoughts", [Step(chat("", reasoning_details=[{"type": "reasoning.text", "text": ANSWER}]))],
          None),
    Fault("a thought without an end", [Step(chat(f"<think>Let me see. So:\n{ANSWER}"))], None),
    Fault("JSON in JSON", [Step(chat(json.dumps(ANSWER)))], None),
    Fault("answer in reasoning_content", [Step(chat("", reasoning_content=ANSWER))], None),
    Fault("answer in reasoning", [Step(chat(None, reasoning=ANSWER))], None),
    Fault("content as parts", [Step(chat([{"type": "text", "text": ANSWER}]))], None),
    Fault("fenced", [Step(chat(f"Sure!\n```json\n{ANSWER}\n```\nHope it helps"))], None),
    Fault("think block", [Step(chat(f"<think>{{\"formula\": 1}} hm</think>{ANSWER}"))], None),
    Fault("compressed", [Step(PACKED, headers={"content-encoding": "gzip"})], None),
    Fault("wrong content type", [Step(GOOD, content_type="text/plain")], None),
    Fault("no usage", [Step(chat(ANSWER, usage=None))], None, estimated=True),
    Fault("usage of wrong types", [Step(chat(ANSWER, usage={"prompt_tokens": "9", "completion_tokens": -1}))],
          None, estimated=True),
    # servers that never end
    Fault("silence", [Step(GOOD, delay_s=30)], Reason.DEADLINE, deadline_s=3, estimated=True),
    Fault("dribble", [Step(GOOD, dribble_s=0.05)], Reason.DEADLINE, deadline_s=3, estimated=True),
    Fault("compressed to nothing", [Step(gzip.compress(b" " * 10**8), headers={"content-encoding": "gzip"})],
          Reason.TOO_LARGE),
    Fault("endless body", [Step(b" " * 65536, endless=True)], Reason.TOO_LARGE, estimated=True),
    Fault("endless error body", [Step(b" " * 65536, 500, endless=True)], Reason.TOO_LARGE),
    # servers that take less than they are asked
    Fault("no json_schema", refuses("'response_format.type' must be text", is_text),
          None, sent=3, mode="text"),
    Fault("json_object only", refuses("json_schema is unknown", is_object),
          None, sent=2, mode="json_object"),
    Fault("no json_schema, as 500", refuses("literal_error in response_format",
                                            is_object, 500),
          None, sent=2, mode="json_object"),
    Fault("no json_schema, as 422", refuses("extra fields not permitted", is_text, 422),
          None, sent=3, mode="text"),
    Fault("no patterns", refuses("pattern is not supported", lambda b: "pattern" not in json.dumps(b)),
          None, sent=2),
    Fault("no lengths", refuses("'maxLength' is not permitted", lambda b: "maxLength" not in json.dumps(b)), None,
          sent=2),
    Fault("other token limit", refuses("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'",
                                       lambda b: "max_tokens" not in b), None, sent=2),
    Fault("neither token limit", refuses("Extra inputs are not permitted: max_tokens, max_completion_tokens",
                                         lambda b: not {"max_tokens", "max_completion_tokens"} & b.keys()), None,
          sent=3),
    Fault("short answers only", at_most(100, "max_tokens is too large: 256. This model supports at most 100 completion "
                                        "tokens"), None, sent=2),
    Fault("short answers only, as a range", at_most(200, "Range of max_tokens should be [1, 200]"), None, sent=2),
    Fault("streams only", needs_stream("This model only supports stream mode, please enable the stream parameter"),
          None, sent=2),
    Fault("streams only, in other words", needs_stream("Streaming is required for this model"), None, sent=2),
    Fault("stumbles over the form", lambda b: Step(GOOD) if is_text(b) else Step("oops", 500, SOON), None, sent=5,
          mode="text"),
    Fault("dies of the form", lambda b: Step(GOOD) if is_text(b) else Step(reset=True), None, sent=5, mode="text"),
    Fault("no system role, in other words", refuses("Unsupported value: 'messages[0].role' does not support 'system'",
                                                    is_user_only), None, sent=2),
    Fault("alternating roles", refuses("Only user and assistant roles are supported!", is_user_only, 500), None,
          sent=2),
    Fault("no temperature", refuses("'temperature' does not support 0.8", lambda b: "temperature" not in b),
          None, sent=2),
    Fault("no system role", refuses("System role not supported", is_user_only),
          None, sent=2),
    Fault("no system role, as 500", refuses("system message must be...",
                                            is_user_only, 500), None, sent=2),
]  # fmt: skip


def ask(url: str, fault: Fault) -> tuple[OpenAIProvider, Completion]:
    endpoint = Endpoint("m", url, KEY, deadline_s=fault.deadline_s, backoff_s=0.02)
    provider = OpenAIProvider(endpoint, rng=random.Random(1))
    return provider, asyncio.run(provider.complete(REQUEST))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_has_its_named_outcome(fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    steps = list(fault.steps) if isinstance(fault.steps, list) else fault.steps
    caplog.set_level("DEBUG")
    started = time.monotonic()
    with serve(ScriptedServer(steps)) as server:
        provider, completion = ask(server.url, fault)
        seconds = time.monotonic() - started
    problem = completion.problem
    assert (problem and problem.reason) is fault.reason, problem
    if fault.reason is None:
        assert [p.formula for p in read_answer(completion.text).proposals] == ["E + A*examples**(-alpha)"]
    else:
        assert fault.detail in str(problem)
    assert completion.attempts == len(server.seen) == fault.sent
    assert seconds < fault.deadline_s + 60.0  # a hang
    assert completion.mode == fault.mode or fault.reason is not None
    if fault.estimated is not None:
        assert completion.usage.estimated is fault.estimated
    assert KEY not in repr((provider, provider.endpoint, completion)) + caplog.text
