"""Powers of a column that is zero on some rows: a share of a mixture, a step zero."""

from __future__ import annotations

import numpy as np
import pytest

from discover.expressions import parse
from discover.fitting import FitResult, Recipe, fit
from discover.fitting.layout import Layout
from discover.fitting.zeros import kept_finite
from discover.law.structure import Domain, Structure
from tests.scoring.problems import problem_from

SHARE = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
SIZE = np.geomspace(1e3, 1e6, 12)


def structure(text: str, **domains: Domain) -> Structure:
    return Structure(parse(text, ("p", "n")), domains=domains)


@pytest.mark.parametrize(
    ("text", "width"), [("A*p**a + exp(k*n/1e6)", 0.05), ("A*p**(-b) + exp(k*n/1e6)", 0.05), ("E + A*n + B*p**a", 0.01)]
)
def test_a_power_of_a_column_with_zeros_has_a_value_on_every_row(text: str, width: float) -> None:
    """On the other rows an exponent below zero is the best."""
    table = problem_from({"p": SHARE, "n": SIZE}, 3.0 + np.exp(-SHARE / width)).table
    found = fit(structure(text), table, Recipe())
    assert isinstance(found, FitResult)
    assert np.isfinite(found.predict(table.features, table.group)).all()


def test_only_exponents_of_what_is_zero_are_kept() -> None:
    layout = Layout.of(problem_from({"p": SHARE, "n": SIZE}, SIZE).table)
    kept = kept_finite(structure("p**a + p**(-b) + n**c + (p + k)**d + (p/n)**f*p**g", a=Domain(-1.0, 2.0)), layout)
    assert kept.domains == {
        "a": Domain(0.0, 2.0), "b": Domain(-np.inf, 0.0), "f": Domain(0.0), "g": Domain(0.0)
    }  # fmt: skip
    assert kept_finite(structure("n**c"), layout).domains == {}
    assert kept_finite(structure("p**a", a=Domain(-2.0, -1.0)), layout).domains == {"a": Domain(-2.0, -1.0)}
