"""`discover run`, `resume`, `evaluate` and `show`: runs and what they found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discover.cli import llm_run, many_tables
from discover.cli import table_options as own
from discover.cli.completion import tasks_and_tables
from discover.cli.long_commands import count_interrupts, on_cluster
from discover.cli.options import names, spread
from discover.errors import ClusterLostError, DiscoverError, InputError, InterruptedRunError
from discover.plain_data import duration_s, quoted

if TYPE_CHECKING:
    from distributed import Client

    from discover.runs.result import Result
    from discover.runs.session import Budget, Session

_SEARCH, _RARE, _OUTPUT = "Search", "Search, rarely needed", "Output"

Subjects = Annotated[
    list[str],
    typer.Argument(
        metavar="TASK|TABLE...",
        help="A shipped task, a task file (.toml), or a table of your own; several of them, or a folder of tables, "
        "for a run of each.",
        autocompletion=tasks_and_tables,
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, metavar="S", help="Same seed and --evaluations, same law.", rich_help_panel=_SEARCH)
]
BudgetText = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Time to search: 60s, 5m, 1h. By default 60s if --evaluations is not given.",
        rich_help_panel=_SEARCH,
    ),
]
Evaluations = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Laws to score; the result is then independent of the machine's speed.",
        rich_help_panel=_SEARCH,
    ),
]
UntilSettled = Annotated[
    bool,
    typer.Option(
        "--until-settled",
        help="End as soon as the forecast beyond the data has come to rest; --budget and --evaluations are then the "
        "most that is spent. By default at most 10m.",
        rich_help_panel=_SEARCH,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="W", help="Processes; by default one per processor, at most 8.", rich_help_panel=_SEARCH
    ),
]
Islands = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Populations that breed apart and exchange their best; each keeps one process busy. By default one for "
        "every 200 laws of --evaluations, from 2 to 24; with a budget of time alone one for every process.",
        rich_help_panel=_RARE,
    ),
]
ClusterName = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="A Dask cluster that does the work: tcp://host:8786, or local:4 for four processes of this machine.",
        rich_help_panel=_RARE,
    ),
]
Proposers = Annotated[
    str,
    typer.Option(
        metavar="A,B",
        help="Proposers of laws: library, grammar, operon, pysr; auto means all that work here "
        "(see: discover engines).",
        rich_help_panel=_RARE,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Run folder; by default a new one, runs/TASK-seedS-N. With several tables the folder above their runs.",
        rich_help_panel=_OUTPUT,
    ),
]
At = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=NUMBER,..",
        help="With several tables: a point whose forecasts the overview shows; may be repeated.",
        rich_help_panel=_RARE,
    ),
]
Blind = Annotated[
    bool,
    typer.Option("--no-sealed", help="Keep the sealed rows closed at the end.", rich_help_panel=_OUTPUT),
]
AllRows = Annotated[
    bool,
    typer.Option(
        "--all-rows",
        help="Keep single runs that lie far off all published laws; by default they are left out and named.",
        rich_help_panel="Your own table, rarely needed",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=_OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.", rich_help_panel=_OUTPUT)]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")]
Groups = Annotated[
    str,
    typer.Option(
        metavar="A,B", help="Show the constants of these groups alone; * and ? stand for any letters: 'run-1*'.",
        rich_help_panel=_OUTPUT,
    ),
]  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command("run", rich_help_panel="Find a law")(spread(run))
    app.command("resume", rich_help_panel="Find a law")(resume)
    app.command("evaluate", rich_help_panel="Use a run")(evaluate)
    app.command("show", rich_help_panel="Use a run")(show)


def run(
    subjects: Subjects,
    seed: Seed = 0,
    budget: BudgetText = None,
    evaluations: Evaluations = None,
    until_settled: UntilSettled = False,
    workers: Workers = None,
    out: Out = None,
    at: At = None,
    no_sealed: Blind = False,
    quiet: Quiet = False,
    json: Json = False,
    about: own.TableOptions = own.TableOptions(),
    all_rows: AllRows = False,
    islands: Islands = None,
    cluster: ClusterName = None,
    proposers: Proposers = "auto",
    asked_model: llm_run.Every = llm_run.Every(),
) -> None:
    """Find the law of a task, or of your own table; of several tables one after another.

    Several tables, or a folder of them, get a run each with the same options,
    budget and caps, and one overview at the end. A table that cannot be read
    costs only its own run; the exit status is then 1.

    Examples: discover run data_constrained --budget 60s, or
    discover run runs.csv --target loss --holdout 0.2, or
    discover run ablations/ --target loss --out runs/ablations
    """
    from discover.cli.output import tell_notes
    from discover.cli.progress import Shown
    from discover.discovery import conduct, processors, usual_budget, usual_workers
    from discover.runs import models

    options = about.read()
    many = many_tables.subjects_of(subjects, about.test_rows)
    replay = asked_model.llm_replay
    if many is not None and replay is not None:
        raise InputError("--llm-replay repeats the run of one table; expected one TABLE")
    if many is None and at:
        raise InputError("--at is for several tables; of one run say: discover predict DIR --at NAME=NUMBER,..")

    model = models.config_of(asked_model.given)
    if replay is not None and budget is None and evaluations is None:
        repeated = models.recorded(replay)
        seed, evaluations = seed or repeated.seed, repeated.evaluations
        islands = islands or repeated.islands
        proposers = ",".join(repeated.proposers) if proposers == "auto" else proposers
    bounded = budget is not None or evaluations is not None
    budget = budget if bounded else usual_budget(until_settled)
    seconds = None if budget is None else duration_s(budget)
    from discover.runs.session import Budget, begin
    from discover.search.team import chosen

    source = own.source_of(subjects[0], options) if many is None else None
    team, left_out = chosen(names(proposers) or ())
    if until_settled and not bounded:
        left_out += (f"searching until the forecast has settled, for {budget} at most",)
    with on_cluster(cluster, quiet) as client:
        spend = Budget(seconds, evaluations, workers or usual_workers(client), islands, until_settled)
        if client is not None or workers is not None:
            left_out += idle(spend, spend.workers, "workers")
        else:
            left_out += idle(spend, processors(), "processors")
        if source is not None:
            session = begin(source, seed, spend, out, not no_sealed, model, team)
            _conduct(session, quiet, json, asked_model.llm_url, left_out, fresh=True, all_rows=all_rows, client=client)
            return
        if not quiet:
            tell_notes(left_out)

        def one(session: Session, fresh: bool) -> Result:
            return conduct(
                session, Shown(quiet), inspected=fresh, all_rows=all_rows, model_url=asked_model.llm_url, client=client
            )

        asked = many_tables.Asked(options, seed, spend, not no_sealed, model, team)
        many_tables.run_all(many or (), asked, out, one, quiet, json, at or ())


def resume(
    folder: Folder,
    workers: Workers = None,
    cluster: ClusterName = None,
    llm_url: llm_run.Url = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Continue an interrupted run; it ends in the same law as if nothing had happened."""
    from discover.cli.output import note, tell_notes
    from discover.runs.session import reopen

    session = reopen(folder, workers)
    if session.finished:
        note(f"{folder} has spent what it was given; this is what it found")
        tell_notes(session.folder.doubts())
        found = session.folder.found()
        _print_result(None if found is None else found.model_copy(update={"run_dir": str(folder)}), json)
        return
    with on_cluster(cluster, quiet) as client:
        _conduct(session, quiet, json, llm_url, client=client)


