"""A run from its table to its end, and how far it has come."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from discover.fitting.compilation import ensure_compiled
from discover.proposers.base import Adviser, Told
from discover.proposers.candidate import NO_LAW, Origin
from discover.runs.inspection import Located, inspect, left_out, save
from discover.runs.models import OpenModel, keys_hidden, open_model
from discover.runs.outcome import conclude
from discover.runs.result import Result
from discover.runs.session import Budget, Session, pursue
from discover.scoring import inner_error
from discover.search import SearchConfig, Step
from discover.search.team import AUTO, chosen

if TYPE_CHECKING:
    from distributed import Client


DEFAULT_BUDGET = "60s"
LONGEST = "10m"  # until a search has settled
MOST_WORKERS = 8


@dataclass
class Course:
    """How far a search has come.

    Attributes:
        session: the run.
        model: its language model, if it has one.
        client: the client of the Dask cluster that does the work, if there is one.
        steps: laws scored.
        seconds: time spent.
        settled: its forecast beyond the data has come to rest, see `discover.search.settling`.
        human: published laws that were scored -> inner error.
    """

    session: Session
    model: OpenModel | None = None
    client: Client | None = None
    steps: int = 0
    seconds: float = 0.0
    settled: bool = False
    human: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._best: Step | None = None

    @property
    def best(self) -> Told | None:
        """The law with the least penalty so far, with its score."""
        return None if self._best is None else self._best.told

    @property
    def formula(self) -> str:
        """The best law so far, as text; empty before the first."""
        return "" if self.best is None else self.best.candidate.structure.text

    @property
    def inner_error(self) -> float:
        """Its error on the largest scales held out of the train rows, in variances of the target."""
        return math.inf if self.best is None else self._error(self.best)

    @property
    def crew(self) -> str:
        """The workers of the cluster, in words; empty without one."""
        if self.client is None:
            return ""
        from discover.search.cluster import crew

        return crew(self.client)

    @property
    def human_laws(self) -> tuple[str, ...]:
        """Published laws that were scored, from the least inner error."""
        return tuple(sorted(self.human, key=lambda law: (self.human[law], law)))

    def take(self, step: Step, seconds: float) -> None:
        """Notes a step of the search."""
        self.steps, self.seconds, self.settled = step.index + 1, seconds, step.settled
        if step.law is not None and (self._best is None or step.penalty < self._best.penalty):
            self._best = step
        if step.origin == NO_LAW or not step.published or (told := step.told) is None:
            return
        candidate = told.candidate.attributed()
        law, error = Origin.of(candidate.origin).move, self._error(told)
        if math.isfinite(error):
            self.human[law] = min(error, self.human.get(law, math.inf))

    def _error(self, told: Told) -> float:
        return inner_error(told.score, self.session.problem.fold_weights)


class Watcher:
    """Is told of what happens in a run. This one lets it pass; the command line shows it."""

    def opened(self, course: Course) -> None:
        """The table was read, and the language model opened."""

    def problems(self, found: Sequence[Located]) -> None:
        """What is the matter with the table."""

    def searching(self, course: Course) -> AbstractContextManager[object]:
        """A context around the search."""
        return nullcontext()

    def step(self, course: Course) -> None:
        """A law was scored."""

    def event(self, text: str) -> None:
        """Something befell an engine."""


def conduct(
    session: Session,
    watcher: Watcher | None = None,
    *,
    inspected: bool = True,
    all_rows: bool = False,
    model_url: str | None = None,
    advisers: Sequence[Adviser] = (),
    client: Client | None = None,
) -> Result:
    """Brings a run to its end. An interrupt ends the search with what it has.

    Args:
        session: a new run, or one that was interrupted.
        watcher: is told of what happens.
        inspected: the table is inspected first, and its problems noted in the folder.
        all_rows: none is left out, however far off all laws it is.
        model_url: address of the language model with everything that the run's configuration leaves out.
        advisers: proposers from outside, besides the language model.
        client: of a Dask cluster that does the work.

    Raises:
        InputError: no law could be fitted; the folder cannot be written; or the run is open in another process.
        JournalError: the disk is full; what the journal holds stays whole.
    """
    watcher = watcher or Watcher()
    with keys_hidden(session.config.llm, os.environ) as environ:
        ensure_compiled()
        problems = inspect(session.task, session.problem) if inspected else []
        session = session.without(() if all_rows else left_out(problems))
        model = open_model(session, model_url, environ)
        course = Course(session, model, client)
        watcher.opened(course)
        if inspected:
            save(session.folder.path, problems)
            watcher.problems(problems)

        def on_step(step: Step, seconds: float) -> None:
            course.take(step, seconds)
            watcher.step(course)

        team = (*advisers, *(() if model is None else (model.proposer,)))
        with watcher.searching(course):
            found = pursue(session, on_step, team, watcher.event, client)
    return conclude(session, found, course.human_laws, None if model is None else model.summary(found))


def usual_workers(client: Client | None = None) -> int:
    """One process per processor that this process may use, within reason; of a cluster all threads."""
    return min(processors(), MOST_WORKERS) if client is None else max(1, sum(client.nthreads().values()))


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usual_budget(until_settled: bool) -> str:
    """The time of a search where none was given."""
    return LONGEST if until_settled else DEFAULT_BUDGET


def search_beside(seconds: float | None, evaluations: int | None, seed: int, workers: int) -> SearchConfig | None:
    """The search for further laws that published ones are compared with; None where it has no budget."""
    if seconds is None and evaluations is None:
        return None
    islands = Budget(seconds, evaluations, workers).used_islands
    return SearchConfig(seed, evaluations, seconds, chosen((AUTO,))[0], workers, islands)
