"""What the end of a run says of the laws that people published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from discover.data.tasks import load_task
from discover.expressions import parse
from discover.fitting import Effort, FitResult, Recipe, Structure, fit
from discover.law import get_law
from discover.law.intake import recipe_of, structure_of
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.runs.comparison import _standing
from discover.runs.human import HumanLaw
from discover.runs.outcome import _human_keys, _more, _runners_up
from discover.runs.records import law_of
from discover.scoring import Figures, Problem, Refused, Scored, inner_error, problem_of
from discover.scoring.stacking import Stack
from discover.search import SearchResult
from discover.search.loop import BY_EVALUATIONS, BY_TIME
from discover.search.settling import Settled

ON_UNITS = "sld_data_constrained"


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(load_task("data_constrained"))


def judged(problem: Problem) -> dict[str, Any]:
    """A published law that depends on the unit of a column, refitted."""
    law = get_law(ON_UNITS)
    refitted = fit(structure_of(law), problem.table, recipe_of(law), effort=Effort(draws=2, agree=1))
    assert isinstance(refitted, FitResult)
    (entry,) = _human_keys(problem, [HumanLaw(law.id, "refitted", refitted)])
    return entry


def test_published_laws_are_judged_whatever_their_units_and_constants(problem: Problem) -> None:
    entry = judged(replace(problem, constants=2))
    assert entry["refused"] is None
    assert 0.0 < entry["inner_error"] < 0.1


def test_a_refused_law_comes_with_the_reason(problem: Problem) -> None:
    entry = judged(replace(problem, lower=float(problem.table.targets.max())))
    assert entry["inner_error"] is None
    assert entry["refused"]


def test_the_inner_error_of_a_run_is_that_of_a_comparison(problem: Problem) -> None:
    law = get_law(ON_UNITS)
    weights = np.array([0.75, 0.25])
    score = Figures(folds=(0.04, 9e9))
    standing = _standing(law.id, "published", Candidate(structure_of(law), recipe_of(law), ""), score, weights)
    assert standing.error == inner_error(score, weights)
    assert standing.error == pytest.approx(0.04**0.75 * 4.0**0.25)


def test_runners_up_are_written_with_where_they_come_from_and_their_constants(problem: Problem) -> None:
    table = problem.table
    name = next(iter(table.features))

    def told(formula: str, origin: str, error: float, recipe: Recipe) -> Told:
        found = fit(Structure(parse(formula, (name,))), table, recipe, effort=Effort(draws=2, agree=1))
        assert isinstance(found, FitResult)
        return Told(0, Candidate(found.structure, recipe, origin), Scored(folds=(error,), fit=found), error, True)

    best = told("E", "grammar:drop", 0.1, Recipe())
    other = told(f"E + A*log({name})", "library:log_law", 0.05, Recipe(emphasis=1.0))
    (entry,) = _runners_up(SearchResult(best, (best, other), Stack(np.ones(2) / 2, ()), 2, 1.0, ""), (1.0,))
    assert (entry["origin"], entry["close"], entry["inner_error"]) == ("library:log_law", True, pytest.approx(0.05))
    read = law_of(entry, (name,), table.group_names, table.target_names)
    assert read is not None
    assert other.score.fit is not None
    assert np.array_equal(read.constants, other.score.fit.constants)
    assert read.recipe == Recipe(emphasis=1.0)

    # what is no worse than a law without an error is not close to it
    hopeless = replace(best, score=Refused(reason="too large", fit=best.score.fit))
    (entry,) = _runners_up(SearchResult(hopeless, (hopeless, other), Stack(np.ones(2) / 2, ()), 2, 1.0, ""), (1.0,))
    assert not entry["close"]


@pytest.mark.parametrize(
    ("stopped", "laws", "more"),
    [
        (BY_TIME, 400, "a budget of 5m"),
        (BY_TIME, 64, "a budget of 9m"),
        (BY_EVALUATIONS, 400, "1,600 evaluations"),
        (BY_EVALUATIONS, 40, "512 evaluations"),
        ("no more candidates", 400, ""),
    ],
)
def test_a_search_that_has_not_settled_is_told_what_to_try(stopped: str, laws: int, more: str) -> None:
    told = Told(0, Candidate(Structure(parse("E")), Recipe(), "grammar:drop"), Refused(reason="a stand-in"), 0.1, True)
    found = SearchResult(told, (told,), Stack(np.ones(1), ()), laws, 61.0, stopped, Settled(False, laws))
    assert _more(found) == more
    assert _more(replace(found, settled=Settled(True, laws))) == ""
