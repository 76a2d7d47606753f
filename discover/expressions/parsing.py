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
from discover.expressions.operators import OPERATORS
from discover.expressions.tree import (
    MINUS_ONE,
    ONE,
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
    sub,
)

MAX_LENGTH = 20_000
MAX_DEPTH = 50
MAX_TOKENS = 4_000

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<op>\*\*|[-+*/^(),])"
)
_SPACE = re.compile(r"[ \t\r\n]*")


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


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


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
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the formula has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    return _Parser(_tokens(text), frozenset(features)).formula()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = _skip(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise FormulaError(f"unexpected {_shown(text[position])} at character {position + 1}", position)
        tokens.append(_Token(match.lastgroup or "", match.group(), position))
        if len(tokens) > MAX_TOKENS:
            raise FormulaError(f"the formula has more than {MAX_TOKENS:,} numbers, names and operators")
        position = _skip(text, match.end())
    tokens.append(_Token("end", "the end", len(text)))
    return tokens


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _shown(character: str) -> str:
    if character.isascii() and character.isprintable():
        return repr(character)
    return f"character U+{ord(character):04X}"


class _Parser:
    """Recursive descent with a bound on the depth; ** binds tighter than a sign on its left."""

    def __init__(self, tokens: list[_Token], features: frozenset[str]) -> None:
        self.tokens = tokens
        self.features = features
        self.at = 0
        self.depth = 0

    def formula(self) -> Expr:
        expr = self.sum()
        if self.peek.kind != "end":
            raise self.error("an operator")
        return expr

    @property
    def peek(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> str | None:
        token = self.peek
        if token.kind == "op" and token.text in texts:
            self.at += 1
            return token.text
        return None

    def expect(self, text: str) -> None:
        if self.take(text) is None:
            raise self.error(repr(text))

    def error(self, expected: str) -> FormulaError:
        token = self.peek
        found = token.text if token.kind == "end" else repr(token.text[:30])
        return FormulaError(
            f"expected {expected} at character {token.position + 1}, found {found}", token.position
        )

    def sum(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FormulaError(f"the formula is nested more than {MAX_DEPTH} levels deep", self.peek.position)
        expr = self.product()
        while op := self.take("+", "-"):
            right = self.product()
            expr = add(expr, right) if op == "+" else sub(expr, right)
        self.depth -= 1
        return expr

    def product(self) -> Expr:
        expr = self.signed()
        while op := self.take("*", "/"):
            right = self.signed()
            expr = mul(expr, right) if op == "*" else self.quotient(expr, right)
        return expr

    def quotient(self, left: Expr, right: Expr) -> Expr:
        if isinstance(right, Number) and right.value == 0.0:
            position = self.peek.position
            raise FormulaError(f"division by zero before character {position + 1}", position)
        return div(left, right)

    def signed(self) -> Expr:
        negative = False
        while op := self.take("+", "-"):
            negative ^= op == "-"
        expr = self.power()
        return neg(expr) if negative else expr

    def power(self) -> Expr:
        base = self.atom()
        if self.take("**", "^") is None:
            return base
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FormulaError(f"the formula is nested more than {MAX_DEPTH} levels deep", self.peek.position)
        exponent = self.signed()
        self.depth -= 1
        return power(base, exponent)

    def atom(self) -> Expr:
        token = self.peek
        if token.kind == "number":
            self.at += 1
            return self.number(token)
        if token.kind == "name":
            self.at += 1
            return self.name(token)
        if self.take("("):
            expr = self.sum()
            self.expect(")")
            return expr
        raise self.error("a number, a name or '('")

    def number(self, token: _Token) -> Number:
        value = float(token.text)
        if not math.isfinite(value):
            raise FormulaError(f"the number {token.text[:30]} is too large", token.position)
        return Number(value)

    def name(self, token: _Token) -> Expr:
        if self.peek.kind == "op" and self.peek.text == "(":
            return self.function(token)
        if token.text in self.features:
            return Feature(token.text)
        if token.text.lower() in ("nan", "inf", "infinity", "none", "true", "false") or "__" in token.text:
            raise FormulaError(f"{token.text!r} is not a name for a constant", token.position)
        if token.text in FUNCTIONS:
            raise FormulaError(
                f"{token.text} is a function and needs arguments in parentheses", token.position
            )
        return Constant(token.text)

    def function(self, token: _Token) -> Expr:
        function = FUNCTIONS.get(token.text)
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            raise FormulaError(
                f"unknown function {token.text[:40]!r}; the functions are {known}", token.position
            )
        self.expect("(")
        args = [self.sum()]
        while self.take(","):
            args.append(self.sum())
        self.expect(")")
        if len(args) != function.arity:
            raise FormulaError(
                f"{token.text} takes {function.arity} argument(s), {len(args)} given", token.position
            )
        return function.build(*args)
