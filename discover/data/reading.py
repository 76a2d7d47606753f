"""Files into tables of checked numbers. Nothing here knows tasks or test rows."""

from __future__ import annotations

import gc
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from discover.arrays import Floats, Mask
from discover.data.aliases import is_count, squash
from discover.data.blocks import filled_down
from discover.data.cells import NAMES, Sign, Written, decimal_signs, is_empty, number, says_failed, text_of
from discover.data.charts import Reshaped, chart_of, digitised, logged_values, single_curve
from discover.data.columns import Numbers, numbers_in
from discover.data.conditions import Condition, parse_conditions
from discover.data.exports import ending_in, is_export, objectives, of_study, path_of, taken_apart
from discover.data.files import Content, read_file
from discover.data.names import excerpt, listed, near
from discover.data.results import AGGREGATES, is_small
from discover.data.sizes_in_names import sizes_in_names
from discover.data.states import unfinished
from discover.data.summaries import summary_rows
from discover.errors import InputError
from discover.plain_data import printable, quoted

SIZES = "params"  # heading of the sizes that stand in names

Range = tuple[str, Callable[[Floats], Mask]]
"""What numbers must be, in words and as a check."""

RANGES: dict[str, Range] = {
    "positive": ("a number above 0", lambda values: values > 0),
    "fraction": ("a number from 0 to 1", lambda values: (values >= 0) & (values <= 1)),
    "real": ("a number", np.isfinite),
}


