"""The runs below a folder, each as one row; what has not changed on the disk is not read again."""

from __future__ import annotations

import math
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from discover.board.processes import at_work
from discover.errors import DiscoverError, FormulaError, InputError
from discover.expressions import constant_names, parse
from discover.runs.folder import Progress, RunFolder
from discover.runs.result import Result
from discover.runs.session import INTERRUPTED
from discover.runs.verdict import short_names, verdict_of

DEEPEST = 4
"""Levels of folders below the one that is shown; a home folder would be endless otherwise."""
LARGEST = 64 << 20  # bytes of a result that is read

Status = Literal["running", "finished", "interrupted", "damaged"]
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A run as the list shows it; None is what is not known.

    Attributes:
        key: path below the folder that is shown, with "/".
        task: its name.
        table: name of the table's file, or of the shipped task.
        status: how far it has come.
        remark: why the search stopped, or what is damaged.
        formula: the law as text; "" without one.
        features: names in the formula that are columns.
        target: what is predicted.
        verdict: where the law comes from, see `Verdict.kind`.
        published: name of the law in the library, of a published one.
        error: held-out error of the law, in variances of the target.
        law, forecast: R2 of the law and of the average of laws on the sealed rows.
        human, human_law: R2 of the best human law there, and its name.
        constants: of the law, per group.
        seconds, evaluations: what was spent.
        cost: US dollars for a language model.
        model: its name.
        started: ISO 8601; "" where it is not known.
    """

    key: str
    task: str = ""
    table: str = ""
    status: Status = "running"
    remark: str = ""
    formula: str = ""
    features: tuple[str, ...] = ()
    target: str = ""
    verdict: str = ""
    published: str = ""
    error: float | None = None
    law: float | None = None
    forecast: float | None = None
    human: float | None = None
    human_law: str = ""
    constants: int | None = None
    seconds: float | None = None
    evaluations: int | None = None
    cost: float | None = None
    model: str = ""
    started: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.key.rpartition("/")[2]


class Shelf:
    """The runs below a folder. Safe for several threads.

    Args:
        folder: exists; links in it are not followed.
        has_command: whether a command that this process started is at work on the run in a folder.

    Attributes:
        folder: without links.
    """

    def __init__(self, folder: Path, has_command: Callable[[Path], bool] = lambda path: False) -> None:
        self.folder = folder.resolve()
        self._has_command = has_command
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Stamp, Row]] = {}

    def rows(self) -> list[Row]:
        """All runs, the latest first."""
        with self._lock:
            keys = {path.relative_to(self.folder).as_posix(): path for path in _run_folders(self.folder, DEEPEST)}
            self._known = found = {key: self._row(key, path) for key, path in keys.items()}
        return sorted((row for _, row in found.values()), key=lambda row: (row.started, row.key), reverse=True)

    def run(self, key: str) -> RunFolder:
        """The run of this key.

        Raises:
            InputError: no run of that name lies below the folder.
        """
        parts = key.split("/")
        path = self.folder.joinpath(*parts)
        if all(part not in ("", ".", "..") and "\0" not in part for part in parts):
            place = self.confined(path / "run.toml")
            if place is not None and place.parent == path:
                return RunFolder(path)
        raise InputError(f"there is no run {key!r} below {self.folder}")

    def row(self, key: str) -> Row:
        """The row of one run.

        Raises:
            InputError: no run of that name lies below the folder.
        """
        folder = self.run(key)
        return self._row(key, folder.path)[1]

    def confined(self, path: Path) -> Path | None:
        """The path if it is a plain file below the folder, links looked through; else None."""
        try:
            place = path.resolve(strict=True)
            plain = stat.S_ISREG(place.stat().st_mode)
        except (OSError, RuntimeError, ValueError):
            return None
        return place if plain and place.is_relative_to(self.folder) else None

    def _row(self, key: str, path: Path) -> tuple[Stamp, Row]:
        stamp = tuple(part for name in ("run.toml", "result.json") for part in _stamp(path / name))
        known = self._known.get(key)
        if known is not None and known[0] == stamp and known[1].status in ("finished", "damaged"):
            return known
        row = known[1] if known is not None and known[0] == stamp else self._read(key, path)
        return stamp, row if row.status in ("finished", "damaged") else self._under_way(row, RunFolder(path))

    def _under_way(self, row: Row, folder: RunFolder) -> Row:
        """A run without an end: whether a process is at work on it, and how far it has come."""
        progress = folder.progress() if folder.progress_path.is_file() else Progress()
        spent = replace(row, seconds=_number(progress.seconds), evaluations=progress.evaluations)
        if self._has_command(folder.path) or at_work(folder):
            return replace(spent, status="running", remark="")
        return replace(spent, status="interrupted", remark=row.remark or "it ended before there was a result")

    def _read(self, key: str, path: Path) -> Row:
        """What run.toml and result.json say; files of others' making may say anything."""
        folder = RunFolder(path)
        try:
            config = folder.config()
            model = "" if config.llm is None else config.llm.model
            table = config.source.place.replace("\\", "/").rpartition("/")[2].removesuffix(".toml")
            row = Row(key, config.task, table, model=model, started=config.started)
            place = self.confined(folder.result_path)
            if place is None:
                return row
            if place.stat().st_size > LARGEST:
                raise InputError(f"{place} is larger than {LARGEST >> 20} MB")
            found = folder.found()
            return row if found is None else _with_result(row, found)
        except FormulaError as problem:
            return Row(key, status="damaged", remark=f"the formula in result.json cannot be read: {problem}")
        except (DiscoverError, OSError) as problem:
            return Row(key, status="damaged", remark=str(problem).replace(f"{path}{os.sep}", ""))


def _run_folders(folder: Path, levels: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        try:
            inside = entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        except OSError:
            continue
        if not inside:
            continue
        path = Path(entry.path)
        if (path / "run.toml").is_file() and not (path / "run.toml").is_symlink():
            yield path
        elif levels > 1:
            yield from _run_folders(path, levels - 1)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, -1)
    return (found.st_mtime_ns, found.st_size)


def _with_result(row: Row, result: Result) -> Row:
    constants = set(result.constants[0].values) if result.constants else set()
    names, verdict = short_names(result), verdict_of(result)
    human = [(item.r2, f"{names[item.law]}, {item.variant}") for item in result.human if item.r2 is not None]
    best, named = max(human, default=(None, ""))
    llm = result.llm or {}
    return replace(
        row,
        status="interrupted" if result.stopped == INTERRUPTED else "finished",
        remark=result.stopped,
        formula=result.formula,
        features=tuple(name for name in constant_names(parse(result.formula)) if name not in constants),
        target=", ".join(result.targets),
        verdict=verdict.kind,
        published=verdict.law,
        error=result.inner_error,
        law=None if result.sealed is None else result.sealed.r2,
        forecast=None if result.forecast is None else result.forecast.r2,
        human=best,
        human_law=named,
        constants=result.n_constants,
        seconds=result.seconds,
        evaluations=result.evaluations,
        cost=_number(llm.get("cost")),
        model=str(llm.get("model", row.model)),
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
