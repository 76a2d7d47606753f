"""From a table to a law: `discover.run`, and what every command that searches calls.

A run is a session (`discover.runs.session.begin`, or `reopen` for an interrupted one) that is conducted to its end:
the table is inspected, laws are searched for, and what was found is judged and written.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from discover.data.checks import check_varies
from discover.data.guesses import guess_target
from discover.data.names import near
from discover.data.reading import read_table
from discover.errors import InputError
from discover.export.law import FittedLaw, load
from discover.fitting.compilation import ensure_compiled
from discover.plain_data import duration_s, quoted
from discover.proposers.base import Adviser, Told
from discover.proposers.candidate import NO_LAW
from discover.runs.config import ModelConfig, TaskSource, source_of
from discover.runs.folder import new_folder, open_folder
from discover.runs.inspection import Located, inspect, save
from discover.runs.models import OpenModel, keys_hidden, model_of, open_model
from discover.runs.outcome import conclude, inner_error
from discover.runs.result import HumanLawJudged, Judged, Result, RunnerUp
from discover.runs.session import INTERRUPTED, Budget, Session, begin, pursue, reopen
from discover.scoring import fold_weights
from discover.search import SearchConfig, Step
from discover.search.team import AUTO, chosen

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from discover.report.ranking import Ranking

    Rows = pd.DataFrame | Mapping[str, Any] | str | os.PathLike[str]

DEFAULT_BUDGET = "60s"
LONGEST = "10m"  # until a search has settled
MOST_WORKERS = 8
LISTS = ("target", "features", "extrapolate", "errors")  # options that take one heading or several
TABLE, TEST_ROWS = "table.json", "test_rows.json"  # of a table in memory, in the run's folder
WIDTH = 100  # of text where there is no terminal

_scratch: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that nobody named. They are removed when Python ends."""


# --- a run under way


@dataclass
class Course:
    """How far a search has come.

    Attributes:
        session: the run.
        model: its language model, if it has one.
        steps: laws scored.
        seconds: time spent.
        best: the law with the least penalty so far, with its score.
        settled: its forecast beyond the data has come to rest, see `discover.search.settling`.
        human: published laws that were scored -> inner error.
    """

    session: Session
    model: OpenModel | None = None
    steps: int = 0
    seconds: float = 0.0
    best: Told | None = None
    settled: bool = False
    human: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._weights = fold_weights(self.session.problem)

    @property
    def formula(self) -> str:
        """The best law so far, as text; empty before the first."""
        return "" if self.best is None else self.best.candidate.structure.text

    @property
    def inner_error(self) -> float:
        """Its error on the largest scales held out of the train rows, in variances of the target."""
        return math.inf if self.best is None else self._error(self.best)

    @property
    def human_laws(self) -> tuple[str, ...]:
        """Published laws that were scored, from the least inner error."""
        return tuple(sorted(self.human, key=lambda law: (self.human[law], law)))

    def take(self, step: Step, seconds: float) -> None:
        """Notes a step of the search."""
        told = step.told
        self.steps, self.seconds, self.settled = told.index + 1, seconds, step.settled
        if self.best is None or told.penalty < self.best.penalty:
            self.best = told
        candidate = told.candidate.attributed()
        if not candidate.published or candidate.origin == NO_LAW:
            return
        law, error = candidate.origin.partition(":")[2], self._error(told)
        if math.isfinite(error):
            self.human[law] = min(error, self.human.get(law, math.inf))

    def _error(self, told: Told) -> float:
        return inner_error(told.score, self._weights)


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
    model_url: str | None = None,
    advisers: Sequence[Adviser] = (),
    client: Client | None = None,
) -> Result:
    """Brings a run to its end. An interrupt ends the search with what it has.

    Args:
        session: a new run, or one that was interrupted.
        watcher: is told of what happens.
        inspected: the table is inspected first, and its problems noted in the folder.
        model_url: address of the language model with everything that the run's configuration leaves out.
        advisers: proposers from outside, besides the language model.
        client: of a Dask cluster that does the work.

    Raises:
        InputError: no law could be fitted; the folder cannot be written; or the run is open in another process.
        JournalError: the disk is full; what the journal holds stays whole.
    """
    watcher = watcher or Watcher()
    with keys_hidden(session.config.llm, os.environ) as environ:
        model = open_model(session, model_url, environ)
        course = Course(session, model)
        watcher.opened(course)
        ensure_compiled()
        if inspected:
            problems = inspect(session.task, session.problem)
            save(session.folder.path, problems)
            watcher.problems(problems)

        def on_step(step: Step, seconds: float) -> None:
            course.take(step, seconds)
            watcher.step(course)

        team = (*advisers, *(() if model is None else (model.proposer,)))
        with watcher.searching(course):
            found = pursue(session, on_step, team, watcher.event, client)
    return conclude(session, found, course.human_laws, None if model is None else model.summary(found))


