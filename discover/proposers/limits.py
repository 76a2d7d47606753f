"""The simpler laws that a fitted law is a limit of, or is but for a constant that may as well be zero."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from discover.arrays import Floats
from discover.data.table import Table
from discover.errors import FormulaError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    Number,
    add,
    call,
    constant_uses,
    evaluate,
    factors,
    features_in,
    mul,
    power,
    sub,
    substitute,
    terms,
)
from discover.fitting import FitResult, Limit, limits, signed_domains
from discover.fitting.limits import powers
from discover.proposers.candidate import Candidate
from discover.proposers.grammar import renamed
from discover.proposers.surgery import Names, Path, at, places, replaced, under_new_names
from discover.scoring import Problem

DOUBTFUL = 2.0  # standard errors
Values = dict[str, Floats | float]


def simpler_laws(problem: Problem, candidate: Candidate, fit: FitResult) -> Iterator[Candidate]:
    """The candidate with one part at the limit that it is near in a fit, and what it sets out from."""
    return rewritten(problem, candidate, at_limits(fit, problem.table))


def rewritten(problem: Problem, candidate: Candidate, forms: Iterable[tuple[Expr, Values]]) -> Iterator[Candidate]:
    """The candidate in other forms, each given with the constants that it sets out from, whose signs it keeps."""
    for expr, known in forms:
        found = renamed(problem, expr, candidate.structure.shared)
        if found is not None:
            structure, new = found
            inherited = under_new_names(known, new)
            structure = replace(structure, domains=signed_domains(structure.expr, inherited))
            yield replace(candidate, structure=structure, inherited=inherited)


def laws_without(problem: Problem, candidate: Candidate, fit: FitResult, errors: Floats) -> Iterator[Candidate]:
    """The candidate with one constant at zero: each that is no further from it than two standard errors, nearest first.

    Args:
        errors: standard errors of the constants, shape as `fit.constants`; infinite where the rows determine none.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.max(np.abs(fit.constants) / errors, axis=(0, 1))  # NaN at a bound, which says something
    for i in np.argsort(distance):
        if not distance[i] <= DOUBTFUL:
            break
        try:
            expr = substitute(fit.structure.expr, {fit.structure.constants[i]: Number(0.0)})
            found = renamed(problem, expr, candidate.structure.shared)
        except FormulaError:  # such as 0**(-1)
            continue
        if found is not None:
            structure, new = found
            yield replace(candidate, structure=structure, inherited=under_new_names(fit.by_name, new))


def at_limits(fit: FitResult, table: Table) -> Iterator[tuple[Expr, Values]]:
    """The formulas with one part at its limit, and constants with which they have the values that the law has."""
    names = (*table.features, *fit.structure.constants)
    for limit in limits(fit, table):
        yield _at_limit(fit.structure.expr, limit, fit.by_name, Names(names))
    for expr, ratio in _by_ratios(fit.structure.expr):
        for limit in limits(_written(fit, expr), table):
            if set(powers(limit.part)) == set(ratio):
                yield _at_limit(expr, limit, fit.by_name, Names(names))


def _by_ratios(expr: Expr) -> Iterator[tuple[Expr, tuple[Call, ...]]]:
    """The formula with two terms of one sum as one, and the ratio of their powers.

    A*x**a*y**b + B*x**c*y**d is x**a*y**b*(A + B*x**(c - a)*y**(d - b)). Where A and B are huge and opposed and the
    ratio is nearly one, it is near a limit that is x**a*y**b times a line in log(x) and log(y).
    """
    for path, node in places(expr):
        if not (isinstance(node, Call) and node.op == "add"):
            continue
        for one, other in combinations([term for term in node.args if features_in(term)], 2):
            mine, theirs = ({p.args[0]: p for p in powers(term)} for term in (one, other))
            if not mine or mine.keys() != theirs.keys():
                continue
            ratio = [power(base, sub(theirs[base].args[1], mine[base].args[1])) for base in mine]
            own, scale = (mul(*(f for f in factors(term) if not features_in(f))) for term in (one, other))
            joined = mul(*mine.values(), add(own, mul(scale, *ratio)))
            rest = [term for term in node.args if term not in (one, other)]
            yield replaced(expr, path, add(*rest, joined)), tuple(p for p in ratio if isinstance(p, Call))


