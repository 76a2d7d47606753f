"""Simplification, and the canonical form by which duplicates are found.

`simplify` keeps the value: like terms and powers are collected, `exp(log(x))` collapses, arguments are
sorted. `reduce_constants` keeps the *set of functions* that a formula can express: constants that only ever
act together (`c1*c2`, `A*(x/x0)**a`, `2*c`) are merged into one, so that a formula pays for what it can
identify. `skeleton` is the text of that, with constants renamed by place: equal skeletons are the same law.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TypeGuard

import numpy as np

from discover.expressions.operators import OPERATORS
from discover.expressions.printing import Printer, named, to_text
from discover.expressions.tree import (
    MINUS_ONE,
    ONE,
    ZERO,
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
    factors,
    features_in,
    mul,
    power,
    substitute,
    walk,
)


def complexity(expr: Expr) -> int:
    """Weighted count of leaves and operators; signs and fraction bars of the normal form are free."""
    if not isinstance(expr, Call):
        return 1
    size = expr.memo.get("complexity")
    if size is None:
        size = expr.memo["complexity"] = _complexity(expr)
    return int(size)


def _complexity(expr: Call) -> int:
    total = sum(complexity(arg) for arg in expr.args)
    if expr.op in ("add", "mul"):
        signs = expr.args.count(MINUS_ONE)
        return total - signs + (len(expr.args) - 1 - signs) * OPERATORS[expr.op].complexity
    if expr.op == "pow" and expr.args[1] == MINUS_ONE:
        return total - 1
    return total + OPERATORS[expr.op].complexity


def simplify(expr: Expr) -> Expr:
    """An equal formula, simpler where the rules see it, arguments in canonical order."""
    for _ in range(8):
        simpler = _simplify(expr)
        if simpler is expr or simpler == expr:
            break
        expr = simpler
    return expr


def _simplify(node: Expr) -> Expr:
    """One pass from the leaves up; the result is kept on the node, which is shared by later trees."""
    if not isinstance(node, Call):
        return node
    if "simplified" not in node.memo:
        args = tuple(_simplify(arg) for arg in node.args)
        rule = _RULES.get(node.op)
        simpler = _other(node.op, args) if rule is None else rule(args)
        node.memo["simplified"] = None if simpler == node else simpler  # not the node itself: that is a cycle
    known: Expr | None = node.memo["simplified"]
    return node if known is None else known


def _other(op: str, args: tuple[Expr, ...]) -> Expr:
    if op in ("min", "max"):
        if args[0] == args[1]:
            return args[0]
        args = tuple(sorted(args, key=order))
    if op == "log":
        return _log(args[0])
    if op == "exp" and isinstance(args[0], Call) and args[0].op == "log":
        return args[0].args[0]
    if all(isinstance(arg, Number) for arg in args):
        with np.errstate(all="ignore"):
            value = float(OPERATORS[op].value(*(arg.value for arg in args)))  # type: ignore[union-attr]
        if value == value and abs(value) != float("inf"):
            return Number(value)
    return call(op, *args)


def _log(arg: Expr) -> Expr:
    if isinstance(arg, Call) and arg.op == "exp":
        return arg.args[0]
    if isinstance(arg, Call) and arg.op == "pow" and not _even(arg.args[1]):
        return mul(arg.args[1], call("log", arg.args[0]))
    if isinstance(arg, Number) and arg.value > 0:
        return Number(float(OPERATORS["log"].value(arg.value)))
    return call("log", arg)


def _even(exponent: Expr) -> bool:
    return isinstance(exponent, Number) and exponent.value % 2 == 0


def _sum(args: tuple[Expr, ...]) -> Expr:
    flat = add(*args)
    if not (isinstance(flat, Call) and flat.op == "add"):
        return flat
    scales: dict[Expr, float] = {}
    for term in flat.args:
        scale, rest = _split(term)
        scales[rest] = scales.get(rest, 0.0) + scale
    terms = [mul(Number(scale), rest) for rest, scale in scales.items() if scale != 0.0]
    return add(*sorted(terms, key=order)) if terms else ZERO


def _split(term: Expr) -> tuple[float, Expr]:
    if isinstance(term, Number):
        return term.value, ONE
    if isinstance(term, Call) and term.op == "mul" and isinstance(term.args[0], Number):
        return term.args[0].value, mul(*term.args[1:])
    return 1.0, term


def _product(args: tuple[Expr, ...]) -> Expr:
    flat = mul(*args)
    if not (isinstance(flat, Call) and flat.op == "mul"):
        return flat
    scale, exponents, inside_exp = 1.0, dict[Expr, list[Expr]](), list[Expr]()
    for factor in flat.args:
        if isinstance(factor, Number):
            scale *= factor.value
        elif isinstance(factor, Call) and factor.op == "exp":
            inside_exp.append(factor.args[0])
        else:
            base, exponent = factor.args if isinstance(factor, Call) and factor.op == "pow" else (factor, ONE)
            exponents.setdefault(base, []).append(exponent)
    factors = [power(base, add(*parts)) for base, parts in exponents.items()]
    if inside_exp:
        factors.append(call("exp", add(*inside_exp)))
    return mul(Number(scale), *sorted(factors, key=order))


def _power(args: tuple[Expr, ...]) -> Expr:
    base, exponent = args
    if isinstance(base, Call) and base.op == "exp":
        return call("exp", mul(base.args[0], exponent))
    if isinstance(base, Call) and base.op == "pow" and not _even(base.args[1]):
        return power(base.args[0], mul(base.args[1], exponent))
    if isinstance(base, Call) and base.op == "mul" and exponent == MINUS_ONE:
        return mul(*(power(factor, exponent) for factor in base.args))
    return power(base, exponent)


_RULES = {"add": _sum, "mul": _product, "pow": _power}


def order(node: Expr) -> tuple[object, ...]:
    """Sorting key of canonical form: literals, constants, features, then calls by size and text."""
    if isinstance(node, Number):
        return (0, 0, node.value, "")
    if isinstance(node, Constant):
        return (1, 0, 0.0, node.name)
    if isinstance(node, Feature):
        return (2, 0, 0.0, node.name)
    return (3, complexity(node), 0.0, to_text(node))


def reduce_constants(expr: Expr, shared: Collection[str] = ()) -> Expr:
    """A formula with fewer constants that expresses the same functions, apart from limits on signs.

    Constants that appear once and only act together with literals or each other become one, which keeps
    the name of the first. Constants that appear in several places are left alone.

    Args:
        shared: constants with one value for all groups, which cannot take the place of one per group in front of a sum.
    """
    return _reduced(expr, frozenset(shared), None)


def reduction(expr: Expr, shared: Collection[str] = ()) -> tuple[Expr, dict[str, Expr]]:
    """As `reduce_constants`, with what every constant that is left stands for, in constants of the formula before."""
    stands_for: dict[str, Expr] = {}
    reduced = _reduced(expr, frozenset(shared), stands_for)
    return reduced, {name: simplify(stands_for.get(name, Constant(name))) for name in constant_names(reduced)}


def _reduced(expr: Expr, shared: frozenset[str], stands_for: dict[str, Expr] | None) -> Expr:
    for _ in range(12):
        simple = simplify(expr)
        once = frozenset(name for name, count in constant_uses(simple).items() if count == 1)
        expr = _Reducer(once, shared, stands_for).reduce(simple)
        if expr is simple:
            return simple
    return simplify(expr)


class _Reducer:
    """One pass of merging.

    Args:
        once: the constants that appear in one place only.
        shared: the constants with one value for all groups.
        stands_for: what constants came to stand for so far, to be kept up; None where nobody asks.
    """

    def __init__(self, once: frozenset[str], shared: frozenset[str], stands_for: dict[str, Expr] | None) -> None:
        self.once, self.shared, self.stands_for = once, shared, stands_for

    def free(self, node: Expr) -> bool:
        """No feature inside, at least one constant, and every constant appears nowhere else."""
        names = constants_in(node)
        return bool(names) and names <= self.once and not features_in(node)

    def is_fixed(self, node: Expr) -> bool:
        """A number, or free: it can be merged with what is free."""
        return isinstance(node, Number) or self.free(node)

    def fixed(self, nodes: Iterable[Expr]) -> list[Expr]:
        return [node for node in nodes if self.is_fixed(node)]

    def free_factors(self, term: Expr) -> list[Expr]:
        return [factor for factor in factors(term) if self.free(factor)]

    def one_for(self, nodes: Iterable[Expr], value: Callable[[], Expr]) -> Constant:
        """The constant that stands for these: the first, or the first with a value per group.

        Args:
            nodes: what it takes the place of.
            value: what it stands for from now on.
        """
        constants = [n for node in nodes for n in walk(node) if isinstance(n, Constant)]
        chosen = next((c for c in constants if c.name not in self.shared), constants[0])
        self.note(chosen, value)
        return chosen

    def note(self, constant: Expr, value: Callable[[], Expr]) -> None:
        if self.stands_for is not None and isinstance(constant, Constant):
            self.stands_for[constant.name] = substitute(value(), self.stands_for)

    def reduce(self, node: Expr) -> Expr:
        """The node itself where nothing changes, so that what is known about it stays known."""
        if not isinstance(node, Call):
            return node
        if self.free(node):
            return self.one_for((node,), lambda: node)
        if self.once.isdisjoint(constants_in(node)):
            return node
        reduced = self.combined(node, tuple(self.reduce(arg) for arg in node.args))
        return node if reduced == node else reduced

    def combined(self, node: Call, args: tuple[Expr, ...]) -> Expr:
        if node.op == "add":
            return add(*self.without_offsets(self.collected(self.merged(args, add))))
        if node.op == "mul":
            return self.product(args)
        if node.op == "pow" and self.free(args[1]) and isinstance(args[0], Call) and args[0].op == "exp":
            return call("exp", mul(args[0].args[0], args[1]))
        if node.op in ("pow", "exp"):
            return self.scale_in_front(self.powers_apart(call(node.op, *args)))
        if node.op == "log" and isinstance(args[0], Call) and args[0].op == "mul":
            return self.log_of_product(args[0])
        return call(node.op, *args)

    def merged(self, args: Iterable[Expr], together: Callable[..., Expr]) -> list[Expr]:
        """The free ones as one constant, which takes in the numbers."""
        free: list[Expr] = []
        rest: list[Expr] = []
        for arg in args:
            (free if self.free(arg) else rest).append(arg)
        if free:
            numbers = [arg for arg in rest if isinstance(arg, Number)]
            rest = [arg for arg in rest if not isinstance(arg, Number)]
            rest.insert(0, self.one_for(free, lambda: together(*free, *numbers)))
        return rest

    def collected(self, terms: list[Expr]) -> list[Expr]:
        """a*x + b*x is c*x where a and b are free."""
        kept: dict[Expr, list[Expr]] = {}
        for term in terms:
            rest = mul(*(factor for factor in factors(term) if not self.is_fixed(factor)))
            kept.setdefault(rest if self.free_factors(term) else term, []).append(term)
        out: list[Expr] = []
        for rest, same in kept.items():
            scaled = [term for term in same if term != rest]
            if scaled and features_in(rest) and (len(same) > 1):
                firsts = (self.free_factors(term)[0] for term in scaled)
                scale = self.one_for(firsts, partial(self.sum_of_scales, same))
                out.append(mul(scale, rest))
            else:
                out += same
        return out

    def sum_of_scales(self, terms: Iterable[Expr]) -> Expr:
        return add(*(mul(*self.fixed(factors(term))) for term in terms))

    def scale_in_front(self, node: Expr) -> Expr:
        """(c*x)**a is c'*x**a and exp(c + x) is c'*exp(x) where c is free; c' is positive then."""
        if not isinstance(node, Call):
            return node
        inner, splits = node.args[0], "mul" if node.op == "pow" else "add"
        if not (isinstance(inner, Call) and inner.op == splits):
            return node
        if any(features_in(exponent) for exponent in node.args[1:]):
            return node
        free = [arg for arg in inner.args if self.free(arg)]
        if not free:
            return node
        return mul(self.one_for(free, lambda: self.scale_of(node)), self.without_scale(node))

    def powers_apart(self, node: Expr) -> Expr:
        """(x*y**a)**b is x**b*y**a' where a is free: as one number, a would overflow where b is small."""
        if not (isinstance(node, Call) and node.op == "pow" and isinstance(inner := node.args[0], Call)):
            return node
        exponent = node.args[1]
        if inner.op != "mul" or features_in(exponent):
            return node
        apart = [factor for factor in inner.args if self.is_own_power(factor, exponent)]
        for factor in apart:
            self.note(factor.args[1], partial(mul, factor.args[1], exponent))
        rest = [factor for factor in inner.args if factor not in apart]
        return mul(power(mul(*rest), exponent), *apart) if apart else node

    def is_own_power(self, factor: Expr, exponent: Expr) -> TypeGuard[Call]:
        """A power whose exponent is a constant of its own that can take in another exponent."""
        if not (isinstance(factor, Call) and factor.op == "pow" and isinstance(own := factor.args[1], Constant)):
            return False
        return self.free(own) and (not self.is_shared(own) or constants_in(exponent) <= self.shared)

    def product(self, args: tuple[Expr, ...]) -> Expr:
        first, *rest = self.merged(args, mul)
        if not self.free(first):
            return mul(first, *rest)
        scaled, rest = rest, [self.without_scale(factor) for factor in rest]
        self.note(first, lambda: mul(first, *map(self.scale_of, scaled)))
        taker = next((factor for factor in rest if self.takes(factor, first)), None)
        if not isinstance(taker, Call):
            return mul(first, *rest)
        for term in taker.args:
            own = self.free_factors(term)[0]
            self.note(own, partial(mul, first, own))
        return mul(*rest)

    def takes(self, node: Expr, scale: Expr) -> bool:
        """Whether a free scale in front of a sum can move into it: every term has a scale of its own."""
        if not (isinstance(node, Call) and node.op == "add"):
            return False
        own = [self.free_factors(term) for term in node.args]
        return all(own) and (self.is_shared(scale) or not any(self.is_shared(found[0]) for found in own))

    def is_shared(self, free: Expr) -> bool:
        return constants_in(free) <= self.shared

    def without_offsets(self, terms: list[Expr]) -> list[Expr]:
        """E + A*(c + x) is E' + A*x where all of E, A and c are free."""
        floor = next((term for term in terms if self.free(term)), None)
        if floor is None:
            return terms
        return [term if term is floor else self.without_offset(term, floor) for term in terms]

    def without_offset(self, term: Expr, floor: Expr) -> Expr:
        *rest, last = factors(term)
        if not (rest and isinstance(last, Call) and last.op == "add" and all(map(self.is_fixed, rest))):
            return term
        offsets = self.fixed(last.args)
        moved = [node for node in (*rest, *offsets) if not isinstance(node, Number)]
        if not offsets or (self.is_shared(floor) and not all(map(self.is_shared, moved))):
            return term
        self.note(floor, lambda: add(floor, mul(*rest, add(*offsets))))
        return mul(*rest, add(*(arg for arg in last.args if arg not in offsets)))

    def without_scale(self, node: Expr) -> Expr:
        """A factor whose own free scale can move into the constant in front of the product."""
        if not isinstance(node, Call):
            return node
        if node.op == "pow" and not features_in(node.args[1]):
            return power(self.bare(node.args[0]), node.args[1])
        if node.op == "exp" and isinstance(node.args[0], Call) and node.args[0].op == "add":
            terms = [arg for arg in node.args[0].args if not self.is_fixed(arg)]
            return call("exp", add(*terms))
        return node

    def scale_of(self, node: Expr) -> Expr:
        """What `without_scale` leaves out."""
        if not isinstance(node, Call) or not isinstance(inner := node.args[0], Call):
            return ONE
        if node.op == "pow" and not features_in(node.args[1]) and inner.op == "mul":
            return power(mul(*self.fixed(inner.args)), node.args[1])
        if node.op == "exp" and inner.op == "add":
            return call("exp", add(*self.fixed(inner.args)))
        return ONE

    def bare(self, base: Expr) -> Expr:
        if isinstance(base, Call) and base.op == "mul":
            return mul(*(arg for arg in base.args if not self.is_fixed(arg)))
        return base

    def log_of_product(self, product: Call) -> Expr:
        """log(c*x) is log(x) + c' where c is free."""
        free = [arg for arg in product.args if self.free(arg)]
        if not free:
            return call("log", product)
        rest = mul(*(arg for arg in product.args if not self.is_fixed(arg)))
        return add(self.one_for(free, lambda: call("log", mul(*self.fixed(product.args)))), call("log", rest))


