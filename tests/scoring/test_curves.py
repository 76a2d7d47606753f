"""Training runs: which rows are of one, and that they are held out together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from discover.scoring import Problem, make_folds
from discover.scoring.curves import parts_of_runs, runs_of
from tests.scoring.problems import chinchilla, problem_from

RUNS, POINTS = 4, 40


def scheduled(groups: int = 1) -> Problem:
    """Four runs of forty points in every group, in which a schedule lowers the learning rate."""
    tokens = np.tile(np.geomspace(1e8, 1e10, POINTS), RUNS * groups)
    rate = np.concatenate([np.linspace(1e-3, 1e-4 * (1 + run % RUNS), POINTS) for run in range(RUNS * groups)])
    group = np.repeat(np.arange(groups), RUNS * POINTS)
    return problem_from({"D": tokens, "lr": rate}, 2 + 100 * tokens**-0.3 + 10 * rate, axes=("D",), group=group)


def with_runs(problem: Problem, codes: np.ndarray) -> Problem:
    return replace(problem, table=replace(problem.table, runs=codes))


def test_a_run_under_a_schedule_is_found_by_its_course() -> None:
    assert [rows.tolist() for rows in runs_of(scheduled())] == np.arange(RUNS * POINTS).reshape(RUNS, POINTS).tolist()


def test_rows_that_differ_in_scale_alone_are_no_runs() -> None:
    problem = scheduled()
    rate = np.repeat([1e-3, 5e-4, 2e-4, 1e-4], POINTS)
    same = replace(problem, table=replace(problem.table, features={**problem.table.features, "lr": rate}))
    assert runs_of(same) == ()
    assert runs_of(chinchilla()) == ()


def test_a_column_tells_whatever_the_order() -> None:
    problem = scheduled(groups=2)
    mixed = np.random.default_rng(0).permutation(len(problem.table))
    codes = np.tile(np.repeat(np.arange(RUNS), POINTS), 2)
    told = with_runs(problem, codes)
    shuffled = replace(told, table=told.table.take(mixed))
    found = runs_of(shuffled)
    assert len(found) == 2 * RUNS  # a run of one name in two groups is two runs
    for rows in found:
        assert len(np.unique(codes[mixed[rows]])) == len(np.unique(shuffled.table.group[rows])) == 1


def test_every_run_is_held_out_once_and_whole() -> None:
    problem = scheduled(groups=2)
    runs = runs_of(problem)
    folds = [fold for fold in make_folds(problem) if fold.label.startswith("whole runs")]
    assert len(folds) == 3
    for rows in runs:
        assert [fold.judge[rows].all() for fold in folds].count(True) == 1
        assert [fold.judge[rows].any() for fold in folds].count(True) == 1
    for fold in folds:
        assert set(problem.table.group[fold.fit]) == {0, 1}
    assert np.isclose(sum(fold.weight for fold in make_folds(problem)), 1.0)


def test_the_only_run_of_a_group_is_not_held_out() -> None:
    problem = scheduled(groups=2)
    codes = np.tile(np.repeat(np.arange(RUNS), POINTS), 2)
    codes[problem.table.group == 1] = 0
    assert parts_of_runs(with_runs(problem, codes), 3) == []
