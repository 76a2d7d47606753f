"""Blocks of rows whose name stands in the first row alone, as in sheets with merged cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from discover.data.cells import number, text_of

SHORTEST = 3  # rows of a block


def filled_down(columns: Mapping[str, Sequence[object]]) -> dict[str, list[object]]:
    """The first column with the name of each block in all of its rows, by heading; empty where it has no blocks."""
    heading, cells = next(iter(columns.items()), ("", ()))
    starts = [row for row, cell in enumerate(cells) if text_of(cell)]
    if len(starts) < 2 or starts[0] != 0:
        return {}
    ends = [*starts[1:], len(cells)]
    lengths = {end - start for start, end in zip(starts, ends, strict=True)}
    names = [text_of(cells[row]) for row in starts]
    if min(lengths) < SHORTEST or len(set(names)) < len(names):
        return {}
    if len(lengths) > 1 and any(number(name) is not None for name in names):
        return {}  # numbers that are missing here and there
    return {heading: [cells[start] for start, end in zip(starts, ends, strict=True) for _ in range(start, end)]}
