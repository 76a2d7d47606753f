"""What workers do for a search, whatever runs them: tasks, and who takes them.

A task is data that can be sent to another process or machine, and `run` is a pure function of it and of the bench that
every worker has. So a task that was lost with its worker can be given to another one, and nothing depends on who did
what when.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from discover.fitting import FitResult
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.scoring import Problem, Refused, Score, Scorer, penalty
from discover.scoring.score import FOLD_EFFORT, INHERITED_EFFORT, SEARCH_EFFORT, SEARCH_ROWS
from discover.search.archive import AddStatus

LOST = "could not be scored: the worker processes ended while they tried"


@dataclass(frozen=True)
class Setting:
    """What all tasks of a search have in common; a worker gets it once.

    Attributes:
        problem: train rows and declared knowledge.
        published: the laws of the library as they are first proposed, by `Candidate.law_key`.
        note: writes what a journal says of a law and of what the archive did with it; a function of a module.
    """

    problem: Problem
    published: Mapping[str, Candidate] = field(default_factory=dict)
    note: Callable[[Told, AddStatus], bytes] | None = None

    @property
    def thin(self) -> bool:
        """Whether only the closer look is at all rows."""
        return len(self.problem.table) > SEARCH_ROWS

    def penalty(self, score: Score) -> float:
        """The penalty of a law; infinite for one that was refused."""
        return penalty(score, self.problem.fold_weights, self.problem.rules.penalty)

    def credited(self, candidate: Candidate) -> Candidate:
        """The candidate, or the published law that it is, whoever proposed it: one function has one score."""
        law = self.published.get(candidate.law_key)
        return candidate if law is None or candidate.published else candidate.as_law(law)


class Bench:
    """What a worker keeps between tasks: the setting, and scorers that have cut the table into its folds."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.quick = Scorer(setting.problem, rows=SEARCH_ROWS)
        self.full = Scorer(setting.problem) if setting.thin else self.quick


Result = TypeVar("Result", covariant=True)


class Task(Protocol[Result]):
    """Something to do at a bench."""

    def run(self, bench: Bench) -> Result: ...

    def lost(self) -> Result:
        """What to go on with where the task ended worker after worker."""
        ...


class Ticket(Protocol[Result]):
    """A task that was taken."""

    def result(self) -> Result:
        """Waits for it."""
        ...

    def cancel(self) -> bool:
        """It is not needed any more. Whether it had not begun."""
        ...


class Executor(Protocol):
    """Takes tasks of one setting, and does them somewhere."""

    def submit(self, task: Task[Result]) -> Ticket[Result]: ...


@dataclass(frozen=True)
class Job:
    """A task: one candidate to score.

    Attributes:
        gate: train error above which it is not tried on the folds.
        closer: on all rows of a long table, and with what it forecasts of the folds.
        start: the fit from which the closer look sets out; without one, what the candidate inherited.
    """

    candidate: Candidate
    gate: float = math.inf
    closer: bool = False
    start: FitResult | None = None

    def run(self, bench: Bench) -> Score:
        candidate = self.candidate
        known = candidate.inherited if self.start is None else self.start.by_name
        effort = INHERITED_EFFORT if known else SEARCH_EFFORT
        if self.closer and (self.start is not None or bench.full is not bench.quick):
            effort = FOLD_EFFORT  # from where the search left off; on a long table many starts would take too long
        warm = [known] if known else []
        try:
            return (bench.full if self.closer else bench.quick).score(
                candidate.structure, candidate.recipe, self.gate, candidate.published, effort, warm, keep=self.closer
            )
        except Exception as error:  # one candidate must not end a search; the journal keeps what went wrong
            return Refused(reason=f"could not be scored: {type(error).__name__}: {str(error)[:200]}")

    def lost(self) -> Score:
        return Refused(reason=LOST)
