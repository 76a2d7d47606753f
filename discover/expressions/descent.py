"""Recursive descent over sums, products, signs and powers: what the formula language and engines' equations share."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from discover.errors import FormulaError
from discover.expressions.tree import Expr, add, div, mul, neg, power, sub

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Token:
    """A number, a name, an operator or the end; `position` counts characters from 0."""

    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class Lexicon:
    """How a text is cut into tokens.

    Attributes:
        noun: what the text is called in messages.
        pattern: one token, with the groups `number`, `name` and `op`.
        tokens: most of them.
        depth: most levels of nesting.
        same: other spellings of operators.
    """

    noun: str
    pattern: re.Pattern[str]
    tokens: int
    depth: int
    same: Mapping[str, str]


def tokens_of(text: str, lexicon: Lexicon) -> list[Token]:
    """The tokens of a text and the end.

    Raises:
        FormulaError: a character that begins no token, or too many tokens.
    """
    tokens: list[Token] = []
    position = _skip(text, 0)
    while position < len(text):
        match = lexicon.pattern.match(text, position)
        if match is None:
            raise FormulaError(f"unexpected {_shown(text[position])} at character {position + 1}", position)
        piece = match.group()
        tokens.append(Token(match.lastgroup or "", lexicon.same.get(piece, piece), position))
        if len(tokens) > lexicon.tokens:
            raise FormulaError(f"the {lexicon.noun} has more than {lexicon.tokens:,} numbers, names and operators")
        position = _skip(text, match.end())
    tokens.append(Token("end", "the end", len(text)))
    return tokens


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _shown(character: str) -> str:
    if character.isascii() and character.isprintable():
        return repr(character)
    return f"character U+{ord(character):04X}"


class Descent(ABC):
    """Reads the tokens of one text; ** binds tighter than a sign on its left.

    What numbers, names and calls mean is for subclasses to say.
    """

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.tokens = tokens_of(text, lexicon)
        self.at = 0
        self.depth = 0

    @abstractmethod
    def number(self, token: Token) -> Expr: ...

    @abstractmethod
    def name(self, token: Token) -> Expr: ...

    @abstractmethod
    def function(self, token: Token) -> Expr: ...

    def whole(self) -> Expr:
        """The tree of the whole text."""
        expr = self.sum()
        if self.peek.kind != "end":
            raise self.error("an operator")
        return expr

    @property
    def peek(self) -> Token:
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
        return FormulaError(f"expected {expected} at character {token.position + 1}, found {found}", token.position)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > self.lexicon.depth:
            raise FormulaError(
                f"the {self.lexicon.noun} is nested more than {self.lexicon.depth} levels deep",
                self.peek.position,
            )

    def sum(self) -> Expr:
        self.deeper()
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
        self.deeper()
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
            called = self.peek.kind == "op" and self.peek.text == "("
            return self.function(token) if called else self.name(token)
        if self.take("("):
            expr = self.sum()
            self.expect(")")
            return expr
        raise self.error("a number, a name or '('")

    def arguments(self) -> list[Expr]:
        """What stands in the parentheses of a call."""
        self.expect("(")
        args = [self.sum()]
        while self.take(","):
            args.append(self.sum())
        self.expect(")")
        return args
