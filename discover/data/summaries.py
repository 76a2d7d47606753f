"""Rows at the end of a table that sum up those above, as spreadsheets have them: `Mean`, `Total`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from discover.data.cells import text_of
from discover.data.names import folded

MOST = 8  # rows
WORDS = frozenset(
    (
        "mean", "average", "avg", "median", "total", "sum", "std", "stdev", "std dev", "std. dev", "standard deviation",
        "min", "max", "minimum", "maximum", "grand total", "subtotal", "overall", "count", "geomean",
        "mittelwert", "durchschnitt", "mittel", "summe", "gesamt", "standardabweichung", "anzahl",
        "moyenne", "somme", "ecart type", "ecart-type", "media", "promedio", "suma", "somma",
        "平均", "平均值", "合计", "总计",
    )
)  # fmt: skip


def summary_rows(columns: Mapping[str, Sequence[object]]) -> dict[int, str]:
    """Rows at the end that a column of names calls a sum or a mean, with what it says; none where others do so, too."""
    for cells in columns.values():
        if not cells or not isinstance(cells[-1], str) or not _sums_up(cells[-1]):
            continue
        first = len(cells)
        while first and _sums_up(cells[first - 1]):
            first -= 1
        if 0 < len(cells) - first <= MOST and first > 1 and not any(map(_sums_up, cells[:first])):
            return {row: text_of(cells[row]) for row in range(first, len(cells))}
    return {}


def _sums_up(cell: object) -> bool:
    return isinstance(cell, str) and folded(cell).strip(" :.\t*").lower() in WORDS