def _written(fit: FitResult, expr: Expr) -> FitResult:
    """The fit of a law that is written otherwise, with the same constants."""
    structure = replace(fit.structure, expr=expr)
    order = [fit.structure.constants.index(name) for name in structure.constants]
    return replace(fit, structure=structure, constants=fit.constants[:, :, order])


def _at_limit(expr: Expr, limit: Limit, values: Mapping[str, Floats | float], names: Names) -> tuple[Expr, Values]:
    """The law with a part replaced by its limit, and constants with which it has the values that the law had."""
    path, scale, others = _surroundings(expr, limit.part, values)
    known: Values = dict(values)
    if limit.form == "exp":
        rate, level = _straight(expr, limit, limit.slope, known, names)
        front = names.fresh()
        with np.errstate(over="ignore"):
            known[front.name] = np.exp(level) * scale
        return replaced(expr, path, mul(front, call("exp", add(*rate)), *others)), known
    if limit.form == "log":
        line, level = _logarithms(limit, limit.slope * scale, known, names), limit.level
    else:
        line, level = _straight(expr, limit, limit.slope * scale, known, names)
    constant = None if others else _constant_beside(expr, path)
    if constant is not None:
        known[constant.name] = known[constant.name] + level * scale
        return replaced(expr, path, add(*line)), known
    floor = names.fresh()
    known[floor.name] = level * scale
    return replaced(expr, path, mul(add(floor, *line), *others)), known


def _surroundings(
    expr: Expr, part: Call, values: Mapping[str, Floats | float]
) -> tuple[Path, Floats | float, list[Expr]]:
    """Where to put the limit of a part: in place of the product that it is or is in.

    Returns:
        The path, the value of the factors without features, which go into the limit's constants, and the factors
        with features, which stay.
    """
    path = next(path for path, node in places(expr) if node == part)
    beside: list[Expr] = []
    if part.op == "mul":
        beside = [factor for factor in part.args if not features_in(factor)]
    elif product := _beside(expr, path, "mul"):
        path, beside = path[:-1], [factor for i, factor in enumerate(product) if i != path[-1]]
    scale = evaluate(mul(*(factor for factor in beside if not features_in(factor))), values)
    return path, scale, [factor for factor in beside if features_in(factor)]


def _logarithms(limit: Limit, slope: Floats, known: Values, names: Names) -> list[Expr]:
    """A straight line in the logarithm of a product of powers, without its level."""
    line: list[Expr] = []
    for factor in powers(limit.part):
        base, exponent = factor.args
        own = names.fresh()
        known[own.name] = slope * evaluate(exponent, known)
        line.append(mul(own, call("log", base)))
    return line


def _straight(expr: Expr, limit: Limit, slope: Floats, known: Values, names: Names) -> tuple[list[Expr], Floats]:
    """A straight line in the argument of a part, without its level, and the level."""
    uses = constant_uses(expr)
    inner = list(_terms(limit.part.args[0]))
    level = limit.level + limit.slope * evaluate(add(*(term for term in inner if not features_in(term))), known)
    line: list[Expr] = []
    for term in (term for term in inner if features_in(term)):
        own = next((f for f in factors(term) if isinstance(f, Constant) and uses[f.name] == 1), None)
        if own is None:
            own = names.fresh()
            known[own.name], term = 1.0, mul(own, term)
        known[own.name] = known[own.name] * slope
        line.append(term)
    return line, level


def _beside(expr: Expr, path: Path, op: str) -> tuple[Expr, ...]:
    """The terms of the sum, or factors of the product, that a node is one of; none if it is of no such thing."""
    parent = at(expr, path[:-1])
    return parent.args if path and isinstance(parent, Call) and parent.op == op else ()


def _constant_beside(expr: Expr, path: Path) -> Constant | None:
    """A constant that stands in the same sum, and nowhere else."""
    uses = constant_uses(expr)
    return next((t for t in _beside(expr, path, "add") if isinstance(t, Constant) and uses[t.name] == 1), None)


def _terms(expr: Expr, scale: float = 1.0) -> Iterator[Expr]:
    """The terms of a sum, also of sums inside of it that have no factor but a number."""
    for term in terms(expr):
        number, *rest = factors(term)
        if isinstance(number, Number) and len(rest) == 1 and len(terms(rest[0])) > 1:
            yield from _terms(rest[0], scale * number.value)
        else:
            yield mul(Number(scale), term)
