"""Covariances, bootstrap, profiles and intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import parse
from discover.fitting import FitFailure, FitResult, Recipe, Structure, bootstrap, covariance, fit, profile, report
from discover.fitting.fit import NORMAL, Effort

Rows = Callable[..., Table]


@pytest.fixture
def noisy(law: Structure, chinchilla_rows: Rows) -> tuple[FitResult, Table]:
    table = chinchilla_rows(n=245, noise=0.02, seed=1)
    result = fit(law, table)
    assert isinstance(result, FitResult)
    return result, table


def test_standard_errors_equal_those_of_scipy(noisy: tuple[FitResult, Table]) -> None:
    result, table = noisy
    x = np.stack([table.features["N"], table.features["D"]])

    def value(x, E, A, alpha, B, beta):  # type: ignore[no-untyped-def]
        return E + A * x[0] ** -alpha + B * x[1] ** -beta

    _, expected = curve_fit(value, x, table.targets[:, 0], list(result.named().values()), x_scale="jac", method="trf")
    errors = covariance(result, table).errors[0, 0]
    np.testing.assert_allclose(errors, np.sqrt(np.diag(expected)), rtol=1e-3)


def test_absolute_errors_are_taken_as_they_are(noisy: tuple[FitResult, Table]) -> None:
    result, table = noisy
    with_errors = replace(table, errors=np.full((len(table), 1), 0.5))
    again = fit(result.structure, with_errors)
    assert isinstance(again, FitResult)
    relative = covariance(again, with_errors).errors
    np.testing.assert_allclose(relative, covariance(result, table).errors, rtol=1e-4)
    residual = np.sqrt(((result.residuals(table) / 0.5) ** 2).sum() / (len(table) - 5))
    absolute = covariance(again, with_errors, absolute=True).errors
    np.testing.assert_allclose(absolute * residual, relative, rtol=1e-4)


@pytest.mark.parametrize("unit", ["residuals", "rows"])
@pytest.mark.parametrize("recipe", [Recipe(), Recipe("huber", "log", 1e-2)])
def test_the_bootstrap_agrees_with_the_covariance_where_that_holds(
    unit: str, recipe: Recipe, law: Structure, chinchilla_rows: Rows
) -> None:
    table = chinchilla_rows(n=245, noise=0.005, seed=2)
    result = fit(law, table, recipe)
    assert isinstance(result, FitResult)
    drawn = bootstrap(result, table, 100, unit=unit)  # type: ignore[arg-type]
    spread = drawn.constants[:, 0, 0].std(axis=0)
    ratio = spread / covariance(result, table).errors[0, 0]
    assert np.all((ratio > 0.6) & (ratio < 1.6))
    assert drawn.failures == 0


@pytest.mark.parametrize("loss", ["huber", "soft_l1"])
def test_a_loss_that_is_nearly_that_of_absolute_values_has_its_errors(loss: str, table_of: Rows) -> None:
    """The scale is a fiftieth of the scatter, so that on 60 rows one residual lies within it, or none."""
    structure, recipe = Structure(parse("E + A*x", ["x"])), Recipe(loss, "value", 1e-3)  # type: ignore[arg-type]
    x = np.linspace(-1, 1, 60)
    found, errors = [], []
    for seed in range(60):
        table = table_of({"x": x}, 1 + x + 0.05 * np.random.default_rng(seed).standard_normal(60))
        result = fit(structure, table, recipe)
        assert isinstance(result, FitResult)
        found.append(result.constants[0, 0])
        errors.append(covariance(result, table).errors[0, 0])
    spread, typical = np.std(found, axis=0), np.median(errors, axis=0)
    assert np.all((typical > 0.75 * spread) & (typical < 1.35 * spread))
    assert np.quantile(errors, 0.95) < 2 * typical.max()


@pytest.mark.parametrize("loss", ["huber", "soft_l1"])
def test_a_profile_of_a_loss_that_is_nearly_that_of_absolute_values_is_as_wide_as_its_errors(
    loss: str, table_of: Rows
) -> None:
    structure, recipe = Structure(parse("E + A*x", ["x"])), Recipe(loss, "value", 1e-3)  # type: ignore[arg-type]
    x = np.linspace(-1, 1, 60)
    ratios = []
    for seed in range(8):
        table = table_of({"x": x}, 1 + x + 0.05 * np.random.default_rng(seed).standard_normal(60))
        result = fit(structure, table, recipe)
        assert isinstance(result, FitResult)
        found = profile(result, table, "A", level=0.6827)
        error = covariance(result, table).errors[0, 0, structure.constants.index("A")]
        ratios.append((found.upper - found.lower) / 2 / error)
    assert 0.75 < np.median(ratios) < 1.35


def test_the_bootstrap_repeats_whatever_the_number_of_workers(noisy: tuple[FitResult, Table]) -> None:
    result, table = noisy
    one = bootstrap(result, table, 12, seed=7, workers=1)
    four = bootstrap(result, table, 12, seed=7, workers=4)
    other = bootstrap(result, table, 12, seed=8, workers=4)
    np.testing.assert_array_equal(one.constants, four.constants)
    assert not np.array_equal(one.constants, other.constants)


def test_two_hundred_resamples_are_two_hundred_light_fits(
    noisy: tuple[FitResult, Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    result, table = noisy
    efforts: list[Effort] = []

    def counted(*arguments: object, **options: object) -> FitResult | FitFailure:
        efforts.append(options["effort"])  # type: ignore[arg-type]
        return fit(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("discover.fitting.uncertainty.fit", counted)
    assert len(bootstrap(result, table, 200)) == 200
    assert len(efforts) == 200
    assert all(effort.draws < NORMAL.draws for effort in efforts)


def test_clusters_are_drawn_whole(law: Structure, chinchilla_rows: Rows) -> None:
    table = chinchilla_rows(n=240, noise=0.001, seed=3)
    clusters = np.argsort(np.argsort(table.features["D"])) // 10  # runs of nearly equal length
    shifts = 0.05 * np.random.default_rng(0).standard_normal(24)
    shared_error = replace(table, targets=table.targets * np.exp(shifts[clusters])[:, None])
    result = fit(law, shared_error)
    assert isinstance(result, FitResult)
    far = {"N": np.array([1e11]), "D": np.array([1e12])}
    width = [np.ptp(bootstrap(result, shared_error, 100, unit="rows", clusters=c).prediction_interval(far))
             for c in (None, clusters)]  # fmt: skip
    assert width[1] > 1.3 * width[0]


def test_groups_with_their_own_constants_cannot_be_drawn(table_of: Rows) -> None:
    x = np.tile(np.geomspace(1, 100, 10), 3)
    table = table_of({"x": x}, 1 + 1 / x, group=np.repeat([0, 1, 2], 10), groups=("a", "b", "c"))
    expr = parse("E + A*x**(-p)", ["x"])
    own = fit(Structure(expr), table)
    assert isinstance(own, FitResult)
    with pytest.raises(InputError, match="groups cannot be drawn while E is fitted to each"):
        bootstrap(own, table, 5, unit="groups")
    shared = fit(Structure(expr, shared=frozenset({"E", "A", "p"})), table)
    assert isinstance(shared, FitResult)
    assert len(bootstrap(shared, table, 5, unit="groups")) == 5


def test_an_interval_for_a_new_row_is_wider_than_that_of_the_law(noisy: tuple[FitResult, Table]) -> None:
    result, table = noisy
    drawn = bootstrap(result, table, 60)
    here = {name: values[:1] for name, values in table.features.items()}
    of_law = drawn.prediction_interval(here)
    of_row = drawn.prediction_interval(here, new_row=True)
    assert np.ptp(of_row) > 2 * np.ptp(of_law)
    assert of_law.shape == (2, 1, 1)


@pytest.mark.parametrize("name", ["E", "alpha"])
def test_a_profile_agrees_with_the_covariance_where_the_law_is_nearly_linear(
    name: str, law: Structure, chinchilla_rows: Rows
) -> None:
    table = chinchilla_rows(n=245, noise=0.001, seed=4)
    result = fit(law, table)
    assert isinstance(result, FitResult)
    found = profile(result, table, name, level=0.6827)
    error = covariance(result, table).errors[0, 0, law.constants.index(name)]
    assert found.lower < found.value < found.upper
    assert (found.upper - found.lower) / 2 == pytest.approx(error, rel=0.05)


def test_a_profile_ends_at_a_bound_that_the_rows_do_not_refute(table_of: Rows) -> None:
    x = np.geomspace(1, 100, 30)
    y = 0.01 + 3 * x**-0.3 + 0.05 * np.random.default_rng(0).standard_normal(30)
    from discover.fitting import NONNEGATIVE

    table = table_of({"x": x}, y)
    result = fit(Structure(parse("E + A*x**(-p)", ["x"]), domains={"E": NONNEGATIVE}), table)
    assert isinstance(result, FitResult)
    assert profile(result, table, "E").lower == 0.0


def test_an_unknown_constant_or_unit_is_refused(noisy: tuple[FitResult, Table]) -> None:
    result, table = noisy
    with pytest.raises(InputError, match="no constant 'gamma'"):
        profile(result, table, "gamma")
    with pytest.raises(InputError, match="unknown unit"):
        bootstrap(result, table, 5, unit="tables")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="between 0 and 1"):
        bootstrap(result, table, 3).intervals(level=90)


def test_the_report_gives_constants_errors_and_intervals(noisy: tuple[FitResult, Table]) -> None:
    result, table = noisy
    text = report(result, table, resamples=bootstrap(result, table, 20))
    for part in ("rows 245", "R2", "condition number", "alpha", "±", "90% [", "searches ended in the best optimum"):
        assert part in text


def test_a_single_search_is_no_share(noisy: tuple[FitResult, Table]) -> None:
    result, table = noisy
    once = replace(result, diagnostics=replace(result.diagnostics, searches=1.0, agreed=1.0))
    assert "; a single search\n" in report(once, table)