@dataclass(frozen=True)
class RawTable:
    """Cells as read, not yet converted: a row's targets may be anything until somebody asks for them.

    Whoever asks for a column that there is not gets an `InputError`.

    Attributes:
        path: the file.
        columns: heading -> cells, all of the same length.
        lines: place of each row in the file, counted from 1 (a CSV header is line 1).
        unit: what `lines` counts: "line", or "row" for files without lines.
        export: the table is a tracker's list of runs.
        remarks: what was left out or decided on reading, one sentence each.
        signs: heading -> decimal sign of its cells; "." for those that are not there.
        customary: headings of columns whose decimal sign no cell of the file proves.
        results: headings of columns that hold results by the form of the file, whatever they are called.
        wide: the same file with a column per run, where it is a chart and this table has a row per run and step.
    """

    path: Path
    columns: dict[str, list[object]]
    lines: list[int]
    unit: str = "line"
    export: bool = False
    remarks: tuple[str, ...] = ()
    signs: Mapping[str, Sign] = field(default_factory=dict)
    customary: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    wide: RawTable | None = None
    _read: dict[str, Numbers] = field(default_factory=dict, repr=False, compare=False)
    _missing: dict[str, Mask] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int, column: str | None = None) -> str:
        """File, line and column, as they stand at the head of a message."""
        tail = "" if column is None else f", column {column!r}"
        return f"{self.path}, {self.unit} {self.lines[row]}{tail}"

    def cells(self, column: str) -> list[object]:
        """The cells of a column.

        Raises:
            InputError: the file has no such column.
        """
        if column not in self.columns:
            known, hint = listed(list(self.columns), 12), near(column, self.columns)
            raise InputError(f"{self.path} has no column {column!r}{hint} (its columns: {known})")
        return self.columns[column]

    def is_place(self, name: str) -> bool:
        """Whether a name means where rows stand in the file: "line", or "row" for files without lines."""
        return name == self.unit and name not in self.columns

    def heading(self, name: str) -> str:
        """The heading that a user means: the name itself, or the only one that ends in it or spells it otherwise.

        Raises:
            InputError: there is no such heading, or several.
        """
        if name in self.columns:
            return name
        found = ending_in(name, self.columns) if self.export else []
        found = found or [heading for heading in self.columns if squash(heading) == squash(name)]
        found = found or [heading for heading in self.columns if _is_summary(heading, name)]
        found = found or ending_in(name, self.columns)  # `loss` below `results` in another heading line
        if len(found) > 1:
            raise InputError(f"{self.path} has several columns that end in {name!r}: {listed(found)}; say which one")
        if not found:
            self.cells(name)
        return found[0]

    def rejoined(self, names: Sequence[str]) -> list[str]:
        """Names from a list parted at commas; those that belong to one heading, as of `acc,none`, are one again."""
        known = {_COMMA.sub(",", heading) for heading in self.columns if "," in heading}
        out, at = list[str](), 0
        while at < len(names):
            ends = range(len(names), at + 1, -1) if known else ()
            end = next((end for end in ends if ",".join(names[at:end]) in known), at + 1)
            joined = ",".join(names[at:end])
            out.append(next((h for h in self.columns if _COMMA.sub(",", h) == joined), joined))
            at = end
        return out

    def with_columns(self, names: Iterable[str]) -> RawTable:
        """This table, or the file's other form if only that has all of these headings."""
        if self.wide is None or all(name in self.columns for name in names):
            return self
        return self.wide if any(name in self.wide.columns for name in names) else self

    def read(self, column: str) -> Numbers:
        """The cells of a column as numbers."""
        if column not in self._read:
            self._read[column] = numbers_in(self.cells(column), self.signs.get(column, "."))
        return self._read[column]

    def written(self, column: str) -> list[Written | None]:
        """What the cells of a column mean as numbers; None for those that are none, or may be two."""
        return list(map(self.read(column).written, range(len(self))))

    def number(self, column: str, row: int) -> float | None:
        """A cell as a number (NaN and infinities included), or None when it is not one."""
        found = self.read(column).written(row)
        return None if found is None else found.value

    def missing(self, column: str) -> Mask:
        """The cells that say that there is no value: empty, NaN, infinite, or a word such as OOM, #N/A; shape (n,)."""
        if column not in self._missing:
            cells, read = self.cells(column), self.read(column)
            mask = ~np.isfinite(read.values)
            for row, found in read.others.items():
                if found is None:
                    mask[row] = is_empty(cells[row]) or says_failed(cells[row])
            self._missing[column] = mask
        return self._missing[column]

    def is_nameless(self, column: str, row: int) -> bool:
        """Whether a cell of a column of names has none. A group may be called `none` or `-`, but not in an export."""
        cell = self.cells(column)[row]
        named = not self.export and text_of(cell).lower() in NAMES
        value = number(cell)
        return not named and (is_empty(cell) or (value is not None and not math.isfinite(value)))

    def is_numeric(self, column: str, rows: Iterable[int]) -> bool:
        """Whether at least half of these cells that have a value are numbers: one slip does not make a column text."""
        cells, read = self.cells(column), self.read(column)
        if not read.others:
            return True
        plain = len(some := list(rows)) - len(odd := [row for row in some if row in read.others])
        filled = [row for row in odd if not (is_empty(cells[row]) or says_failed(cells[row]))]
        numbers = sum(read.others[row] is not None or self._doubt(column, row) is not None for row in filled)
        return 2 * (plain + numbers) >= plain + len(filled)

    def texts(self, column: str, rows: Iterable[int]) -> list[str]:
        """Cells of these rows as text without outer blanks.

        Raises:
            InputError: no such column, or an empty cell.
        """
        cells = self.cells(column)
        result = []
        for row in rows:
            text = text_of(cells[row])
            if not text:
                raise InputError(f"{self.where(row, column)}: the cell is empty; expected a name")
            result.append(text)
        return result

    def numbers(self, column: str, rows: Sequence[int], domain: str = "real") -> Floats:
        """Cells of these rows as finite numbers of this domain, shape (len(rows),).

        Raises:
            InputError: no such column, or a cell that is empty, text, NaN, infinite or outside the domain, that may
                mean two numbers, or whose unit is another than that of the cells above it.
        """
        expected, allowed = RANGES[domain]
        cells, read = self.cells(column), self.read(column)
        values: Floats = read.values[np.asarray(rows, dtype=np.int64)]
        fine = np.isfinite(values) & allowed(values)
        if read.others or not fine.all():
            first: tuple[int, str] | None = None
            for row, good in zip(rows, fine.tolist(), strict=True):
                found = read.written(row)
                if not good:
                    problem = self._doubt(column, row) or _problem(cells[row], None if found is None else found.value)
                    problem = problem or f"{text_of(cells[row])} is out of range"
                    raise InputError(f"{self.where(row, column)}: {problem}; expected {expected}")
                if found is not None and found.value:
                    first = self._same_unit(column, row, found.unit, first)
        return values

    def _same_unit(self, column: str, row: int, unit: str, first: tuple[int, str] | None) -> tuple[int, str] | None:
        """The first row with a unit. A share in per cent beside other numbers counts as another unit, too."""
        if first is None or unit == first[1]:
            return (row, unit) if first is None else first
        if "%" not in (unit, first[1]) and "" in (unit, first[1]):
            return first if first[1] else (row, unit)
        cells = self.cells(column)
        raise InputError(
            f"{self.where(row, column)}: {text_of(cells[row])} has another unit than {text_of(cells[first[0]])} "
            f"({self.unit} {self.lines[first[0]]}); expected one unit in the whole column"
        )

    def is_in_doubt(self, column: str) -> bool:
        """Whether some cell may mean two numbers; reading the column as numbers names it."""
        return any(self._doubt(column, row) is not None for row in self.read(column).others)

    def _doubt(self, column: str, row: int) -> str | None:
        """What is the matter with a cell that may mean two numbers, or None."""
        if self.signs.get(column, ".") != "?" or self.read(column).written(row) is not None:
            return None
        text = text_of(self.cells(column)[row])
        point, comma = number(text, "."), number(text, ",")
        if point is None or comma is None:
            return None
        low, high = sorted((point, comma))
        return (
            f"{text} may mean {low:.15g} or {high:.15g}, and no cell of the file tells which sign is the decimal one; "
            f"write {high:.15g}, or {low:g} with other than three decimals"
        )


