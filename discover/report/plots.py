"""The figures of a report, computed from its content."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discover.data.table import Table
from discover.export.layout import inputs
from discover.report.content import Content, Rival
from discover.report.figures import Axis, Figure, Floats, Gallery, Role, Series, gallery
from discover.report.steps import distinct, front, leaders
from discover.report.texts import listed, percent, quantity, settings
from discover.rules import RULES

MOST_UNITS = 60  # groups, targets and axes of which a report has a plot
SLICES = 5  # curves in one plot
POINTS = 48  # of a curve
FEW = 3  # values along an axis that make a slice
HOVER_LAWS = 600
WORST_ERROR = 4.0  # inner errors above this are off the plot: a forecast so far off is of no use

Mask = NDArray[np.bool_]


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


def axis_title(content: Content, name: str) -> str:
    """A column with its unit."""
    unit = content.session.task.column(name).unit
    return name if unit in ("", "1") or unit == name else f"{name} ({unit})"


def feature_axis(content: Content, name: str) -> Axis:
    return Axis(axis_title(content, name), content.session.problem.kinds[name] == "scale")


def target_axis(content: Content, target: int, title: str | None = None) -> Axis:
    """Logarithmic if no measured value is zero or below."""
    positive = bool((content.train.targets[:, target] > 0).all())
    if content.sealed is not None:
        positive = positive and bool((content.sealed.targets[:, target] > 0).all())
    return Axis(title or axis_title(content, content.document.targets[target]), positive)


def rows_of(content: Content, table: Table, mask: Mask, target: int) -> tuple[str, ...]:
    """What is told of rows when they are pointed at: columns, measured value, and how far off the law is."""
    law = content.fit.predict(table.features, table.group)[:, target]
    told = []
    for row in np.flatnonzero(mask):
        measured = table.targets[row, target]
        parts = [table.group_names[table.group[row]]] if table.n_groups > 1 else []
        parts += [f"{name} {quantity(float(values[row]))}" for name, values in table.features.items()]
        off = f" (measured {percent(measured / law[row] - 1)})" if measured > 0 and law[row] > 0 else ""
        parts += [f"measured {quantity(float(measured))}", f"law {quantity(float(law[row]))}{off}"]
        told.append("\n".join(parts))
    return tuple(told)


# --- fit and extrapolation


def fit_gallery(content: Content) -> Gallery | None:
    """The law through the measured points, per group, target and axis of scale, and on beyond them."""
    axes = _axes(content)
    figures = []
    for unit in units(content)[:MOST_UNITS]:
        for axis in axes:
            parts = ([unit.label] if unit.label else []) + ([f"along {axis}"] if len(axes) > 1 else [])
            figures.append(_fit_figure(content, unit, axis, "; ".join(parts)))
    total = len(units(content)) * len(axes)
    return gallery("fit", figures[:MOST_UNITS], alike=True, glance=True, total=total)


def _axes(content: Content) -> list[str]:
    """Axes of scale; where the task has none, the columns of the formula that span more than a few values."""
    problem = content.session.problem
    if problem.axes:
        return list(problem.axes)
    used = inputs(content.document)
    wide = [name for name in used if len(np.unique(problem.table.features[name])) >= FEW]
    return [] if problem.of_kind("share") else wide


def _fit_figure(content: Content, unit: Unit, axis: str, label: str) -> Figure:
    others = [name for name in inputs(content.document) if name != axis]
    slices = _slices(content, unit, axis, others)
    series: list[Series] = []
    in_slices = {"train": np.zeros(len(content.train), bool)}
    if content.sealed is not None:
        in_slices["sealed"] = np.zeros(len(content.sealed), bool)
    lines: list[Series] = []
    for number, held in enumerate(slices):
        shade = None if len(slices) == 1 else number / (len(slices) - 1)
        name = "law" if not others else settings(held, 2) if len(slices) > 1 else f"law at {settings(held)}"
        lines += _curve(content, unit, axis, held, name, shade, wide=len(slices) == 1)
        for key, table in _tables(content).items():
            mask = _matching(table, unit.group, held)
            in_slices[key] |= mask
            lines += _points(content, table, mask, unit, axis, key, shade, number == 0)
    for key, table in _tables(content).items():
        rest = (table.group == unit.group) & ~in_slices[key]
        if rest.any():
            series += _points(content, table, rest, unit, axis, "faint" if others else key, None, True, key)
    series += lines
    return Figure(
        key=f"fit-{unit.group}-{unit.target}-{axis}",
        label=label,
        caption=_fit_caption(content, axis, others, slices, label),
        x=feature_axis(content, axis),
        y=target_axis(content, unit.target),
        series=_ordered(series),
        rules=((_train_end(content, unit.group, axis), "end of the train rows"),)
        if content.session.problem.axes
        else (),
    )


def _ordered(series: Sequence[Series]) -> tuple[Series, ...]:
    """Bands at the back, points in front."""
    place = {"band": 0, "line": 1, "points": 2}
    return tuple(sorted(series, key=lambda s: (s.role != "faint") * 10 + place[s.kind]))


def _fit_caption(
    content: Content, axis: str, others: Sequence[str], slices: Sequence[Mapping[str, float]], label: str
) -> str:
    target = listed(content.document.targets) if len(content.document.targets) == 1 else "target"
    start = f"{label[:1].upper()}{label[1:]}: " if label.startswith("along") else f"{label}: " if label else ""
    target = target if label else target[:1].upper() + target[1:]
    bands = "50 and 90 % intervals" if len(slices) == 1 else "90 % intervals"
    shown = f" with {bands} of a new measurement" if content.ensemble is not None else ""
    if not others:
        return f"{start}{target} against {axis}: measured values and the law{shown}."
    held = (
        f"one curve for each of {len(slices)} settings of {listed(others)}"
        if len(slices) > 1
        else (f"{listed(others)} held at {settings(slices[0])}")
    )
    return f"{start}{target} against {axis}; {held}{shown}. Grey points are rows at other settings."


def _tables(content: Content) -> dict[Role, Table]:
    found: dict[Role, Table] = {"train": content.train}
    if content.sealed is not None:
        found["sealed"] = content.sealed
    return found


def _slices(content: Content, unit: Unit, axis: str, others: Sequence[str]) -> list[dict[str, float]]:
    """Settings of the other columns at which most values of the axis were measured, from small to large.

    Where rows never share a setting, that of the largest run.
    """
    if not others:
        return [{}]
    values: dict[tuple[float, ...], set[float]] = {}
    for table in _tables(content).values():
        for row in np.flatnonzero(table.group == unit.group):
            key = tuple(float(table.features[name][row]) for name in others)
            values.setdefault(key, set()).add(float(table.features[axis][row]))
    long = [key for key, along in values.items() if len(along) >= FEW]
    if not long:
        top = largest_run(content, unit.group, [axis])
        return [{name: float(content.train.features[name][top]) for name in others}]
    spread = np.array(
        [[_height(content, name, value) for name, value in zip(others, key, strict=True)] for key in long]
    )
    chosen = _far_apart(spread, [len(values[key]) for key in long])
    return [dict(zip(others, long[i], strict=True)) for i in chosen]


def _height(content: Content, name: str, value: float) -> float:
    """A value's place between the smallest and the largest train value of its column."""
    scale = content.session.problem.coordinate(name)
    span = float(np.ptp(scale)) or 1.0
    return float((content.session.problem.coordinate(name, np.array([value]))[0] - scale.min()) / span)


