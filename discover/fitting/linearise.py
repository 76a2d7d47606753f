"""A fitted law to first order: the derivatives of its residuals with respect to every constant.

Constants that are fitted together form a *component*: one group and target, or, where constants are shared,
all groups of a target. Derivatives are exact, from the operator table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats, Ints, Mask
from discover.data.table import Table
from discover.expressions import Expr, differentiate, evaluate, evaluate_all
from discover.fitting.program import guarded_log
from discover.fitting.result import FitResult

ALL_GROUPS = -1


@dataclass(frozen=True)
class Component:
    """Constants of one target that are fitted together.

    Attributes:
        target: code of the target.
        labels: (group, name) of the k constants; the group is ALL_GROUPS for a shared constant.
        rows: rows of the table, shape (n,).
        jacobian: derivative of the fitted quantity (the value or its logarithm), shape (n, k).
        residuals: measured minus fitted, in the recipe's space, shape (n,).
        factors: square roots of the rows' weights, shape (n,).
        free: constants that are not at a bound, shape (k,).
    """

    target: int
    labels: tuple[tuple[int, str], ...]
    rows: Ints
    jacobian: Floats
    residuals: Floats
    factors: Floats
    free: Mask

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.labels)

    @property
    def weighted(self) -> Floats:
        """The Jacobian, each row times its factor."""
        return self.jacobian * self.factors[:, None]

    @property
    def freedom(self) -> int:
        """Rows minus constants that are not at a bound."""
        return len(self.rows) - int(self.free.sum())


def linearise(result: FitResult, table: Table) -> tuple[Component, ...]:
    """The components of a fit to the rows of a table, at its constants."""
    structure = result.structure
    slopes = {name: differentiate(structure.expr, name) for name in structure.constants}
    present = np.unique(table.group).tolist()
    together = [present] if structure.shared.intersection(structure.constants) else [[g] for g in present]
    return tuple(_component(result, table, slopes, t, groups) for t in range(table.n_targets) for groups in together)


def _component(
    result: FitResult, table: Table, slopes: Mapping[str, Expr], target: int, groups: list[int]
) -> Component:
    structure = result.structure
    own = [name for name in structure.constants if name not in structure.shared]
    shared = [name for name in structure.constants if name in structure.shared]
    labels = [(g, name) for g in groups for name in own] + [(ALL_GROUPS, name) for name in shared]
    place = {label: i for i, label in enumerate(labels)}
    rows = np.flatnonzero(np.isin(table.group, groups))
    jacobian = np.zeros((len(rows), len(labels)))
    fitted = np.empty(len(rows))
    codes = table.group[rows]
    for g in groups:
        inside = np.flatnonzero(codes == g)
        values: dict[str, Floats | float] = {n: v[rows[inside]] for n, v in table.features.items()}
        values.update(result.named(g, target))
        fitted[inside] = evaluate(structure.expr, values)
        found = evaluate_all(slopes.values(), values, {"log": guarded_log})
        for name, slope in zip(slopes, found, strict=True):
            label = (g, name) if name in own else (ALL_GROUPS, name)
            jacobian[inside, place[label]] = slope
    jacobian[~np.isfinite(jacobian)] = 0.0  # a row at the edge of the formula's domain says nothing
    measured = table.targets[rows, target]
    if result.recipe.space == "log":
        jacobian /= fitted[:, None]
        residuals = np.log(measured) - np.log(fitted)
    else:
        residuals = measured - fitted
    free = np.array([not _at_bound(result, target, groups[0] if g < 0 else g, name) for g, name in labels], bool)
    return Component(target, tuple(labels), rows, jacobian, residuals, _factors(result, table, rows, target), free)


def _factors(result: FitResult, table: Table, rows: Ints, target: int) -> Floats:
    weights = table.fit_weights(result.recipe.emphasis)
    out = np.ones(len(rows)) if weights is None else np.sqrt(weights[rows])
    return out if table.errors is None else out / table.errors[rows, target]


def _at_bound(result: FitResult, target: int, group: int, name: str) -> bool:
    domain = result.structure.domain(name)
    value = float(result.constants[group, target, result.structure.constants.index(name)])
    if domain.log and not 1e-199 < abs(value) < 1e199:
        return True
    return any(np.isfinite(b) and abs(value - b) <= 1e-12 * abs(b) for b in (domain.lower, domain.upper))
