"""Tables of a terminal that are never folded inside a word, a number or a name."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table

BETWEEN = 3  # characters between two columns


class WordTable(Table):
    """A plain table. Where it is too wide, texts are folded between words; if that does not do, it is parted.

    The parts stand below each other, each with the first columns.

    Args:
        keys: how many of the columns stand in every part.
    """

    def __init__(self, keys: int = 1) -> None:
        super().__init__(box=box.SIMPLE, pad_edge=False, show_edge=False)
        self.keys = keys

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, or its parts, in the width of the console."""
        parts = parted([_least(column) for column in self.columns], options.max_width, self.keys)
        for number, part in enumerate(parts):
            if number:
                yield ""
            columns = [self.columns[place] for place in part]
            yield from super(WordTable, self._of(columns, options.max_width)).__rich_console__(console, options)

    def _of(self, columns: Sequence[Column], width: int) -> WordTable:
        """The table of these columns, in this width."""
        part = WordTable()
        for column, own in zip(columns, _widths(columns, width), strict=True):
            part.add_column(column.header, justify=column.justify, overflow="fold", width=own)
        for cells in zip(*(column.cells for column in columns), strict=True):
            part.add_row(*cells)
        return part


def parted(least: Sequence[int], width: int, keys: int = 1) -> list[list[int]]:
    """Which columns stand beside each other in this width, by the least width of each; the first ones always do."""
    parts = [list(range(keys))]
    for place in range(keys, len(least)):
        part = parts[-1]
        needed = sum(least[other] for other in (*part, place)) + BETWEEN * len(part)
        if len(part) > keys and needed > width:
            parts.append(list(range(keys)))
        parts[-1].append(place)
    return parts


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """The width of each column: as much as it asks for, or what is left beside those that ask for less."""
    least, most = [_least(column) for column in columns], [_most(column) for column in columns]
    left = width - sum(least) - BETWEEN * (len(columns) - 1)
    found = list(least)
    asking = sorted(range(len(columns)), key=lambda place: most[place] - least[place])
    for number, place in enumerate(asking):
        more = max(0, min(most[place] - least[place], left // (len(asking) - number)))
        found[place] += more
        left -= more
    return found


def _texts(column: Column) -> list[str]:
    return [line for text in (column.header, *column.cells) for line in str(text).splitlines()]


def _least(column: Column) -> int:
    """The width of the longest word; a number and its error are one."""
    words = [word for text in _texts(column) for word in ([text] if " ± " in text else text.split())]
    return max(map(cell_len, words), default=1)


def _most(column: Column) -> int:
    return max(map(cell_len, _texts(column)), default=1)
