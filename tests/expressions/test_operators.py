"""Every row of the operator table is complete: value, derivative, spellings, and the kernel runs it."""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from discover.expressions import (
    OPERATORS,
    Constant,
    Feature,
    call,
    differentiate,
    evaluate,
    parse,
    to_sympy,
    to_text,
)
from discover.expressions.operators import Operator
from discover.fitting.program import OPCODES

LANGUAGES = {"text", "python", "sympy", "jax", "torch", "c", "r", "julia", "javascript", "excel", "latex"}
INFIX = {"add", "mul", "pow"}
ROWS = list(OPERATORS.values())
WRITTEN = [row for row in ROWS if row.written]
ARGUMENTS = {"abs": (0.2, 3.0), "log": (0.2, 3.0), "pow": (0.2, 3.0)}


def arguments(row: Operator) -> int:
    return row.arity or 3


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Operator:
    return request.param


def test_every_row_says_what_it_is(row: Operator) -> None:
    assert row.name == next(name for name, other in OPERATORS.items() if other is row)
    assert row.summary
    assert row.domain
    assert row.complexity >= 1
    assert row.arity is None or row.arity in (1, 2)


def test_every_function_is_spelled_in_every_language_and_infix_in_none(row: Operator) -> None:
    if row.name in INFIX:
        assert not row.spellings
    else:
        assert set(row.spellings) == LANGUAGES
        assert all(text and not keyword.iskeyword(text) for text in row.spellings.values())


def test_only_derivatives_are_neither_written_nor_searched(row: Operator) -> None:
    assert row.written == (row.name not in ("sign", "step"))
    assert row.written or not row.searchable


def test_every_function_has_a_kernel_instruction(row: Operator) -> None:
    assert row.name in INFIX or row.name in OPCODES


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_what_a_user_may_write_reads_back(row: Operator) -> None:
    tree = call(row.name, *(Feature(f"x{i}") for i in range(arguments(row))))
    assert parse(to_text(tree), ["x0", "x1", "x2"]) == tree
    assert to_sympy(tree) is not None


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_partials_equal_finite_differences(row: Operator) -> None:
    low, high = ARGUMENTS.get(row.name, (-3.0, 3.0))
    rng = np.random.default_rng(7)
    names = [f"x{i}" for i in range(arguments(row))]
    values = {name: rng.uniform(low, high, 200) for name in names}
    tree = call(row.name, *(Feature(name) for name in names))
    for name in names:
        step = 1e-6
        up, down = dict(values), dict(values)
        up[name], down[name] = values[name] + step, values[name] - step
        numeric = (evaluate(tree, up) - evaluate(tree, down)) / (2 * step)
        exact = np.broadcast_to(evaluate(differentiate(tree, name), values), numeric.shape)
        assert np.allclose(exact, numeric, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_the_kernel_computes_the_same_value_and_derivatives_on_rows_and_on_scalars(
    row: Operator, run_program: Callable[..., Any]
) -> None:
    low, high = ARGUMENTS.get(row.name, (-3.0, 3.0))
    rng = np.random.default_rng(3)
    x = {f"x{i}": rng.uniform(low, high, 200) for i in range(arguments(row))}
    constants = {f"c{i}": float(rng.uniform(max(low, 0.3), high)) for i in range(arguments(row))}
    rows = call(row.name, *(call("mul", Constant(c), Feature(f)) for c, f in zip(constants, x, strict=True)))
    scalars = call("mul", Feature("x0"), call(row.name, *(Constant(c) for c in constants)))
    some = (*(Constant(c) for c in list(constants)[:-1]), Feature("x0"))
    left = call("mul", Feature("x1" if len(x) > 1 else "x0"), call(row.name, *some))
    for tree in (rows, scalars, left):
        value, slopes = run_program(tree, x, constants)
        everything = {**x, **constants}
        assert np.allclose(value, evaluate(tree, everything), rtol=1e-13, atol=1e-15)
        for name, slope in slopes.items():
            exact = evaluate(differentiate(tree, name), everything)
            assert np.allclose(slope, exact, rtol=1e-12, atol=1e-14)


PROBES = (0.0, -0.0, 1.0, -1.0, 1e30, -1e30, 1e-30, math.inf, -math.inf, math.nan)


def test_values_outside_the_domain_come_without_a_warning(row: Operator) -> None:
    values = {f"x{i}": np.array(PROBES) for i in range(arguments(row))}
    tree = call(row.name, *(Feature(name) for name in values))
    assert evaluate(tree, values).shape == (len(PROBES),)
