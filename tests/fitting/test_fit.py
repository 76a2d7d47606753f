"""What `fit` promises: recovery, groups, shared constants, targets, losses, bounds, weights, repeatability."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import parse
from discover.fitting import (
    NONNEGATIVE,
    POSITIVE,
    QUICK,
    THOROUGH,
    Domain,
    FitFailure,
    FitResult,
    Recipe,
    Structure,
    bootstrap,
    covariance,
    diagnose,
    fit,
    recipe_from_text,
)

Rows = Callable[..., Table]
TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}


def fitted(*args: Any, **options: Any) -> FitResult:
    result = fit(*args, **options)
    assert isinstance(result, FitResult), result.text
    return result


@pytest.mark.parametrize("loss", ["squared", "log", "huber", "huber-log", "soft_l1", "soft_l1-log"])
def test_constants_of_a_noise_free_table_are_recovered_under_every_loss(
    loss: str, law: Structure, chinchilla_rows: Rows
) -> None:
    result = fitted(law, chinchilla_rows(), recipe_from_text(loss))
    assert result.named() == pytest.approx(TRUTH, rel=1e-6)
    assert result.diagnostics.converged


@pytest.mark.parametrize("groups", [1, 2])
def test_a_start_that_names_some_constants_is_completed_by_draws(groups: int) -> None:
    n = np.tile(np.geomspace(1e6, 1e10, 24), groups)
    group = np.repeat(np.arange(groups), 24)
    y = 2.0 + 0.3 * group + 8.0 * n**-0.21 + 0.1 * np.exp(-(((np.log(n) - 16.0) / 0.8) ** 2))
    table = Table({"n": n}, y[:, None], ("y",), group, tuple("ab"[:groups]))
    bump = Structure(parse("E + A*n**(-a) + B*exp(-((log(n) - m)/w)**2)", ["n"]))
    given_only = replace(QUICK, draws=0, iterations=200)
    assert isinstance(fit(bump, table, effort=given_only), FitFailure)
    inherited = {name: np.full((groups, 1), value) for name, value in {"a": 0.2, "m": 16.3}.items()}
    result = fitted(bump, table, effort=given_only, warm=[inherited])
    assert np.abs(result.residuals(table)).max() < 1e-6


def test_equal_arguments_give_equal_results_and_pickle(law: Structure, chinchilla_rows: Rows) -> None:
    table = chinchilla_rows(noise=0.02)
    one, two = fitted(law, table, seed=3), fitted(law, table, seed=3)
    np.testing.assert_array_equal(one.constants, two.constants)
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.constants, one.constants)
    assert again.structure == one.structure


def test_order_of_rows_does_not_matter(law: Structure, chinchilla_rows: Rows) -> None:
    table = chinchilla_rows(noise=0.02)
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    assert fitted(law, shuffled).named() == pytest.approx(fitted(law, table).named(), rel=1e-5)


def test_outliers_of_a_hundred_deviations_hardly_move_a_robust_fit(law: Structure, chinchilla_rows: Rows) -> None:
    table = chinchilla_rows(noise=0.01)
    spoiled = table.targets.copy()
    spoiled[[3, 50, 77]] *= 2.0
    bad = replace(table, targets=spoiled)
    truth = chinchilla_rows().targets
    recipe = Recipe("huber", "log", 1e-2)
    assert np.abs(fitted(law, bad, recipe).predict(bad.features) / truth - 1).max() < 0.02
    assert np.abs(fitted(law, bad).predict(bad.features) / truth - 1).max() > 0.02


def test_groups_get_their_own_constants(table_of: Rows) -> None:
    x = np.tile(np.geomspace(1, 1e3, 20), 3)
    group = np.repeat([0, 1, 2], 20)
    truth = [(1.0, 3.0, 0.3), (2.0, 5.0, 0.5), (0.5, 9.0, 0.8)]
    y = np.concatenate([e + a * x[:20] ** -p for e, a, p in truth])
    order = np.random.default_rng(0).permutation(60)
    table = table_of({"x": x[order]}, y[order], group=group[order], groups=("a", "b", "c"))
    result = fitted(Structure(parse("E + A*x**(-p)", ["x"])), table)
    np.testing.assert_allclose(result.constants[:, 0, :], truth, rtol=1e-7)
    np.testing.assert_allclose(result.predict(table.features, table.group), table.targets, rtol=1e-9)


def test_a_shared_constant_has_one_value_for_all_groups(table_of: Rows) -> None:
    x = np.tile(np.geomspace(1, 1e3, 12), 4)
    group = np.repeat(np.arange(4), 12)
    E, A = np.array([1.0, 2.0, 0.5, 1.5])[group], np.array([3.0, 5.0, 9.0, 2.0])[group]
    rng = np.random.default_rng(1)
    y = (E + A * x**-0.4) * np.exp(0.01 * rng.standard_normal(48))
    table = table_of({"x": x}, y, group=group, groups=("a", "b", "c", "d"))
    expr = parse("E + A*x**(-p)", ["x"])
    together = fitted(Structure(expr, shared=frozenset({"p"})), table)
    assert np.ptp(together.constants[:, 0, 2]) == 0.0
    assert together.constants[0, 0, 2] == pytest.approx(0.4, abs=0.03)
    apart = fitted(Structure(expr), table)
    assert apart.objective <= together.objective

    # the joint optimum by a one-dimensional search over the exponent with linear fits inside
    def cost(p: float) -> float:
        total = 0.0
        for g in range(4):
            rows = group == g
            design = np.column_stack([np.ones(12), x[rows] ** -p])
            total += float(np.linalg.lstsq(design, y[rows])[1].sum())
        return total

    best = min(cost(p) for p in together.constants[0, 0, 2] + np.linspace(-1e-3, 1e-3, 41))
    assert together.objective <= best * (1 + 1e-9)


@pytest.mark.parametrize("loss", ["squared-log", "huber", "huber-log"])
def test_shared_constants_under_other_losses(loss: str, table_of: Rows) -> None:
    x = np.tile(np.geomspace(1, 1e3, 12), 3)
    group = np.repeat(np.arange(3), 12)
    y = np.array([1.0, 2.0, 0.5])[group] + np.array([3.0, 5.0, 9.0])[group] * x**-0.4
    table = table_of({"x": x}, y, group=group, groups=("a", "b", "c"))
    result = fitted(Structure(parse("E + A*x**(-p)", ["x"]), shared=frozenset({"p"})), table, recipe_from_text(loss))
    np.testing.assert_allclose(result.constants[:, 0, 2], 0.4, rtol=1e-6)


def test_several_targets_are_fitted_each_with_its_constants(table_of: Rows) -> None:
    x = np.geomspace(1, 1e3, 25)
    table = table_of({"x": x}, np.column_stack([1 + 2 * x**-0.3, 4 + 3 * x**-0.6]))
    result = fitted(Structure(parse("E + A*x**(-p)", ["x"])), table)
    np.testing.assert_allclose(result.constants[0], [[1, 2, 0.3], [4, 3, 0.6]], rtol=1e-7)
    assert result.predict(table.features).shape == (25, 2)


def test_a_group_without_rows_has_no_constants(table_of: Rows) -> None:
    x = np.geomspace(1, 1e3, 20)
    table = table_of({"x": x}, 1 + x**-0.5, group=np.ones(20), groups=("empty", "full"))
    result = fitted(Structure(parse("E + A*x**(-p)", ["x"])), table)
    assert np.isnan(result.constants[0]).all()
    assert np.isfinite(result.constants[1]).all()


def test_bounds_and_signs_hold_for_linear_and_searched_constants(table_of: Rows) -> None:
    x = np.geomspace(1, 1e3, 40)
    table = table_of({"x": x}, -0.5 + 3 * x**-0.8)
    domains = {"E": NONNEGATIVE, "A": Domain(0.0, 1.5), "p": Domain(0.1, 0.6, log=True)}
    result = fitted(Structure(parse("E + A*x**(-p)", ["x"]), domains=domains), table)
    named = result.named()
    assert named["E"] == 0.0
    assert named["A"] == pytest.approx(1.5)
    assert named["p"] == pytest.approx(0.6)
    assert set(result.diagnostics.at_bound) == {"E", "A", "p"}


def test_weights_count_rows(law: Structure, chinchilla_rows: Rows) -> None:
    table = chinchilla_rows(noise=0.02)
    counts = np.random.default_rng(0).integers(1, 4, len(table))
    repeated = table.take(np.repeat(np.arange(len(table)), counts))
    weighted = fitted(law, replace(table, weights=counts.astype(float)))
    assert weighted.objective == pytest.approx(fitted(law, repeated).objective, rel=1e-9)
    swept = fitted(law, replace(table, sweep=counts.astype(float)))
    assert swept.objective == pytest.approx(weighted.objective, rel=1e-12)


@pytest.mark.parametrize("kind", ["weights", "sweep", "heights"])
def test_whoever_judges_a_fit_counts_rows_as_the_fit_did(law: Structure, chinchilla_rows: Rows, kind: str) -> None:
    table = chinchilla_rows(noise=0.02)
    rows = np.linspace(-0.5, 0.5, len(table))
    weights = 10.0**rows
    recipe = Recipe(emphasis=1.0) if kind == "heights" else Recipe()
    carried = replace(table, **{kind: rows if kind == "heights" else weights})
    told = replace(table, weights=weights)
    found, same = fitted(law, carried, recipe), fitted(law, told)
    assert found.named() == pytest.approx(same.named(), rel=1e-9)
    assert covariance(found, carried).errors == pytest.approx(covariance(same, told).errors, rel=1e-6)
    assert bootstrap(found, carried, 3).constants == pytest.approx(bootstrap(same, told, 3).constants, rel=1e-6)
    assert diagnose(found, carried).condition == pytest.approx(diagnose(same, told).condition, rel=1e-6)


def test_measurement_errors_weigh_by_their_inverse_square(law: Structure, chinchilla_rows: Rows) -> None:
    table = chinchilla_rows(noise=0.02)
    errors = np.random.default_rng(0).uniform(0.01, 0.1, (len(table), 1))
    by_errors = fitted(law, replace(table, errors=errors))
    by_weights = fitted(law, replace(table, weights=errors[:, 0] ** -2))
    assert by_errors.named() == pytest.approx(by_weights.named(), rel=1e-6)


def test_a_start_replaces_the_drawn_ones_where_it_is_better(table_of: Rows) -> None:
    x = np.linspace(0, 10, 200)
    y = np.sin(3.7 * x)
    structure = Structure(parse("a*sin(b*x)", ["x"]))
    result = fitted(structure, table_of({"x": x}, y), warm=[{"a": 1.0, "b": 3.6}], effort=QUICK)
    assert result.named() == pytest.approx({"a": 1.0, "b": 3.7}, rel=1e-6)


def test_more_effort_never_gives_a_worse_optimum(law: Structure, chinchilla_rows: Rows) -> None:
    table = chinchilla_rows(noise=0.02)
    assert fitted(law, table, effort=THOROUGH).objective <= fitted(law, table, effort=QUICK).objective * (1 + 1e-7)


def test_a_positive_constant_is_searched_by_its_logarithm(table_of: Rows) -> None:
    x = np.geomspace(1e-9, 1e-6, 40)
    table = table_of({"x": x}, x / (3e-8 + x))
    result = fitted(Structure(parse("x/(s + x)", ["x"]), domains={"s": POSITIVE}), table)
    assert result.named()["s"] == pytest.approx(3e-8, rel=1e-9)


def test_a_logarithm_in_disguise_does_not_follow_rounding_errors(table_of: Rows) -> None:
    x = np.geomspace(1e3, 1e6, 200)
    rng = np.random.default_rng(0)
    y = 2 - 0.1 * np.log(x) + 0.01 * rng.standard_normal(200)
    table = table_of({"x": x}, y)
    power = fitted(Structure(parse("E + A*x**(-p)", ["x"])), table)
    straight = fitted(Structure(parse("E + A*log(x)", ["x"])), table)
    assert power.objective > straight.objective * (1 - 0.02)
    assert abs(power.named()["A"]) < 1e10
    np.testing.assert_allclose(power.predict(table.features), straight.predict(table.features), atol=0.01)


@pytest.mark.parametrize("text", ["cubed", "squared-root", "huber-loglog"])
def test_an_unknown_loss_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InputError, match="expected squared, huber or soft_l1"):
        recipe_from_text(text)


def test_an_empty_domain_is_refused() -> None:
    with pytest.raises(InputError, match="domain of a constant is empty"):
        Domain(1.0, 1.0)


def test_too_few_rows_in_one_group_name_that_group(table_of: Rows) -> None:
    x = np.geomspace(1, 10, 12)
    table = table_of({"x": x}, 1 + 1 / x, group=[0] * 10 + [1] * 2, groups=("many", "few"))
    failure = fit(Structure(parse("E + A*x**(-p)", ["x"])), table)
    assert isinstance(failure, FitFailure)
    assert "group few has 2 rows for 3 constants" in failure.text
