"""`discover bench`: all tasks, several seeds, blind, beside the human laws and the published records."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli import llm_run
from discover.cli.long_commands import count_interrupts, on_cluster
from discover.cli.options import spread
from discover.cli.run_commands import ClusterName
from discover.errors import ClusterLostError, DiscoverError, InterruptedRunError
from discover.plain_data import duration_s

if TYPE_CHECKING:
    from distributed import Client

    from discover.discovery import Watcher
    from discover.runs.bench import Bench, Place
    from discover.runs.result import Result

BENCHES = Path("benches")

Tasks = Annotated[
    list[str] | None, typer.Argument(metavar="[TASK]...", help="Shipped tasks or task files; by default all shipped.")
]
Seeds = Annotated[int | None, typer.Option(min=1, help="Runs per task, with seeds 0 to N-1; by default 5.")]
BudgetText = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Time to search in every run: 60s, 5m. By default 120s if --evaluations is not given.",
    ),
]
Evaluations = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Number of laws to score in every run, instead of a time.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="W", help="Processes; by default one per processor, at most 8.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder of the runs; an existing one is continued. By default a new folder, benches/N."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Markdown = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables as Markdown, too.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def register(app: typer.Typer) -> None:
    app.command("bench", rich_help_panel="Find a law")(spread(bench))


def bench(
    tasks: Tasks = None,
    seeds: Seeds = None,
    budget: BudgetText = None,
    evaluations: Evaluations = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    out: Out = None,
    asked_model: llm_run.Few = llm_run.Few(),
    markdown: Markdown = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run tasks blind with several seeds and judge each law on the sealed rows, opened once at the end of its run.

    The same command continues an interrupted benchmark: it keeps the finished runs in DIR and goes on.

    With --cluster it makes several runs side by side, as many as keep all threads of the cluster busy.

    With --llm it makes every run three times: alone, with the model, and with random formulas in place of the model's
    laws. The caps count for each run.

    Examples: discover bench --seeds 5 --budget 120s --out bench, or discover bench --out bench
    """
    from discover.data.tasks import list_tasks
    from discover.discovery import usual_workers
    from discover.runs.bench import Asked, open_bench
    from discover.runs.models import config_of
    from discover.search import ISLANDS

    given = asked_model.given
    named = any(value is not None for value in given.values())  # a saved default is for runs, not for figures
    model = config_of(given) if named else None
    seconds = None if budget is None else duration_s(budget)
    asked = Asked(tuple(tasks or ()), seeds, seconds, evaluations, workers, model)
    _check_writable(markdown)
    usual = usual_workers() if cluster is None else ISLANDS  # of a run; on a cluster others run beside it
    opened = open_bench(out or _first_free(BENCHES), asked, list_tasks(), usual)
    again = f"continue with: discover bench --out {opened.path}{'' if cluster is None else ' --cluster ADDRESS'}"
    ended: DiscoverError | None = None
    with on_cluster(cluster, quiet) as client:
        benchmark = _Benchmark(opened, quiet, asked_model.llm_url, client, count_interrupts())
        try:
            benchmark.run()
        except KeyboardInterrupt:
            ended = InterruptedRunError(f"interrupted; {again}")
        except ClusterLostError as problem:
            ended = ClusterLostError(f"{problem}; {again}")
    _show(opened, benchmark.failures, markdown, json)
    if ended is not None:
        raise ended
    if benchmark.failures:
        raise typer.Exit(1)


def _first_free(parent: Path) -> Path:
    number = 1
    while (parent / str(number)).exists():
        number += 1
    return parent / str(number)


def _check_writable(markdown: Path | None) -> None:
    """Before hours of work rather than after."""
    from discover.errors import InputError

    if markdown is not None and not markdown.absolute().parent.is_dir():
        raise InputError(f"there is no folder {markdown.parent} for --markdown {markdown}")


