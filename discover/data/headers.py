"""Where the heading lines of a file are, what stands before them, and how several of them make one.

clevercsv finds delimiters well, but needs 37 s for 20,000 rows, and knows no comments, titles or several heading lines;
the readers of pandas and polars are told all of these.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import groupby, pairwise
from pathlib import Path

from discover.data.cells import is_empty, says_failed, text_of, written
from discover.data.names import listed
from discover.errors import InputError

SAMPLE = 200  # records by which a delimiter is chosen
MOST_TITLES = 20  # lines that may stand before the headings
MOST_LEVELS = 5  # heading lines
COMMENTS = ("#", "%", "//")

_SEPARATOR_LINE = re.compile(r'"?sep=(.|\\t)"?\s*', re.IGNORECASE)
_FIRST = re.compile(r"[,;\t|].*", re.DOTALL)
_RULE = re.compile(r":?-{2,}:?")
_DRAWN = re.compile(r"\s*[|+]?[-=]{3,}(?:[ +|]+[-=]{2,})*[ +|]*\s*")
_COUNTED = re.compile(r"\s*\(\d+ rows?\)\s*|\s*\d+ rows? in set.*\s*")
_UNIT_CELL = re.compile(r"[(\[].*[)\]]")

Record = tuple[int, list[object]]
"""Number of a line, and its cells."""


@dataclass
class Grid:
    """Headings and the rows below them.

    Attributes:
        header: headings; "" for a column without one.
        records: rows, as long as the header.
        remarks: what was left out, one sentence each.
    """

    header: list[str]
    records: list[Record]
    remarks: list[str] = field(default_factory=list)


def grid_of_text(path: Path, text: str, delimiters: str) -> tuple[Grid, str]:
    """The grid of a text file and the delimiter of its cells.

    Args:
        path: for messages.
        text: the whole file.
        delimiters: those that it may have, the likeliest first; a blank stands for any number of blanks.

    Raises:
        InputError: quotes that do not close, no line with cells, a row with more or fewer cells than the headings.
    """
    lines = list(StringIO(text, newline=""))
    first = 0
    found = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    if found:
        delimiters, first = {"\\t": "\t"}.get(found[1], found[1]), 1
    comments = _comments(lines)
    drawn = _drawn(lines)
    delimiter = delimiters
    if len(delimiters) > 1:
        kept = [line for place, line in enumerate(lines) if place >= first and place not in comments | drawn]
        delimiter = _best(kept, delimiters)
    records = list(_records(path, lines, first, comments | drawn, delimiter))
    hashed = _hashed_header(lines, comments, records, delimiter)
    if hashed is not None:
        comments.discard(hashed[0] - 1)
        records.insert(0, hashed)
    if not records:
        raise InputError(f"{path} is empty; expected a header line and rows of experiments")
    grid = grid_of_records(path, records, "line")
    if comments:
        what = "comment line is" if len(comments) == 1 else "comment lines are"
        places = listed(sorted(place + 1 for place in comments))
        grid.remarks.insert(0, f"{len(comments)} {what} left out ({_lines('line', len(comments))} {places})")
    return grid, delimiter


def grid_of_records(path: Path, records: Sequence[Record], unit: str, *, spread: bool = False) -> Grid:
    """The grid of lines that are parted into cells.

    Args:
        path: for messages.
        records: the lines that are not blank.
        unit: what their numbers count.
        spread: a heading over several columns stands in each of them; else in the first only.

    Raises:
        InputError: no heading line, or a row with more or fewer cells than the headings.
    """
    rows = [(line, cells) for line, cells in records if not _is_rule(cells)]
    titles = _titles(rows)
    rows, above = rows[titles:], rows[:titles]
    levels = _levels([[text_of(cell) for cell in cells] for _, cells in rows[: MOST_LEVELS + 1]])
    header = _joined([[text_of(cell) for cell in cells] for _, cells in rows[:levels]], spread)
    _check_words(path, header, rows[0][0], unit)
    body = rows[levels:]
    if body and all(len(cells) == len(header) + 1 and text_of(cells[-1]) for _, cells in body):
        header = ["", *header]  # R writes no heading above the names of rows
    grid = Grid(header, [(line, _fitted(path, line, cells, header, unit)) for line, cells in body])
    if above:
        places = listed([line for line, _ in above])
        what = f"{unit} {places} stands" if len(above) == 1 else f"{unit}s {places} stand"
        grid.remarks.append(f"{what} before the headings and {'is' if len(above) == 1 else 'are'} left out")
    if levels > 1:
        shown = ", ".join(repr(name) for name in [name for name in header if name][-2:])
        grid.remarks.append(f"{levels} heading {unit}s are joined, as in {shown}")
    return grid


def _lines(unit: str, count: int) -> str:
    return unit if count == 1 else f"{unit}s"


# --- lines


def _comments(lines: Sequence[str]) -> set[int]:
    """Places of lines that are comments. Where most lines begin like one, it is how their first cell is written."""
    found, inside = set(), False
    for place, line in enumerate(lines):
        # "#N/A" in the first cell is the error of a spreadsheet.
        if not inside and line.lstrip().startswith(COMMENTS) and not says_failed(_FIRST.sub("", line.lstrip(), 1)):
            found.add(place)
        elif line.count('"') % 2:
            inside = not inside
    filled = sum(bool(line.strip()) for line in lines)
    return found if 2 * len(found) <= filled or len(found) == filled == 1 else set()


def _drawn(lines: Sequence[str]) -> set[int]:
    """Places of lines that only draw a table, `+-----+-----+`, and of the count of rows that databases print below."""
    found = {place for place, line in enumerate(lines) if _DRAWN.fullmatch(line)}
    return found | {place for place, line in enumerate(lines) if found and _COUNTED.fullmatch(line)}


def _records(path: Path, lines: Sequence[str], first: int, comments: set[int], delimiter: str) -> Iterator[Record]:
    if delimiter == " ":
        for place in range(first, len(lines)):
            if place not in comments and lines[place].strip():
                yield place + 1, list(lines[place].split())
        return
    kept = [place for place in range(first, len(lines)) if place not in comments]
    reader = csv.reader((lines[place] for place in kept), delimiter=delimiter, strict=True)
    at = 0
    try:
        for record in reader:
            if "".join(record).strip():
                yield kept[at] + 1, list(record)
            at = reader.line_num
    except csv.Error as problem:
        line = kept[at] + 1 if at < len(kept) else len(lines)
        raise InputError(f"{path}, line {line}: {problem}; expected plain or quoted cells") from None


def _hashed_header(
    lines: Sequence[str], comments: set[int], records: Sequence[Record], delimiter: str
) -> Record | None:
    """The last comment before the rows, if it holds a word for each of their cells: so `numpy.savetxt` writes them."""
    if not records or sum(written(cell) is not None for cell in records[0][1]) < 2:
        return None
    before = [place for place in comments if place < records[0][0] - 1]
    if not before:
        return None
    place = max(before)
    text = re.sub(r"^\s*(#+|%+|//)\s*", "", lines[place]).strip()
    cells = text.split() if delimiter == " " else next(csv.reader([text], delimiter=delimiter), [])
    words = [cell.strip() for cell in cells]
    if words and not words[0]:  # a column headed `#`
        words[0] = lines[place].strip()[0]
    return (place + 1, list(words)) if len(words) == len(records[0][1]) and all(words) else None


_WORD = re.compile(r"(?<![\w.])[^\W\d_]")  # a letter that begins a word, unlike that of 8e6


def _best(lines: Sequence[str], delimiters: str) -> str:
    """The delimiter that parts most lines into equally many cells, at least two; if several do, into most numbers."""
    scores = []
    lettered = any(_WORD.search(line) for line in lines[:1])
    for delimiter in delimiters:
        try:
            if delimiter == " ":
                rows: list[list[str]] = [line.split() for line in lines[:SAMPLE]]
            else:
                rows = list(csv.reader(lines[:SAMPLE], delimiter=delimiter))
        except csv.Error:
            continue
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
        heads = rows[: MOST_TITLES + 1] if lettered else []
        if width < 2 or (heads and not any(_heads(row, rows[1:], width) for row in heads)):
            continue
        alike = sum(len(row) == width for row in rows) / len(rows)
        cells = [cell for row in rows for cell in row]
        clear = sum(is_empty(cell) or written(cell, "?") is not None for cell in cells) / len(cells)
        scores.append((round(alike, 1), round(clear, 1), -delimiters.index(delimiter), delimiter))
    if scores:
        return max(scores)[-1]
    return next((one for one in delimiters if not any(one in line for line in lines)), delimiters[0])


def _heads(row: Sequence[str], others: Sequence[Sequence[str]], width: int) -> bool:
    """Whether a row may be that of headings, which has none above the names of rows where R or pandas wrote it."""
    unnamed = 1 < len(row) == width - 1 and all(len(other) == width for other in others)
    return (len(row) == width or unnamed) and _has_word(row)


def _has_word(cells: Sequence[str]) -> bool:
    return any(any(c.isalpha() for c in cell) and written(cell, "?") is None for cell in cells)


# --- headings


def _is_rule(cells: Sequence[object]) -> bool:
    """Whether a line only draws the line below the headings of a Markdown table."""
    if not cells or type(cells[0]) is not str or cells[0].strip(" :-"):
        return False
    texts = [text for cell in cells if (text := text_of(cell))]
    return bool(texts) and all(_RULE.fullmatch(text) for text in texts)


def _titles(rows: Sequence[Record]) -> int:
    """How many lines with a single cell stand before lines with several."""
    several = 0
    for place, (_, cells) in enumerate(rows[: MOST_TITLES + 1]):
        filled = [at for at, cell in enumerate(cells) if text_of(cell)]
        if len(filled) > 1:
            several = place
            break
        if filled != [0]:
            break
    return several


def _levels(lines: Sequence[Sequence[str]]) -> int:
    """How many lines the headings take: one, unless it repeats names or lacks some, or units stand below."""
    if not lines:
        return 0
    first = [cell for cell in lines[0] if cell]
    vague = len(set(first)) < len(first) or (len(first) < len(lines[0]) and len(lines[0]) > 2)
    levels = 1
    while levels < len(lines) - 1 and levels < MOST_LEVELS and not _has_value(lines[levels]):
        cells = [cell for cell in lines[levels] if cell]
        if not vague and not all(_UNIT_CELL.fullmatch(cell) for cell in cells):
            break
        levels += 1
    return levels if levels == 1 or _has_value(lines[levels]) else 1


def _has_value(cells: Sequence[str]) -> bool:
    return any(cell and (written(cell, "?") is not None or says_failed(cell) or is_empty(cell)) for cell in cells)


def _joined(levels: Sequence[Sequence[str]], spread: bool) -> list[str]:
    """One heading per column from the lines of all of them, joined by dots; units in brackets by a blank."""
    if len(levels) < 2:
        return list(levels[0]) if levels else []
    width = max(map(len, levels))
    rows = [[*row, *[""] * (width - len(row))] for row in levels]
    # The last line may hold the names of the index only, which pandas writes below those of the columns.
    index = [place for place, cell in enumerate(rows[-1]) if cell]
    names_index = len(index) < width and index == list(range(len(index))) and all(rows[0][len(index) :])
    filled = [list(row) for row in rows]
    for row, below in pairwise(filled):
        for place in range(1, width):
            # A heading over several columns stands above the first only.
            if not spread and not row[place] and below[place]:
                row[place] = row[place - 1]
    headings = []
    for place in range(width):
        if names_index and place in index:
            headings.append(rows[-1][place])
            continue
        parts = [key for key, _ in groupby(row[place] for row in filled if row[place])]
        headings.append(re.sub(r"\.(?=[(\[])", " ", ".".join(parts)))
    return headings


def _check_words(path: Path, header: Sequence[str], line: int, unit: str) -> None:
    cells = [cell for cell in header if cell]
    if cells and all(written(cell, "?") is not None for cell in cells):
        shown = ", ".join(cells[:3])
        raise InputError(
            f"{path}, {unit} {line} holds numbers only ({shown}); expected a first line with the names of the columns"
        )


def _fitted(path: Path, line: int, cells: list[object], header: Sequence[str], unit: str) -> list[object]:
    """The cells of a row, as many as there are headings. What lacks or is too much at the end may hold nothing."""
    width = len(header)
    if len(cells) == width:
        return cells
    if len(cells) > width and not any(text_of(cell) for cell in cells[width:]):
        return cells[:width]
    if len(cells) < width and not any(header[len(cells) :]):
        return [*cells, *[""] * (width - len(cells))]
    quotes = "; a cell that holds the sign between cells needs quotes" if unit == "line" and len(cells) > width else ""
    raise InputError(f"{path}, {unit} {line} has {len(cells)} cells; expected {width} as in the header{quotes}")
