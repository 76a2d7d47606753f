"""Whether a search has settled: by made-up laws, and in whole searches."""

from __future__ import annotations

import itertools
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from discover.fitting import Recipe
from discover.proposers import Candidate, Told
from discover.scoring import Problem, Score, Scored
from discover.search import AddStatus, SearchConfig, Step, search
from discover.search.loop import EPOCH, SETTLED
from discover.search.settling import FIRST_LOOK, Settled, Settling
from discover.search.tasks import Setting
from tests.scoring.problems import law_with, problem_from
from tests.search.course import course, problem, run

NUMBERS = itertools.count()  # of steps


@pytest.fixture(scope="module")
def powers() -> Problem:
    x = np.geomspace(1e6, 1e9, 12)
    return problem_from({"x": x}, 2 + 1e3 * x**-0.5, axes=("x",))


def law(problem: Problem, penalty: float, floor: float = 2.0, error: float = 1e-4) -> Told:
    """A power law with this floor and this error on every fold."""
    fit = law_with(problem, "E + A*x**(-a)", E=floor, A=1e3, a=0.5)
    score = Scored(folds=(error,) * len(problem.folds), fit=fit)
    return Told(next(NUMBERS), Candidate(fit.structure, Recipe(), "x:y"), score, penalty, True)


def looks(problem: Problem, *leaders: tuple[int, list[Told]]) -> list[Settled]:
    settling = Settling(Setting(problem), islands=2)
    return [settling.look(laws, count) for count, laws in leaders]


def test_a_forecast_at_rest_settles_at_the_second_look_that_sees_it(powers: Problem) -> None:
    least = powers.rules.settling.least
    same = [law(powers, -5.0)]
    found = looks(powers, *((n, same) for n in (least // 2, least, 2 * least, 4 * least)))
    assert [one.yes for one in found] == [False, False, True, True]
    assert (found[2].since, found[2].moved, found[2].gained) == (least, 0.0, 0.0)


def test_a_look_soon_after_another_is_no_second_one(powers: Problem) -> None:
    same = [law(powers, -5.0)]
    found = looks(powers, *((n, same) for n in (300, 600, 616, 750)))
    assert [one.yes for one in found] == [False, False, False, True]


def test_few_laws_do_not_settle(powers: Problem) -> None:
    same = [law(powers, -5.0)]
    assert not any(one.yes for one in looks(powers, *((n, same) for n in (16, 32, 64, 128, 255))))


def test_the_movement_is_counted_in_errors_to_be_expected(powers: Problem) -> None:
    """A floor higher by three roots of the error of the folds, which are variances of the target."""
    error = 1e-2
    step = 3 * np.sqrt((error + powers.rules.penalty.floor) * powers.table.targets.var())
    found = looks(powers, (300, [law(powers, -5.0)]), (600, [law(powers, -5.0, 2.0 + step, error)]))
    assert found[1].moved == pytest.approx(3.0)
    surer = looks(powers, (300, [law(powers, -5.0)]), (600, [law(powers, -5.0, 2.0 + step, error / 100)]))
    assert surer[1].moved == pytest.approx(30.0, rel=0.1)


def test_a_movement_within_the_spread_of_the_laws_counts_less(powers: Problem) -> None:
    low, high = law(powers, -5.0, 1.9), law(powers, -5.0, 2.1)
    (_, alone), (_, spread) = (looks(powers, (300, [low]), (600, laws)) for laws in ([high], [low, high]))
    assert alone.moved > 1
    assert spread.moved == pytest.approx(1.0, abs=0.1)  # half way, of a half width that is as large


def test_a_better_penalty_unsettles_a_forecast_at_rest(powers: Problem) -> None:
    found = looks(powers, *((300 * 2**i, [law(powers, -5.0 - 0.2 * i)]) for i in range(4)))
    assert [one.moved for one in found[1:]] == [0.0, 0.0, 0.0]
    assert found[3].gained == pytest.approx(0.2)
    assert not any(one.yes for one in found)


def test_best_laws_of_islands_are_compared_if_they_are_near_tied(powers: Problem) -> None:
    def apart(*own: Told) -> float | None:
        settling = Settling(Setting(powers), islands=3)
        for epoch, told in enumerate(own):
            settling.note(Step(told.index, epoch, "", (), 0, told.penalty, AddStatus.NEW, b"", law=told))
        settling.look([own[0]], 300)
        return settling.look([own[0]], 600).apart

    best, other, poor = law(powers, -5.0), law(powers, -4.5, 2.1), law(powers, -3.0, 2.5)
    assert apart(best) is None
    assert apart(best, poor) is None
    assert apart(best, other) == apart(best, other, poor) > 1
    assert apart(best, law(powers, -4.5, 2.2)) == pytest.approx(2 * apart(best, other))


def test_without_a_law_there_is_nothing_to_compare(powers: Problem) -> None:
    assert looks(powers, (64, []), (128, [law(powers, -5.0)]))[1] == Settled(False, 128)


def test_looks_are_twice_a_doubling_however_many_laws_come_at_once(powers: Problem) -> None:
    settling, seen = Settling(Setting(powers), 2), []
    for laws in range(EPOCH, 2000, EPOCH):
        if settling.due(laws):
            settling.look([law(powers, -5.0)], laws)
            seen.append(laws)
    assert seen[0] == FIRST_LOOK
    assert len(seen) == 12
    assert all(b / a < 1.7 for a, b in pairwise(seen))


@pytest.mark.parametrize("axes", [("x",), ()])
def test_tables_without_an_axis_and_with_targets_of_both_signs_are_looked_at(axes: tuple[str, ...]) -> None:
    x = np.geomspace(1e6, 1e9, 12)
    signed = problem_from({"x": x}, 1e3 * x**-0.5 - 0.3, axes=axes)
    found = looks(signed, (300, [law(signed, -5.0, -0.3)]), (600, [law(signed, -5.0, -0.2)]))
    assert found[1].moved > 1


# -- whole searches


@pytest.fixture(scope="module")
def settled():
    """A search of an easy table that ends when it has settled."""
    steps: list[Step] = []
    config = SearchConfig(seed=3, evaluations=2000, seconds=None, until_settled=True)
    return search(problem(), config, on_steps=steps.extend), steps


def scores(steps: list[Step]) -> dict[int, dict[str, Score]]:
    """As a journal holds them."""
    known: dict[int, dict[str, Score]] = {}
    for step in steps:
        known.setdefault(step.batch, {})[step.told.candidate.key] = step.told.score
    return known


def test_an_easy_table_settles_before_its_bound(settled) -> None:
    result, steps = settled
    assert result.stopped == SETTLED
    assert result.settled.yes
    assert result.settled.laws == result.evaluations == len(steps) < 2000
    assert not steps[-1].settled  # it was seen after its epoch


def test_the_course_is_that_of_as_many_evaluations(settled) -> None:
    result, steps = settled
    plain, same = run(seed=3, evaluations=len(steps), known=scores(steps))
    assert course(replace(plain, stopped=result.stopped), same) == course(result, steps)
    assert plain.settled == result.settled


def test_known_scores_lead_to_the_same_end(settled) -> None:
    result, steps = settled
    config = SearchConfig(seed=3, evaluations=2000, seconds=None, until_settled=True)
    again = search(problem(), config, known=scores(steps))
    assert (again.stopped, again.settled) == (SETTLED, result.settled)


def test_a_search_of_forty_laws_has_not_settled() -> None:
    result, _ = run(evaluations=40)
    assert result.settled == Settled(False, 40)
