"""Formulas as text: one printer for every language written with infix operators.

A `Dialect` says how a language writes powers, literals and names; function names come from the operator
table. LaTeX has a printer of its own, because fractions and exponents are laid out there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from discover.expressions.notation import GREEK
from discover.expressions.operators import OPERATORS
from discover.expressions.tree import Call, Expr, Number, mul, neg, power

BASES = {1 / math.log(10): "log10", 1 / math.log(2): "log2"}
"""Factors of a natural logarithm that make it one of another base."""

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)  # binding strength, loosest first


def number_text(value: float) -> str:
    """The shortest decimal text that reads back to the same 64-bit number."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def formula_number(value: float) -> str:
    """As `number_text`, but simple fractions as such: (1/3) reads better than 0.3333333333333333.

    Only where the parser's arithmetic gives back the same 64-bit number.
    """
    plain = number_text(value)
    if len(plain) > 8 and abs(value) < 10.0:
        for below in (3, 6, 7, 9, 11, 12):
            above = round(abs(value) * below)
            if above and above * float(below) ** -1.0 == abs(value):
                return f"{'-' if value < 0 else ''}({above}/{below})"
    return plain


@dataclass(frozen=True)
class Dialect:
    """How a language writes formulas.

    Attributes:
        language: key into the spellings of the operator table.
        power: the infix power, such as "**" or "^", or a function name followed by "(".
        number: text of a literal.
        name: text of a feature or constant.
    """

    language: str
    power: str = "**"
    number: Callable[[float], str] = number_text
    name: Callable[[str], str] = str


TEXT = Dialect("text", number=formula_number)


def to_text(expr: Expr, dialect: Dialect = TEXT) -> str:
    """The formula as text; in the default dialect `parse` reads it back to an equal tree."""
    return (_PLAIN if dialect is TEXT else Printer(dialect)).text(expr)


def named(name: Callable[[str], str]) -> Dialect:
    """The default dialect with other names for features and constants."""
    return Dialect("text", number=formula_number, name=name)


