"""Groups, axes and points of a report's figures: what is drawn, where, and how far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats, Mask
from discover.data.table import Table
from discover.export.layout import inputs
from discover.report.content import Content
from discover.report.figures import Axis, Role, Series
from discover.report.texts import percent, quantity
from discover.rules import RULES

MOST_UNITS = 60  # groups, targets and axes of which a report has a plot
MOST_POINTS = 5_000  # rows in one plot: each has a text for the pointer, and a browser has to move them
POINTS = 48  # of a curve
FEW = 3  # values along an axis that make a slice


@dataclass(frozen=True)
class Unit:
    """A group and a target: what has constants of its own."""

    group: int
    target: int
    label: str


def units(content: Content) -> list[Unit]:
    """All groups and targets, labelled by what tells them apart."""
    document = content.document
    found = []
    for g, group in enumerate(document.groups):
        for t, target in enumerate(document.targets):
            parts = [group] if len(document.groups) > 1 else []
            parts += [target] if len(document.targets) > 1 else []
            found.append(Unit(g, t, ", ".join(parts)))
    return found


def drawn(content: Content, most: int | None = None) -> list[Unit]:
    """The groups and targets that have plots of their own: all or those asked for, of too many those of `_telling`."""
    names, most = content.document.groups, most or MOST_UNITS
    everything = [unit for unit in units(content) if not content.asked or names[unit.group] in content.asked]
    if len(everything) <= most:
        return everything
    among = list(dict.fromkeys(unit.group for unit in everything))
    groups = set(_telling(content, among, max(1, most // len(content.document.targets))))
    return [unit for unit in everything if unit.group in groups][:most]


def drawn_groups(content: Content) -> list[int]:
    """The groups of `drawn`."""
    return list(dict.fromkeys(unit.group for unit in drawn(content)))


def _telling(content: Content, among: Sequence[int], most: int) -> list[int]:
    """So many of these groups: a half with the largest runs, and those of the others that the law fits worst."""
    train = content.train
    largest = np.full(train.n_groups, -np.inf)
    np.maximum.at(largest, train.group, _sizes(content))
    spread = train.targets.std(axis=0)
    left = np.abs(train.targets - content.fit.predict(train.features, train.group)) / np.where(spread > 0, spread, 1.0)
    missed = np.bincount(train.group, left.mean(axis=1), train.n_groups)
    worst = missed / np.maximum(np.bincount(train.group, minlength=train.n_groups), 1)
    first = sorted(among, key=lambda group: -largest[group])[: (most + 1) // 2]
    second = sorted(set(among) - set(first), key=lambda group: -worst[group])
    return [*first, *second[: most - len(first)]]


def _sizes(content: Content) -> Floats:
    """The size of every train row along the axes of scale together."""
    problem = content.session.problem
    sizes = np.zeros(len(content.train))
    return np.round(sum((problem.coordinate(name) for name in problem.axes), sizes), 9)


def largest_group(content: Content) -> int:
    """The group of the largest train run."""
    sizes = _sizes(content)
    return int(content.train.group[sizes == sizes.max()].min())


def few(mask: Mask) -> Mask:
    """These rows, or of too many for a plot some, evenly over the table."""
    rows = np.flatnonzero(mask)
    if len(rows) <= MOST_POINTS:
        return mask
    thin: Mask = np.zeros(len(mask), bool)
    thin[rows[np.linspace(0, len(rows) - 1, MOST_POINTS).astype(int)]] = True
    return thin


def axis_title(content: Content, name: str) -> str:
    """A column with its unit; where that is 10^6 parameters, with what it counts: labels have the rest."""
    unit = content.session.task.column(name).unit
    unit = unit.partition(" ")[2] if content.document.multiple(name) > 1 else unit
    return name if unit in ("", "1") or unit == name else f"{name} ({unit})"


def feature_axis(content: Content, name: str) -> Axis:
    """Logarithmic for a scale."""
    return Axis(
        axis_title(content, name), content.session.problem.kinds[name] == "scale", content.document.multiple(name)
    )


def target_axis(content: Content, target: int) -> Axis:
    """Logarithmic if no measured value is zero or below."""
    positive = bool((content.train.targets[:, target] > 0).all())
    if content.sealed is not None:
        positive = positive and bool((content.sealed.targets[:, target] > 0).all())
    return Axis(axis_title(content, content.document.targets[target]), positive)


def rows_of(content: Content, table: Table, mask: Mask, target: int) -> tuple[str, ...]:
    """What is told of rows when they are pointed at: columns, measured value, and how far off the law is."""
    table = table.take(mask)
    law = content.fit.predict(table.features, table.group)[:, target]
    told = []
    for row, measured in enumerate(table.targets[:, target]):
        parts = [table.group_names[table.group[row]]] if table.n_groups > 1 else []
        parts += [f"{name} {content.size(name, float(values[row]), 4)}" for name, values in table.features.items()]
        off = f" (measured {percent(measured / law[row] - 1)})" if measured > 0 and law[row] > 0 else ""
        parts += [f"measured {quantity(float(measured))}", f"law {quantity(float(law[row]))}{off}"]
        told.append("\n".join(parts))
    return tuple(told)


def axes_of(content: Content) -> list[str]:
    """Axes of scale; where the task has none, the columns of the formula that span more than a few values."""
    problem = content.session.problem
    if problem.axes:
        return list(problem.axes)
    used = inputs(content.document)
    wide = [name for name in used if len(np.unique(problem.table.features[name])) >= FEW]
    return [] if problem.of_kind("share") else wide


def ordered(series: Sequence[Series]) -> tuple[Series, ...]:
    """Bands at the back, points in front."""
    place = {"band": 0, "line": 1, "points": 2}
    return tuple(sorted(series, key=lambda s: (s.role != "faint") * 10 + place[s.kind]))


def tables_of(content: Content) -> dict[Role, Table]:
    """The train rows, and the sealed ones once they are open."""
    found: dict[Role, Table] = {"train": content.train}
    if content.sealed is not None:
        found["sealed"] = content.sealed
    return found


def matching(table: Table, group: int, held: Mapping[str, float]) -> Mask:
    """The rows of a group with these values."""
    mask: Mask = table.group == group
    for name, value in held.items():
        mask = mask & (table.features[name] == value)
    return mask


def points_of(
    content: Content,
    table: Table,
    mask: Mask,
    unit: Unit,
    axis: str,
    role: Role,
    shade: float | None,
    legend: bool,
    kind: Role | None = None,
) -> list[Series]:
    """The rows as points; none where there are no rows."""
    if not mask.any():
        return []
    mask = few(mask)
    names = {"train": "train rows", "sealed": "sealed rows", "faint": f"{kind} rows, other settings"}
    return [
        Series(
            "points",
            names[role],
            role,
            table.features[axis][mask],
            table.targets[mask, unit.target],
            hover=rows_of(content, table, mask, unit.target),
            shade=shade if role == "train" else None,
            legend=legend and shade is None,
        )
    ]


def largest_run(content: Content, group: int, axes: Sequence[str]) -> int:
    """The train row of a group that is largest along these axes; of several the one that is largest otherwise."""
    train, problem = content.train, content.session.problem
    rows = np.flatnonzero(train.group == group)
    size = sum((problem.coordinate(name)[rows] for name in axes), np.zeros(len(rows)))
    others = [name for name in problem.of_kind("scale") if name not in axes]
    rest = sum((problem.coordinate(name)[rows] for name in others), np.zeros(len(rows)))
    return int(rows[np.lexsort((rest, np.round(size, 9)))[-1]])


def reach(content: Content, axis: str) -> tuple[float, float]:
    """From the smallest measured value of an axis to the multiple of the largest, or the target scale."""
    problem = content.session.problem
    values = np.concatenate([table.features[axis] for table in tables_of(content).values()])
    wanted = problem.target_scale.get(axis, -math.inf)
    largest, smallest = float(values.max()), float(values.min())
    if axis not in problem.axes:
        return smallest, largest
    train_end = float(content.train.features[axis].max())
    return smallest, max(largest, wanted, moved(content, axis, train_end, RULES.guards.multiple))


def moved(content: Content, axis: str, value: float, multiple: float) -> float:
    """A value of an axis at so many times the scale."""
    kind = content.session.problem.kinds[axis]
    if kind == "scale":
        return value * multiple
    if kind == "logged":
        return value + math.log10(multiple)
    spread = float(np.ptp(content.train.features[axis]))
    return value + 0.5 * spread * math.log(multiple) / math.log(RULES.guards.multiple)


def train_end(content: Content, group: int, axis: str) -> float:
    """The largest train value of a group along an axis."""
    return float(content.train.features[axis][content.train.group == group].max())


def spaced(low: float, high: float, log: bool) -> Floats:
    """Even steps on the axis."""
    return np.geomspace(low, high, POINTS) if log else np.linspace(low, high, POINTS)


def columns_at(content: Content, group: int, given: Mapping[str, Floats], like: int) -> dict[str, Floats]:
    """All columns of the task at these points; those that are not given as in a train row."""
    n = len(next(iter(given.values())))
    return {
        name: given.get(name, np.full(n, content.train.features[name][like])) for name in content.document.feature_names
    }


def bands_at(
    content: Content,
    unit: Unit,
    columns: Mapping[str, Floats],
    x: Floats,
    levels: Sequence[float],
    shade: float | None = None,
) -> list[Series]:
    """Intervals of a new measurement along these points."""
    if content.ensemble is None:
        return []
    document = content.document
    forecast = content.ensemble.intervals(
        columns, [document.groups[unit.group]] * len(x), levels=levels, target=document.targets[unit.target]
    )
    return [
        Series(
            "band",
            f"{level:.0%} interval".replace("%", " %"),
            "law",
            x,
            forecast.lower[level],
            forecast.upper[level],
            shade=shade,
            legend=shade is None,
        )
        for level in levels
    ]


def run_at(content: Content, group: int, multiple: float) -> dict[str, float]:
    """A group's largest train run at so many times its scale; the middle of the data for a task without axes."""
    problem, train = content.session.problem, content.train
    if not problem.axes:
        rows = train.group == group
        return {name: float(np.median(train.features[name][rows])) for name in content.document.feature_names}
    row = largest_run(content, group, problem.axes)
    columns = {name: float(train.features[name][row]) for name in content.document.feature_names}
    return {name: moved(content, name, v, multiple) if name in problem.axes else v for name, v in columns.items()}


def farthest(content: Content, group: int) -> float:
    """How far forecasts of a group are asked for, in multiples of its largest run: to the target scale where set."""
    problem = content.session.problem
    row = largest_run(content, group, problem.axes)
    wanted = [RULES.guards.multiple]
    for axis, value in problem.target_scale.items():
        start = float(content.train.features[axis][row])
        if problem.kinds.get(axis) == "scale" and start > 0:
            wanted.append(value / start)
    return max(wanted)
