"""Reads what symbolic-regression engines print, and turns it into laws of the formula language.

Three steps, each of which keeps the values on the rows it was made for:

1. `read_equation`: text of PySR (Julia) or Operon to a tree with literals, over the table's own columns.
2. `untangle`: affine wrappers and disguised forms, such as ``exp(log(c/n^a + b))``, to sums of products of
   powers; products in front of sums are multiplied out, scales inside powers move in front.
3. `law_of`: literals become named constants, which start at the literal's value; those that only act together
   become one.

Engines compute in 32 bit or stop early, so their numbers are starting points only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discover.errors import FormulaError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    Feature,
    Number,
    add,
    call,
    constant_names,
    evaluate,
    features_in,
    mul,
    power,
    reduce_constants,
    simplify,
    sub,
    walk,
)
from discover.expressions.descent import Descent, Lexicon, Token
from discover.expressions.parsing import FUNCTIONS, SPELLINGS
from discover.fitting import Structure, signed_domains
from discover.proposers.surgery import under_new_names, well_named

Floats = NDArray[np.float64]

MAX_LENGTH = 4_000
MAX_TOKENS = 600
MAX_DEPTH = 40
MAX_NODES = 120  # of a tree, before and after it is untangled
MOST_RESTORED = 8  # constants whose starting values are worked out again after merging
ROUNDS = 8
FAR = 1e3  # residuals beyond count as this
AGREE = 1e-6  # of the values' scale: constants that are merged further apart lose their starting values

ONE = Number(1.0)
HALF = Number(0.5)
TWO = Number(2.0)
MINUS_ONE = Number(-1.0)


# -- reading ----------------------------------------------------------------------------------------------

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
    "sqrtabs": lambda x: power(call("abs", x), HALF),
}
_TWO_ARGUMENTS: dict[str, Callable[[Expr, Expr], Expr]] = {
    "pow_abs": lambda x, y: power(call("abs", x), y),
    "powabs": lambda x, y: power(call("abs", x), y),
    "plus": add,
    "sub": sub,
    "mult": mul,
    "aq": lambda x, y: mul(x, power(add(ONE, power(y, TWO)), Number(-0.5))),
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
    if _nodes(expr) > MAX_NODES:
        raise FormulaError(f"the equation has more than {MAX_NODES} operators, names and numbers")
    return expr


def _nodes(expr: Expr) -> int:
    count = 0
    for _ in walk(expr):
        count += 1
        if count > MAX_NODES:
            break
    return count


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


# -- untangling -------------------------------------------------------------------------------------------


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


# -- laws -------------------------------------------------------------------------------------------------


def named(expr: Expr, ones: bool = False, free: bool = False) -> tuple[Expr, dict[str, float]]:
    """The tree with a fresh constant for every literal, and the literals.

    Signs and simple exponents (whole numbers, halves, thirds up to 4) are part of the form and stay; with `free` only
    signs and reciprocals. With `ones` a one stays that is added inside the formula, as in ``(1 + k*x)**p``, which a
    person does not write by chance.
    """
    stays = (-1.0, 1.0) if free else None
    guess: dict[str, float] = {}
    taken = set(constant_names(expr)) | {n.name for n in walk(expr) if isinstance(n, Feature)}

    def fresh(value: float) -> Expr:
        i = len(guess)
        while (name := f"k{i}") in taken:
            i += 1
        taken.add(name)
        guess[name] = value
        return Constant(name)

    def visit(node: Expr, role: str) -> Expr:
        if isinstance(node, Number):
            simple = _simple(node.value) if stays is None else node.value in stays
            if (role == "exponent" and simple) or (role == "factor" and node.value == -1.0):
                return node
            if ones and role == "term" and node.value == 1.0:
                return node
            return fresh(node.value)
        if not isinstance(node, Call):
            return node
        if node.op == "pow":
            return power(visit(node.args[0], ""), visit(node.args[1], "exponent"))
        role = "factor" if node.op == "mul" else "term" if node.op == "add" and node is not expr else ""
        return call(node.op, *(visit(arg, role) for arg in node.args))

    return visit(expr, ""), guess


def simple_exponents(expr: Expr) -> tuple[float, ...]:
    """Exponents that may be part of the form or rounded values of others, such as 1.5 and 2; reciprocals are form."""
    found = (n.args[1] for n in walk(expr) if isinstance(n, Call) and n.op == "pow")
    values = [n.value for n in found if isinstance(n, Number) and _simple(n.value) and abs(n.value) != 1.0]
    return tuple(dict.fromkeys(values))


def _simple(exponent: float) -> bool:
    sixths = exponent * 6
    return abs(exponent) <= 4 and abs(sixths - round(sixths)) < 1e-12


def law_of(
    expr: Expr,
    columns: Mapping[str, Floats],
    *,
    known: Mapping[str, float] | None = None,
    shared: Set[str] = frozenset(),
    share_new: bool = False,
    ones: bool = False,
    free: bool = False,
) -> Structure:
    """A tree with literals as a structure to fit, whose constants start at the literals.

    Args:
        expr: an untangled tree.
        columns: values on which the law was found, each of shape (n,); they tell whether merging constants
            kept the values.
        known: values of constants that the tree has already.
        shared: those of them that have one value for all groups.
        share_new: whether constants made from literals have one value for all groups, too.
        ones, free: see `named`.

    Raises:
        FormulaError: no column is left in it, or constants make up all of it.
    """
    if not features_in(expr):
        raise FormulaError("the equation does not depend on any column")
    if _nodes(expr) > MAX_NODES:
        raise FormulaError(f"the equation has more than {MAX_NODES} operators, names and numbers")
    raw, guess = named(expr, ones, free)
    fresh = frozenset(guess)
    guess = {**(known or {}), **guess}
    reduced = reduce_constants(raw)
    if not features_in(reduced):
        raise FormulaError("the equation does not depend on any column")
    kept = _refound(raw, reduced, guess, columns)
    tidy, new = well_named(reduced, columns.keys() - (known or {}).keys())
    start = under_new_names(kept, new)
    together = frozenset(new[name] for name in (fresh | shared if share_new else shared) if name in new)
    return Structure(tidy, shared=together, domains=signed_domains(tidy, start), guess=start)


def _refound(raw: Expr, reduced: Expr, guess: dict[str, float], columns: Mapping[str, Floats]) -> dict[str, float]:
    """Starting values of the merged constants under which the formula has the values it had before."""
    start = {name: guess[name] for name in constant_names(reduced) if name in guess}
    if raw == reduced or len(start) < len(constant_names(reduced)):
        return start
    with np.errstate(all="ignore"):
        wanted = np.asarray(evaluate(raw, {**columns, **guess}), dtype=np.float64)
    if not np.all(np.isfinite(wanted)):
        return {}
    scale = float(np.abs(wanted).max()) or 1.0

    def off(values: Mapping[str, float]) -> float:
        with np.errstate(all="ignore"):
            got = np.asarray(evaluate(reduced, {**columns, **values}), dtype=np.float64)
        error = np.abs(got - wanted).max() / scale
        return float(error) if np.isfinite(error) else math.inf

    if off(start) <= AGREE:
        return start
    if len(start) > MOST_RESTORED:
        return {}
    found = _solved(reduced, start, wanted, columns)
    return found if found and off(found) <= AGREE else {}


def _solved(
    reduced: Expr, start: Mapping[str, float], wanted: Floats, columns: Mapping[str, Floats]
) -> dict[str, float]:
    """The merged constants by a few steps of least squares from the values they had."""
    from scipy.optimize import least_squares

    names = tuple(start)
    sizes = np.array([abs(start[name]) or 1.0 for name in names])
    scale = float(np.abs(wanted).max()) or 1.0

    def residuals(x: Floats) -> Floats:
        got = np.asarray(evaluate(reduced, {**columns, **dict(zip(names, x * sizes, strict=True))}))
        off = (np.broadcast_to(got, wanted.shape) - wanted) / scale
        return np.clip(np.nan_to_num(off, nan=FAR), -FAR, FAR)

    begin = np.array([start[name] for name in names]) / sizes
    with np.errstate(all="ignore"):
        try:
            solved = least_squares(residuals, begin, max_nfev=20)
        except (ValueError, np.linalg.LinAlgError):
            return {}
    return dict(zip(names, (solved.x * sizes).tolist(), strict=True))
