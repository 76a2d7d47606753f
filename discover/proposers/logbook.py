"""What a search must remember of answers that come from outside: which came when, and what went wrong.

A scored candidate can be derived again from the seed; the answer of an engine in another process cannot, or
only slowly. So answers go into the logbook when a proposer begins to use them, with the number of the `ask` at
which it did. A resumed search finds them there and uses each at the same `ask` as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One equation of an engine's front: its size, its error as the engine counts it, and its text."""

    complexity: int
    loss: float
    equation: str


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        proposer: who asked.
        job: number of the question, from 0.
        asked: number of the `ask` call, from 0, at which the answer came into use.
        rows: the front; empty if the engine failed.
    """

    proposer: str
    job: int
    asked: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Question:
    """What an engine was asked.

    Attributes:
        proposer: who asked.
        job: number of the question, from 0.
        asked: number of the `ask` call, from 0, at which it was asked.
        engine: the engine's package and its version, such as "pysr 2.7.2".
        view: kind of view, see `views`.
        rows, columns, groups: size of the table that the engine got.
    """

    proposer: str
    job: int
    asked: int
    engine: str
    view: str
    rows: int
    columns: int
    groups: int


@dataclass(frozen=True)
class Ready:
    """An engine has started: versions of its parts, and the seconds that it took."""

    proposer: str
    versions: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Event:
    """Something that the user should know of, such as an engine that was started again."""

    proposer: str
    text: str


@dataclass
class Logbook:
    """Answers of earlier sessions, and what to do with what is new.

    Attributes:
        on_question, on_ready, on_answer, on_event: called with what is new, before anything is made of it.
        replayed: steps of earlier sessions; until they are told again, only known answers are used.
    """

    known: Iterable[Answer] = ()
    on_question: Callable[[Question], None] = lambda question: None
    on_ready: Callable[[Ready], None] = lambda ready: None
    on_answer: Callable[[Answer], None] = lambda answer: None
    on_event: Callable[[Event], None] = lambda event: None
    replayed: int = 0
    _answers: dict[tuple[str, int], Answer] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._answers = {(a.proposer, a.job): a for a in self.known}

    def answer(self, proposer: str, job: int) -> Answer | None:
        """The answer that an earlier session had to this question."""
        return self._answers.get((proposer, job))

    def note(self, proposer: str, text: str) -> None:
        """Tells the user something."""
        self.on_event(Event(proposer, text))
