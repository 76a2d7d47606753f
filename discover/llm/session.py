"""What a proposer holds of a model: ask a question, collect answers, know when to pause and when to stop.

What is asked depends on what was asked and handed over, so a replayed run takes the same decisions. The one
thing that depends on the clock is a pause after a failure: the record says where it began and ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from discover.errors import InputError
from discover.llm import defaults
from discover.llm.budget import Budget, Spent
from discover.llm.provider import FINAL, Completion, Message, Problem, Reason, Request, Usage
from discover.llm.replay import Journal
from discover.llm.replies import CAUTIOUS_CHARACTERS, estimate_tokens, largest_usage
from discover.llm.schema import read_answer
from discover.llm.worker import Arrival, Worker

_SMALLEST_CONTEXT = 2048
_ROOMY_CONTEXT = 3000  # below, an answer gets a quarter: the rules of the language alone are some 1,000 tokens
_SMALLEST_ANSWER = 64
_PROMPT_ROOM = 4096  # is left to prompts when answers get more
_MOST_CHARACTERS = 8  # in a token, on the average of a prompt; English has about four
_PLAUSIBLE_CHARACTERS = (1.0, 4.5)
_MARGIN = 0.95  # of the characters that a token was found to have, since prompts differ
_USELESS_IN_A_ROW = 5
_USELESS = (Reason.EMPTY, Reason.TRUNCATED, Reason.REFUSAL, Reason.FILTERED, Reason.TOO_LONG)
"""Failures that a pause does not mend: the server answers, and may be paid for it."""

ENDED = "the run has ended"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
FIRST_KNOCK_S, LONGEST_KNOCK_S = 1.0, 15.0
"""While nothing listens at the address, asking again costs nothing."""


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
        most_tokens: tokens up to which an answer gets room by itself, when the model's thoughts use it up.
        most_context: tokens up to which the context grows with it.
        characters: of a prompt in a token of this model, at the start.
    """

    context: int = defaults.CONTEXT
    max_tokens: int = defaults.ANSWER_TOKENS
    slots: int = defaults.PARALLEL
    proposals: int = defaults.PROPOSALS
    patterns: bool = False
    temperature: float | None = None
    most_tokens: int = 16_384
    most_context: int = 32_768
    characters: float = CAUTIOUS_CHARACTERS

    def __post_init__(self) -> None:
        if self.context < _SMALLEST_CONTEXT:
            raise InputError(f"--llm-context must be at least {_SMALLEST_CONTEXT}, got {self.context}")
        if not _SMALLEST_ANSWER <= self.max_tokens <= self.context // 2:
            raise InputError(
                f"--llm-answer-tokens must be from {_SMALLEST_ANSWER} to half of --llm-context "
                f"({self.context // 2} of {self.context}), got {self.max_tokens}"
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
        answered: answers with a text.
        ages_s: seconds since the calls in flight were asked, oldest first.
        pause_s: seconds until the next question; 0 without a pause.
        pause_reason: the failure that it follows.
    """

    spent: Spent
    in_flight: int
    failures: Mapping[Reason, int]
    stopped: str | None
    notes: tuple[str, ...] = ()
    answered: int = 0
    ages_s: tuple[float, ...] = ()
    pause_s: float = 0.0
    pause_reason: str = ""


class Session:
    """Asks within a budget. A reached cap or a lasting failure stops the asking, not the run.

    Other failures pause it: twice as long after every further one, as long as the server asks, and over as soon
    as an answer comes. After a failure one call at a time is risked. What would be a mistake in an option, such as an
    unknown model, is a failure of that kind too once the model has answered: servers are restarted.
    """

    def __init__(
        self,
        worker: Worker,
        budget: Budget,
        settings: Settings,
        journal: Journal | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.context = settings.context
        self.max_tokens = settings.max_tokens
        self._worker = worker
        self._budget = budget
        self._journal = journal
        self._clock = clock
        self._characters = settings.characters
        budget.characters = settings.characters
        self._next = 0
        self._failures: dict[Reason, int] = {}
        self._in_a_row = 0
        self._useless = 0
        self._last: Problem | None = None
        self._told: Reason | None = None
        self._paused = False
        self._pause_until = -float("inf")
        self._waiting = False
        self._stopped: str | None = None
        self._notes: dict[str, str] = {}
        self._news: list[str] = []
        self._seconds: list[float] = []
        self._answer_tokens: list[int] = []

    @property
    def ready(self) -> bool:
        """A question may be asked."""
        if self._stopped is not None or self._paused or self._waiting or not self._worker.has_slot:
            return False
        return self._in_a_row == 0 or not self._worker.outstanding

    @property
    def status(self) -> Status:
        pause = max(0.0, self._pause_until - self._clock()) if self._paused else 0.0
        return Status(
            self._budget.spent,
            len(self._worker.outstanding),
            dict(self._failures),
            self._stopped,
            tuple(self._notes.values()),
            len(self._seconds),
            self._worker.ages_s,
            pause,
            str(self._last) if pause and self._last else "",
        )

    @property
    def pace_s(self) -> float | None:
        """Seconds of an answer, on the average; None before the first."""
        return sum(self._seconds) / len(self._seconds) if self._seconds else None

    def news(self) -> list[str]:
        """What befell the model since the last call of this method, for people."""
        told, self._news = self._news, []
        return told

    def count(self, text: str) -> int:
        """Tokens of a text: by what the server counted so far, else cautious."""
        return estimate_tokens(text, self._characters)

    def ask(self, messages: tuple[Message, ...], schema: Mapping[str, Any], step: int) -> int | None:
        """Asks a question at a step of the search; returns its number, or None when it is not asked."""
        if not self.ready:
            return None
        request = Request(messages, schema, self.max_tokens, self.settings.temperature, self._next)
        refusal = self._budget.refusal(request, self._least_answer())
        if refusal is not None:
            self._waiting = not refusal.final
            if refusal.final:
                self.stop(refusal.reason)
            return None
        room = min(self.max_tokens, self._budget.room(request))
        request = Request(messages, schema, room, self.settings.temperature, self._next)
        self._budget.reserve(request)
        self._worker.submit(request, step)
        self._next += 1
        return request.number

    def collect(self, step: int) -> list[Arrival]:
        """The answers for a step, failures included, in the order in which they were asked."""
        arrivals = self._worker.poll(step)
        for arrival in arrivals:
            self._account(arrival.request, arrival.completion)
        self._pause(step)
        return arrivals

    def proposed(self, number: int, place: int, row: dict[str, Any]) -> None:
        """Notes in the record what became of a formula in an answer: its text, and why it was refused."""
        if self._journal is not None:
            self._journal.proposed(number, place, row)

    def dropped(self, number: int, place: int, reason: str) -> None:
        """Notes in the record that a formula was not tried."""
        if self._journal is not None:
            self._journal.dropped(number, place, reason)

    def close(self) -> None:
        """Ends all calls; those in flight are counted at what they may have cost."""
        outstanding = self._worker.outstanding
        if outstanding and not self._seconds:
            heard = self._worker.heard
            why = f"; the server's last word: {heard}" if heard else ": give it more time"
            self._notes["none"] = f"no answer came before the search ended{why}"
        if self._in_a_row and self._last is not None and self._stopped is None:
            calls = "the last call" if self._in_a_row == 1 else f"the last {self._in_a_row} calls"
            self._notes["failing"] = f"{calls} failed: {self._last}"
        arrived = {a.request.number: a.completion.usage for a in self._worker.close()}
        for request in outstanding:
            lost = largest_usage(request, self._characters)
            self._budget.settle(request.number, arrived.get(request.number, lost))
        if self._journal is not None:
            self._journal.close()
        self._stopped = self._stopped or ENDED

    # -- caps -------------------------------------------------------------------------------------------

    def _least_answer(self) -> int | None:
        """The room without which an answer is likely to be cut; None while no answer has been seen."""
        if not self._answer_tokens:
            return None
        return max(_SMALLEST_ANSWER, max(self._answer_tokens[-8:]) * 5 // 4)

    # -- accounts ---------------------------------------------------------------------------------------

    def _account(self, request: Request, completion: Completion) -> None:
        self._budget.settle(request.number, completion.usage)
        self._waiting = False
        self._watch_prompt(request, completion.usage)
        problem = completion.problem
        if problem is None or (completion.text and read_answer(completion.text).proposals):  # cut after a whole one
            self._answered(completion)
            return
        self._failures[problem.reason] = self._failures.get(problem.reason, 0) + 1
        if problem.reason is Reason.TOO_LONG:
            self._shorten(problem)
        raised = problem.reason in (Reason.TRUNCATED, Reason.EMPTY) and self._give_room(request, completion.usage)
        if problem.reason in FINAL and (problem.reason is Reason.QUOTA or not self._seconds):
            self.stop(str(problem))
        elif problem.reason in _USELESS:
            self._useless += not raised
            if self._useless >= _USELESS_IN_A_ROW:
                self.stop(f"{self._useless} answers in a row were of no use; the last: {problem}")
        else:
            self._in_a_row += 1
            self._last = problem
            self._pause_until = self._clock() + pause_s(problem, self._in_a_row)

    def _answered(self, completion: Completion) -> None:
        if self._told is not None:
            self._news.append("the model answers again")
            self._told = None
        self._in_a_row = self._useless = 0
        self._pause_until = -float("inf")
        self._seconds.append(completion.seconds)
        self._answer_tokens.append(completion.usage.answer)

    def _pause(self, step: int) -> None:
        """Begins or ends a pause; the record decides for its steps."""
        recorded = self._worker.replays(step)
        paused = self._worker.paused(step) if recorded else self._clock() < self._pause_until
        if paused == self._paused:
            return
        self._paused = paused
        if paused and self._last is not None and self._last.reason is not self._told:
            wait = self._pause_until - self._clock()
            self._news.append(f"{self._last}; asked again in {max(0.0, wait):.0f} s, then less and less often")
            self._told = self._last.reason
        if self._journal is not None:
            self._journal.paused(step, paused, str(self._last or "") if paused else "")

    def stop(self, reason: str) -> None:
        """No further question is asked."""
        if self._stopped is None:
            self._stopped = reason
            self._news.append(f"asked no more: {reason}")

    def _note(self, key: str, text: str) -> None:
        if self._notes.get(key) != text:
            self._notes[key] = text
            self._news.append(text)

    # -- room -------------------------------------------------------------------------------------------

    def _shorten(self, problem: Problem) -> None:
        """Prompts and answers get smaller, to what the server says or to half."""
        said = problem.context or 0
        context = said if _SMALLEST_CONTEXT <= said < self.context else self.context // 2
        self.context = max(_SMALLEST_CONTEXT, context)
        share = 2 if self.context >= _ROOMY_CONTEXT else 4
        self.max_tokens = min(self.max_tokens, self.context // share)
        self._note("context", f"the server's context is smaller: from now on {self.context:,} tokens are used")

    def _give_room(self, request: Request, usage: Usage) -> bool:
        """More room for answers, when one used its room up and held nothing: the model thinks."""
        used_up = usage.estimated or usage.answer >= 0.9 * request.max_tokens
        if not used_up or request.max_tokens < self.max_tokens:  # it was raised, or a cap had made it small
            return used_up and request.max_tokens < self.max_tokens
        raised = min(2 * self.max_tokens, self.settings.most_tokens)
        context = max(self.context, min(self.context + raised - self.max_tokens, self.settings.most_context))
        raised = min(raised, context - _PROMPT_ROOM)
        if raised <= self.max_tokens:
            return False
        thoughts = f", {usage.thoughts:,} of them for thoughts" if usage.thoughts else ""
        self._note(
            "room",
            f"an answer used up its {request.max_tokens:,} tokens{thoughts}, and held nothing: "
            f"from now on {raised:,} are allowed",
        )
        self.context, self.max_tokens = context, raised
        return True

    def _watch_prompt(self, request: Request, usage: Usage) -> None:
        """Learns how many characters a token has; some servers cut a prompt without a word, and this tells."""
        characters = sum(len(message.content) for message in request.messages)
        if not usage.prompt or usage.estimated or not characters:
            return
        if characters > _MOST_CHARACTERS * usage.prompt:
            self._note(
                "cut",
                f"the server counted {usage.prompt:,} tokens in a prompt of {characters:,} characters: it seems to "
                "cut prompts; start it with a larger context, or lower --llm-context",
            )
            return
        least, most = _PLAUSIBLE_CHARACTERS
        found = min(most, max(least, _MARGIN * characters / usage.prompt))
        self._characters = found if not self._seconds else min(self._characters, found)
        self._budget.characters = self._characters


def pause_s(problem: Problem, in_a_row: int) -> float:
    """Seconds without a call after the n-th failed one in a row, at least what the server asks for."""
    reached = problem.reason is not Reason.UNREACHABLE
    first, longest = (FIRST_PAUSE_S, LONGEST_PAUSE_S) if reached else (FIRST_KNOCK_S, LONGEST_KNOCK_S)
    return max(problem.retry_after_s or 0.0, min(longest, first * 2.0 ** min(in_a_row - 1, 20)))


def format_status(status: Status, proposed: int, accepted: int) -> str:
    """Calls, tokens, money, acceptance, and what holds the asking up, on one line.

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
        ages = f" ({', '.join(f'{age:.0f} s' for age in status.ages_s)})" if status.ages_s else ""
        parts.append(f"{status.in_flight} in flight{ages}")
    if failed := sum(status.failures.values()):
        parts.append(f"{failed:,} calls failed")
    if status.stopped not in (None, ENDED):
        parts.append(f"asked no more: {status.stopped}")
    elif status.pause_s:
        parts.append(f"pausing for {status.pause_s:.0f} s: {status.pause_reason}")
    return ", ".join(parts)
