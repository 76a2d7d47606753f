"""Runs that could be done, and the points of the target scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from discover.arrays import Floats, Mask
from discover.data.aliases import by_quantity, is_logged, recognise
from discover.data.names import near
from discover.data.orders import parts_of
from discover.data.table import Table
from discover.decisions.questions import Ends, read_formula
from discover.decisions.suggestion import Points
from discover.errors import InputError
from discover.expressions import evaluate, parse
from discover.forecasts import Ensemble
from discover.law.document import FeatureInfo, LawDocument
from discover.law.matching import told_in
from discover.rules import Guards
from discover.scoring import Problem, points_beyond
from discover.scoring.beyond import ALL

GRID = 2000  # points of a grid, about
FINEST = 13  # levels of a column
AROUND = 2.0  # factor by which a size that two columns tell may leave its range in the data
FEW, SMALL = 12, 1000.0  # so many whole numbers, none larger, are levels such as bits, layers or streams, not a scale


def costs_of(points: Points, cost: str, fixed: Mapping[str, float], document: LawDocument) -> Floats:
    """The cost of every point, by a formula over columns and fixed names.

    Raises:
        InputError: not a formula, or a name that is neither a column nor fixed.
    """
    tree = read_formula(cost, "--cost", {*points.features, *fixed}, (), document)
    values = evaluate(tree, {**fixed, **points.features})
    return np.broadcast_to(np.asarray(values, np.float64), (len(points),))


def grid(
    ensemble: Ensemble,
    bounds: Mapping[str, Ends],
    fixed: Mapping[str, float],
    groups: Sequence[str],
    table: Table | None = None,
) -> Points:
    """A grid over the range of the data, even in the logarithm of scales, for every group.

    Where the rows are known, a column of few whole numbers keeps to those that were measured, and of two columns one
    exceeds the other only if it does in some row: active parameters stay within all parameters.

    Args:
        bounds: other ends of a column than those of the data.
        fixed: columns held at a value.
        groups: names of groups of the law.
        table: the rows that the law was fitted to.

    Raises:
        InputError: a bound or a fixed value is not of a column of the law, ends are in the wrong order, or no point
            is left.
    """
    document, free = ensemble.document, [name for name in ensemble.inputs if name not in fixed]
    for name in bounds:
        if name not in free:
            raise InputError(f"--bounds names {name!r}, which is no column to choose{near(name, free)} "
                             f"(columns: {', '.join(free)})")  # fmt: skip
    measured = {} if table is None else table.features
    count = len(groups)
    levels = max(2, min(FINEST, math.floor((GRID / count) ** (1.0 / max(len(free), 1)))))
    columns = [_levels(document, name, bounds.get(name, (None, None)), levels, measured.get(name)) for name in free]
    points = np.array(list(product(*columns, range(count))), dtype=np.float64)
    flat = {name: points[:, i] for i, name in enumerate(free)}
    flat |= {name: np.full(len(points), value) for name, value in fixed.items() if name in document.feature_names}
    kept = np.ones(len(points), bool)
    units = {feature.name: feature.unit for feature in document.features}
    for part, whole in parts_of({name: measured[name] for name in flat if name in measured}, units):
        kept &= flat[part] <= flat[whole]
        if not kept.any():
            raise InputError(
                f"no run of the grid has {part} within {whole}, as all rows of the table have; give other --bounds or "
                "--fix, or the runs that could be done with --candidates FILE"
            )
    if not bounds:
        kept &= _like_measured(flat, measured)
    chosen = np.flatnonzero(kept)
    return Points({name: v[chosen] for name, v in flat.items()}, tuple(groups[int(c)] for c in points[chosen, -1]))


def _like_measured(points: Mapping[str, Floats], measured: Mapping[str, Floats]) -> Mask:
    """Points whose sizes that two columns tell, and tokens per parameter, are about those of the rows.

    A large model at little compute would hardly be trained at all: of curves of equal compute the corners are no runs.
    """
    kept = np.ones(len(next(iter(points.values()))), bool)
    columns = [name for name in points if name in measured]
    tokens, sizes = told_in("tokens", columns), by_quantity(columns).get("params", [])
    per_param = f"{tokens}/{sizes[0]}" if tokens and len(sizes) == 1 else ""
    for text in filter(None, (tokens, per_param, told_in("params", columns))):
        tree = parse(text, columns)
        rows, found = (evaluate(tree, {name: values[name] for name in columns}) for values in (measured, points))
        kept &= (found >= np.min(rows) / AROUND) & (found <= np.max(rows) * AROUND)
    return kept if kept.any() else ~kept


def _levels(document: LawDocument, name: str, ends: Ends, n: int, measured: Floats | None) -> Floats:
    if name not in document.domain and None in ends:
        raise InputError(f"the range of {name!r} in the data is not known; give --bounds {name}=LOW:HIGH")
    seen = document.domain.get(name, (0.0, 0.0))
    low, high = (given if given is not None else end for given, end in zip(ends, seen, strict=True))
    if low > high:
        raise InputError(f"--bounds {name}={low:g}:{high:g} is empty; expected a lower and a higher number")
    if low == high:
        return np.array([low])
    counts = np.array([]) if measured is None else np.unique(measured)
    whole = len(counts) > 0 and bool(np.all(counts == np.round(counts)))
    if whole and len(counts) <= FEW and counts[-1] <= SMALL:
        levels = np.unique([low, *counts[(counts > low) & (counts < high)], high])
        kept = np.unique(np.linspace(0, len(levels) - 1, min(n, len(levels))).round().astype(int))
        return np.asarray(levels[kept], np.float64)
    spaced = np.geomspace(low, high, n) if low > 0 else np.linspace(low, high, n)
    if whole:  # nobody trains with 42.22 sequences in a batch; the ends stay as they were given
        spaced = np.unique([low, *np.round(spaced[1:-1]).clip(low, high), high])
    return np.asarray(spaced, np.float64)


def points_ahead(problem: Problem, document: LawDocument, scale: Mapping[str, float], group: str | None) -> Points:
    """The target scale of a run: its largest rows continued along the axes that its task extrapolates.

    Args:
        scale: column -> value to use instead; also where the axes end.
        group: only the points of this group.
    """
    _check_scale(document, scale)
    axes = {name: value for name, value in scale.items() if name in problem.axes}
    beyond = points_beyond(replace(problem, target_scale={**problem.target_scale, **axes}))
    together = ALL if len(problem.axes) > 1 else None
    kept = np.array([together is None or axis == together for axis in beyond.axis])
    if group is not None:
        kept &= beyond.group == document.group_code(group)
    ends = problem.target_scale | dict(scale)
    columns = {name: np.array(values[-1])[kept] for name, values in beyond.features.items()}
    columns = {name: np.full_like(v, ends[name]) if name in ends else v for name, v in columns.items()}
    # Rows reach the same scale along different ways, equal up to rounding.
    rows = [np.round(v / max(float(np.abs(v).max()), 1e-300), 12) for v in columns.values()]
    _, first = np.unique(np.column_stack([*rows, beyond.group[kept]]), axis=0, return_index=True)
    first = np.sort(first)
    groups = tuple(document.groups[code] for code in beyond.group[kept][first])
    return Points({name: values[first] for name, values in columns.items()}, groups)


def points_named(ensemble: Ensemble, scale: Mapping[str, float], groups: Sequence[str]) -> Points:
    """The target scale of a law alone: one point for every group; of sizes, as beyond the rows of a run.

    Raises:
        InputError: a column that is no size has no value, or a name is no column.
    """
    _check_scale(ensemble.document, scale)
    scale = _sizes_ahead(ensemble) | dict(scale)
    missing = [name for name in ensemble.inputs if name not in scale]
    if missing:
        raise InputError(
            f"--target-scale has no value for {missing[0]}; a law.json alone does not tell its value for larger runs, "
            f"expected {', '.join(f'{name}=VALUE' for name in ensemble.inputs)}"
        )
    return Points({name: np.full(len(groups), value) for name, value in scale.items()}, tuple(groups))


def _sizes_ahead(ensemble: Ensemble) -> dict[str, float]:
    """Column -> eight times its largest value, of columns that are headed as sizes or amounts of data."""
    document = ensemble.document
    sizes = [feature for feature in document.features if feature.name in document.domain and _is_size(feature)]
    return {feature.name: Guards().multiple * document.domain[feature.name][1] for feature in sizes}


def _is_size(feature: FeatureInfo) -> bool:
    heading = feature.source or feature.name
    quantity = recognise(heading)
    return quantity is not None and quantity.rank == 1 and not is_logged(heading)


def _check_scale(document: LawDocument, scale: Mapping[str, float]) -> None:
    for name, value in scale.items():
        if name not in document.feature_names:
            known = document.feature_names
            raise InputError(
                f"--target-scale names {name!r}, which is no column of the law{near(name, known)} "
                f"(its columns: {', '.join(known)})"
            )
        if document.domain.get(name, (0.0, 0.0))[0] > 0 >= value:
            raise InputError(f"--target-scale gives {name!r} the value {value:g}; expected a number above 0")
