"""The expression tree: four kinds of node, immutable and hashable.

A tree is built through `add`, `mul`, `power` and `call`, which keep it in a light normal form: sums and
products are flat, literals are folded, neutral elements are dropped. Differences and quotients are sums
and products (`a - b` is `a + (-1)*b`, `a/b` is `a*b**(-1)`), so that every later step has few cases.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from discover.errors import FormulaError


class Node:
    """Base of the four kinds; compares by structure, with the hash computed once."""

    __slots__ = ("_hash", "key", "memo")

    key: tuple[object, ...]
    memo: dict[str, Any]  # what other modules worked out about this node, by their name for it
    _hash: int

    def _freeze(self, key: tuple[object, ...]) -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "memo", {})
        object.__setattr__(self, "_hash", hash(key))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Node) and self._hash == other._hash and self.key == other.key

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.key[1:]!r}"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.key[1:]


class Number(Node):
    """A literal."""

    __slots__ = ("value",)
    value: float

    def __init__(self, value: float) -> None:
        object.__setattr__(self, "value", float(value))
        self._freeze(("number", float(value)))


class Feature(Node):
    """A column of the table."""

    __slots__ = ("name",)
    name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "name", name)
        self._freeze(("feature", name))


class Constant(Node):
    """A named constant that is fitted."""

    __slots__ = ("name",)
    name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "name", name)
        self._freeze(("constant", name))


class Call(Node):
    """An operator applied to arguments; build it with `add`, `mul`, `power` or `call`."""

    __slots__ = ("args", "op")
    op: str
    args: tuple[Expr, ...]

    def __init__(self, op: str, args: tuple[Expr, ...]) -> None:
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "args", args)
        self._freeze(("call", op, args))


Expr: TypeAlias = Number | Feature | Constant | Call

ZERO = Number(0.0)
ONE = Number(1.0)
MINUS_ONE = Number(-1.0)


def _literal(value: float) -> Number:
    if not math.isfinite(value):
        raise FormulaError("a number in the formula is not finite once its literals are worked out")
    return Number(value)


def _flat(op: str, args: Iterable[Expr]) -> Iterator[Expr]:
    for arg in args:
        if isinstance(arg, Call) and arg.op == op:
            yield from arg.args
        else:
            yield arg


def add(*args: Expr) -> Expr:
    """The sum; literals are folded into the place of the first."""
    total, place = 0.0, None
    terms: list[Expr] = []
    for arg in _flat("add", args):
        if isinstance(arg, Number):
            total += arg.value
            place = len(terms) if place is None else place
        else:
            terms.append(arg)
    if total != 0.0 or not terms:
        terms.insert(place or 0, _literal(total))
    return terms[0] if len(terms) == 1 else Call("add", tuple(terms))


def mul(*args: Expr) -> Expr:
    """The product; literals are folded to the front."""
    scale = 1.0
    factors: list[Expr] = []
    for arg in _flat("mul", args):
        if isinstance(arg, Number):
            scale *= arg.value
        else:
            factors.append(arg)
    if scale == 0.0 or not factors:
        return _literal(scale)
    if scale != 1.0:
        factors.insert(0, _literal(scale))
    return factors[0] if len(factors) == 1 else Call("mul", tuple(factors))


def power(base: Expr, exponent: Expr) -> Expr:
    """base**exponent; literals are folded where the result is a finite real number."""
    if isinstance(exponent, Number):
        if exponent.value == 1.0:
            return base
        if exponent.value == 0.0:
            return ONE
        if isinstance(base, Number):
            return _literal(_real_power(base.value, exponent.value))
        if isinstance(base, Call) and base.op == "pow" and _whole(exponent.value):
            inner = base.args[1]
            if isinstance(inner, Number):
                product = inner.value * exponent.value
                # x**(1/2) squared is x only where x >= 0, which the inner root demands anyway.
                if _whole(inner.value) or not _whole(product):
                    return power(base.args[0], _literal(product))
    if isinstance(base, Number) and base.value == 1.0:
        return ONE
    return Call("pow", (base, exponent))


def _whole(value: float) -> bool:
    return float(value).is_integer()


def _real_power(base: float, exponent: float) -> float:
    try:
        result = base**exponent
    except (OverflowError, ZeroDivisionError) as error:
        raise FormulaError(f"{base:g}**{exponent:g} is not a finite number") from error
    if isinstance(result, complex):
        raise FormulaError(f"{base:g}**{exponent:g} is not a real number")
    return float(result)


def neg(arg: Expr) -> Expr:
    return mul(MINUS_ONE, arg)


def sub(left: Expr, right: Expr) -> Expr:
    return add(left, neg(right))


def div(left: Expr, right: Expr) -> Expr:
    return mul(left, power(right, MINUS_ONE))


def call(op: str, *args: Expr) -> Expr:
    """An operator of the table applied to arguments, in normal form."""
    build: Callable[..., Expr] | None = _CONSTRUCTORS.get(op)
    return build(*args) if build is not None else Call(op, args)


_CONSTRUCTORS: dict[str, Callable[..., Expr]] = {"add": add, "mul": mul, "pow": power}


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node, parents before children, left to right."""
    stack: list[Expr] = [expr]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Call):
            stack.extend(reversed(node.args))


