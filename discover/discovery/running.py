"""`discover.run`, `discover.resume`, `discover.compare` and `discover.suggest`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from discover.data.checks import check_varies
from discover.discovery.conducting import Course, Watcher, conduct, search_beside, usual_budget, usual_workers
from discover.discovery.results import RunResult, temporary
from discover.discovery.tables import TableOptions, named_plainly, path_of, source_of_table
from discover.discovery.telling import Displayed, in_notebook
from discover.errors import InputError
from discover.export.law import FittedLaw
from discover.forecasts import Ensemble
from discover.law.document import LawDocument
from discover.law.storage import read
from discover.llm.config import ModelConfig
from discover.plain_data import duration_s
from discover.runs.folder import new_folder
from discover.runs.inspection import judged_on
from discover.runs.models import model_of
from discover.runs.session import Budget, begin, reopen
from discover.search.team import AUTO, chosen

if TYPE_CHECKING:
    from distributed import Client

    from discover.decisions.next_runs import NextRuns
    from discover.decisions.questions import Ends
    from discover.discovery.tables import Rows
    from discover.report.ranking import Ranking


def run(
    table: Rows,
    target: str | Sequence[str] | None = None,
    *,
    seed: int = 0,
    budget: float | str | None = None,
    evaluations: int | None = None,
    until_settled: bool = False,
    workers: int | None = None,
    islands: int | None = None,
    client: Client | None = None,
    proposers: Sequence[str] = (AUTO,),
    llm: str | Mapping[str, Any] | ModelConfig | None = None,
    out: str | os.PathLike[str] | None = None,
    open_sealed: bool = True,
    all_rows: bool = False,
    on_step: Callable[[Course], None] | None = None,
    **options: Unpack[TableOptions],
) -> RunResult:
    """Discovers the law of a table: searches for the one that extrapolates best, and judges it on sealed rows.

    Args:
        table: a data frame, a mapping of column names to values, the path of a table, the path of a task file
            (`.toml`), or the name of a shipped task. `discover` guesses what you do not say of a table; the `notes`
            of the result say how.
        target: heading or headings to predict; guessed if one column is headed like a result.
        seed: seed of every random draw; the same seed and evaluations give the same law.
        budget: time to search, in seconds or as "60s", "5m", "1h"; by default 60 s if `evaluations` is not given.
        evaluations: laws to score; makes the result independent of the machine's speed.
        until_settled: end as soon as the forecast beyond the data has come to rest; the budget is then an upper
            limit, by default 10 min.
        workers: number of processes; by default one per processor, at most 8. They do not change the law.
        islands: populations that breed apart and exchange their best, each of which keeps one process busy; by
            default one for every 200 of `evaluations`, from 2 to 24, and with a budget of time alone one for every
            process or thread of the cluster.
        client: the client of a Dask cluster, whose workers score laws in place of processes of this machine.
        proposers: who proposes laws, such as "library" and "grammar"; by default all that work here.
        llm: a language model that proposes laws, too, such as "ollama/qwen3"; or its settings, the options `--llm-...`
            of `discover run` without their head: `{"model": "openai/gpt-5-mini", "calls": 50}`. A model that
            `discover llm use` named counts for commands only.
        out: the run folder, new or empty. By default a temporary one, which is removed when Python ends;
            `RunResult.save` keeps it.
        open_sealed: judge the law on the sealed rows at the end.
        all_rows: keep single rows that are far off all published laws. By default the search leaves them out;
            `RunResult.notes` has their lines.
        on_step: called with the `Course` of the search after every law. An error that it raises ends the run; a
            KeyboardInterrupt ends the search with the best law so far. Without it, a notebook shows how far the
            search has come.
        options: options of a table, see `TableOptions`.

    Raises:
        InputError: the table, an option or the folder is not as expected, or no law could be fitted.
        UnavailableError: a proposer or the language model cannot be used here.
    """
    model = model_of(llm)
    if budget is None and evaluations is None:
        budget = usual_budget(until_settled)
    seconds = _seconds(budget)
    team, _ = chosen((proposers,) if isinstance(proposers, str) else proposers)
    processes = workers or usual_workers(client)
    spend = Budget(seconds, evaluations, processes, islands, until_settled)
    folder = new_folder(temporary() if out is None else Path(out), "", seed)
    try:
        with named_plainly(folder.path):
            source = source_of_table(table, target, options, folder.path)
            session = begin(source, seed, spend, folder, open_sealed, model, team)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    conduct(session, _watcher(on_step), all_rows=all_rows, client=client)
    return RunResult(folder.path)


def resume(
    folder: str | os.PathLike[str],
    *,
    workers: int | None = None,
    client: Client | None = None,
    on_step: Callable[[Course], None] | None = None,
) -> RunResult:
    """Continues an interrupted run, to the same law as if nothing had happened; returns the result of a finished one.

    Args:
        folder: folder of the run, or its `RunResult`.
        workers, client, on_step: as of `run`.

    Raises:
        InputError: no run, or its table is gone or has changed.
    """
    session = reopen(Path(folder), workers)
    if not session.finished:
        conduct(session, _watcher(on_step), inspected=False, client=client)
    return RunResult(session.folder.path)


def compare(
    table: Rows,
    target: str | Sequence[str] | None = None,
    *,
    budget: float | str | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    client: Client | None = None,
    all_rows: bool = False,
    **options: Unpack[TableOptions],
) -> Ranking:
    """Ranks published laws by how well they forecast the larger scales of a table; it never opens sealed rows.

    Args:
        table, target: as of `run`.
        budget, evaluations: how long to search for further laws; with neither, published laws only.
        seed: seed of the search, and of the resamples for intervals.
        workers, client, all_rows: as of `run`.
        options: of a table, see `TableOptions`.

    Raises:
        InputError: the table or an option is not as expected.
    """
    from discover.report.ranking import Ranking
    from discover.runs import comparison

    processes = workers or usual_workers(client)
    plan = search_beside(_seconds(budget), evaluations, seed, processes)
    folder = temporary()
    with named_plainly(folder):
        task = source_of_table(table, target, options, folder).load(folder)
        check_varies(task.train(), str(task.table))
    problem, problems = judged_on(task, all_rows)
    found = comparison.compare(task, problem, discover=plan, workers=processes, client=client)
    return Ranking(found, problems, seed)


def suggest(
    law: str | os.PathLike[str] | FittedLaw | LawDocument,
    *,
    cost: str | None = None,
    cost_limit: float | None = None,
    n: int = 5,
    candidates: Rows | None = None,
    target_scale: Mapping[str, float] | None = None,
    bounds: Mapping[str, Ends] | None = None,
    fix: Mapping[str, float] | None = None,
    group: str | None = None,
) -> NextRuns:
    """The runs to do next: those that narrow the forecast at the target scale most for their cost.

    Args:
        law: a run's folder or result, a law.json, or a loaded law. Only a run knows the target scale and its rows.
        cost: cost of a run, as a formula of the features: "6*params*tokens".
        cost_limit: upper limit of the cost of all runs together. Without it, the reduction per unit of cost decides.
        n: number of runs, at most.
        candidates: runs that could be done, as a data frame, a mapping of columns or the path of a table, optionally
            with a column `cost`; by default a grid over the range of the data.
        target_scale: feature -> value at which the forecast is wanted; by default eight times the largest scale.
        bounds: feature -> (lower, upper) of the grid; None for that of the data.
        fix: feature, or other name in the cost -> value.
        group: only this group; by default all.

    Raises:
        InputError: the law has no uncertainty beside it, an option is not as expected, or no candidate is within the
            limit.
    """
    from discover.decisions.next_runs import next_runs

    document = law.document if isinstance(law, FittedLaw) else law if isinstance(law, LawDocument) else read(Path(law))
    place = Path(law) if isinstance(law, str | os.PathLike) else None
    if not document.forecasts:
        raise InputError(
            f"{f'{place}: ' if place else ''}this law has no uncertainty beside it, so nothing can be said of what a "
            "run would tell; expected a law of `discover run`"
        )
    return next_runs(
        Ensemble.from_document(document),
        reopen(place).problem if place is not None and place.is_dir() else None,
        n=n,
        candidates=None if candidates is None else path_of(candidates, temporary),
        cost=cost,
        cost_limit=cost_limit,
        target_scale=target_scale or {},
        bounds=bounds or {},
        fix=fix or {},
        group=group,
    )


class _Calling(Watcher):
    """Calls the function of a user."""

    def __init__(self, on_step: Callable[[Course], None]) -> None:
        self.on_step = on_step

    def step(self, course: Course) -> None:
        self.on_step(course)


def _watcher(on_step: Callable[[Course], None] | None) -> Watcher:
    if on_step is not None:
        return _Calling(on_step)
    return Displayed() if in_notebook() else Watcher()


def _seconds(budget: float | str | None) -> float | None:
    return duration_s(budget, "budget") if isinstance(budget, str) else budget
