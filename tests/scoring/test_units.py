"""Which laws survive a change of units."""

from __future__ import annotations

import numpy as np
import pytest

from discover.scoring import Problem
from discover.scoring.units import same_unit, unit_bound, unit_groups
from tests.scoring.problems import law_with, problem_from

TYPICAL = {"E": 1.7, "A": 40.0, "B": 90.0, "a": 0.3, "b": 0.25, "k": 1e-9, "r": 3.0, "m": 6.0, "s": 2.0}


def plain(**more) -> Problem:
    rng = np.random.default_rng(1)
    N, D = 10 ** rng.uniform(3, 9.5, 30), 10 ** rng.uniform(6, 11, 30)  # over a short range every curve is a line
    u, experts = rng.uniform(1, 10, 30), 2.0 ** rng.integers(0, 6, 30)
    experts[0], heads = 1.0, 2.0 ** rng.integers(1, 7, 30)
    share = rng.uniform(0, 1, 30)
    columns = {"N": N, "D": D, "u": u, "experts": experts, "heads": heads, "share": share}
    return problem_from(columns, N**-0.3, {"u": "logged", "share": "share"}, axes=("N",), **more)


def bound(text: str, problem: Problem | None = None, **constants: float) -> str | None:
    problem = plain() if problem is None else problem
    names = {**TYPICAL, **constants}
    return unit_bound(problem, unit_groups(problem), law_with(problem, text, **names))


@pytest.mark.parametrize(
    "text",
    [
        "E",
        "E + A*N**(-a)",
        "E + A*N**(-a) + B*D**(-b)",
        "E + A*N**(-0.5)",
        "E + A*log(N)",
        "A*exp(-a*log(N) - b*log(D))",
        "E + A*exp(-k*N)",
        "E + A/(1 + k*N)",
        "E + A*(D/N)**a",
        "E + A*(N + k)**(-a)",
        "E + (A*N**(-a) + B*D**(-b))**b",
        "E + A*exp(-a*u)",
        "E + B*u + A*u**2",
        "E + A*log(1 + experts)",
        "E + A*share**2",
        "E + A*exp(share)",
    ],
)
def test_laws_that_hold_in_every_unit(text: str) -> None:
    assert bound(text) is None


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("A*(1 + log(N))", "N"),
        ("A*(1 + log(N))**(-a)", "N"),
        ("E + A*log(N)**2", "N"),
        ("E + A*N**(-a)*log(D)", "D"),
        ("E + A*(1 + D/N)**(-a)", "N"),
        ("E + A*(N + D)**(-a)", "N"),
        ("E + A*u**2", "u"),
        ("E + A*log(1 + heads)", "heads"),
        ("E + A/(1 + heads)", "heads"),
        ("N**(-a)", "N"),
        ("E + exp(-a*u)*share", "u"),
        ("1/(1 + exp(-s*(u - m)))", "the target"),
        ("exp(share) + r*share", "the target"),
    ],
)
def test_laws_of_the_numbers_that_happen_to_stand_in_the_table(text: str, column: str) -> None:
    assert bound(text) == f"depends on the unit of {column}"


@pytest.mark.parametrize(("decades", "seen"), [(2, False), (9, True)])
def test_over_a_short_range_the_constants_undo_almost_any_change_of_unit(decades: int, seen: bool) -> None:
    x = np.geomspace(10.0, 10.0 ** (1 + decades), 30)
    reason = bound("E + A*(1 + log(N))**(-a)", problem_from({"N": x}, x, axes=("N",)))
    assert (reason is not None) == seen


def test_a_target_with_both_bounds_has_its_unit() -> None:
    text = "1/(1 + exp(-s*(u - m)))"
    assert bound(text, plain(lower=0.0)) == "depends on the unit of the target"
    assert bound(text, plain(lower=0.0, upper=1.0)) is None


def test_a_law_without_constants_depends_on_every_unit() -> None:
    assert bound("N**(-0.5)") == "depends on the unit of N"
    assert bound("share**2") == "depends on the unit of the target"


