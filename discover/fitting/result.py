"""Outcome of a fit: a value either way, with the same diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.table import Table
from discover.law.structure import Recipe, Structure, values_of


class Outcome(Enum):
    """Why the search for constants ended; the values are the kernel's codes."""

    COST = 0
    STEP = 1
    GRADIENT = 2
    ITERATIONS = 3
    NO_DESCENT = 4
    NOT_FINITE = 5

    @property
    def text(self) -> str:
        return _OUTCOMES[self]

    @property
    def converged(self) -> bool:
        return self in (Outcome.COST, Outcome.STEP, Outcome.GRADIENT)


_OUTCOMES = {
    Outcome.COST: "converged: the objective no longer falls",
    Outcome.STEP: "converged: the constants no longer move",
    Outcome.GRADIENT: "converged: the gradient vanishes",
    Outcome.ITERATIONS: "stopped at the limit of iterations",
    Outcome.NO_DESCENT: "stopped: no step lowers the objective",
    Outcome.NOT_FINITE: "a derivative of the formula has no finite value where it stopped",
}


class Reason(Enum):
    """Why there is no fit; the values are the messages."""

    NOT_FINITE = "the formula has no finite value on these rows at any start"
    TOO_FEW_ROWS = "there are fewer rows than constants"
    NOT_POSITIVE = "a fit of the logarithm needs positive targets"
    NO_ROWS = "there are no rows"
    BAD_DATA = "a column that the formula uses, or the target, holds a value that is not a finite number"
    BAD_WEIGHTS = "weights must be finite and not negative, some of them positive; errors must be positive"
    MISSING_FEATURE = "the formula uses a column that the table does not have"


@dataclass(frozen=True)
class Diagnostics:
    """How the search for the constants went.

    Attributes:
        outcomes: per block, how its search ended.
        iterations: damped steps over all starts and blocks.
        searches: starts searched, per block on average.
        agreed: share of searches that ended in the best optimum, over blocks.
        at_bound: constants at a bound of their domain in some block.
    """

    outcomes: tuple[Outcome, ...] = ()
    iterations: int = 0
    searches: float = 0.0
    agreed: float = 0.0
    at_bound: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        return bool(self.outcomes) and all(o.converged for o in self.outcomes)


@dataclass(frozen=True)
class FitFailure:
    """A fit that found no constants; `reason` says why, `detail` where."""

    structure: Structure
    recipe: Recipe
    reason: Reason
    detail: str = ""
    diagnostics: Diagnostics = Diagnostics()

    @property
    def text(self) -> str:
        return self.reason.value + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class FitResult:
    """A law fitted to a table: a structure with its constants.

    Attributes:
        constants: values, shape (n_groups, n_targets, n_constants), in the order of `structure.constants`;
            NaN for a group without rows.
        objective: value of the objective (a sum over rows of the loss).
        group_names, target_names: labels of the first two axes.
    """

    structure: Structure
    recipe: Recipe
    constants: Floats
    objective: float
    group_names: tuple[str, ...]
    target_names: tuple[str, ...]
    diagnostics: Diagnostics

    @property
    def by_name(self) -> dict[str, Floats]:
        """Constants by name, each of shape (n_groups, n_targets), in the form that another fit starts from."""
        return {name: self.constants[:, :, i] for i, name in enumerate(self.structure.constants)}

    def predict(self, features: Mapping[str, Floats], group: Ints | None = None) -> Floats:
        """Values of the law, shape (n, n_targets).

        Args:
            features: columns of shape (n,).
            group: code of each row's group, shape (n,); group 0 if omitted.
        """
        n = len(next(iter(features.values()))) if features else 0
        codes = np.zeros(n, dtype=np.int64) if group is None else group
        constants = self.by_name
        out = np.empty((n, len(self.target_names)))
        for t in range(len(self.target_names)):
            out[:, t] = values_of(self.structure.expr, constants, features, codes, t)
        return out

    def residuals(self, table: Table) -> Floats:
        """Measured minus predicted values, shape (n, n_targets)."""
        return table.targets - self.predict(table.features, table.group)

    def named(self, group: int = 0, target: int = 0) -> dict[str, float]:
        """The constants of one group and target by name."""
        values = self.constants[group, target]
        return {name: float(v) for name, v in zip(self.structure.constants, values, strict=True)}
