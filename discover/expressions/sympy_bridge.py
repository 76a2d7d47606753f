"""Conversion to and from SymPy. SymPy is imported when a function here is called."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from discover.errors import FormulaError
from discover.expressions.operators import OPERATORS
from discover.expressions.tree import Constant, Expr, Feature, Number, add, call, mul, power


def to_sympy(expr: Expr) -> Any:
    """The formula as a SymPy expression; features are positive symbols, constants real ones.

    Whole literals become integers, other literals floats of 17 digits. The names E, N, S, I, ... are plain
    symbols here, whatever SymPy exports under them.

    Raises:
        FormulaError: a part of the formula has no real value, such as Min(x, log(0)).
    """
    import sympy

    if isinstance(expr, Number):
        return sympy.Integer(int(expr.value)) if expr.value.is_integer() else sympy.Float(expr.value, 17)
    if isinstance(expr, Feature):
        return sympy.Symbol(expr.name, positive=True)
    if isinstance(expr, Constant):
        return sympy.Symbol(expr.name, real=True)
    args = [to_sympy(arg) for arg in expr.args]
    if expr.op == "add":
        return sympy.Add(*args)
    if expr.op == "mul":
        return sympy.Mul(*args)
    if expr.op == "pow":
        return sympy.Pow(*args)
    if expr.op == "step":
        return sympy.Heaviside(args[0], sympy.Rational(1, 2))
    try:
        return getattr(sympy, OPERATORS[expr.op].spellings["sympy"])(*args)
    except ValueError as error:  # Min and Max of something without an order, such as log(0)
        raise FormulaError(f"SymPy has no value for {expr.op} of {', '.join(map(str, args))}") from error


def from_sympy(expr: Any, features: Collection[str] = ()) -> Expr:
    """The tree of a SymPy expression.

    Raises:
        FormulaError: it holds a function or a number that the formula language does not have.
    """
    if expr.is_Symbol:
        return Feature(expr.name) if expr.name in features else Constant(expr.name)
    if expr.is_number and not expr.free_symbols and expr.is_real:
        return Number(float(expr))
    args = tuple(from_sympy(arg, features) for arg in expr.args)
    if expr.is_Add:
        return add(*args)
    if expr.is_Mul:
        return mul(*args)
    if expr.is_Pow:
        return power(*args)
    name = type(expr).__name__
    for row in OPERATORS.values():
        if row.written and row.spellings.get("sympy") == name:
            if row.arity == 2:
                return _fold(row.name, args)
            return call(row.name, *args)
    raise FormulaError(f"SymPy's {name} has no counterpart in the formula language")


def _fold(op: str, args: tuple[Expr, ...]) -> Expr:
    """Min and Max take any number of arguments in SymPy, two here."""
    result = args[0]
    for arg in args[1:]:
        result = call(op, result, arg)
    return result
