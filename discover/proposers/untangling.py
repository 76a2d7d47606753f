"""Formulas of engines as sums of products of powers.

Affine wrappers and disguised forms, such as ``exp(log(c/n^a + b))``, become plain; products in front of sums are
multiplied out, scales inside powers move in front.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Set

from discover.errors import FormulaError
from discover.expressions import Call, Expr, Feature, Number, add, call, features_in, mul, power, simplify
from discover.expressions.tree import ONE

ROUNDS = 8


def untangle(expr: Expr, positive: Set[str] = frozenset()) -> Expr:
    """An equal formula as a sum of products of powers, as far as the rules see it.

    Args:
        expr: a tree with literals.
        positive: columns that are above zero, on whose powers more rules hold. Values are kept where they
            are and the given formula has one.

    Raises:
        FormulaError: a literal is not finite once it is worked out.
    """
    for _ in range(ROUNDS):
        simpler = simplify(_Untangler(positive).rewrite(simplify(expr)))
        if simpler == expr:
            break
        expr = simpler
    return expr


class _Untangler:
    """One pass from the leaves up."""

    def __init__(self, positive: Set[str]) -> None:
        self.columns = positive
        self.known: dict[Expr, bool] = {}

    def positive(self, node: Expr) -> bool:
        """Whether the value is above zero wherever the columns are."""
        known = self.known.get(node)
        if known is None:
            known = self.known[node] = self._positive(node)
        return known

    def _positive(self, node: Expr) -> bool:
        if isinstance(node, Number):
            return node.value > 0
        if isinstance(node, Feature):
            return node.name in self.columns
        if not isinstance(node, Call):
            return False
        if node.op == "exp":
            return True
        if node.op == "pow":
            return self.positive(node.args[0])
        if node.op in ("add", "mul", "min"):
            return all(self.positive(arg) for arg in node.args)
        return node.op in ("max", "abs") and any(self.positive(arg) for arg in node.args)

    def rewrite(self, node: Expr) -> Expr:
        if not isinstance(node, Call):
            return node
        args = tuple(self.rewrite(arg) for arg in node.args)
        rule = _REWRITES.get(node.op)
        return call(node.op, *args) if rule is None else rule(self, args)

    def product(self, args: tuple[Expr, ...]) -> Expr:
        """k*(a + b) is k*a + k*b."""
        flat = mul(*args)
        if isinstance(flat, Call) and flat.op == "mul" and len(flat.args) == 2:
            scale, rest = flat.args
            if isinstance(scale, Number) and isinstance(rest, Call) and rest.op == "add":
                return add(*(mul(scale, term) for term in rest.args))
        return flat

    def absolute(self, args: tuple[Expr, ...]) -> Expr:
        """|x| is x above zero; signs and scales leave it."""
        arg = args[0]
        if self.positive(arg):
            return arg
        if isinstance(arg, Call) and arg.op == "mul":
            outside = [f for f in arg.args if self.positive(f)]
            outside += [Number(-f.value) for f in arg.args if isinstance(f, Number) and f.value < 0]
            inside = [f for f in arg.args if not (self.positive(f) or isinstance(f, Number))]
            if outside:
                return mul(*outside, call("abs", mul(*inside))) if inside else mul(*outside)
        return call("abs", arg)

    def power(self, args: tuple[Expr, ...]) -> Expr:
        base, exponent = args
        if isinstance(base, Number) and base.value > 0 and features_in(exponent):
            return call("exp", mul(Number(math.log(base.value)), exponent))
        if isinstance(base, Call) and base.op == "exp":
            return call("exp", mul(base.args[0], exponent))
        if isinstance(base, Call) and base.op == "pow" and self.positive(base.args[0]):
            return power(base.args[0], mul(base.args[1], exponent))
        if isinstance(exponent, Number) and isinstance(base, Call):
            return self.factors_out(base, exponent) if base.op == "mul" else self.scale_out(base, exponent)
        return power(base, exponent)

    def factors_out(self, base: Call, exponent: Number) -> Expr:
        """(a*b)**p is a**p * b**p for a above zero. Only for a literal p: x**x of raw columns overflows."""
        outside = [f for f in base.args if self.positive(f)]
        inside = [f for f in base.args if not self.positive(f)]
        if not outside:
            return power(base, exponent)
        rest = power(mul(*inside), exponent) if inside else ONE
        return mul(*(_number_power(f, exponent) for f in outside), rest)

    def scale_out(self, base: Call, exponent: Number) -> Expr:
        """(k*x + b)**p is k**p * (x + b/k)**p for k above zero."""
        scale, rest = _scale_of(base)
        if scale <= 0.0 or scale == 1.0:
            return power(base, exponent)
        if base.op == "add" and exponent.value in (1.0, 2.0):  # polynomials stay as they are
            return power(base, exponent)
        outside = _safe_power(scale, exponent.value)
        return power(base, exponent) if outside is None else mul(Number(outside), power(rest, exponent))

    def exponential(self, args: tuple[Expr, ...]) -> Expr:
        """exp(a + k*log(b)) is exp(a)*b**k."""
        terms = args[0].args if isinstance(args[0], Call) and args[0].op == "add" else args
        inside, outside = [], []
        for term in terms:
            got = _logarithm_in(term)
            if got is not None:
                outside.append(power(got[1], got[0]))
            elif isinstance(term, Number) and len(terms) > 1 and abs(term.value) < 600:
                outside.append(Number(math.exp(term.value)))
            else:
                inside.append(term)
        return mul(*outside, call("exp", add(*inside))) if inside else mul(*outside)

    def logarithm(self, args: tuple[Expr, ...]) -> Expr:
        arg = args[0]
        if isinstance(arg, Call) and arg.op == "exp":
            return arg.args[0]
        if isinstance(arg, Call) and arg.op == "pow" and self.positive(arg.args[0]):
            return mul(arg.args[1], call("log", arg.args[0]))
        if isinstance(arg, Call) and arg.op == "mul" and all(self.positive(f) for f in arg.args):
            return add(*(simplify(call("log", f)) for f in arg.args))
        if isinstance(arg, Call) and arg.op in ("mul", "add"):
            scale, rest = _scale_of(arg)
            if scale > 0.0 and scale != 1.0:
                return add(Number(math.log(scale)), call("log", rest))
        return call("log", arg)


_REWRITES: dict[str, Callable[[_Untangler, tuple[Expr, ...]], Expr]] = {
    "mul": _Untangler.product,
    "abs": _Untangler.absolute,
    "pow": _Untangler.power,
    "exp": _Untangler.exponential,
    "log": _Untangler.logarithm,
}


def _scale_of(node: Call) -> tuple[float, Expr]:
    """The literal in front of a product, or of the first term with a column in a sum, and the rest."""
    if node.op == "mul" and isinstance(node.args[0], Number):
        return node.args[0].value, mul(*node.args[1:])
    if node.op == "add":
        for term in node.args:
            if not features_in(term):
                continue
            if isinstance(term, Call) and term.op == "mul" and isinstance(term.args[0], Number):
                scale = term.args[0].value
                if scale > 0.0 and math.isfinite(1.0 / scale):
                    return scale, add(*(mul(Number(1.0 / scale), t) if t is not term else mul(*term.args[1:])
                                        for t in node.args))  # fmt: skip
            break
    return 1.0, node


def _logarithm_in(term: Expr) -> tuple[Expr, Expr] | None:
    """(k, b) of a term k*log(b) where k has no column; None for other terms."""
    if isinstance(term, Call) and term.op == "log":
        return ONE, term.args[0]
    if isinstance(term, Call) and term.op == "mul" and len(term.args) == 2:
        scale, rest = term.args
        if not features_in(scale) and isinstance(rest, Call) and rest.op == "log":
            return scale, rest.args[0]
    return None


def _number_power(base: Expr, exponent: Expr) -> Expr:
    if isinstance(base, Number) and isinstance(exponent, Number):
        value = _safe_power(base.value, exponent.value)
        if value is None:
            raise FormulaError(f"{base.value:g}**{exponent.value:g} is not a finite number")
        return Number(value)
    return power(base, exponent)


def _safe_power(base: float, exponent: float) -> float | None:
    try:
        value = base**exponent
    except (OverflowError, ZeroDivisionError):
        return None
    return value if 1e-290 < abs(value) < 1e290 else None
