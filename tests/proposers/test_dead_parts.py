"""Parts of a law that move no value of it are found, whatever their constants are."""

from __future__ import annotations

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import Diagnostics, FitResult, Recipe, Structure
from discover.proposers import Candidate
from discover.proposers.dead_parts import laws_without_dead_parts
from discover.scoring import Problem

COLUMNS = {"n": 10 ** np.linspace(6, 9, 24), "d": 10 ** np.linspace(8, 10, 24)[np.arange(24) * 7 % 24]}
FORM = "E + A*n**a + B*d**b"
VALUES = {"E": 1.7, "A": 400.0, "a": -0.34, "B": 410.0, "b": -0.28}


def shorter(law: str, more: dict[str, float], groups: int = 1) -> list[str]:
    structure = Structure(parse(law, list(COLUMNS)))
    values = VALUES | more
    constants = np.stack([np.broadcast_to(values[name], (groups, 1)) for name in structure.constants], axis=-1)
    group = np.arange(24) % groups
    names = tuple(f"g{i}" for i in range(groups))
    fit = FitResult(structure, Recipe(), constants, 0.0, names, ("y",), Diagnostics())
    table = Table(COLUMNS, fit.predict(COLUMNS, group), ("y",), group, names)
    problem = Problem(table, {"n": "scale", "d": "scale"}, ("n", "d"))
    found = laws_without_dead_parts(problem, Candidate(structure, Recipe(), "grammar:add_term", ()), fit)
    return [candidate.structure.text for candidate in found]


def test_a_law_without_dead_parts_stays() -> None:
    assert shorter(FORM, {}) == []


@pytest.mark.parametrize(
    ("law", "more"),
    [
        (f"{FORM} + c/(k + n)", {"c": 1e-24, "k": 3.0}),
        (f"{FORM}*(1 + c*n**k)", {"c": 1e-12, "k": 0.1}),
        ("E + A*n**a + B*d**b*(k + tanh(c*n))", {"c": 1.0, "k": 2.0}),
        (f"{FORM} + c*exp(-k*n)", {"c": 1.0, "k": 1.0}),
    ],
)
@pytest.mark.parametrize("groups", [1, 2])
def test_a_dead_part_is_left_out(law: str, more: dict[str, float], groups: int) -> None:
    assert "E + A*n**alpha + B*d**beta" in shorter(law, more, groups)


def test_a_part_that_matters_beyond_the_rows_only_stays() -> None:
    assert shorter(f"{FORM} + c*exp(k*n)", {"c": 1e-20, "k": 3e-8}) == []
