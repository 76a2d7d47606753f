"""Formulas with numbers as laws: literals become constants that start at them; those that act together are one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set

import numpy as np

from discover.arrays import Floats
from discover.errors import FormulaError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    Feature,
    Number,
    call,
    constant_names,
    evaluate,
    features_in,
    power,
    reduce_constants,
    walk,
)
from discover.fitting import Structure, signed_domains
from discover.proposers.equations import check_size
from discover.proposers.surgery import under_new_names, well_named

MOST_RESTORED = 8  # constants whose starting values are worked out again after merging
FAR = 1e3  # residuals beyond count as this
AGREE = 1e-6  # of the values' scale: constants that are merged further apart lose their starting values


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
    check_size(expr)
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