def skeleton(expr: Expr, shared: Collection[str] = ()) -> str:
    """The key under which two formulas count as the same law.

    Equal for formulas that differ in the order of commutative arguments, in the names of constants, in
    folded literals, or in constants that are merged by `reduce_constants`, see there for `shared`. Kept on the root:
    a law is proposed with many recipes.
    """
    kept: dict[frozenset[str], str] = expr.memo.setdefault("skeletons", {})
    known = frozenset(shared)
    if known not in kept:
        kept[known] = _skeleton(expr, known)
    return kept[known]


def _skeleton(expr: Expr, shared: frozenset[str]) -> str:
    reduced = reduce_constants(expr, shared)
    uses = constant_uses(reduced)
    ordered = _sorted_by(reduced, Printer(named(lambda name: f"_{uses[name]}" if name in uses else name)))
    return to_text(substitute(ordered, {name: Constant(f"c{i}") for i, name in enumerate(constant_names(ordered))}))


def _sorted_by(node: Expr, blank: Printer) -> Expr:
    """The arguments of commutative operators sorted by their text, each constant known by its uses alone."""
    if not isinstance(node, Call):
        return node
    args = tuple(_sorted_by(arg, blank) for arg in node.args)
    if node.op in ("add", "mul", "min", "max"):
        args = tuple(sorted(args, key=blank.text))
    return Call(node.op, args)
