"""Files into cells and cells into checked numbers. Nothing here knows tasks or test rows."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from discover.data.exports import is_export, taken_apart, unfinished
from discover.data.names import near
from discover.data.table import Floats
from discover.errors import InputError, UnavailableError
from discover.plain_data import COUNTS, number_in

EMPTY = ("", "na", "n/a", "null", "none", "-")
NAMES = ("null", "none", "-")
"""Those of them that may be names."""

# "0,500" is no thousand but half of one in other countries.
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?")
_ONE_COMMA = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]*),([0-9]+(?:e[+-]?[0-9]+)? ?[kmbt]?)", re.IGNORECASE)

Range = tuple[str, Callable[[float], bool]]
"""What a number must be, in words and as a check."""

RANGES: dict[str, Range] = {
    "positive": ("a number above 0", lambda value: value > 0),
    "fraction": ("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "real": ("a number", lambda value: True),
}


@dataclass(frozen=True)
class RawTable:
    """Cells as read, not yet converted: a row's targets may be anything until somebody asks for them.

    Attributes:
        path: the file.
        columns: heading -> cells, all of the same length.
        lines: place of each row in the file, counted from 1 (a CSV header is line 1).
        unit: what `lines` counts: "line", or "row" for files without lines.
        export: the table is a tracker's list of runs.
        remarks: what was left out on reading, one sentence each.
    """

    path: Path
    columns: dict[str, list[object]]
    lines: list[int]
    unit: str = "line"
    export: bool = False
    remarks: tuple[str, ...] = ()

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
            listed = ", ".join(self.columns)
            hint = near(column, self.columns)
            raise InputError(f"{self.path} has no column {column!r}{hint} (its columns: {listed})")
        return self.columns[column]

    def is_missing(self, column: str, row: int) -> bool:
        """Whether a cell says that there is no value: empty, NaN or infinite.

        Raises:
            InputError: no such column.
        """
        cell = self.cells(column)[row]
        value = number(cell)
        return is_empty(cell) if value is None else not math.isfinite(value)

    def is_nameless(self, column: str, row: int) -> bool:
        """Whether a cell of a column of names has none. A group may be called `none` or `-`, but not in an export.

        Raises:
            InputError: no such column.
        """
        named = not self.export and _text(self.cells(column)[row]).lower() in NAMES
        return not named and self.is_missing(column, row)

    def texts(self, column: str, rows: Iterable[int]) -> list[str]:
        """Cells of these rows as text without outer blanks.

        Raises:
            InputError: no such column, or an empty cell.
        """
        cells = self.cells(column)
        result = []
        for row in rows:
            text = _text(cells[row])
            if not text:
                raise InputError(f"{self.where(row, column)}: the cell is empty; expected a name")
            result.append(text)
        return result

    def numbers(self, column: str, rows: Sequence[int], domain: str = "real") -> Floats:
        """Cells of these rows as finite numbers of this domain, shape (len(rows),).

        Raises:
            InputError: no such column, or a cell that is empty, text, NaN, infinite or outside the domain.
        """
        expected, allowed = RANGES[domain]
        cells = self.cells(column)
        values = np.empty(len(rows), dtype=np.float64)
        for place, row in enumerate(rows):
            value = number(cells[row])
            problem = _problem(cells[row], value)
            if problem is None and not allowed(value):  # type: ignore[arg-type]
                problem = f"{_text(cells[row])} is out of range"
            if problem is not None:
                raise InputError(f"{self.where(row, column)}: {problem}; expected {expected}")
            values[place] = value
        return values


def number(cell: object) -> float | None:
    """The cell as a number (NaN and infinities included), or None when it is not one."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, (int, float, np.integer, np.floating)):
        try:
            return float(cell)
        except OverflowError:
            return math.inf
    text = _text(cell)
    try:
        return number_in(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
    except ValueError:
        return None


def is_empty(cell: object) -> bool:
    """Whether the cell is blank, or says in words that there is no value."""
    return _text(cell).lower() in EMPTY


def is_count(cell: object) -> bool:
    """Whether the cell is a number with a letter for thousands to trillions, or with commas: 70M or 70,000,000."""
    text = _text(cell)
    return (text[-1:].lower() in COUNTS or "," in text) and number(cell) is not None


def may_be_decimal(cell: object) -> bool:
    """Whether the one comma of a number could be a decimal sign as well: 2,560, read as 2560."""
    return _ONE_COMMA.fullmatch(_text(cell)) is not None


def _problem(cell: object, value: float | None) -> str | None:
    text = _text(cell)
    if value is None:
        return "the cell is empty" if is_empty(cell) else f"{text!r} is not a number"
    if math.isnan(value):
        return "the value is NaN"
    return "the value is infinite" if math.isinf(value) else None


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()


def read_table(path: Path) -> RawTable:
    """The cells of a CSV, TSV, JSON, JSON-lines or Parquet file; see `discover.data.exports` for lists of runs.

    Raises:
        InputError: no such file, unknown suffix, not readable, empty, without rows, duplicate column names,
            or a row whose cells do not match the header.
        UnavailableError: a Parquet file without a Parquet reader installed.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file with a table")
    if not path.exists():
        raise InputError(f"no such file: {path}")
    try:
        table = _tidy(reader_of(path)(path))
    except UnicodeDecodeError as problem:
        raise InputError(f"{path} is not UTF-8 text (byte {problem.start}); save it as UTF-8") from None
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from None
    if not len(table):
        raise InputError(f"{path} has no rows; expected at least two rows of experiments")
    return table


def reader_of(path: Path) -> Callable[[Path], RawTable]:
    """The reader of tables with this suffix.

    Raises:
        InputError: there is none.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        suffix = f"with the suffix {path.suffix!r}" if path.suffix else "without a suffix"
        raise InputError(f"{path}: tables {suffix} are not read; expected one of {', '.join(READERS)}")
    return reader


def _tidy(table: RawTable) -> RawTable:
    """Objects in cells taken apart, runs that did not finish left out."""
    columns = taken_apart(table.columns)
    if columns is None:
        raise InputError(f"{table.path}: the objects in its cells have too many entries; export fewer columns")
    columns = {printable(heading): cells for heading, cells in columns.items()}
    out = unfinished(columns)
    export = bool(out) or is_export(columns)
    if not out:
        return replace(table, columns=columns, export=export)
    kept = [row for row in range(len(table)) if row not in out]
    states = ", ".join(f"{count} {state}" for state, count in Counter(out.values()).items())
    lines = ", ".join(str(table.lines[row]) for row in list(out)[:8]) + (", ..." if len(out) > 8 else "")
    remark = f"{len(out)} of {len(table)} runs did not finish and are left out: {states} ({table.unit}s {lines})"
    return replace(
        table,
        columns={heading: [cells[row] for row in kept] for heading, cells in columns.items()},
        lines=[table.lines[row] for row in kept],
        export=True,
        remarks=(remark,),
    )


def printable(text: str) -> str:
    """The text without halves of characters, which JSON can spell and no terminal can print."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _read_csv(path: Path) -> RawTable:
    with path.open(encoding="utf-8-sig") as file:
        header = re.sub(r'"[^"]*"', "", next((line for line in file if line.strip()), ""))
    if ";" not in header or "," in header:
        return _read_separated(path, ",")
    # Semicolons part the cells where the comma is the decimal sign.
    table = _read_separated(path, ";")
    return replace(table, columns={name: [_pointed(cell) for cell in cells] for name, cells in table.columns.items()})


def _pointed(cell: object) -> object:
    found = _DECIMAL_COMMA.fullmatch(_text(cell))
    return f"{found[1]}.{found[2]}" if found else cell


def _read_tsv(path: Path) -> RawTable:
    return _read_separated(path, "\t")


def _read_separated(path: Path, delimiter: str) -> RawTable:
    records: list[tuple[int, list[str]]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        first_line = 1
        try:
            for record in reader:
                if any(cell.strip() for cell in record):
                    records.append((first_line, record))
                first_line = reader.line_num + 1
        except csv.Error as problem:
            raise InputError(f"{path}, line {first_line}: {problem}; expected plain or quoted cells") from None
    if not records:
        raise InputError(f"{path} is empty; expected a header line and rows of experiments")
    return _from_records(path, [cell.strip() for cell in records[0][1]], records[1:])


def _from_records(path: Path, header: list[str], records: list[tuple[int, list[str]]]) -> RawTable:
    _check_header(path, header)
    for line, record in records:
        if len(record) != len(header):
            raise InputError(f"{path}, line {line} has {len(record)} cells; expected {len(header)} as in the header")
    # A column without a heading is the row index that some tools write; it is not data.
    columns: dict[str, list[object]] = {
        name: [record[place] for _, record in records] for place, name in enumerate(header) if name
    }
    return RawTable(path, columns, [line for line, _ in records])


def _check_header(path: Path, header: list[str]) -> None:
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if twice:
        raise InputError(f"{path} has the column {twice[0]!r} more than once; expected distinct column names")
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise InputError(
            f"{path}, line 1 has one column, {header[0]!r}; expected commas or semicolons (.csv), or tabs (.tsv)"
        )


def _read_json_lines(path: Path) -> RawTable:
    records: list[tuple[int, dict[str, object]]] = []
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, start=1):
            if text.strip():
                records.append((line, _json_object(path, line, text)))
    if not records:
        raise InputError(f"{path} is empty; expected one JSON object per line")
    names = list(dict.fromkeys(name for _, record in records for name in record))
    columns = {name: [record.get(name) for _, record in records] for name in names}
    return RawTable(path, columns, [line for line, _ in records])


def _json_object(path: Path, line: int, text: str) -> dict[str, object]:
    record = _json(f"{path}, line {line}", text)
    if not isinstance(record, dict):
        raise InputError(f'{path}, line {line} is not a JSON object; expected {{"column": value, ...}}')
    return record


def _json(where: str, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}" if problem.lineno > 1 else f"column {problem.colno}"
        raise InputError(f"{where} is not JSON: {problem.msg} at {place}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise InputError(f"{where} is not JSON that can be read: a number or its nesting is too long") from None


def _read_json(path: Path) -> RawTable:
    """A list of objects, or an object with one such list."""
    content = _json(str(path), path.read_text(encoding="utf-8-sig"))
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list) and value]
        content = lists[0] if len(lists) == 1 else content
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        raise InputError(f"{path} is not a list of JSON objects; expected one object per run")
    names = list(dict.fromkeys(name for record in content for name in record))
    columns = {name: [record.get(name) for record in content] for name in names}
    return RawTable(path, columns, list(range(1, len(content) + 1)), unit="row")


def _read_parquet(path: Path) -> RawTable:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise UnavailableError(
            f"{path}: reading Parquet needs the package pyarrow; install it, or save the table as CSV"
        ) from None
    except (ValueError, OSError) as problem:
        raise InputError(f"{path} is not a readable Parquet file: {problem}") from None
    header = [str(name) for name in frame.columns]
    _check_header(path, header)
    columns = {name: list(frame.iloc[:, place]) for place, name in enumerate(header)}
    return RawTable(path, columns, list(range(1, len(frame) + 1)), unit="row")


READERS: dict[str, Callable[[Path], RawTable]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
