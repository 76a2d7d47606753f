"""Cutting and joining trees: places, replacement, fresh names, and names that read well."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from discover.expressions import (
    Call,
    Constant,
    Expr,
    Feature,
    Number,
    call,
    constant_names,
    feature_names,
    substitute,
    terms,
)

Path = tuple[int, ...]
T = TypeVar("T")
N = TypeVar("N", Number, Feature, Constant, Call)

_EXPONENTS = ("alpha", "beta", "gamma", "delta", "eta", "kappa", "mu", "nu", "xi", "omega")
_COEFFICIENTS = ("A", "B", "C", "F", "G", "H", "K", "P", "R", "S", "T", "V", "W")


def places(expr: Expr) -> Iterator[tuple[Path, Expr]]:
    """Every node with the path that leads to it, parents first."""
    stack: list[tuple[Path, Expr]] = [((), expr)]
    while stack:
        path, node = stack.pop()
        yield path, node
        if isinstance(node, Call):
            stack.extend(((*path, i), arg) for i, arg in reversed(list(enumerate(node.args))))


def places_of(expr: Expr, kind: type[N]) -> list[tuple[Path, N]]:
    """The nodes of one kind with their paths."""
    return [(path, node) for path, node in places(expr) if isinstance(node, kind)]


def at(expr: Expr, path: Path) -> Expr:
    """The node at a path."""
    for i in path:
        assert isinstance(expr, Call)
        expr = expr.args[i]
    return expr


def replaced(expr: Expr, path: Path, new: Expr) -> Expr:
    """The tree with the node at a path replaced, in normal form."""
    if not path:
        return new
    assert isinstance(expr, Call)
    args = list(expr.args)
    args[path[0]] = replaced(args[path[0]], path[1:], new)
    return call(expr.op, *args)


def without(expr: Expr, path: Path) -> Expr | None:
    """The tree without one argument of a sum or product; None if the node is not such an argument."""
    if not path:
        return None
    parent = at(expr, path[:-1])
    if not isinstance(parent, Call) or parent.op not in ("add", "mul") or len(parent.args) < 2:
        return None
    rest = [arg for i, arg in enumerate(parent.args) if i != path[-1]]
    return replaced(expr, path[:-1], call(parent.op, *rest))


def exponents(expr: Expr) -> list[str]:
    """Constants that are an exponent as they are, or with a sign."""
    found: dict[str, None] = {}
    for _, node in places(expr):
        if isinstance(node, Call) and node.op == "pow":
            exponent = node.args[1]
            if isinstance(exponent, Call) and exponent.op == "mul" and len(exponent.args) == 2:
                exponent = exponent.args[1]
            if isinstance(exponent, Constant):
                found[exponent.name] = None
    return list(found)


class Names:
    """Fresh names of constants that clash neither with each other nor with those in use."""

    def __init__(self, taken: tuple[str, ...] = ()) -> None:
        self.taken = set(taken)
        self.count = 0

    def fresh(self) -> Constant:
        while (name := f"k{self.count}") in self.taken:
            self.count += 1
        self.taken.add(name)
        return Constant(name)


def under_new_names(values: Mapping[str, T], new: Mapping[str, str]) -> dict[str, T]:
    """Values of constants by their new names; of those that were merged away there are none."""
    return {new[old]: value for old, value in values.items() if old in new}


def well_named(expr: Expr, columns: Collection[str] = ()) -> tuple[Expr, dict[str, str]]:
    """The tree with readable constants: E the floor, A, B, ... coefficients, Greek exponents, k1, ... the rest.

    Args:
        columns: of the table, also those that the tree does not use: their names are no names for constants,
            or the text of the formula would read back as another formula.

    Returns:
        The tree, and the new name of every old one.
    """
    features = {*feature_names(expr), *columns}
    roles: dict[str, str] = {}
    for term in terms(expr):
        if isinstance(term, Constant):
            roles.setdefault(term.name, "floor")
    for _, node in places(expr):
        if isinstance(node, Call) and node.op == "pow" and not isinstance(node.args[1], Number):
            for _, inner in places(node.args[1]):
                if isinstance(inner, Constant):
                    roles.setdefault(inner.name, "exponent")
    for term in terms(expr):
        if isinstance(term, Call) and term.op == "mul":
            for factor in term.args:
                if isinstance(factor, Constant):
                    roles.setdefault(factor.name, "coefficient")
    pools = {
        "floor": iter(("E", *(f"E{i}" for i in range(1, 40)))),
        "exponent": iter((*_EXPONENTS, *(f"alpha{i}" for i in range(1, 40)))),
        "coefficient": iter((*_COEFFICIENTS, *(f"A{i}" for i in range(1, 40)))),
        "other": iter(tuple(f"k{i}" for i in range(1, 80))),
    }
    new: dict[str, str] = {}
    for name in constant_names(expr):
        new[name] = next(n for n in pools[roles.get(name, "other")] if n not in features)
    return substitute(expr, {old: Constant(name) for old, name in new.items()}), new
