"""Published laws of the sizes, completed by bowls in the columns that were swept.

Few studies publish a law of the loss in learning rate and batch besides sizes, many one in sizes alone. With a bowl for
every swept column, whose centre and height are power laws of the sizes, each of them is a first guess at such a table:
its level is that of the best runs, and the bowls say what the others lose (Li et al. 2025, arXiv 2503.04715).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from discover.expressions import Expr, add, features_in, mul, power, sub
from discover.law import laws_for
from discover.proposers.blocks import TWO, Maker
from discover.proposers.surgery import Names
from discover.scoring import Problem

MOST = 16  # laws of the sizes


def completed_laws(problem: Problem) -> Iterator[Expr]:
    """A formula per published law that holds all axes and no other column; none where no column was swept."""
    if not problem.swept:
        return
    axes = frozenset(problem.axes)
    laws = (law for law in laws_for(list(problem.axes), largest=problem.largest) if features_in(law.expr) == axes)
    for law in islice(laws, MOST):
        names = Names((*problem.table.features, *law.constants))
        maker = Maker(problem, np.random.default_rng(0), names)
        bowls = [_bowl(maker, column, problem.swept[i + 1 :]) for i, column in enumerate(problem.swept)]
        yield add(law.expr, *bowls)


def _bowl(m: Maker, column: str, others: Sequence[str]) -> Expr:
    """Height times the squared distance from the centre, in logarithms; both follow the axes, the centre others too."""
    centre = add(m.c(), *(mul(m.c(), m.log(name)) for name in (*m.problem.axes, *others)))
    height = mul(m.c(), *(m.bare_power(axis) for axis in m.problem.axes))
    return mul(height, power(sub(m.log(column), centre), TWO))
