"""Starts, limits and recipes that a model names are checked; what is of no use voids nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.fitting import Domain, Recipe
from discover.proposers.hints import recipe_of
from discover.proposers.validation import structure_of_text
from tests.scoring.problems import problem_from

X = np.geomspace(1e3, 1e6, 12)
PROBLEM = problem_from({"x": X}, 2 + 9 * X**-0.3, axes=("x",))
LAW = "floor + scale*x**(-power)"


def test_starts_and_limits_follow_the_names_of_the_structure() -> None:
    said = ["power = 0.3", "0 < power < 1", "floor > 0", "scale <= 1e4", "scale = 40"]
    structure, useless = structure_of_text(PROBLEM, LAW, constants=said)
    assert structure.text == "E + A*x**alpha"  # a sign is taken in
    assert useless == []
    assert structure.guess == {"alpha": -0.3, "A": 40.0}
    assert structure.domains == {
        "alpha": Domain(-1.0, 0.0), "E": Domain(0.0, np.inf), "A": Domain(-np.inf, 1e4)
    }  # fmt: skip


@pytest.mark.parametrize(
    "said", ["power is small", "rho = 3", "x = 3", "2 < power < 1", "power = nan", "__import__('os')", "power = 1; x"]
)
def test_what_is_of_no_use_is_left_out(said: str) -> None:
    structure, useless = structure_of_text(PROBLEM, LAW, constants=[said, "floor = 1.5"])
    assert useless == [said]
    assert structure.guess == {"E": 1.5}
    assert structure.domains == {}


def test_a_start_outside_of_its_limits_is_left_out_with_them() -> None:
    structure, useless = structure_of_text(PROBLEM, LAW, constants=["power = 3", "0 < power < 1"])
    assert (structure.guess, structure.domains, useless) == ({}, {}, ["0 < power < 1"])


def test_what_is_said_holds_in_a_bell_a_bowl_and_a_product() -> None:
    said = ["0 < A < 1", "-2 < c < 2", "0.1 < w < 2", "w = 0.5", "c = 0.5"]
    structure, useless = structure_of_text(PROBLEM, "E - A*exp(-((log(x) - c)/w)**2)", constants=said)
    assert (structure.text, useless) == ("E + A*exp(k1*(k2 + log(x))**2)", [])
    assert structure.guess == pytest.approx({"k1": -4.0, "k2": -0.5})
    ranges = {name: (domain.lower, domain.upper) for name, domain in structure.domains.items()}
    assert ranges == {"A": (-1.0, 0.0), "k1": pytest.approx((-100.0, -0.25)), "k2": (-2.0, 2.0)}
    said = ["C > 0", "C = 0.02", "k = 20", "1 < k < 1e6"]
    structure, useless = structure_of_text(PROBLEM, "E + C*log(3*k*x)**2", constants=said)
    assert (structure.text, useless) == ("E + A*(k1 + log(x))**2", [])
    assert structure.guess == pytest.approx({"A": 0.02, "k1": np.log(60.0)})
    limits = structure.domains["k1"]
    assert (limits.lower, limits.upper) == pytest.approx((np.log(3.0), np.log(3e6)))
    assert structure.domains["A"].lower == 0.0
    said = ["1 < scale < 2", "2 < k < 3", "power = 1"]
    structure, useless = structure_of_text(PROBLEM, "scale*(x/k)**(-power)", constants=said)
    limits = structure.domains["A"]
    assert (structure.text, limits.lower, limits.upper, useless) == ("A*x**alpha", 2.0, 6.0, [])


def test_constants_that_took_in_others_have_no_limits_but_exponents_do() -> None:
    said = ["0 < scale < 2", "0 < power < 1"]
    structure, useless = structure_of_text(PROBLEM, "floor + 3*scale*(x/k)**(-power)", constants=said)
    assert useless == ["0 < scale < 2"]
    assert structure.domains == {"alpha": Domain(-1.0, 0.0)}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_whatever_is_said_voids_no_formula(said: list[str]) -> None:
    structure, _ = structure_of_text(PROBLEM, LAW, said, said)
    assert structure.text == "E + A*x**alpha"


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("squared-log", Recipe("squared", "log")),
        ("huber-log 1", Recipe("huber", "log", emphasis=1.0)),
        ("squared 0.5", Recipe("squared", "value", emphasis=0.5)),
        ("", None),
        ("least squares", None),
        ("huber-log 9", None),
        ("huber-log one", None),
        ("squared-log nan", None),
    ],
)
def test_recipes(text: str, recipe: Recipe | None) -> None:
    assert recipe_of(PROBLEM, text) == recipe


def test_a_recipe_that_the_rows_do_not_allow_is_none() -> None:
    negative = problem_from({"x": X}, -1.0 + X**-0.3)
    assert recipe_of(negative, "squared-log") is None
    assert recipe_of(negative, "squared 1") is None  # no axis of scale
    robust = recipe_of(negative, "huber")
    assert robust is not None
    assert 0 < robust.scale < 0.02


def test_signs_and_reciprocals_that_were_taken_in_are_followed() -> None:
    said = ["k = 200", "1 < k < 1e6", "0 < a < 1", "scale > 0"]
    structure, useless = structure_of_text(PROBLEM, "floor - scale*(1/x + 1/k)**a", constants=said)
    assert (structure.text, useless) == ("E + A*(k1 + 1/x)**alpha", [])
    assert structure.guess == {"k1": 1 / 200}
    assert structure.domains["k1"] == Domain(1e-6, 1.0, log=True)
    assert structure.domains["A"] == Domain(-np.inf, 0.0)
    assert structure_of_text(PROBLEM, "floor - scale*(1/x + 1/k)**a", constants=["k < 9"])[1] == ["k < 9"]
