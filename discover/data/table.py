"""The table that every later part works on: plain arrays, no files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from discover.arrays import Floats, Ints, Mask
from discover.errors import InputError

FEW = 8  # rows of a group that are kept when a long table is thinned


@dataclass(frozen=True)
class Table:
    """Rows of experiments as arrays.

    Attributes:
        features: column name -> values, each of shape (n,).
        targets: values to predict, shape (n, T).
        target_names: names of the T targets.
        group: code of each row's group, shape (n,), 0 <= code < len(group_names).
        group_names: names of the groups; ("all",) where the table has none.
        weights: weight of each row in a fit, shape (n,), or None for equal weights.
        errors: standard error of each target value, shape (n, T), or None.
        runs: code of the training run that each row is a point of, shape (n,), or None where nothing says so.
        lines: place of each row in its file, shape (n,), or None where there is no file.
        unit: what `lines` counts: "line" or "row".
        sweep: weight of each row in fits and held-out errors, shape (n,), where some settings were swept; else None.
        heights: place of each row along the scales, shape (n,): 0 in the middle, at most 1 from end to end. None where
            nothing is a scale.
    """

    features: Mapping[str, Floats]
    targets: Floats
    target_names: tuple[str, ...]
    group: Ints
    group_names: tuple[str, ...]
    weights: Floats | None = None
    errors: Floats | None = None
    runs: Ints | None = None
    lines: Ints | None = None
    unit: str = "row"
    sweep: Floats | None = None
    heights: Floats | None = None

    def __len__(self) -> int:
        return int(self.targets.shape[0])

    @cached_property
    def memo(self) -> dict[str, Any]:
        """What other modules worked out about these rows, by their name for it; it stays in this process."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("memo", "members")}

    @cached_property
    def members(self) -> tuple[Ints, ...]:
        """The rows of every group, in their order."""
        order = np.argsort(self.group, kind="stable")
        counts = np.bincount(self.group, minlength=self.n_groups)
        return tuple(np.split(order, np.cumsum(counts)[:-1]))

    @property
    def n_groups(self) -> int:
        return len(self.group_names)

    @property
    def n_targets(self) -> int:
        return len(self.target_names)

    def fit_weights(self, emphasis: float = 0.0) -> Floats | None:
        """What each row weighs in a fit besides its measurement errors, shape (n,); None for equal weights.

        Args:
            emphasis: of a recipe: rows at the upper end of the scales weigh 10**emphasis times those at the lower end.
        """
        large = None if emphasis == 0.0 or self.heights is None else 10.0 ** (emphasis * self.heights)
        parts = [part for part in (self.sweep, large, self.weights) if part is not None]
        return math.prod(parts[1:], start=parts[0]) if parts else None

    def take(self, rows: Ints | Mask) -> Table:
        """The table of these rows (indices or a mask), all groups kept."""
        cut: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("targets", "group", "weights", "errors", "runs", "lines", "sweep", "heights")
        }
        return replace(self, features={name: values[rows] for name, values in self.features.items()}, **cut)

    def spread(self, n: int, order: Floats | None = None) -> Ints:
        """About n rows, of every group its share but at least `FEW` where it has so many, spread evenly over it.

        Args:
            order: by which the rows of a group are sorted, shape (n,); as they stand without it.
        """
        share = min(1.0, n / max(1, len(self)))
        rows = []
        for own in filter(len, self.members):
            if order is not None:
                own = own[np.argsort(order[own], kind="stable")]
            count = min(len(own), max(FEW, round(share * len(own))))
            rows.append(own[np.linspace(0, len(own) - 1, count).astype(np.int64)])
        return np.concatenate(rows)

    def part(self, n: int, order: Floats) -> Ints:
        """About n rows that stand for all: those of `spread`, the largest, and those with the ends of every column.

        Args:
            order: scale of every row, shape (n,).
        """
        columns = [*self.features.values(), *self.targets.T]
        ends = [place for values in columns for place in (int(values.argmin()), int(values.argmax()))]
        largest = np.argsort(order, kind="stable")[-max(1, n // 20) :]
        return np.unique(np.concatenate([self.spread(n, order), largest, np.array(ends, dtype=np.int64)]))


def check_errors(table: Table, where: str) -> None:
    """Refuses standard errors beside which the targets hardly vary: most likely they are another column.

    Args:
        where: head of the message.

    Raises:
        InputError: the median error of a target is larger than the range of the target.
    """
    if table.errors is None or not len(table):
        return
    for place, name in enumerate(table.target_names):
        usual, span = float(np.median(table.errors[:, place])), float(np.ptp(table.targets[:, place]))
        if 0 < span < usual:
            raise InputError(
                f"{where}: the standard errors of {name} are {usual:.3g} (median), but {name} itself varies by "
                f"{span:.3g} only; expected the column of its errors, in its unit"
            )
