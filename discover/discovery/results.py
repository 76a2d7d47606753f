"""What a run found, for Python."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.export.law import FittedLaw, load
from discover.plain_data import quoted
from discover.runs.folder import new_folder, open_folder
from discover.runs.result import HumanLawJudged, Judged, RunnerUp
from discover.runs.session import INTERRUPTED

WIDTH = 100  # of text where there is no terminal

_scratch: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that nobody named. They are removed when Python ends."""


class RunResult:
    """What a run found. `print` shows all of it; a notebook shows the law typeset, with its forecast.

    Every function that takes the folder of a run takes this, too: `discover.plot_forecast(result)`.

    Args:
        folder: folder of a finished run.

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
        """What was guessed of the table, what was left out, and what may be wrong with it."""
        return (*self.found.notes, *(problem.text for problem in self.found.problems))

    def predict(self, data: Any = None, /, *, group: Any = None, interval: float | None = None, **columns: Any) -> Any:
        """Forecasts, with the ends of an interval if one is asked for, see `FittedLaw.predict`."""
        return self.law.predict(data, group=group, interval=interval, **columns)

    def report(self, out: str | os.PathLike[str] | None = None, form: str | None = None) -> Path:
        """Writes the report of the run: one page with the law, its forecasts, its rivals and every reason to doubt it.

        Args:
            out: the file; by default `report.<form>` in the run's folder.
            form: html, md or pdf; by default what the name of the file ends in, else html.

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


def temporary() -> Path:
    _scratch.append(tempfile.TemporaryDirectory(prefix="discover-"))
    return Path(_scratch[-1].name)
