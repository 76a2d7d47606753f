"""Files into headings and cells: text in any encoding, tables of papers, spreadsheets, JSON, Parquet and Arrow.

Encodings are told by charset-normalizer, spreadsheets are read by calamine, Parquet and Arrow by pyarrow.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from discover.data.cells import text_of
from discover.data.headers import Grid, Record, grid_of_records, grid_of_text
from discover.data.names import listed, near
from discover.data.pasted import pasted_records
from discover.errors import InputError, UnavailableError

ENCODINGS = ["cp1252", "cp1251", "gb18030", "shift_jis", "euc_kr", "utf_16_le", "utf_16_be"]
"""Those that tables come in, besides UTF-8. Among all that exist, a short text has too many readings."""

_NUMBERS = re.compile(rb"[\d\s.,;'\xa0]+")

MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        columns: heading -> cells, all of the same length.
        lines: place of each row in the file.
        unit: what `lines` counts: "line" or "row".
        pointed: see `discover.data.cells.decimal_signs`.
        remarks: what was left out or chosen on reading, one sentence each.
    """

    columns: dict[str, list[object]]
    lines: list[int]
    unit: str
    pointed: bool = True
    remarks: list[str] = field(default_factory=list)


def read_file(path: Path, sheet: str | None = None) -> Content:
    """The headings and cells of a file.

    Args:
        sheet: name of the sheet of a spreadsheet; the first that has rows if not given.

    Raises:
        InputError: no such file, not readable, or of a kind that is not read.
        UnavailableError: a Parquet or Arrow file without pyarrow installed.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file with a table")
    if not path.exists():
        raise InputError(f"no such file: {path}")
    kind = suffix_of(path)
    if sheet is not None and kind not in SPREADSHEETS:
        raise InputError(f"{path} has no sheets, so --sheet {sheet} names none; expected {listed(SPREADSHEETS)}")
    try:
        return _read_spreadsheet(path, sheet) if kind in SPREADSHEETS else READERS[kind](path)
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from None


def suffix_of(path: Path) -> str:
    """The suffix by which a table is read, without that of its compression.

    Raises:
        InputError: tables of this kind are not read.
    """
    kind = path.suffix.lower()
    if kind == ".gz":
        kind = Path(path.stem).suffix.lower()
    if kind in READERS or kind in SPREADSHEETS:
        return kind
    if kind in REFUSED:
        raise InputError(f"{path}: {REFUSED[kind]}")
    suffix = f"with the suffix {path.suffix!r}" if path.suffix else "without a suffix"
    raise InputError(f"{path}: tables {suffix} are not read; expected one of {', '.join(SUFFIXES)}")


# --- text


def _text(path: Path) -> tuple[str, list[str]]:
    """The text of a file, and a remark on its encoding where it is not UTF-8."""
    content = path.read_bytes()
    if path.suffix.lower() == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as problem:
            raise InputError(f"{path} is not a readable gzip file: {problem}") from None
    if content[:2] in MARKS:
        return content.decode(MARKS[content[:2]], "replace").removeprefix("\ufeff"), []
    try:
        if b"\x00" not in content:
            return content.decode("utf-8-sig"), []
        place = content.index(b"\x00")
    except UnicodeDecodeError as problem:
        place = problem.start
    from charset_normalizer import from_bytes

    best = from_bytes(content, cp_isolation=ENCODINGS).best()
    if best is None:  # numbers with no-break blanks hide the few words that tell a language
        bare = b" ".join(dict.fromkeys(_NUMBERS.sub(b" ", content).split()))
        found = from_bytes(bare, cp_isolation=ENCODINGS[:2]).best()
        best = found and from_bytes(content, cp_isolation=[found.encoding], threshold=1.0).best()
    if best is None or "\x00" in str(best):
        raise InputError(f"{path} is not text in a known encoding (byte {place}); save it as UTF-8")
    return str(best), [f"the file is not UTF-8; it is read as {best.encoding.replace('_', '-')}"]


def _read_separated(delimiters: str, path: Path) -> Content:
    text, remarks = _text(path)
    return _of_text(path, text, remarks, delimiters)


def _of_text(path: Path, text: str, remarks: Sequence[str], delimiters: str) -> Content:
    grid, delimiter = grid_of_text(path, text, delimiters)
    return _of_grid(path, grid, "line", delimiter in ", ", remarks)


def _read_pasted(path: Path) -> Content:
    text, remarks = _text(path)
    found = _of_pasted(path, text, remarks)
    if found is None:
        raise InputError(f"{path} holds no table; expected one of Markdown, or a tabular of LaTeX")
    return found


def _of_pasted(path: Path, text: str, remarks: Sequence[str]) -> Content | None:
    """The table that was pasted into a text from a paper or notes, if there is one."""
    found = pasted_records(text)
    if found is None:
        return None
    records, tables = found
    notes = [f"of {tables} tables in the text the first is read"] if tables > 1 else []
    return _of_grid(path, grid_of_records(path, records, "line", spread=True), "line", True, [*remarks, *notes])


def _read_text(path: Path) -> Content:
    """A text file of any kind: a pasted table, or cells between delimiters."""
    text, remarks = _text(path)
    return _of_pasted(path, text, remarks) or _of_text(path, text, remarks, ",\t;| ")


def _of_grid(path: Path, grid: Grid, unit: str, pointed: bool, remarks: Sequence[str] = ()) -> Content:
    columns: dict[str, list[object]] = {}
    notes = [*remarks, *grid.remarks]
    for place, name in enumerate(grid.header):
        if not name:  # the row index that some tools write, or nothing at all
            continue
        cells = [record[place] for _, record in grid.records]
        if columns.get(name, cells) != cells:
            raise InputError(f"{path} has the column {name!r} more than once; expected distinct column names")
        if name in columns:
            notes.append(f"the column {name!r} stands twice with equal cells and is read once")
        columns[name] = cells
    return Content(columns, [line for line, _ in grid.records], unit, pointed, notes)


# --- spreadsheets


def _read_spreadsheet(path: Path, sheet: str | None) -> Content:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
        names = list(book.sheet_names)
        if sheet is not None and sheet not in names:
            raise InputError(f"{path} has no sheet {sheet!r}{near(sheet, names)} (its sheets: {', '.join(names)})")
        found = [(name, _sheet_records(book, name)) for name in ([sheet] if sheet is not None else names)]
    except CalamineError as problem:
        raise InputError(f"{path} is not a readable spreadsheet: {problem}") from None
    filled = [(name, records) for name, records in found if len(records) > 1]
    if not filled:
        raise InputError(f"{path} has no rows; expected a line of headings and rows of experiments")
    name, records = filled[0]
    remarks = []
    if len(filled) > 1:
        others = listed([repr(other) for other, _ in filled[1:]])
        remarks.append(f"of {len(filled)} sheets {name!r} is read; --sheet takes another ({others})")
    spread = bool(book.get_sheet_by_name(name).merged_cell_ranges)
    return _of_grid(path, grid_of_records(path, records, "row", spread=spread), "row", False, remarks)


def _sheet_records(book: Any, name: str) -> list[Record]:
    sheet = book.get_sheet_by_name(name)
    rows = sheet.to_python(skip_empty_area=False)
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        title = not any(text_of(cell) for cell in rows[top][:left] + rows[top][right + 1 :])
        if not title:  # what was merged stands in its first cell only
            for row in rows[top : bottom + 1]:
                row[left : right + 1] = [rows[top][left]] * (right + 1 - left)
    return [(place, list(row)) for place, row in enumerate(rows, start=1) if any(text_of(cell) for cell in row)]


# --- JSON


def _read_json_lines(path: Path) -> Content:
    text, remarks = _text(path)
    records: list[tuple[int, dict[str, object]]] = []
    for line, spelt in enumerate(text.split("\n"), start=1):
        if spelt.strip():
            records.append((line, _json_object(path, line, spelt)))
    if not records:
        raise InputError(f"{path} is empty; expected one JSON object per line")
    return Content(_of_objects([r for _, r in records]), [line for line, _ in records], "line", remarks=remarks)


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


def _read_json(path: Path) -> Content:
    text, remarks = _text(path)
    content = _json(str(path), text)
    columns = _columns_of(path, content)
    if columns is None:
        raise InputError(
            f"{path} is not a list of JSON objects; expected one object per run, or an object with a list per column"
        )
    return Content(columns, list(range(1, _length(columns) + 1)), "row", remarks=remarks)


def _columns_of(path: Path, content: object) -> dict[str, list[object]] | None:
    """The columns of a list of objects, of rows below their headings, or of one of the shapes that pandas writes."""
    if isinstance(content, list):
        if content and all(isinstance(record, dict) for record in content):
            return _of_objects(content)
        if content and all(isinstance(record, list) for record in content):
            records: list[Record] = [(line, list(record)) for line, record in enumerate(content, start=1)]
            return _of_grid(path, grid_of_records(path, records, "row"), "row", True).columns
        return {} if not content else None
    if not isinstance(content, dict):
        return None
    if isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):
        names = [".".join(map(str, name)) if isinstance(name, list) else str(name) for name in content["columns"]]
        if all(isinstance(row, list) and len(row) == len(names) for row in content["data"]):
            return {name: [row[place] for row in content["data"]] for place, name in enumerate(names)}
    values = list(content.values())
    lists = [value for value in values if isinstance(value, list) and value]
    alike = len(lists) == len(values) and len({len(value) for value in lists}) == 1
    if len(lists) > 1 and alike and not any(isinstance(value[0], (list, dict)) for value in lists):
        return {str(name): list(value) for name, value in content.items()}
    if len(lists) == 1:
        return _columns_of(path, lists[0])
    if len(values) > 1 and all(isinstance(value, dict) and value for value in values):
        keys = list(values[0])
        if all(list(value) == keys for value in values) and all(key.isdigit() for key in keys):
            return {str(name): list(value.values()) for name, value in content.items()}
        return _of_objects(values)
    return None


def _length(columns: Mapping[str, Sequence[object]]) -> int:
    return max((len(cells) for cells in columns.values()), default=0)


def _of_objects(records: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    names = list(dict.fromkeys(name for record in records for name in record))
    return {name: [record.get(name) for record in records] for name in names}


# --- columns in binary form


def _read_columns(what: str, read: Callable[[Path], Any], path: Path) -> Content:
    try:
        frame = read(path)
    except ImportError:
        raise UnavailableError(
            f"{path}: reading {what} needs the package pyarrow; install it, or save the table as CSV"
        ) from None
    except (ValueError, OSError, KeyError) as problem:
        raise InputError(f"{path} is not a readable {what} file: {problem}") from None
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    header = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    records: list[Record] = list(enumerate(map(list, frame.itertuples(index=False, name=None)), start=1))
    return _of_grid(path, Grid([name.strip(".") for name in header], records), "row", True)


def _parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path)


def _arrow(path: Path) -> Any:
    """A Feather or Arrow file, or the stream that Arrow writes."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as source:
            return pa.ipc.open_file(source).read_all().to_pandas()
    except pa.ArrowInvalid:
        with pa.OSFile(str(path)) as source:
            return pa.ipc.open_stream(source).read_all().to_pandas()


SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
PAPERS = (".md", ".markdown", ".tex")
"""Suffixes of texts that may hold a table among other things."""
READERS: dict[str, Callable[[Path], Content]] = {
    ".csv": partial(_read_separated, ",;\t|"),
    ".tsv": partial(_read_separated, "\t,;|"),
    ".tab": partial(_read_separated, "\t,;|"),
    ".txt": _read_text,
    **dict.fromkeys(PAPERS, _read_pasted),
    ".dat": partial(_read_separated, ",\t;| "),
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json,
    ".parquet": partial(_read_columns, "Parquet", _parquet),
    ".arrow": partial(_read_columns, "Arrow", _arrow),
    ".feather": partial(_read_columns, "Arrow", _arrow),
}
SUFFIXES = (*READERS, *SPREADSHEETS)
"""Suffixes of tables, each also with .gz behind it where it is text."""

_PICKLE = (
    "a pickle can run any program when it is opened, so none is read; save the table with frame.to_csv('runs.csv')"
)
_PAGE = "a page may hold many tables; save one with pandas.read_html('page.html')[0].to_csv('runs.csv')"
REFUSED = {
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _PICKLE,
    ".pt": _PICKLE,
    ".html": _PAGE,
    ".htm": _PAGE,
    ".npy": "arrays have no headings; save the table with frame.to_csv('runs.csv')",
    ".npz": "arrays have no headings; save the table with frame.to_csv('runs.csv')",
}
