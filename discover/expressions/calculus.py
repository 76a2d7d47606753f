"""Value and derivative of a tree, both read from the operator table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from discover.expressions.operators import OPERATORS, Value
from discover.expressions.tree import (
    ONE,
    ZERO,
    Call,
    Constant,
    Expr,
    Feature,
    Number,
    add,
    constants_in,
    features_in,
    mul,
)


def evaluate(expr: Expr, values: Mapping[str, Any], overrides: Mapping[str, Value] | None = None) -> Any:
    """Value of the tree in 64 bit.

    Args:
        values: features and constants by name, numbers or arrays that broadcast together.
        overrides: operators whose value is to be computed otherwise.

    Returns:
        An array of the broadcast shape (a number if all values are numbers). Outside an operator's
        domain the value is NaN or infinite, as in numpy, without a warning.

    Raises:
        KeyError: a feature or constant has no value.
    """
    return evaluate_all([expr], values, overrides)[0]


def evaluate_all(
    exprs: Iterable[Expr], values: Mapping[str, Any], overrides: Mapping[str, Value] | None = None
) -> list[Any]:
    """Values of several trees, as `evaluate` gives them; what they have in common is computed once."""
    done: dict[Expr, Any] = {}
    special = overrides or {}

    def value(node: Expr) -> Any:
        if isinstance(node, Number):
            return node.value
        if node not in done:
            if isinstance(node, Feature | Constant):
                done[node] = np.asarray(values[node.name], dtype=np.float64)
            else:
                operator = special.get(node.op) or OPERATORS[node.op].value
                done[node] = operator(*(value(arg) for arg in node.args))
        return done[node]

    with np.errstate(all="ignore"):
        return [value(expr) for expr in exprs]


def differentiate(expr: Expr, name: str) -> Expr:
    """Derivative with respect to the feature or constant of this name, as a tree; kept on the root of `expr`."""
    kept: dict[str, Expr] = expr.memo.setdefault("slopes", {})
    if name not in kept:
        kept[name] = _slope(expr, name)
    return kept[name]


def _slope(expr: Expr, name: str) -> Expr:
    done: dict[Expr, Expr] = {}

    def slope(node: Expr) -> Expr:
        if name not in constants_in(node) and name not in features_in(node):
            return ZERO
        if not isinstance(node, Call):
            return ONE
        if node not in done:
            done[node] = _chain(node, slope)
        return done[node]

    return slope(expr)


def _chain(node: Call, slope: Any) -> Expr:
    slopes = [slope(arg) for arg in node.args]
    partials = OPERATORS[node.op].partials(node.args)
    return add(*(mul(p, s) for p, s in zip(partials, slopes, strict=True) if s != ZERO))
