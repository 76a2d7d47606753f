"""The end of a search: a closer look at the leaders, the choice among them, and the chosen law in its simplest form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from discover.arrays import Floats
from discover.averages import average, disagreement, restrained
from discover.fitting import FitResult, covariance
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.dead_parts import laws_without_dead_parts
from discover.proposers.limits import laws_without, simpler_laws
from discover.rules import Choice
from discover.scoring import Problem, Scored, points_beyond, predict_beyond
from discover.scoring.beyond import Beyond, unbelieved_groups
from discover.scoring.consensus import distances, twins
from discover.scoring.reach import Reach
from discover.scoring.score import parameters
from discover.scoring.stacking import Stack, averages_logs, departure, rows_asked, stacked
from discover.search.archive import rank
from discover.search.tasks import Executor, Job, Setting

BEYOND = slice(1, None)  # of the points that continue the data; the first are measured
NEAREST = slice(1, 2)  # of them; farther out a part without evidence moves any forecast


def closer_look(
    leaders: Sequence[Told], setting: Setting, workers: Executor, out_of_time: Callable[[], bool]
) -> list[Told]:
    """The leaders scored on all rows, with what they forecast of the folds, best first.

    Those that time does not suffice for keep their score, or are left out where that was of a part of the rows;
    with a budget of evaluations there is always time.
    """
    tickets = [workers.submit(Job(told.candidate, closer=True, start=told.score.fit)) for told in leaders]
    looked: list[Told] = []
    for told, ticket in zip(leaders, tickets, strict=True):
        if out_of_time() and (looked or not setting.thin):
            ticket.cancel()
            looked += [] if setting.thin else [told]
            continue
        score = ticket.result()
        looked.append(replace(told, score=score, penalty=setting.penalty(score)))
    finalists = [told for told in looked if math.isfinite(told.penalty)] or list(leaders)
    return sorted(finalists, key=rank)


def weigh(finalists: Sequence[Told], problem: Problem) -> Stack:
    """How much each finalist counts in the forecast, which is their average.

    A finalist that time did not suffice to look at closely is weighed by its penalty alone.
    """
    unasked = [np.full((len(rows_asked(fold)), problem.table.n_targets), np.nan) for fold in problem.folds]
    forecasts = [(isinstance(told.score, Scored) and told.score.held_out) or unasked for told in finalists]
    beyond = points_beyond(problem)
    unbelieved = np.array([unbelieved_groups(problem, beyond, fit).mean() for fit in fits_of(finalists)])
    return stacked(problem, forecasts, [told.penalty for told in finalists], unbelieved)


def choose(finalists: Sequence[Told], weights: Floats, problem: Problem) -> int:
    """The place of the chosen law: of the near-tied finalists the one that forecasts most like their average.

    The simplest law that forecasts the same takes its place. If the group means lead, there is no law to choose among;
    and where a task does not extrapolate, its folds ask what will be asked, so that the leader is the choice.

    Args:
        finalists: by penalty, best first.
        weights: of the finalists in the average, see `weigh`.
    """
    leader = finalists[0]
    if not leader.candidate.structure.features or not problem.axes:
        return 0
    beyond = points_beyond(problem)
    fits = fits_of(finalists)
    said = np.stack([predict_beyond(fit, beyond)[BEYOND] for fit in fits])
    expected = _forecast(fits, said, weights, beyond, problem)
    tied = [i for i, told in enumerate(finalists) if told.penalty <= leader.penalty + problem.rules.choice.tie]
    nearest = min(tied, key=lambda i: departure(said[i], expected, problem))
    placed = problem.on_scale(said)
    alike = distances(list(placed[tied]), placed[nearest]) <= _tolerance(leader, problem.rules.choice)
    same = [i for i, close in zip(tied, alike, strict=True) if close] or [nearest]
    return min(same, key=lambda i: (finalists[i].score.complexity, finalists[i].penalty, i))


def _forecast(fits: Sequence[FitResult], said: Floats, weights: Floats, beyond: Beyond, problem: Problem) -> Floats:
    """What a run forecasts of the points beyond, where the laws say this, no steeper than within the data."""
    logs, rules = averages_logs(problem.table), problem.rules.average
    ahead = {name: values[BEYOND] for name, values in beyond.features.items()}
    read = {name for fit in fits for name in fit.structure.features}
    edge, inside, times = Reach.of(problem).inward({name: ahead[name] for name in read}, beyond.group)

    def mean_at(columns: Mapping[str, Floats]) -> Floats:
        place = replace(beyond, features={**ahead, **columns})
        return average(np.stack([predict_beyond(fit, place) for fit in fits]), weights, logs, rules.reach)

    value, variance = average(said, weights, logs, rules.reach), disagreement(said, weights, logs)
    return restrained(value, mean_at(edge), mean_at(inside), times[..., None], variance, logs, rules.yielding)


def fits_of(laws: Sequence[Told]) -> list[FitResult]:
    """Fits to all train rows of laws that have one, as all do that were not refused."""
    return [told.score.fit for told in laws if told.score.fit is not None]


def without_twins(laws: Sequence[Told], problem: Problem) -> list[Told]:
    """The laws without those that say on the rows and beyond them what an earlier one says."""
    first = twins_of(fits_of(laws), problem)
    return [told for i, told in enumerate(laws) if first[i] == i]


def twins_of(fits: Sequence[FitResult], problem: Problem) -> list[int]:
    """For every law the place of the first that says the same on the rows and beyond them, see `twins`."""
    table, beyond = problem.table, points_beyond(problem)
    said = [
        np.concatenate(
            [fit.predict(table.features, table.group), predict_beyond(fit, beyond).reshape(-1, table.n_targets)]
        )
        for fit in fits
    ]
    return twins(
        said, [parameters(fit.structure, table) for fit in fits], problem.rules.choice.twins * table.targets.std(axis=0)
    )


def simplest(law: Told, setting: Setting, workers: Executor, out_of_time: Callable[[], bool]) -> Told:
    """The law, or a simpler one that forecasts the same.

    That is itself without parts that move no value, one that it is a limit of and that fits as well, or itself without
    a constant that may be zero if that is of no worse penalty. A published law stays as it was published.
    """
    for _ in () if law.candidate.published else law.candidate.structure.constants:  # a step leaves one out, or more
        simpler = _simpler(law, setting, workers, out_of_time)
        if simpler is None:
            break
        law = simpler
    return law


def _simpler(law: Told, setting: Setting, workers: Executor, out_of_time: Callable[[], bool]) -> Told | None:
    problem, fit = setting.problem, law.score.fit
    if fit is None:
        return None
    beyond = points_beyond(problem)
    forecast = problem.on_scale(predict_beyond(fit, beyond)[NEAREST])

    def looked_at(candidates: Iterable[Candidate]) -> Iterator[Told]:
        for candidate in candidates:
            if out_of_time():
                break
            score = workers.submit(Job(candidate, closer=True)).result()
            told = replace(law, candidate=candidate, score=score, penalty=setting.penalty(score))
            if score.fit is None or not math.isfinite(told.penalty):
                continue
            other = problem.on_scale(predict_beyond(score.fit, beyond)[NEAREST])
            if distances([forecast, other], forecast)[1] <= _tolerance(law, problem.rules.choice):
                yield told

    shorter = chain(laws_without_dead_parts(problem, law.candidate, fit), simpler_laws(problem, law.candidate, fit))
    for told in looked_at(shorter):
        if told.score.train <= (1.0 + problem.rules.choice.alike) * law.score.train:
            return told
    errors = covariance(fit, problem.table).errors
    for told in looked_at(laws_without(problem, law.candidate, fit, errors)):
        if told.penalty <= law.penalty:
            return told
    return None


def _tolerance(told: Told, rules: Choice) -> float:
    """The squared distance between forecasts, in their variances, below which they are the same."""
    folds = told.score.folds if isinstance(told.score, Scored) else ()
    return rules.alike * min(1.0, max(folds, default=0.0))
