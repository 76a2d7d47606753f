"""From what a server sent to a `Completion`: pure functions, no network.

Servers that call themselves compatible answer in many shapes: a stream that nobody asked for, an error object with
status 200, a content in parts or as an object, an empty content with the answer in a reasoning field or in the
arguments of a tool, a body that is no JSON. Each has a named outcome.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from discover.llm.provider import Completion, Problem, Reason, Request, Usage
from discover.llm.refusals import Reply, is_error, problem_of
from discover.llm.schema import answer_in_thoughts, clip, strip_wrapping
from discover.llm.streams import joined

REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")
_CUT = ("length", "max_tokens", "max_length", "model_length")
_FILTERED = ("content_filter", "safety", "prohibited_content", "sensitive")
_MOST_TOKENS = 10_000_000

CAUTIOUS_CHARACTERS = 2.2
"""Characters of a token where nobody counts: prompts with many numbers have 2.4 in small vocabularies, prose 4."""


def estimate_tokens(text: str, characters: float = CAUTIOUS_CHARACTERS) -> int:
    """A cautious count of tokens.

    Args:
        text: what is counted.
        characters: in a token.
    """
    return math.ceil(len(text) / characters)


def largest_usage(request: Request, characters: float = CAUTIOUS_CHARACTERS) -> Usage:
    """What a call may cost at most, for calls whose reply was lost."""
    prompt = sum(estimate_tokens(m.content, characters) + 4 for m in request.messages)
    return Usage(prompt, request.max_tokens, estimated=True)


def read_reply(reply: Reply, request: Request, now: float = 0.0) -> Completion:
    """What the server answered.

    Args:
        reply: to the request.
        request: what was asked.
        now: seconds since 1970.
    """
    if not 200 <= reply.status < 300:
        return Completion(problem=problem_of(reply, now))
    payload = _payload(reply)
    if isinstance(payload, Problem):
        return Completion(problem=payload, usage=largest_usage(request))
    choice = _choice(payload)
    if (choice is None or not choice.text) and is_error(payload):
        return Completion(problem=problem_of(replace(reply, body=json.dumps(payload).encode()), now))
    if choice is None:
        detail = f"no choices in {clip(json.dumps(payload), 120)}"
        return Completion(problem=Problem(Reason.MALFORMED, detail), usage=largest_usage(request))
    if choice.error is not None:
        return Completion(problem=problem_of(choice.error, now), usage=_reported(payload))
    usage = _usage(payload, request, choice.message)
    model = clip(payload.get("model"), 100)
    return Completion(text=choice.text, problem=choice.problem, usage=usage, model=model)


def _payload(reply: Reply) -> Any:
    """The JSON of a body, or what the parts of a stream come to; a problem if it is neither."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        whole, ended = joined(reply.body)
    if whole is None:
        kind = reply.headers.get("content-type", "no content type")
        detail = f"{clip(kind, 60)}, {len(reply.body)} bytes: {clip(reply.text, 120)}"
        return Problem(Reason.MALFORMED, detail)
    return whole if ended else Problem(Reason.DROPPED, "the stream of the answer ended before the answer")


# --- the answer ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Choice:
    """One answer of a reply.

    Attributes:
        message: as the server gave it.
        finish: why it ended, in lower case.
        error: the refusal that stands in its place.
    """

    message: Mapping[str, Any]
    finish: str
    error: Reply | None

    @property
    def text(self) -> str:
        return answer_text(self.message, cut=self.finish in _CUT)

    @property
    def problem(self) -> Problem | None:
        if refusal := clip(self.message.get("refusal"), 200):
            return Problem(Reason.REFUSAL, refusal)
        if self.finish in _FILTERED:
            return Problem(Reason.FILTERED)
        if self.finish in _CUT:
            return Problem(Reason.TRUNCATED)
        return None if self.text else Problem(Reason.EMPTY, f"finish reason {self.finish or 'not given'}")


def _choice(payload: Any) -> _Choice | None:
    """The first answer with a text, else the first."""
    found = list(_choices(payload))
    return next((choice for choice in found if choice.text), found[0] if found else None)


