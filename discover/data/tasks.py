"""Tasks: what to predict from what, how far, with how many constants, and which rows are sealed.

A task is one TOML file. Its table is opened in two ways only: `Task.train` never converts or checks the
target of a test row, and `Task.sealed` is the one way to the test rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discover.data.aliases import STEP_NAMES, recognise, squash
from discover.data.cards import Card, Column, Domain, Role, load_card
from discover.data.cells import is_plain, marks_in, says_failed, text_of
from discover.data.exports import path_of
from discover.data.names import excerpt, listed, near
from discover.data.reading import RawTable, read_table
from discover.data.resources import datasets_folder, tasks_folder
from discover.data.splits import MIN_TRAIN_ROWS, hold_out
from discover.data.table import Floats, Ints, Table, check_errors
from discover.data.task_files import Bounds, Knowledge, Monotone, Split, TaskFile
from discover.data.tomls import build_model, load_model
from discover.errors import InputError
from discover.plain_data import counted, printable

ALL = ("all",)
"""Group names of a table without groups."""


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
        return (*self.guesses, *_differences(self), *self.reading)

    @property
    def reading(self) -> tuple[str, ...]:
        """What reading the table left out, and numbers that could be read in another way."""
        return (*_left_out(self), *_counts(self))

    def train(self) -> Table:
        """The rows open to fitting that have a value in every column in use. No test row's target is looked at.

        Raises:
            InputError: file, column or cell not as expected; fewer than two train rows, in all or in a group;
                another number of train rows than the card's; standard errors larger than the target's range.
        """
        raw = _raw(self)
        rows = _complete(self, raw, _split_rows(self, raw)[0], _result_headings(self))
        _check_count(self, raw, rows)
        group, names = _groups(self, raw, rows)
        _check_groups(self, raw, rows, group, names)
        table = Table(
            features=self._features(raw, rows),
            targets=self._targets(raw, rows),
            target_names=self.target,
            group=group,
            group_names=names,
            weights=raw.numbers(self.weights, rows, "positive") if self.weights else None,
            errors=_stack([raw.numbers(name, rows, "positive") for name in self.errors]) if self.errors else None,
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
        raw = _raw(self)
        train_rows, rows = _split_rows(self, raw)
        train_rows = _complete(self, raw, train_rows, _result_headings(self))
        _, names = _groups(self, raw, train_rows)
        if self.test_table is not None:
            raw = _raw(self, self.test_table)
            rows = _complete(self, raw, range(len(raw)), _setting_headings(self))
        if not rows:
            raise InputError(f"{raw.path} has no test rows: {_no_test_rows(self.split)}")
        headings = [self.column(name).heading for name in self.target]
        rows = _complete(self, raw, rows, headings)
        if not rows:
            raise InputError(f"{raw.path} has no test rows with a value in {' and '.join(headings)}")
        return Table(
            features=self._features(raw, rows),
            targets=self._targets(raw, rows),
            target_names=self.target,
            group=_codes(self, raw, rows, names),
            group_names=names,
        )

    def sealed_print(self) -> str:
        """SHA-256 of the cells of the sealed rows, by which a change is seen without a look at them; "" without any.

        Raises:
            InputError: see `train`.
        """
        raw = _raw(self) if self.test_table is None else _raw(self, self.test_table)
        rows = _split_rows(self, raw)[1] if self.test_table is None else list(range(len(raw)))
        headings = [*_setting_headings(self), *(self.column(name).heading for name in self.target)]
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
            n_test=_count_test_rows(self),
            group_rows={name: int(count) for name, count in zip(names, counts, strict=False)},
            feature_ranges={name: _range(values) for name, values in train.features.items()},
            target_ranges={name: _range(values) for name, values in zip(self.target, train.targets.T, strict=True)},
        )

    def _features(self, raw: RawTable, rows: Sequence[int]) -> dict[str, Floats]:
        return {name: self._numbers(raw, name, rows) for name in self.features}

    def _targets(self, raw: RawTable, rows: Sequence[int]) -> Floats:
        return _stack([self._numbers(raw, name, rows) for name in self.target])

    def _numbers(self, raw: RawTable, name: str, rows: Sequence[int]) -> Floats:
        column = self.column(name)
        return raw.numbers(column.heading, rows, column.domain)


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


# --- rows, groups and counts


def _raw(task: Task, path: Path | None = None) -> RawTable:
    """The rows of the task's table that count, or those of its second table."""
    headings = [task.column(name).heading for name in (*task.features, *task.target)]
    sheet = task.sheet if path is None else None
    return read_table(path or task.table, sheet, task.where).with_columns(headings)


def _split_rows(task: Task, raw: RawTable) -> tuple[list[int], list[int]]:
    """Train rows and sealed rows of the table, by row number from 0."""
    split, everything = task.split, _complete(task, raw, range(len(raw)), _setting_headings(task))
    if split.column is not None:
        return _rows_by_label(raw, split.column, split, everything)
    if split.holdout is None:
        return everything, []
    axes = _stack([task._numbers(raw, name, everything) for name in task.extrapolate])
    group, _ = _groups(task, raw, everything)
    held = hold_out(axes, group, split.holdout)
    open_rows = [row for row, sealed in zip(everything, held, strict=True) if not sealed]
    return open_rows, [row for row, sealed in zip(everything, held, strict=True) if sealed]


