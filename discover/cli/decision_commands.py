"""`discover allocate` and `discover suggest`: from a law to a decision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli.law_source import SOURCE_HELP, read_law
from discover.cli.options import number_or_nan, numbers, pairs
from discover.errors import InputError
from discover.plain_data import counted, number_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table as Printed

    from discover.data.table import Floats, Table
    from discover.decisions import Allocation, Optimum, Points, Quantity, Suggestion
    from discover.forecasts import Ensemble, Forecast
    from discover.law.document import LawDocument
    from discover.scoring import Problem

PER_DECADE = 1
MOST_BUDGETS = 60
MOST_PLACES = 4  # named in a warning

Source = Annotated[Path, typer.Argument(metavar="DIR|LAW", help=SOURCE_HELP)]
Minimise = Annotated[
    str | None,
    typer.Option(
        metavar="FORMULA",
        help="Formula of targets, features and cost. By default the law's only target; an accuracy is maximised.",
    ),
]
Cost = Annotated[
    str | None, typer.Option(metavar="FORMULA", help='Cost of a run as a formula of the features: "6*params*tokens".')
]
Budget = Annotated[float | None, typer.Option(metavar="NUMBER", help="Upper limit of the cost.")]
Sweep = Annotated[
    str | None,
    typer.Option(metavar="LOW:HIGH[:N]", help="Several budgets instead of one: one per decade, or N of them."),
]
SubjectTo = Annotated[
    list[str] | None,
    typer.Option(metavar="CONDITION", help='A condition: "loss <= 2.1", "tokens >= 20*params". May be repeated.'),
]
Bounds = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=LOW:HIGH,..", help="Limits of features; you may leave out either end. May be repeated."),
]
Fix = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE,..", help="Values of features, or of other names in the cost."),
]
Group = Annotated[str | None, typer.Option(help="Only this group; by default every group gets its own optimum.")]
CandidatesFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Table of possible runs, optionally with a column `cost`; by default a grid."),
]
CostLimit = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="Upper limit of the cost of all runs together.")
]
Runs = Annotated[int, typer.Option("--n", min=1, help="Largest number of runs.")]
TargetScale = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=VALUE,..", help="Scale that you want to forecast; by default eight times the largest scale."
    ),
]
GridBounds = Annotated[
    list[str] | None,
    typer.Option("--bounds", metavar="NAME=LOW:HIGH,..", help="Range of the grid, if not that of the data."),
]
GroupOfRuns = Annotated[str | None, typer.Option(help="Only this group; by default all groups.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the starting points.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("allocate", rich_help_panel="Use a run")(allocate)
    app.command("suggest", rich_help_panel="Use a run")(suggest)


def allocate(
    source: Source,
    minimise: Minimise = None,
    cost: Cost = None,
    budget: Budget = None,
    sweep: Sweep = None,
    subject_to: SubjectTo = None,
    bounds: Bounds = None,
    fix: Fix = None,
    group: Group = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Find the best sizes for a budget, or the least cost of a result.

    Examples: discover allocate DIR --cost "6*params*tokens" --budget 1e24, or
    discover allocate DIR --cost "6*params*tokens" --minimise cost --subject-to "loss <= 2.1"
    """
    from discover.cli.output import print_json, print_lines
    from discover.decisions import allocate as best

    if budget is not None and sweep is not None:
        raise InputError("--budget and --sweep both give budgets; expected one of them")
    found = best(
        read_law(source)[0],
        minimise=minimise or "",
        cost=cost,
        budget=_sweep(sweep) if sweep is not None else budget,
        subject_to=tuple(subject_to or ()),
        bounds=_bounds(bounds),
        fix=numbers(",".join(fix or ()), "--fix"),
        group=group,
        seed=seed,
    )
    if json:
        print_json(found.plain())
        return
    print_lines(_describe(found, by_name=not minimise))


