"""What a model is told of the rows is what they show, and of the train rows only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from discover.proposers.sketch import ROWS, noise_floor, sketch
from discover.scoring import Problem
from tests.scoring.problems import problem_from


def line(problem: Problem, start: str) -> str:
    (found,) = [text for text in sketch(problem) if text.startswith(start)]
    return found


def grid(of: Any, **more: Any) -> Problem:
    """A target on a grid of a and b."""
    a, b = (v.ravel() for v in np.meshgrid(np.geomspace(1e3, 1e6, 7), np.geomspace(1e2, 1e4, 5)))
    return problem_from({"a": a, "b": b}, of(a, b), **more)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (lambda a, b: 1 + 30 * a**-0.5 + 9 * b**-0.4, "falls in 5; log-log slope"),
        (lambda a, b: 3 - 30 * a**-0.5, "rises in 5"),
        (lambda a, b: 2 + np.log10(a / 3e4) ** 2, "is U-shaped in 5"),
        (lambda a, b: 9 - np.log10(a / 3e4) ** 2, "rises, then falls in 5"),
        (lambda a, b: 5 + 0 * a, "is flat in 5"),
        (lambda a, b: 5 + np.sin(np.log10(a) * 9), "goes up and down in 5"),
    ],
)
def test_the_shape_of_sweeps(of: Any, words: str) -> None:
    assert words in line(grid(of), "a: 5 curves with all else equal; y0 ")


def test_a_power_law_has_a_steady_slope_and_one_with_a_floor_flattens() -> None:
    assert "log-log slope -0.5 at the small end, -0.5 at the large end (steady)" in line(
        grid(lambda a, b: a**-0.5), "a:"
    )
    assert "(it flattens)" in line(grid(lambda a, b: 1 + 30 * a**-0.5), "a:")


def test_noise_of_repeated_runs_is_no_turn() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(np.geomspace(1e3, 1e6, 8), 6)
    problem = problem_from({"x": x}, 2 + 20 * x**-0.4 + 0.05 * rng.standard_normal(48))
    assert "8 settings are repeated; runs of one setting differ by 0.0" in line(problem, "8 settings")
    assert "y0 falls in 1" in line(problem, "x:")
    floor = noise_floor(problem)
    assert floor is not None
    assert floor == pytest.approx(0.05**2 / problem.table.targets.var(), rel=0.5)
    assert noise_floor(grid(lambda a, b: a)) is None


def test_columns_that_never_vary_alone_are_shown_by_ranges() -> None:
    shares = np.random.default_rng(1).dirichlet(np.ones(3), 40)
    shares[:10, 0] = 0.0
    columns = dict(zip("pqr", shares.T, strict=True))
    targets = np.column_stack([3 - shares[:, 0], 2 + shares[:, 1]])
    said = line(problem_from(columns, targets, dict.fromkeys(columns, "share")), "p")
    assert said.startswith("p (zero in 25% of the rows): never varied alone. y0 less its group's mean, by range: 0: +")
    assert "Correlations: y0 -" in said


def test_the_best_value_of_a_swept_column_moves_with_size() -> None:
    n, lr = (v.ravel() for v in np.meshgrid(np.geomspace(1e6, 1e9, 6), np.geomspace(1e-4, 1e-1, 13)))
    best = np.log10(lr) - np.log10(100 * n**-0.5)
    problem = problem_from({"n": n, "lr": lr}, 2 + 50 * n**-0.3 + 0.1 * best**2, axes=("n",))
    assert problem.swept == ("lr",)
    said = line(problem, "lr was swept")
    assert "at each of 6 sizes" in said
    assert float(said.partition("n**")[2].rstrip(".")) == pytest.approx(-0.5, abs=0.1)


def test_groups_are_compared_and_a_long_table_is_looked_at_in_part() -> None:
    x, group = np.tile(np.geomspace(1, 1e6, 6000), 2), np.repeat([0, 1], 6000)
    problem = problem_from({"x": x}, 5.0 * group + x**-0.2, group=group)
    assert len(problem.table) > ROWS
    assert "of the variance is between groups" in line(problem, "Group means lie between")
    assert "2 curves with all else equal; y0 falls in 2" in line(problem, "x:")


def test_a_constant_column_and_a_single_row_say_nothing() -> None:
    assert len(sketch(problem_from({"x": np.ones(5)}, np.arange(5.0)))) == 1
    assert sketch(problem_from({"x": [1.0]}, [2.0]))
