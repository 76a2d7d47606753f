"""Formulas that a search begins with, made from published laws: bowls for what was swept, odds for shares.

Few studies publish a law of the loss in learning rate and batch besides sizes, many one in sizes alone. With a bowl for
every swept column, whose centre and height are power laws of the sizes, each of them is a first guess at such a table:
its level is that of the best runs, and the bowls say what the others lose (Li et al. 2025, arXiv 2503.04715).

A published law of a loss, taken for an accuracy, may rise above one beyond the data, and is refused. What it says of a
loss above its floor, said of the odds of an error, is an accuracy between 0 and 1 at any scale: 1/(1 + law).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from discover.expressions import (
    Constant,
    Expr,
    Number,
    add,
    constant_names,
    div,
    features_in,
    mul,
    power,
    skeleton,
    sub,
    terms,
)
from discover.expressions.tree import ONE
from discover.law import laws_for
from discover.proposers.blocks import TWO, Maker
from discover.proposers.surgery import Names
from discover.scoring import Problem

MOST = 16  # laws of the sizes


def first_formulas(problem: Problem) -> Iterator[Expr]:
    """All that the search begins with besides the library."""
    yield from completed_laws(problem)
    yield from odds_laws(problem)


def odds_laws(problem: Problem) -> Iterator[Expr]:
    """A formula per published law of a floor and a fall along all axes; none where the target is no share."""
    if problem.lower != 0 or problem.upper is None or not problem.axes:
        return
    falls = (_without_floor(expr) for expr in _of_the_axes(problem))
    once = {skeleton(fall): fall for fall in falls if fall is not None}
    for fall in islice(once.values(), MOST):
        yield div(Number(problem.upper), add(ONE, fall))


def completed_laws(problem: Problem) -> Iterator[Expr]:
    """A formula per published law that holds all axes and no other column; none where no column was swept."""
    if not problem.swept:
        return
    for law in islice(_of_the_axes(problem), MOST):
        names = Names((*problem.table.features, *constant_names(law)))
        maker = Maker(problem, np.random.default_rng(0), names)
        bowls = [_bowl(maker, column, problem.swept[i + 1 :]) for i, column in enumerate(problem.swept)]
        yield add(law, *bowls)


def _of_the_axes(problem: Problem) -> Iterator[Expr]:
    """Published laws that hold all axes and no other column."""
    laws = laws_for(list(problem.axes), largest=problem.largest)
    return (law.expr for law in laws if features_in(law.expr) == frozenset(problem.axes))


def _without_floor(expr: Expr) -> Expr | None:
    """A sum without its free constants; None if it has none, or little else."""
    parts = terms(expr)
    rest = [part for part in parts if not isinstance(part, Constant)]
    return add(*rest) if 0 < len(rest) < len(parts) else None


def _bowl(m: Maker, column: str, others: Sequence[str]) -> Expr:
    """Height times the squared distance from the centre, in logarithms; both follow the axes, the centre others too."""
    centre = add(m.c(), *(mul(m.c(), m.log(name)) for name in (*m.problem.axes, *others)))
    height = mul(m.c(), *(m.bare_power(axis) for axis in m.problem.axes))
    return mul(height, power(sub(m.log(column), centre), TWO))
