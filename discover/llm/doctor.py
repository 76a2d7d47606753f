"""Can this endpoint be used? A few questions, a report of what was found, and advice where it fails.

The examination asks; it prints nothing. `format_report` turns its report into text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from discover.errors import FormulaError
from discover.expressions import parse
from discover.llm import defaults
from discover.llm.client import OpenAIProvider, model_names
from discover.llm.prompt import Brief, Column, Job, TaskCard, build_prompt
from discover.llm.provider import Completion, Message, Reason, Request
from discover.llm.replies import CAUTIOUS_CHARACTERS, estimate_tokens
from discover.llm.schema import Proposal, answer_schema, clip, read_answer, strip_wrapping

CARD = TaskCard(
    title="A small example",
    summary="How the loss of a language model falls with its parameters and its training tokens.",
    targets=(Column("loss", "cross-entropy on held-out text", "nats per token", 2.1, 4.3),),
    features=(
        Column("params", "parameters of the model", "", 1e7, 1e9, 8, judged_beyond=True),
        Column("tokens", "training tokens", "tokens", 1e9, 1e11, 8, judged_beyond=True),
    ),
    n_rows=64,
    constants=5,
    knowledge=("loss does not rise with params", "loss does not rise with tokens"),
)
_MODELS_SHOWN = 8
_NUMBERS = 0.6  # characters of a token in lines of numbers, against prose
_CONTEXT_KEYS = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        ok: True, False, or None when it could not be told.
        detail: what was found.
        advice: what to do about it; "" when nothing.
    """

    name: str
    ok: bool | None
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found at an endpoint; usable when a proposal could be read and parsed."""

    endpoint: str
    findings: tuple[Finding, ...]
    usable: bool


async def examine(
    provider: OpenAIProvider,
    *,
    context: int = defaults.CONTEXT,
    max_tokens: int = defaults.ANSWER_TOKENS,
    tell: Callable[[str], None] = lambda said: None,
) -> Report:
    """Asks the endpoint for one proposal, whether it obeys a schema, and whether it takes a long prompt.

    Costs one prompt of about 900 tokens, one of 60, one of about `context - max_tokens`, and their answers.

    Args:
        provider: the endpoint.
        context: tokens that prompt and answer will have together.
        max_tokens: tokens that an answer may have.
        tell: is told what is waited for.
    """
    tell("the list of its models")
    rows = await provider.list_models()
    names = model_names(rows)
    prompt = build_prompt(Brief(CARD, Job("fresh"), count=2), context=context, max_tokens=max_tokens)
    request = Request(prompt.messages, answer_schema(2), max_tokens)
    tell("two proposals")
    first = await provider.complete(request)
    if first.problem is not None and first.problem.reason is Reason.EMPTY:
        first = await provider.complete(request)  # the provider puts it plainly from now on
    findings = [*_models(names, provider.model), _reached(first)]
    if first.problem is not None and not first.text:
        return Report(provider.endpoint.shown, tuple(findings), usable=False)
    proposals, seen = _proposal(first)
    tell("whether it obeys a schema")
    findings += [_mode(first, await provider.complete(_PROBE)), seen, _speed(first)]
    spare = max(64, 2 * first.usage.thoughts)  # a model that thinks needs more than the short answer
    longer = _filled(request, context - max_tokens - _counted(first, request), _characters(first, request), spare)
    tell(f"whether it takes a prompt of {context - max_tokens:,} tokens")
    filled = await provider.complete(longer)
    declared = _declared_context(rows, provider.model)
    share = _share_read(first, filled, request, longer)
    findings.append(_context(filled, share, declared, context))
    return Report(provider.endpoint.shown, tuple(findings), usable=proposals is not None)


def sample_text() -> str:
    """A prompt of the usual kind, on which to count tokens."""
    prompt = build_prompt(Brief(CARD, Job("fresh")), context=32_768, max_tokens=defaults.ANSWER_TOKENS)
    return "\n".join(message.content for message in prompt.messages)


def format_report(report: Report) -> str:
    """The report as text of a few lines."""
    signs = {True: "ok  ", False: "FAIL", None: "?   "}
    lines = [report.endpoint]
    for finding in report.findings:
        lines.append(f"  {signs[finding.ok]} {finding.name}: {finding.detail}")
        if finding.advice:
            lines.append(f"       -> {finding.advice}")
    lines.append("This endpoint can be used." if report.usable else "This endpoint cannot be used as it is.")
    return "\n".join(lines)


# --- findings ------------------------------------------------------------------------------------------


def _reached(completion: Completion) -> Finding:
    if completion.problem is None or completion.text:
        model = f", served by {completion.model}" if completion.model else ""
        return Finding("answer", True, f"after {completion.seconds:.1f} s{model}")
    return Finding("answer", False, str(completion.problem), advice_for(completion.problem.reason))


_WORD = "quartzite"
_PROBE = Request(
    (Message("user", "Greet somebody in one sentence."),),
    {
        "type": "object",
        "properties": {"word": {"type": "string", "enum": [_WORD]}},
        "required": ["word"],
        "additionalProperties": False,
    },
    max_tokens=1024,
    number=2,
)
"""A question whose answer has the form of its schema only if the server imposes it."""


def _mode(first: Completion, probe: Completion) -> Finding:
    """How far the server constrains an answer: what it says, and what it does."""
    plainer = "more answers may be refused than with a JSON schema"
    if first.mode == "text":
        said = "the server does not constrain its answers; they are read from plain text"
        return Finding("structure", True, said, plainer)
    if first.mode == "json_object":
        return Finding("structure", True, "the server takes JSON without a schema", plainer)
    if _obeyed(probe.text):
        return Finding("structure", True, "the server obeys a JSON schema")
    if probe.problem is not None and not probe.text:
        said = f"the server accepts a JSON schema; whether it obeys could not be told: {probe.problem}"
        return Finding("structure", None, said)
    said = "the server accepts a JSON schema and does not obey it; answers are read from plain text"
    return Finding("structure", None, said, plainer)


def _obeyed(text: str) -> bool:
    try:
        return bool(json.loads(strip_wrapping(text)) == {"word": _WORD})
    except ValueError:
        return False


def _models(names: Sequence[str], model: str) -> list[Finding]:
    """The server's own list of models, if it has one."""
    if not names:
        return []
    more = len(names) - _MODELS_SHOWN
    shown = ", ".join(names[:_MODELS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    listed = model in names or not model or any(name.partition(":")[0] == model for name in names)
    if listed:
        return [Finding("models", True, shown)]
    return [Finding("models", None, shown, f"{clip(model, 80)} is not among them")]


def _characters(completion: Completion, request: Request) -> float:
    """Characters of a token, by the server's count of the first prompt."""
    length = sum(len(message.content) for message in request.messages)
    counted = 0 if completion.usage.estimated else completion.usage.prompt
    return min(4.5, max(1.0, length / counted)) if counted else CAUTIOUS_CHARACTERS


def _counted(completion: Completion, request: Request) -> int:
    length = sum(len(message.content) for message in request.messages)
    return math.ceil(length / _characters(completion, request))


def _proposal(completion: Completion) -> tuple[Proposal | None, Finding]:
    reading = read_answer(completion.text)
    reasons = [refused.reason for refused in reading.refused]
    for proposal in reading.proposals:
        try:
            parse(proposal.formula, [column.name for column in CARD.features])
        except FormulaError as error:
            reasons.append(f"{clip(proposal.formula, 80)}: {error}")
        else:
            return proposal, Finding("proposal", True, clip(proposal.formula, 200))
    advice = "the model does not keep to the formula language: try a larger one, or one tuned to instructions"
    if completion.problem is not None and completion.problem.reason is Reason.TRUNCATED:
        advice = "the answer was cut at the token limit: raise it, or turn off the model's thinking"
    return None, Finding("proposal", False, clip("; ".join(reasons), 300), advice)


def _speed(completion: Completion) -> Finding:
    rate = completion.usage.answer / completion.seconds if completion.seconds > 0 else 0.0
    count = "about " if completion.usage.estimated else ""
    detail = f"{count}{completion.usage.answer} tokens in {completion.seconds:.1f} s ({rate:.0f} per second)"
    return Finding("speed", True, detail)


def _filled(request: Request, tokens: int, characters: float, answer: int) -> Request:
    """The same request with a padded prompt, to see whether the server reads all of it.

    Lines of numbers have more tokens than the prose that the characters of a token were counted on.
    """
    line = "Measured: params 1e8, tokens 2e9, loss 3.21\n"
    each = estimate_tokens(line, _NUMBERS * characters)
    padding = line * max(0, tokens // each - 1)
    last = request.messages[-1]
    padded = Message(last.role, padding + last.content)
    return replace(request, messages=(*request.messages[:-1], padded), max_tokens=answer, number=1)


def _share_read(first: Completion, filled: Completion, short: Request, longer: Request) -> float | None:
    """How much of the long prompt was read, by the tokens that the server counted; None if it did not."""
    if first.usage.estimated or filled.usage.estimated or not first.usage.prompt:
        return None
    lengths = [sum(len(message.content) for message in request.messages) for request in (short, longer)]
    return (filled.usage.prompt / first.usage.prompt) / (lengths[1] / lengths[0])


def _context(filled: Completion, share: float | None, declared: int | None, context: int) -> Finding:
    said = f"the server declares {declared:,} tokens" if declared else "the server does not declare it"
    lower = f"give --llm-context a lower value than {context}, or start the server with a larger context"
    problem = filled.problem
    if declared is not None and declared < context:
        return Finding("context", False, said, lower)
    if problem is not None and problem.reason is Reason.TOO_LONG:
        return Finding("context", False, f"{said}; it refuses a prompt for {context:,} tokens", lower)
    if problem is not None and problem.reason not in (Reason.TRUNCATED, Reason.EMPTY):
        return Finding("context", None, f"{said}; the long prompt was not answered: {problem}")
    if share is None:
        return Finding("context", None, f"{said}; it does not count tokens, so a cut prompt cannot be seen")
    if share < 0.6:  # repeated lines take somewhat fewer tokens than prose of the same length
        return Finding("context", False, f"{said}; it read about {share:.0%} of a long prompt", lower)
    return Finding("context", True, f"{said}; it read a prompt of {filled.usage.prompt:,} tokens")


def _declared_context(rows: Sequence[Mapping[str, Any]], model: str) -> int | None:
    """Context size in the server's list of models, whatever it calls it."""
    named = [row for row in rows if row.get("id") == model] or list(rows[:1])
    for row in named:
        meta = row.get("meta")
        for place in (row, meta if isinstance(meta, Mapping) else {}):
            for key in _CONTEXT_KEYS:
                value = place.get(key)
                if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                    return value
    return None


_ADDRESS = "/v1 is tried at an address without it"
_ADVICE = {
    Reason.UNREACHABLE: f"start the server, and check host and port; {_ADDRESS}",
    Reason.TLS: "if the server has a certificate of its own, name that file in SSL_CERT_FILE; if it speaks plain "
    "http, begin its address with http://",
    Reason.DROPPED: "look into the server's log: it may have run out of memory",
    Reason.DEADLINE: "the model is slow or still loading: try again, or take a smaller one",
    Reason.RATE_LIMIT: "wait, allow fewer calls at a time (--llm-parallel 1), or take another model",
    Reason.QUOTA: "the account has no credit: see the provider's billing page",
    Reason.SERVER: "try again; if it lasts, look into the server's log, or take another model",
    Reason.CREDENTIALS: "check the environment variable with the key, and that it belongs to this provider",
    Reason.NOT_FOUND: "check the model's name against the server's list of models, and the address",
    Reason.TOO_LONG: "start the server with a context of at least 8,192 tokens, or lower --llm-context",
    Reason.MALFORMED: f"this address does not answer like a chat completion: check it; {_ADDRESS}",
    Reason.EMPTY: "a thinking model may have put its answer elsewhere: turn its thinking off",
    Reason.TRUNCATED: "the model thinks longer than the token limit: raise it, or turn its thinking off",
}


def advice_for(reason: Reason) -> str:
    """What a user can do about a failed call."""
    return _ADVICE.get(reason, "look into the server's log")
