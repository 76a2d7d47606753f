"""What reading a task's table leaves out, takes in another way than it looks, or finds unlike its card.

Of sealed rows only settings are looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from discover.arrays import Ints
from discover.data.cells import is_plain, marks_in, number, says_failed
from discover.data.names import listed
from discover.data.reading import RawTable
from discover.data.splits import MIN_TRAIN_ROWS
from discover.data.task_rows import (
    complete,
    count_test_rows,
    guessed,
    lacks,
    raw_of,
    result_headings,
    setting_headings,
    split_rows,
)
from discover.errors import InputError
from discover.plain_data import counted

if TYPE_CHECKING:
    from discover.data.tasks import Task


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
    settings = _gap(task, raw, range(len(raw)), setting_headings(task))
    return [*settings, *_gap(task, raw, split_rows(task, raw)[0], result_headings(task))]


def _gap(task: Task, raw: RawTable, rows: Sequence[int], headings: Sequence[str]) -> list[_Gap]:
    gone = sorted(set(rows) - set(complete(task, raw, rows, headings)))
    lacking = [heading for heading in headings if lacks(task, raw, heading, task.powered)[gone].any()]
    return [_Gap(raw, gone, lacking)] if gone else []


def left_out(task: Task) -> tuple[str, ...]:
    """What reading left out, and the rows without a value; of sealed rows only settings are looked at."""
    raw = raw_of(task)
    notes = [*raw.remarks, *(gap.note for gap in _gaps(task, raw))]
    if task.test_table is not None:
        sealed = raw_of(task, task.test_table)
        gaps = _gap(task, sealed, range(len(sealed)), setting_headings(task))
        notes += [f"of {sealed.path}, {gap.note}" for gap in gaps]
    return tuple(notes)


def readings(task: Task) -> list[str]:
    """How numbers in other notations than a program's are read, an example of each column in use; no sealed target."""
    raw = raw_of(task)
    rows: dict[str, Sequence[int]] = {task.column(name).heading: range(len(raw)) for name in task.features}
    rows |= dict.fromkeys(result_headings(task), split_rows(task, raw)[0])
    notes = []
    for heading, some in rows.items():
        cells, read = raw.cells(heading), raw.read(heading)
        sign = "?" if heading in raw.customary else raw.signs.get(heading, ".")
        asked = some if sign != "." else sorted(read.others.keys() & set(some))
        odd = [row for row in asked if read.written(row) is not None and not is_plain(cells[row], sign)]
        if odd:
            row = max(odd, key=lambda row: (marks_in(cells[row]), -row))
            meant, other = raw.number(heading, row), number(cells[row], "," if raw.signs.get(heading) == "." else ".")
            choice = f", not {other:.15g}" if heading in raw.customary and other not in (None, meant) else ""
            notes.append(f"in {heading}, {str(cells[row]).strip()} means {meant:.15g}{choice}")
    return notes


def check_groups(task: Task, raw: RawTable, rows: Sequence[int], group: Ints, names: tuple[str, ...]) -> None:
    if len(rows) < MIN_TRAIN_ROWS:
        raise InputError(
            f"{raw.path} has {counted(len(rows), 'train row')}{_without(task, raw)}; expected at least {MIN_TRAIN_ROWS}"
        )
    for code, count in enumerate(np.bincount(group, minlength=len(names))):
        if count < MIN_TRAIN_ROWS:
            row = rows[int(np.flatnonzero(group == code)[0])]
            raise InputError(
                f"{raw.where(row, task.group)}: the group {names[code]!r} has a single train row"
                f"{_without(task, raw)}; expected at least {MIN_TRAIN_ROWS}{guessed(task)}"
            )


def _without(task: Task, raw: RawTable) -> str:
    """How many rows are left out, to be told where too few remain."""
    gaps = [f"{len(gap.rows)} without a value in {' or '.join(gap.headings)}" for gap in _gaps(task, raw)]
    return f", as of {len(raw)} rows {' and '.join(gaps)} are left out" if gaps else ""


def _carded(task: Task) -> bool:
    """Whether the card's row counts apply, that is whether the task splits by the card's own split column."""
    split = [column.name for column in task.card.columns if column.role == "split"] if task.card else []
    return task.split.column is not None and task.split.column in split


def check_count(task: Task, raw: RawTable, rows: Sequence[int]) -> None:
    if task.card is not None and _carded(task) and len(rows) != task.card.table.train_rows:
        raise InputError(
            f"{raw.path} has {len(rows)} train rows; expected {task.card.table.train_rows} as in its "
            f"card.toml, key table.train_rows"
        )


def differences(task: Task) -> tuple[str, ...]:
    if task.card is None:
        return ()
    found, notes = hashlib.sha256(task.table.read_bytes()).hexdigest(), []
    if found != task.card.table.sha256:
        notes.append(
            f"{task.table} was changed since its card was written: its SHA-256 begins with {found[:12]}, "
            f"the card's with {task.card.table.sha256[:12]}"
        )
    if _carded(task):
        n_test = count_test_rows(task)
        if n_test != task.card.table.test_rows:
            notes.append(f"{task.table} has {n_test} test rows, its card says {task.card.table.test_rows}")
    return tuple(notes)
