"""Keeps calls in flight while the search goes on.

A thread runs an event loop with the calls; the search asks and polls without ever waiting for a server.
Answers arrive whenever they do, but the search sees them at a poll, and the record says at which: in a
replay every step is handed exactly the answers that it had.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from discover.errors import InputError
from discover.llm.provider import Completion, Problem, Provider, Reason, Request
from discover.llm.replay import Journal, Record, check_same_question

_REPLAY_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A question and its answer."""

    request: Request
    completion: Completion


class Worker:
    """Calls in flight. To be closed; a closed worker accepts no question and hands over no answer.

    Args:
        provider: who answers.
        slots: most calls that are asked and not handed over.
        journal: where questions, answers and their use are written.
        record: what an earlier run did.
        until: steps below this one are handed answers as the record says; later ones as they arrive.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        slots: int = 2,
        journal: Journal | None = None,
        record: Record | None = None,
        until: float = 0,
    ) -> None:
        if slots < 1:
            raise InputError(f"at least one call must be allowed at a time, got {slots}")
        self._provider = provider
        self._slots = slots
        self._journal = journal
        self._record = record or Record()
        self._until = until
        self._requests: dict[int, Request] = {}
        self._since: dict[int, float] = {}
        self._answers: dict[int, Future[Completion]] = {}
        self._closed = False
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._loop.set_default_executor(_DaemonExecutor())
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="llm", daemon=True)
        self._thread.start()

    @property
    def outstanding(self) -> tuple[Request, ...]:
        """Questions whose answers have not been handed over."""
        return tuple(self._requests.values())

    @property
    def heard(self) -> str:
        """Why the server refused a call that is asked again; "" after an answer."""
        return self._provider.heard

    @property
    def has_slot(self) -> bool:
        """Another question may be asked; depends on polls only, never on the clock."""
        return not self._closed and len(self._requests) < self._slots

    def replays(self, step: int) -> bool:
        """The step is one that the record decides."""
        return step < self._until

    def paused(self, step: int) -> bool:
        """Whether the recorded run paused at this step."""
        return self._record.paused(step)

    @property
    def ages_s(self) -> tuple[float, ...]:
        """Seconds since the questions without an answer were asked, oldest first."""
        now = time.monotonic()
        return tuple(now - self._since[n] for n in sorted(self._requests) if not self._answers[n].done())

    def submit(self, request: Request, step: int) -> None:
        """Asks a question at a step of the search and returns at once.

        Raises:
            InputError: the recorded run asked something else.
            RuntimeError: no slot is free, the worker is closed, or the number was used before.
        """
        if not self.has_slot or request.number in self._requests:
            raise RuntimeError(f"call {request.number} cannot be asked now")
        check_same_question(self._record, request)
        if self._journal is not None:
            self._journal.asked(request, step)
        self._requests[request.number] = request
        self._since[request.number] = time.monotonic()
        self._answers[request.number] = asyncio.run_coroutine_threadsafe(self._answer(request), self._loop)

    def poll(self, step: int) -> list[Arrival]:
        """The answers for a step of the search, in the order in which they were asked; does not wait.

        Raises:
            InputError: a replayed run needs an answer to a question that it has not asked.
        """
        if self._closed:
            return []
        numbers = self._recorded(step) if step < self._until else self._arrived()
        return [self._hand_over(number, step) for number in numbers]

    def close(self, timeout_s: float = 2.0) -> list[Arrival]:
        """Ends all calls and the thread, within the time given; returns what had arrived unseen."""
        if self._closed:
            return []
        self._closed = True
        whole = [n for n in self._arrived() if self._answers[n].exception() is None]
        left = [Arrival(self._requests[n], self._answers[n].result()) for n in whole]
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout_s)
        return left

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _recorded(self, step: int) -> list[int]:
        numbers = sorted(n for n, used in self._record.used.items() if used == step)
        if missing := [n for n in numbers if n not in self._requests]:
            raise InputError(
                f"the recorded run used the answer to call {missing[0]} at step {step}, which this run has "
                "not asked: the task, the options, the seed or the version differ"
            )
        return numbers

    def _arrived(self) -> list[int]:
        return sorted(number for number, answer in self._answers.items() if answer.done())

    def _hand_over(self, number: int, step: int) -> Arrival:
        completion = self._answers.pop(number).result(_REPLAY_WAIT_S)
        if self._journal is not None:
            self._journal.used(number, step)
        return Arrival(self._requests.pop(number), completion)

    async def _answer(self, request: Request) -> Completion:
        try:
            completion = await self._provider.complete(request)
        except InputError:
            raise
        except Exception as error:  # a mistake in a provider must not end the search; its text may hold secrets
            completion = Completion(problem=Problem(Reason.INTERNAL, type(error).__name__))
        if self._journal is not None:
            self._journal.answered(request.number, completion)
        return completion

    def _run(self) -> None:
        with self._runner as runner:
            runner.run(self._stop.wait())


class _DaemonExecutor(ThreadPoolExecutor):
    """Runs each job in a thread of its own that nobody waits for: a name lookup cannot be cancelled."""

    def submit(self, job: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job(*args, **kwargs))
            except BaseException as error:  # handed to whoever waits
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future
