"""Whether a law survives a change of units.

Parameters may be counted in millions, tokens in billions, losses in nats or bits: a law that can be right in one
unit must be right in the others, with other constants. For a small change of the unit of a column x the forecast
moves along x df/dx; a law is closed under the change if its constants can undo that, which is so if x df/dx is a
combination of the derivatives with respect to the constants. A law that fails is fitted to the numbers that happen
to stand in the table. (The infinitesimal form of Buckingham's theorem, for laws with fitted constants.)

Counts that start at one, shares and other dimensionless columns have a natural unit, and columns that are counted
in the same unit change together.
"""

from __future__ import annotations

import numpy as np

from discover.arrays import Floats, Mask
from discover.data.orders import PURE, meet
from discover.expressions import differentiate, evaluate_all
from discover.fitting import FitResult
from discover.scoring.problem import Problem

ROWS = 240
HAIR = 1e-9  # next to zero, as a share of the smallest value above it


def unit_groups(problem: Problem) -> tuple[tuple[str, ...], ...]:
    """Columns whose unit is free, those of one unit together (unique tokens and tokens, say)."""
    features = problem.table.features
    free = [c for c, kind in problem.kinds.items() if kind in ("scale", "logged") and not natural(features[c])]
    groups: list[list[str]] = []
    for column in free:
        home = next((g for g in groups if any(same_unit(problem, column, c) for c in g)), None)
        if home is None:
            groups.append([column])
        else:
            home.append(column)
    return tuple(tuple(g) for g in groups)


def natural(values: Floats) -> bool:
    """Whether a column has a unit by nature: a count that starts at one, such as experts or streams."""
    return bool(values.min() == 1.0 and np.all(values == np.round(values)))


def same_unit(problem: Problem, a: str, b: str) -> bool:
    """Whether two columns are counted in one unit: as they say, or as a part and its whole do, which meet."""
    unit = problem.units.get(a, "")
    return (unit not in PURE and unit == problem.units.get(b)) or meet(
        problem.table.features[a], problem.table.features[b]
    )


def unit_bound(problem: Problem, groups: tuple[tuple[str, ...], ...], fit: FitResult) -> str | None:
    """The column (or the target) on whose unit a fitted law depends; None if it depends on none."""
    table, tolerance = problem.table, problem.rules.guards.unit_bound
    if not np.isfinite(tolerance):
        return None
    largest = int(np.argmax(np.bincount(table.group, minlength=table.n_groups)))
    rows = np.flatnonzero(table.group == largest)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int))]
    values: dict[str, Floats | float] = {name: v[rows] for name, v in table.features.items()}
    values.update(fit.named(largest, 0))
    constants = fit.structure.constants
    columns = [column for group in groups for column in group if column in fit.structure.features]
    finite, (*slopes, forecast) = _derivatives(fit, columns, values, len(rows))
    if not finite.any():
        return "has no finite derivatives on the data"
    span = np.column_stack([np.empty((len(forecast), 0)), *slopes[: len(constants)]])
    slope = dict(zip(columns, slopes[len(constants) :], strict=True))
    for group in groups:
        moved: Floats = np.zeros(len(forecast))
        for column in slope.keys() & set(group):
            size = np.asarray(values[column])[finite] if problem.kinds[column] == "scale" else 1.0
            moved = moved + slope[column] * size
        if not _within(span, moved, tolerance):
            return f"depends on the unit of {' and '.join(group)}"
    if (problem.lower is None or problem.upper is None) and not _within(span, forecast, tolerance):
        return "depends on the unit of the target"
    return None


def _derivatives(
    fit: FitResult, columns: list[str], values: dict[str, Floats | float], n: int
) -> tuple[Mask, list[Floats]]:
    """The rows of n that have finite derivatives; there, those to the constants, to the columns, and the forecast.

    x**a has at x = 0 no derivative that arithmetic finds (0 log 0), but a limit: the value next to zero stands in.
    """
    expr = fit.structure.expr
    wanted = [*(differentiate(expr, name) for name in (*fit.structure.constants, *columns)), expr]
    at = np.array([np.broadcast_to(found, n) for found in evaluate_all(wanted, values)], dtype=np.float64)
    lost = ~np.isfinite(at).all(axis=0)
    if lost.any():
        beside = {name: _beside_zero(v) if name in fit.structure.features else v for name, v in values.items()}
        limits = [np.broadcast_to(found, n) for found in evaluate_all(wanted, beside)]
        at = np.where(lost, np.array(limits, dtype=np.float64), at)
    finite: Mask = np.all(np.isfinite(at), axis=0)
    return finite, list(at[:, finite])


def _beside_zero(values: Floats | float) -> Floats:
    """A column with its zeros moved up by a hair."""
    column = np.asarray(values, dtype=np.float64)
    positive = column[column > 0]
    return np.where(column == 0.0, HAIR * positive.min(), column) if positive.size else column


def _within(span: Floats, vector: Floats, tolerance: float) -> bool:
    """Whether a vector lies in the span of columns, within the tolerance."""
    largest = float(np.max(np.abs(vector)))
    if not (np.isfinite(largest) and np.all(np.isfinite(span))):
        return False
    if largest == 0.0:
        return True
    vector = vector / largest
    span = span / np.maximum(np.max(np.abs(span), axis=0), 1e-300)
    size = float(np.linalg.norm(vector))
    norms = np.linalg.norm(span, axis=0)
    scaled = span[:, norms > 0] / norms[norms > 0]
    if scaled.shape[1] == 0:
        return False
    solution = np.linalg.lstsq(scaled, vector / size, rcond=1e-12)[0]
    return bool(np.linalg.norm(vector / size - scaled @ solution) <= tolerance)
