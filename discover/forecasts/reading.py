"""Points that a table holds, for forecasts and candidates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from discover.data.cells import text_of
from discover.data.names import near, to_identifier
from discover.data.reading import read_table
from discover.errors import InputError
from discover.forecasts.points import group_heading, original, positive_columns, why_needed
from discover.forecasts.points import headings as headings_of
from discover.law.document import LawDocument


def points_of_file(
    document: LawDocument, needed: Sequence[str], group: str | None, file: Path
) -> tuple[dict[str, list[float]], list[str], list[dict[str, str]]]:
    """The points in a table: column -> values, the group of each, and its cells as they are written.

    Args:
        needed: columns that each point must have.
        group: of all points, where the table has no column of groups.

    Raises:
        InputError: a column that the law needs is missing, a cell is not as expected, or a group is unknown.
    """
    raw = read_table(file)
    rows = range(len(raw))
    headings = {name: name for name in raw.columns}
    headings |= {to_identifier(name): name for name in raw.columns if to_identifier(name) not in headings}
    headings |= headings_of(document, raw.columns)
    positive = positive_columns(document)
    columns = {}
    given: list[dict[str, str]] = [{} for _ in rows]
    for name in document.feature_names:
        if name in headings:
            columns[name] = raw.numbers(headings[name], rows, "positive" if name in positive else "real").tolist()
            for point, cell in zip(given, raw.cells(headings[name]), strict=True):
                point[name] = text_of(cell)
        elif name in needed:
            listed = ", ".join(raw.columns)
            why = why_needed(document, name)
            lacking = f"{file} has no column {name!r}{original(document, name)}{near(name, raw.columns)}"
            raise InputError(f"{lacking} (its columns: {listed}){why}")
    column = group_heading(document, raw.columns)
    if column is not None:
        names = raw.texts(column, rows)
        groups = [known_group(document, name, raw.where(i, column)) for i, name in enumerate(names)]
    else:
        wanted = groups_of(document, group, str(file))
        columns = {name: [value for value in values for _ in wanted] for name, values in columns.items()}
        groups = wanted * len(raw)
        given = [point for point in given for _ in wanted]
    return columns, groups, given


def groups_of(document: LawDocument, named: str | None, where: str) -> list[str]:
    """The group that is named, or all of them."""
    return list(document.groups) if named is None else [known_group(document, named, where)]


def known_group(document: LawDocument, name: str, where: str) -> str:
    """The name itself.

    Raises:
        InputError: the law has no such group.
    """
    if name not in document.groups:
        listed = ", ".join(document.groups[:8]) + (", ..." if len(document.groups) > 8 else "")
        raise InputError(f"{where}: the law has no group {name!r}{near(name, document.groups)} (its groups: {listed})")
    return name