def suggest(
    source: Source,
    candidates: CandidatesFile = None,
    cost: Cost = None,
    cost_limit: CostLimit = None,
    n: Runs = 5,
    target_scale: TargetScale = None,
    bounds: GridBounds = None,
    fix: Fix = None,
    group: GroupOfRuns = None,
    json: Json = False,
) -> None:
    """Name the runs to do next: those that narrow the forecast at the target scale most for their cost.

    Example: discover suggest DIR --cost "6*params*tokens" --cost-limit 1e21 --n 5
    """
    from discover.cli.output import print_json, print_lines
    from discover.decisions import suggest as choose

    document, _ = read_law(source)
    ensemble = _ensemble(document, source)
    fixed = numbers(",".join(fix or ()), "--fix")
    problem = _problem(source)
    table = None if problem is None else problem.table
    runs, costs = _runs(ensemble, table, candidates, cost, cost_limit, _bounds(bounds), fixed, group)
    at = _target_points(ensemble, problem, numbers(target_scale, "--target-scale"), group)
    found = choose(ensemble, runs, at, n, costs=costs, limit=cost_limit)
    answer = _Answer(document, runs, at, found)
    if json:
        print_json(answer.plain())
        return
    print_lines(answer.lines())


def _ensemble(document: LawDocument, source: Path) -> Ensemble:
    from discover.forecasts import Ensemble

    if not document.forecasts:
        raise InputError(
            f"{source}: this law has no uncertainty beside it, so nothing can be said of what a run would tell; "
            "expected a law of `discover run`"
        )
    return Ensemble.from_document(document)


def _runs(
    ensemble: Ensemble,
    table: Table | None,
    file: Path | None,
    cost: str | None,
    limit: float | None,
    bounds: Mapping[str, tuple[float | None, float | None]],
    fixed: dict[str, float],
    group: str | None,
) -> tuple[Points, Floats | None]:
    """The candidates and their costs: from a file, or a grid of what the limit allows."""
    from discover.cli.predict_command import points_of_file
    from discover.decisions.candidates import costs_of, grid
    from discover.decisions.suggestion import Points

    document = ensemble.document
    if limit is not None and not limit > 0:
        raise InputError(f"--cost-limit is {limit:g}; expected a number above zero")
    if file is None:
        if limit is not None and cost is None:
            raise InputError('--cost-limit needs a cost; say with --cost what a run costs, such as "6*params*tokens"')
        runs = grid(ensemble, bounds, fixed, document.groups if group is None else (_known(document, group),), table)
        costs = None if cost is None else costs_of(runs, cost, fixed)
        return _affordable(runs, costs, limit)
    if bounds:
        raise InputError("--bounds is for the grid; with --candidates the file says which runs could be done")
    asked = points_of_file(document, ensemble.inputs, group, file)
    columns = {name: _floats(values) for name, values in asked.columns.items()}
    runs = Points(columns, tuple(asked.groups))
    costs = costs_of(runs, cost, fixed) if cost is not None else _cost_column(file)
    if limit is not None and costs is None:
        raise InputError(f"--cost-limit needs a cost: a column 'cost' in {file}, or --cost")
    return runs, costs


def _affordable(runs: Points, costs: Floats | None, limit: float | None) -> tuple[Points, Floats | None]:
    """The points of a grid that one could pay for."""
    from discover.decisions.suggestion import Points

    if costs is None or limit is None or not (costs <= limit).any():
        return runs, costs
    kept = costs <= limit
    groups = tuple(name for name, keep in zip(runs.groups, kept.tolist(), strict=True) if keep)
    return Points({name: values[kept] for name, values in runs.features.items()}, groups), costs[kept]


def _cost_column(file: Path) -> Floats | None:
    from discover.data.reading import read_table

    raw = read_table(file)
    return raw.numbers("cost", range(len(raw)), "positive") if "cost" in raw.columns else None


