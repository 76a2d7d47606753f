"""Cross-validation by scale: train on small runs, test on larger ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import _num_samples

from discover.arrays import Floats, Ints
from discover.data.splits import MIN_TRAIN_ROWS, scale_ranks
from discover.sklearn.columns import Column, column, position


class ScaleSplit(BaseCrossValidator):  # type: ignore[misc]
    """Splits rows by scale, rolling: every test block is larger than all that is trained on.

    The rows are ordered by scale and cut into `n_splits` + 1 blocks. Split k trains on the first k blocks and tests
    on the next one, so that the last split tests on the largest scales. Rows of equal scale stay together. With one
    axis every test row is larger than every training row on that axis. With several axes rows are ordered by the
    product of their ranks on the axes, as `discover run --holdout` orders them; then no training row is as large as
    a test row on every axis.

    With `groups`, as in `cross_val_score(..., groups=table["family"])`, every group is cut at its own scales, and
    what is said above holds within each group. All groups have training rows in every split; a group with few
    scales has no test rows in the first splits.

    Args:
        n_splits: number of splits.
        axes: columns that hold the scale: names or numbers, or one of them; None for all columns of X.
        test_size: share of the rows in each test block; None for 1 / (`n_splits` + 1). Blocks are as near to it as
            rows of equal scale permit.
    """

    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads it from the class

    def __init__(
        self,
        n_splits: int = 3,
        *,
        axes: Column | Sequence[Column] | None = None,
        test_size: float | None = None,
    ) -> None:
        self.n_splits, self.axes, self.test_size = n_splits, axes, test_size

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of splits."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Ints, Ints]]:
        """Row numbers to train and to test on, for every split.

        Args:
            X: data frame or array of shape (n, features).
            y: not used.
            groups: the group of every row, shape (n,), or None.

        Raises:
            ValueError: an axis is missing or not finite, a parameter is out of range, or no group has enough
                different scales.
        """
        share = self._share()
        axes = self._axes(X)
        codes = np.zeros(len(axes), np.int64) if groups is None else _codes(groups, len(axes))
        block = np.zeros(len(axes), np.int64)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            block[rows] = _blocks(scale_ranks(axes[rows]), self.n_splits, share)
        for number in range(1, self.n_splits + 1):
            train, test = np.flatnonzero(block < number), np.flatnonzero(block == number)
            if not len(test):
                raise ValueError(
                    f"n_splits={self.n_splits}: {'no group has' if groups is not None else 'X does not have'} that "
                    f"many scales above its {MIN_TRAIN_ROWS} smallest rows"
                )
            yield train, test

    def _share(self) -> float:
        if self.n_splits < 1:
            raise ValueError(f"n_splits={self.n_splits}; expected at least 1")
        share = 1.0 / (self.n_splits + 1) if self.test_size is None else float(self.test_size)
        if not 0.0 < share * self.n_splits < 1.0:
            raise ValueError(f"test_size={share:g}; expected more than 0 and less than 1 / n_splits")
        return share

    def _axes(self, X: Any) -> Floats:
        if not hasattr(X, "shape"):
            X = np.asarray(X)
        if len(X.shape) != 2:
            raise ValueError(f"X has {len(X.shape)} dimension(s); expected rows and columns")
        headings = [str(name) for name in X.columns] if hasattr(X, "columns") else None
        wanted: Sequence[Column] = (
            range(X.shape[1]) if self.axes is None else [self.axes] if isinstance(self.axes, str | int) else self.axes
        )
        values = []
        for axis in wanted:
            place = position(axis, headings, X.shape[1], "axes")
            try:
                values.append(np.asarray(column(X, place), np.float64))
            except (TypeError, ValueError) as error:
                raise ValueError(f"the column {axis!r} cannot be an axis of scale: {error}") from error
        if not values:
            raise ValueError("axes is empty; expected the column or columns that hold the scale")
        stacked = np.stack(values, axis=1)
        if not np.isfinite(stacked).all():
            raise ValueError("an axis of scale holds a value that is not finite")
        return stacked


def _codes(groups: Any, n: int) -> Ints:
    if _num_samples(groups) != n:
        raise ValueError(f"groups has {_num_samples(groups)} entries; X has {n} rows")
    _, codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    return codes.ravel().astype(np.int64)


def _blocks(ranks: Floats, n_splits: int, share: float) -> Ints:
    """Block of every row of a group: 0 is never tested on, `n_splits` holds the largest scales."""
    levels, counts = np.unique(ranks, return_counts=True)
    below = np.cumsum(counts) - counts  # rows smaller than each level: what a cut there leaves to train on
    possible = np.flatnonzero(below >= MIN_TRAIN_ROWS)
    n_cuts = min(n_splits, len(possible))
    wanted = len(ranks) * (1.0 - share * np.arange(n_cuts, 0, -1))
    chosen: list[int] = []
    for number, target in enumerate(wanted):
        first = chosen[-1] + 1 if chosen else 0
        last = len(possible) - (n_cuts - number)
        candidates = np.arange(first, last + 1)
        chosen.append(int(candidates[np.argmin(np.abs(below[possible[candidates]] - target))]))
    cuts = levels[possible[chosen]] if chosen else np.empty(0)
    above = np.searchsorted(cuts, ranks, side="right")
    return np.where(above > 0, above + n_splits - n_cuts, 0).astype(np.int64)
