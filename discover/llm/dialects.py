"""What an endpoint accepts, found by trying, from the richest request to the plainest.

Servers differ in how they constrain an answer, in the name of the token limit, and in the parameters and
roles that they take. A refusal that names the cause takes one step down; the way that worked is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from discover.llm.provider import Request
from discover.llm.schema import without_patterns

MODES = ("json_schema", "json_object", "text")
TOKEN_LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to put a question.

    Attributes:
        mode: how the answer is constrained, one of `MODES`.
        patterns: the schema may hold regular expressions and lengths of texts.
        token_limit: name of the token limit, one of `TOKEN_LIMITS`; "" where the server takes none.
        swapped: the other name was tried before.
        most: tokens that the server allows an answer at most; None for what is asked.
        temperature: a temperature may be sent.
        system: a system message may be sent.
        stream: the server answers in pieces only.
    """

    mode: str = "json_schema"
    patterns: bool = True
    token_limit: str = "max_tokens"
    swapped: bool = False
    most: int | None = None
    temperature: bool = True
    system: bool = True
    stream: bool = False

    def body(self, model: str, request: Request) -> dict[str, Any]:
        """Arguments of the chat completion."""
        body: dict[str, Any] = {"model": model, "messages": self._messages(request)}
        if self.token_limit:
            body[self.token_limit] = min(request.max_tokens, self.most or request.max_tokens)
        if self.temperature and request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema is not None and self.mode != "text":
            body["response_format"] = self._format(request.schema)
        if self.stream:
            body["extra_body"] = {"stream": True}  # past the client, which reads the body whole all the same
        return body

    def _format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.mode == "json_object":
            return {"type": "json_object"}
        sent = schema if self.patterns else without_patterns(schema)
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": sent}}

    def _messages(self, request: Request) -> list[dict[str, str]]:
        rows = [{"role": m.role, "content": m.content} for m in request.messages]
        if self.system or not rows or rows[0]["role"] != "system":
            return rows
        system, *rest = rows
        if not rest:
            return [{"role": "user", "content": system["content"]}]
        first = {"role": rest[0]["role"], "content": f"{system['content']}\n\n{rest[0]['content']}"}
        return [first, *rest[1:]]


_FORMAT_WORDS = ("response_format", "schema", "json_object", "literal_error", "grammar", "structured")
_REFUSALS = (400, 422)
_FAILURES = (500, 501)


def plainest(dialect: Dialect) -> Dialect:
    """The same without any demand on the form of an answer."""
    return replace(dialect, mode="text")


def step_down(dialect: Dialect, request: Request, status: int, text: str) -> Dialect | None:
    """The next plainer dialect after a refusal, or None when the refusal has another cause.

    Args:
        status: HTTP status of the refusal.
        text: its body.
    """
    text = text.lower()
    named = any(word in text for word in _FORMAT_WORDS)
    if status not in _REFUSALS and not (status in _FAILURES and (named or _refuses_system(text))):
        return None
    if not dialect.stream and _STREAM.search(text):
        return replace(dialect, stream=True)
    if (most := _most_tokens(text, request.max_tokens, status)) and dialect.most is None:
        return replace(dialect, most=most)
    if dialect.token_limit and dialect.token_limit in text:
        other = next(name for name in TOKEN_LIMITS if name != dialect.token_limit)
        return replace(dialect, token_limit="" if dialect.swapped else other, swapped=True)
    if "temperature" in text and dialect.temperature and request.temperature is not None:
        return replace(dialect, temperature=False)
    if _refuses_system(text) and dialect.system and request.messages[0].role == "system":
        return replace(dialect, system=False)
    return _plainer_answer(dialect, request, text) if status in _REFUSALS or named else None


_STREAM = re.compile(
    r"(?:only|must|require|enable|set)[^.]{0,40}\bstream|\bstream(?:ing)?\b[^.]{0,40}(?:only|must|require|true)"
)
_LIMIT_NAMES = (*TOKEN_LIMITS, "max_new_tokens", "output tokens", "completion tokens")
_LIMIT_WORDS = ("at most", "maximum", "less than", "<=", "too large", "exceed", "greater", "range", "up to", "limit")


def _most_tokens(text: str, asked: int, status: int) -> int | None:
    """The longest answer that a refusal allows: the largest number in it below what was asked."""
    if not all(any(word in text for word in words) for words in (_LIMIT_NAMES, _LIMIT_WORDS)):
        return None
    numbers = {int(number) for number in re.findall(r"\b\d{2,6}\b", text.replace(",", ""))} - {status}
    return max((number for number in numbers if number < asked), default=None)


_SYSTEM = re.compile(
    r"system (?:role|message|prompt)|(?:role|roles)\b[^.]{0,60}\bsystem\b|\bsystem\b[^.]{0,40}\broles?\b|"
    r"only user and assistant|roles must alternate"
)


def _refuses_system(text: str) -> bool:
    return _SYSTEM.search(text) is not None


def _plainer_answer(dialect: Dialect, request: Request, text: str) -> Dialect | None:
    if request.schema is None or dialect.mode == "text":
        return None
    has_patterns = without_patterns(request.schema) != request.schema
    if dialect.mode == "json_schema" and dialect.patterns and has_patterns and _names_pattern(text):
        return replace(dialect, patterns=False)
    return replace(dialect, mode=MODES[MODES.index(dialect.mode) + 1])


def _names_pattern(text: str) -> bool:
    return any(word in text for word in ("pattern", "regex", "regular expression", "maxlength"))
