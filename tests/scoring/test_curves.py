"""Training curves: which rows are of one run, and how many rows they are worth."""

from __future__ import annotations

import numpy as np
import pytest

from discover.scoring import Problem
from discover.scoring.curves import curves, effective_rows
from tests.scoring.problems import chinchilla, problem_from

RUNS, POINTS = 12, 40


def training_curves(steps: bool = False) -> Problem:
    """Twelve runs of other sizes, forty points each; with steps, a schedule changes the learning rate on the way."""
    size = np.repeat(np.geomspace(1e7, 1e9, RUNS), POINTS)
    tokens = np.tile(np.geomspace(1e8, 1e10, POINTS), RUNS)
    loss = 2 + 40 * size**-0.2 + 100 * tokens**-0.3
    if steps:
        rate = np.tile(np.linspace(1e-3, 1e-4, POINTS), RUNS) * (1 + size / 1e9)
        return problem_from({"step": tokens, "lr": rate}, loss, axes=("step",))
    return problem_from({"N": size, "D": tokens}, loss, axes=("N", "D"))


def correlated(rho: float, seed: int) -> np.ndarray:
    """Noise of every run that remembers rho of the point before."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((RUNS, POINTS))
    for i in range(1, POINTS):
        noise[:, i] = rho * noise[:, i - 1] + np.sqrt(1 - rho**2) * noise[:, i]
    return noise.reshape(-1, 1)


@pytest.mark.parametrize("steps", [False, True])
def test_rows_of_a_run_are_found_in_their_order(steps: bool) -> None:
    found = curves(training_curves(steps))
    assert [rows.tolist() for rows in found] == np.arange(RUNS * POINTS).reshape(RUNS, POINTS).tolist()


def test_runs_of_their_own_are_no_curves() -> None:
    assert curves(chinchilla()) == ()
    assert effective_rows(chinchilla(), np.random.default_rng(0).standard_normal((40, 1))) == 40


def test_the_order_in_the_table_does_not_matter_where_the_settings_tell() -> None:
    problem, noise = training_curves(), correlated(0.8, 1)
    mixed = np.random.default_rng(0).permutation(len(noise))
    table = problem.table.take(mixed)
    shuffled = problem_from(table.features, table.targets, axes=("N", "D"))
    assert effective_rows(shuffled, noise[mixed]) == pytest.approx(effective_rows(problem, noise))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_the_effective_number_is_that_of_the_correlation(rho: float) -> None:
    """Of a long series n*(1 - rho)/(1 + rho), Geyer 1992; runs of forty points come a little above it."""
    n, problem = RUNS * POINTS, training_curves()
    found = np.mean([effective_rows(problem, correlated(rho, seed)) for seed in range(30)])
    assert found == pytest.approx(n * (1 - rho) / (1 + rho), rel=0.25)


def test_runs_that_are_off_as_a_whole_count_as_one_row_each() -> None:
    offsets = np.repeat(np.random.default_rng(2).standard_normal(RUNS), POINTS)[:, None]
    assert effective_rows(training_curves(), offsets) == pytest.approx(RUNS)
    assert effective_rows(training_curves(), np.zeros((RUNS * POINTS, 1))) == RUNS * POINTS