def evaluate(folder: Folder, json: Json = False) -> None:
    """Score the law of a run on the sealed rows; the journal counts every opening."""
    from discover.cli.kernel_note import compile_kernel
    from discover.cli.output import tell_notes
    from discover.runs.outcome import evaluate_again
    from discover.runs.session import reopen

    session = reopen(folder)
    tell_notes(session.folder.doubts())
    compile_kernel()
    _print_result(evaluate_again(session), json)


def show(folder: Folder, groups: Groups = "", json: Json = False) -> None:
    """Print what a run found, without opening the sealed rows."""
    from discover.cli.output import print_lines, tell_notes
    from discover.report.terminal import describe_constants
    from discover.runs.folder import open_folder

    opened = open_folder(folder)
    result = opened.found()
    if result is None:
        progress = opened.progress()
        laws = sum(record["kind"] == "step" for record in opened.records())
        raise InputError(
            f"{folder} has no result yet ({laws} laws scored, {progress.seconds:.0f} s); "
            f"continue it with: discover resume {quoted(folder)}"
        )
    tell_notes(opened.doubts())
    result = result.model_copy(update={"run_dir": str(folder)})
    if not groups:
        _print_result(result, json)
    elif json:
        _print_result(result.of_groups(groups), json)
    else:
        print_lines(describe_constants(result.of_groups(groups)))


def _conduct(
    session: Session,
    quiet: bool,
    json: bool,
    llm_url: str | None = None,
    notes: tuple[str, ...] = (),
    fresh: bool = False,
    all_rows: bool = False,
    client: Client | None = None,
) -> None:
    from discover.cli.progress import Shown
    from discover.discovery import conduct
    from discover.runs.session import INTERRUPTED

    interrupts = count_interrupts()
    again = f"discover resume {quoted(session.folder.path)}"
    try:
        result = conduct(
            session, Shown(quiet, notes), inspected=fresh, all_rows=all_rows, model_url=llm_url, client=client
        )
    except ClusterLostError as problem:
        raise ClusterLostError(f"{problem}; go on with: {again} --cluster ADDRESS") from problem
    except (KeyboardInterrupt, InputError) as problem:
        if isinstance(problem, InputError) and not interrupts:  # else the search was ended before it had any law
            raise
        text = f"interrupted before the result was written; go on with: {again}"
        raise InterruptedRunError(text, *interrupts[-1:]) from problem
    # What was told before the search is not told again.
    told = fresh and not quiet and not json
    _print_result(result.model_copy(update={"problems": ()}) if told else result, json)
    if result.stopped == INTERRUPTED:
        raise InterruptedRunError(f"interrupted; this is the law so far, go on with: {again}", *interrupts[-1:])


def idle(spend: Budget, there: int, noun: str) -> tuple[str, ...]:
    """What would keep all of the processors or workers that are there busy, where the search does not."""
    busy = min(spend.used_islands, spend.workers)
    if busy >= there:
        return ()
    wider = replace(spend, workers=there)
    more = [f"--workers {there}"] if spend.workers < there else []
    if wider.used_islands < there:
        more.append(f"--islands {there}")
    course = ", and finds other laws" if wider.used_islands < there else ""
    return (f"this search keeps {busy} of {there} {noun} busy; {' '.join(more)} uses all{course}",)


def _print_result(result: Result | None, json: bool) -> None:
    from discover.cli.output import print_json, print_lines
    from discover.report.terminal import describe_result

    if result is None:
        raise DiscoverError("the run has no result.json; run it again")
    if json:
        print_json(result.keys())
        return
    print_lines(describe_result(result))
