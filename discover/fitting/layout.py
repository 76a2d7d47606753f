"""A table laid out for the kernel: rows sorted by group, in blocks of one group and one target each.

A search fits thousands of laws to the same few tables. What depends on the rows alone is worked out once and kept
with the table: order, checks, and the columns of features alone that formulas have in common, such as log(params).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.table import Table
from discover.expressions import Expr, Feature, evaluate
from discover.fitting.program import guarded_log
from discover.fitting.starts import sample_rows

MOST_KEPT = 1 << 21  # values of columns that are kept with a table, 16 MB


@dataclass(frozen=True)
class Layout:
    """The rows of a table as the kernel takes them.

    Attributes:
        rows: places of the rows in the table, sorted by group, shape (n,).
        features: columns in this order.
        y: targets in this order, one after the other, shape (n_targets * n,).
        spans: of every block: where its rows begin and end, and where its targets begin; shape (nb, 3).
        places: group and target of every block, shape (nb,) each.
        counts: rows of every group, shape (n_groups,).
    """

    rows: Ints
    features: dict[str, Floats]
    y: Floats
    spans: Ints
    places: tuple[Ints, Ints]
    counts: Ints
    _columns: dict[Expr, tuple[Floats, bool]] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(table: Table) -> Layout:
        """The layout of a table, made when it is first asked for."""
        if "layout" not in table.memo:
            table.memo["layout"] = _laid_out(table)
        found: Layout = table.memo["layout"]
        return found

    @cached_property
    def unusable(self) -> frozenset[str]:
        """Features with a value that is not a finite number."""
        return frozenset(name for name, values in self.features.items() if not np.isfinite(values).all())

    @cached_property
    def zeros(self) -> frozenset[str]:
        """Features that are zero on some rows."""
        return frozenset(name for name, values in self.features.items() if not values.all())

    @cached_property
    def finite(self) -> bool:
        """Whether all targets are finite numbers."""
        return bool(np.isfinite(self.y).all())

    @cached_property
    def positive(self) -> bool:
        return not np.any(self.y <= 0)

    @cached_property
    def log_y(self) -> Floats:
        """Logarithms of the targets, which are positive."""
        return np.asarray(np.log(self.y))

    @cached_property
    def sample(self) -> dict[str, Floats]:
        """Columns of a few rows of different sizes, see `starts.sample_rows`."""
        return sample_rows(self.features)

    def factors(self, table: Table, emphasis: float) -> Floats:
        """Square roots of the row weights (weights / error**2), repeated per target; empty if all are one."""
        weights = table.fit_weights(emphasis)
        if weights is None and table.errors is None:
            return np.empty(0)
        out = np.ones((table.n_targets, len(self.rows)))
        if weights is not None:
            out *= np.sqrt(weights[self.rows])[None, :]
        if table.errors is not None:
            out /= table.errors[self.rows].T
        return np.ascontiguousarray(out).ravel()

    def design(self, columns: Sequence[Expr]) -> tuple[Floats, bool]:
        """Values of trees of features alone, shape (len(columns), n); and whether a logarithm of 0 was guarded."""
        out = np.empty((len(columns), len(self.rows)))
        guarded = False
        for i, column in enumerate(columns):
            if isinstance(column, Feature):
                out[i] = self.features[column.name]
                continue
            if column not in self._columns:
                if (len(self._columns) + 1) * len(self.rows) > MOST_KEPT:
                    self._columns.clear()
                self._columns[column] = self._column(column)
            out[i], zeros = self._columns[column]
            guarded |= zeros
        return out, guarded

    def _column(self, column: Expr) -> tuple[Floats, bool]:
        zeros = []

        def log(x: Floats) -> Floats:
            zeros.append(bool((x == 0.0).any()))
            return guarded_log(x) if zeros[-1] else np.asarray(np.log(x))

        return evaluate(column, self.features, {"log": log}), any(zeros)


def _laid_out(table: Table) -> Layout:
    rows = np.argsort(table.group, kind="stable")
    n = len(rows)
    counts = np.bincount(table.group, minlength=table.n_groups)
    ends = np.cumsum(counts)
    present = np.flatnonzero(counts)
    groups = np.tile(present, table.n_targets)
    targets = np.repeat(np.arange(table.n_targets), len(present))
    begins = (ends - counts)[groups]
    return Layout(
        rows=rows,
        features={name: np.ascontiguousarray(values[rows]) for name, values in table.features.items()},
        y=np.ascontiguousarray(table.targets[rows].T).ravel(),
        spans=np.column_stack([begins, ends[groups], targets * n + begins]),
        places=(groups, targets),
        counts=counts,
    )
