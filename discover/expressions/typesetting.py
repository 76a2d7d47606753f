"""Formulas for pages: MathML Core, which browsers lay out by themselves, and Typst.

A `Markup` says how a language writes the parts; the order of terms and factors is that of the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from discover.expressions.operators import OPERATORS
from discover.expressions.printing import (
    ATOM,
    LETTERS,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    formula_number,
    name_parts,
    negative,
    reciprocal,
)
from discover.expressions.tree import Call, Expr, Number, mul, neg, power


@dataclass(frozen=True)
class Markup:
    """How a language of typeset mathematics writes the parts of a formula.

    Attributes:
        number: a literal that is not negative, from its mantissa and its power of ten (None for none).
        letter: an italic letter.
        word: a name of several letters, upright.
        subscript, superscript, fraction: of two parts.
        brackets, bars: around a part.
        function: a function's name and its arguments.
        plus, minus, sign, times, cross: operators; `cross` multiplies where two numbers would touch.
    """

    number: Callable[[str, int | None], str]
    letter: Callable[[str], str]
    word: Callable[[str], str]
    subscript: Callable[[str, str], str]
    superscript: Callable[[str, str], str]
    fraction: Callable[[str, str], str]
    brackets: Callable[[str], str]
    bars: Callable[[str], str]
    function: Callable[[str, Sequence[str]], str]
    plus: str
    minus: str
    sign: str
    times: str
    cross: str


def _mathml_number(mantissa: str, exponent: int | None) -> str:
    if exponent is None:
        return f"<mn>{mantissa}</mn>"
    sign = '<mo form="prefix">−</mo>' if exponent < 0 else ""
    power_of_ten = f"<msup><mn>10</mn><mrow>{sign}<mn>{abs(exponent)}</mn></mrow></msup>"
    return f"<mrow><mn>{mantissa}</mn><mo>×</mo>{power_of_ten}</mrow>"


MATHML = Markup(
    number=_mathml_number,
    letter=lambda text: f"<mi>{text}</mi>",
    word=lambda text: f'<mi mathvariant="normal">{text}</mi>' if len(text) == 1 else f"<mi>{text}</mi>",
    subscript=lambda a, b: f"<msub>{a}{b}</msub>",
    superscript=lambda a, b: f"<msup><mrow>{a}</mrow><mrow>{b}</mrow></msup>",
    fraction=lambda a, b: f"<mfrac><mrow>{a}</mrow><mrow>{b}</mrow></mfrac>",
    brackets=lambda a: f"<mrow><mo>(</mo>{a}<mo>)</mo></mrow>",
    bars=lambda a: f'<mrow><mo fence="true" form="prefix">|</mo>{a}<mo fence="true" form="postfix">|</mo></mrow>',
    function=lambda name, args: (
        f"<mi>{name}</mi><mo>&#x2061;</mo><mrow><mo>(</mo>{'<mo>,</mo>'.join(args)}<mo>)</mo></mrow>"
    ),
    plus='<mo form="infix">+</mo>',
    minus='<mo form="infix">−</mo>',
    sign='<mo form="prefix">−</mo>',
    times='<mo>&#x2062;</mo><mspace width="0.17em"/>',
    cross="<mo>×</mo>",
)

TYPST = Markup(
    number=lambda mantissa, exponent: mantissa if exponent is None else f"{mantissa} times 10^({exponent})",
    letter=lambda text: text,
    word=lambda text: f'upright("{text}")',
    subscript=lambda a, b: f"{a}_({b})",
    superscript=lambda a, b: f"{a}^({b})",
    fraction=lambda a, b: f"frac({a}, {b})",
    brackets=lambda a: f"({a})",
    bars=lambda a: f"abs({a})",
    function=lambda name, args: f'op("{name}")({", ".join(args)})',
    plus=" + ",
    minus=" - ",
    sign="-",
    times=" thin ",
    cross=" times ",
)


def to_mathml(expr: Expr, digits: int = 6) -> tuple[str, ...]:
    """The formula as presentation MathML without the `math` element, one piece per term of its sum.

    Browsers do not break lines within a `math` element; with one element per piece a long law wraps at its signs.
    """
    return tuple(_Typesetter(MATHML, digits).pieces(expr))


def mathml_name(name: str) -> str:
    """A constant or column name in MathML."""
    return _name(name, MATHML)


def to_typst(expr: Expr, digits: int = 6) -> str:
    """The formula in Typst's mathematics, without dollar signs."""
    return "".join(_Typesetter(TYPST, digits).pieces(expr))