@dataclass(frozen=True)
class _Benchmark:
    """A benchmark under way.

    Attributes:
        opened: its folder.
        quiet, model_url: as the user says.
        client: of a Dask cluster that does the work.
        interrupts: signals that came.
        failures: label of a run -> why it ended without a law.
        ended: no run is to go on.
    """

    opened: Bench
    quiet: bool
    model_url: str | None
    client: Client | None
    interrupts: list[int]
    failures: dict[str, str] = field(default_factory=dict)
    ended: Event = field(default_factory=Event)

    @cached_property
    def at_once(self) -> int:
        """Runs side by side: as many as keep the threads of a cluster busy, if no model is asked in turn."""
        if self.client is None or self.opened.config.llm is not None:
            return 1
        from discover.discovery import usual_workers

        return max(1, usual_workers(self.client) // self.opened.budget.used_islands)

    def run(self) -> None:
        """Runs what is not finished."""
        from discover.cli.kernel_note import compile_kernel
        from discover.cli.output import note
        from discover.runs.bench import finished_result

        places = list(self.opened.places())
        left = [place for place in places if finished_result(place.path) is None]
        if left:
            compile_kernel()
        if not self.quiet and len(left) < len(places):
            note(f"{len(places) - len(left)} of {len(places)} runs are finished")
        one = partial(self.run_one, places)
        if (threads := self.at_once) == 1:
            for place in left:
                one(place)
            return
        with ThreadPoolExecutor(threads) as pool:
            runs = [pool.submit(one, place) for place in left]
            try:
                for run in as_completed(runs):
                    run.result()
            except BaseException:
                self.ended.set()
                pool.shutdown(cancel_futures=True)
                raise

    def run_one(self, places: Sequence[Place], place: Place) -> None:
        """A run that ends in an error is noted, and the others go on."""
        from discover.cli.output import note
        from discover.runs.journal import JournalError

        head = f"[{places.index(place) + 1}/{len(places)}] {place.label}"
        begin = time.monotonic()
        try:
            result = self.conducted(place)
        except (JournalError, ClusterLostError):
            raise
        except DiscoverError as problem:
            if self.interrupts:  # before the run had any law
                raise KeyboardInterrupt from problem
            self.failures[place.label] = str(problem)
            note(f"{head}: {problem}")
            return
        if not self.quiet:
            note(f"{head}: {_outcome(result)}, {time.monotonic() - begin:.0f} s")

    def conducted(self, place: Place) -> Result:
        from discover.discovery import conduct
        from discover.runs.bench import RANDOM, Meter, random_formulas
        from discover.runs.session import INTERRUPTED

        with Meter(place.path, beside=self.at_once > 1):
            session = self.opened.session(place)
            advisers = (random_formulas(place, session),) if place.arm == RANDOM else ()
            result = conduct(
                session, self.watcher(), inspected=False, model_url=self.model_url, advisers=advisers,
                client=self.client,
            )  # fmt: skip
            if result.stopped == INTERRUPTED:
                raise KeyboardInterrupt
            return result

    def watcher(self) -> Watcher:
        """Without a terminal, and of many runs at once, a line at the end of each is enough."""
        from discover.cli.progress import Beside, Shown

        if self.at_once > 1:
            return Beside(self.ended)
        return Shown(self.quiet or not sys.stderr.isatty(), notes=None)


def _outcome(result: Result) -> str:
    sealed, forecast = result.sealed, result.forecast
    r2 = "no R2" if sealed is None or sealed.r2 is None else f"R2 {sealed.r2:.4f}"
    average = "" if forecast is None or forecast.r2 is None else f", forecast {forecast.r2:.4f}"
    return f"{r2}{average}, {result.evaluations} laws, {result.formula}"


def _show(opened: Bench, failures: dict[str, str], markdown: Path | None, json: bool) -> None:
    from discover.cli.bench_report import describe_summary, markdown_of
    from discover.cli.output import print_json, print_lines
    from discover.files import write_whole
    from discover.runs.bench_summary import summarise
    from discover.runs.standings import load_standings

    summary = summarise(opened, load_standings(), failures)
    write_whole(opened.path / "summary.json", _json_text(summary))
    if markdown is not None:
        write_whole(markdown, markdown_of(summary).encode())
    if json:
        print_json(summary)
        return
    print_lines(describe_summary(summary))


def _json_text(summary: Any) -> bytes:
    import json

    return json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
