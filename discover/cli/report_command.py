"""`discover report`: all about a run on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="html: one file with interactive plots; md: Markdown with pictures beside it; pdf. By default what "
        "the name in --out ends in, else html.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File to write; by default report.FORMAT in the run folder.")
]
Sealed = Annotated[
    bool,
    typer.Option(
        "--sealed",
        help="Open the sealed rows if they are still closed, as `discover evaluate` does. The journal counts it.",
    ),
]
Groups = Annotated[
    str,
    typer.Option(
        metavar="A,B", help="Plots and the calculator of these groups; * and ? stand for any letters: 'run-1*'."
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Show the report in the browser.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command("report", rich_help_panel="Use a run")(report)


def report(
    folder: Folder,
    form: Form = None,
    out: Out = None,
    groups: Groups = "",
    sealed: Sealed = False,
    show: Open = False,
    json: Json = False,
) -> None:
    """Write a report of a run: the law, its forecasts, its rivals, and every reason to doubt it.

    The HTML report is one file that loads nothing from the network. It marks the sealed rows if the run has
    opened them.

    Example: discover report runs/data_constrained-seed0-1 --open
    """
    from discover.cli.kernel_note import compile_kernel
    from discover.cli.output import note, print_json, tell_notes
    from discover.report import write_report
    from discover.runs.folder import open_folder

    tell_notes(open_folder(folder).doubts())
    compile_kernel()
    written = write_report(folder, form, out, open_sealed=sealed, groups=groups)
    if json:
        print_json(
            {
                "report": str(written.path),
                "format": written.form,
                "bytes": written.path.stat().st_size,
                "sections": list(written.sections),
                "pictures": [str(path) for path in written.pictures],
            }
        )
    else:
        note(f"written to {written.path}")
    if show:
        typer.launch(str(written.path.resolve()))