def typst_name(name: str) -> str:
    """A constant or column name in Typst's mathematics."""
    return _name(name, TYPST)


def _name(name: str, markup: Markup) -> str:
    head, tail = name_parts(name)
    letter = LETTERS.get(head, head)
    if not letter.isalpha() or len(letter) > 1:
        return markup.word(name)
    shown = markup.letter(letter)
    if not tail:
        return shown
    return markup.subscript(shown, markup.number(tail, None) if tail.isdigit() else markup.word(tail))


class _Typesetter:
    """Prints a node to (text, binding strength)."""

    def __init__(self, markup: Markup, digits: int) -> None:
        self.markup, self.digits = markup, digits

    def pieces(self, node: Expr) -> list[str]:
        """The terms of a sum, each with the sign before it."""
        if not (isinstance(node, Call) and node.op == "add"):
            return [self.show(node)[0]]
        found = [self.wrap(node.args[0], PRODUCT)]
        for arg in node.args[1:]:
            minus = negative(arg)
            sign = self.markup.minus if minus else self.markup.plus
            found.append(sign + self.wrap(neg(arg) if minus else arg, PRODUCT))
        return found

    def show(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, Number):
            return self.number(node.value)
        if not isinstance(node, Call):
            return _name(node.name, self.markup), ATOM
        if node.op == "add":
            return "".join(self.pieces(node)), SUM
        if node.op == "mul":
            return self.product(node)
        if node.op == "pow":
            return self.power(node)
        inside = [self.show(arg)[0] for arg in node.args]
        if node.op == "abs":
            return self.markup.bars(inside[0]), ATOM
        name = OPERATORS[node.op].spellings["text"]
        return self.markup.function({"Min": "min", "Max": "max"}.get(name, name), inside), ATOM

    def number(self, value: float) -> tuple[str, int]:
        above, slash, below = formula_number(value).strip("-()").partition("/")
        if slash:  # 1/3, not 0.333333
            text = self.markup.fraction(self.markup.number(above, None), self.markup.number(below, None))
            return (self.markup.sign + text, SIGN) if value < 0 else (text, PRODUCT)
        mantissa, e, exponent = f"{abs(value):.{self.digits}g}".partition("e")
        text = self.markup.number(mantissa, int(exponent) if e else None)
        if value < 0:
            return self.markup.sign + text, SIGN
        return text, PRODUCT if e else ATOM

    def wrap(self, node: Expr, least: int) -> str:
        text, strength = self.show(node)
        return text if strength >= least else self.markup.brackets(text)

    def product(self, node: Call) -> tuple[str, int]:
        first = node.args[0]
        if isinstance(first, Number) and first.value < 0:
            return self.markup.sign + self.wrap(mul(neg(first), *node.args[1:]), PRODUCT), SIGN
        above = [arg for arg in node.args if not reciprocal(arg)]
        below = [power(arg, Number(-1.0)) for arg in node.args if reciprocal(arg)]
        if below:
            return self.markup.fraction(self.show(mul(*above))[0], self.show(mul(*below))[0]), PRODUCT
        text = self.wrap(above[0], PRODUCT)
        for arg in above[1:]:
            text += (self.markup.cross if _begins_with_number(arg) else self.markup.times) + self.wrap(arg, PRODUCT)
        return text, PRODUCT

    def power(self, node: Call) -> tuple[str, int]:
        base, exponent = node.args
        if reciprocal(node):
            return self.markup.fraction(self.show(Number(1.0))[0], self.show(power(node, Number(-1.0)))[0]), PRODUCT
        return self.markup.superscript(self.wrap(base, ATOM), self.show(exponent)[0]), POWER


def _begins_with_number(node: Expr) -> bool:
    while isinstance(node, Call) and node.op == "pow":
        node = node.args[0]
    return isinstance(node, Number)
