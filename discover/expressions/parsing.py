"""Reads formulas. A closed language: names, numbers and the operators of the table, nothing else.

Text comes from users, files and language models, so every limit is checked before work is done: length
first, then tokens in one pass, then nesting. Nothing is ever evaluated as Python.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from discover.errors import FormulaError
from discover.expressions.descent import Descent, Lexicon, Token
from discover.expressions.notation import LONGEST, plain_notation
from discover.expressions.operators import OPERATORS
from discover.expressions.printing import BASES
from discover.expressions.tree import (
    MINUS_ONE,
    ONE,
    Call,
    Constant,
    Expr,
    Feature,
    Number,
    add,
    call,
    div,
    mul,
    neg,
    power,
)

MAX_DEPTH = 50
MAX_TOKENS = 4_000
ROUNDED = 2e-5  # by how much the factor of a logarithm of another base, written with four digits, may be off

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<op>\*\*|[-+*/^(),])"
)


@dataclass(frozen=True)
class _Function:
    arity: int
    build: Callable[..., Expr]


def _table_function(op: str, arity: int) -> _Function:
    return _Function(arity, lambda *args: call(op, *args))


FUNCTIONS: dict[str, _Function] = {
    row.spellings["text"]: _table_function(row.name, row.arity or 2)
    for row in OPERATORS.values()
    if row.spellings and row.written
} | {
    "min": _table_function("min", 2),
    "max": _table_function("max", 2),
    "ln": _table_function("log", 1),
    "log2": _Function(1, lambda x: mul(Number(1 / math.log(2)), call("log", x))),
    "log10": _Function(1, lambda x: mul(Number(1 / math.log(10)), call("log", x))),
    "sqrt": _Function(1, lambda x: power(x, Number(0.5))),
    "sigmoid": _Function(1, lambda z: power(add(ONE, call("exp", neg(z))), MINUS_ONE)),
}


SPELLINGS: dict[str, _Function] = {
    "pow": _Function(2, power),
    "power": _Function(2, power),
    "Pow": _Function(2, power),
    "minimum": _table_function("min", 2),
    "maximum": _table_function("max", 2),
    "fmin": _table_function("min", 2),
    "fmax": _table_function("max", 2),
    "Abs": _table_function("abs", 1),
    "fabs": _table_function("abs", 1),
    "absolute": _table_function("abs", 1),
    "arctan": _table_function("atan", 1),
    "lg": FUNCTIONS["log10"],
    "log1p": _Function(1, lambda x: call("log", add(ONE, x))),
    "expm1": _Function(1, lambda x: add(MINUS_ONE, call("exp", x))),
    "exp2": _Function(1, lambda x: call("exp", mul(Number(math.log(2)), x))),
    "square": _Function(1, lambda x: power(x, Number(2.0))),
    "cube": _Function(1, lambda x: power(x, Number(3.0))),
    "cbrt": _Function(1, lambda x: power(x, Number(1.0 / 3.0))),
    "inv": _Function(1, lambda x: power(x, MINUS_ONE)),
    "reciprocal": _Function(1, lambda x: power(x, MINUS_ONE)),
    "neg": _Function(1, neg),
    "negative": _Function(1, neg),
    "logistic": FUNCTIONS["sigmoid"],
    "expit": FUNCTIONS["sigmoid"],
    "relu": _Function(1, lambda x: call("max", x, Number(0.0))),
    "div": _Function(2, div),
    "divide": _Function(2, div),
    "multiply": _Function(2, mul),
}
"""Names that other languages have for functions; they are read, and never written or offered."""


_LEXICON = Lexicon("formula", _TOKEN, MAX_TOKENS, MAX_DEPTH, {})


def parse(text: str, features: Collection[str] = ()) -> Expr:
    """The tree of a formula such as ``E + A*params**(-alpha)``.

    Args:
        text: numbers, names, ``+ - * / **`` (or ``^``), parentheses and the functions of `FUNCTIONS`.
        features: names of the table's columns; every other name is a constant to fit.

    Raises:
        FormulaError: the text is not a formula of this language, or is beyond the limits
            (20,000 characters, 4,000 tokens, 50 levels of nesting).
    """
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise FormulaError(f"the formula has {len(text):,} characters; at most {LONGEST:,} are read")
    return _Parser(text, frozenset(features)).whole()


def read_formula(text: str, features: Collection[str] = ()) -> Expr:
    """The tree of a formula as people, papers and programs write it; see `notation`.

    Raises:
        FormulaError: as `parse`; where the notation had to be changed first, with the formula as it was understood.
    """
    plain = plain_notation(text)
    try:
        return _with_bases(parse(plain, features))
    except FormulaError as problem:
        if plain == text:
            raise
        raise FormulaError(f"{problem} (read as {plain[:120]!r})", problem.position) from problem


def _with_bases(node: Expr) -> Expr:
    """`0.4343*log(x)` as the decimal logarithm that it is, up to the rounding of its literal."""
    if not isinstance(node, Call):
        return node
    args = tuple(map(_with_bases, node.args))
    if node.op == "mul" and any(isinstance(arg, Call) and arg.op == "log" for arg in args):
        args = tuple(_exact(arg) for arg in args)
    return node if all(a is b for a, b in zip(args, node.args, strict=True)) else call(node.op, *args)


def _exact(node: Expr) -> Expr:
    if not isinstance(node, Number):
        return node
    found = (base for base in BASES if abs(abs(node.value) - base) <= ROUNDED * base)
    return next((Number(math.copysign(base, node.value)) for base in found if abs(node.value) != base), node)


class _Parser(Descent):
    """A formula of this language."""

    def __init__(self, text: str, features: frozenset[str]) -> None:
        super().__init__(text, _LEXICON)
        self.features = features

    def quotient(self, left: Expr, right: Expr) -> Expr:
        if isinstance(right, Number) and right.value == 0.0:
            position = self.peek.position
            raise FormulaError(f"division by zero before character {position + 1}", position)
        return div(left, right)

    def number(self, token: Token) -> Number:
        value = float(token.text)
        if not math.isfinite(value):
            raise FormulaError(f"the number {token.text[:30]} is too large", token.position)
        return Number(value)

    def name(self, token: Token) -> Expr:
        if token.text in self.features:
            return Feature(token.text)
        if token.text.lower() in ("nan", "inf", "infinity", "none", "true", "false") or "__" in token.text:
            raise FormulaError(f"{token.text!r} is not a name for a constant", token.position)
        if token.text in FUNCTIONS:
            raise FormulaError(f"{token.text} is a function and needs arguments in parentheses", token.position)
        return Constant(token.text)

    def function(self, token: Token) -> Expr:
        function = FUNCTIONS.get(token.text) or SPELLINGS.get(token.text)
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            raise FormulaError(f"unknown function {token.text[:40]!r}; the functions are {known}", token.position)
        args = self.arguments()
        if len(args) != function.arity:
            raise FormulaError(f"{token.text} takes {function.arity} argument(s), {len(args)} given", token.position)
        return function.build(*args)
