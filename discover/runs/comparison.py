"""Published laws, and discovered ones, side by side on one table: ranked by how they forecast larger scales.

Every applicable law of the library is fitted under every recipe, and judged on the inner folds of the train rows; its
best recipe counts. Sealed rows play no part.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from discover.arrays import Floats
from discover.data.tasks import Task
from discover.errors import InputError
from discover.fitting import Bootstrap, FitResult, bootstrap, covariance
from discover.law.intake import structure_of
from discover.law.library import get_law
from discover.law.matching import nameable
from discover.proposers.candidate import NO_LAW, Candidate, Origin
from discover.proposers.library import Library, group_means, short_of_rows
from discover.runs.verdict import CLOSE
from discover.scoring import (
    Fold,
    Problem,
    Refused,
    Score,
    Scored,
    fold_logs,
    inner_error,
    penalty,
    points_beyond,
    predict_beyond,
    r_squared,
)
from discover.search import SearchConfig, search
from discover.search.loop import executor_of
from discover.search.tasks import Executor, Job, Setting
from discover.search.verdict import twins_of

if TYPE_CHECKING:
    from distributed import Client


MUCH = 50_000  # candidates times rows from which starting other processes pays
LOOKED = 8  # leaders of a long table that are judged on all of its rows
DISCOVERED = 5
MODERATE = 2.0  # a lead beyond this factor counts, even if some cuts contradict it
TURNED = 0.2  # weight of the cuts that contradict a moderate lead from which it does not count
UNTRIED = "not tried in the time given"


@dataclass(frozen=True)
class Standing:
    """A law and how it stands.

    Attributes:
        name: identifier in the library, "discovered 1" and so on, or "group means".
        kind: where it comes from.
        candidate: structure and its best recipe.
        score: as of the search.
        error: held-out error, see `inner_error`.
        penalty: figure by which `discover run` ranks; lower is better.
        also: other laws of the library that are the same.
        tied: the folds do not tell it from the best.
    """

    name: str
    kind: str
    candidate: Candidate
    score: Score
    error: float
    penalty: float
    also: tuple[str, ...] = ()
    tied: bool = False

    @property
    def scored(self) -> Scored:
        """The score of a law in a ranking, where none was refused."""
        assert isinstance(self.score, Scored)
        return self.score

    @property
    def fit(self) -> FitResult:
        return self.scored.fit


@dataclass(frozen=True)
class Comparison:
    """Laws from the best to the worst.

    Attributes:
        task, problem: what was asked.
        folds: the cuts that they are judged on.
        standings: laws that have an error, best first, the group means among them.
        refused: name and reason of laws that have none.
        short_of_rows: published laws that fit the columns but have too few rows to be judged on.
        nameable: published laws that would apply if columns were named, and how: law -> column -> variable.
        apart: median distance between the tied laws' forecasts, in the target's unit, a step beyond the data.
        seconds: time spent.
    """

    task: Task
    problem: Problem
    folds: tuple[Fold, ...]
    standings: tuple[Standing, ...]
    refused: tuple[tuple[str, str], ...]
    short_of_rows: tuple[str, ...]
    nameable: Mapping[str, Mapping[str, str]]
    apart: float | None
    seconds: float

    @property
    def tied(self) -> tuple[Standing, ...]:
        """The best law and those that the folds do not tell from it."""
        return tuple(one for one in self.standings if one.tied)


def compare(
    task: Task,
    problem: Problem,
    *,
    discover: SearchConfig | None = None,
    workers: int = 1,
    seconds: float = 35.0,
    on_event: Callable[[str], None] = lambda text: None,
    client: Client | None = None,
) -> Comparison:
    """Ranks the laws of the library, and with a search configuration discovered ones, on the train rows of a task.

    Args:
        task: the task.
        problem: what of it laws are judged on.
        discover: how to search for further laws; None for published laws only.
        workers: processes.
        seconds: after which no further recipes of published laws are tried.
        on_event: told what is being done.
        client: of a Dask cluster that does the work.

    Raises:
        ClusterLostError: the cluster is gone.
        InputError: the table is not as expected, or too small to hold rows out.
    """
    begin = time.monotonic()
    folds = problem.folds
    if not folds:
        raise InputError(
            f"{task.table}: no rows can be held out to judge laws on ({len(problem.table)} rows, "
            f"{problem.table.n_groups} groups); expected at least two rows of every group to be left to fit on; "
            "add runs, or fit one formula with `discover fit`"
        )
    weights = problem.fold_weights
    known, refused = _published(problem, weights, workers, seconds, on_event, client)
    if discover is not None:
        known = [*known, *_discovered(problem, discover, weights, known, on_event, client)]
    ranked = _with_ties(_in_one_word(sorted(known, key=lambda one: (one.error, one.penalty)), problem), weights)
    apart = _apart(problem, [one for one in ranked if one.tied])
    target = task.column(task.target[0]).heading
    ranges = {name: (float(v.min()), float(v.max())) for name, v in problem.table.features.items()}
    unnamed = nameable(ranges, target, problem.roles)
    return Comparison(
        task, problem, folds, tuple(ranked), tuple(refused), short_of_rows(problem),
        {law.id: names for law, names in unnamed}, apart, time.monotonic() - begin,
    )  # fmt: skip


def _published(
    problem: Problem,
    weights: Floats,
    workers: int,
    seconds: float,
    on_event: Callable[[str], None],
    client: Client | None,
) -> tuple[list[Standing], list[tuple[str, str]]]:
    library = Library(problem).ask(100_000, (), np.random.default_rng(0))
    candidates = [group_means(problem), *(law for law in library if law.published)]
    laws = len({name_of(c) for c in candidates}) - 1
    on_event(f"{laws} published laws fit the columns; {len(candidates) - 1} fits with all recipes")
    end = time.monotonic() + seconds
    much = len(candidates) * len(problem.table) > MUCH
    setting = Setting(problem)
    with executor_of(setting, workers if much else 1, client if much else None) as pool:
        scores = _scores(pool, [Job(c) for c in candidates], end)
        best = _best_of_each(candidates, scores, weights)
        leaders = sorted(best.values(), key=lambda one: one.error)[: LOOKED if setting.thin else 0]
        again = _scores(pool, [Job(one.candidate, closer=True, start=one.score.fit) for one in leaders], end)
    for one, score in zip(leaders, again, strict=True):
        if score is not None:
            best[name_of(one.candidate)] = _standing(one.name, one.kind, one.candidate, score, weights)
    usable = {name: one for name, one in best.items() if math.isfinite(one.error)}
    refused = [(name, _reason(name, candidates, scores)) for name in best if name not in usable]
    return _without_twins(list(usable.values())), refused


def _scores(pool: Executor, jobs: Sequence[Job], end: float) -> list[Score | None]:
    """Scores in the order of the jobs; None for those that the time did not suffice for."""
    tickets = [pool.submit(job) for job in jobs]
    out: list[Score | None] = []
    for ticket in tickets:
        if time.monotonic() > end:
            ticket.cancel()
            out.append(None)
        else:
            out.append(ticket.result())
    return out


def name_of(candidate: Candidate) -> str:
    """What a law is called in a ranking."""
    if candidate.origin == NO_LAW:
        return "group means"
    law = Origin.of(candidate.origin).move
    own = structure_of(get_law(law)).shared
    return f"{law}, shared exponents" if candidate.structure.shared - own else law


def _best_of_each(
    candidates: Sequence[Candidate], scores: Sequence[Score | None], weights: Floats
) -> dict[str, Standing]:
    """Every law with the recipe of the smallest error."""
    best: dict[str, Standing] = {}
    for candidate, score in zip(candidates, scores, strict=True):
        name = name_of(candidate)
        kind = "baseline" if candidate.origin == NO_LAW else "published"
        one = _standing(name, kind, candidate, score or Refused(reason=UNTRIED), weights)
        if name not in best or one.error < best[name].error:
            best[name] = one
    return best


def _standing(name: str, kind: str, candidate: Candidate, score: Score, weights: Floats) -> Standing:
    return Standing(name, kind, candidate, score, inner_error(score, weights), penalty(score, weights))


def _reason(name: str, candidates: Sequence[Candidate], scores: Sequence[Score | None]) -> str:
    """Why a law has no error under its first recipe."""
    for candidate, score in zip(candidates, scores, strict=True):
        if name_of(candidate) == name:
            if isinstance(score, Refused):
                return score.reason
            return UNTRIED if score is None else "no rows to judge it on"
    return ""


def _without_twins(found: Sequence[Standing]) -> list[Standing]:
    """Of laws that several studies use, the first with the names of the others."""
    first: dict[str, Standing] = {}
    for one in found:
        key = one.candidate.law_key
        if key not in first:
            first[key] = one
            continue
        old = first[key]
        better = one if one.error < old.error else old
        first[key] = replace(better, name=old.name, also=(*old.also, one.name))
    return list(first.values())


def _in_one_word(ranked: Sequence[Standing], problem: Problem) -> list[Standing]:
    """Of laws that are one function in other words, the first with the names of the others."""
    first = twins_of([one.fit for one in ranked], problem)
    names: dict[int, list[str]] = {}
    for place, one in zip(first, ranked, strict=True):
        names.setdefault(place, []).extend((one.name, *one.also))
    return [replace(ranked[place], also=tuple(also[1:])) for place, also in names.items()]


def _discovered(
    problem: Problem,
    config: SearchConfig,
    weights: Floats,
    known: Sequence[Standing],
    on_event: Callable[[str], None],
    client: Client | None,
) -> list[Standing]:
    on_event("searching for other laws")
    published = {one.candidate.law_key for one in known}
    found = search(problem, config, client=client)
    out: list[Standing] = []
    for told in found.finalists:
        key = told.candidate.law_key
        if key in published or told.candidate.published or told.score.fit is None or len(out) == DISCOVERED:
            continue
        published.add(key)
        chosen = ", chosen" if told is found.best else ""
        out.append(_standing(f"discovered {len(out) + 1}{chosen}", "discovered", told.candidate, told.score, weights))
    return out


def _with_ties(ranked: Sequence[Standing], weights: Floats) -> list[Standing]:
    """Marks the laws that the folds do not tell from the best."""
    if not ranked:
        return []
    best = fold_logs(ranked[0].scored)
    return [replace(one, tied=_is_tied(one, best, weights)) for one in ranked]


def _is_tied(one: Standing, best: Floats, weights: Floats) -> bool:
    """Whether the lead of the best law is small, or moderate and turned round on some of the cuts."""
    lead = fold_logs(one.scored) - best
    mean = float(weights @ lead)
    turned = float(weights @ (lead < 0.0))
    return mean <= math.log(CLOSE) or (mean <= math.log(MODERATE) and turned >= TURNED)


def _apart(problem: Problem, tied: Sequence[Standing]) -> float | None:
    """Median over the points beyond the data of the distance between the tied laws' forecasts."""
    if len(tied) < 2:
        return None
    beyond = points_beyond(problem)
    forecasts = np.stack([predict_beyond(one.fit, beyond)[-1] for one in tied])
    distance = float(np.median(np.ptp(forecasts, axis=0)))
    return distance if math.isfinite(distance) else None


