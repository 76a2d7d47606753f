"""Laws whose constants have run towards a limit: found by their values, and replaced by laws that say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import constant_names, evaluate, parse, to_text
from discover.fitting import REAL, Diagnostics, FitResult, Recipe, Structure, limits
from discover.fitting.limits import NEAR
from discover.proposers import Candidate
from discover.proposers.grammar import finished
from discover.proposers.limits import at_limits, simpler_laws
from discover.scoring import Problem

COLUMNS = {"n": 10 ** np.linspace(6, 9, 24), "d": 10 ** np.linspace(8, 10, 24)[np.arange(24) * 7 % 24]}


def fitted(law: str, values: dict[str, float] | dict[str, np.ndarray], groups: int = 1) -> tuple[FitResult, Table]:
    """A law with these constants as if they had been fitted, and the table of its values."""
    structure = Structure(parse(law, list(COLUMNS)))
    constants = np.stack([np.broadcast_to(values[name], (groups, 1)) for name in structure.constants], axis=-1)
    group = np.arange(24) % groups
    names = tuple(f"g{i}" for i in range(groups))
    fit = FitResult(structure, Recipe(), constants, 0.0, names, ("y",), Diagnostics())
    return fit, Table(COLUMNS, fit.predict(COLUMNS, group), ("y",), group, names)


def forms(law: str, values: dict[str, float]) -> dict[str, str]:
    """The parts of a law that are near a limit, and which."""
    return {to_text(limit.part): limit.form for limit in limits(*fitted(law, values))}


@pytest.mark.parametrize(
    ("law", "values", "expected"),
    [
        ("E + A*n**a", {"E": 1e6, "A": -1e6, "a": 1e-7}, "E + A*log(n)"),
        ("E + A*n**a*d**b", {"E": 1e6, "A": -1e6, "a": 1e-7, "b": 2e-7}, "E + A*log(n) + B*log(d)"),
        ("E + A*n**a*d**b", {"E": 1.0, "A": 5e3, "a": 1e-7, "b": -0.5}, "E + d**alpha*(k1 + k2*log(n))"),
        ("A*(k + c*n**b)**a", {"A": 2.0, "k": 1.0, "c": 1e-3, "b": -0.2, "a": 1e4}, "A*exp(k1*n**alpha)"),
        ("E + A*(k + log(n) + c*log(d))**2", {"E": -1e6, "A": 1e-6, "k": 1e6, "c": 2.0}, "E + A*log(d) + B*log(n)"),
        ("E + A*(k - (c + b*log(d)) + log(n))**2", {"E": 0.0, "A": 1e-6, "k": 1e6, "c": 2.0, "b": 3.0},
         "E + A*log(d) + B*log(n)"),
        ("E + (k + c*n**a + B*log(d))**2", {"E": 1.0, "k": -3e5, "c": 3e5, "a": 1e-6, "B": -2.0},
         "E + (k1 + k2*log(d) + k3*log(n))**2"),
        ("E + A*(C*n**a - 2*d**b)**c", {"E": 1.0, "A": 2.0, "C": 3.0, "a": 0.2, "b": -0.1, "c": 1e-9},
         "E + A*log(-2*d**alpha + k1*n**beta)"),
        ("E + tanh(c*n**a)", {"E": 1.0, "c": 1e-5, "a": 0.2}, "E + A*n**alpha"),
        ("E + A*log(n + k)", {"E": -1.0, "A": 1e5, "k": 1e13}, "E + A*n"),
        ("E + A*n**a + B*n**b", {"E": 1.0, "A": 1e6, "a": -0.5, "B": -1e6, "b": -0.500001},
         "E + n**alpha*(k1 + k2*log(n))"),
        ("E + A*n**a*d**b + B*n**c*d**e", {"E": 1.0, "A": 1e6, "B": -1e6, "a": -0.5, "b": 0.1, "c": -0.500001,
                                              "e": 0.100002},
         "E + d**alpha*n**beta*(k1 + k2*log(n) + k3*log(d))"),
    ],
)  # fmt: skip
def test_a_law_at_its_limit_is_the_simpler_law(law: str, values: dict[str, float], expected: str) -> None:
    fit, table = fitted(law, values)
    problem = Problem(table, {"n": "scale", "d": "scale"}, ("n",))
    simpler = []
    for expr, known in at_limits(fit, table):
        off = np.asarray(evaluate(expr, {**known, **{n: x[:, None] for n, x in COLUMNS.items()}})) - table.targets
        assert float(np.sqrt(np.mean(off**2))) <= NEAR * float(table.targets.std())
        law_there = finished(problem, expr)
        assert law_there is not None
        simpler.append(to_text(law_there.expr))
    assert expected in simpler


def test_an_ordinary_law_is_near_no_limit() -> None:
    assert forms("E + A*n**a + B*d**b", {"E": 1.7, "A": 400.0, "a": -0.34, "B": 410.0, "b": -0.28}) == {}


def test_what_has_no_constants_is_no_limit_of_constants() -> None:
    narrow = "E + A*log(n) + B*d**(-0.001)"
    assert forms(narrow, {"E": 1.0, "A": -0.1, "B": 2.0}) == {}


def test_two_or_three_settings_make_no_straight_line() -> None:
    fit, table = fitted("E + A*n**a", {"E": 1.0, "A": 1.0, "a": -0.5})
    narrow = {
        **table.features,
        "n": np.array([1e6, 1e8])[np.arange(24) % 2],
    }
    assert limits(fit, replace(table, features=narrow)) == []


def test_a_limit_holds_in_every_group() -> None:
    exponents = np.array([[1e-6], [-0.5]])
    assert limits(*fitted("E + A*n**a", {"E": np.ones(1), "A": np.ones(1), "a": exponents}, groups=2)) == []
    (limit,) = limits(*fitted("E + A*n**a", {"E": np.ones(1), "A": np.ones(1), "a": 1e-6 * np.ones(1)}, groups=2))
    assert limit.form == "log"
    assert limit.slope.shape == limit.level.shape == (2, 1)


def test_values_off_their_domain_are_no_limit() -> None:
    assert forms("E + (k + n)**a", {"E": 1.0, "k": -1e8, "a": 0.5}) == {}


def test_new_constants_have_names_of_their_own() -> None:
    fit, table = fitted("k0 + k1*n**a", {"k0": 1.0, "k1": 1.0, "a": 1e-6})
    ((expr, known),) = at_limits(fit, table)
    assert set(constant_names(expr)) <= set(known)
    assert set(known) - {"k0", "k1", "a"} == {"k2"}


def test_a_simpler_law_sets_out_from_where_the_old_one_was() -> None:
    fit, table = fitted("E + A*n**a", {"E": 1e5, "A": -1e5, "a": 1e-6})
    problem = Problem(table, {"n": "scale", "d": "scale"}, ("n",))
    candidate = Candidate(fit.structure, Recipe("huber", "log"), "grammar:add_term", (7,))
    (simpler,) = simpler_laws(problem, candidate, fit)
    assert simpler.structure.text == "E + A*log(n)"
    assert (simpler.recipe, simpler.origin, simpler.parents) == (candidate.recipe, candidate.origin, (7,))
    assert float(np.ravel(simpler.inherited["A"])[0]) == pytest.approx(-0.1, rel=1e-3)
    assert simpler.structure.domain("A") == REAL