_COMMA = re.compile(r"\s*,\s*")


def _is_summary(heading: str, name: str) -> bool:
    """Whether a heading is that of the mean of what a name says: `loss.mean` of `loss`."""
    *levels, last = path_of(heading)
    return squash(last) in AGGREGATES and squash(".".join(levels)) == squash(name)


def _problem(cell: object, value: float | None) -> str | None:
    text = text_of(cell)
    if value is None:
        return "the cell is empty" if is_empty(cell) else f"{excerpt(text)!r} is not a number"
    if math.isnan(value):
        return "the value is NaN"
    return "the value is infinite" if math.isinf(value) else None


def read_table(path: Path, sheet: str | None = None, where: str | None = None) -> RawTable:
    """The cells of a file with a table: see `discover.data.files` for kinds of files, `discover.data.exports` for lists
    of runs, `discover.data.charts` for curves.

    Args:
        sheet: of a spreadsheet; the first with rows if not given.
        where: conditions on rows (`status == finished`); rows that do not meet them are left out.

    Raises:
        InputError: no such file, of a kind that is not read, empty, without rows, duplicate column names, a row
            whose cells do not match the header, or a condition that is none.
        UnavailableError: a Parquet or Arrow file without pyarrow installed.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "blake2b").digest()
    except OSError:
        digest = b""  # reading says what is wrong
    return _read_table(path, sheet, where, digest)


@lru_cache(maxsize=2)  # a task's table is asked for again and again, as train rows, as sealed ones, and for its notes
def _read_table(path: Path, sheet: str | None, where: str | None, digest: bytes) -> RawTable:
    """See `read_table`.

    Args:
        digest: of the file's content.
    """
    with _no_collection():
        return _read(path, sheet, where)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Objects are not searched for garbage meanwhile: there is none among a million new cells."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(path: Path, sheet: str | None, where: str | None) -> RawTable:
    content = read_file(path, sheet)
    columns = taken_apart(content.columns)
    if columns is None:
        raise InputError(f"{path}: the objects in its cells have too many entries; export fewer columns")
    shown = {_one_line(heading): [_shown(cell) for cell in cells] for heading, cells in columns.items()}
    if len(shown) < len(columns):
        raise InputError(f"{path} has headings that differ only in characters that cannot be shown; rename them")
    columns = shown
    remarks = [printable(remark) for remark in content.remarks]
    content = replace(content, columns=columns, remarks=remarks)
    conditions = parse_conditions(where) if where is not None else ()
    reshaped = logged_values(columns) or digitised(columns)
    chart = None if reshaped else chart_of(columns)
    if chart is not None:
        per_run, wide = (_table(path, _in_shape(content, one), conditions, one.results) for one in chart)
        table = replace(per_run, wide=wide)
    elif reshaped is not None:
        table = _table(path, _in_shape(content, reshaped), conditions, reshaped.results)
    elif (study := of_study(columns)) is not None:
        table = _table(path, replace(content, columns=study), conditions, objectives(study))
    else:
        table = _table(path, content, conditions, single_curve(columns))
    if not len(table):
        left = " that meets --where" if content.lines and where is not None else ""
        raise InputError(f"{path} has no rows{left}; expected at least two rows of experiments")
    return table


def _shown(cell: Any) -> Any:
    """A text as terminals and files can show it; other cells as they are."""
    return printable(cell) if isinstance(cell, str) and not cell.isprintable() else cell


def _one_line(heading: str) -> str:
    return printable(re.sub(r"\s*[\r\n\t]\s*", " ", heading))


def _in_shape(content: Content, other: Reshaped) -> Content:
    remarks = [*content.remarks, other.remark]
    return replace(content, columns=other.columns, lines=[content.lines[row] for row in other.rows], remarks=remarks)


def _table(path: Path, content: Content, conditions: Sequence[Condition], results: frozenset[str]) -> RawTable:
    """The table of the rows that count: runs that did not finish are left out, and rows that --where does not want."""
    blocks = filled_down(content.columns) if not summary_rows(content.columns) else {}
    columns = content.columns | blocks
    signs, customary = decimal_signs(
        columns,
        pointed=content.pointed,
        small=[heading for heading in columns if is_small(heading)],
        whole=[heading for heading in columns if is_count(heading)],
    )
    whole = RawTable(
        path=path,
        columns=columns,
        lines=content.lines,
        unit=content.unit,
        export=is_export(columns),
        remarks=(*content.remarks, *(f"blank cells of {heading!r} mean the name above them" for heading in blocks)),
        signs=signs,
        customary=customary,
        results=results,
    )
    table = _with_sizes(whole)  # before --where, which may ask for them
    sums = summary_rows(columns)
    if sums:
        names = listed(list(dict.fromkeys(map(repr, sums.values()))))
        row = "row sums" if len(sums) == 1 else "rows sum"
        table = _without(table, sums, f"{len(sums)} {row} up the others and {_is(sums)} left out: {names}")
        columns = table.columns
    asked = [("" if table.is_place(one.column) else table.heading(one.column), one) for one in conditions]
    out = unfinished(columns, except_for=[heading for heading, _ in asked])
    if out:
        states = ", ".join(f"{count} {state}" for state, count in Counter(out.values()).items())
        run = "run" if len(table) == 1 else "runs"
        text = f"{len(out)} of {len(table)} {run} did not finish and {_is(out)} left out: {states}"
        table = _without(table, out, text)
    for heading, one in asked:
        cells = table.cells(heading) if heading else list(table.lines)
        read = [None if found is None else found.value for found in table.written(heading)] if heading else table.lines
        gone = [row for row in range(len(table)) if not one.holds(cells[row], read[row])]
        if gone:
            row = "row" if len(table) == 1 else "rows"
            text = f"{len(gone)} of {len(table)} {row} {_is(gone)} left out by --where: "
            text += f"{heading or table.unit} is not {one.sign} {one.value}"
            table = _without(table, gone, text.replace("is not ==", "is not").replace("is not !=", "is"))
    return _with_sizes(_with_errors(table))


def _is(things: Collection[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _without(table: RawTable, rows: Collection[int], text: str) -> RawTable:
    gone = set(rows)
    kept = [row for row in range(len(table)) if row not in gone]
    places = listed([table.lines[row] for row in sorted(gone)])
    unit = table.unit if len(gone) == 1 else f"{table.unit}s"
    return replace(
        table,
        columns={heading: [cells[row] for row in kept] for heading, cells in table.columns.items()},
        lines=[table.lines[row] for row in kept],
        remarks=(*table.remarks, f"{text} ({unit} {places})"),
        _read={},
        _missing={},
    )


def _with_sizes(table: RawTable) -> RawTable:
    """The table with a column of the sizes that stand in names of models alone."""
    found = None if table.results else sizes_in_names(table.columns)
    if found is None or SIZES in table.columns:
        return table
    heading, sizes = found
    row = next(row for row, size in enumerate(sizes) if size is not None)
    remark = f"{SIZES!r} is read from the names in {heading!r}: {text_of(table.cells(heading)[row])} has {sizes[row]:g}"
    columns = {**table.columns, SIZES: list[object](sizes)}
    return replace(table, columns=columns, remarks=(*table.remarks, remark), _read={}, _missing={})


def _with_errors(table: RawTable) -> RawTable:
    """The table with a column for what stands behind ± in most cells of another."""
    columns, remarks = dict(table.columns), list(table.remarks)
    for heading, cells in table.columns.items():
        text = "".join(cell for cell in cells if isinstance(cell, str))
        if not ("±" in text or "+" in text or "\\pm" in text):
            continue
        others = table.read(heading).others
        errors = {row: found.error for row, found in others.items() if found is not None and found.error is not None}
        name = f"{heading}_error"
        if 2 * len(errors) > len(table) and name not in columns:
            columns[name] = [errors.get(row) for row in range(len(table))]
            remarks.append(
                f"what stands behind ± in {heading!r} is the column {name!r}; --errors {quoted(name)} uses it"
            )
    return replace(table, columns=columns, remarks=tuple(remarks), _read={}, _missing={})