def _choices(payload: Any) -> Iterator[_Choice]:
    rows = payload.get("choices", [payload]) if isinstance(payload, dict) else None
    for row in rows if isinstance(rows, list) else ():
        message = _message(row)
        if message is None:
            continue
        finish = row.get("finish_reason") or row.get("done_reason")
        yield _Choice(message, clip(finish, 40).lower(), _error(row))


def _message(row: Any) -> Mapping[str, Any] | None:
    """The message of a choice; old servers give a text, and some call it a delta."""
    for key in ("message", "delta") if isinstance(row, dict) else ():
        if isinstance(message := row.get(key), dict):
            return message
    text = row.get("text") if isinstance(row, dict) else None
    return {"content": text} if isinstance(text, str) else None


def _error(row: Mapping[str, Any]) -> Reply | None:
    """The refusal in a choice."""
    failed = row.get("error")
    if failed:
        return Reply(200, {}, json.dumps({"error": failed}).encode())
    broken = {"error": {"code": 502, "message": "the answer ended in an error"}}
    return Reply(200, {}, json.dumps(broken).encode()) if row.get("finish_reason") == "error" else None


def answer_text(message: Mapping[str, Any], cut: bool = False) -> str:
    """The answer in a message: its content, else the arguments of a tool, else JSON among the thoughts.

    Args:
        message: of a choice.
        cut: it ended at the token limit; its thoughts then hold drafts at best.
    """
    content = _content(message.get("content"))
    if strip_wrapping(content):
        return content
    if called := _called(message):
        return called
    for thoughts in (content, *(_content(message.get(field)).strip() for field in REASONING_FIELDS)):
        if thoughts.startswith(("{", "[", "```")):
            return thoughts
        if not cut and (found := answer_in_thoughts(thoughts)):
            return found
    return ""


def _called(message: Mapping[str, Any]) -> str:
    """The answer where a server takes the schema for a tool, or gives the answer as an object."""
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    for function in (*functions, message.get("function_call")):
        if isinstance(function, dict) and (arguments := _content(function.get("arguments"))):
            return arguments
    return _content(message.get("parsed"))


def _content(value: Any) -> str:
    """Text of a content that is a string, an object, or a list of parts without the thoughts among them."""
    if isinstance(value, list):
        return "".join(map(_part, value))
    if isinstance(value, dict):
        return _part(value) if "text" in value else json.dumps(value)
    return value if isinstance(value, str) else ""


def _part(part: Any) -> str:
    if isinstance(part, dict):
        if part.get("type") in ("thinking", "reasoning"):
            return ""
        text = part.get("text")
        part = text.get("value") if isinstance(text, dict) else text
    return part if isinstance(part, str) else ""


# --- what it took --------------------------------------------------------------------------------------

_PROMPT = ("prompt_tokens", "input_tokens", "prompt_eval_count")
_ANSWER = ("completion_tokens", "output_tokens", "eval_count")


def _usage(payload: Mapping[str, Any], request: Request, message: Mapping[str, Any]) -> Usage:
    value = payload.get("usage") or payload
    prompt, answer = _count(value, *_PROMPT), _count(value, *_ANSWER)
    if prompt is not None and answer is not None and prompt + answer > 0:
        details = value.get("completion_tokens_details")
        return Usage(prompt, answer, thoughts=min(answer, _count(details, "reasoning_tokens") or 0))
    written = "".join(_content(message.get(field)) for field in ("content", *REASONING_FIELDS))
    written = written or _called(message)
    return replace(largest_usage(request), answer=estimate_tokens(written))


def _reported(payload: Mapping[str, Any]) -> Usage:
    """What the server says that a failed answer took; nothing if it does not say."""
    value = payload.get("usage")
    return Usage(_count(value, *_PROMPT) or 0, _count(value, *_ANSWER) or 0)


def _count(usage: Any, *names: str) -> int | None:
    for name in names:
        value = usage.get(name) if isinstance(usage, dict) else None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS:
            return value
    return None