def test_columns_of_one_unit_change_together() -> None:
    rng = np.random.default_rng(0)
    unique = 10 ** rng.uniform(2, 9, 24)
    tokens = unique * 2.0 ** rng.integers(0, 5, 24)
    tokens[0] = unique[0]
    problem = problem_from({"unique": unique, "tokens": tokens, "N": tokens[::-1] / 30}, tokens, axes=("tokens",))
    assert unit_groups(problem) == (("unique", "tokens"), ("N",))
    assert bound("E + A*(unique*(1 + r*(1 - exp((1 - tokens/unique)/r))))**(-a)", problem) is None
    assert bound("E + A*(unique + tokens)**(-a)", problem) is None
    assert bound("E + A*log(tokens)**2", problem) == "depends on the unit of unique and tokens"


def test_a_part_and_its_whole_are_of_one_unit_and_columns_that_say_so() -> None:
    a = np.array([1.5, 2.0, 3.0])
    columns = {"a": a, "whole": np.array([1.5, 4.0, 9.0]), "larger": a + 1, "mixed": a[::-1]}
    problem = problem_from(columns, a, units={"a": "tokens", "larger": "tokens", "mixed": "1"})
    assert same_unit(problem, "a", "whole")
    assert same_unit(problem, "whole", "a")
    assert same_unit(problem, "a", "larger")
    assert not same_unit(problem, "whole", "larger")  # they never meet, and nothing is said
    assert not same_unit(problem, "a", "mixed")  # either may be the larger
    assert not same_unit(problem_from(columns, a, units=dict.fromkeys(columns, "1")), "a", "larger")
    assert ("a", "whole", "larger") in unit_groups(problem)


def test_the_largest_group_is_asked() -> None:
    """A group of one row, in which every law could undo everything, says nothing."""
    x = np.concatenate([[1e7], np.geomspace(1e3, 1e9, 12)])
    problem = problem_from({"N": x}, x, group=[0] + [1] * 12, axes=("N",))
    assert bound("E + A*log(N)**2", problem) == "depends on the unit of N"


def mixture(every_row_has_a_zero: bool) -> Problem:
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.ones(3), 24)
    for row in range(0, 24, 1 if every_row_has_a_zero else 4):
        shares[row, row % 3] = 0.0
    shares /= shares.sum(axis=1, keepdims=True)
    columns = dict(zip(("p", "q", "r"), shares.T, strict=True))
    return problem_from(columns, 3 - shares[:, 0], dict.fromkeys(columns, "share"), axes=("p",))


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("text", ["E + A*p**a", "E - A*p**a - B*q**b - k*r**s", "E*(p + q)**a", "A*exp(-B*p**a)"])
def test_a_power_of_a_share_is_judged_where_the_share_is_zero(text: str, every: bool) -> None:
    assert bound(text, mixture(every), k=0.5, s=0.4) is None


@pytest.mark.parametrize("every", [False, True])
def test_a_power_of_a_share_alone_depends_on_the_unit_of_the_target(every: bool) -> None:
    assert bound("1 + p**a", mixture(every)) == "depends on the unit of the target"


def test_a_scale_that_is_zero_in_some_runs_is_judged_by_its_unit() -> None:
    x = np.concatenate([np.zeros(6), np.geomspace(1e3, 1e9, 24)])
    problem = problem_from({"steps": x}, np.arange(30.0), {"steps": "scale"})
    assert bound("E + A*steps**a", problem) is None
    assert bound("E + A*log(1 + steps)**2", problem) == "depends on the unit of steps"


def test_rows_without_finite_derivatives_are_left_out_and_a_law_without_others_is_refused() -> None:
    x = np.array([-1.0, 2.0, 4.0, 7.0, 11.0, 13.0])  # a power of a negative number is none
    assert bound("E + A*x**a", problem_from({"x": x}, x, {"x": "share"})) is None
    none = problem_from({"x": -np.abs(x)}, x, {"x": "share"})
    assert bound("E + A*x**a", none) == "has no finite derivatives on the data"
