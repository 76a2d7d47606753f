"""Formulas from elsewhere: which names are columns, which numbers become constants."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.data.formula_names import names_in, places_of
from discover.data.table import Table
from discover.errors import DiscoverError, FormulaError, InputError
from discover.runs.importing import structures_of

PARAMS = np.array([1e7, 1e8, 1e9, 1e10])
TABLE = Table(
    {"params": PARAMS, "tokens": 20 * PARAMS[::-1]}, np.array([[4.0], [3.5], [3.0], [2.8]]), ("loss",),
    np.zeros(4, dtype=np.int64), ("all",),
)  # fmt: skip
HEADINGS = {name: name for name in ("params", "tokens", "loss")}


def law(text: str, **columns: str) -> tuple[str, dict[str, float]]:
    (structure, *_), _, _ = structures_of(text, columns or {"params": "params", "tokens": "tokens"}, TABLE)
    return structure.text, dict(structure.guess)


def test_names_are_found_without_functions_and_numbers() -> None:
    assert names_in(["1.5e3 + A*log(params)**2 - x_0", "A/D"]) == ["A", "params", "x_0", "D"]


@pytest.mark.parametrize(
    ("formula", "mapping", "features", "expected"),
    [
        ("E + A*params", {}, None, {"params": "params"}),
        ("N + D + B", {}, None, {"N": "params", "D": "tokens"}),
        ("n_params", {}, None, {"n_params": "params"}),
        ("x0*x1", {}, ["tokens", "params"], {"x0": "tokens", "x1": "params"}),
        ("X1*X2", {}, ["tokens", "params"], {"X1": "tokens", "X2": "params"}),
        ("q + params", {"q": "tokens"}, None, {"q": "tokens", "params": "params"}),
        # Beside a heading a letter is a column where no constant stands, and a constant elsewhere.
        ("E + A/params**a + B*D**(-b)", {}, None, {"params": "params", "D": "tokens"}),
        ("E + A*log(D)/params", {}, None, {"params": "params", "D": "tokens"}),
        ("C + D*params**a", {}, None, {"params": "params"}),
    ],
)
def test_names_stand_for_columns(formula, mapping, features, expected) -> None:
    assert places_of([formula], HEADINGS, mapping, features, ["loss"]).columns == expected


def test_what_may_be_meant_otherwise_is_said() -> None:
    headings = {name: name for name in ("params", "tokens", "E")}
    (column,) = places_of(["E + A*params**(-alpha)"], headings).notes
    assert "E of the formula is the column 'E'; if it is meant as a constant" in column
    (constant,) = places_of(["C + D*params**a"], headings).notes
    assert "D of the formula is fitted as a constant; if it is the column 'tokens'" in constant
    (case,) = places_of(["C + Tokens*params**a"], {name: name for name in ("params", "tOKENS_")}).notes or ("",)
    assert "tOKENS_" in case


def test_a_name_of_a_quantity_that_the_table_lacks_is_no_silent_constant() -> None:
    columns = {name: name for name in ("params", "zz")}
    (note,) = places_of(["E + A*params**(-a) + B*D**(-b)"], columns).notes
    assert "D of the formula is fitted as a constant, for no column is known to hold the training tokens" in note
    assert "--columns D=COLUMN" in note
    for formula in ("E + D*params**(-a)", "E + A*(params/x0)**(-a)", "E + (C + params)**(-a)"):
        assert places_of([formula], columns).notes == ()


def test_a_constant_that_looks_like_an_unused_column_is_pointed_out() -> None:
    columns = {name: name for name in ("params", "tokens")}
    found = places_of(["E + A*params**alpha*tokns"], columns)
    assert found.columns == {"params": "params"}
    assert found.notes == ("tokns of the formula is fitted as a constant; did you mean 'tokens'?",)
    assert places_of(["tokens + params*parms"], columns).notes == ()  # both columns are in use


@pytest.mark.parametrize(
    ("formula", "mapping", "features", "message"),
    [
        ("x0", {}, None, "--columns x0=COLUMN"),
        ("x5", {}, ["params"], "names x5, but --features names 1"),
        ("X0", {}, ["params"], "names X0"),
        ("q + E", {}, None, r"no name in the formula \(q, E\)"),
        ("1", {}, None, "there is none"),
        ("params", {"parms": "params"}, None, "'parms', which is not in the formula; did you mean 'params'"),
        ("q", {"q": "parms"}, None, "'parms', which the table does not have; did you mean 'params'"),
    ],
)
def test_names_that_cannot_be_placed_are_told(formula, mapping, features, message) -> None:
    with pytest.raises(InputError, match=message):
        places_of([formula], HEADINGS, mapping, features)


def test_numbers_become_constants_that_start_there_and_form_stays() -> None:
    assert law("1.7 + 400/params**0.34 + 410*tokens**(-0.28)") == (
        "E + A*params**(-alpha) + B*tokens**(-beta)",
        {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28},
    )
    assert "1 + k1*log(tokens)" in law("1.3 + (1e8/(params*(1 + 0.35*log(tokens))))**0.2")[0]
    assert law("2.5 - 0.3*sqrt(params)")[0] == "E + A*params**0.5"


def test_named_constants_keep_the_numbers_beside_them() -> None:
    assert law("E + A/params**0.5 + 2*B") == ("E + A*params**(-0.5) + 2*B", {})


def test_text_of_engines_is_read() -> None:
    columns = {"x0": "params", "x1": "tokens"}
    assert law("2.0 + square(x0 / 3.0f3) * (x1 ^ -0.3)", **columns)[0] == "E + A*params**2*tokens**(-alpha)"


def test_a_formula_that_uses_a_column_name_for_a_constant_is_refused() -> None:
    with pytest.raises(FormulaError, match="'params' is a column"):
        structures_of("E + params/N", {"N": "params"}, TABLE)


@settings(max_examples=300, deadline=None)
@given(st.text("paramstokensxE0123456789.eE+-*/^()[]={};,# \u00d7\n", max_size=40))
def test_any_text_is_a_law_or_refused_in_words(text: str) -> None:
    with suppress(DiscoverError):
        columns = places_of([text], HEADINGS, {}, ["params", "tokens"]).columns
        (structure, *_), _, _ = structures_of(text, {k: v for k, v in columns.items() if v != "loss"}, TABLE)
        assert structure.features
