"""Columns of a data frame of pandas, Polars or another library."""

from __future__ import annotations

from typing import Any

from discover.errors import InputError


def is_frame(table: Any) -> bool:
    """Whether it has named columns of values, as data frames have."""
    return hasattr(table, "columns") and hasattr(table, "to_numpy")


def columns_of(frame: Any) -> dict[str, Any]:
    """Heading -> column. Named levels of an index are columns, and a heading of several levels becomes one.

    `groupby` puts sizes into the index and levels into the headings; what is left there would not be seen.

    Raises:
        InputError: two columns have the same heading.
    """
    index: Any = getattr(frame, "index", None)
    levels = [level for level in getattr(index, "names", ()) if level is not None and level not in frame.columns]
    cells = [(level, index.get_level_values(level)) for level in levels]
    cells += [(name, frame[name]) for name in dict.fromkeys(frame.columns)]
    if len({heading(name) for name, _ in cells}) < len(levels) + len(frame.columns):
        raise InputError("two columns of the table have the same name")
    return {heading(name): values for name, values in cells}


def heading(name: Any) -> str:
    """The heading in one word: ("loss", "mean") is loss_mean."""
    return "_".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)
