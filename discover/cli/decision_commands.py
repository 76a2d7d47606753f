"""`discover allocate` and `discover suggest`: from a law to a decision."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discover.cli.options import numbers, pairs
from discover.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from discover.decisions import Allocation, Optimum, Quantity
    from discover.documents import LawDocument
    from discover.forecasts import Forecast

PER_DECADE = 1
MOST_BUDGETS = 60

Source = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run, or a law.json.")]
Minimise = Annotated[
    str | None,
    typer.Option(metavar="FORMULA", help="Of targets, features and cost; by default the law's only target."),
]
Cost = Annotated[
    str | None, typer.Option(metavar="FORMULA", help='What a run costs, over the features: "6*params*tokens".')
]
Budget = Annotated[float | None, typer.Option(metavar="NUMBER", help="The cost may not exceed it.")]
Sweep = Annotated[
    str | None,
    typer.Option(metavar="LOW:HIGH[:N]", help="Budgets from LOW to HIGH, one per decade or N, instead of --budget."),
]
SubjectTo = Annotated[
    list[str] | None,
    typer.Option(metavar="CONDITION", help='Such as "loss <= 2.1" or "tokens >= 20*params"; may be repeated.'),
]
Bounds = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=LOW:HIGH,..", help="Limits of features; either end may be left out; may be repeated."),
]
Fix = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE,..", help="Features, or other names in the cost, held at a value."),
]
Group = Annotated[str | None, typer.Option(help="The group; by default every group gets its own optimum.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the drawn starting points.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
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
    """The best sizes for a budget, or the least cost of a result.

    Examples: discover allocate DIR --cost "6*params*tokens" --budget 1e24, or
    discover allocate DIR --cost "6*params*tokens" --minimise cost --subject-to "loss <= 2.1"
    """
    from discover.cli.output import print_json, stdout
    from discover.decisions import allocate as best

    if budget is not None and sweep is not None:
        raise InputError("--budget and --sweep both give budgets; expected one of them")
    found = best(
        read_law(source),
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
    console = stdout()
    for line in _describe(found):
        console.print(line, markup=False, soft_wrap=isinstance(line, str))


def read_law(source: Path) -> LawDocument:
    """The law of a run folder, or of a law.json.

    Raises:
        InputError: no such folder or file, a run without a law, or a damaged file.
    """
    from discover.documents import read
    from discover.runs.folder import open_folder

    if not source.is_dir():
        return read(source)
    folder = open_folder(source)
    if not folder.law_path.is_file():
        raise InputError(f"{source} has no law yet; continue it with: discover resume {source}")
    return read(folder.law_path)


# --- options


def _sweep(text: str) -> list[float]:
    """Budgets of `LOW:HIGH` or `LOW:HIGH:N`, evenly spaced in the logarithm."""
    import numpy as np

    parts = text.split(":")
    try:
        low, high = float(parts[0]), float(parts[1])
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
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


# --- text


def _describe(found: Allocation) -> list[str | Table]:
    """The answer for people."""
    lines: list[str | Table] = [*_question(found), ""]
    if len(found.optima) == 1:
        return [*lines, _one(found.optima[0], found), *_notes(found.optima)]
    return [*lines, _several(found), *_exponent_lines(found), *_notes(found.optima)]


def _question(found: Allocation) -> list[str]:
    held = ", ".join(f"{name} = {value:g}" for name, value in found.fixed.items())
    lines = [f"least {found.minimised} under {found.law}"]
    lines += [f"cost {found.cost}"] if found.cost is not None else []
    return lines + ([f"with {held}"] if held else [])


def _one(best: Optimum, found: Allocation) -> Table:
    from discover.cli.output import number, table

    rows = [(name, quantity) for name, quantity in best.features.items()]
    rows += [("cost", best.cost)] if best.cost is not None else []
    if found.minimised not in ("cost", *best.forecasts):
        rows.append((found.minimised, best.objective))
    cells = [(name, number(q.value), _span(q.interval), _span(q.laws)) for name, q in rows]
    for target, forecast in best.forecasts.items():
        expected = _forecast(forecast)
        cells.append((f"{target}, forecast", number(expected.value), _span(expected.interval), ""))
    head = ("", "best", "90 % interval", f"over {found.laws} near-tied laws")
    shown = len(head) if found.laws > 1 else len(head) - 1
    return table(head[:shown], [row[:shown] for row in cells], (1,))


def _forecast(found: Forecast) -> Quantity:
    """The value of a forecast with its 90 % interval."""
    from discover.decisions import Quantity

    ends = (float(found.lower[0.9][0]), float(found.upper[0.9][0])) if found.lower else None
    return Quantity(float(found.value[0]), ends)


def _several(found: Allocation) -> Table:
    from discover.cli.output import number, table

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


def _exponent_lines(found: Allocation) -> list[str]:
    lines = []
    for group, of in found.exponents.items():
        powers = ", ".join(f"{name} ~ budget^{_with_interval(q, 3)}" for name, q in of.items())
        lines.append(f"{f'{group}: ' if group else ''}{powers}")
    return ["", *lines] if lines else []


def _notes(optima: tuple[Optimum, ...]) -> list[str]:
    """Warnings, each once with the places where it holds; of the optima beyond the data the last of every group."""
    last = {best.group: best for best in optima}
    lines = [
        f"Warning{_place(best) if len(optima) > 1 else ''}: beyond the data: {'; '.join(best.beyond)}"
        for best in last.values()
        if best.beyond
    ]
    where: dict[str, list[str]] = {}
    for best in optima:
        for text in best.warnings:
            where.setdefault(text, []).append(_place(best))
    for text, places in where.items():
        lines.append(f"Warning{'' if len(places) == len(optima) else ','.join(places)}: {text}")
    return ["", *lines] if lines else []


def _place(best: Optimum) -> str:
    """Group and budget of an optimum, as the end of a phrase."""
    from discover.cli.output import number

    parts = [best.group or "", number(best.budget) if best.budget is not None else ""]
    named = ", ".join(part for part in parts if part)
    return f" at {named}" if named else ""


def _span(ends: tuple[float, float] | None, digits: int = 3) -> str:
    from discover.cli.output import number

    return "-" if ends is None else f"{number(ends[0], digits)} to {number(ends[1], digits)}"


def _with_interval(quantity: Quantity, digits: int = 4) -> str:
    from discover.cli.output import number

    text = number(quantity.value, digits)
    return text if quantity.interval is None else f"{text} ({_span(quantity.interval)})"
