"""What a server's refusal means: from an error, in whatever shape it comes, to a `Problem`. Pure functions.

Servers word an error as an object, a list, bare text or a page, with the status of HTTP or with 200 and a code in
the body, which may be a number or a name. The reason decides whether it is tried again, and what people are told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from discover.llm.provider import Problem, Reason
from discover.llm.schema import clip
from discover.llm.secrets import shown_url
from discover.llm.transport import retry_after_s


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply: status, header fields in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body[:20_000].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Said:
    """An error as a server words it.

    Attributes:
        message: for people, on one line.
        words: message, code and type in lower case, to look for words in.
        status: the HTTP status that the body names, 0 for none.
    """

    message: str
    words: str
    status: int = 0


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

_TOO_LONG = (
    "context length", "context_length", "exceed_context_size", "context size", "context window", "prompt is too long",
    "too many tokens", "maximum context", "input is too long", "input too long", "reduce the length",
    "max_new_tokens` must be", "prompt too long", "prompt length", "input token count",
)  # fmt: skip
_LIMITED = ("rate limit", "rate_limit", "rate-limit", "ratelimit", "too many requests", "resource_exhausted",
            "resource exhausted", "qps", "throttl")  # fmt: skip
_USED_UP = ("insufficient_quota", "billing", "credit", "insufficient balance", "insufficient funds", "arrears")
_KEY = ("invalid_api_key", "api key", "api_key", "unauthorized", "authentication", "auth credentials", "permission")
_DENIALS = ("not found", "not_found", "does not exist", "unknown model", "no such model", "invalid model")
_FILTERS = ("content_filter", "content_policy", "content management policy")


def problem_of(reply: Reply, now: float = 0.0) -> Problem:
    """The reason of a refusal, from its status, or where that says nothing from its words.

    Args:
        reply: an error.
        now: seconds since 1970, for servers that say until when they want to be left alone.
    """
    said = said_in(reply.body)
    status = reply.status if reply.status >= 300 else said.status
    pause = retry_after_s(reply.headers, now) or _pause_in(reply.text)
    reason = _reason(status, said.words, passes=pause is not None)
    context = _context_named(reply) if reason is Reason.TOO_LONG else None
    shown = f"HTTP {status} {_leads_to(reply) or said.message}" if status else said.message
    return Problem(reason, clip(shown.strip(), 500), pause, context)


def _leads_to(reply: Reply) -> str:
    """Where a redirection leads, such as to the page on which a gateway wants people to sign in."""
    place = reply.headers.get("location", "") if 300 <= reply.status < 400 else ""
    return f"leads to {shown_url(place)}, where keys are not sent; give the address of the API itself" if place else ""


def _reason(status: int, words: str, passes: bool) -> Reason:
    def has(any_of: tuple[str, ...]) -> bool:
        return any(word in words for word in any_of)

    usual = _BY_STATUS.get(status) or (Reason.REQUEST if 300 <= status < 500 else Reason.SERVER)
    unsaid = status == 0
    if (usual is Reason.RATE_LIMIT or unsaid) and has(_USED_UP) and not passes:
        return Reason.QUOTA
    if has(_LIMITED) and status not in (401, 402, 404):
        return Reason.RATE_LIMIT
    if (status in (400, 422, 500) or unsaid) and has(_TOO_LONG):
        return Reason.TOO_LONG
    if (status == 400 or unsaid) and "model" in words and has(_DENIALS):
        return Reason.NOT_FOUND
    if (status == 400 or unsaid) and has(_FILTERS):
        return Reason.FILTERED
    return Reason.CREDENTIALS if unsaid and has(_KEY) else usual


_CONTEXT_SAID = re.compile(
    r"\"n_ctx\":\s*(\d{3,8})|(?:context (?:length|size|window)|maximum (?:context|prompt|number)|must be <=)\D{0,40}?"
    r"(\d{3,8})|> (\d{3,8}) maximum"
)


def _context_named(reply: Reply) -> int | None:
    """Tokens of the context, where the refusal of a long prompt names them."""
    found = _CONTEXT_SAID.search(reply.text.lower())
    return int(next(filter(None, found.groups()))) if found else None


# --- pauses --------------------------------------------------------------------------------------------

_LENGTH = r"\d+(?:\.\d+)?\s?(?:hours?|h|milliseconds?|ms|minutes?|min|m|seconds?|sec|s)?(?![a-z])"
_PAUSE = re.compile(
    r"(?:try again in|retry after|retry in|wait(?: for)?|retrydelay\"?:\s?\"|retry_after(?:_seconds)?\"?:)"
    rf"\s{{0,3}}((?:{_LENGTH}\s?){{1,4}})",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s?([a-z]*)", re.IGNORECASE)


def _pause_in(text: str) -> float | None:
    """Seconds after which the text of a refusal says to come back."""
    found = _PAUSE.search(text)
    if found is None:
        return None
    parts = _PART.findall(found[1])
    return sum(float(number) * _seconds(unit.lower()) for number, unit in parts) or None


def _seconds(unit: str) -> float:
    if unit.startswith(("ms", "milli")):
        return 0.001
    return {"h": 3600.0, "m": 60.0}.get(unit[:1], 1.0)


# --- the shapes of an error ----------------------------------------------------------------------------

_MESSAGES = ("message", "detail", "msg", "error_msg", "status_msg", "error_message", "error_description", "title")
_CODES = ("code", "type", "status", "error_code", "status_code", "statusCode")


def is_error(payload: Any) -> bool:
    """Whether the body of a reply that holds no answer is an error: it names one, or has a message and a code."""
    if isinstance(payload, list):
        return bool(payload) and is_error(payload[0])
    if not isinstance(payload, dict):
        return False
    if any(payload.get(key) for key in ("error", "errors", "base_resp", "detail")) or payload.get("object") == "error":
        return True
    return _text_of(payload) != "" and any(key in payload for key in _CODES)


def said_in(body: bytes) -> Said:
    """The words of an error: an object in one of many shapes, a bare string, or no JSON at all."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        text = clip(body[:20_000].decode("utf-8", "replace"), 300)
        return Said(text, text.lower())
    while isinstance(payload, list) and payload:
        payload = payload[0]
    error = _error_of(payload)
    if not isinstance(error, dict):
        text = clip(error if isinstance(error, str) else json.dumps(error), 300)
        return Said(text, text.lower(), _status_of(payload))
    message = _text_of(error) or json.dumps(error)
    if upstream := _upstream_words(error.get("metadata")):
        message = f"{message}: {upstream}"
    codes = " ".join(str(error.get(key, "")) for key in _CODES)
    return Said(clip(message, 300), f"{codes} {message}".lower(), _status_of(error) or _status_of(payload))


def _error_of(payload: Any) -> Any:
    """The part of a body that is the error."""
    if not isinstance(payload, dict):
        return payload
    for key in ("error", "errors", "base_resp"):
        inner = payload.get(key)
        if isinstance(inner, list) and inner:
            inner = inner[0]
        if isinstance(inner, dict) or (isinstance(inner, str) and inner.strip() and not _text_of(payload)):
            return inner
    return payload


def _text_of(error: dict[str, Any]) -> str:
    """The message for people."""
    for key in _MESSAGES:
        value = error.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, dict | list) and value:
            return json.dumps(value)
    return ""


def _status_of(error: Any) -> int:
    """The HTTP status that a body names; 0 for none."""
    values = [error.get(key) for key in _CODES] if isinstance(error, dict) else []
    for value in values:
        number = int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0
        if 400 <= number <= 599:
            return number
    return 0


def _upstream_words(metadata: Any) -> str:
    """What the server behind a router said: text, or an error body of its own."""
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str):
        raw = json.dumps(raw) if isinstance(raw, dict) else ""
    if raw.lstrip().startswith("{"):
        return said_in(raw.encode()).message
    return clip(raw, 200)
