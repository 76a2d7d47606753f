"""The law and its rivals beyond the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats
from discover.export.layout import inputs
from discover.report.axes import (
    POINTS,
    Unit,
    columns_at,
    drawn,
    farthest,
    feature_axis,
    largest_run,
    matching,
    moved,
    ordered,
    points_of,
    tables_of,
    target_axis,
    train_end,
    units,
)
from discover.report.content import Content, Rival
from discover.report.figures import Axis, Figure, Gallery, Role, Series, gallery
from discover.report.outlook import asked_columns
from discover.report.texts import listed


@dataclass(frozen=True)
class Parting:
    """Where a law parts from the chosen one.

    Attributes:
        rival: the law.
        forecast: its value at the far end, for a single group and target; else None.
        change: its largest relative difference from the chosen law there, over groups and targets; signed where
            there is one. None where it is not finite.
        leaves: smallest multiple of the largest run at which it is outside of the 90 % interval, per group and
            target; infinite where it stays inside.
    """

    rival: Rival
    forecast: float | None
    change: float | None
    leaves: tuple[float, ...]


@dataclass(frozen=True)
class Beyond:
    """Laws compared beyond the data.

    Attributes:
        plots: one figure per group and target.
        multiple: how far the comparison goes, in multiples of the largest run.
        at: the columns at the far end, for a single group.
        value, lower, upper: the chosen law there and its 90 % interval, for a single group and target.
        partings: one per other law.
    """

    plots: Gallery
    multiple: float
    at: Mapping[str, float]
    value: float | None
    lower: float | None
    upper: float | None
    partings: tuple[Parting, ...]


@dataclass(frozen=True)
class _Path:
    """From the largest run of a group on: multiples, columns, the chosen law, its interval, the other laws."""

    multiples: Floats
    columns: dict[str, Floats]
    x: Floats
    value: Floats
    lower: Floats | None
    upper: Floats | None
    rivals: tuple[Floats, ...]


def beyond(content: Content) -> Beyond | None:
    """The chosen law and its rivals beyond the largest run of each group that is drawn; None without axes of scale."""
    if not content.session.problem.axes:
        return None
    shown = drawn(content)
    paths = [_path(content, unit) for unit in shown]
    figures = [_beyond_figure(content, unit, path) for unit, path in zip(shown, paths, strict=True)]
    plots = gallery("beyond", figures, alike=True, total=len(units(content)))
    if plots is None:
        return None
    single = len(paths) == 1
    first = paths[0]
    return Beyond(
        plots=plots,
        multiple=float(first.multiples[-1]),
        at={name: float(first.columns[name][-1]) for name in asked_columns(content)} if single else {},
        value=float(first.value[-1]) if single else None,
        lower=float(first.lower[-1]) if single and first.lower is not None else None,
        upper=float(first.upper[-1]) if single and first.upper is not None else None,
        partings=tuple(_parting(rival, number, paths) for number, rival in enumerate(content.rivals)),
    )


def _path(content: Content, unit: Unit) -> _Path:
    problem, document = content.session.problem, content.document
    row = largest_run(content, unit.group, problem.axes)
    first = problem.axes[0]
    alone = len(problem.axes) == 1
    multiples = np.geomspace(1.0 if not alone else 0.25, farthest(content, unit.group), POINTS)
    multiples = np.unique(np.concatenate([multiples, [1.0]]))
    given = {
        axis: np.array([moved(content, axis, float(content.train.features[axis][row]), m) for m in multiples])
        for axis in problem.axes
    }
    columns = columns_at(content, unit.group, given, row)
    codes = np.full(len(multiples), unit.group, dtype=np.int64)
    lower = upper = None
    if content.ensemble is not None:
        forecast = content.ensemble.intervals(
            columns,
            [document.groups[unit.group]] * len(multiples),
            levels=(0.9,),
            target=document.targets[unit.target],
        )
        lower, upper = forecast.lower[0.9], forecast.upper[0.9]
    return _Path(
        multiples=multiples,
        columns=columns,
        x=given[first] if alone else multiples,
        value=content.fit.predict(columns, codes)[:, unit.target],
        lower=lower,
        upper=upper,
        rivals=tuple(rival.fit.predict(columns, codes)[:, unit.target] for rival in content.rivals),
    )


def _beyond_figure(content: Content, unit: Unit, path: _Path) -> Figure:
    problem = content.session.problem
    alone = len(problem.axes) == 1
    axis = problem.axes[0]
    series: list[Series] = []
    if path.lower is not None and path.upper is not None:
        series.append(Series("band", "90 % interval", "law", path.x, path.lower, path.upper))
    series.append(Series("line", "this law", "law", path.x, path.value))
    runner = 0
    for rival, y in zip(content.rivals, path.rivals, strict=True):
        runner += not rival.human
        role: Role = "human" if rival.human else "rival"
        told = tuple(f"{rival.name}\n{rival.fit.structure.text}" for _ in path.x)
        shown = np.isfinite(y)
        dash = runner if not rival.human else 1 + content.human.index(rival)
        series.append(Series("line", rival.name, role, path.x[shown], y[shown], hover=told, dash=dash))
    if alone:
        held = {name: float(path.columns[name][0]) for name in inputs(content.document) if name != axis}
        for role, table in tables_of(content).items():
            mask = matching(table, unit.group, held) & (table.features[axis] >= path.x[0])
            series += points_of(content, table, mask, unit, axis, role, None, True)
    together = f"times the largest train run, {listed(problem.axes)} together"
    start = f"{unit.label}: this" if unit.label else "This"
    return Figure(
        key=f"beyond-{unit.group}-{unit.target}",
        label=unit.label,
        caption=f"{start} law and the others, from the largest train run on.",
        x=feature_axis(content, axis) if alone else Axis(together, True),
        y=target_axis(content, unit.target),
        series=ordered(series),
        end=train_end(content, unit.group, axis) if alone else None,
    )


def _parting(rival: Rival, number: int, paths: Sequence[_Path]) -> Parting:
    changes, leaves = [], []
    for path in paths:
        y = path.rivals[number]
        with np.errstate(divide="ignore", invalid="ignore"):
            changes.append(float((y[-1] - path.value[-1]) / abs(path.value[-1])))
        leaves.append(_leaving(path, y))
    known = [change for change in changes if math.isfinite(change)]
    return Parting(
        rival=rival,
        forecast=float(paths[0].rivals[number][-1]) if len(paths) == 1 else None,
        change=max(known, key=abs) if known else None,
        leaves=tuple(leaves),
    )


def _leaving(path: _Path, y: Floats) -> float:
    if path.lower is None or path.upper is None:
        return math.nan
    outside = ((y < path.lower) | (y > path.upper) | ~np.isfinite(y)) & (path.multiples >= 1.0)
    return float(path.multiples[np.argmax(outside)]) if outside.any() else math.inf
