"""`discover compare`: published laws, and discovered ones, side by side on one table."""

from __future__ import annotations

from typing import Annotated

import typer

from discover.cli import run_commands as options_of
from discover.cli import table_options as own
from discover.cli.long_commands import on_cluster
from discover.cli.options import spread
from discover.errors import InputError
from discover.plain_data import duration_s

Discover = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Also search for new laws, for this time: 60s, 5m.",
        rich_help_panel="Search",
    ),
]  # fmt: skip
Evaluations = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Also search for new laws, and score this many.",
        rich_help_panel="Search",
    ),
]  # fmt: skip
Everything = Annotated[
    bool,
    typer.Option("--all", help="Show all laws with their constants, not only the leaders.", rich_help_panel="Output"),
]


def register(app: typer.Typer) -> None:
    app.command("compare", rich_help_panel="Find a law")(spread(compare))


def compare(
    subject: own.Subject,
    about: own.TableOptions = own.TableOptions(),
    discover: Discover = None,
    evaluations: Evaluations = None,
    seed: options_of.Seed = 0,
    workers: options_of.Workers = None,
    cluster: options_of.ClusterName = None,
    all_rows: options_of.AllRows = False,
    everything: Everything = False,
    quiet: options_of.Quiet = False,
    json: options_of.Json = False,
) -> None:
    """Rank published laws by how well they forecast the larger scales of a table.

    It never opens sealed rows.

    Examples: discover compare runs.csv --target loss, or
    discover compare runs.csv --target loss --discover 60s
    """
    from discover.cli.kernel_note import compile_kernel
    from discover.cli.output import note, print_json, print_lines, tell_notes, tell_problems
    from discover.data.checks import check_varies
    from discover.discovery import search_beside, usual_workers
    from discover.report.ranking import Ranking
    from discover.runs import comparison
    from discover.runs.inspection import judged_on

    options = about.read()
    if discover is not None and evaluations is not None:
        raise InputError("--discover and --evaluations both say how long to search; expected one of them")
    seconds = None if discover is None else duration_s(discover, "--discover")
    task = own.source_of(subject, options).load()
    check_varies(task.train(), str(task.table))

    def tell(text: str) -> None:
        if not quiet:
            note(text)

    if not quiet:
        tell_notes(task.notes)
    compile_kernel()
    problem, problems = judged_on(task, all_rows)
    if not quiet:
        tell_problems([one.text for one in problems])
    with on_cluster(cluster, quiet) as client:
        processes = workers or usual_workers(client)
        plan = search_beside(seconds, evaluations, seed, processes)
        found = comparison.compare(task, problem, discover=plan, workers=processes, on_event=tell, client=client)
    for text in found.problem.notes:
        tell(f"note: {text}")
    ranking = Ranking(found, problems, seed)
    if json:
        print_json(ranking.keys)
        return
    print_lines(ranking.lines(everything))
