"""The compiled core against NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, lsq_linear

from discover.data.table import Table
from discover.expressions import constant_names, differentiate, evaluate, parse
from discover.fitting import REAL, Domain, Effort, FitResult, Recipe, Structure, fit, kernel

GIVEN = Effort(draws=0, agree=1, tolerance=1e-14, iterations=500)


def _table(features: dict[str, Any], y: Any) -> Table:
    y = np.asarray(y, float)
    return Table(features, y[:, None], ("y",), np.zeros(len(y), np.int64), ("all",))


def test_the_exponential_is_that_of_numpy_to_rounding() -> None:
    x = np.concatenate([np.linspace(-700, 700, 9001), np.linspace(-1, 1, 999), [0.0, -0.0]])
    out, bits = np.empty_like(x), np.zeros(len(x), np.int64)
    kernel._exp(out, x, len(x), bits, bits.view(np.float64))
    np.testing.assert_allclose(out, np.exp(x), rtol=3e-15)


def test_the_logarithm_is_that_of_numpy_to_rounding() -> None:
    x = np.concatenate([np.geomspace(1e-300, 1e300, 9001), np.linspace(0.5, 2.0, 2001), [1.0, 5e-324, 1e-310]])
    out, bits = np.empty_like(x), np.zeros(len(x), np.int64)
    kernel._log(out, x, len(x), bits, bits.view(np.float64))
    np.testing.assert_allclose(out, np.log(x), rtol=1e-15, atol=2e-16)


def test_the_logarithm_of_what_has_none_is_not_finite() -> None:
    x = np.array([0.0, -1.0, np.nan, np.inf])
    out, bits = np.empty_like(x), np.zeros(len(x), np.int64)
    kernel._log(out, x, len(x), bits, bits.view(np.float64))
    assert np.isnan(out[:3]).all()
    assert out[3] == np.inf


def test_the_exponential_keeps_what_is_not_finite() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e4, -1e4])
    out, bits = np.empty_like(x), np.zeros(len(x), np.int64)
    kernel._exp(out, x, len(x), bits, bits.view(np.float64))
    assert np.isnan(out[0])
    assert out[1] == out[3] == np.inf
    assert out[2] < 1e-300
    assert out[4] < 1e-300


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 5), (12, 4), (300, 7)])
def test_the_triangle_has_the_normal_matrix_of_its_columns(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows)
    matrix = rng.standard_normal((columns, columns + rows))
    original = matrix[:, :rows].copy()
    assert kernel._reflect(matrix, columns, rows)
    kernel._triangle(matrix, columns, rows)
    R = matrix[:, : min(rows, columns)]
    np.testing.assert_allclose(R @ R.T, original @ original.T, atol=1e-12 * rows)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("place", [(0, 0), (1, 3), (2, 5)])
def test_one_value_that_is_not_finite_is_never_overlooked(bad: float, place: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).standard_normal((3, 12))
    matrix[place] = bad
    assert not kernel._reflect(matrix, 3, 9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(7, 400))
def test_linear_constants_equal_those_of_numpy(seed: int, p: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    features = {f"x{j}": rng.standard_normal(n) for j in range(p)}
    y = rng.standard_normal(n)
    text = " + ".join(f"c{j}*x{j}" for j in range(p))
    result = fit(Structure(parse(text, features)), _table(features, y))
    assert isinstance(result, FitResult)
    design = np.column_stack(list(features.values()))
    expected = np.linalg.lstsq(design, y)[0]
    np.testing.assert_allclose(result.constants[0, 0], expected, rtol=1e-8, atol=1e-8)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_bounded_linear_constants_equal_those_of_scipy(seed: int, p: int) -> None:
    rng = np.random.default_rng(seed)
    features = {f"x{j}": rng.standard_normal(30) + 0.5 * rng.standard_normal() for j in range(p)}
    y = rng.standard_normal(30)
    kinds = [(0.0, np.inf), (-np.inf, 0.0), (-np.inf, np.inf), (-0.05, 0.05), (0.1, 0.3)]
    chosen = [kinds[rng.integers(len(kinds))] for _ in range(p)]
    text = " + ".join(f"c{j}*x{j}" for j in range(p))
    domains = {f"c{j}": Domain(*bounds) for j, bounds in enumerate(chosen)}
    result = fit(Structure(parse(text, features), domains=domains), _table(features, y))
    assert isinstance(result, FitResult)
    found = result.constants[0, 0]
    lower, upper = np.array(chosen).T
    assert np.all((found >= lower) & (found <= upper))
    expected = lsq_linear(np.column_stack(list(features.values())), y, (lower, upper), tol=1e-14)
    assert result.objective <= 2 * expected.cost * (1 + 1e-8)


LAWS = [
    "E + A*x**(-a)",
    "A*exp(-b*x) + C*exp(-d*x)",
    "a*x/(b + x) + c",
    "log(a + b*x) + c*y",
    "a*tanh(b*x) + c",
    "exp(a - b*log(x) + c*log(x)*y)",
    "Max(a*x, b*y) + c",
    "a*(x + b)**c*y**d",
    "a/(1 + exp(b - c*x))",
    "(a*x**b + c*y**d)**e",
]


@pytest.mark.parametrize("text", LAWS)
@pytest.mark.parametrize("space", ["value", "log"])
def test_no_worse_than_scipy_from_the_same_start(text: str, space: str) -> None:
    rng = np.random.default_rng(len(text))
    features = {"x": rng.uniform(0.5, 5.0, 300), "y": rng.uniform(0.5, 3.0, 300)}
    expr = parse(text, features)
    names = constant_names(expr)
    truth = dict(zip(names, rng.uniform(0.4, 1.6, len(names)), strict=True))
    clean = evaluate(expr, {**features, **truth})
    y = np.abs(clean) * np.exp(0.05 * rng.standard_normal(300)) + 1e-3
    start = {name: value * 1.2 for name, value in truth.items()}

    def residuals(theta: Any) -> Any:
        f = evaluate(expr, {**features, **dict(zip(names, theta, strict=True))})
        with np.errstate(all="ignore"):
            r = np.log(f) - np.log(y) if space == "log" else f - y
        return np.where(np.isfinite(r), r, 1e6)

    def jacobian(theta: Any) -> Any:
        values = {**features, **dict(zip(names, theta, strict=True))}
        J = np.column_stack([np.broadcast_to(evaluate(differentiate(expr, n), values), 300) for n in names])
        with np.errstate(all="ignore"):
            J = J / evaluate(expr, values)[:, None] if space == "log" else J
        return np.where(np.isfinite(J), J, 0.0)

    other = least_squares(residuals, list(start.values()), jacobian, xtol=1e-14, ftol=1e-14, gtol=1e-14, x_scale="jac")
    structure = Structure(expr, domains=dict.fromkeys(names, REAL))
    result = fit(structure, _table(features, y), Recipe(space=space), warm=[start], effort=GIVEN)  # type: ignore[arg-type]
    assert isinstance(result, FitResult)
    assert result.objective <= 2 * other.cost * (1 + 1e-8)


@pytest.mark.parametrize("loss", ["huber", "soft_l1"])
@pytest.mark.parametrize("space", ["value", "log"])
@pytest.mark.parametrize("scale", [1e-3, 1e-1])
def test_robust_optimum_is_no_worse_than_that_of_scipy(loss: str, space: str, scale: float) -> None:
    rng = np.random.default_rng(4)
    x = np.geomspace(1, 1e4, 80)
    y = (1.5 + 6 * x**-0.4) * np.exp(0.02 * rng.standard_t(2, 80))
    structure = Structure(parse("E + A*x**(-a)", ["x"]))
    result = fit(structure, _table({"x": x}, y), Recipe(loss, space, scale))  # type: ignore[arg-type]
    assert isinstance(result, FitResult)

    def residuals(theta: Any) -> Any:
        f = theta[0] + theta[1] * x ** -theta[2]
        return np.log(np.maximum(f, 1e-9)) - np.log(y) if space == "log" else f - y

    start = np.array([result.named()[n] for n in ("E", "A", "a")])
    other = least_squares(residuals, start, loss=loss, f_scale=scale, xtol=1e-14, ftol=1e-14, gtol=1e-14, x_scale="jac")
    assert result.objective <= 2 * other.cost * (1 + 1e-9)
    far = least_squares(residuals, [1.0, 5.0, 0.5], loss=loss, f_scale=scale, max_nfev=3000, x_scale="jac")
    assert result.objective <= 2 * far.cost * (1 + 1e-6)