def usual_workers() -> int:
    """One process per processor that this process may use, within reason."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(free, MOST_WORKERS))


def usual_budget(until_settled: bool) -> str:
    """The time of a search where none was given."""
    return LONGEST if until_settled else DEFAULT_BUDGET


def search_beside(seconds: float | None, evaluations: int | None, seed: int, workers: int) -> SearchConfig | None:
    """The search for further laws that published ones are compared with; None where it has no budget."""
    if seconds is None and evaluations is None:
        return None
    team = chosen((AUTO,))[0]
    return SearchConfig(seed=seed, evaluations=evaluations, seconds=seconds, proposers=team, workers=workers)


# --- for Python


class TableOptions(TypedDict, total=False):
    """What can be said of a table; the rest is guessed.

    Attributes:
        features: headings to predict from.
        group: heading whose values each get their own constants; "" for none.
        extrapolate: features along which the law must reach further.
        target_scale: feature -> value at which the law will be used.
        constants: most constants per group.
        holdout: share of the rows, those with the largest scale, to seal; above 0 and below 1.
        test_rows: a second table, all of whose rows are sealed.
        weights: heading of the rows' weights.
        errors: heading or headings of the targets' standard errors.
        run_column: heading of the training run that each row is of.
        sheet: of a spreadsheet.
        where: conditions on the rows that count, such as "status == finished and params >= 1e8".
        error_scale: what errors are counted in: "value", "log" or "odds".
        roles: feature -> the variable of the law library that it is.
    """

    features: Sequence[str] | None
    group: str | None
    extrapolate: Sequence[str] | None
    target_scale: Mapping[str, float] | None
    constants: int | None
    holdout: float | None
    test_rows: Rows | None
    weights: str | None
    errors: str | Sequence[str] | None
    run_column: str | None
    sheet: str | None
    where: str | None
    error_scale: str | None
    roles: Mapping[str, str] | None


def run(
    table: Rows,
    target: str | Sequence[str] | None = None,
    *,
    seed: int = 0,
    budget: float | str | None = None,
    evaluations: int | None = None,
    until_settled: bool = False,
    workers: int | None = None,
    islands: int | None = None,
    client: Client | None = None,
    proposers: Sequence[str] = (AUTO,),
    llm: str | Mapping[str, Any] | ModelConfig | None = None,
    out: str | os.PathLike[str] | None = None,
    open_sealed: bool = True,
    on_step: Callable[[Course], None] | None = None,
    **options: Unpack[TableOptions],
) -> RunResult:
    """Discovers the law of a table: searches for the one that extrapolates best, and judges it on sealed rows.

    Args:
        table: a data frame, a mapping of column names to values, the path of a table, the path of a task file
            (`.toml`), or the name of a shipped task. What is not said of a table is guessed; the result's `notes`
            say how.
        target: heading or headings to predict; guessed if one column is headed like a result.
        seed: of every random draw; same seed and evaluations, same law.
        budget: time to search, in seconds or as "60s", "5m", "1h"; by default 60 s if `evaluations` is not given.
        evaluations: laws to score; makes the result independent of the machine's speed.
        until_settled: end as soon as the forecast beyond the data has come to rest; the budget is then the most that
            is spent, by default 10 min.
        workers: processes; by default one per processor, at most 8. They do not change what is found.
        islands: populations that breed apart and exchange their best, each of which keeps one process busy; by
            default 2, and with a budget of time alone at least one for every process.
        client: of a Dask cluster whose workers score laws in place of processes of this machine.
        proposers: who proposes laws, such as "library" and "grammar"; by default everyone who can work here.
        llm: a language model that proposes laws, too, such as "ollama/qwen3"; or its settings, the options `--llm-...`
            of `discover run` without their head: `{"model": "openai/gpt-5-mini", "calls": 50}`. A model that
            `discover llm use` named counts for commands only.
        out: the run folder, new or empty. By default a temporary one, which is removed when Python ends;
            `RunResult.save` keeps it.
        open_sealed: judge the law on the sealed rows at the end.
        on_step: called with the `Course` of the search after every law. An error that it raises ends the run; a
            KeyboardInterrupt ends the search, and the result is what was found until then.
        options: of a table, see `TableOptions`.

    Raises:
        InputError: the table, an option or the folder is not as expected, or no law could be fitted.
        UnavailableError: a proposer or the language model cannot be used here.
    """
    model = model_of(llm)
    if budget is None and evaluations is None:
        budget = usual_budget(until_settled)
    seconds = _seconds(budget)
    team, _ = chosen((proposers,) if isinstance(proposers, str) else proposers)
    spend = Budget(seconds, evaluations, workers or usual_workers(), islands, until_settled)
    folder = new_folder(_temporary() if out is None else Path(out), "", seed)
    try:
        source = _source(table, target, options, folder.path)
        session = begin(source, seed, spend, folder, open_sealed, model, team)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    conduct(session, _Calling(on_step), client=client)
    return RunResult(folder.path)


def resume(
    folder: str | os.PathLike[str],
    *,
    workers: int | None = None,
    client: Client | None = None,
    on_step: Callable[[Course], None] | None = None,
) -> RunResult:
    """Continues an interrupted run, to the same law as if nothing had happened; of a finished run what it found.

    Args:
        folder: of the run, or its `RunResult`.
        workers, client, on_step: as of `run`.

    Raises:
        InputError: no run, or its table is gone or has changed.
    """
    session = reopen(Path(folder), workers)
    if not session.finished:
        conduct(session, _Calling(on_step), inspected=False, client=client)
    return RunResult(session.folder.path)


def compare(
    table: Rows,
    target: str | Sequence[str] | None = None,
    *,
    budget: float | str | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    **options: Unpack[TableOptions],
) -> Ranking:
    """Ranks published laws by how well they forecast the larger scales of a table; it never opens sealed rows.

    Args:
        table, target: as of `run`.
        budget, evaluations: how long to search for further laws; with neither, published laws only.
        seed: of the search, and of the resamples for intervals.
        workers: as of `run`.
        options: of a table, see `TableOptions`.

    Raises:
        InputError: the table or an option is not as expected.
    """
    from discover.report.ranking import Ranking
    from discover.runs import comparison

    processes = workers or usual_workers()
    plan = search_beside(_seconds(budget), evaluations, seed, processes)
    folder = _temporary()
    task = _source(table, target, options, folder).load(folder)
    check_varies(task.train(), str(task.table))
    found = comparison.compare(task, discover=plan, workers=processes)
    return Ranking(found, inspect(task, found.problem), seed)


class _Calling(Watcher):
    """Calls the function of a user."""

    def __init__(self, on_step: Callable[[Course], None] | None) -> None:
        self.on_step = on_step

    def step(self, course: Course) -> None:
        if self.on_step is not None:
            self.on_step(course)


class RunResult:
    """What a run found. `print` shows all of it; a notebook shows the law typeset, with its forecast.

    Every function that takes the folder of a run takes this, too: `discover.plot_forecast(result)`.

    Args:
        folder: of a run that has come to its end.

    Attributes:
        folder: of the run.
        found: all keys of its `result.json`.
        law: the law with its constants, callable.

    Raises:
        InputError: no run, or none with a result.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        opened = open_folder(Path(folder))
        found = opened.found()
        if found is None:
            raise InputError(f"{folder} has no result yet; continue it with: discover resume {quoted(folder)}")
        self.folder = opened.path
        self.found = found
        self.law: FittedLaw = load(opened.law_path)

    @property
    def formula(self) -> str:
        """The law as text."""
        return self.found.formula

    @property
    def inner_error(self) -> float | None:
        """Squared error on the largest scales held out of the train rows, in variances of the target."""
        return self.found.inner_error

    @property
    def sealed(self) -> Judged | None:
        """The law on the sealed rows; None where there are none, or while they are closed."""
        return self.found.sealed

    @property
    def forecast(self) -> Judged | None:
        """The average of the laws that the data cannot tell apart, which `predict` gives, on the sealed rows."""
        return self.found.forecast

    @property
    def human(self) -> tuple[HumanLawJudged, ...]:
        """Published laws on the same rows."""
        return self.found.human

    @property
    def runners_up(self) -> tuple[RunnerUp, ...]:
        """Other laws of the search, best first."""
        return self.found.runners_up

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons to doubt the constants of the law."""
        return self.found.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed of the table, and what was left out."""
        return self.found.notes

    def predict(self, data: Any = None, /, *, group: Any = None, interval: float | None = None, **columns: Any) -> Any:
        """Forecasts, with the ends of an interval if one is asked for, see `FittedLaw.predict`."""
        return self.law.predict(data, group=group, interval=interval, **columns)

    def report(self, out: str | os.PathLike[str] | None = None, form: str = "html") -> Path:
        """Writes the report of the run: one page with the law, its forecasts, its rivals and every reason to doubt it.

        Args:
            out: the file; by default `report.<form>` in the run's folder.
            form: html, md or pdf.

        Returns:
            The file.

        Raises:
            InputError: another format, or the file cannot be written.
            UnavailableError: a library that the format needs is not installed.
        """
        from discover.report import write_report

        return write_report(self, form, None if out is None else Path(out)).path

    def save(self, folder: str | os.PathLike[str]) -> RunResult:
        """Copies the run into a folder of its own, new or empty, which the commands take.

        Raises:
            InputError: the folder holds something, or cannot be written.
        """
        wanted = new_folder(Path(folder), "", 0)
        shutil.copytree(self.folder, wanted.path, dirs_exist_ok=True)
        wanted.write_result(self.found.model_copy(update={"run_dir": str(wanted.path)}))
        return RunResult(wanted.path)

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        sealed = "" if self.sealed is None or self.sealed.r2 is None else f", sealed R2 {self.sealed.r2:.4f}"
        return f"<RunResult {self.found.left_side} = {self.formula}{sealed}, {self.found.evaluations} laws scored>"

    def __str__(self) -> str:
        from discover.report.terminal import describe_found, text_of

        width = shutil.get_terminal_size((WIDTH, 0)).columns
        notes = [f"note: {text}" for text in self.notes]
        return text_of([*describe_found(self.found), "", *notes, *self._next()], width)

    def _repr_html_(self) -> str:
        from discover.report.terminal import describe_beside_law, html_of

        above, below = describe_beside_law(self.found)
        return html_of([above]) + self.law._repr_html_() + html_of([*below, *self._next()])

    def _next(self) -> list[str]:
        where = f"Run folder: {self.folder}"
        if any(self.folder.is_relative_to(scratch.name) for scratch in _scratch):
            where += ", until Python ends; .save(folder) keeps it"
        more = ["interrupted; discover.resume(folder) goes on"] if self.found.stopped == INTERRUPTED else []
        return [*more, where]


