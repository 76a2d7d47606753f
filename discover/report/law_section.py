"""The section on the law: its formula, its columns, its constants and how well they are known."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from discover.export.layout import meaning_of
from discover.expressions import Constant, Feature, Number, substitute
from discover.law.document import ConstantSet
from discover.plain_data import with_error
from discover.report.axes import units
from discover.report.blocks import Block, Cell, Formula, Maths, Points, TableBlock, Text
from discover.report.content import Content
from discover.report.reading import reading
from discover.report.texts import FIXED, NONE, listed, percent, quantity

FEW_SETS = 8
LEVEL = 0.9
MOST_CORRELATED = 10  # constants in a table of correlations
LOOSE = 3.0  # an interval whose ends differ by more than this factor leaves a constant undetermined


def law_blocks(content: Content) -> Iterator[Block]:
    """The law with its columns and constants."""
    document = content.document
    left = document.targets[0] if len(document.targets) == 1 else f"each of {listed(document.targets)}"
    yield Formula(left, document.expr)
    if len(document.constants) == 1 and document.constant_names:
        numbers = {name: Number(float(f"{v:.4g}")) for name, v in document.constants[0].values.items()}
        yield Formula(left, substitute(document.expr, numbers), 4)
    said = reading(content)
    if said:
        many = len(document.constants) > 1
        of = f" ({units(content)[0].label})" if many else ""
        yield Text(f"In words{of}, by values of the law itself:")
        yield Points(tuple(said))
    yield _columns(content)
    yield from _constants(content)
    yield from _precision(content)


def _precision(content: Content) -> Iterator[Block]:
    """How far the rows scatter, and which constants move together: what a paper states."""
    deviation = listed([f"{_scatter(content, t)}" for t in range(len(content.document.targets))])
    yield Text(f"Standard deviation of the residuals on the train rows: {deviation}.")
    names = content.document.constant_names
    if content.ensemble is None or len(content.document.constants) > 1 or not 1 < len(names) <= MOST_CORRELATED:
        return
    draws = np.array([content.ensemble.laws[0].values[name][:, 0, 0] for name in names])
    if draws.shape[1] < 3 or (draws.std(axis=1) == 0).any():
        return
    related = np.corrcoef(draws)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (Maths(Constant(name)), *(quantity(float(related[i, j]), 2) if j <= i else "" for j in range(len(names))))
        for i, name in enumerate(names)
    )
    head: tuple[Cell, ...] = ("correlation", *map(_named, names))
    yield TableBlock(head, rows, frozenset(range(1, len(head))))
    yield Text(
        "Correlations of the constants over refits to resampled rows. Constants that move together are known better "
        "together than alone: quote them with all the digits that the table has.",
        remark=True,
    )


def _scatter(content: Content, target: int) -> str:
    """Standard deviation of a target's residuals, relative where all its values are positive."""
    law = content.fit.predict(content.train.features, content.train.group)[:, target]
    measured = content.train.targets[:, target]
    freedom = max(len(law) - content.document.n_constants // len(content.document.targets), 1)
    name = f" of {content.document.targets[target]}" if len(content.document.targets) > 1 else ""
    absolute = math.sqrt(float(np.sum((measured - law) ** 2)) / freedom)
    if (measured > 0).all() and (law > 0).all():
        share = math.sqrt(float(np.sum(np.log(measured / law) ** 2)) / freedom)
        return f"{quantity(absolute, 2)}{name} ({percent(share).lstrip('+')})"
    return f"{quantity(absolute, 2)}{name}"


def _columns(content: Content) -> TableBlock:
    task, document = content.session.task, content.document
    rows: list[tuple[Cell, ...]] = []
    for name in document.feature_names:
        column, ends = task.column(name), document.domain.get(name)
        shown = f"{content.size(name, ends[0])} to {content.size(name, ends[1])}" if ends else NONE
        unit = "" if column.unit == "1" else column.unit
        rows.append((Maths(Feature(name)), meaning_of(column) or NONE, unit or NONE, shown))
    for name in document.targets:
        column, ends = task.column(name), document.target_range.get(name)
        shown = f"{quantity(ends[0])} to {quantity(ends[1])}" if ends else NONE
        unit = "" if column.unit == "1" else column.unit
        rows.append((name, meaning_of(column) or "the target", unit or NONE, shown))
    return TableBlock(("column", "meaning", "unit", "train rows"), tuple(rows))


def _constants(content: Content) -> Iterator[Block]:
    document = content.document
    if not document.constant_names:
        yield Text("The law has no constants.")
        return
    if len(document.constants) == 1:
        yield TableBlock(("constant", "value", "90 % interval", ""), tuple(_single(content)), frozenset((1, 2)))
        yield Text("Values ± standard errors. " + _interval_note(content), remark=True)
        return
    many = len(document.constants) > FEW_SETS
    if many:
        yield _over_groups(content)
    heads = ["group"] * (len(document.groups) > 1) + ["target"] * (len(document.targets) > 1)
    names = document.constant_names
    columns = [[*map(_in_brackets, _values(content, name), intervals(content, name))] for name in names]
    rows = []
    for entry, cells in zip(document.constants, zip(*columns, strict=True), strict=True):
        labels = [entry.group] * (len(document.groups) > 1) + [entry.target] * (len(document.targets) > 1)
        rows.append((*labels, *cells))
    numeric = frozenset(range(len(heads), len(heads) + len(document.constant_names)))
    folded = f"Constants of all {len(rows)} groups and targets" if many else ""
    if many and len(document.targets) == 1:
        folded = f"Constants of all {len(rows)} groups"
    yield TableBlock((*heads, *map(_named, document.constant_names)), tuple(rows), numeric, folded)
    yield Text(_interval_note(content), remark=True)


def _named(constant: str) -> Maths:
    return Maths(Constant(constant))


def _interval_note(content: Content) -> str:
    exports = "All digits are in law.json."
    if content.ensemble is None:
        return f"Intervals are of the linearised law. {exports}"
    return f"90 % intervals are of refits to resampled rows. {exports}"


def _single(content: Content) -> Iterator[tuple[Cell, ...]]:
    entry = content.document.constants[0]
    for name in content.document.constant_names:
        error = entry.errors.get(name)
        value = with_error(entry.values[name], error, quantity, FIXED)
        low, high = intervals(content, name)[0]
        shown = NONE if math.isnan(low) else f"{quantity(low, 3)} to {quantity(high, 3)}"
        yield (Maths(Constant(name)), value, shown, "not determined alone" if loose(low, high) else "")


def intervals(content: Content, name: str) -> list[tuple[float, float]]:
    """The 90 % interval of a constant for every group and target, as in `units`.

    Of its draws, or of the linearised law; NaN where unknown.
    """
    if content.ensemble is not None:
        draws = content.ensemble.laws[0].values[name]
        ends = np.quantile(draws.reshape(len(draws), -1), [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=0)
        return [(low, high) for low, high in ends.T.tolist()]
    return [_linear(entry, name) for entry in content.document.constants]


def _linear(entry: ConstantSet, name: str) -> tuple[float, float]:
    error = entry.errors.get(name)
    if error is None or not math.isfinite(error):
        return math.nan, math.nan
    return entry.values[name] - 1.645 * error, entry.values[name] + 1.645 * error


def loose(low: float, high: float) -> bool:
    """Whether an interval leaves open what a constant is: its ends differ in sign, or far in size."""
    if math.isnan(low) or low == high:
        return False
    return low * high <= 0 or max(abs(low), abs(high)) > LOOSE * min(abs(low), abs(high))


def _values(content: Content, name: str) -> list[float]:
    return [entry.values[name] for entry in content.document.constants]


def _in_brackets(value: float, ends: tuple[float, float]) -> str:
    shown = "" if math.isnan(ends[0]) else f" [{quantity(ends[0], 3)}, {quantity(ends[1], 3)}]"
    return f"{quantity(value)}{shown}"


def _over_groups(content: Content) -> TableBlock:
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(content.document.constant_names):
        values = content.fit.constants[:, :, i].ravel()
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        shared = "shared by all groups" if name in content.document.shared else ""
        rows.append((Maths(Constant(name)), quantity(middle), f"{quantity(low, 3)} to {quantity(high, 3)}", shared))
    return TableBlock(("constant", "median of groups", "middle 80 % of groups", ""), tuple(rows), frozenset((1, 2)))
