"""`discover allocate`: from a law to the best sizes for a budget."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from discover.cli import options
from discover.cli.completion import laws_with_constants
from discover.cli.law_source import SOURCE_HELP, read_law
from discover.errors import InputError
from discover.plain_data import number_in

PER_DECADE = 1
MOST_BUDGETS = 60

Source = Annotated[Path, typer.Argument(metavar="DIR|LAW", help=SOURCE_HELP, autocompletion=laws_with_constants)]
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
Seed = Annotated[int, typer.Option(min=0, help="Seed of the starting points.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command("allocate", rich_help_panel="Use a run")(allocate)


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
    from discover.cli.allocation_text import describe
    from discover.cli.output import print_json, print_lines
    from discover.decisions import allocate as best

    if budget is not None and sweep is not None:
        raise InputError("--budget and --sweep both give budgets; expected one of them")
    document, _ = read_law(source)
    found = best(
        document,
        minimise=minimise or "",
        cost=cost,
        budget=_sweep(sweep) if sweep is not None else budget,
        subject_to=tuple(subject_to or ()),
        bounds=options.bounds(document, bounds),
        fix=options.numbers(",".join(fix or ()), "--fix", document),
        group=group,
        seed=seed,
    )
    if json:
        print_json(found.plain())
        return
    print_lines(describe(found, by_name=not minimise))


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
