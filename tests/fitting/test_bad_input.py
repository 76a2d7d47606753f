"""Bad tables end in a named failure or a named warning, within a bounded time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import Concern, FitFailure, FitResult, Reason, Recipe, Structure, diagnose, fit, report

Rows = Callable[..., Table]
RNG = np.random.default_rng(0)
N = np.exp(RNG.uniform(17, 23, 120))
D = np.exp(RNG.uniform(20, 26, 120))
Y = (1.8 + 480 * N**-0.35 + 2000 * D**-0.37) * np.exp(0.01 * RNG.standard_normal(120))
CHINCHILLA = "E + A*N**(-alpha) + B*D**(-beta)"


def structure(text: str) -> Structure:
    return Structure(parse(text, ["N", "D", "x"]))


def concerns(result: FitResult, table: Table) -> dict[Concern, str]:
    return dict(diagnose(result, table).concerns)


def spoiled(values: Any, row: int, value: float) -> Any:
    out = np.array(values)
    out[row] = value
    return out


REFUSED = {
    "too few rows": (CHINCHILLA, {"N": N[:4], "D": D[:4]}, Y[:4], {}, Reason.TOO_FEW_ROWS),
    "no rows": (CHINCHILLA, {"N": N[:0], "D": D[:0]}, Y[:0], {}, Reason.NO_ROWS),
    "no column": ("E + A*x**(-p)", {"N": N}, Y, {}, Reason.MISSING_FEATURE),
    "missing target": (CHINCHILLA, {"N": N, "D": D}, spoiled(Y, 5, np.nan), {}, Reason.BAD_DATA),
    "infinite column": (CHINCHILLA, {"N": spoiled(N, 5, np.inf), "D": D}, Y, {}, Reason.BAD_DATA),
    "logarithm of a negative target": (CHINCHILLA, {"N": N, "D": D}, -Y, {"recipe": Recipe(space="log")},
                                       Reason.NOT_POSITIVE),
    "logarithm of a zero column": ("E + A*log(N)", {"N": spoiled(N, 5, 0.0)}, Y, {}, Reason.NOT_FINITE),
    "power of negative numbers": ("E + A*N**(-p)", {"N": -N}, Y, {}, Reason.NOT_FINITE),
    "never finite": ("E + N*log(-exp(a))", {"N": N}, Y, {}, Reason.NOT_FINITE),
    "weights of zero": (CHINCHILLA, {"N": N, "D": D}, Y, {"weights": np.zeros(120)}, Reason.BAD_WEIGHTS),
    "negative weights": (CHINCHILLA, {"N": N, "D": D}, Y, {"weights": -np.ones(120)}, Reason.BAD_WEIGHTS),
}  # fmt: skip


@pytest.mark.parametrize(("text", "features", "y", "options", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_fitted_is_refused_by_name(
    text: str, features: Any, y: Any, options: Any, reason: Reason, table_of: Rows
) -> None:
    weights = {name: options[name] for name in ("weights",) if name in options}
    table = replace(table_of(features, y), **weights)
    result = fit(structure(text), table, **{name: value for name, value in options.items() if name not in weights})
    assert isinstance(result, FitFailure)
    assert result.reason is reason
    assert report(result, table).endswith(result.text)


def test_errors_of_zero_are_refused(table_of: Rows) -> None:
    result = fit(structure(CHINCHILLA), replace(table_of({"N": N, "D": D}, Y), errors=np.zeros((120, 1))))
    assert isinstance(result, FitFailure)
    assert result.reason is Reason.BAD_WEIGHTS


DOUBTFUL = {
    "constant column": (CHINCHILLA, {"N": N, "D": np.full(120, 1e10)}, Y, {Concern.CONSTANT_COLUMN, Concern.REDUNDANT}),
    "constant target": (CHINCHILLA, {"N": N, "D": D}, np.full(120, 2.0), {Concern.REDUNDANT}),
    "repeated rows": (CHINCHILLA, {"N": np.repeat(N[:3], 40), "D": np.repeat(D[:3], 40)}, np.repeat(Y[:3], 40),
                      {Concern.NO_FREEDOM, Concern.REDUNDANT}),
    "as many rows as constants": (CHINCHILLA, {"N": N[:5], "D": D[:5]}, Y[:5], {Concern.NO_FREEDOM}),
    "product of constants": ("E + a*b*N**(-alpha)", {"N": N}, Y, {Concern.REDUNDANT}),
    "sum of exponents": ("E + A*N**(-(a + b))", {"N": N}, Y, {Concern.REDUNDANT}),
    "outliers": (CHINCHILLA, {"N": N, "D": D}, spoiled(Y, 7, 2 * Y[7]), {Concern.OUTLIERS}),
    "enormous units": (CHINCHILLA, {"N": N * 1e150, "D": D}, Y, {Concern.SCALE}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "features", "y", "expected"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_what_is_doubtful_is_said_by_name(
    text: str, features: Any, y: Any, expected: set[Concern], table_of: Rows
) -> None:
    table = table_of(features, y)
    result = fit(structure(text), table)
    assert isinstance(result, FitResult)
    found = concerns(result, table)
    assert expected <= set(found)
    text = report(result, table)
    assert all(concern.value in text for concern in expected)


def test_the_first_outlier_is_counted_from_one(table_of: Rows) -> None:
    table = table_of({"N": N, "D": D}, spoiled(Y, 7, 2 * Y[7]))
    result = fit(structure(CHINCHILLA), table)
    assert isinstance(result, FitResult)
    assert "1 row, the first is row 8 of the 120 used, counted from 1" in report(result, table)


def test_a_mean_is_checked_by_every_row(table_of: Rows) -> None:
    for rows, expected in ((120, (Concern.LEFT_OUT,)), (1, (Concern.NO_FREEDOM,))):
        table = table_of({"N": N[:rows]}, Y[:rows])
        result = fit(structure("E"), table)
        assert isinstance(result, FitResult)
        assert tuple(concerns(result, table)) == expected


def test_redundant_constants_are_named(table_of: Rows) -> None:
    table = table_of({"N": N}, Y)
    result = fit(structure("E + a*b*N**(-alpha)"), table)
    assert isinstance(result, FitResult)
    diagnosis = diagnose(result, table)
    assert diagnosis.redundant == (("a", "b"),)
    assert diagnosis.rank == 3
    assert not diagnosis.identifiable


def test_a_column_that_the_law_leaves_out_is_named_if_its_residuals_depend_on_it(table_of: Rows) -> None:
    share = np.random.default_rng(1).uniform(0, 1, len(N))
    spoilt = Y * np.where(np.arange(len(N)) == 7, 3.0, 1.0)  # one bad run decides nothing
    for target, told in ((Y, False), (spoilt, False), (Y + 0.3 * (share - 0.5) ** 2, True)):
        table = table_of({"N": N, "D": D, "share": share}, target)
        result = fit(structure(CHINCHILLA), table, recipe=Recipe("huber", "log", 0.02))
        assert isinstance(result, FitResult)
        assert (Concern.LEFT_OUT in concerns(result, table)) is told
    assert "share (rows with 0.8" in concerns(result, table)[Concern.LEFT_OUT]


def test_a_good_fit_raises_no_concern(table_of: Rows) -> None:
    table = table_of({"N": N, "D": D}, Y)
    result = fit(structure(CHINCHILLA), table)
    assert isinstance(result, FitResult)
    diagnosis = diagnose(result, table)
    assert diagnosis.concerns == ()
    assert diagnosis.condition < 100 < diagnosis.condition_full
    assert diagnosis.slope < 1e-6


@pytest.mark.parametrize("loss", [Recipe(), Recipe(space="log"), Recipe("huber", "log", 1e-3)])
@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_units_do_not_change_the_fit(loss: Recipe, unit: float, table_of: Rows) -> None:
    plain = fit(structure(CHINCHILLA), table_of({"N": N, "D": D}, Y), loss)
    scaled = fit(structure(CHINCHILLA), table_of({"N": N * unit, "D": D / unit}, Y), loss)
    target = fit(structure(CHINCHILLA), table_of({"N": N, "D": D}, Y * unit), loss)
    assert isinstance(plain, FitResult)
    assert isinstance(scaled, FitResult)
    assert isinstance(target, FitResult)
    expected = plain.predict({"N": N, "D": D})
    np.testing.assert_allclose(scaled.predict({"N": N * unit, "D": D / unit}), expected, rtol=1e-6)
    np.testing.assert_allclose(target.predict({"N": N, "D": D}) / unit, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("decimals", "noise", "expected"), [(15, 0.0, True), (6, 0.0, True), (2, 0.0, False), (15, 1e-3, False)]
)
def test_columns_that_give_the_target_to_its_last_digit_are_said_to(
    decimals: int, noise: float, expected: bool, table_of: Rows
) -> None:
    made = (1.8 + 480 * N**-0.35 + 2000 * D**-0.37) * np.exp(noise * RNG.standard_normal(120))
    table = table_of({"N": N, "D": D}, np.round(made, decimals))
    result = fit(structure(CHINCHILLA), table)
    assert isinstance(result, FitResult)
    found = concerns(result, table)
    assert (Concern.EXACT in found) is expected
    if expected:
        assert "give y0 to the last digit, with 115 degrees of freedom left" in found[Concern.EXACT]
