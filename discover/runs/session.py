"""A run from its beginning, or from where it was interrupted, to the end of the search.

Resuming repeats the search from its seed with the journalled scores instead of new fits, which takes moments
and brings every part to the state it was in; then the search goes on.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from discover.data.checks import check_varies
from discover.data.table import Table
from discover.data.tasks import Task
from discover.data.tomls import build_model
from discover.errors import DiscoverError, InputError
from discover.law.document import current_versions
from discover.llm.config import ModelConfig
from discover.proposers.base import Adviser
from discover.proposers.logbook import Event, Logbook
from discover.runs.config import RunConfig, TaskSource, train_facts
from discover.runs.folder import Progress, RunFolder, new_folder, open_folder
from discover.runs.journal import Journal, Record
from discover.runs.records import (
    OPENED,
    STEP,
    answer_record,
    event_record,
    known_answers,
    known_scores,
    opened_record,
    own_steps,
    question_record,
    ready_record,
    step_line,
    step_note,
)
from discover.scoring import Problem, problem_of
from discover.search import ISLANDS, SearchConfig, SearchResult, Step, search
from discover.search.island import fingerprint
from discover.search.team import AUTO, chosen

if TYPE_CHECKING:
    from distributed import Client

NOTE_EVERY_S = 1.0
INTERRUPTED = "interrupted"
ISLAND_LAWS = 200  # of a budget of evaluations, make another island
MOST_ISLANDS = 24  # of these; 24 were measured to do as well as two


@dataclass(frozen=True)
class Session:
    """A run that is open in this process.

    Attributes:
        folder: its files.
        config: what was asked.
        task: the task.
        problem: what the search may know of it.
    """

    folder: RunFolder
    config: RunConfig
    task: Task
    problem: Problem

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell of the table before a search: guesses, what is left out, and how rows and errors count."""
        return (*self.task.notes, *self.problem.notes)

    @property
    def train(self) -> Table:
        """The rows that constants are fitted to."""
        return self.problem.table

    def without(self, rows: Sequence[int]) -> Session:
        """The same run, which leaves out some train rows; noted in its folder."""
        if not rows:
            return self
        config = self.config.model_copy(update={"left_out": tuple(rows)})
        self.folder.write_config(config)
        return replace(self, config=config, problem=self.problem.without(rows))

    @property
    def finished(self) -> bool:
        """Whether the search has used what it was given, and the law and the result were written."""
        stopped = self.folder.progress().stopped
        written = self.folder.law_path.is_file() and self.folder.result_path.is_file()
        return bool(stopped) and stopped != INTERRUPTED and written


