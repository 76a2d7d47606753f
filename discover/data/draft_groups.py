"""Which column of a bare table names its groups: the guess, and why other columns of names are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from discover.data.aliases import (
    BOOKKEEPING_NAMES,
    GROUP_NAMES,
    RUN_NAMES,
    STEP_NAMES,
    SURE_GROUP_NAMES,
    Quantity,
    is_clock,
    recognise,
    squash,
)
from discover.data.cells import text_of
from discover.data.exports import path_of
from discover.data.names import excerpt, listed
from discover.data.reasons import CLOCK, CONSTANT, NUMBERED, SPARSE, STATE, TIME_STAMP, left_out_note, odd_number
from discover.data.relations import is_curve
from discover.data.states import TRUTHS, is_state
from discover.plain_data import quoted

if TYPE_CHECKING:
    from discover.data.draft import Draft

SHORT_CURVE = 4  # rows of the shortest curve, where a column names the runs
FILLED = 0.9  # share of the rows with a name in a column that is guessed as the group
FEWEST = 3  # rows of each value of a column that is guessed as the group


def guess_group(draft: Draft) -> tuple[str | None, list[str]]:
    """The heading of the column whose values get their own constants, or None, and the notes on columns of names."""
    found: dict[str, list[str]] = {}
    notes: list[str] = []
    for heading in draft.unused():
        if draft.is_numeric(heading) and not _numbers_groups(draft, heading):
            continue
        rows = [row for row in draft.open_rows() if not draft.raw.is_nameless(heading, row)]
        cells = [str(draft.raw.columns[heading][row]).strip() for row in rows]
        reason = _reason_against(draft, heading, cells)
        if reason:
            notes.append(reason)
        else:
            found[heading] = cells
    if not found:
        return None, notes
    best = min(found, key=lambda heading: _rank(heading, found[heading]))
    others = [heading for heading in found if heading != best]
    notes.append(_said(best, found[best]))
    if others:
        what = f"the text column {others[0]!r} is" if len(others) == 1 else f"the text columns {listed(others)} are"
        notes.append(f"{what} ignored; --group takes another column than {best!r}, --group '' none")
    return best, notes


def _said(group: str, cells: Sequence[str]) -> str:
    """The note on a guessed group."""
    values = list(dict.fromkeys(cells))
    if not all(value.lower() in TRUTHS for value in values):
        return f"each value of {group!r} gets its own constants"
    return f"{group!r} says yes or no ({', '.join(values)}): each of both gets its own constants; --group '' pools them"


def _numbers_groups(draft: Draft, heading: str) -> bool:
    """Whether a column of numbers, such as 100M and 25M, is headed as one of groups and has enough rows of each."""
    last = squash(path_of(heading)[-1])
    counts = np.unique(draft.values(heading), return_counts=True)[1]
    few = last == "model" and len(counts) < FEWEST  # of two sizes no power can be told
    if not (few or last in SURE_GROUP_NAMES or _names_curves(draft, heading)):
        return False
    return bool(len(counts) and counts.min() >= FEWEST)


def _reason_against(draft: Draft, heading: str, cells: Sequence[str]) -> str:
    """Why a text column is no group; "" if it may be one."""
    last = squash(path_of(heading)[-1])
    if 2 * len(cells) < len(draft.open_rows()):
        return left_out_note([heading], SPARSE)
    if is_clock(heading) or all(map(TIME_STAMP.fullmatch, cells)):
        return left_out_note([heading], CLOCK)
    if last in BOOKKEEPING_NAMES and not _names_curves(draft, heading):
        return left_out_note([heading], NUMBERED)
    if is_state(heading, cells):
        return left_out_note([heading], STATE)
    odd = "" if draft.is_numeric(heading) else odd_number(cells)
    if odd:
        return left_out_note([heading], f"its cells look like numbers, but {excerpt(odd)!r} cannot be read as one")
    if 2 * len(set(cells)) > len(cells):
        return f"the text column {heading!r} is left out: its values hardly repeat"
    if len(set(cells)) == 1:
        return left_out_note([heading], CONSTANT)
    if len(cells) < FILLED * len(draft.open_rows()):
        share = f"{len(draft.open_rows()) - len(cells)} of {len(draft.open_rows())} rows have no name there"
        return f"the text column {heading!r} is no group: {share}; --group {quoted(heading)} takes it"
    alone = next((name for name, count in Counter(cells).items() if count == 1), None)
    if alone is not None and last not in GROUP_NAMES:
        why = f"{alone!r} stands in one row alone"
        return f"the text column {heading!r} is no group: {why}; --group {quoted(heading)} takes it"
    size = _size_of_names(draft, heading)
    if size:
        return (
            f"the text column {heading!r} is no group: each of its names has a single value of {size!r}, whose "
            f"effect it would take up; --group {quoted(heading)} takes it"
        )
    return ""


def _size_of_names(draft: Draft, heading: str) -> str:
    """The scale that the names of a text column stand for, as `pythia-70m` does for a size; "" if there is none.

    A main scale need only have one value for each name. Of another size, or of a column that says nothing, each value
    must also have one name: `ViT-B`, `ViT-L` and `ViT-H` are labels of a width, three families of two widths are not.
    """
    rows, names = draft.open_rows(), draft.raw.cells(heading)
    for other in draft.unused():
        if other == heading or not draft.is_numeric(other):
            continue
        pairs = {(text_of(names[row]), value) for row, value in zip(rows, draft.column_of(other, rows), strict=True)}
        pairs = {(name, value) for name, value in pairs if np.isfinite(value)}
        named, values = {name for name, _ in pairs}, {value for _, value in pairs}
        if len(pairs) != len(named) or len(values) < 2:
            continue
        quantity = recognise(other)
        if quantity is not None and quantity.rank == 1:
            return other
        if len(values) == len(named) >= FEWEST and _may_label(heading, quantity):
            return other
    return ""


def _may_label(heading: str, quantity: Quantity | None) -> bool:
    """Whether the names of a column that is not headed as a group may be labels of a quantity."""
    sized = quantity is None or quantity.kind in ("size", "compute")
    return sized and squash(path_of(heading)[-1]) not in GROUP_NAMES


def _names_curves(draft: Draft, heading: str) -> bool:
    """Whether a column names the runs of a table of curves: it stands first in a chart, or each has steps."""
    if draft.raw.results and draft.raw.wide is not None:
        return heading == next(iter(draft.raw.columns))
    steps = [h for h in draft.unused() if squash(path_of(h)[-1]) in STEP_NAMES and draft.is_numeric(h)]
    if squash(path_of(heading)[-1]) not in RUN_NAMES or not steps:
        return False
    rows, names = draft.open_rows(), draft.raw.cells(heading)
    return is_curve(draft.column_of(steps[0], rows), [text_of(names[row]) for row in rows], SHORT_CURVE)


def _rank(heading: str, cells: Sequence[str]) -> tuple[bool, bool, int]:
    """Of several text columns the likeliest group: named like one, enough rows for each value, few values."""
    counts = Counter(cells)
    return squash(path_of(heading)[-1]) not in GROUP_NAMES, min(counts.values()) < FEWEST, len(counts)