def _floats(values: Sequence[float]) -> Floats:
    import numpy as np

    return np.array(values, dtype=np.float64)


def _known(document: LawDocument, group: str) -> str:
    return document.groups[document.group_code(group)]


def _problem(source: Path) -> Problem | None:
    """The task of a run with its train rows; a law.json alone has none."""
    if not source.is_dir():
        return None
    from discover.runs.session import reopen

    return reopen(source).problem


def _target_points(ensemble: Ensemble, problem: Problem | None, scale: dict[str, float], group: str | None) -> Points:
    """Where the forecast is wanted: by the run's own task, or as named."""
    from discover.decisions.candidates import points_ahead, points_named

    document = ensemble.document
    if problem is None:
        return points_named(ensemble, scale, document.groups if group is None else (_known(document, group),))
    return points_ahead(problem, document, scale, group)


@dataclass(frozen=True)
class _Answer:
    """What `discover suggest` prints."""

    document: LawDocument
    runs: Points
    at: Points
    found: Suggestion

    def _at(self, place: int) -> dict[str, float]:
        return {name: float(values[place]) for name, values in self.runs.features.items()}

    def _group(self, place: int) -> str | None:
        return self.runs.groups[place] if self.document.group_column is not None else None

    @property
    def cost(self) -> float | None:
        costs = [pick.cost for pick in self.found.picks if pick.cost is not None]
        return sum(costs) if costs else None

    def plain(self) -> dict[str, Any]:
        return {
            "law": self.document.formula,
            "candidates": len(self.runs),
            "target_scale": {name: values.tolist() for name, values in self.at.features.items()},
            "sd_before": dict(self.found.before),
            "cost": self.cost,
            "runs": [
                {
                    "candidate": pick.place + 1,
                    "at": self._at(pick.place),
                    "group": self._group(pick.place),
                    "cost": pick.cost,
                    "sd_after": dict(pick.sd),
                }
                for pick in self.found.picks
            ],
        }

    def lines(self) -> list[str | Printed]:
        from discover.plain_data import number, table

        grouped, priced = self.document.group_column, self.cost is not None
        targets = list(self.found.before)
        head = ["", *([grouped] if grouped else []), *self.runs.features, *(["cost"] if priced else [])]
        head += [f"sd of {target} after" for target in targets]
        rows = []
        for i, pick in enumerate(self.found.picks):
            row = [str(i + 1), *([str(self._group(pick.place))] if grouped else [])]
            row += [number(value) for value in self._at(pick.place).values()]
            row += [number(pick.cost)] if priced else []
            rows.append(row + [number(pick.sd[target], 3) for target in targets])
        spans = [
            f"{name} {_span((float(v.min()), float(v.max()))) if _apart(v) else number(float(v[0]))}"
            for name, v in self.at.features.items()
        ]
        last = self.found.picks[-1].sd
        changes = ", ".join(f"{t} {number(self.found.before[t], 3)} -> {number(last[t], 3)}" for t in targets)
        return [
            f"the {counted(len(rows), 'run')} of {counted(len(self.runs), 'candidate')} that would narrow the "
            "forecast most",
            f"target scale: {', '.join(spans)} ({counted(len(self.at), 'point')})",
            "",
            table(head, rows),
            "",
            f"standard deviation of the forecast, expected: {changes}"
            + (f"; cost of all runs {number(self.cost)}" if priced else ""),
        ]


def _apart(values: Floats) -> bool:
    """Whether the smallest and the largest value differ by more than rounding."""
    return bool(values.max() - values.min() > 1e-9 * abs(values).max())


# --- options


