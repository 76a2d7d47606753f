"""What a planner takes to a meeting: a sentence, a table of forecasts, the best sizes for budgets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discover.decisions import allocate, suggest
from discover.decisions.answer import Optimum, Quantity
from discover.decisions.candidates import costs_of, grid, points_ahead
from discover.decisions.suggestion import Points
from discover.errors import DiscoverError
from discover.export.layout import inputs
from discover.forecasts.points import excesses
from discover.report.axes import (
    POINTS,
    drawn,
    drawn_groups,
    farthest,
    feature_axis,
    largest_group,
    run_at,
    target_axis,
    train_end,
    units,
)
from discover.report.calculator import cost_columns, usual_cost
from discover.report.content import Content
from discover.report.figures import Figure, Series
from discover.report.texts import FIXED, NONE, listed, quantity, significant, to_place

MULTIPLES = (1.0, 2.0, 4.0, 8.0)
MOST_GROUPS = 12  # with a row of their own in the table of forecasts
REASONS = {
    "constants": "constants that the rows leave open",
    "laws": "laws that fit as well and part",
    "drift": "what all laws may miss so far out",
    "noise": "noise of a new measurement",
}
BUDGETS = (1.0, 10.0, 100.0)  # times the cost of the largest train run
CURVES = 6  # IsoFLOP curves, over the costs of the data and on beyond them
AROUND = 12.0  # a curve goes from this part of the best size to so many times it


@dataclass(frozen=True)
class Told:
    """A forecast in words.

    Attributes:
        at: the columns.
        value, low, high, half_low, half_high: the forecast, its 90 % and its 50 % interval; NaN for none.
        place: to so many decimals the ends are told apart.
        reason: the largest part of the uncertainty.
    """

    at: Mapping[str, float]
    value: float
    low: float = math.nan
    high: float = math.nan
    half_low: float = math.nan
    half_high: float = math.nan
    place: int | None = None
    reason: str = ""

    def number(self, value: float) -> str:
        return quantity(value) if self.place is None else to_place(value, self.place)

    @property
    def most(self) -> str:
        return NONE if math.isnan(self.low) else _from_to(self.number(self.low), self.number(self.high))

    @property
    def half(self) -> str:
        return NONE if math.isnan(self.half_low) else _from_to(self.number(self.half_low), self.number(self.half_high))


def told(content: Content, at: Mapping[str, float], group: int = 0, target: int = 0) -> Told:
    """The forecast at a point."""
    document = content.document
    if content.ensemble is None:
        columns = {name: np.array([value]) for name, value in at.items()}
        return Told(at, float(content.fit.predict(columns, np.array([group]))[0, target]))
    found = content.ensemble.intervals(at, [document.groups[group]], target=document.targets[target])
    low, high = float(found.lower[0.9][0]), float(found.upper[0.9][0])
    share = max(found.shares, key=lambda name: float(found.shares[name][0]))
    return Told(
        at=at,
        value=float(found.value[0]),
        low=low,
        high=high,
        half_low=float(found.lower[0.5][0]),
        half_high=float(found.upper[0.5][0]),
        place=place_for(low, high),
        reason=f"{found.shares[share][0]:.0%} {REASONS[share]}".replace("%", " %"),
    )


def _from_to(low: str, high: str) -> str:
    return f"{low}{FIXED}to{FIXED}{high}"


def place_for(low: float, high: float) -> int | None:
    """To so many decimals the ends of an interval are told apart, with one to spare; None without an interval."""
    span, most = abs(high - low), max(abs(high), abs(low))
    if not (math.isfinite(span) and span > 0):
        return None
    whole = math.floor(math.log10(most))
    return min(6, max(2, 1 + whole - math.floor(math.log10(span)))) - whole


def headline(content: Content) -> str:
    """A sentence that a planner can quote: the forecast at the far end, for the group of the largest run."""
    if content.result.no_law or not content.session.problem.axes:
        return ""
    group = largest_group(content)
    multiple = farthest(content, group)
    found = told(content, run_at(content, group, multiple), group)
    if not math.isfinite(found.value):
        return ""
    document = content.document
    where = listed([f"{content.size(name, found.at[name])} {content.counted(name)}" for name in asked_columns(content)])
    grouped = f" for {document.groups[group]}" if len(document.groups) > 1 else ""
    span = "" if math.isnan(found.low) else f" (90 % interval {found.most})"
    times = {e.column: e.times for e in excesses(document, found.at) if e.times is not None and e.value > e.end}
    most = max(times, key=times.__getitem__, default="")
    beyond = f", with {most} {quantity(times[most], 2)} times the largest in the data" if most else ""
    return f"At {where}{grouped} the {document.targets[0]} will be {found.number(found.value)}{span}{beyond}."


def asked_columns(content: Content) -> list[str]:
    """Columns that a forecast depends on."""
    used = content.ensemble.inputs if content.ensemble is not None else tuple(content.document.feature_names)
    return [name for name in content.document.feature_names if name in used]


def forecast_rows(content: Content) -> tuple[tuple[str, ...], list[tuple[str, ...]], int] | None:
    """Heads, rows, and the number of label columns of a table of forecasts from the largest run on."""
    if not content.session.problem.axes:
        return None
    document = content.document
    single = len(units(content)) == 1
    shown = asked_columns(content)
    rows = []
    for unit in drawn(content, MOST_GROUPS):
        far = farthest(content, unit.group)
        multiples = sorted({*MULTIPLES, far}) if single else [far]
        for multiple in multiples:
            found = told(content, run_at(content, unit.group, multiple), unit.group, unit.target)
            label = f"{quantity(multiple, 3)}×" if single else unit.label
            sizes = [content.size(name, found.at[name]) for name in shown]
            rows.append((label, *sizes, found.number(found.value), found.most, found.half, found.reason or NONE))
    first = "× largest run" if single else "group" if len(document.targets) == 1 else "group, target"
    target = document.targets[0] if len(document.targets) == 1 else "forecast"
    return (first, *shown, target, "90 % interval", "50 % interval", "most unsure for"), rows, 1


# --- budgets


@dataclass(frozen=True)
class Spending:
    """The best sizes for budgets, of one group.

    Attributes:
        cost: formula.
        group: name; empty for a law without groups.
        names: the sizes.
        budgets, best: budgets, and the forecast at the best sizes of each.
        exponents: column -> exponent of the best size over the budget, as text.
        figure: loss along the first size under several budgets.
    """

    cost: str
    group: str
    names: tuple[str, ...]
    budgets: tuple[float, ...]
    best: tuple[Told, ...]
    exponents: Mapping[str, str]
    figure: Figure


def spending(content: Content) -> Spending | None:
    """The best sizes for budgets at and beyond the largest run; None where no cost can be guessed or none is best."""
    cost = usual_cost(content)
    names = cost_columns(cost)
    if not cost or content.result.no_law or not set(names) <= set(inputs(content.document)):
        return None
    group = largest_group(content)
    document = content.document
    rows = content.train.group == group
    columns = {name: content.train.features[name][rows] for name in names}
    costs = costs_of(Points(columns, (document.groups[group],) * int(rows.sum())), cost, {}, document)
    start = run_at(content, group, 1.0)
    fixed = {name: start[name] for name in asked_columns(content) if name not in names}
    largest = float(costs.max())
    curves = np.geomspace(float(costs.min()), BUDGETS[-1] * largest, CURVES)
    budgets = sorted({*(f * largest for f in BUDGETS), *curves.tolist()})
    try:
        found = allocate(document, cost=cost, budget=budgets, fix=fixed, group=document.groups[group])
    except DiscoverError:
        return None  # a law without a best size has nothing to show here
    chosen = [one for one in found.optima if one.budget in [f * largest for f in BUDGETS]]
    best = [told(content, start | {n: q.value for n, q in one.features.items()}, group) for one in chosen]
    return Spending(
        cost=cost,
        group=document.groups[group] if len(document.groups) > 1 else "",
        budgets=tuple(float(one.budget or 0.0) for one in chosen),
        best=tuple(best),
        names=tuple(names),
        exponents={n: _power(q) for n, q in next(iter(found.exponents.values()), {}).items()},
        figure=_isoflop(content, group, cost, names, fixed, [one for one in found.optima if one.budget in curves]),
    )


def _power(found: Quantity) -> str:
    """An exponent, and from where to where it may lie."""
    place = place_for(*found.interval) if found.interval is not None else None
    if found.interval is None or place is None:
        return quantity(found.value, 2)
    return f"{to_place(found.value, place)} ({_from_to(*(to_place(end, place) for end in found.interval))})"


def _isoflop(
    content: Content, group: int, cost: str, names: Sequence[str], fixed: Mapping[str, float], optima: Sequence[Optimum]
) -> Figure:
    """The target along the first size, the second one taking what is left of each budget; and the best of each."""
    first, second = names
    target = content.document.targets[0]
    start = run_at(content, group, 1.0)
    series = list(_isoflop_curves(content, group, cost, (first, second), {**start, **fixed}, optima))
    best_x = np.array([one.features[first].value for one in optima])
    best_y = np.array([_at(content, group, {**start, **fixed}, one) for one in optima])
    series.append(Series("line", "compute frontier", "human", best_x, best_y, dash=1))
    series.append(Series("points", "best size", "human", best_x, best_y))
    return Figure(
        key="isoflop",
        label="",
        caption=f"{target} along {first}, each curve at one budget ({cost}); {second} takes what is left of it. "
        "Diamonds are the best sizes, the dashed line through them is the compute frontier.",
        x=feature_axis(content, first),
        y=target_axis(content, 0),
        series=tuple(series),
        end=train_end(content, group, first),
    )


def _at(content: Content, group: int, start: Mapping[str, float], one: Optimum) -> float:
    columns = {**start, **{name: quantity.value for name, quantity in one.features.items()}}
    return float(content.fit.predict({name: np.array([v]) for name, v in columns.items()}, np.array([group]))[0, 0])


def _isoflop_curves(
    content: Content,
    group: int,
    cost: str,
    names: tuple[str, str],
    start: Mapping[str, float],
    optima: Sequence[Optimum],
) -> Iterator[Series]:
    first, second = names
    unit = float(cost.split("*")[0])
    for number, one in enumerate(optima):
        assert one.budget is not None
        best = one.features[first].value
        x = np.geomspace(best / AROUND, best * AROUND, POINTS)
        columns = {name: np.full(len(x), value) for name, value in start.items()}
        columns |= {first: x, second: one.budget / (unit * x)}
        y = content.fit.predict(columns, np.full(len(x), group))[:, 0]
        shade = number / max(len(optima) - 1, 1)
        yield Series("line", f"budget {quantity(one.budget, 2)}", "law", x, y, shade=shade, dash=number % 3)


# --- runs to do next

NEXT = 3  # runs worth doing next


def next_runs(content: Content) -> tuple[tuple[str, ...], list[tuple[str, ...]], str] | None:
    """Heads, rows and a sentence on the runs that would narrow the forecast at the target scale most.

    Of many groups, runs and forecasts are of those that are drawn.
    """
    ensemble = content.ensemble
    if ensemble is None or content.result.no_law or not content.session.problem.axes:
        return None
    cost = usual_cost(content)
    names = [content.document.groups[group] for group in drawn_groups(content)]
    try:
        runs = grid(ensemble, {}, {}, names, content.train)
        at = points_ahead(content.session.problem, content.document, {}, None).of(set(names))
        costs = costs_of(runs, cost, {}, content.document) if cost else None
        found = suggest(ensemble, runs, at, NEXT, costs=costs)
    except DiscoverError:
        return None  # such as a law that forecasts nothing there; `discover suggest` says why
    grouped = len(content.document.groups) > 1
    target = content.document.targets[0]
    rows = []
    for pick in found.picks:
        label = (runs.groups[pick.place],) if grouped else ()
        sizes = tuple(content.size(name, float(values[pick.place])) for name, values in runs.features.items())
        price = (quantity(pick.cost, 2),) if cost else ()
        rows.append((*label, *sizes, *price, significant(pick.sd[target], 2)))
    if not rows:
        return None
    heads = (*(("group",) if grouped else ()), *runs.features, *(("cost",) if cost else ()), f"sd of {target} then")
    per = f", for their cost ({cost})" if cost else ""
    where = (
        "the target scale" if len(names) == len(content.document.groups) else f"the target scale of {len(names)} groups"
    )
    text = (
        f"Of runs within the range of the data, these would narrow the forecast at {where} most{per}. Its "
        f"standard deviation is {significant(found.before[target], 2)} now, without the noise of a single measurement; "
        "the last column has it after that run and those above it."
    )
    return heads, rows, text