def _rows_by_label(raw: RawTable, column: str, split: Split, everything: Sequence[int]) -> tuple[list[int], list[int]]:
    rows: dict[str, list[int]] = {split.train: [], split.test: []}
    for row, label in zip(everything, raw.texts(column, everything), strict=True):
        # Any other word would silently open a mistyped test row to the fit.
        if label not in rows:
            raise InputError(f"{raw.where(row, column)}: {label!r}; expected {split.train!r} or {split.test!r}")
        rows[label].append(row)
    return rows[split.train], rows[split.test]


def _setting_headings(task: Task) -> list[str]:
    names = [*task.features, *([task.group] if task.group else [])]
    return [task.column(name).heading for name in names]


def _result_headings(task: Task) -> list[str]:
    headings = [task.column(name).heading for name in task.target]
    return [*headings, *task.errors, *([task.weights] if task.weights else [])]


def _complete(task: Task, raw: RawTable, rows: Sequence[int], headings: Sequence[str]) -> list[int]:
    """The rows that have a value in all of these columns."""
    left, powered = np.asarray(rows, dtype=np.int64), task.powered
    for heading in headings:
        left = left[~_lacks(task, raw, heading, powered)[left]]
    found: list[int] = left.tolist()
    return found


def _lacks(task: Task, raw: RawTable, heading: str, powered: Collection[str]) -> NDArray[np.bool_]:
    """The rows without a value in a column, shape (n,): no name in that of the group, a zero where a law takes
    powers."""
    if task.group is not None and heading == task.column(task.group).heading:
        return np.array([raw.is_nameless(heading, row) for row in range(len(raw))])
    missing = raw.missing(heading)
    if heading not in powered:
        return missing
    rows = np.flatnonzero(~missing)
    # Below zero is a mistake, which reading tells; it is no start of a run.
    other = rows[raw.numbers(heading, rows.tolist(), "real") != 0]
    # Zeros in most rows are no start of a run either, whatever the column is called.
    kept = other if 2 * len(other) > len(rows) else rows
    out = np.ones(len(raw), dtype=bool)
    out[kept] = False
    return out


@dataclass(frozen=True)
class _Gap:
    """Rows that are left out, and the columns in which they have no value."""

    raw: RawTable
    rows: list[int]
    headings: list[str]

    @property
    def note(self) -> str:
        places = listed([self.raw.lines[row] for row in self.rows])
        lacking = " or ".join(self.headings)
        what = "1 run is" if len(self.rows) == 1 else f"{len(self.rows)} runs are"
        unit = self.raw.unit if len(self.rows) == 1 else f"{self.raw.unit}s"
        if not any(self.raw.missing(heading)[self.rows].any() for heading in self.headings):
            # The first row of a training curve, at step 0.
            runs = counted(len(self.rows), "run")
            are = "is" if len(self.rows) == 1 else "are"
            return f"{runs} with {lacking} at 0 {are} left out, as a power of 0 has no value ({unit} {places})"
        return f"{what} left out: no value in {lacking}{self._said} ({unit} {places})"

    @property
    def _said(self) -> str:
        """What stands in the cells instead, where it says that a run failed."""
        cells = [self.raw.cells(heading)[row] for heading in self.headings for row in self.rows]
        words = list(dict.fromkeys(str(cell).strip() for cell in cells if says_failed(cell)))
        return f", but {listed(words, 3)}" if words else ""


def _gaps(task: Task, raw: RawTable) -> list[_Gap]:
    """What is left out of the table: rows without a setting, and train rows without a result."""
    settings = _gap(task, raw, range(len(raw)), _setting_headings(task))
    return [*settings, *_gap(task, raw, _split_rows(task, raw)[0], _result_headings(task))]


def _gap(task: Task, raw: RawTable, rows: Sequence[int], headings: Sequence[str]) -> list[_Gap]:
    gone = sorted(set(rows) - set(_complete(task, raw, rows, headings)))
    lacking = [heading for heading in headings if _lacks(task, raw, heading, task.powered)[gone].any()]
    return [_Gap(raw, gone, lacking)] if gone else []


def _left_out(task: Task) -> tuple[str, ...]:
    """What reading left out, and the rows without a value; of sealed rows only settings are looked at."""
    raw = _raw(task)
    notes = [*raw.remarks, *(gap.note for gap in _gaps(task, raw))]
    if task.test_table is not None:
        sealed = _raw(task, task.test_table)
        gaps = _gap(task, sealed, range(len(sealed)), _setting_headings(task))
        notes += [f"of {sealed.path}, {gap.note}" for gap in gaps]
    return tuple(notes)


