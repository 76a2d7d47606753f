"""The formula language: trees, their operators, reading, printing and canonical form."""

from discover.expressions.calculus import differentiate, evaluate, evaluate_all
from discover.expressions.canonical import complexity, reduce_constants, reduction, simplify, skeleton
from discover.expressions.notation import plain_notation
from discover.expressions.operators import OPERATORS, Operator
from discover.expressions.parsing import FUNCTIONS, parse, read_formula
from discover.expressions.printing import Dialect, to_latex, to_text
from discover.expressions.sympy_bridge import from_sympy, to_sympy
from discover.expressions.tree import (
    Call,
    Constant,
    Expr,
    Feature,
    Number,
    add,
    call,
    constant_names,
    constant_uses,
    constants_in,
    div,
    factors,
    feature_names,
    features_in,
    mul,
    neg,
    power,
    sub,
    substitute,
    terms,
    walk,
)
from discover.expressions.typesetting import to_mathml, to_typst

__all__ = [
    "FUNCTIONS", "OPERATORS", "Call", "Constant", "Dialect", "Expr", "Feature", "Number", "Operator", "add", "call",
    "complexity", "constant_names", "constant_uses", "constants_in", "differentiate", "div", "evaluate",
    "evaluate_all", "factors", "feature_names", "features_in", "from_sympy", "mul", "neg", "parse", "plain_notation",
    "power", "read_formula", "reduce_constants", "reduction", "simplify", "skeleton", "sub", "substitute", "terms",
    "to_latex", "to_mathml", "to_sympy", "to_text", "to_typst", "walk",
]  # fmt: skip
