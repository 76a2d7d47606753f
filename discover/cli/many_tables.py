"""`discover run` with several tables: a run of each in a folder of its own, and one overview of all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from discover.cli import table_options as own
from discover.cli.long_commands import count_interrupts
from discover.errors import ClusterLostError, DiscoverError, InputError, InterruptedRunError
from discover.plain_data import counted, number, plain, quoted, table

if TYPE_CHECKING:
    from rich.table import Table

    from discover.llm.config import ModelConfig
    from discover.runs.config import RunConfig, TaskSource
    from discover.runs.result import Result
    from discover.runs.session import Budget, Session

NAME = "tables"  # of the folder above the runs, where the user names none


@dataclass(frozen=True)
class Asked:
    """What every run is asked for, as `discover.runs.session.begin` takes it; `options` are those of a table."""

    options: dict[str, Any]
    seed: int
    spend: Budget
    open_sealed: bool
    model: ModelConfig | None
    team: tuple[str, ...]

    def session(self, subject: str, folder: Path) -> tuple[Session, bool]:
        """The run in this folder, and whether it is new.

        Raises:
            InputError: the table is not as expected or has changed, or the folder holds a run that was asked for
                something else.
        """
        from discover.runs.session import begin, reopen

        source = own.source_of(subject, self.options)
        if not (folder / "run.toml").is_file():
            return begin(source, self.seed, self.spend, folder, self.open_sealed, self.model, self.team), True
        session = reopen(folder, self.spend.workers)
        if self._differs(session.config, source):
            raise InputError(
                f"{folder} holds a run of this table with other options; name a new folder with --out, "
                f"or go on with it as it is: discover resume {quoted(folder)}"
            )
        return session, False

    def _differs(self, config: RunConfig, source: TaskSource) -> bool:
        then_and_now = (
            (plain(config.source.options), plain(source.options)),
            (config.seed, self.seed),
            (config.budget_s, self.spend.seconds),
            (config.evaluations, self.spend.evaluations),
            (config.until_settled, self.spend.until_settled),
            (config.islands, self.spend.islands or config.islands),
            (config.proposers, self.team),
            (config.llm, self.model),
            (config.open_sealed, self.open_sealed),
        )
        return any(then != now for then, now in then_and_now)


@dataclass
class Place:
    """A table, the folder of its run, and what came of it.

    Attributes:
        subject: the table, as the user names it.
        folder: of its run.
        result: what the run found; None before its end.
        error: why there is no run; empty where nothing is wrong.
        at: forecasts of the points that were asked for, or why there are none.
    """

    subject: str
    folder: Path
    result: Result | None = None
    error: str = ""
    at: dict[str, list[dict[str, Any]] | str] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        from discover.runs.session import INTERRUPTED

        return self.result is not None and self.result.stopped != INTERRUPTED


def subjects_of(given: Sequence[str], test_rows: Path | None) -> list[str] | None:
    """The tables and tasks that are named, with those of a folder in its place; None for a single one.

    Args:
        given: tables, tasks and folders.
        test_rows: the table with the sealed rows, which is no table to search in.

    Raises:
        InputError: a folder without tables, or that of a run.
    """
    from discover.data.tasks import list_tasks

    folders = {name for name in given if Path(name).is_dir() and name not in list_tasks()}
    if len(given) == 1 and not folders:
        return None
    found = [one for name in given for one in (_tables_in(Path(name), test_rows) if name in folders else [name])]
    once: dict[str, str] = {}
    for one in found:
        once.setdefault(os.path.abspath(one), one)
    return list(once.values())


def _tables_in(folder: Path, test_rows: Path | None) -> list[str]:
    from discover.data.files import PAPERS
    from discover.runs.config import TABLE_SUFFIXES

    if (folder / "run.toml").is_file():
        raise InputError(f"{folder} is the folder of a run; go on with it with: discover resume {quoted(folder)}")
    tables = [
        str(path)
        for path in sorted(folder.iterdir())
        if path.name.lower().endswith(TABLE_SUFFIXES)
        and not path.name.lower().endswith(PAPERS)
        and not path.name.startswith(".")
        and path.is_file()
        if test_rows is None or path.absolute() != test_rows.absolute()
    ]
    if not tables:
        raise InputError(f"the folder {folder} holds no table; expected files such as runs.csv")
    return tables


def run_all(
    subjects: Sequence[str],
    asked: Asked,
    out: Path | None,
    conduct: Callable[[Session, bool], Result],
    quiet: bool,
    json: bool,
    at: Sequence[str] = (),
) -> None:
    """Runs what is not finished, and prints the overview, of what there is after Ctrl-C as well.

    Args:
        subjects: tables and tasks.
        asked: of every run.
        out: folder of the runs, which may hold some of them; by default a new one.
        conduct: brings a run to its end; is told whether it is new.
        quiet: no progress on stderr.
        json: print one JSON object.
        at: points whose forecasts the overview shows, see `predict_command.points_at`.

    Raises:
        InputError: the folder cannot be used.
        DiscoverError: the disk is full, the cluster is lost, or the user interrupted.
        Exit: some tables could not be run.
    """
    from discover.cli.output import print_json, print_lines
    from discover.runs.folder import make_folder, new_folder
    from discover.runs.journal import JournalError

    if out is None:
        out = new_folder(None, NAME, asked.seed).path
    elif (out / "run.toml").is_file():
        raise InputError(f"{out} is the folder of one run; expected a folder for the runs of all tables")
    make_folder(out, exist_ok=True)
    places = places_of(subjects, out)
    interrupts = count_interrupts()
    ended: DiscoverError | None = None
    again = f"the same command with --out {quoted(out)} goes on"
    try:
        for position, place in enumerate(places, 1):
            _run_one(place, asked, f"[{position}/{len(places)}] {place.subject}", conduct, quiet, interrupts)
    except KeyboardInterrupt:
        ended = InterruptedRunError(f"interrupted; {again}", *interrupts[-1:])
    except (JournalError, ClusterLostError) as problem:
        ended = type(problem)(f"{problem}; {again}")
    for place in places:
        if place.result is not None:
            place.at = {text: _forecast(place.folder, text) for text in at}
    if json:
        print_json(_keys(out, places))
    else:
        print_lines(describe(out, places))
    if ended is not None:
        raise ended
    if any(place.error for place in places):
        raise typer.Exit(1)


def places_of(subjects: Sequence[str], out: Path) -> list[Place]:
    """A folder for each table: that of the run which it had before, else the first free one of its name.

    Raises:
        InputError: the `run.toml` of a run in the folder is damaged.
    """
    from discover.runs.folder import RunFolder

    held = {}
    for file in sorted(out.glob("*/run.toml")):
        source = RunFolder(file.parent).config().source
        held[os.path.abspath(source.file(file.parent))] = file.parent
    places: list[Place] = []
    for subject in subjects:
        names = {place.folder for place in places}
        stem, n = Path(subject).name.partition(".")[0] or NAME, 1
        folder = held.get(os.path.abspath(subject))
        while folder is None:
            free = out / (stem if n == 1 else f"{stem}-{n}")
            folder, n = None if free in names or free.exists() else free, n + 1
        places.append(Place(subject, folder))
    return places


def _run_one(
    place: Place,
    asked: Asked,
    head: str,
    conduct: Callable[[Session, bool], Result],
    quiet: bool,
    interrupts: list[int],
) -> None:
    """Brings a run to its end, if it is not there yet. What is wrong with its table is noted in its place."""
    from discover.cli.output import note
    from discover.runs.journal import JournalError

    try:
        session, fresh = asked.session(place.subject, place.folder)
        if not quiet:
            note(f"{head}: finished before" if session.finished else head)
        place.result = session.folder.found() if session.finished else conduct(session, fresh)
    except (JournalError, ClusterLostError):
        raise
    except DiscoverError as problem:
        if interrupts:  # before the run had any law
            raise KeyboardInterrupt from problem
        place.error = str(problem)
        note(f"{head}: {problem}")
    if not place.error and not place.finished:
        raise KeyboardInterrupt


def _forecast(folder: Path, text: str) -> list[dict[str, Any]] | str:
    from discover.cli.predict_command import points_at
    from discover.law.storage import read

    try:
        return points_at(read(folder), text)
    except DiscoverError as problem:
        return str(problem)


# -- the overview ---------------------------------------------------------------------------------------


def describe(out: Path, places: Sequence[Place]) -> list[str | Table]:
    """The laws of all tables for people, and what was wrong with the others."""
    rows = [_row(place, place.result) for place in places if place.result is not None]
    asked = next((list(place.at) for place in places if place.at), [])
    headings = ("table", "law", "inner error", "human law's", "human law", "sealed R2", *asked)
    lines: list[str | Table] = []
    if rows:
        lines += [
            table(headings, rows, (2, 3, 5)),
            *(f"{place.subject}: {said}" for place in places for said in place.at.values() if isinstance(said, str)),
            "",
            *(["forecasts with their 90 % intervals"] if asked else []),
            "inner error: squared error on the largest scales held out of the train rows, in variances of the target, "
            "or of its logarithm or log odds where errors count in it",
        ]
    lines += [f"{place.subject}: {place.error}" for place in places if place.error]
    waiting = sum(not place.finished and not place.error for place in places)
    if waiting:
        lines.append(f"{counted(waiting, 'run')} of {len(places)} not finished")
    whole = next((f"; all of one: discover show {quoted(place.folder)}" for place in places if place.result), "")
    return [*lines, f"Runs in {out}{whole}"]


def _row(place: Place, result: Result) -> tuple[str, ...]:
    name, error = min(_human(result), key=lambda law: law[1], default=("-", None))
    sealed = None if result.sealed is None else result.sealed.r2
    law = f"{result.left_side} = {result.formula}"
    return (
        place.subject,
        law if place.finished else f"{law} (interrupted)",
        number(result.inner_error),
        number(error),
        name,
        "-" if sealed is None else f"{sealed:.4f}",
        *("-" if isinstance(said, str) else _cell(said) for said in place.at.values()),
    )


def _cell(points: Sequence[Mapping[str, Any]]) -> str:
    """Forecasts of a point, one a line: with the group where there are several, and the target where these are."""
    lines = []
    for point in points:
        for one in point["forecasts"]:
            heads = [point["group"]] if len(points) > 1 else []
            heads += [one["target"]] if len(point["forecasts"]) > 1 else []
            ends = (one["intervals"] or {}).get("0.9")
            between = f" ({number(ends[0])} to {number(ends[1])})" if ends else ""
            lines.append(f"{' '.join([*heads, number(one['value'], 5)])}{between}")
    return "\n".join(lines)


def _human(result: Result) -> list[tuple[str, float]]:
    return [(one.law, one.inner_error) for one in result.human if one.inner_error is not None]


def _said(said: list[dict[str, Any]] | str) -> dict[str, Any]:
    return {"points": [], "error": said} if isinstance(said, str) else {"points": said, "error": None}


def _keys(out: Path, places: Sequence[Place]) -> Mapping[str, Any]:
    return {
        "out": str(out),
        "complete": all(place.finished for place in places),
        "tables": [
            {
                "table": place.subject,
                "run_dir": str(place.folder),
                "finished": place.finished,
                "error": place.error or None,
                "at": [{"asked": asked, **_said(said)} for asked, said in place.at.items()],
                "result": None if place.result is None else place.result.keys(),
            }
            for place in places
        ],
    }
