"""Which rows of a task's table are open to fitting and which are sealed, and the numbers and groups in them.

No function here converts or checks the target of a row that it is not given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from discover.arrays import Floats, Ints, Mask
from discover.data.names import excerpt
from discover.data.reading import RawTable, read_table
from discover.data.splits import hold_out
from discover.data.task_files import Split
from discover.errors import InputError

if TYPE_CHECKING:
    from discover.data.tasks import Task

ALL = ("all",)
"""Group names of a table without groups."""


def raw_of(task: Task, path: Path | None = None) -> RawTable:
    """The rows of the task's table that count, or those of its second table."""
    headings = [task.column(name).heading for name in (*task.features, *task.target)]
    sheet = task.sheet if path is None else None
    return read_table(path or task.table, sheet, task.where).with_columns(headings)


def split_rows(task: Task, raw: RawTable) -> tuple[list[int], list[int]]:
    """Train rows and sealed rows of the table, by row number from 0."""
    split, everything = task.split, complete(task, raw, range(len(raw)), setting_headings(task))
    if split.column is not None:
        return _rows_by_label(raw, split.column, split, everything)
    if split.holdout is None:
        return everything, []
    axes = stack([_numbers(task, raw, name, everything) for name in task.extrapolate])
    group, _ = groups_of(task, raw, everything)
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


def setting_headings(task: Task) -> list[str]:
    names = [*task.features, *([task.group] if task.group else [])]
    return [task.column(name).heading for name in names]


def result_headings(task: Task) -> list[str]:
    headings = [task.column(name).heading for name in task.target]
    return [*headings, *task.errors, *([task.weights] if task.weights else [])]


def complete(task: Task, raw: RawTable, rows: Sequence[int], headings: Sequence[str]) -> list[int]:
    """The rows that have a value in all of these columns."""
    left, powered = np.asarray(rows, dtype=np.int64), task.powered
    for heading in headings:
        left = left[~lacks(task, raw, heading, powered)[left]]
    found: list[int] = left.tolist()
    return found


def lacks(task: Task, raw: RawTable, heading: str, powered: Collection[str]) -> Mask:
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


def count_test_rows(task: Task) -> int:
    if task.test_table is not None:
        return len(raw_of(task, task.test_table))
    return len(split_rows(task, raw_of(task))[1])


def no_test_rows(split: Split) -> str:
    if split.column is not None:
        return f"no row has {split.test!r} in the column {split.column!r}"
    if split.holdout is not None:
        return f"holdout {split.holdout} is less than the rows of one largest scale"
    return "the task has no split; give a split column, a holdout or a table of test rows"


def groups_of(task: Task, raw: RawTable, rows: Sequence[int]) -> tuple[Ints, tuple[str, ...]]:
    """Group codes of these rows and the groups' names, in order of appearance among them."""
    if task.group is None:
        return np.zeros(len(rows), dtype=np.int64), ALL
    texts = raw.texts(task.column(task.group).heading, rows)
    names = tuple(dict.fromkeys(texts))
    code = {name: place for place, name in enumerate(names)}
    return np.array([code[text] for text in texts], dtype=np.int64), names


def codes_of(task: Task, raw: RawTable, rows: Sequence[int], names: tuple[str, ...]) -> Ints:
    if task.group is None:
        return np.zeros(len(rows), dtype=np.int64)
    heading = task.column(task.group).heading
    code = {name: place for place, name in enumerate(names)}
    texts = raw.texts(heading, rows)
    for row, text in zip(rows, texts, strict=True):
        if text not in code:
            raise InputError(
                f"{raw.where(row, heading)}: the group {excerpt(text)!r} has no train rows to fit constants on"
                f"{guessed(task)}"
            )
    return np.array([code[text] for text in texts], dtype=np.int64)


def guessed(task: Task) -> str:
    """What to do about a group that the user did not ask for."""
    return f" (the group {task.group!r} is a guess; --group '' takes none)" if task.group_guessed else ""


def stack(columns: Sequence[Floats]) -> Floats:
    return np.stack(columns, axis=1)


def features_of(task: Task, raw: RawTable, rows: Sequence[int]) -> dict[str, Floats]:
    return {name: _numbers(task, raw, name, rows) for name in task.features}


def targets_of(task: Task, raw: RawTable, rows: Sequence[int]) -> Floats:
    """The values to predict, shape (rows, targets)."""
    return stack([_numbers(task, raw, name, rows) for name in task.target])


def _numbers(task: Task, raw: RawTable, name: str, rows: Sequence[int]) -> Floats:
    column = task.column(name)
    return raw.numbers(column.heading, rows, column.domain)