# --- one law of the ranking


def resamples(problem: Problem, one: Standing, n: int, seed: int = 0, workers: int = 2) -> Bootstrap:
    """Refits of a law to resampled rows, for intervals of its constants."""
    return bootstrap(one.fit, problem.table, n, seed=seed, workers=workers)


def keys(problem: Problem, one: Standing, drawn: Bootstrap | None, level: float) -> dict[str, Any]:
    """A standing as the keys of a JSON object; `intervals` are null without resamples."""
    table, fit = problem.table, one.fit
    names = fit.structure.constants
    errors = covariance(fit, table).errors
    ends = None if drawn is None or not len(drawn) else drawn.intervals(level)
    return {
        "law": one.name,
        "kind": one.kind,
        "also": list(one.also),
        "formula": fit.structure.text,
        "inner_error": one.error,
        "folds": list(one.scored.folds),
        "train_error": one.score.train,
        "r2": r_squared(fit.predict(table.features, table.group), table.targets),
        "merit": one.penalty,
        "tied": one.tied,
        "n_constants": len(names),
        "shared": sorted(fit.structure.shared),
        "recipe": {"loss": fit.recipe.loss, "space": fit.recipe.space, "emphasis": fit.recipe.emphasis},
        "constants": [
            {
                "group": group,
                "target": target,
                "values": fit.named(g, t),
                "errors": {name: float(errors[g, t, i]) for i, name in enumerate(names)},
                "intervals": None
                if ends is None
                else {name: [float(ends[0, g, t, i]), float(ends[1, g, t, i])] for i, name in enumerate(names)},
            }
            for g, group in enumerate(fit.group_names)
            for t, target in enumerate(fit.target_names)
        ],
    }
