"""What the selection rule promises of a whole search: no law in noise, and the truth where there is no noise."""

from __future__ import annotations

import numpy as np
import pytest

from discover.scoring import Problem, Scored, metrics
from discover.search import SearchConfig, SearchResult, Step, search
from tests.scoring.problems import chinchilla, problem_from


def found(problem: Problem, evaluations: int, seed: int = 0) -> tuple[SearchResult, list[Step]]:
    steps: list[Step] = []
    config = SearchConfig(seed=seed, evaluations=evaluations, seconds=None)
    return search(problem, config, on_steps=steps.extend), steps


def test_hardly_a_law_is_found_in_noise() -> None:
    """Mostly no law at all; and what is found by chance does not lead far astray."""
    x = np.repeat(np.geomspace(1e6, 1e9, 10), 3)
    lawless = 0
    for seed in range(6):
        targets = 2 + 0.1 * np.random.default_rng(seed).standard_normal(30)
        problem = problem_from({"tokens": x}, targets, axes=("tokens",), constants=5)
        result, _ = found(problem, 64, seed)
        lawless += not result.best.candidate.structure.features
        assert abs(result.fit.predict({"tokens": np.array([8e9])})[0, 0] - 2) < 0.2
    assert lawless >= 4


def test_the_group_means_are_judged_first_and_never_shut_out() -> None:
    x = np.tile(np.geomspace(1e6, 1e9, 8), 3)
    group = np.repeat(np.arange(3), 8)
    problem = problem_from({"tokens": x}, group + 300 * x**-0.3, group=group, axes=("tokens",), constants=4)
    _, steps = found(problem, 16)
    means = steps[0].told
    assert means.candidate.origin == "library:group_means"
    assert isinstance(means.score, Scored)
    for g in range(3):
        assert means.score.fit.constants[g, 0, 0] == pytest.approx(problem.table.targets[group == g].mean())


@pytest.mark.parametrize("seed", [0, 1])
def test_the_truth_is_found_where_there_is_no_noise(seed: int) -> None:
    problem = chinchilla(seed=seed, constants=6)
    result, _ = found(problem, 96, seed)
    beyond = {"N": np.array([1e11, 1e10, 1e9]), "D": np.array([1e12, 1e13, 1e12])}
    truth = (1.8 + 480 * beyond["N"] ** -0.35 + 2000 * beyond["D"] ** -0.37)[:, None]
    assert metrics(result.fit.predict(beyond), truth).mare < 1e-3
