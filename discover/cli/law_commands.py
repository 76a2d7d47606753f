"""`discover laws`: the library of human laws."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli.completion import law_names
from discover.cli.options import names
from discover.cli.output import print_json, print_lines, stdout
from discover.plain_data import number, table

if TYPE_CHECKING:
    from discover.law import ConstantSpec, Law

Identifier = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Name of a law, to explain it.", autocompletion=law_names)
]
Columns = Annotated[
    str | None, typer.Option("--columns", metavar="A,B", help="Only laws that apply to a table with these columns.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command("laws", rich_help_panel="Look around")(laws)


def laws(law: Identifier = None, columns: Columns = None, json: Json = False) -> None:
    """List the library of published laws, or explain one law."""
    from discover.law import get_law, laws_for, load_library

    if law is not None:
        _show(get_law(law), json)
        return
    wanted = names(columns)
    known = list(load_library().values()) if wanted is None else laws_for(wanted)
    if json:
        print_json({"laws": [_summary(item) for item in known]})
        return
    rows = [(item.id, item.title, item.target, ", ".join(item.variables), str(item.year)) for item in known]
    more = f"{len(known)} laws. `discover laws ID` explains one, `discover fit ID DATA.csv` fits one."
    print_lines([table(("law", "says", "predicts", "from", "year"), rows), "", more])


def _summary(law: Law) -> dict[str, Any]:
    return {
        "law": law.id,
        "title": law.title,
        "formula": law.formula,
        "target": law.target,
        "features": list(law.variables),
        "n_constants": len(law.constants),
        "source": law.source,
        "arxiv": law.arxiv,
        "year": law.year,
    }


def _details(law: Law) -> dict[str, Any]:
    return _summary(law) | {
        "confidence": law.confidence,
        "variables": [
            {"name": name, "meaning": item.meaning, "unit": item.unit, "range": item.range}
            for name, item in law.variables.items()
        ],
        "constants": [
            {
                "name": name,
                "domain": item.domain,
                "bounds": item.bounds,
                "guess": item.guess,
                "meaning": item.meaning,
                "shared": name in law.shared,
            }
            for name, item in law.constants.items()
        ],
        "recipe": asdict(law.recipe),
        "identifiable": law.identifiable,
        "published": [asdict(item) for item in law.published],
        "notes": law.notes,
    }


def _show(law: Law, json: bool) -> None:
    if json:
        print_json(_details(law))
        return
    stdout().print(f"{law.id}: {law.title}", style="bold", markup=False)
    reference = f"arXiv {law.arxiv}, {law.year}" if law.arxiv else str(law.year)
    source = f"Source: {law.source} ({reference}; formula confirmed by: {law.confidence})"
    variables = [
        (name, item.unit, number(item.range[0]), number(item.range[1]), item.meaning)
        for name, item in law.variables.items()
    ]
    constants = [_constant(name, item, name in law.shared) for name, item in law.constants.items()]
    print_lines(
        [
            f"{law.target} = {law.formula}",
            source,
            "",
            table(("variable", "unit", "from", "to", "meaning"), variables, right=(2, 3)),
            "",
            table(("constant", "domain", "guess", "meaning"), constants, right=(2,)),
            "",
            *_remarks(law),
        ]
    )


def _constant(name: str, spec: ConstantSpec, shared: bool) -> tuple[str, ...]:
    ends = [f">= {spec.lower:g}" if spec.lower is not None else "", f"<= {spec.upper:g}" if spec.upper else ""]
    domain = " ".join(filter(None, (spec.domain, *ends, "shared by all groups" if shared else "")))
    return name, domain, number(spec.guess), spec.meaning


def _remarks(law: Law) -> list[str]:
    loss = f"{law.recipe.loss} loss of the {law.recipe.space}"
    scale = f", robust beyond {law.recipe.scale:g}" if law.recipe.scale is not None else ""
    lines = [f"Fitted with: {loss}{scale}"]
    for item in law.published:
        values = ", ".join(f"{name} = {value:g}" for name, value in item.constants.items())
        lines.append(f"Published ({item.label}): {values}" + (f" ({item.note})" if item.note else ""))
    if isinstance(law.identifiable, str):
        lines.append(f"Identifiability: {law.identifiable}")
    if law.notes:
        lines.append(law.notes)
    return lines
