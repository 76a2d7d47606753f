"""A session in which every question is answered at the next batch, so that a whole search repeats itself."""

from __future__ import annotations

from collections.abc import Callable

from discover.llm.budget import Budget, Caps
from discover.llm.provider import Completion, Request, Usage
from discover.llm.session import Session, Settings
from discover.llm.worker import Arrival

Answer = Callable[[str], str]


class InstantWorker:
    """Stands for `discover.llm.worker.Worker`.

    Args:
        answer: from the text of a question to that of the answer.
    """

    ages_s: tuple[float, ...] = ()

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.prompts: list[str] = []
        self._waiting: list[Request] = []

    @property
    def outstanding(self) -> tuple[Request, ...]:
        return tuple(self._waiting)

    @property
    def has_slot(self) -> bool:
        return len(self._waiting) < 2

    def submit(self, request: Request, step: int) -> None:
        self.prompts.append(request.messages[1].content)
        self._waiting.append(request)

    def poll(self, step: int) -> list[Arrival]:
        asked, self._waiting = self._waiting, []
        return [Arrival(r, Completion(self.answer(r.messages[1].content), usage=Usage(500, 100))) for r in asked]

    def replays(self, step: int) -> bool:
        return False

    def paused(self, step: int) -> bool:
        return False

    def close(self) -> list[Arrival]:
        return []


def played(answer: Answer, **settings: int) -> tuple[Session, list[str]]:
    """The session, and the list that its questions are added to."""
    worker = InstantWorker(answer)
    return Session(worker, Budget(Caps(calls=50), None), Settings(**settings)), worker.prompts  # type: ignore[arg-type]
