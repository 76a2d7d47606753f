"""From what a server sent to a `Completion`: pure functions, no network.

Servers that call themselves compatible answer in many shapes: an error object with status 200, no choices,
an empty content with the answer in a reasoning field, a body that is no JSON. Each has a named outcome.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from discover.llm.provider import Completion, Problem, Reason, Request, Usage
from discover.llm.schema import clip, strip_wrapping

REASONING_FIELDS = ("reasoning_content", "reasoning")
_MOST_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply: status, header fields in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body[:20_000].decode("utf-8", "replace")


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


def read_reply(reply: Reply, request: Request) -> Completion:
    """What the server answered."""
    if not 200 <= reply.status < 300:
        return Completion(problem=problem_of(reply))
    try:
        payload = json.loads(reply.body)
    except (ValueError, RecursionError):
        kind = reply.headers.get("content-type", "no content type")
        detail = f"{clip(kind, 60)}, {len(reply.body)} bytes: {clip(reply.text, 120)}"
        return Completion(problem=Problem(Reason.MALFORMED, detail), usage=largest_usage(request))
    if isinstance(payload, dict) and payload.get("error") and not payload.get("choices"):
        return Completion(problem=problem_of(replace(reply, status=_status_in(payload["error"]))))
    return _read_payload(payload, request)


def _status_in(error: Any) -> int:
    """The HTTP status that a router puts into the body when its upstream fails."""
    code = error.get("code") if isinstance(error, dict) else None
    number = int(code) if isinstance(code, int | str) and str(code).isdecimal() else 0
    return number if 400 <= number <= 599 else 500


def _read_payload(payload: Any, request: Request) -> Completion:
    choice = _first_choice(payload)
    if choice is None:
        detail = f"no choices in {clip(json.dumps(payload), 120)}"
        return Completion(problem=Problem(Reason.MALFORMED, detail), usage=largest_usage(request))
    failed = choice.get("error")
    if failed or choice.get("finish_reason") == "error":
        status = _status_in(failed) if failed else 502
        body = json.dumps({"error": failed or "the answer ended in an error"}).encode()
        return Completion(problem=problem_of(Reply(status, {}, body)), usage=_reported(payload.get("usage")))
    message = choice["message"]
    text = answer_text(message)
    usage = _usage(payload.get("usage"), request, message)
    problem = _answer_problem(text, message, choice.get("finish_reason"))
    model = clip(payload.get("model"), 100)
    return Completion(text=text, problem=problem, usage=usage, model=model)


def _first_choice(payload: Any) -> dict[str, Any] | None:
    choices = payload.get("choices") if isinstance(payload, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) and isinstance(first.get("message"), dict) else None


def _answer_problem(text: str, message: Mapping[str, Any], finish: Any) -> Problem | None:
    if refusal := clip(message.get("refusal"), 200):
        return Problem(Reason.REFUSAL, refusal)
    if finish == "content_filter":
        return Problem(Reason.FILTERED)
    if finish == "length":
        return Problem(Reason.TRUNCATED)
    return None if text else Problem(Reason.EMPTY, f"finish reason {clip(finish, 40) or 'not given'}")


def answer_text(message: Mapping[str, Any]) -> str:
    """The answer in a message: its content, else JSON in the reasoning fields."""
    content = _content(message.get("content"))
    if strip_wrapping(content):
        return content
    for field in REASONING_FIELDS:
        reasoning = _content(message.get(field)).strip()
        if reasoning.startswith(("{", "[", "```")):
            return reasoning
    return ""


def _content(value: Any) -> str:
    """Text of a content that is a string or a list of parts."""
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in value]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _usage(value: Any, request: Request, message: Mapping[str, Any]) -> Usage:
    prompt = _count(value, "prompt_tokens")
    answer = _count(value, "completion_tokens")
    if prompt is not None and answer is not None and prompt + answer > 0:
        details = value.get("completion_tokens_details")
        return Usage(prompt, answer, thoughts=min(answer, _count(details, "reasoning_tokens") or 0))
    written = "".join(_content(message.get(field)) for field in ("content", *REASONING_FIELDS))
    return replace(largest_usage(request), answer=estimate_tokens(written))


def _reported(value: Any) -> Usage:
    """What the server says that a failed answer took; nothing if it does not say."""
    return Usage(_count(value, "prompt_tokens") or 0, _count(value, "completion_tokens") or 0)


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    counts = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if counts else None


# --- refusals ------------------------------------------------------------------------------------------

_BY_STATUS = {
    401: Reason.CREDENTIALS,
    402: Reason.QUOTA,
    403: Reason.CREDENTIALS,
    404: Reason.NOT_FOUND,
    408: Reason.SERVER,
    409: Reason.SERVER,
    413: Reason.TOO_LONG,
    429: Reason.RATE_LIMIT,
}
RETRIED = frozenset({Reason.UNREACHABLE, Reason.DROPPED, Reason.RATE_LIMIT, Reason.SERVER, Reason.MALFORMED})
"""Reasons that may pass by themselves."""


def problem_of(reply: Reply) -> Problem:
    """The reason of a refusal, from its status and the several ways in which servers word an error."""
    code, message = _error_words(reply)
    reason = _BY_STATUS.get(reply.status) or (Reason.SERVER if reply.status >= 500 else Reason.REQUEST)
    words = f"{code} {message}".lower()
    if reason is Reason.RATE_LIMIT and any(w in words for w in ("insufficient_quota", "billing", "credit")):
        reason = Reason.QUOTA
    elif reply.status in (400, 422, 500) and _is_too_long(words):
        reason = Reason.TOO_LONG
    elif reply.status == 400 and _unknown_model(words):
        reason = Reason.NOT_FOUND
    elif reply.status == 400 and ("content_filter" in words or "content_policy" in words):
        reason = Reason.FILTERED
    context = _context_named(reply) if reason is Reason.TOO_LONG else None
    return Problem(reason, clip(f"HTTP {reply.status} {message}".strip(), 500), context=context)


_CONTEXT_SAID = re.compile(
    r"\"n_ctx\":\s*(\d{3,8})|(?:context (?:length|size|window)|maximum context)\D{0,40}?(\d{3,8})"
)


def _context_named(reply: Reply) -> int | None:
    """Tokens of the context, where the refusal of a long prompt names them."""
    found = _CONTEXT_SAID.search(reply.text.lower())
    return int(found[1] or found[2]) if found else None


def _unknown_model(words: str) -> bool:
    denials = ("not found", "does not exist", "model_not_found", "unknown model")
    return "model" in words and any(denial in words for denial in denials)


def _is_too_long(text: str) -> bool:
    words = (
        "context length", "context_length", "exceed_context_size", "context size", "context window",
        "prompt is too long", "too many tokens", "maximum context",
    )  # fmt: skip
    return any(word in text.lower() for word in words)


def _error_words(reply: Reply) -> tuple[str, str]:
    """Code and message of an error body: an object, a bare string, or no JSON at all."""
    try:
        payload = json.loads(reply.body)
    except (ValueError, RecursionError):
        return "", clip(reply.text, 300)
    error = payload.get("error", payload) if isinstance(payload, dict) else payload
    if not isinstance(error, dict):
        return "", clip(error if isinstance(error, str) else json.dumps(error), 300)
    message = error.get("message") or error.get("detail") or error
    text = message if isinstance(message, str) else json.dumps(message)
    if upstream := _upstream_words(error.get("metadata")):
        text = f"{text}: {upstream}"
    return " ".join(str(error.get(k, "")) for k in ("code", "type")), clip(text, 300)


def _upstream_words(metadata: Any) -> str:
    """What the server behind a router said: text, or an error body of its own."""
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str):
        raw = json.dumps(raw) if isinstance(raw, dict) else ""
    if raw.lstrip().startswith("{"):
        return _error_words(Reply(0, {}, raw.encode()))[1]
    return clip(raw, 200)