def _far_apart(places: Floats, lengths: Sequence[int]) -> list[int]:
    """The longest slice, then the ones farthest from those chosen, longer ones first; from small to large."""
    first = int(np.argmax(lengths))
    chosen = [first]
    share = np.sqrt(np.array(lengths) / max(lengths))
    while len(chosen) < min(SLICES, len(places)):
        nearest = np.min([np.linalg.norm(places - places[i], axis=1) for i in chosen], axis=0) * share
        nearest[chosen] = -1.0
        chosen.append(int(np.argmax(nearest)))
    return sorted(chosen, key=lambda i: float(places[i].sum()))


def _matching(table: Table, group: int, held: Mapping[str, float]) -> Mask:
    mask: Mask = table.group == group
    for name, value in held.items():
        mask = mask & (table.features[name] == value)
    return mask


def _points(
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
    if not mask.any():
        return []
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
    values = np.concatenate([table.features[axis] for table in _tables(content).values()])
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


def _train_end(content: Content, group: int, axis: str) -> float:
    return float(content.train.features[axis][content.train.group == group].max())


def spaced(low: float, high: float, log: bool, n: int = POINTS) -> Floats:
    """Even steps on the axis."""
    if log:
        return np.geomspace(low, high, n)
    return np.linspace(low, high, n)


def columns_at(content: Content, group: int, given: Mapping[str, Floats], like: int) -> dict[str, Floats]:
    """All columns of the task at these points; those that are not given as in a train row."""
    n = len(next(iter(given.values())))
    return {
        name: given.get(name, np.full(n, content.train.features[name][like])) for name in content.document.feature_names
    }


def _curve(
    content: Content, unit: Unit, axis: str, held: Mapping[str, float], name: str, shade: float | None, wide: bool
) -> list[Series]:
    low, high = reach(content, axis)
    rows = np.concatenate(
        [table.features[axis][_matching(table, unit.group, held)] for table in _tables(content).values()]
    )
    low = max(low, float(rows.min())) if len(np.unique(rows)) >= FEW else low
    axis_kind = feature_axis(content, axis)
    x = spaced(low, high, axis_kind.log)
    given = {axis: x, **{key: np.full(len(x), value) for key, value in held.items()}}
    columns = columns_at(content, unit.group, given, largest_run(content, unit.group, [axis]))
    codes = np.full(len(x), unit.group, dtype=np.int64)
    y = content.fit.predict(columns, codes)[:, unit.target]
    levels = (0.9, 0.5) if wide else (0.9,)
    bands = bands_at(content, unit, columns, x, levels, shade)
    forecast = _forecast_along(content, unit, columns, x) if wide else []
    return [*bands, *forecast, Series("line", name, "law", x, y, shade=shade, dash=1 if forecast else 0)]


def _forecast_along(content: Content, unit: Unit, columns: Mapping[str, Floats], x: Floats) -> list[Series]:
    """The forecast, where it is not what the chosen law says."""
    if content.ensemble is None:
        return []
    groups = [content.document.groups[unit.group]] * len(x)
    found = content.ensemble.intervals(columns, groups, target=content.document.targets[unit.target]).value
    law = content.fit.predict(columns, np.full(len(x), unit.group, dtype=np.int64))[:, unit.target]
    if np.allclose(found, law, rtol=1e-9, atol=0.0, equal_nan=True):
        return []
    return [Series("line", "forecast", "law", x, found)]


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


# --- predicted against measured


def parity_gallery(content: Content) -> Gallery | None:
    """Measured values against what the law says, all groups together."""
    figures = []
    grouped = content.train.n_groups > 1
    for t, target in enumerate(content.document.targets):
        series = []
        ends: list[float] = []
        for role, table in _tables(content).items():
            law = content.fit.predict(table.features, table.group)[:, t]
            series += _by_group(content, table, role, law, table.targets[:, t], t)
            ends += [
                float(law.min()),
                float(law.max()),
                float(table.targets[:, t].min()),
                float(table.targets[:, t].max()),
            ]
        line = np.array([min(ends), max(ends)])
        series.append(Series("line", "measured as predicted", "rule", line, line, dash=1))
        title = axis_title(content, target)
        log = target_axis(content, t).log and min(ends) > 0
        figures.append(
            Figure(
                key=f"parity-{t}",
                label=target if len(content.document.targets) > 1 else "",
                caption=f"Measured against predicted {target}, all {'groups' if grouped else 'rows'}.",
                x=Axis(f"predicted {title}", log),
                y=Axis(f"measured {title}", log),
                series=_ordered(series),
            )
        )
    return gallery("parity", figures, alike=True)


FEW_GROUPS = 8  # that are told apart by colour


def _by_group(
    content: Content, table: Table, role: Role, x: Floats, y: Floats, target: int, legend: bool = True
) -> list[Series]:
    """Rows as points, each of a few groups in its own colour."""
    coloured = 1 < table.n_groups <= FEW_GROUPS
    found = []
    for group in range(table.n_groups) if coloured else (None,):
        mask = np.ones(len(table), bool) if group is None else table.group == group
        if not mask.any():
            continue
        name = f"{role} rows" if group is None else table.group_names[group]
        name = f"{name}, sealed" if group is not None and role == "sealed" else name
        hover = rows_of(content, table, mask, target)
        found.append(Series("points", name, role, x[mask], y[mask], hover=hover, group=group, legend=legend))
    return found


# --- beyond the data


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
    """The chosen law and its rivals from each group's largest run on; None for a task without axes of scale."""
    if not content.session.problem.axes:
        return None
    everything = units(content)
    paths = [_path(content, unit) for unit in everything]
    figures = [_beyond_figure(content, unit, path) for unit, path in zip(everything, paths, strict=True)]
    plots = gallery("beyond", figures[:MOST_UNITS], alike=True, total=len(figures))
    if plots is None:
        return None
    single = len(paths) == 1
    first = paths[0]
    return Beyond(
        plots=plots,
        multiple=float(first.multiples[-1]),
        at={name: float(first.columns[name][-1]) for name in inputs(content.document)} if single else {},
        value=float(first.value[-1]) if single else None,
        lower=float(first.lower[-1]) if single and first.lower is not None else None,
        upper=float(first.upper[-1]) if single and first.upper is not None else None,
        partings=tuple(_parting(rival, number, paths) for number, rival in enumerate(content.rivals)),
    )


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
        for role, table in _tables(content).items():
            mask = _matching(table, unit.group, held) & (table.features[axis] >= path.x[0])
            series += _points(content, table, mask, unit, axis, role, None, True)
    together = f"times the largest train run ({', '.join(problem.axes)} together)"
    start = f"{unit.label}: this" if unit.label else "This"
    return Figure(
        key=f"beyond-{unit.group}-{unit.target}",
        label=unit.label,
        caption=f"{start} law and the others, from the largest train run on.",
        x=feature_axis(content, axis) if alone else Axis(together, True),
        y=target_axis(content, unit.target),
        series=_ordered(series),
        rules=((_train_end(content, unit.group, axis), "end of the train rows"),) if alone else (),
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


# --- residuals


def relative(content: Content) -> bool:
    """Whether residuals are told in per cent: all measured and predicted values are positive."""
    for table in _tables(content).values():
        law = content.fit.predict(table.features, table.group)
        if (table.targets <= 0).any() or (law <= 0).any():
            return False
    return True


def residual_gallery(content: Content) -> Gallery | None:
    """What the law leaves over, against every column, and by group."""
    scaled = relative(content)
    title = "measured above the law (%)" if scaled else "measured minus law"
    figures = []
    names = list(content.train.features)
    for name in names:
        figures.append(_residual_figure(content, name, feature_axis(content, name), title, scaled))
    if content.train.n_groups > 1:
        groups = content.document.groups
        ticks = tuple((float(i), group) for i, group in enumerate(groups)) if len(groups) <= 8 else ()
        heading = content.document.group_column or "group"
        axis = Axis(heading if ticks else f"{heading}, in the order of the table", ticks=ticks)
        figures.append(_residual_figure(content, None, axis, title, scaled))
    return gallery("residuals", figures)


def _residual_figure(content: Content, name: str | None, axis: Axis, title: str, scaled: bool) -> Figure:
    series = []
    ends: list[float] = []
    for role, table in _tables(content).items():
        law = content.fit.predict(table.features, table.group)
        left = (table.targets / law - 1) * 100 if scaled else table.targets - law
        x = table.group.astype(np.float64) if name is None else table.features[name]
        for t in range(table.n_targets):
            series += _by_group(content, table, role, x, left[:, t], t, legend=t == 0)
        ends += [float(x.min()), float(x.max())]
    zero = np.array([min(ends), max(ends)])
    series.append(Series("line", "no residual", "rule", zero, np.zeros(2), legend=False))
    against = name or content.document.group_column or "group"
    return Figure(
        key=f"residuals-{against}",
        label=against,
        caption=f"What the law leaves over, against {against}.",
        x=axis,
        y=Axis(title),
        series=_ordered(series),
    )


# --- error against complexity, and the search


def front_figure(content: Content) -> Figure | None:
    """Inner error against complexity of all laws tried, the human laws among them."""
    shown = [s for s in distinct(content.steps, HOVER_LAWS) if 0 < s.inner_error <= WORST_ERROR]
    if not shown:
        return None
    human = [s for s in shown if s.proposer == "library"]
    found = [s for s in shown if s.proposer != "library"]
    series = []
    for group, name, role in ((found, "laws found by the search", "other"), (human, "published laws", "human")):
        if group:
            hover = tuple(
                f"{s.origin.partition(':')[2] if role == 'human' else s.origin}\n{s.formula}\n"
                f"inner error {quantity(s.inner_error)}, complexity {s.complexity}"
                for s in group
            )
            x, y = np.array([s.complexity for s in group], float), np.array([s.inner_error for s in group])
            series.append(Series("points", name, role, x, y, hover=hover))  # type: ignore[arg-type]
    best = front(shown)
    stairs = np.array([[s.complexity, s.inner_error] for s in best], float)
    series.append(Series("line", "best at its size", "front", stairs[:, 0], stairs[:, 1]))
    for rival in content.human:
        if rival.inner_error is not None and 0 < rival.inner_error <= WORST_ERROR:
            told = (f"{rival.name}\n{rival.fit.structure.text}\ninner error {quantity(rival.inner_error)}",)
            at = np.array([float(rival.complexity)]), np.array([rival.inner_error])
            series.append(Series("points", f"{rival.name} (compared)", "human", *at, hover=told, shade=1.0))
    from discover.expressions import complexity

    if content.document.inner_error:
        at = np.array([float(complexity(content.document.expr))]), np.array([content.document.inner_error])
        series.append(Series("points", "this law", "law", *at, hover=(f"this law\n{content.document.formula}",)))
    return Figure(
        key="front",
        label="",
        caption="Squared error on the largest scales held out of the train rows, against the size of the formula. "
        "Diamonds are laws that people have published.",
        x=Axis("complexity (weighted nodes of the formula)"),
        y=Axis("inner error (variances of the target)", True),
        series=_ordered(series),
    )


def search_figure(content: Content) -> Figure | None:
    """The best penalty so far over the laws scored, and who proposed the law."""
    lead = leaders(content.steps)
    if not lead:
        return None
    last = len(content.steps)
    x, y = [], []
    for step, following in zip(lead, [*lead[1:], None], strict=True):
        x += [step.index + 1, following.index + 1 if following else last]
        y += [step.penalty, step.penalty]
    series = [Series("line", "best so far", "front", np.array(x, float), np.array(y))]
    names = list(dict.fromkeys(step.proposer for step in content.steps))
    for number, name in enumerate(names):
        own = [step for step in lead if step.proposer == name]
        if own:
            hover = tuple(f"law {s.index + 1}, {s.origin}\n{s.formula}\npenalty {quantity(s.penalty)}" for s in own)
            at = np.array([s.index + 1.0 for s in own]), np.array([s.penalty for s in own])
            shade = number / max(len(names) - 1, 1)
            series.append(Series("points", name, "other", *at, hover=hover, shade=shade))
    return Figure(
        key="search",
        label="",
        caption="The best penalty so far over the laws scored (lower is better), and who proposed the law.",
        x=Axis("laws scored", last > 50),
        y=Axis("penalty"),
        series=_ordered(series),
    )