class Printer:
    """Prints nodes to (text, binding strength); what it has printed it knows."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.known: dict[Expr, tuple[str, int]] = {}

    def text(self, node: Expr) -> str:
        return self.show(node)[0]

    def show(self, node: Expr) -> tuple[str, int]:
        if node not in self.known:
            self.known[node] = self.print(node)
        return self.known[node]

    def print(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, Number):
            text = self.dialect.number(node.value)
            return text, SIGN if node.value < 0 else ATOM
        if not isinstance(node, Call):
            return self.dialect.name(node.name), ATOM
        if node.op == "add":
            return self._sum(node), SUM
        if node.op == "mul":
            return self._product(node)
        if node.op == "pow":
            return self._power(node)
        name = OPERATORS[node.op].spellings[self.dialect.language]
        return f"{name}({', '.join(self.show(arg)[0] for arg in node.args)})", ATOM

    def wrap(self, node: Expr, least: int) -> str:
        text, strength = self.show(node)
        return text if strength >= least else f"({text})"

    def _sum(self, node: Call) -> str:
        text = self.wrap(node.args[0], PRODUCT)
        for arg in node.args[1:]:
            if negative(arg):
                text += " - " + self.wrap(neg(arg), PRODUCT)
            else:
                text += " + " + self.wrap(arg, PRODUCT)
        return text

    def _product(self, node: Call) -> tuple[str, int]:
        first = node.args[0]
        if isinstance(first, Number) and first.value < 0:
            rest = mul(neg(first), *node.args[1:])
            return "-" + self.wrap(rest, PRODUCT), SIGN if not _is_product(rest) else PRODUCT
        place = _based_logarithm(node) if self.dialect.language == "text" else None
        text = ""
        for i, arg in enumerate(node.args):  # in the order given, so that the text reads back to the same tree
            if place is not None and i in (0, place):
                if i == place:
                    text = f"{text}*{self._of_base(node, place)}" if text else self._of_base(node, place)
            elif reciprocal(arg):
                text = (text or "1") + "/" + self.wrap(power(arg, Number(-1.0)), POWER)
            else:
                text = f"{text}*{self.wrap(arg, POWER)}" if text else self.wrap(arg, SIGN)
        return text, ATOM if place is not None and len(node.args) == 2 else PRODUCT

    def _of_base(self, node: Call, place: int) -> str:
        """``log10(x)`` for the literal in front and the logarithm at this place."""
        first, logarithm = node.args[0], node.args[place]
        assert isinstance(first, Number)
        assert isinstance(logarithm, Call)
        return f"{BASES[first.value]}({self.show(logarithm.args[0])[0]})"

    def _power(self, node: Call) -> tuple[str, int]:
        base, exponent = node.args
        if reciprocal(node):
            return "1/" + self.wrap(power(node, Number(-1.0)), POWER), PRODUCT
        if self.dialect.power.endswith("("):
            return f"{self.dialect.power}{self.show(base)[0]}, {self.show(exponent)[0]})", ATOM
        return f"{self.wrap(base, ATOM)}{self.dialect.power}{self.wrap(exponent, ATOM)}", POWER


class _Plain(Printer):
    """The printer of the default dialect: the text stays with the node, which later trees share."""

    def show(self, node: Expr) -> tuple[str, int]:
        if "text" not in node.memo:
            node.memo["text"] = self.print(node)
        shown: tuple[str, int] = node.memo["text"]
        return shown


_PLAIN = _Plain(TEXT)


def _based_logarithm(node: Call) -> int | None:
    """The place of the logarithm that the literal in front of a product makes one of base 10 or 2."""
    first = node.args[0]
    if not isinstance(first, Number) or first.value not in BASES:
        return None
    places = [i for i, arg in enumerate(node.args) if isinstance(arg, Call) and arg.op == "log"]
    return places[0] if len(places) == 1 else None


def _is_product(node: Expr) -> bool:
    return isinstance(node, Call) and node.op == "mul"


def negative(node: Expr) -> bool:
    """A number below zero, or a product with one in front, which is printed with a minus."""
    first = node.args[0] if isinstance(node, Call) and node.op == "mul" else node
    return isinstance(first, Number) and first.value < 0


def reciprocal(node: Expr) -> bool:
    """A power with a literal negative whole exponent, which is put under a fraction bar."""
    if not (isinstance(node, Call) and node.op == "pow" and isinstance(node.args[1], Number)):
        return False
    exponent = node.args[1].value
    return exponent < 0 and exponent.is_integer()


def to_latex(expr: Expr, digits: int = 6) -> str:
    """The formula in LaTeX mathematics (without dollar signs)."""
    return _Latex(digits).show(expr)[0]


LETTERS = {name: sign for name, sign in GREEK.items() if sign not in "ιου"}  # which look like Latin ones


def name_parts(name: str) -> tuple[str, str]:
    """A name as the letter or word that is set, and its subscript: after the first underscore, or digits."""
    head, _, tail = name.partition("_")
    if not head:
        return name, ""
    if not tail and len(head) > 1 and head[-1].isdigit():
        stem = head.rstrip("0123456789")
        if len(stem) == 1 or stem in LETTERS:
            head, tail = stem, head[len(stem) :]
    return "lambda" if head == "lam" else head, tail


def latex_name(name: str) -> str:
    """A constant or column name in LaTeX: Greek letters, subscripts after the first underscore or digit."""
    head, tail = name_parts(name)
    if head in LETTERS:
        head = "\\" + head
    elif not head.isalpha() or len(head) > 1:
        return r"\mathrm{" + name.replace("_", r"\_") + "}"
    return head + (r"_{\mathrm{" + tail.replace("_", r"\_") + "}}" if tail else "")


class _Latex(Printer):
    def __init__(self, digits: int) -> None:
        super().__init__(Dialect("latex", name=latex_name, number=lambda v: _latex_number(v, digits)))

    def print(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, Number) and "\\" in (text := self.dialect.number(node.value)):  # a fraction, or m x 10^n
            return text, SIGN if node.value < 0 else PRODUCT
        if isinstance(node, Call) and node.op not in ("add", "mul", "pow"):
            inside = r",\, ".join(self.show(arg)[0] for arg in node.args)
            if node.op == "abs":
                return rf"\left|{inside}\right|", ATOM
            return rf"{OPERATORS[node.op].spellings['latex']}\left({inside}\right)", ATOM
        return super().print(node)

    def wrap(self, node: Expr, least: int) -> str:
        text, strength = self.show(node)
        return text if strength >= least else rf"\left({text}\right)"

    def _product(self, node: Call) -> tuple[str, int]:
        first = node.args[0]
        if isinstance(first, Number) and first.value < 0:
            return "-" + self.wrap(mul(neg(first), *node.args[1:]), PRODUCT), PRODUCT
        above = [arg for arg in node.args if not reciprocal(arg)]
        below = [power(arg, Number(-1.0)) for arg in node.args if reciprocal(arg)]
        numerator = mul(*above)
        place = _based_logarithm(node)
        if not below and place is not None:
            assert isinstance(first, Number)
            base = BASES[first.value].removeprefix("log")
            based = rf"\log_{{{base}}}" + self.show(node.args[place])[0].removeprefix(r"\ln")
            parts = [based if i == place else self.wrap(arg, PRODUCT) for i, arg in enumerate(node.args) if i]
            return r" \, ".join(parts), PRODUCT
        if not below:
            return r" \, ".join(self.wrap(arg, PRODUCT) for arg in node.args), PRODUCT
        return rf"\frac{{{self.show(numerator)[0]}}}{{{self.show(mul(*below))[0]}}}", PRODUCT

    def _power(self, node: Call) -> tuple[str, int]:
        base, exponent = node.args
        if reciprocal(node):
            return rf"\frac{{1}}{{{self.show(power(node, Number(-1.0)))[0]}}}", PRODUCT
        return f"{self.wrap(base, ATOM)}^{{{self.show(exponent)[0]}}}", POWER


def _latex_number(value: float, digits: int) -> str:
    above, slash, below = formula_number(value).strip("-()").partition("/")
    if slash:  # 1/3, not 0.333333
        return rf"{'-' if value < 0 else ''}\frac{{{above}}}{{{below}}}"
    text = f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    return rf"{mantissa} \times 10^{{{int(exponent)}}}"
