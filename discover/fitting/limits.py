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

from discover.arrays import Floats
from discover.data.table import Table
from discover.expressions import Call, Expr, call, constants_in, evaluate_all, factors, features_in, mul, walk
from discover.fitting.result import FitResult

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

    part: Call
    form: str
    slope: Floats
    level: Floats
    miss: float


def limits(fit: FitResult, table: Table) -> list[Limit]:
    """The parts of a fitted law that are near a limit in every group: the simplest forms first, then the nearest."""
    parts = [found for node in dict.fromkeys(walk(fit.structure.expr)) for found in _forms(node)]
    if not parts or not len(table):
        return []
    if len(table) > MOST_ROWS:  # every part of the law takes a number a row
        table = table.take(np.linspace(0, len(table) - 1, MOST_ROWS).astype(np.int64))
    values: dict[str, Floats] = {name: column[:, None] for name, column in table.features.items()}
    values |= {name: np.asarray(value)[table.group] for name, value in fit.by_name.items()}
    axes = evaluate_all([axis for part in parts for axis in _straight(*part)], values)
    out: list[Limit] = []
    for (part, form), x, y in zip(parts, axes[::2], axes[1::2], strict=True):
        x, y = np.broadcast_to(x, table.targets.shape), np.broadcast_to(y, table.targets.shape)
        limit = Limit(part, form, *_lines(x, y, table))
        if limit.miss <= NEAR and _varies(x, table):
            out.append(limit)
    return sorted(out, key=lambda limit: (FORMS.index(limit.form), limit.miss))


def powers(node: Expr) -> tuple[Call, ...]:
    """The factors with features, if all of them are powers whose exponent has none; else nothing."""
    found = [factor for factor in factors(node) if features_in(factor)]
    out = tuple(f for f in found if isinstance(f, Call) and f.op == "pow" and not features_in(f.args[1]))
    return out if len(out) == len(found) else ()


def _forms(node: Expr) -> Iterator[tuple[Call, str]]:
    """The limits that a node can have."""
    if not isinstance(node, Call) or not constants_in(node):
        return
    if node.op == "mul":
        if len(powers(node)) > 1:
            yield node, "log"
    elif node.op == "pow":
        base, exponent = node.args
        if features_in(base) and not features_in(exponent):
            yield node, "linear"
            if constants_in(exponent):
                yield node, "log"
                if isinstance(base, Call) and base.op == "add":
                    yield node, "exp"
    elif node.op not in ("add", "min", "max") and features_in(node):
        yield node, "linear"


def _straight(part: Call, form: str) -> tuple[Expr, Expr]:
    """What is a straight line at the limit: abscissa and ordinate."""
    if form == "log":
        product = mul(*powers(part))
        return call("log", product), product
    return part.args[0], call("log", part) if form == "exp" else part


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
