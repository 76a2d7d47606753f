"""`discover suggest`: which runs to do next."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discover.cli import options
from discover.cli.allocate_command import Cost, Fix, Json
from discover.cli.law_source import read_law
from discover.plain_data import counted

if TYPE_CHECKING:
    from rich.table import Table as Printed

    from discover.arrays import Floats
    from discover.decisions.next_runs import NextRuns
    from discover.law.document import LawDocument

HARDLY = 0.9  # share of the standard deviation of a forecast; runs that leave more are hardly worth doing

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
Source = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run, or a law.json.")]
GroupOfRuns = Annotated[str | None, typer.Option(help="Only this group; by default all groups.")]


def register(app: typer.Typer) -> None:
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
    from discover.discovery import suggest as choose

    document, _ = read_law(source)
    held = options.numbers(",".join(fix or ()), "--fix", document)
    found = choose(
        source if source.exists() else document,
        cost=cost,
        cost_limit=cost_limit,
        n=n,
        candidates=candidates,
        target_scale=options.numbers(target_scale, "--target-scale", document),
        bounds=options.bounds(document, bounds),
        fix=held,
        group=group,
    )
    if json:
        print_json(found.plain())
        return
    print_lines(_lines(found, document.group_column, cost_limit))
    if not candidates and not bounds and (ahead := _ahead(found, document, held)):
        print_lines(["", ahead + ("." if cost_limit else ", with --cost and --cost-limit for what all may cost.")])


def _ahead(found: NextRuns, document: LawDocument, held: Collection[str]) -> str:
    """What to ask where runs within the data hardly narrow the forecast; "" where they do. Some columns are held."""
    from discover.plain_data import number

    if all(found.runs[-1].sd[target] < HARDLY * before for target, before in found.before.items()):
        return ""
    wanted = {name: float(values.max()) for name, values in found.target_scale.features.items()}
    ends = {name: document.domain[name] for name in wanted if name in document.domain}
    wider = ",".join(
        f"{name}={number(low)}:{number((high * wanted[name]) ** 0.5)}"
        for name, (low, high) in ends.items()
        if name not in held and 0 < low < high < wanted[name] * (1 - 1e-9)
    )
    if not wider:
        return ""
    return f"Runs within the range of the data hardly narrow this forecast. Larger runs tell more: --bounds {wider}"


def _lines(found: NextRuns, group_column: str | None, limit: float | None) -> list[str | Printed]:
    """The answer for people."""
    from discover.cli.allocation_text import span
    from discover.plain_data import number, table

    priced = found.cost is not None
    targets = list(found.before)
    head = ["", *([group_column] if group_column else []), *found.runs[0].at, *(["cost"] if priced else [])]
    head += [f"sd of {target} after" for target in targets]
    rows = []
    for i, run in enumerate(found.runs):
        row = [str(i + 1), *([str(run.group)] if group_column else [])]
        row += [number(value) for value in run.at.values()]
        row += [number(run.cost)] if priced else []
        rows.append(row + [number(run.sd[target], 3) for target in targets])
    spans = [
        f"{name} {span((float(v.min()), float(v.max()))) if _apart(v) else number(float(v[0]))}"
        for name, v in found.target_scale.features.items()
    ]
    last = found.runs[-1].sd
    changes = ", ".join(f"{t} {number(found.before[t], 3)} -> {number(last[t], 3)}" for t in targets)
    return [
        f"the {counted(len(rows), 'run')} of {counted(found.candidates, 'candidate')} that would narrow the "
        f"forecast most{' for their cost' if priced and limit is None else ''}",
        f"target scale: {', '.join(spans)} ({counted(len(found.target_scale), 'point')})",
        "",
        table(head, rows),
        "",
        f"standard deviation of the forecast, expected: {changes}"
        + (f"; cost of all runs {number(found.cost)}" if priced else ""),
    ]


def _apart(values: Floats) -> bool:
    """Whether the smallest and the largest value differ by more than rounding."""
    return bool(values.max() - values.min() > 1e-9 * abs(values).max())
