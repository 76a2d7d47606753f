"""The scale of errors: how it is guessed, where predictions stand on it, and what it decides."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.data.guesses import task_from_table
from discover.errors import InputError
from discover.expressions import parse
from discover.fitting import Recipe, Structure
from discover.proposers.grammar import recipes
from discover.proposers.library import group_means
from discover.scoring import Problem, Scored, Scorer, problem_of
from discover.scoring.scales import guessed_scale, target_span
from tests.scoring.problems import chinchilla, problem_from


def steps_to_a_loss(scale: str = "log", n: int = 48, seed: int = 0) -> Problem:
    """Steps to a loss: they fall with the batch and with the size, by three decades, with noise in proportion."""
    rng = np.random.default_rng(seed)
    size, batch = (v.ravel() for v in np.meshgrid(np.geomspace(1e7, 3e9, 6), np.geomspace(8, 4096, n // 6)))
    steps = 2e5 * (size / 1e7) ** -0.45 * (0.004 + batch**-1.0) * np.exp(0.05 * rng.standard_normal(len(size)))
    return problem_from({"size": size, "batch": batch}, steps, axes=("size",), error_scale=scale)


def test_a_target_that_spans_a_decade_counts_in_logarithms() -> None:
    assert guessed_scale(steps_to_a_loss().table) == "log"
    assert guessed_scale(chinchilla().table) == "value"
    x = np.tile(np.geomspace(1, 100, 12), 2)
    apart = problem_from({"x": x}, np.repeat([1.0, 5e3], 12) * x**-0.2, group=np.repeat([0, 1], 12))
    assert guessed_scale(apart.table) == "log"  # the group of the larger values would rule the others
    alike = problem_from({"x": x}, np.repeat([1.0, 2.0], 12) * x**-0.2, group=np.repeat([0, 1], 12))
    assert target_span(alike.table) == pytest.approx(2 * 100**0.2, rel=0.2)
    assert guessed_scale(alike.table) == "value"
    assert guessed_scale(problem_from({"x": x}, np.where(x > 50, 0.0, x)).table) == "value"
    assert guessed_scale(problem_from({"x": x}, np.append(np.ones(23), 1e6)).table) == "value"  # one odd row


def test_errors_in_logarithms_choose_the_law_that_all_rows_follow() -> None:
    """In squares of the value the few longest runs decide, and a law that misses the others by half leads."""
    true = Structure(parse("A*size**(-a)*(c + batch**(-b))", ["size", "batch"]))
    other = Structure(parse("A*size**(-a)*batch**(-b)", ["size", "batch"]))
    apart = {}
    for scale in ("value", "log"):
        scorer = Scorer(steps_to_a_loss(scale))
        scores = [scorer.score(law, recipes(scorer.problem)[0]) for law in (true, other)]
        assert all(isinstance(score, Scored) for score in scores)
        apart[scale] = scorer.penalty(scores[1]) - scorer.penalty(scores[0])
    assert apart["log"] > 2.0
    assert apart["log"] > apart["value"] + 1.0


def test_the_means_of_groups_and_all_recipes_are_of_logarithms_then() -> None:
    problem = steps_to_a_loss()
    assert {recipe.space for recipe in recipes(problem)} == {"log"}
    assert group_means(problem).recipe.space == "log"
    assert recipes(steps_to_a_loss("value"))[0] == Recipe()
    score = Scorer(problem).score(group_means(problem).structure, group_means(problem).recipe)
    assert score.train == pytest.approx(1.0, abs=1e-6)


@given(st.sampled_from(["log", "odds"]), st.floats(-1e3, 1e3))
def test_every_prediction_has_a_place_and_the_order_stays(scale, value: float) -> None:
    x = np.linspace(1, 2, 9)
    problem = problem_from({"x": x}, np.geomspace(0.01, 0.9, 9), error_scale=scale)
    measured = problem.on_scale(problem.table.targets)
    assert np.all(np.diff(measured[:, 0]) > 0)
    placed = problem.on_scale(np.array([[value], [value + 0.1], [np.nan]]))[:, 0]
    assert np.isfinite(placed[:2]).all()
    assert placed[0] <= placed[1]
    assert np.isnan(placed[2])
    if value < 0:
        assert placed[0] < measured.min() - 9 * np.ptp(measured)


def write(path: Path, steps) -> Path:
    problem = steps_to_a_loss()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["params", "batch_size", "steps"])
        writer.writerows(zip(*problem.table.features.values(), steps(problem.table.targets[:, 0]), strict=True))
    return path


def test_the_task_says_it_or_it_is_guessed_and_told(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", lambda steps: steps)
    guessed = problem_of(task_from_table(table, "steps"))
    assert guessed.error_scale == "log"
    assert any("errors count in the logarithm of steps" in note for note in guessed.notes)
    told = problem_of(task_from_table(table, "steps", error_scale="value"))
    assert told.error_scale == "value"
    assert not any("errors count" in note for note in told.notes)


def test_a_scale_on_which_the_target_has_no_place_is_refused(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", lambda steps: steps - steps.min())
    with pytest.raises(InputError, match="steps is 0 on a train row; the error scale 'log' expects values above 0"):
        problem_of(task_from_table(table, "steps", error_scale="log"))
    with pytest.raises(InputError, match="between 0 and 1"):
        problem_of(task_from_table(table, "steps", error_scale="odds"))
