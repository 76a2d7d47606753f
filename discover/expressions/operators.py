"""The operator table: one row per operator, the only place that knows what an operator is.

A row holds the value (numpy), the derivative (partials as trees), the domain of the arguments, the weight
in a formula's complexity, the spelling in each language that formulas are printed in, and whether the
search may use it. `tests/expressions/test_operators.py` checks that every row is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from discover.expressions.tree import Expr, Number, add, call, mul, neg, power

Value = Callable[..., Any]
Partials = Callable[[tuple[Expr, ...]], tuple[Expr, ...]]


@dataclass(frozen=True)
class Operator:
    """One row of the table.

    Attributes:
        name: name in trees and in formulas.
        arity: number of arguments; None for two or more.
        value: elementwise value on numpy arrays.
        partials: derivative with respect to each argument, as trees of the arguments.
        domain: where the value is a finite real number, in words.
        complexity: weight of one use in the complexity of a formula.
        summary: what it is, for help texts and prompts.
        spellings: function name by language, where it is printed as a function; infix operators have none.
        searchable: the search may use it; the others serve formulas that a user writes.
        written: a user may write it; derivatives alone use the others.
    """

    name: str
    arity: int | None
    value: Value
    partials: Partials
    domain: str
    complexity: int
    summary: str
    spellings: Mapping[str, str] = field(default_factory=dict)
    searchable: bool = True
    written: bool = True


def _product_of_others(args: tuple[Expr, ...]) -> tuple[Expr, ...]:
    return tuple(mul(*args[:i], *args[i + 1 :]) for i in range(len(args)))


def _power_partials(args: tuple[Expr, ...]) -> tuple[Expr, ...]:
    base, exponent = args
    by_base = mul(exponent, power(base, add(exponent, Number(-1.0))))
    by_exponent = mul(power(base, exponent), call("log", base))
    return by_base, by_exponent


def _names(common: str, **special: str) -> dict[str, str]:
    languages = ("text", "python", "sympy", "jax", "torch", "c", "r", "julia", "javascript", "excel", "latex")
    modules = {"python": "np.", "jax": "jnp.", "torch": "torch.", "javascript": "Math."}
    spelled = {language: modules.get(language, "") + common for language in languages}
    spelled["latex"] = "\\" + common
    spelled["excel"] = common.upper()
    return spelled | special


OPERATORS: dict[str, Operator] = {
    row.name: row
    for row in (
        Operator("add", None, lambda *a: reduce(np.add, a), lambda a: tuple(Number(1.0) for _ in a),
                 "everywhere", 1, "sum: a + b, difference: a - b"),
        Operator("mul", None, lambda *a: reduce(np.multiply, a), _product_of_others,
                 "everywhere", 1, "product: a*b, quotient: a/b"),
        Operator("pow", 2, np.power, _power_partials,
                 "base > 0 unless the exponent is a whole number", 1, "power: a**b"),
        Operator("exp", 1, np.exp, lambda a: (call("exp", a[0]),),
                 "everywhere; overflows above 709", 1, "exponential function", _names("exp")),
        Operator("log", 1, np.log, lambda a: (power(a[0], Number(-1.0)),),
                 "argument > 0", 1, "natural logarithm", _names("log", excel="LN", latex="\\ln")),
        Operator("abs", 1, np.abs, lambda a: (call("sign", a[0]),),
                 "everywhere", 1, "absolute value",
                 _names("abs", sympy="Abs", c="fabs", latex="abs")),
        Operator("min", 2, np.minimum, lambda a: (call("step", add(a[1], neg(a[0]))),
                                                  call("step", add(a[0], neg(a[1])))),
                 "everywhere", 1, "the smaller of two: Min(a, b)",
                 _names("min", text="Min", python="np.minimum", sympy="Min", jax="jnp.minimum",
                        torch="torch.minimum", c="fmin", r="pmin")),
        Operator("max", 2, np.maximum, lambda a: (call("step", add(a[0], neg(a[1]))),
                                                  call("step", add(a[1], neg(a[0])))),
                 "everywhere", 1, "the larger of two: Max(a, b)",
                 _names("max", text="Max", python="np.maximum", sympy="Max", jax="jnp.maximum",
                        torch="torch.maximum", c="fmax", r="pmax")),
        Operator("tanh", 1, np.tanh, lambda a: (add(Number(1.0), neg(power(call("tanh", a[0]),
                                                                           Number(2.0)))),),
                 "everywhere", 1, "hyperbolic tangent", _names("tanh")),
        Operator("sin", 1, np.sin, lambda a: (call("cos", a[0]),),
                 "everywhere", 1, "sine", _names("sin"), searchable=False),
        Operator("cos", 1, np.cos, lambda a: (neg(call("sin", a[0])),),
                 "everywhere", 1, "cosine", _names("cos"), searchable=False),
        Operator("atan", 1, np.arctan, lambda a: (power(add(Number(1.0), power(a[0], Number(2.0))),
                                                        Number(-1.0)),),
                 "everywhere", 1, "arc tangent",
                 _names("atan", python="np.arctan", jax="jnp.arctan", latex="\\arctan"), searchable=False),
        Operator("sign", 1, np.sign, lambda a: (Number(0.0),),
                 "everywhere", 1, "sign: -1, 0 or 1",
                 _names("sign", c="copysign", latex="\\operatorname{sign}"), searchable=False, written=False),
        Operator("step", 1, lambda x: np.heaviside(x, 0.5), lambda a: (Number(0.0),),
                 "everywhere", 1, "1 where positive, 1/2 at zero, else 0",
                 _names("step", javascript="step", latex="\\operatorname{step}"), searchable=False, written=False),
    )
}
