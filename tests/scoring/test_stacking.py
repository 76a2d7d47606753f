"""The average of laws, and what it is weighed by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from discover.averages import average, disagreement, restrained
from discover.rules import RULES
from discover.scoring import Problem, make_folds
from discover.scoring.stacking import averages_logs, departure, rows_asked, stacked
from tests.scoring.problems import problem_from


def problem(n: int = 60, sign: float = 1.0) -> Problem:
    x = np.geomspace(1e3, 1e6, n)
    return problem_from({"x": x}, sign * (2 + 30 * x**-0.5), axes=("x",))


def forecasts(problem: Problem, factors: list[float]) -> list[list[np.ndarray]]:
    """Laws that are off by a factor each."""
    measured = [problem.table.targets[rows_asked(fold)] for fold in make_folds(problem)]
    return [[factor * values for values in measured] for factor in factors]


def weights_of(problem: Problem, factors: list[float], penalties: list[float]) -> np.ndarray:
    return stacked(problem, forecasts(problem, factors), penalties).weights


def test_laws_that_err_on_both_sides_share_the_average() -> None:
    found = weights_of(problem(), [1.1, 1 / 1.1, 1.5], [0.0, 0.0, 0.0])
    assert found @ np.log([1.1, 1 / 1.1, 1.5]) == pytest.approx(0.0, abs=0.02)
    assert found[2] < 0.1 < 0.25 < found[:2].min()


def test_with_few_rows_the_merits_decide_with_many_the_forecasts() -> None:
    few, many = (weights_of(problem(n), [1.02, 1.0], [-2.0, 0.0]) for n in (8, 2000))
    assert few[0] > 0.6
    assert many[1] > 0.9


def test_the_average_of_held_out_forecasts_is_kept() -> None:
    data = problem()
    found = stacked(data, forecasts(data, [1.1, 1 / 1.1]), [0.0, 0.0])
    for fold, said in zip(make_folds(data), found.held_out, strict=True):
        np.testing.assert_allclose(said, data.table.targets[rows_asked(fold)], rtol=0.01)


def test_a_fold_that_was_not_forecast_speaks_neither_for_nor_against_a_law() -> None:
    data = problem()
    laws = forecasts(data, [1.1, 1.1])
    laws[1] = [np.full_like(values, np.nan) for values in laws[1]]
    assert stacked(data, laws, [0.0, 0.0]).weights == pytest.approx([0.5, 0.5])


def test_a_law_loses_by_the_share_of_groups_in_which_it_says_what_cannot_be() -> None:
    data = problem()
    laws = forecasts(data, [1.1, 1 / 1.1])
    even, uneven, nowhere = (
        stacked(data, laws, [0.0, 0.0], np.array(shares)).weights for shares in ([0.0, 0.0], [0.0, 0.2], [0.3, 0.3])
    )
    lost = np.exp(-0.2 * RULES.average.unbelieved)
    assert uneven[1] / uneven[0] == pytest.approx(lost * even[1] / even[0])
    assert nowhere == pytest.approx(even)


def test_targets_that_are_not_positive_are_averaged_as_they_are() -> None:
    assert averages_logs(problem().table)
    below = problem(sign=-1.0)
    assert not averages_logs(below.table)
    assert weights_of(below, [1.1, 0.9], [0.0, 0.0]) == pytest.approx([0.5, 0.5], abs=0.1)
    assert departure(below.table.targets, below.table.targets, below) == 0.0


def test_long_folds_are_asked_in_part() -> None:
    long = problem(3 * RULES.average.rows)
    for fold in make_folds(long):
        rows = rows_asked(fold)
        assert len(rows) <= RULES.average.rows
        assert fold.judge[rows].all()


def test_the_mean_of_logarithms() -> None:
    values = np.array([[1.0, 4.0], [4.0, 4.0]])
    assert average(values, np.array([0.5, 0.5]), logs=True) == pytest.approx([2.0, 4.0])
    assert average(values, np.array([0.5, 0.5]), logs=False) == pytest.approx([2.5, 4.0])


def test_a_law_that_says_nothing_has_no_part() -> None:
    values = np.array([[2.0], [np.nan], [np.inf], [-1.0]])
    assert average(values, np.full(4, 0.25), logs=True) == pytest.approx([2.0])
    assert average(np.array([[-1.0], [-3.0]]), np.array([0.5, 0.5]), logs=True) == pytest.approx([-2.0])
    assert np.isnan(average(values[1:2], np.ones(1), logs=False)).all()


def test_a_wild_law_does_not_rule_the_mean() -> None:
    usual = np.array([[1.0], [1.01], [1.02], [1.03], [1.04], [1.05], [1.06]])
    wild = np.concatenate([usual, [[1e9]]])
    weights = np.full(8, 1 / 8)
    assert average(wild, weights, logs=True)[0] < 1.1


@given(arrays(float, (5, 4), elements=st.floats(0.1, 100)), arrays(float, 5, elements=st.floats(0.01, 1)))
def test_an_average_lies_among_its_laws(values: np.ndarray, weights: np.ndarray) -> None:
    for logs in (True, False):
        found = average(values, weights / weights.sum(), logs)
        assert (found >= values.min(axis=0) * (1 - 1e-9)).all()
        assert (found <= values.max(axis=0) * (1 + 1e-9)).all()


# Beyond the data, from 4 inside to 2 at their end, the way there once; from 2 to 4 it grows.
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (0.5, 1.0),  # half as much again, not a quarter
        (1.2, 1.2),  # flatter than before
        (2.0, 2.0),
        (8.0, 4.0),  # nor back up steeper than it came
    ],
)
def test_a_forecast_that_laws_disagree_on_is_no_steeper_than_within_the_data(said: float, expected: float) -> None:
    value, edge, inside = np.array([said]), np.array([2.0]), np.array([4.0])
    found = restrained(value, edge, inside, np.ones(1), np.array([1e9]), logs=True)
    assert found == pytest.approx([expected])
    assert restrained(value, edge, inside, np.ones(1), np.zeros(1), logs=True) == pytest.approx([said])  # they agree
    some = restrained(value, edge, inside, np.ones(1), np.array([0.1]), logs=True)[0]
    assert min(said, expected) <= some <= max(said, expected)
    twice = restrained(value, edge, inside, np.full(1, 2.0), np.array([1e9]), logs=True)
    assert twice == pytest.approx([said])  # a way twice as long


def test_what_has_no_logarithm_and_what_diverges_is_not_restrained() -> None:
    value = np.array([-1.0, np.nan, 3.0, np.inf])
    edge, inside = np.array([2.0, 2.0, -1.0, 2.0]), np.full(4, 4.0)
    found = restrained(value, edge, inside, np.ones(4), np.ones(4), logs=True)
    np.testing.assert_array_equal(found[:3], value[:3])
    far = np.full(1, 1e9)
    assert restrained(value[:1], edge[:1], inside[:1], np.ones(1), far, logs=False) == pytest.approx([0.0], abs=1e-6)


def test_laws_disagree_by_their_weighted_variance() -> None:
    values = np.array([[1.0, 5.0], [4.0, 5.0], [np.inf, np.nan]])
    weights = np.array([0.2, 0.6, 0.2])
    assert disagreement(values, weights, logs=False) == pytest.approx([9 * 0.25 * 0.75, 0.0])
    assert disagreement(values, weights, logs=True) == pytest.approx([np.log(4) ** 2 * 0.25 * 0.75, 0.0])
