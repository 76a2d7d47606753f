"""What a proposer holds of a model: ask a question, collect answers, know when to stop.

Everything here depends on what was asked and handed over, never on the clock, so a replayed run takes the
same decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from discover.errors import InputError
from discover.llm.budget import Budget, Spent
from discover.llm.provider import Completion, Message, Reason, Request, Usage
from discover.llm.replay import Journal
from discover.llm.replies import largest_usage
from discover.llm.worker import Arrival, Worker

_SMALLEST_CONTEXT = 2048
_FAILURES_IN_A_ROW = 5
_MOST_CHARACTERS = 8  # in a token, on the average of a prompt; English has about 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is asked.

    Attributes:
        context: tokens that prompt and answer may have together.
        max_tokens: tokens that an answer may have; thoughts of the model count.
        slots: calls in flight at a time.
        proposals: formulas asked for in one call.
        patterns: confine the model's decoder to the formula language; for servers that can.
        temperature: sampling temperature; None leaves it to the server.
    """

    context: int = 8192
    max_tokens: int = 2048
    slots: int = 2
    proposals: int = 4
    patterns: bool = False
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.context < _SMALLEST_CONTEXT:
            raise InputError(f"--llm-context must be at least {_SMALLEST_CONTEXT}, got {self.context}")
        if not 64 <= self.max_tokens <= self.context // 2:
            raise InputError(
                f"an answer may have from 64 tokens to half of the context ({self.context // 2}), got {self.max_tokens}"
            )


@dataclass(frozen=True, slots=True)
class Status:
    """For the live display and the summary.

    Attributes:
        spent: calls, tokens and money.
        in_flight: calls without an answer so far.
        failures: number of failed calls by reason.
        stopped: why no further question is asked; None while they are.
        notes: what the user should know, such as a server that cuts prompts.
    """

    spent: Spent
    in_flight: int
    failures: Mapping[Reason, int]
    stopped: str | None
    notes: tuple[str, ...] = ()


class Session:
    """Asks within a budget. A reached cap or a lasting failure stops the asking, not the run."""

    def __init__(self, worker: Worker, budget: Budget, settings: Settings, journal: Journal | None = None) -> None:
        self.settings = settings
        self.context = settings.context
        self._worker = worker
        self._budget = budget
        self._journal = journal
        self._next = 0
        self._failures: dict[Reason, int] = {}
        self._in_a_row = 0
        self._stopped: str | None = None
        self._notes: dict[str, str] = {}

    @property
    def ready(self) -> bool:
        """A question may be asked."""
        return self._stopped is None and self._worker.has_slot

    @property
    def status(self) -> Status:
        outstanding = len(self._worker.outstanding)
        return Status(self._budget.spent, outstanding, dict(self._failures), self._stopped, tuple(self._notes.values()))

    def ask(self, messages: tuple[Message, ...], schema: Mapping[str, Any], step: int) -> int | None:
        """Asks a question at a step of the search; returns its number, or None when it is not asked."""
        if not self.ready:
            return None
        request = Request(messages, schema, self.settings.max_tokens, self.settings.temperature, self._next)
        self._stopped = self._budget.refusal(request)
        if self._stopped is not None:
            return None
        self._budget.reserve(request)
        self._worker.submit(request, step)
        self._next += 1
        return request.number

    def collect(self, step: int) -> list[Arrival]:
        """The answers for a step, failures included, in the order in which they were asked."""
        arrivals = self._worker.poll(step)
        for arrival in arrivals:
            self._account(arrival.request, arrival.completion)
        return arrivals

    def proposed(self, number: int, place: int, row: dict[str, Any]) -> None:
        """Notes in the record what became of a formula in an answer: its text, and why it was refused."""
        if self._journal is not None:
            self._journal.proposed(number, place, row)

    def dropped(self, number: int, place: int, reason: str) -> None:
        """Notes in the record that a formula was not tried."""
        if self._journal is not None:
            self._journal.dropped(number, place, reason)

    def stop(self, reason: str) -> None:
        """No further question is asked."""
        self._stopped = self._stopped or reason

    def close(self) -> None:
        """Ends all calls; those in flight are counted at what they may have cost."""
        outstanding = self._worker.outstanding
        arrived = {a.request.number: a.completion.usage for a in self._worker.close()}
        for request in outstanding:
            self._budget.settle(request.number, arrived.get(request.number, largest_usage(request)))
        if self._journal is not None:
            self._journal.close()
        self._stopped = self._stopped or "the run has ended"

    def _account(self, request: Request, completion: Completion) -> None:
        self._budget.settle(request.number, completion.usage)
        self._watch_prompt(request, completion.usage)
        problem = completion.problem
        if problem is None or completion.text:
            self._in_a_row = 0
            return
        self._failures[problem.reason] = self._failures.get(problem.reason, 0) + 1
        self._in_a_row += 1
        if problem.reason is Reason.TOO_LONG:
            self.context = max(_SMALLEST_CONTEXT, self.context // 2)
        if problem.final:
            self._stopped = self._stopped or str(problem)
        elif self._in_a_row >= _FAILURES_IN_A_ROW:
            self._stopped = self._stopped or f"{self._in_a_row} calls in a row failed; the last: {problem}"

    def _watch_prompt(self, request: Request, usage: Usage) -> None:
        """Some servers cut a prompt without a word; their count of its tokens tells."""
        characters = sum(len(message.content) for message in request.messages)
        if usage.prompt and not usage.estimated and characters > _MOST_CHARACTERS * usage.prompt:
            self._notes["cut"] = (
                f"the server counted {usage.prompt:,} tokens in a prompt of {characters:,} characters: it seems to "
                "cut prompts; start it with a larger context, or lower --llm-context"
            )


def format_status(status: Status, proposed: int, accepted: int) -> str:
    """Calls, tokens, money and acceptance on one line.

    Args:
        status: of the session.
        proposed: formulas read from answers.
        accepted: those that entered the archive.
    """
    spent = status.spent
    about = "about " if spent.estimated else ""
    parts = [f"{spent.calls:,} calls", f"{about}{spent.tokens:,} tokens"]
    parts.append("price unknown" if spent.cost is None else f"{about}${spent.cost:.4f}")
    share = f" ({accepted / proposed:.0%})" if proposed else ""
    parts.append(f"{accepted:,} of {proposed:,} proposals accepted{share}")
    if status.in_flight:
        parts.append(f"{status.in_flight} in flight")
    if failed := sum(status.failures.values()):
        parts.append(f"{failed:,} calls failed")
    return ", ".join(parts)
