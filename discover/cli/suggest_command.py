"""`discover suggest`: which runs to do next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli.allocate_command import Cost, Fix, Json, Source
from discover.cli.law_source import read_law
from discover.cli.options import bounds_of, numbers
from discover.errors import InputError
from discover.plain_data import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table as Printed

    from discover.data.table import Floats, Table
    from discover.decisions import Points, Suggestion
    from discover.forecasts import Ensemble
    from discover.law.document import LawDocument
    from discover.scoring import Problem

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


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command("suggest", rich_help_panel="Use a run")(suggest)


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
    runs, costs = _runs(ensemble, table, candidates, cost, cost_limit, bounds_of(bounds), fixed, group)
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
        from discover.cli.allocation_text import span
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
            f"{name} {span((float(v.min()), float(v.max()))) if _apart(v) else number(float(v[0]))}"
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
