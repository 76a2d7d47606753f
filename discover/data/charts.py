"""Curves that a tracker writes in another shape than one row per run and step.

A line chart of Weights & Biases has a column per run, `gpt-19M - eval/loss`, with the ends of a band beside it. Lists
of logged values, as of TensorBoard, have a row per value with its tag. Curves read from a figure, as with
WebPlotDigitizer, have the columns X and Y each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from discover.data.aliases import CLOCK_NAMES, STEP_NAMES, squash
from discover.data.cells import is_empty, text_of, written
from discover.data.results import is_result

RUN = "run"
CURVE = "curve"
MOST_TAGS = 50

_SERIES = re.compile(r"(?P<label>.+) - (?P<metric>.+?)(?P<end>__MIN|__MAX)?")
_KEY = re.compile(r"(?P<key>[^:]+): (?P<value>.*)")
_TAG_HEADINGS = frozenset(("tag", "metric", "metricname", "metrickey", "variable"))
_VALUE_HEADINGS = frozenset(("value", "metricvalue"))

Columns = dict[str, list[object]]


@dataclass(frozen=True)
class Reshaped:
    """A table in another shape.

    Attributes:
        columns: heading -> cells.
        rows: for each row the place of that in the file from which it came.
        remark: what was done.
        results: headings of columns that hold results, whatever they are called.
    """

    columns: Columns
    rows: list[int]
    remark: str
    results: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Series:
    label: str
    metric: str
    heading: str


def chart_of(columns: Mapping[str, Sequence[object]]) -> tuple[Reshaped, Reshaped] | None:
    """A chart with a column per run: as one row per run and step, and as it stands without bands; None for others."""
    if len(columns) < 2:
        return None
    axis, *others = columns
    found = {heading: _SERIES.fullmatch(heading) for heading in others}
    if not all(found.values()):
        return None
    ends = any(match and match["end"] for match in found.values())
    series = [_Series(m["label"], m["metric"], heading) for heading, m in found.items() if m and not m["end"]]
    counted = [s for s in series if s.metric.lower().strip("_") not in STEP_NAMES]
    labels = list(dict.fromkeys(s.label for s in counted))
    if not counted or not (ends or len(labels) > 1) or squash(axis) in ("", RUN):
        return None
    bands = "; the ends of its bands (__MIN, __MAX) are left out" if ends else ""
    bands += " and so are the _step columns, which repeat it" if len(counted) < len(series) else ""
    return _per_run(axis, counted, labels, columns, bands), _as_it_stands(axis, counted, columns, bands)


def _per_run(
    axis: str, series: Sequence[_Series], labels: Sequence[str], columns: Mapping[str, Sequence[object]], bands: str
) -> Reshaped:
    keyed = [_KEY.fullmatch(label) for label in labels]
    keys = {match["key"] for match in keyed if match}
    name = keys.pop() if all(keyed) and len(keys) == 1 else RUN
    values = [match["value"] if match and name != RUN else label for match, label in zip(keyed, labels, strict=True)]
    metrics = list(dict.fromkeys(s.metric for s in series))
    out: Columns = {heading: [] for heading in (name, axis, *metrics)}
    rows: list[int] = []
    for label, value in zip(labels, values, strict=True):
        own = {s.metric: columns[s.heading] for s in series if s.label == label}
        for row, step in enumerate(columns[axis]):
            cells = {metric: own[metric][row] if metric in own else None for metric in metrics}
            if any(text_of(cell) for cell in cells.values()):
                out[name].append(value)
                out[axis].append(step)
                for metric, cell in cells.items():
                    out[metric].append(cell)
                rows.append(row)
    text = (
        f"a chart of {len(labels)} runs: it is read as one row for each {name} and {axis}, with the columns "
        f"{name}, {axis}, {', '.join(metrics)}{bands}"
    )
    return Reshaped(out, rows, text, frozenset(metrics))


def _as_it_stands(
    axis: str, series: Sequence[_Series], columns: Mapping[str, Sequence[object]], bands: str
) -> Reshaped:
    out = {axis: list(columns[axis])} | {s.heading: list(columns[s.heading]) for s in series}
    metric = series[0].metric
    text = (
        f"a chart with a column per run: every column but {axis!r} is a result; --target {metric!r} "
        f"takes all runs, each with its own constants{bands}"
    )
    return Reshaped(out, list(range(len(columns[axis]))), text, frozenset(s.heading for s in series))


def logged_values(columns: Mapping[str, Sequence[object]]) -> Reshaped | None:
    """A list of logged values with a column per tag instead of a row; None for other tables."""
    by_name = {squash(heading): heading for heading in columns}
    tag = next((by_name[name] for name in by_name if name in _TAG_HEADINGS), None)
    value = next((by_name[name] for name in by_name if name in _VALUE_HEADINGS), None)
    if tag is None or value is None:
        return None
    tags = list(dict.fromkeys(text_of(cell) for cell in columns[tag]))
    if not any(name in STEP_NAMES for name in by_name) and not any(map(is_result, tags)):
        return None
    if len(tags) > MOST_TAGS or "" in tags or set(tags) & set(columns) or any(written(name) for name in tags):
        return None
    kept = [heading for name, heading in by_name.items() if heading not in (tag, value) and name not in CLOCK_NAMES]
    places: dict[tuple[str, ...], int] = {}
    rows: list[int] = []
    out: Columns = {heading: [] for heading in (*kept, *tags)}
    for row in range(len(columns[tag])):
        key = tuple(text_of(columns[heading][row]) for heading in kept)
        if key not in places:
            places[key] = len(rows)
            rows.append(row)
            for heading in kept:
                out[heading].append(columns[heading][row])
            for name in tags:
                out[name].append(None)
        cells = out[text_of(columns[tag][row])]
        if cells[places[key]] is not None:
            return None  # two values of one tag at one step: something else tells them apart
        cells[places[key]] = columns[value][row]
    text = f"a list of logged values: it is read with a column for each {tag} ({', '.join(tags[:5])})"
    return Reshaped(out, rows, text, frozenset(tags))


def digitised(columns: Mapping[str, Sequence[object]]) -> Reshaped | None:
    """Curves with columns X and Y below the name of each as one row per point; None for other tables."""
    parts = [heading.rpartition(".") for heading in columns]
    labels = list(dict.fromkeys(label for label, _, _ in parts))
    if [(label, axis) for label, _, axis in parts] != [(label, axis) for label in labels for axis in "XY"]:
        return None
    out: Columns = {CURVE: [], "X": [], "Y": []}
    rows: list[int] = []
    for label in labels:
        for row, (x, y) in enumerate(zip(columns[f"{label}.X"], columns[f"{label}.Y"], strict=True)):
            if is_empty(x) and is_empty(y):
                continue  # a shorter curve
            out[CURVE].append(label)
            out["X"].append(x)
            out["Y"].append(y)
            rows.append(row)
    text = f"curves with the columns X and Y each: a row for each of their points, named in {CURVE!r}"
    return Reshaped(out, rows, text, frozenset("Y"))


def single_curve(columns: Mapping[str, Sequence[object]]) -> frozenset[str]:
    """The heading of the results of a curve as TensorBoard writes it: `Wall time,Step,Value`."""
    names = {squash(heading): heading for heading in columns}
    others = set(names) - {"value"}
    is_curve = "value" in names and others and others <= STEP_NAMES | CLOCK_NAMES
    return frozenset((names["value"],)) if is_curve and others & STEP_NAMES else frozenset()
