"""Questions to a model, its answers, and the shape of a provider.

A call that fails is an answer too: a `Completion` whose `problem` names the reason. `complete` raises only
for mistakes in the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from json import dumps
from typing import Any, Literal, Protocol

from discover.llm import defaults

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question.

    Attributes:
        messages: the conversation, usually a system and a user message.
        schema: JSON schema of the answer, or None for free text.
        max_tokens: most tokens the answer may have.
        temperature: sampling temperature; None leaves it to the server.
        number: position of the question in its run, from 0; not part of what is asked.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int = defaults.ANSWER_TOKENS
    temperature: float | None = None
    number: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of what is asked, without the number."""
        return sha256(dumps(self.asked(), sort_keys=True).encode()).hexdigest()

    def asked(self) -> dict[str, Any]:
        """What is asked, as plain data."""
        return {
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "schema": self.schema,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; `estimated` when the server did not say; `thoughts` are part of the answer's."""

    prompt: int = 0
    answer: int = 0
    estimated: bool = False
    thoughts: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.answer


class Reason(StrEnum):
    """Why a call gave no answer; the value is the message."""

    UNREACHABLE = "the server cannot be reached"
    TLS = "no encrypted connection to the server"
    DROPPED = "the connection broke before the answer was complete"
    DEADLINE = "no answer before the deadline"
    RATE_LIMIT = "the server limits the rate of calls"
    QUOTA = "the account's quota is used up"
    CREDENTIALS = "the server refuses the key"
    NOT_FOUND = "the server does not know this model or address"
    TOO_LONG = "the prompt is longer than the model's context"
    REQUEST = "the server refuses the request"
    SERVER = "the server failed"
    MALFORMED = "the reply is not a chat completion"
    TOO_LARGE = "the reply is larger than any answer can be"
    EMPTY = "the answer is empty"
    TRUNCATED = "the answer was cut at the token limit"
    REFUSAL = "the model refused"
    FILTERED = "the server's content filter removed the answer"
    NOT_RECORDED = "the recorded run has no answer to this question"
    CANCELLED = "the run ended first"
    INTERNAL = "an error inside the program"


FINAL = frozenset({Reason.QUOTA, Reason.CREDENTIALS, Reason.NOT_FOUND, Reason.TLS})
"""Reasons for which no other question can be answered either."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer.

    Attributes:
        reason: the kind of failure.
        detail: what the server or the system said, secrets masked, at most 500 characters.
        retry_after_s: seconds for which the server asked not to be called again.
        context: tokens of the model's context, where the server refuses a prompt and says so.
    """

    reason: Reason
    detail: str = ""
    retry_after_s: float | None = None
    context: int | None = None

    @property
    def final(self) -> bool:
        return self.reason in FINAL

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer, or the reason why there is none.

    Attributes:
        text: the answer with think-blocks and fences still in it; partial when cut at the token limit.
        problem: None when the call succeeded. A cut answer has both a text and a problem.
        usage: tokens; also for failed calls, where it may be an upper estimate.
        seconds: from the question to the answer, all attempts and waits.
        attempts: HTTP requests made.
        mode: how the answer was constrained ("json_schema", "json_object" or "text"); "" if unknown.
        model: what the server calls the model that answered.
        refusals: what the attempts before the last, or all of a failed call, were told.
    """

    text: str = ""
    problem: Problem | None = None
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    attempts: int = 1
    mode: str = ""
    model: str = ""
    refusals: tuple[str, ...] = ()


class Provider(Protocol):
    """Anything that answers: a live endpoint, a recorded run, a test's script."""

    @property
    def heard(self) -> str:
        """Why the server refused a call that is asked again; "" after an answer."""
        ...

    async def complete(self, request: Request) -> Completion:
        """The answer; returns a `Completion` with a problem instead of raising, and may be cancelled."""
        ...
