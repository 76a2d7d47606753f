"""Tasks: what to predict from what, how far, with how many constants, and which rows are sealed.

A task is one TOML file. Its table is opened in two ways only: `Task.train` never converts or checks the
target of a test row, and `Task.sealed` is the one way to the test rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from discover.arrays import Floats
from discover.data.aliases import STEP_NAMES, recognise, squash
from discover.data.cards import Card, Column, Domain, Role, load_card
from discover.data.cells import text_of
from discover.data.exports import path_of
from discover.data.names import near
from discover.data.resources import datasets_folder, tasks_folder
from discover.data.table import Table, check_errors
from discover.data.task_files import Bounds, Knowledge, Monotone, Split, TaskFile
from discover.data.task_notes import check_count, check_groups, differences, left_out, readings
from discover.data.task_rows import (
    codes_of,
    complete,
    count_test_rows,
    features_of,
    groups_of,
    no_test_rows,
    raw_of,
    result_headings,
    setting_headings,
    split_rows,
    stack,
    targets_of,
)
from discover.data.tomls import build_model, load_model
from discover.errors import InputError
from discover.plain_data import printable


@dataclass(frozen=True)
class Facts:
    """What can be said about a table without looking at a test row's target.

    Attributes:
        n_train: rows open to fitting.
        n_test: sealed rows.
        group_rows: group -> number of its train rows; empty for a table without groups.
        feature_ranges: feature -> smallest and largest value on train rows.
        target_ranges: target -> smallest and largest value on train rows.
    """

    n_train: int
    n_test: int
    group_rows: dict[str, int]
    feature_ranges: dict[str, tuple[float, float]]
    target_ranges: dict[str, tuple[float, float]]


class Task(TaskFile):
    """A task with its table found and its columns described.

    Attributes:
        table: the table's file.
        test_table: the second file of `split.test_rows`, or None.
        card: card of the dataset, or None for a table without one.
        columns: one entry for every feature, target and the group, in this order.
        guesses: what was guessed because the user did not say it, one sentence each.
        group_guessed: the user did not say which column is the group.
    """

    table: Path
    test_table: Path | None = None
    card: Card | None = None
    guesses: tuple[str, ...] = ()
    group_guessed: bool = False

    def column(self, name: str) -> Column:
        """Meaning, unit, domain and scale of a feature, a target or the group.

        Raises:
            InputError: the task does not use a column of this name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = [column.name for column in self.columns]
        raise InputError(
            f"task {self.name!r} does not use a column {name!r}{near(name, known)} (its columns: {', '.join(known)})"
        )

    @property
    def logged(self) -> frozenset[str]:
        """Features whose values are logarithms already."""
        scales = {column.name: column.scale for column in self.columns}
        return frozenset(name for name in self.features if scales.get(name) == "log10")

    @property
    def powered(self) -> frozenset[str]:
        """Headings of features of a bare table in which zero is the start of a run: no data, no steps."""
        if self.card is not None:
            return frozenset()
        scaled = set(self.features) - self.logged
        named = {column.heading for column in self.columns if column.name in scaled}
        return frozenset(
            heading
            for heading in named
            if squash(path_of(heading)[-1]) in STEP_NAMES
            or ((found := recognise(heading)) is not None and found.name in ("tokens", "unique_tokens", "flops"))
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Guesses, where the table differs from its card, and what is left out; reads no target of a test row."""
        return (*self.guesses, *differences(self), *self.reading)

    @property
    def reading(self) -> tuple[str, ...]:
        """What reading the table left out, and numbers that could be read in another way."""
        return (*left_out(self), *readings(self))

    def train(self) -> Table:
        """The rows open to fitting that have a value in every column in use. No test row's target is looked at.

        Raises:
            InputError: file, column or cell not as expected; fewer than two train rows, in all or in a group;
                another number of train rows than the card's; standard errors larger than the target's range.
        """
        raw = raw_of(self)
        rows = complete(self, raw, split_rows(self, raw)[0], result_headings(self))
        check_count(self, raw, rows)
        group, names = groups_of(self, raw, rows)
        check_groups(self, raw, rows, group, names)
        table = Table(
            features=features_of(self, raw, rows),
            targets=targets_of(self, raw, rows),
            target_names=self.target,
            group=group,
            group_names=names,
            weights=raw.numbers(self.weights, rows, "positive") if self.weights else None,
            errors=stack([raw.numbers(name, rows, "positive") for name in self.errors]) if self.errors else None,
            runs=np.unique(raw.texts(self.run, rows), return_inverse=True)[1].astype(np.int64) if self.run else None,
            lines=np.array([raw.lines[row] for row in rows], dtype=np.int64),
            unit=raw.unit,
        )
        check_errors(table, f"{raw.path}, column {' and '.join(map(repr, self.errors))}")
        return table

    def sealed(self) -> Table:
        """The test rows, with the group codes of `train()`; without weights and errors.

        Raises:
            InputError: there are none, a cell is not as expected, or a group has no train rows.
        """
        raw = raw_of(self)
        train_rows, rows = split_rows(self, raw)
        train_rows = complete(self, raw, train_rows, result_headings(self))
        _, names = groups_of(self, raw, train_rows)
        if self.test_table is not None:
            raw = raw_of(self, self.test_table)
            rows = complete(self, raw, range(len(raw)), setting_headings(self))
        if not rows:
            raise InputError(f"{raw.path} has no test rows: {no_test_rows(self.split)}")
        headings = [self.column(name).heading for name in self.target]
        rows = complete(self, raw, rows, headings)
        if not rows:
            raise InputError(f"{raw.path} has no test rows with a value in {' and '.join(headings)}")
        return Table(
            features=features_of(self, raw, rows),
            targets=targets_of(self, raw, rows),
            target_names=self.target,
            group=codes_of(self, raw, rows, names),
            group_names=names,
        )

    def sealed_print(self) -> str:
        """SHA-256 of the cells of the sealed rows, by which a change is seen without a look at them; "" without any.

        Raises:
            InputError: see `train`.
        """
        raw = raw_of(self) if self.test_table is None else raw_of(self, self.test_table)
        rows = split_rows(self, raw)[1] if self.test_table is None else list(range(len(raw)))
        headings = [*setting_headings(self), *(self.column(name).heading for name in self.target)]
        cells = [[text_of(raw.cells(heading)[row]) for heading in headings] for row in rows]
        return hashlib.sha256(repr((headings, cells)).encode()).hexdigest() if rows else ""

    def facts(self) -> Facts:
        """Row counts, groups and ranges. Of the test rows only their number is read.

        Raises:
            InputError: see `train`.
        """
        train = self.train()
        counts = np.bincount(train.group, minlength=train.n_groups)
        names = train.group_names if self.group else ()
        return Facts(
            n_train=len(train),
            n_test=count_test_rows(self),
            group_rows={name: int(count) for name, count in zip(names, counts, strict=False)},
            feature_ranges={name: _range(values) for name, values in train.features.items()},
            target_ranges={name: _range(values) for name, values in zip(self.target, train.targets.T, strict=True)},
        )


# --- finding and building tasks


def list_tasks() -> tuple[str, ...]:
    """Names of the shipped tasks, sorted."""
    return tuple(sorted(path.stem for path in tasks_folder().glob("*.toml")))


def load_task(name: str | Path) -> Task:
    """The shipped task of this name, or the task in this TOML file.

    Raises:
        InputError: no such task or file, or a key that is unknown, missing or wrong.
    """
    path = _task_path(name)
    file = load_model(TaskFile, path)
    table, card = _find_table(file.dataset, path)
    return resolve(file, table=table, card=card, name=path.stem, folder=path.parent, where=str(path))


def resolve(
    file: TaskFile,
    *,
    table: Path,
    card: Card | None,
    name: str,
    folder: Path,
    where: str,
    guesses: Sequence[str] = (),
    group_guessed: bool = False,
) -> Task:
    """The task of these keys on this table.

    Args:
        file: the keys.
        table: the table's file.
        card: card of the dataset, if it has one.
        name: name of a task that does not say its own.
        folder: where the relative path in `split.test_rows` begins.
        where: head of error messages.
        guesses, group_guessed: see `Task`.

    Raises:
        InputError: the keys do not agree with the card.
    """
    test_rows = file.split.test_rows
    values = file.model_dump() | {
        "name": file.name or re.sub(r"^\.+|[/\\]", "_", printable(name)),
        "title": file.title or (card.title if card else file.name or name),
        "columns": [column.model_dump() for column in _columns(file, card, where)],
        "table": table,
        "test_table": None if test_rows is None else folder / test_rows,
        "card": None if card is None else card.model_dump(),
        "guesses": tuple(guesses),
        "group_guessed": group_guessed,
    }
    return build_model(Task, values, where)


def _task_path(name: str | Path) -> Path:
    path = Path(name)
    if path.suffix == ".toml":
        return path
    if isinstance(name, Path) or "/" in name or "\\" in name or path.suffix:
        raise InputError(f"{name} is not a task file; expected a .toml file or one of {', '.join(list_tasks())}")
    if name not in list_tasks():
        raise InputError(f"unknown task {name!r}{near(name, list_tasks())} (tasks: {', '.join(list_tasks())})")
    return tasks_folder() / f"{name}.toml"


def _find_table(dataset: str, task_path: Path) -> tuple[Path, Card | None]:
    """Table and card; a path beside the task file goes before a shipped dataset of the same name."""
    for place in (task_path.parent / dataset, datasets_folder() / dataset):
        if place.is_file():
            return place, None
        if (place / "data.csv").is_file():
            card = place / "card.toml"
            return place / "data.csv", load_card(card) if card.is_file() else None
    known = sorted(folder.name for folder in datasets_folder().iterdir() if folder.is_dir())
    raise InputError(
        f"{task_path}: dataset {dataset!r} is neither a table beside the task file nor a shipped dataset"
        f"{near(dataset, known)} (shipped: {', '.join(known)})"
    )


def _columns(file: TaskFile, card: Card | None, where: str) -> list[Column]:
    """One description for each column in use: the task's own, else the card's, else none."""
    described = {column.name: column for column in (*(card.columns if card else ()), *file.columns)}
    used: list[tuple[str, Role, Domain]] = [(name, "feature", "real") for name in file.features]
    used += [(name, "target", "real") for name in file.target]
    if file.group is not None:
        used.append((file.group, "group", "text"))
    result = []
    for name, role, domain in used:
        column = described.get(name) or Column(name=name, role=role, domain=domain)
        if (column.domain == "text") != (role == "group"):
            raise InputError(f"{where}: the column {name!r} holds {column.domain} values and cannot be a {role}")
        result.append(column if column.role == role else column.model_copy(update={"role": role}))
    return result


def _range(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())


__all__ = [
    "Bounds",
    "Facts",
    "Knowledge",
    "Monotone",
    "Split",
    "Task",
    "TaskFile",
    "list_tasks",
    "load_task",
    "resolve",
]
