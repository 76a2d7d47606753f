"""`discover export`: the law of a run in the form that another tool takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from discover.cli.completion import export_targets, laws_with_constants
from discover.cli.law_source import SOURCE_HELP, read_law
from discover.errors import InputError

Source = Annotated[Path, typer.Argument(metavar="DIR|LAW", help=SOURCE_HELP, autocompletion=laws_with_constants)]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="TARGET",
        help="json, python, sympy, latex, jax, torch, c, xlsx, r, julia, javascript, markdown, sldbench, or "
        "what another package adds.",
        autocompletion=export_targets,
    ),
]
What = Annotated[
    Literal["law", "forecast"],
    typer.Option(
        metavar="law|forecast",
        help="The law, or the forecast: the average of the laws that the data cannot tell apart (json, python, jax, c, "
        "r, julia, javascript).",
    ),
]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; by default stdout.")]


def register(app: typer.Typer) -> None:
    app.command("export", rich_help_panel="Use a run")(export)


def export(source: Source, to: To, what: What = "law", out: Out = None) -> None:
    """Write the law of a run, or its forecast, as code or as a document, in full precision and for every group."""
    from discover.cli.output import note
    from discover.export import export as render
    from discover.export import file_name
    from discover.files import write_whole

    document, _ = read_law(source)
    content = render(document, to, what)
    if out is not None:
        write_whole(out, content.encode() if isinstance(content, str) else content)
        note(f"written to {out}")
        return
    if isinstance(content, bytes):
        raise InputError(f"--to {to} makes a file; say where with --out {file_name(document, to, what)}")
    sys.stdout.write(content)