def _sweep(text: str) -> list[float]:
    """Budgets of `LOW:HIGH` or `LOW:HIGH:N`, evenly spaced in the logarithm."""
    import numpy as np

    parts = text.split(":")
    try:
        low, high = number_in(parts[0]), number_in(parts[1])
        n = int(parts[2]) if len(parts) == 3 else 1 + math.ceil(PER_DECADE * math.log10(high / low) - 1e-9)
        right = len(parts) in (2, 3) and 0 < low < high < math.inf and 2 <= n <= MOST_BUDGETS
    except (ValueError, IndexError, ZeroDivisionError, OverflowError):
        right = False
    if not right:
        raise InputError(
            f"--sweep is {text!r}; expected LOW:HIGH or LOW:HIGH:N such as 1e20:1e26, at most {MOST_BUDGETS} budgets"
        )
    return [float(value) for value in np.geomspace(low, high, max(n, 2))]


def _bounds(texts: list[str] | None) -> dict[str, tuple[float | None, float | None]]:
    out = {}
    for name, span in pairs(",".join(texts or ()), "--bounds").items():
        low, sign, high = span.partition(":")
        ends = [_end(end) for end in (low, high)]
        if not sign or any(end is not None and math.isnan(end) for end in ends):
            raise InputError(f"--bounds gives {name!r} the range {span!r}; expected LOW:HIGH such as 1e8:1e12")
        out[name] = (ends[0], ends[1])
    return out


def _end(text: str) -> float | None:
    if not text.strip():
        return None
    value = number_or_nan(text)
    return value if math.isfinite(value) else math.nan


# --- text


def _describe(found: Allocation, by_name: bool) -> list[str | Printed]:
    """The answer for people; `by_name` where nobody said what to minimise."""
    lines: list[str | Printed] = [*_question(found, by_name), ""]
    if len(found.optima) == 1 and not found.refused:
        return [*lines, _one(found.optima[0], found), *_meaning(found), *_notes(found.optima)]
    refused = [f"No answer for {group}: {why}" for group, why in found.refused.items()]
    lines += [_several(found), *_exponent_lines(found), *_alone(found), *_meaning(found), *_notes(found.optima)]
    return [*lines, *(["", *refused] if refused else [])]


def _question(found: Allocation, by_name: bool) -> list[str]:
    held = ", ".join(f"{name} = {value:g}" for name, value in found.fixed.items())
    largest = found.minimised.removeprefix("-")
    if by_name and largest != found.minimised:
        lines = [
            f"largest {largest} under {found.law}",
            f"(better when larger, by its name; --minimise {largest} if not)",
        ]
    else:
        lines = [f"least {found.minimised} under {found.law}"]
    lines[0] += f" and {counted(found.laws - 1, 'near-tied law')}" if found.laws > 1 else ""
    lines += [f"cost {found.cost}"] if found.cost is not None else []
    return lines + ([f"with {held}"] if held else [])


def _one(best: Optimum, found: Allocation) -> Printed:
    from discover.plain_data import number, table

    rows = [(name, quantity) for name, quantity in best.features.items()]
    rows += [("cost", best.cost)] if best.cost is not None else []
    if found.minimised.removeprefix("-") not in ("cost", *best.forecasts):
        rows.append((found.minimised, best.objective))
    cells = [(name, number(q.value), _span(q.interval), _of_law(q), _span(q.laws)) for name, q in rows]
    for target, forecast in best.forecasts.items():
        expected = _forecast(forecast)
        cells.append((f"{target}, forecast", number(expected.value), _span(expected.interval), "", ""))
    head = ("", "best", "90 % interval", "chosen law alone", f"range of {best.laws} laws")
    shown = len(head) if best.laws > 1 else len(head) - 2
    return table(head[:shown], [row[:shown] for row in cells], (1,))


def _forecast(found: Forecast) -> Quantity:
    """The value of a forecast with its 90 % interval."""
    from discover.decisions import Quantity

    ends = (float(found.lower[0.9][0]), float(found.upper[0.9][0])) if found.lower else None
    return Quantity(float(found.value[0]), ends)