@dataclass(frozen=True)
class Budget:
    """What a run is asked to spend at most, see `RunConfig`; without islands, the usual number of them."""

    seconds: float | None
    evaluations: int | None
    workers: int
    islands: int | None = None
    until_settled: bool = False

    @property
    def used_islands(self) -> int:
        """As many as keep all processes busy; where the law is to be the same on every machine, by its laws alone."""
        if self.islands is not None:
            return self.islands
        if self.evaluations is None:
            return max(ISLANDS, self.workers)
        most = ISLANDS if self.until_settled else MOST_ISLANDS  # a search that settles ends long before its budget
        return min(most, max(ISLANDS, self.evaluations // ISLAND_LAWS))


def begin(
    source: TaskSource,
    seed: int,
    budget: Budget,
    out: Path | RunFolder | None = None,
    open_sealed: bool = True,
    llm: ModelConfig | None = None,
    proposers: Sequence[str] = (),
) -> Session:
    """A new run in a new folder. The task and its train rows are checked before anything is written.

    Args:
        out: the folder, see `new_folder`; or one that was made before and holds the table.
        proposers: names; without any, all that can work here.

    Raises:
        InputError: the task, its table or the folder is not as expected, or a target never changes.
    """
    task = source.load(out.path if isinstance(out, RunFolder) else None)
    train = task.train()
    check_varies(train, str(task.table))
    folder = out if isinstance(out, RunFolder) else new_folder(out, task.name, seed)
    config = build_model(
        RunConfig,
        {
            "task": task.name,
            "seed": seed,
            "budget_s": budget.seconds,
            "evaluations": budget.evaluations,
            "until_settled": budget.until_settled,
            "workers": budget.workers,
            "islands": budget.used_islands,
            "proposers": tuple(proposers) or chosen((AUTO,))[0],
            "llm": llm,
            "open_sealed": open_sealed,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "source": source.seen_from(folder.path),
            "train": train_facts(train),
            "sealed": task.sealed_print(),
            "versions": current_versions(),
        },
        "the run",
    )
    folder.write_config(config)
    return Session(folder, config, task, problem_of(task, train))


def reopen(path: Path, workers: int | None = None) -> Session:
    """The run in this folder.

    Args:
        path: the folder.
        workers: other number of worker processes than at the beginning.

    Raises:
        InputError: no run, its table is gone, or its train rows are no longer the same.
    """
    folder = open_folder(path)
    config = folder.config()
    if workers is not None:
        config = config.model_copy(update={"workers": workers})
    task = config.source.load(path)
    train = task.train()
    found = train_facts(train)
    if found != config.train:
        raise InputError(
            f"{task.table}: the train rows have changed since {path} began ({config.train.rows} rows then, "
            f"{found.rows} now); start a new run"
        )
    return Session(folder, config, task, problem_of(task, train).without(config.left_out))


class Stopwatch:
    """Seconds of search over all sessions of a run; stands still while the journal is replayed.

    Args:
        before: seconds of earlier sessions.
        replayed: whether there is nothing to replay.
    """

    def __init__(self, before: float, replayed: bool) -> None:
        self.before = before
        self.since: float | None = None
        if replayed:
            self.go()

    def go(self) -> None:
        """The replay is over."""
        if self.since is None:
            self.since = time.monotonic()

    def __call__(self) -> float:
        return 0.0 if self.since is None else self.before + time.monotonic() - self.since


def pursue(
    session: Session,
    on_step: Callable[[Step, float], None] | None = None,
    advisers: Sequence[Adviser] = (),
    on_event: Callable[[str], None] = lambda text: None,
    client: Client | None = None,
) -> SearchResult:
    """Searches until the budget is spent or the user interrupts, noting every step in the journal.

    Args:
        session: the run.
        on_step: told of every step, replayed ones included, and of the seconds spent.
        advisers: see `search`.
        on_event: told what befell an engine, such as its end; the journal notes it too.
        client: of a Dask cluster that does the work.

    Raises:
        ClusterLostError: the cluster is gone; the run can be resumed.
        JournalError: the disk is full; what the journal holds stays whole.
        InputError: the journal is damaged, or the run is open in another process.
        DiscoverError: the journal was written by a version that searches in another way.
    """
    records = session.folder.records()
    steps = [record for record in records if record["kind"] == STEP]
    train = session.train
    known = known_scores(steps, tuple(train.features), train.group_names, train.target_names)
    watch = Stopwatch(session.folder.progress().seconds, replayed=not steps)
    with Journal(session.folder.journal_path) as journal:
        scribe = _Scribe(session.folder, journal, steps, watch, on_step)
        result = search(
            session.problem,
            search_config(session.config),
            known=known,
            on_steps=scribe.take,
            clock=watch,
            advisers=advisers,
            logbook=_logbook(journal, records, on_event),
            client=client,
            note=step_note,
        )
        journal.sync()
    watch.go()
    session.folder.write_progress(Progress(watch(), result.evaluations, result.stopped, platform.node(), os.getpid()))
    return replace(result, seconds=watch())


def _logbook(journal: Journal, records: Sequence[Record], on_event: Callable[[str], None]) -> Logbook:
    """Answers of engines from the journal, and new ones into it."""

    def note(event: Event) -> None:
        journal.append(event_record(event))
        on_event(f"{event.proposer}: {event.text}")

    return Logbook(
        known=known_answers(records),
        on_question=lambda question: journal.append(question_record(question)),
        on_ready=lambda ready: journal.append(ready_record(ready)),
        on_answer=lambda answer: journal.append(answer_record(answer)),
        on_event=note,
        replayed=own_steps(records),
    )


def search_config(config: RunConfig) -> SearchConfig:
    """The part of a run's configuration that the search needs."""
    return SearchConfig(
        seed=config.seed,
        evaluations=config.evaluations,
        seconds=config.budget_s,
        proposers=config.proposers,
        workers=config.workers,
        islands=config.islands,
        until_settled=config.until_settled,
    )


class _Scribe:
    """Writes new steps into the journal and checks replayed ones against it."""

    def __init__(
        self,
        folder: RunFolder,
        journal: Journal,
        steps: list[Record],
        watch: Stopwatch,
        on_step: Callable[[Step, float], None] | None,
    ) -> None:
        self.folder, self.journal, self.steps, self.watch, self.on_step = folder, journal, steps, watch, on_step
        self.noted = time.monotonic()

    def take(self, steps: Sequence[Step]) -> None:
        """Of an epoch. All its lines are one write: hundreds of workers can wait for the driver."""
        held = len(self.steps)
        for step in steps:
            if step.index < held:
                self.check(step)
        self.journal.write(b"".join(step_line(step) for step in steps if step.index >= held))
        if steps[-1].index + 1 >= held:
            self.watch.go()
        seconds = self.watch()
        if time.monotonic() - self.noted > NOTE_EVERY_S:
            self.folder.write_progress(Progress(seconds, steps[-1].index + 1))
            self.noted = time.monotonic()
        if self.on_step is not None:
            for step in steps:
                self.on_step(step, seconds)

    def check(self, step: Step) -> None:
        """A replayed step must be the journalled one, else the continuation would be another search."""
        record = self.steps[step.index]
        if (record["index"], fingerprint(record["key"])) != (step.index, step.fingerprint):
            raise DiscoverError(
                f"{self.folder.journal_path}: step {step.index} cannot be repeated, so the run cannot go on "
                f"(it was begun by discover {self.folder.config().versions.get('discover', '?')}); "
                "start a new run"
            )


def note_opening(folder: RunFolder, command: str) -> int:
    """Notes in the journal that the sealed rows are being opened.

    Returns:
        How often they have been opened, this time included.

    Raises:
        JournalError: the disk is full.
        InputError: the run is open in another process.
    """
    with Journal(folder.journal_path) as journal:
        journal.append(opened_record(command))
        journal.sync()
    return openings(folder)


def openings(folder: RunFolder) -> int:
    """How often the sealed rows have been opened by this run."""
    return sum(record["kind"] == OPENED for record in folder.records())
