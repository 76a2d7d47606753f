"""The end of a search: a closer look at the leaders, the choice among them, and the chosen law in its simplest form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from discover.fitting import FitResult, covariance
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.limits import laws_without, simpler_laws
from discover.scoring import Problem, Rule, Score, merit, points_beyond, predict_beyond
from discover.scoring.consensus import distances, medoid, near_tied, twins
from discover.scoring.score import parameters, row_weights
from discover.search.archive import shape_class
from discover.search.pool import Job, Pool

Floats = NDArray[np.float64]

FIRST_STEP = slice(1, 2)  # the forecasts nearest beyond the data; farther ones are ruled by the wildest laws
ALIKE = 0.02  # forecasts closer than this share of the error to be expected are the same forecast
NO_WORSE = 1.01  # times the error of the fit, at most
MOST_STEPS = 8  # to simpler laws
MOST_DOUBTS = 6  # constants that are tried at zero in every step


def closer_look(
    leaders: Sequence[Told], pool: Pool, weights: Floats, rule: Rule, out_of_time: Callable[[], bool]
) -> list[Told]:
    """The leaders fitted and scored again with more effort, best first.

    Those that time does not suffice for keep their score, or are left out where that was of a part of the rows;
    with a budget of evaluations there is always time.
    """
    tickets = [pool.submit(Job(told.candidate, closer=True, start=told.score.fit)) for told in leaders]
    looked: list[Told] = []
    for told, ticket in zip(leaders, tickets, strict=True):
        if out_of_time() and (looked or not pool.thin):
            ticket.cancel()
            looked += [] if pool.thin else [told]
            continue
        score: Score = ticket.result()
        looked.append(replace(told, score=score, merit=merit(score, weights, rule)))
    finalists = [told for told in looked if math.isfinite(told.merit)] or list(leaders)
    return sorted(finalists, key=lambda t: (t.merit, t.index))


def choose(finalists: Sequence[Told], problem: Problem) -> list[Told]:
    """The finalists with the chosen law first, the others by merit.

    The choice is the medoid of the near-tied laws of different kinds. If a published law leads, nothing that was found
    beats it by more than chance, and it is the choice. In either case the simplest law that forecasts the same takes
    its place. If the group means lead, there is no law to choose among; and where a task does not extrapolate, its
    folds ask what will be asked, so that the leader is the choice.
    """
    leader = finalists[0]
    if not leader.candidate.structure.features or not problem.axes:
        return list(finalists)
    published = leader.candidate.published
    asked = [t for t in finalists if t.score.fit is not None and (t.candidate.published or not published)]
    kinds = [shape_class(t.candidate.structure.expr) for t in asked]
    tied = [asked[i] for i in near_tied([t.merit for t in asked], kinds)]
    if not tied:
        return list(finalists)
    beyond = points_beyond(problem)
    forecasts = [predict_beyond(t.score.fit, beyond)[FIRST_STEP] for t in tied if t.score.fit is not None]
    centre = 0 if published else medoid(forecasts)
    alike = distances(forecasts, forecasts[centre]) <= _tolerance(tied[0])
    same = [t for t, close in zip(tied, alike, strict=True) if close] or [tied[centre]]
    chosen = min(same, key=lambda t: (t.score.complexity, t.merit, t.index))
    return _led_by(chosen, finalists)


def without_twins(laws: Sequence[Told], problem: Problem) -> list[Told]:
    """The laws without those that say on the rows and beyond them what an earlier one says."""
    fits = [told.score.fit for told in laws]
    first = twins_of([fit for fit in fits if fit is not None], problem)
    return [told for i, told in enumerate(laws) if len(first) < len(laws) or first[i] == i]


def twins_of(fits: Sequence[FitResult], problem: Problem) -> list[int]:
    """For every law the place of the first that says the same on the rows and beyond them, see `twins`."""
    table, beyond = problem.table, points_beyond(problem)
    said = [
        np.concatenate(
            [fit.predict(table.features, table.group), predict_beyond(fit, beyond).reshape(-1, table.n_targets)]
        )
        for fit in fits
    ]
    return twins(said, [parameters(fit.structure, table) for fit in fits], table.targets.std(axis=0))


def choose_with_guests(finalists: Sequence[Told], own: Sequence[Told], problem: Problem) -> list[Told]:
    """As `choose`, but what guests brought never leads to a choice of higher merit than the own finalists alone."""
    together = choose(finalists, problem)
    if not own or len(own) == len(finalists):
        return together
    alone = choose(own, problem)[0]
    return together if together[0].merit <= alone.merit else _led_by(alone, finalists)


def simplest(
    law: Told, problem: Problem, pool: Pool, weights: Floats, rule: Rule, out_of_time: Callable[[], bool]
) -> Told:
    """The law, or a simpler one that forecasts the same.

    That is one that it is a limit of and that fits as well, or itself without a constant that may be zero if that is of
    no worse merit. A published law stays as it was published.
    """
    for _ in range(MOST_STEPS if not law.candidate.published else 0):
        simpler = _simpler(law, problem, pool, weights, rule, out_of_time)
        if simpler is None:
            break
        law = simpler
    return law


def _simpler(
    law: Told, problem: Problem, pool: Pool, weights: Floats, rule: Rule, out_of_time: Callable[[], bool]
) -> Told | None:
    fit = law.score.fit
    if fit is None:
        return None
    beyond = points_beyond(problem)
    forecast = predict_beyond(fit, beyond)[FIRST_STEP]

    def looked_at(candidates: Iterable[Candidate]) -> Iterator[Told]:
        for candidate in candidates:
            if out_of_time():
                break
            score = pool.submit(Job(candidate, closer=True)).result()
            told = replace(law, candidate=candidate, score=score, merit=merit(score, weights, rule))
            if score.fit is None or not math.isfinite(told.merit):
                continue
            if distances([forecast, predict_beyond(score.fit, beyond)[FIRST_STEP]], forecast)[1] <= _tolerance(law):
                yield told

    for told in looked_at(simpler_laws(problem, law.candidate, fit)):
        if told.score.train <= NO_WORSE * law.score.train:
            return told
    errors = covariance(fit, problem.table, row_weights(problem, fit.recipe.emphasis)).errors
    for told in looked_at(islice(laws_without(problem, law.candidate, fit, errors), MOST_DOUBTS)):
        if told.merit <= law.merit:
            return told
    return None


def _tolerance(told: Told) -> float:
    """The squared distance between forecasts, in their variances, below which they are the same."""
    return ALIKE * min(1.0, max(told.score.folds, default=0.0))


def _led_by(chosen: Told, finalists: Sequence[Told]) -> list[Told]:
    return [chosen, *(t for t in finalists if t is not chosen)]
