"""Can this endpoint be used? A few questions, a report of what was found, and advice where it fails.

The examination asks; it prints nothing. `format_report` turns its report into text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from discover.errors import FormulaError
from discover.expressions import parse
from discover.llm.client import OpenAIProvider
from discover.llm.prompt import Brief, Column, Job, TaskCard, build_prompt
from discover.llm.provider import Completion, Message, Reason, Request
from discover.llm.replies import estimate_tokens
from discover.llm.schema import Proposal, answer_schema, clip, read_answer

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
    context: int = 8192,
    max_tokens: int = 2048,
) -> Report:
    """Asks the endpoint for one proposal, and whether it takes a prompt of the whole context.

    Costs one prompt of about 900 tokens, one of about `context - max_tokens`, and their answers.

    Args:
        provider: the endpoint.
        context: tokens that prompt and answer will have together.
        max_tokens: tokens that an answer may have.
    """
    prompt = build_prompt(Brief(CARD, Job("new"), count=2), context=context, max_tokens=max_tokens)
    request = Request(prompt.messages, answer_schema(2), max_tokens)
    first = await provider.complete(request)
    findings = [_reached(first)]
    if first.problem is not None and not first.text:
        return Report(provider.endpoint.shown, tuple(findings), usable=False)
    proposals, seen = _proposal(first)
    findings += [_mode(first), seen, _speed(first)]
    rows = await provider.list_models()
    longer = _filled(request, context - max_tokens - prompt.tokens)
    filled = await provider.complete(longer)
    declared = _declared_context(rows, provider.endpoint.model)
    share = _share_read(first, filled, request, longer)
    findings.append(_context(filled, share, declared, context))
    return Report(provider.endpoint.shown, tuple(findings), usable=proposals is not None)


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


def _mode(completion: Completion) -> Finding:
    words = {
        "json_schema": "the server takes a JSON schema",
        "json_object": "the server takes JSON without a schema",
        "text": "the server does not constrain its answers; they are read from plain text",
    }
    advice = "" if completion.mode == "json_schema" else "more answers may be refused than with a JSON schema"
    return Finding("structure", True, words.get(completion.mode, completion.mode), advice)


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


def _filled(request: Request, tokens: int) -> Request:
    """The same request with a padded prompt, to see whether the server reads all of it."""
    line = "Measured: params 1e8, tokens 2e9, loss 3.21\n"
    padding = line * max(0, tokens // estimate_tokens(line) - 1)
    last = request.messages[-1]
    padded = Message(last.role, padding + last.content)
    return replace(request, messages=(*request.messages[:-1], padded), max_tokens=64, number=1)


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


_ADDRESS = "the address ends in /v1 for most servers"
_ADVICE = {
    Reason.UNREACHABLE: f"start the server, and check host and port; {_ADDRESS}",
    Reason.DROPPED: "look into the server's log: it may have run out of memory",
    Reason.DEADLINE: "the model is slow or still loading: try again, or take a smaller one",
    Reason.RATE_LIMIT: "wait, or allow fewer calls at a time",
    Reason.QUOTA: "the account has no credit: see the provider's billing page",
    Reason.CREDENTIALS: "check the environment variable with the key, and that it belongs to this provider",
    Reason.NOT_FOUND: f"check the model's name (most servers list theirs under /v1/models); {_ADDRESS}",
    Reason.TOO_LONG: "start the server with a context of at least 8,192 tokens, or lower --llm-context",
    Reason.MALFORMED: f"this address does not answer like a chat completion; {_ADDRESS}",
    Reason.EMPTY: "a thinking model may have put its answer elsewhere: turn its thinking off",
    Reason.TRUNCATED: "the model thinks longer than the token limit: raise it, or turn its thinking off",
}


def advice_for(reason: Reason) -> str:
    """What a user can do about a failed call."""
    return _ADVICE.get(reason, "look into the server's log")
