"""`discover board`: all runs of a folder on a local page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from discover.errors import UnavailableError
from discover.plain_data import quoted

Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The folder above the runs.")]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, metavar="N", help="Port to listen at; by default the first free one from 8460 on."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="NAME",
        help="Host name under which browsers may reach the page, besides this machine's own; needed with another "
        "--host; may be given several times.",
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Show it in the browser.")]


def register(app: typer.Typer) -> None:
    app.command("board", rich_help_panel="Use a run")(board)


def board(
    folder: Folder = Path(), host: Host = "127.0.0.1", port: Port = None, allow: Allow = None, show: Open = False
) -> None:
    """Show all runs below a folder on a local page: list and compare them, watch them live, start and stop them.

    The page is for this machine only and opens with the link that is printed, which holds a key. Ctrl-C ends the page;
    runs go on.

    Example: discover board runs --open
    """
    from discover.cli.output import note

    try:
        from discover.board.guard import is_loopback
        from discover.board.server import prepare
    except ImportError as problem:
        if (problem.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio", "h11"):
            raise
        raise UnavailableError("the board needs the extra `board`: pip install 'scaling-discover[board]'") from None
    serving = prepare(folder, host, port, allow or ())
    typer.echo(serving.link)
    if not is_loopback(host):
        note("note: whoever reads the network between the machines reads the page and its key, too")
    note(f"the runs below {quoted(folder)}; Ctrl-C ends the page, runs go on")
    if show:
        typer.launch(serving.link)
    with suppress(KeyboardInterrupt):  # the usual end
        serving.serve()
