"""One order of the rows and columns of a table, whatever order its file has them in.

Sums are rounded, and random draws are dealt out, in the order in which rows and columns stand. A table of the user's
own is therefore put into an order that depends on its content alone, before anything is fitted or drawn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from discover.arrays import Ints
from discover.data.aliases import QUANTITIES, STEP_NAMES, recognise, squash
from discover.data.table import Table

_DIGITS = re.compile(r"([0-9]+)")


def in_canonical_order(table: Table, headings: Mapping[str, str]) -> Table:
    """The same rows and columns: known quantities first, then by name; rows by group, features and targets.

    Rows stay as they are where a column counts the steps of a run, as the order of the file may tell the runs apart.

    Args:
        table: rows in the order of their file.
        headings: feature -> heading, by which its quantity is known.
    """
    names = sorted(table.features, key=lambda name: (_rank(headings[name]), natural(name)))
    columns = replace(table, features={name: table.features[name] for name in names})
    if any(squash(headings[name]) in STEP_NAMES for name in names):
        return columns
    return columns.take(_order(columns))


def natural(name: str) -> list[tuple[int, str]]:
    """A key by which `19M` comes before `172M`."""
    parts = _DIGITS.split(name)
    return [(int(part) if i % 2 and len(part) < 30 else 0, part) for i, part in enumerate(parts)]


def _rank(heading: str) -> int:
    quantity = recognise(heading)
    return len(QUANTITIES) if quantity is None else QUANTITIES.index(quantity)


def _order(table: Table) -> Ints:
    by_name = sorted(range(table.n_groups), key=lambda code: natural(table.group_names[code]))
    place = np.empty(table.n_groups, dtype=np.int64)
    place[by_name] = np.arange(table.n_groups)
    keys = [place[table.group], *table.features.values(), *table.targets.T]
    order: Ints = np.lexsort(keys[::-1])
    return order