def _counts(task: Task) -> list[str]:
    """How numbers in other notations than a program's are read, an example of each column in use; no sealed target."""
    raw = _raw(task)
    rows: dict[str, Sequence[int]] = {task.column(name).heading: range(len(raw)) for name in task.features}
    rows |= dict.fromkeys(_result_headings(task), _split_rows(task, raw)[0])
    notes = []
    for heading, some in rows.items():
        cells, read = raw.cells(heading), raw.read(heading)
        sign = "?" if heading in raw.customary else raw.signs.get(heading, ".")
        asked = some if sign != "." else sorted(read.others.keys() & set(some))
        odd = [row for row in asked if read.written(row) is not None and not is_plain(cells[row], sign)]
        if odd:
            row = max(odd, key=lambda row: (marks_in(cells[row]), -row))
            notes.append(f"in {heading}, {str(cells[row]).strip()} means {raw.number(heading, row):.15g}")
    return notes


def _count_test_rows(task: Task) -> int:
    if task.test_table is not None:
        return len(_raw(task, task.test_table))
    return len(_split_rows(task, _raw(task))[1])


def _no_test_rows(split: Split) -> str:
    if split.column is not None:
        return f"no row has {split.test!r} in the column {split.column!r}"
    if split.holdout is not None:
        return f"holdout {split.holdout} is less than the rows of one largest scale"
    return "the task has no split; give a split column, a holdout or a table of test rows"


def _groups(task: Task, raw: RawTable, rows: Sequence[int]) -> tuple[Ints, tuple[str, ...]]:
    """Group codes of these rows and the groups' names, in order of appearance among them."""
    if task.group is None:
        return np.zeros(len(rows), dtype=np.int64), ALL
    texts = raw.texts(task.column(task.group).heading, rows)
    names = tuple(dict.fromkeys(texts))
    code = {name: place for place, name in enumerate(names)}
    return np.array([code[text] for text in texts], dtype=np.int64), names


def _codes(task: Task, raw: RawTable, rows: Sequence[int], names: tuple[str, ...]) -> Ints:
    if task.group is None:
        return np.zeros(len(rows), dtype=np.int64)
    heading = task.column(task.group).heading
    code = {name: place for place, name in enumerate(names)}
    texts = raw.texts(heading, rows)
    for row, text in zip(rows, texts, strict=True):
        if text not in code:
            raise InputError(
                f"{raw.where(row, heading)}: the group {excerpt(text)!r} has no train rows to fit constants on"
                f"{_guessed(task)}"
            )
    return np.array([code[text] for text in texts], dtype=np.int64)


def _check_groups(task: Task, raw: RawTable, rows: Sequence[int], group: Ints, names: tuple[str, ...]) -> None:
    if len(rows) < MIN_TRAIN_ROWS:
        raise InputError(
            f"{raw.path} has {counted(len(rows), 'train row')}{_without(task, raw)}; expected at least {MIN_TRAIN_ROWS}"
        )
    for code, count in enumerate(np.bincount(group, minlength=len(names))):
        if count < MIN_TRAIN_ROWS:
            row = rows[int(np.flatnonzero(group == code)[0])]
            raise InputError(
                f"{raw.where(row, task.group)}: the group {names[code]!r} has a single train row"
                f"{_without(task, raw)}; expected at least {MIN_TRAIN_ROWS}{_guessed(task)}"
            )


def _guessed(task: Task) -> str:
    """What to do about a group that the user did not ask for."""
    return f" (the group {task.group!r} is a guess; --group '' takes none)" if task.group_guessed else ""


def _without(task: Task, raw: RawTable) -> str:
    """How many rows are left out, to be told where too few remain."""
    gaps = [f"{len(gap.rows)} without a value in {' or '.join(gap.headings)}" for gap in _gaps(task, raw)]
    return f", as of {len(raw)} rows {' and '.join(gaps)} are left out" if gaps else ""


def _carded(task: Task) -> bool:
    """Whether the card's row counts apply, that is whether the task splits by the card's own split column."""
    split = [column.name for column in task.card.columns if column.role == "split"] if task.card else []
    return task.split.column is not None and task.split.column in split


def _check_count(task: Task, raw: RawTable, rows: Sequence[int]) -> None:
    if task.card is not None and _carded(task) and len(rows) != task.card.table.train_rows:
        raise InputError(
            f"{raw.path} has {len(rows)} train rows; expected {task.card.table.train_rows} as in its "
            f"card.toml, key table.train_rows"
        )


def _differences(task: Task) -> tuple[str, ...]:
    if task.card is None:
        return ()
    found, notes = hashlib.sha256(task.table.read_bytes()).hexdigest(), []
    if found != task.card.table.sha256:
        notes.append(
            f"{task.table} was changed since its card was written: its SHA-256 begins with {found[:12]}, "
            f"the card's with {task.card.table.sha256[:12]}"
        )
    if _carded(task):
        n_test = _count_test_rows(task)
        if n_test != task.card.table.test_rows:
            notes.append(f"{task.table} has {n_test} test rows, its card says {task.card.table.test_rows}")
    return tuple(notes)


def _stack(columns: Sequence[Floats]) -> Floats:
    return np.stack(columns, axis=1)


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