def _several(found: Allocation) -> Printed:
    from discover.plain_data import number, table

    grouped = any(best.group is not None for best in found.optima)
    swept = any(best.budget is not None for best in found.optima)
    names = list(found.optima[0].features)
    targets = list(found.optima[0].forecasts)
    head = [*(["group"] if grouped else []), *(["budget"] if swept else [])]
    head += [*names, *(["cost"] if found.cost is not None and not swept else []), *targets]
    rows = []
    for best in found.optima:
        row = [best.group or "-"] if grouped else []
        row += [number(best.budget)] if swept else []
        row += [_with_interval(best.features[name]) for name in names]
        row += [_with_interval(best.cost)] if best.cost is not None and not swept else []
        row += [_with_interval(_forecast(forecast)) for forecast in best.forecasts.values()]
        rows.append(row)
    return table(head, rows)


def _alone(found: Allocation) -> list[str]:
    """The optima of the chosen law alone, where they are few and other laws have a part in the answer."""
    if found.laws == 1 or len(found.optima) > MOST_PLACES:
        return []
    of = [
        f"{_place(best).removeprefix(' at ')}: {', '.join(f'{name} {_of_law(q)}' for name, q in best.features.items())}"
        for best in found.optima
    ]
    return ["", f"the chosen law alone, at {'; '.join(of)}"]


def _meaning(found: Allocation) -> list[str]:
    """What the numbers are."""
    if not found.draws:
        return []
    several = found.laws > 1
    best = f"Best values are the average over {found.laws} laws that the data cannot tell apart. " if several else ""
    own = "these laws" if several else "the law"
    return [
        "",
        f"{best}Their 90 % intervals hold those under {found.draws} plausible sets of constants of {own}; "
        f"that of {' and '.join(found.optima[0].forecasts)} is of a new run's result.",
    ]


def _of_law(quantity: Quantity) -> str:
    from discover.plain_data import number

    return "-" if quantity.law is None else number(quantity.law)


def _exponent_lines(found: Allocation) -> list[str]:
    lines = []
    for group, of in found.exponents.items():
        powers = ", ".join(f"{name} ~ budget^{_with_interval(q, 3)}" for name, q in of.items())
        lines.append(f"{f'{group}: ' if group else ''}{powers}")
    return ["", *lines] if lines else []


def _notes(optima: tuple[Optimum, ...]) -> list[str]:
    """Warnings, each once with the places where it holds; of the optima beyond the data the last of every group."""
    last = {best.group: best for best in optima}
    where: dict[str, list[str]] = {}
    for best in last.values():
        if best.beyond:
            where.setdefault(f"beyond the data: {'; '.join(best.beyond)}", []).append(_place(best))
    lines = [_warning(text, places, len(optima)) for text, places in where.items()]
    where = {}
    for best in optima:
        for text in best.warnings:
            where.setdefault(text, []).append(_place(best))
    lines += [_warning(text, places, len(optima)) for text, places in where.items()]
    return ["", *lines] if lines else []


def _warning(text: str, places: list[str], of: int) -> str:
    """A warning with the places where it holds, unless it holds everywhere or in many."""
    if len(places) == of:
        return f"Warning: {text}"
    shown = ",".join(places[:MOST_PLACES]) + (
        f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    )
    return f"Warning{shown}: {text}"


def _place(best: Optimum) -> str:
    """Group and budget of an optimum, as the end of a phrase."""
    from discover.plain_data import number

    parts = [best.group or "", number(best.budget) if best.budget is not None else ""]
    named = ", ".join(part for part in parts if part)
    return f" at {named}" if named else ""


def _span(ends: tuple[float, float] | None, digits: int = 3) -> str:
    from discover.plain_data import number

    return "-" if ends is None else f"{number(ends[0], digits)} to {number(ends[1], digits)}"


def _with_interval(quantity: Quantity, digits: int = 4) -> str:
    from discover.plain_data import number

    text = number(quantity.value, digits)
    return text if quantity.interval is None else f"{text} ({_span(quantity.interval)})"