def features_in(expr: Expr) -> frozenset[str]:
    """Names of the features used; worked out once per node."""
    return (expr.memo.get("leaves") or _leaves_in(expr))[0]


def constants_in(expr: Expr) -> frozenset[str]:
    """Names of the constants used; worked out once per node."""
    return (expr.memo.get("leaves") or _leaves_in(expr))[1]


_NO_NAMES = frozenset[str]()


def _leaves_in(expr: Expr) -> tuple[frozenset[str], frozenset[str]]:
    """Names of features and of constants, kept on the node."""
    if isinstance(expr, Call):
        parts = [arg.memo.get("leaves") or _leaves_in(arg) for arg in expr.args]
        found = _NO_NAMES.union(*(p[0] for p in parts)), _NO_NAMES.union(*(p[1] for p in parts))
    elif isinstance(expr, Number):
        found = _NO_NAMES, _NO_NAMES
    else:
        name = frozenset((expr.name,))
        found = (name, _NO_NAMES) if isinstance(expr, Feature) else (_NO_NAMES, name)
    expr.memo["leaves"] = found
    return found


def feature_names(expr: Expr) -> tuple[str, ...]:
    """Names of the features used, in order of first appearance."""
    return tuple(dict.fromkeys(node.name for node in walk(expr) if isinstance(node, Feature)))


def terms(expr: Expr) -> tuple[Expr, ...]:
    """The terms of a sum, or the tree itself."""
    return expr.args if isinstance(expr, Call) and expr.op == "add" else (expr,)


def factors(expr: Expr) -> tuple[Expr, ...]:
    """The factors of a product, or the tree itself."""
    return expr.args if isinstance(expr, Call) and expr.op == "mul" else (expr,)


def constant_uses(expr: Expr) -> Counter[str]:
    """In how many places every constant appears."""
    return Counter(node.name for node in walk(expr) if isinstance(node, Constant))


def constant_names(expr: Expr) -> tuple[str, ...]:
    """Names of the constants used, in order of first appearance."""
    return tuple(dict.fromkeys(node.name for node in walk(expr) if isinstance(node, Constant)))


def rebuild(expr: Expr, leaf: Callable[[Expr], Expr]) -> Expr:
    """The tree with every leaf replaced by `leaf(node)`, in normal form again."""
    if not isinstance(expr, Call):
        return leaf(expr)
    args = tuple(rebuild(arg, leaf) for arg in expr.args)
    return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else call(expr.op, *args)


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """The tree with the features and constants of these names replaced."""

    def leaf(node: Expr) -> Expr:
        return values.get(node.name, node) if isinstance(node, Feature | Constant) else node

    return rebuild(expr, leaf)
