"""Tables drawn from a known law: for recovery tests of the fitter and for judging the selection of laws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.random import Generator

from discover.arrays import Floats
from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import evaluate
from discover.law.published import Law, Variable

Design = Literal["random", "grid"]

LOG_RATIO = 8.0
"""Ranges wider than this factor are spread evenly in the logarithm, narrower ones evenly."""


def synthetic_table(
    law: Law,
    constants: Mapping[str, float],
    n: int,
    rng: Generator,
    noise: float = 0.0,
    design: Design = "random",
) -> Table:
    """Rows of an experiment that obeys a law.

    Each column covers the law's typical range, evenly in the logarithm where the range is positive and wide.
    Two proportions leave a rest, three or more make up the whole; unique data never exceed the data seen.

    Args:
        law: the law.
        constants: value of every constant, in the units of the formula; `law.guess` is a sensible choice.
        n: number of rows; a grid has at least so many and at most twice as many.
        rng: source of the design and of the noise.
        noise: standard deviation of the noise: relative to each value if all targets have one sign, otherwise
            relative to the standard deviation of the targets.
        design: "random" rows, or a "grid" of the same levels for every column, as in planned sweeps.

    Returns:
        A table with one group and one target, named as in the law.

    Raises:
        InputError: a constant is missing, or the law gives a value that is not finite.
    """
    missing = sorted(set(law.constants) - set(constants))
    if missing:
        raise InputError(f"law {law.id}: no value for the constant {missing[0]}")
    unit = _grid(len(law.variables), n, rng) if design == "grid" else rng.random((n, len(law.variables)))
    features = _columns(law, unit)
    rows = unit.shape[0]
    values = np.broadcast_to(np.asarray(evaluate(law.expr, {**features, **constants}), np.float64), (rows,))
    if not np.all(np.isfinite(values)):
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        where = ", ".join(f"{name} = {column[bad]:.6g}" for name, column in features.items())
        raise InputError(f"law {law.id} is {values[bad]} at {where}")
    return Table(
        features=features,
        targets=_noisy(values, noise, rng)[:, None],
        target_names=(law.target,),
        group=np.zeros(rows, dtype=np.int64),
        group_names=("all",),
    )


def _grid(n_columns: int, n: int, rng: Generator) -> Floats:
    """Points of a grid in the unit cube, thinned at random to twice n if there are more; (rows, columns)."""
    levels = max(2, int(np.ceil(n ** (1 / n_columns) - 1e-9)))
    axes = np.meshgrid(*[np.linspace(0.0, 1.0, levels)] * n_columns, indexing="ij")
    points: Floats = np.stack([axis.ravel() for axis in axes], axis=1)
    if len(points) > 2 * n:
        points = points[np.sort(rng.choice(len(points), 2 * n, replace=False))]
    return points


def _columns(law: Law, unit: Floats) -> dict[str, Floats]:
    columns = {name: _spread(variable, unit[:, k]) for k, (name, variable) in enumerate(law.variables.items())}
    _share(law, columns, unit)
    _limit_unique(law, columns, unit)
    return columns


def _spread(variable: Variable, unit: Floats) -> Floats:
    lower, upper = variable.range
    if lower > 0 and upper / lower > LOG_RATIO:
        return np.asarray(lower * (upper / lower) ** unit)
    return np.asarray(lower + (upper - lower) * unit)


def _share(law: Law, columns: dict[str, Floats], unit: Floats) -> None:
    """Turns two or more proportions into shares, uniform on the simplex for uniform `unit`."""
    positions = {name: k for k, (name, v) in enumerate(law.variables.items()) if v.role == "proportion"}
    if len(positions) < 2:
        return
    weights = -np.log1p(-np.minimum(unit, 1 - 1e-9)) + 1e-12
    rest = 1.0 if len(positions) == 2 else 0.0
    total = weights[:, list(positions.values())].sum(axis=1) + rest
    for name, k in positions.items():
        columns[name] = weights[:, k] / total


def _limit_unique(law: Law, columns: dict[str, Floats], unit: Floats) -> None:
    """Spreads unique data over the part of its range that does not exceed the data seen."""
    roles = {law.variables[name].role: name for name in reversed(list(law.variables))}
    if not {"unique_data", "data"} <= set(roles):
        return
    unique, seen = roles["unique_data"], columns[roles["data"]]
    lower, upper = law.variables[unique].range
    ceiling = np.minimum(upper, seen)
    floor = np.minimum(lower, ceiling)
    columns[unique] = floor * (ceiling / floor) ** unit[:, list(law.variables).index(unique)]


def _noisy(values: Floats, noise: float, rng: Generator) -> Floats:
    if noise == 0.0:
        return np.array(values)
    draw = rng.standard_normal(values.shape)
    if np.all(values > 0) or np.all(values < 0):
        return np.asarray(values * np.exp(noise * draw))
    return np.asarray(values + noise * np.std(values) * draw)
