"""Tables as papers and notes have them: Markdown, and LaTeX's tabular."""

from __future__ import annotations

import re
from collections.abc import Iterator

from discover.data.headers import Record

_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"\*\*|(?<!\w)__|__(?!\w)|`|<[^<>]{1,20}>|(?<!\w)[*_](?=\w)|(?<=[\w%])[*_](?!\w)")

_BEGIN = re.compile(r"\\begin\{(tabular\*?|tabularx|tabulary|longtable|array)\}(\[[^\]]*\])?")
_END = re.compile(r"\\end\{(tabular\*?|tabularx|tabulary|longtable|array)\}")
_RULES = re.compile(
    r"\\(toprule|midrule|bottomrule|hline|endhead|endfirsthead|endfoot|endlastfoot|centering)\b"
    r"|\\(cmidrule(\([lr]+\))?|cline|addlinespace|specialrule|rowcolor|label)(\[[^\]]*\]|\{[^}]*\})*"
)
_WRAPPED = re.compile(
    r"\\(?:textbf|textit|textsc|texttt|textrm|text|emph|underline|math[a-z]+|operatorname|makecell|num|bm|boldsymbol|thead)"
    r"(?:\[[^\]]*\])?\{([^{}]*)\}"
)
_SEVERAL = re.compile(r"\\multicolumn\{(\d+)\}\{[^{}]*\}\{(.*)\}", re.DOTALL)
_BELOW = re.compile(r"\\multirow(?:\[[^\]]*\])?\{(\d+)\}\{[^{}]*\}\{(.*)\}", re.DOTALL)
_OTHER = re.compile(r"\$?\\(?!times|cdot|pm|%|,)[A-Za-z]+\$?")
MOST_COLUMNS = 200


def pasted_records(text: str) -> tuple[list[Record], int] | None:
    """The rows of the first table of a text, and how many tables it has; None where it has none.

    What spans several columns stands in each of them.
    """
    found = list(_markdown(text)) or list(_latex(text))
    return (found[0], len(found)) if found else None


# --- Markdown


def _markdown(text: str) -> Iterator[list[Record]]:
    """Tables by the line of dashes below their headings."""
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if place and "|" in line and "|" in lines[place - 1] and _RULE.fullmatch(line):
            end = next((at for at in range(place + 1, len(lines)) if "|" not in lines[at]), len(lines))
            rows = [(at + 1, _bars(lines[at])) for at in (place - 1, *range(place + 1, end))]
            if len(rows) > 1:
                yield rows


def _bars(line: str) -> list[object]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [_MARKS.sub("", _LINK.sub(r"\1", cell)).strip() for cell in re.split(r"(?<!\\)\|", inner)]


# --- LaTeX


def _latex(text: str) -> Iterator[list[Record]]:
    """Tables by their environment, or by the ends of their lines where only rows were copied."""
    text = re.sub(r"(?<!\\)%[^\n]*", "", text)
    begins = list(_BEGIN.finditer(text))
    bodies = [_body(text, begin) for begin in begins] or ([(0, text)] if "\\\\" in text else [])
    for start, body in bodies:
        rows = list(_rows(text, start, body))
        if len(rows) > 1 and len(rows[0][1]) > 1:
            yield rows


def _body(text: str, begin: re.Match[str]) -> tuple[int, str]:
    """Where the rows of an environment begin, and their text."""
    start = begin.end()
    for _ in range(2 if begin[1] in ("tabular*", "tabularx", "tabulary") else 1):
        start = _behind_braces(text, start)
    end = _END.search(text, start)
    return start, text[start : end.start() if end else len(text)]


def _behind_braces(text: str, place: int) -> int:
    """Behind the group in braces that begins here, if one does."""
    if text[place : place + 1] != "{":
        return place
    depth = 0
    for at in range(place, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at + 1
    return len(text)


def _rows(text: str, start: int, body: str) -> Iterator[Record]:
    above: dict[int, tuple[int, str]] = {}  # column -> how many rows below repeat its cell
    at = start
    for piece in re.split(r"(\\\\(?:\[[^\]]*\])?)", body):
        bare = _RULES.sub("", piece).strip()
        if "&" in bare:
            skipped = len(piece) - len(piece.lstrip())
            cells = list(_cells(bare, above))[:MOST_COLUMNS]
            yield text.count("\n", 0, at + skipped + piece[skipped:].find(bare[:1])) + 1, list(cells)
        at += len(piece)


def _cells(row: str, above: dict[int, tuple[int, str]]) -> Iterator[str]:
    column = 0
    for cell in re.split(r"(?<!\\)&", row):
        wide = _SEVERAL.fullmatch(cell.strip())
        below = _BELOW.fullmatch((wide[2] if wide else cell).strip())
        said = _plain(below[2] if below else wide[2] if wide else cell)
        left, repeated = above.get(column, (0, ""))
        if below:
            above[column] = (int(below[1]) - 1, said)
        elif left:
            above[column] = (left - 1, repeated)
            said = said or repeated
        yield said
        width = min(int(wide[1]), MOST_COLUMNS) if wide else 1
        yield from [said] * (width - 1)
        column += width


def _plain(cell: str) -> str:
    """A cell without its markup; powers and ± stay as they are, which cells may have."""
    while (bare := _WRAPPED.sub(r"\1", cell)) != cell:
        cell = bare
    cell = re.sub(r"\\([_&#{}])", r"\1", cell.replace("~", " ").replace("\\%", "%"))
    cell = _OTHER.sub("", cell).replace("$", "")
    return " ".join(cell.split())
