"""Laws whose fitted constants have run towards a limit, where a simpler law has the same values.

Least squares often writes one function as a limit of another: `E + A*x**a` with a near nothing and A and E huge
and opposed is `E + B*log(x)`; `(k + u)**a` with k and a huge is `exp(c*u)`; `(k + u)**2` with k huge is a
straight line in u. Such a law has a constant too many, and its terms cancel to many digits: single precision
does not survive that, and nobody would write it down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discover.data.table import Table
from discover.expressions import Call, Expr, Number, constants_in, evaluate_all, features_in, mul, walk
from discover.fitting.result import FitResult

Floats = NDArray[np.float64]

NEAR = 1e-2  # what a limit may miss of the values of a part, in their standard deviations
FORMS = ("linear", "log", "exp")
MOST_ROWS = 5000
LEAST = 4  # different values, through which a straight line goes by chance hardly ever


@dataclass(frozen=True)
class Limit:
    """A part of a fitted law that is near a limit on the rows.

    Attributes:
        part: a power, a product of powers, or another operator with one argument.
        form: what it is a straight line in: "linear" in its argument, "log" in its own logarithm; or "exp" if its
            logarithm is one in its argument.
        slope, level: of that line, shape (groups, targets); NaN for a group without rows.
        miss: what the line misses in the worst group, in standard deviations of the values.
    """

    part: Expr
    form: str
    slope: Floats
    level: Floats
    miss: float


def limits(fit: FitResult, table: Table) -> list[Limit]:
    """The parts of a fitted law that are near a limit in every group: the simplest forms first, then the nearest."""
    parts = [(part, form) for part in dict.fromkeys(walk(fit.structure.expr)) for form in _forms(part)]
    if not parts or not len(table):
        return []
    if len(table) > MOST_ROWS:  # every part of the law takes a number a row
        table = table.take(np.linspace(0, len(table) - 1, MOST_ROWS).astype(np.int64))
    values: dict[str, Floats] = {name: column[:, None] for name, column in table.features.items()}
    values |= {name: np.asarray(value)[table.group] for name, value in fit.by_name.items()}
    wanted = [e for part, form in parts for e in (powers(part) if form == "log" else part, arguments(part)[0])]
    found = [np.broadcast_to(v, table.targets.shape) for v in evaluate_all(wanted, values)]
    out: list[Limit] = []
    for i, (part, form) in enumerate(parts):
        value, inner = found[2 * i : 2 * i + 2]
        with np.errstate(all="ignore"):
            x = np.log(value) if form == "log" else inner
            y = np.log(value) if form == "exp" else value
        limit = Limit(part, form, *_lines(x, y, table))
        if limit.miss <= NEAR and _varies(x, table):
            out.append(limit)
    return sorted(out, key=lambda limit: (FORMS.index(limit.form), limit.miss))


def arguments(node: Expr) -> tuple[Expr, ...]:
    """The arguments of an operator; none of a number, feature or constant."""
    return node.args if isinstance(node, Call) else ()


def factors(node: Expr) -> tuple[Expr, ...]:
    """The factors of a product, or the node itself."""
    return node.args if isinstance(node, Call) and node.op == "mul" else (node,)


def powers(node: Expr) -> Expr:
    """The factors with features, if all of them are powers whose exponent has none; else the number one."""
    found = [factor for factor in factors(node) if features_in(factor)]
    if all(isinstance(f, Call) and f.op == "pow" and not features_in(f.args[1]) for f in found):
        return mul(*found)
    return Number(1.0)


def _forms(node: Expr) -> Iterator[str]:
    """The limits that a node can have."""
    if not isinstance(node, Call) or not constants_in(node):
        return
    if node.op == "mul":
        if len([factor for factor in node.args if features_in(factor)]) > 1 and features_in(powers(node)):
            yield "log"
    elif node.op == "pow":
        base, exponent = node.args
        if features_in(base) and not features_in(exponent):
            yield "linear"
            if constants_in(exponent):
                yield "log"
                if isinstance(base, Call) and base.op == "add":
                    yield "exp"
    elif node.op not in ("add", "min", "max") and features_in(node):
        yield "linear"


def _lines(x: Floats, y: Floats, table: Table) -> tuple[Floats, Floats, float]:
    """Straight lines y = slope*x + level by group and target, and what the worst one misses, see `Limit`."""
    count = np.bincount(table.group, minlength=table.n_groups)[:, None]

    def mean(v: Floats) -> Floats:
        sums = np.zeros((table.n_groups, v.shape[1]))
        np.add.at(sums, table.group, v)
        return np.asarray(sums / count)

    with np.errstate(all="ignore"):
        dx, dy = x - mean(x)[table.group], y - mean(y)[table.group]
        slope = mean(dx * dy) / mean(dx * dx)
        level = mean(y) - slope * mean(x)
        missed = np.sqrt(mean((dy - slope[table.group] * dx) ** 2) / mean(dy * dy))
    worst = float(missed[count[:, 0] > 0].max())
    return slope, level, worst if np.isfinite(worst) else np.inf


def _varies(x: Floats, table: Table) -> bool:
    """Whether every group with rows has enough different values for a straight line to mean something."""
    return all(len(np.unique(x[table.group == g, 0])) >= LEAST for g in np.unique(table.group))