def _seconds(budget: float | str | None) -> float | None:
    return duration_s(budget, "budget") if isinstance(budget, str) else budget


def _temporary() -> Path:
    _scratch.append(tempfile.TemporaryDirectory(prefix="discover-"))
    return Path(_scratch[-1].name)


def _source(table: Rows, target: str | Sequence[str] | None, options: Mapping[str, Any], folder: Path) -> TaskSource:
    """Where the table is; one in memory is written into the folder of the run."""
    for name in options:
        if name not in TableOptions.__annotations__:
            known = TableOptions.__annotations__
            raise TypeError(f"a table has no option {name!r}{near(name, known)} (it has {', '.join(known)})")
    given = {"target": target, **dict.fromkeys(TableOptions.__annotations__), **options}
    given |= {key: [given[key]] for key in LISTS if isinstance(given[key], str)}
    given["run"] = given.pop("run_column")
    given["test_rows"] = _place(given["test_rows"], folder / TEST_ROWS)
    if isinstance(table, str | os.PathLike):
        return source_of(os.fspath(table), given, lambda key: f"{'run_column' if key == 'run' else key}=")
    _place(table, folder / TABLE)
    given["target"] = given["target"] or guess_target(read_table(folder / TABLE, None, given["where"]))
    return TaskSource(kind="table", place=TABLE, options={k: v for k, v in given.items() if v is not None})


def _place(table: Rows | None, file: Path) -> str | None:
    """The path of a table; the name of the file for one in memory, which is written."""
    if table is None:
        return None
    if isinstance(table, str | os.PathLike):
        return str(Path(table).absolute())
    file.write_text(json.dumps(_columns(table), ensure_ascii=False, default=str), encoding="utf-8")
    return file.name


def _columns(table: Any) -> dict[str, list[Any]]:
    """The cells of a data frame or mapping, as JSON takes them."""
    if not (isinstance(table, Mapping) or (hasattr(table, "columns") and hasattr(table, "to_numpy"))):
        raise InputError(f"a table is a data frame, a mapping of columns or a path, not {type(table).__name__}")
    names = list(table if isinstance(table, Mapping) else table.columns)
    if len(set(map(str, names))) != len(names):
        raise InputError("two columns of the table have the same name")
    columns = {}
    for name in names:
        values = np.asarray(table[name], dtype=object)
        if values.ndim != 1:
            raise InputError(f"column {name!r} must have one dimension, not {values.ndim}")
        columns[str(name)] = [_cell(value) for value in values]
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"the columns differ in length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")
    return columns


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    # pandas has values of its own for a cell without one; none of them is equal to itself
    empty = type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))
    return None if empty else value
