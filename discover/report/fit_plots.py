"""The law through the measured points, and on beyond them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from discover.arrays import Floats
from discover.export.layout import inputs
from discover.report.axes import (
    FEW,
    MOST_UNITS,
    Unit,
    axes_of,
    bands_at,
    columns_at,
    drawn,
    feature_axis,
    largest_run,
    matching,
    ordered,
    points_of,
    reach,
    spaced,
    tables_of,
    target_axis,
    train_end,
    units,
)
from discover.report.content import Content
from discover.report.figures import Figure, Gallery, Series, gallery
from discover.report.texts import listed

SLICES = 5  # curves in one plot


def fit_gallery(content: Content) -> Gallery | None:
    """The law through the measured points, per group, target and axis of scale, and on beyond them."""
    axes = axes_of(content)
    figures = []
    for unit in drawn(content):
        for axis in axes:
            parts = ([unit.label] if unit.label else []) + ([f"along {axis}"] if len(axes) > 1 else [])
            figures.append(_fit_figure(content, unit, axis, "; ".join(parts)))
    total = len(units(content)) * len(axes)
    return gallery("fit", figures[:MOST_UNITS], alike=True, glance=True, total=total)


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
        name = (
            "law"
            if not others
            else content.settings(held, 2)
            if len(slices) > 1
            else f"law at {content.settings(held)}"
        )
        lines += _curve(content, unit, axis, held, name, shade, wide=len(slices) == 1)
        for key, table in tables_of(content).items():
            mask = matching(table, unit.group, held)
            in_slices[key] |= mask
            lines += points_of(content, table, mask, unit, axis, key, shade, number == 0)
    for key, table in tables_of(content).items():
        rest = (table.group == unit.group) & ~in_slices[key]
        if rest.any():
            series += points_of(content, table, rest, unit, axis, "faint" if others else key, None, True, key)
    series += lines
    return Figure(
        key=f"fit-{unit.group}-{unit.target}-{axis}",
        label=label,
        caption=_fit_caption(content, unit, axis, others, slices, label),
        x=feature_axis(content, axis),
        y=target_axis(content, unit.target),
        series=ordered(series),
        end=train_end(content, unit.group, axis) if content.session.problem.axes else None,
    )


def _fit_caption(
    content: Content, unit: Unit, axis: str, others: Sequence[str], slices: Sequence[Mapping[str, float]], label: str
) -> str:
    target = content.document.targets[unit.target]
    start = f"{label[:1].upper()}{label[1:]}: " if label.startswith("along") else f"{label}: " if label else ""
    target = target if label else target[:1].upper() + target[1:]
    bands = "50 and 90 % intervals" if len(slices) == 1 else "90 % intervals"
    shown = f" with {bands} of a new measurement" if content.ensemble is not None else ""
    if not others:
        return f"{start}{target} against {axis}: measured values and the law{shown}."
    held = (
        f"one curve for each of {len(slices)} settings of {listed(others)}"
        if len(slices) > 1
        else (f"{listed(others)} held at {content.settings(slices[0])}")
    )
    return f"{start}{target} against {axis}; {held}{shown}. Grey points are rows at other settings."


def _slices(content: Content, unit: Unit, axis: str, others: Sequence[str]) -> list[dict[str, float]]:
    """Settings of the other columns at which most values of the axis were measured, from small to large.

    Where rows never share a setting, that of the largest run.
    """
    if not others:
        return [{}]
    values: dict[tuple[float, ...], set[float]] = {}
    for table in tables_of(content).values():
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


def _curve(
    content: Content, unit: Unit, axis: str, held: Mapping[str, float], name: str, shade: float | None, wide: bool
) -> list[Series]:
    low, high = reach(content, axis)
    rows = np.concatenate(
        [table.features[axis][matching(table, unit.group, held)] for table in tables_of(content).values()]
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
