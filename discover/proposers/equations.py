"""Reads what symbolic-regression engines print: text of PySR (Julia) or Operon to a tree with literals.

The tree is over the table's own columns. `untangling` brings it into plain form, and `literals` makes a law of it. Each
step keeps the values on the rows it was made for. Engines compute in 32 bit or stop early, so their numbers are
starting points only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from discover.errors import FormulaError
from discover.expressions import Expr, Number, add, call, evaluate, mul, power, sub, walk
from discover.expressions.descent import Descent, Lexicon, Token
from discover.expressions.parsing import FUNCTIONS, SPELLINGS
from discover.expressions.tree import ONE

MAX_LENGTH = 4_000
MAX_TOKENS = 600
MAX_DEPTH = 40
MAX_NODES = 120  # of a tree, before and after it is untangled

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEf][+-]?[0-9]+)?)"
    r"|(?P<name>#[0-9]+|[^\W\d]\w*)"
    r"|(?P<op>\*\*|[-+*/^(),÷×−])"
)

_LEXICON = Lexicon("equation", _TOKEN, MAX_TOKENS, MAX_DEPTH, {"÷": "/", "×": "*", "−": "-"})
_NOT_NUMBERS = frozenset(("nan", "inf", "infinity", "nan32", "inf32", "nan16", "inf16", "missing", "nothing"))


# What the formula language does not read by itself.
_ONE_ARGUMENT: dict[str, Callable[[Expr], Expr]] = {
    "logabs": lambda x: call("log", call("abs", x)),
    "sqrtabs": lambda x: power(call("abs", x), Number(0.5)),
}

_TWO_ARGUMENTS: dict[str, Callable[[Expr, Expr], Expr]] = {
    "pow_abs": lambda x, y: power(call("abs", x), y),
    "powabs": lambda x, y: power(call("abs", x), y),
    "plus": add,
    "sub": sub,
    "mult": mul,
    "aq": lambda x, y: mul(x, power(add(ONE, power(y, Number(2.0))), Number(-0.5))),
}

_GUARDS = ("safe_", "custom_")
_ALIASES = {"add": "plus", "mul": "mult", "atan_": "atan"}


def read_equation(text: str, columns: Mapping[str, Expr]) -> Expr:
    """The tree of an equation that an engine printed, with its literals.

    Args:
        text: infix, with Julia's or Operon's spelling of numbers, functions and guarded operators.
        columns: what each name stands for, such as ``params/1e9`` for ``x0``, or ``#1`` in a template.

    Raises:
        FormulaError: not an equation that can be read, with the reason.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the equation has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    try:
        expr = _Reader(text, columns).whole()
    except (OverflowError, ZeroDivisionError) as problem:
        raise FormulaError("a number in the equation is not finite once its literals are worked out") from problem
    check_size(expr)
    return expr


def check_size(expr: Expr) -> None:
    """Raises a FormulaError where a tree has more than `MAX_NODES` nodes."""
    if any(True for _ in islice(walk(expr), MAX_NODES, None)):
        raise FormulaError(f"the equation has more than {MAX_NODES} operators, names and numbers")


class _Reader(Descent):
    """An equation over the columns that the engine was given."""

    def __init__(self, text: str, columns: Mapping[str, Expr]) -> None:
        super().__init__(text, _LEXICON)
        self.columns = columns

    def number(self, token: Token) -> Expr:
        return _number(token.text)

    def name(self, token: Token) -> Expr:
        column = self.columns.get(token.text)
        if column is not None:
            return column
        if token.text.lower() in _NOT_NUMBERS:
            raise FormulaError(f"the equation contains {token.text}")
        raise FormulaError(f"{token.text[:40]!r} is not a column that the engine was given")

    def function(self, token: Token) -> Expr:
        return apply(token.text, self.arguments())


def apply(name: str, args: list[Expr]) -> Expr:
    """An engine's function; guarded operators are the plain ones, which have no value where the guard acts."""
    plain = name
    for guard in _GUARDS:
        plain = plain.removeprefix(guard)
    plain = _ALIASES.get(plain, plain)
    if len(args) == 1 and plain in _ONE_ARGUMENT:
        return _ONE_ARGUMENT[plain](args[0])
    if len(args) == 2 and plain in _TWO_ARGUMENTS:
        return _TWO_ARGUMENTS[plain](args[0], args[1])
    if len(args) > 2 and plain in ("plus", "mult"):
        return add(*args) if plain == "plus" else mul(*args)
    function = FUNCTIONS.get(plain) or SPELLINGS.get(plain)
    if function is not None and len(args) == function.arity:
        return function.build(*args)
    known = function is not None or plain in _ONE_ARGUMENT or plain in _TWO_ARGUMENTS
    raise FormulaError(
        f"{name[:40]} with {len(args)} arguments" if known else f"the formula language has no function {name[:40]!r}"
    )


def _number(text: str) -> Number:
    value = float(text.replace("f", "e"))  # Julia writes 32-bit numbers as 1.0f-5
    if not math.isfinite(value):
        raise FormulaError(f"the number {text[:30]} is too large")
    return Number(value)


@dataclass(frozen=True)
class Template:
    """The parts of an equation that PySR prints for a template.

    Attributes:
        functions: name -> text over ``#1``, ``#2``, ...
        parameters: name -> values, such as one per group.
    """

    functions: Mapping[str, str]
    parameters: Mapping[str, tuple[float, ...]]


_PART = re.compile(r"\s*(?:[╭├╰│]\s*)?(?P<name>[^\W\d]\w*)\s*=\s*(?P<body>.+?)\s*\Z", re.DOTALL)


def is_template(text: str) -> bool:
    """Whether the text is that of a template: ``f = ...; c = [...]``."""
    return "=" in text


def read_template(text: str) -> Template:
    """The parts of a template's text ``f = #1 ^ -0.3; c = [1.0, 2.0]``.

    Raises:
        FormulaError: not such a text.
    """
    if len(text) > MAX_LENGTH * 4:
        raise FormulaError(f"the template has {len(text):,} characters; at most {4 * MAX_LENGTH:,} are read")
    functions: dict[str, str] = {}
    parameters: dict[str, tuple[float, ...]] = {}
    for part in re.split(r"[;\n]", text):
        if not part.strip():
            continue
        match = _PART.match(part)
        if match is None:
            raise FormulaError(f"expected name = ... in a template, found {part.strip()[:40]!r}")
        name, body = match["name"], match["body"]
        if name in functions or name in parameters:
            raise FormulaError(f"the template names {name!r} twice")
        if body.startswith("["):
            parameters[name] = _values(body)
        else:
            functions[name] = body
    if not functions:
        raise FormulaError("the template has no function")
    return Template(functions, parameters)


def _values(body: str) -> tuple[float, ...]:
    if not body.endswith("]"):
        raise FormulaError("a list in the template does not end")
    out = []
    for piece in body[1:-1].split(","):
        if piece.strip():
            value = evaluate(read_equation(piece, {}), {})
            if not np.all(np.isfinite(value)):
                raise FormulaError(f"{piece.strip()[:30]!r} in a template is not a finite number")
            out.append(float(value))
    return tuple(out)
