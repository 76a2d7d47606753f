"""Columns of scikit-learn's X: names that a formula can use, and the group column apart from the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discover.data.names import near, to_identifier

Column = str | int


def identifiers(headings: Sequence[str]) -> list[str]:
    """The headings as different names that a formula can use."""
    names: list[str] = []
    for heading in headings:
        names.append(to_identifier(heading, names))
    return names


def position(column: Column, headings: Sequence[str] | None, n: int, parameter: str) -> int:
    """Place of a column given by heading or by number.

    Args:
        column: heading, or number from 0; negative numbers count from the end.
        headings: of a data frame, None for an array.
        n: number of columns.
        parameter: that names the column, for the message.

    Raises:
        ValueError: there is no such column.
    """
    if isinstance(column, str):
        if headings is None:
            raise ValueError(f"{parameter}={column!r} names a column, but X has no column names; give its number")
        if column not in headings:
            raise ValueError(
                f"{parameter}={column!r}: X has no such column{near(column, headings)} (columns: {', '.join(headings)})"
            )
        return list(headings).index(column)
    if not -n <= column < n:
        raise ValueError(f"{parameter}={column}: X has {n} columns, numbered from 0")
    return column % n


def column(X: Any, place: int) -> NDArray[Any]:
    """One column of a data frame or an array, shape (n,)."""
    return np.asarray(X.iloc[:, place] if hasattr(X, "iloc") else np.asarray(X)[:, place])


def without(X: Any, place: int) -> Any:
    """X without one column."""
    others = [i for i in range(X.shape[1]) if i != place]
    return X.iloc[:, others] if hasattr(X, "iloc") else np.asarray(X)[:, others]
