"""What a run was asked to do: `run.toml`, written once when the run begins."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from discover.data.files import SUFFIXES, suffix_of
from discover.data.guesses import guess_target, task_from_table
from discover.data.reading import read_table
from discover.data.table import Table
from discover.data.tasks import Task, list_tasks, load_task
from discover.data.toml_text import to_toml
from discover.data.tomls import Strict, build_model, read_toml
from discover.errors import InputError
from discover.llm.config import ModelConfig

FORMAT = 1
TABLE_SUFFIXES = (*SUFFIXES, *(f"{kind}.gz" for kind in SUFFIXES))


class TaskSource(Strict):
    """Where the task came from, so that `resume` and `evaluate` find it again.

    Attributes:
        kind: a shipped task, a task file, or a bare table.
        place: name of the shipped task, or absolute path of the file.
        beside: the same file as seen from the run folder, for when both were moved together; "" for shipped tasks and
            for runs of early versions.
        options: keyword arguments of `task_from_table` that were given; empty for the other kinds.
    """

    kind: Literal["shipped", "file", "table"]
    place: str
    beside: str = ""
    options: dict[str, Any] = Field(default_factory=dict)

    @staticmethod
    def of_task(name: str) -> TaskSource:
        """The source of a shipped task or a task file."""
        if name.endswith(".toml"):
            return TaskSource(kind="file", place=str(Path(name).absolute()))
        return TaskSource(kind="shipped", place=name)

    @staticmethod
    def of_table(path: Path, options: Mapping[str, Any]) -> TaskSource:
        """The source of a bare table; options that are None are left to guessing."""
        given = {key: value for key, value in options.items() if value is not None}
        if "test_rows" in given:
            given["test_rows"] = str(Path(given["test_rows"]).absolute())
        return TaskSource(kind="table", place=str(path.absolute()), options=given)

    def seen_from(self, folder: Path) -> TaskSource:
        """The source with its place relative to a run folder as well."""
        if self.kind == "shipped":
            return self
        try:
            return self.model_copy(update={"beside": os.path.relpath(self.place, folder.absolute())})
        except ValueError:  # on another drive
            return self

    def load(self, folder: Path | None = None) -> Task:
        """The task.

        Args:
            folder: of the run; the files of a table that was given in memory are there, named without a folder. From
                there a file is found, too, that is gone from its place because both were moved.

        Raises:
            InputError: file, key, column or cell not as expected.
        """
        if self.kind == "shipped":
            return load_task(self.place)
        place, options = self.file(folder), dict(self.options)
        if self.kind == "file":
            return load_task(place)
        if "test_rows" in options:
            rows = _beside(folder, options["test_rows"])
            if not rows.exists():  # moved as the table was
                rows = place.parent / os.path.relpath(rows, Path(self.place).parent)
            options["test_rows"] = os.path.normpath(rows)
        return task_from_table(place, **options)

    def file(self, folder: Path | None) -> Path:
        """The file of the task or table, as `load` finds it."""
        place = _beside(folder, self.place)
        if folder is None or not self.beside or place.exists() or not (folder / self.beside).exists():
            return place
        return Path(os.path.normpath(folder / self.beside))


def _beside(folder: Path | None, name: str) -> Path:
    inside = Path(name) if folder is None else folder / name
    return inside if inside.is_file() else Path(name)


def source_of(subject: str, options: Mapping[str, Any], spelled: Callable[[str], str]) -> TaskSource:
    """The task that is named, or that of a table with these options.

    Args:
        subject: a shipped task, a task file, or a table.
        options: keyword arguments of `task_from_table`; None for those not given.
        spelled: how the user writes the name of an option, for messages.

    Raises:
        InputError: an option beside a task, a table whose target is not clear, or a file that is neither.
    """
    given = [key for key, value in options.items() if value is not None]
    if not subject.lower().endswith(TABLE_SUFFIXES):
        is_task = subject.lower().endswith(".toml") or subject in list_tasks()
        if not is_task and Path(subject).is_file():
            suffix_of(Path(subject))  # says which tables are read
        if given and is_task:
            raise InputError(f"{spelled(given[0])} is for tables; {subject} is a task, whose own file says it")
        return TaskSource.of_task(subject)
    if not options["target"]:
        read = read_table(Path(subject), options.get("sheet"), options.get("where"))
        options = {**options, "target": guess_target(read)}
    return TaskSource.of_table(Path(subject), options)


class TrainFacts(Strict):
    """The train rows that the run works on, by which `resume` sees whether they are still the same."""

    rows: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RunConfig(Strict):
    """The content of `run.toml`.

    Attributes:
        format: version of the run folder.
        task: name of the task, for people.
        seed: of every random draw.
        budget_s: seconds of search; None where only evaluations count.
        evaluations: candidates to score; None where only time counts.
        until_settled: the search ends earlier if it has settled.
        workers: worker processes; does not change the result of an evaluation budget.
        islands: populations that breed apart.
        proposers: names of who suggests candidates.
        llm: the language model that proposes laws besides; None for none.
        open_sealed: whether the finished law is judged on the sealed rows.
        started: when the run began, ISO 8601.
        source: where the task came from.
        train: its train rows.
        left_out: places of the train rows that the search leaves out, from 0, in the table that laws are judged on.
        sealed: SHA-256 of the cells of its sealed rows; "" without any, or in runs of older versions.
        versions: software that began the run.
    """

    format: int = FORMAT
    task: str
    seed: Annotated[int, Field(ge=0)] = 0
    budget_s: Annotated[float, Field(gt=0)] | None = None
    evaluations: Annotated[int, Field(ge=1)] | None = None
    until_settled: bool = False
    workers: Annotated[int, Field(ge=1)] = 1
    islands: Annotated[int, Field(ge=1)] = 2
    proposers: tuple[str, ...] = ("library", "grammar")
    llm: ModelConfig | None = None
    open_sealed: bool = True
    started: str = ""
    source: TaskSource
    train: TrainFacts
    left_out: tuple[int, ...] = ()
    sealed: str = ""
    versions: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> RunConfig:
        if self.budget_s is None and self.evaluations is None:
            raise ValueError("a run needs budget_s, evaluations or both")
        return self

    def to_toml(self) -> str:
        """The text of `run.toml`."""
        return to_toml(self.model_dump())


def read_config(path: Path) -> RunConfig:
    """The configuration in this file.

    Raises:
        InputError: no such file, of a newer version, or a key that is unknown, missing or wrong.
    """
    values = read_toml(path)
    found = values.get("format")
    if isinstance(found, int) and found > FORMAT:
        raise InputError(
            f"{path} was written by a newer discover (format {found}, this one reads up to {FORMAT}); update discover"
        )
    return build_model(RunConfig, values, str(path))


def train_facts(table: Table) -> TrainFacts:
    """Count and fingerprint of these rows: names and values of features, targets, groups, weights, errors."""
    digest = hashlib.sha256()
    arrays = {
        **table.features,
        "targets": table.targets,
        "group": table.group,
        "weights": table.weights,
        "errors": table.errors,
    }
    digest.update(repr((tuple(arrays), table.target_names, table.group_names)).encode())
    for array in arrays.values():
        if array is not None:
            digest.update(array.dtype.str.encode() + array.tobytes())
    return TrainFacts(rows=len(table), sha256=digest.hexdigest())
