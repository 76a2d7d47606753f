"""Parts of a fitted law that say nothing: terms that add nothing, and parts with the same value everywhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from discover.arrays import Floats, Ints
from discover.errors import FormulaError
from discover.expressions import Call, Expr, evaluate, features_in
from discover.fitting import FitResult
from discover.proposers.candidate import Candidate
from discover.proposers.limits import Values, rewritten
from discover.proposers.surgery import Names, places, replaced, without
from discover.scoring import Problem
from discover.scoring.beyond import points_beyond

DEAD = 1e-4  # of the target's standard deviation: a part that moves no value by more is not there


def laws_without_dead_parts(problem: Problem, candidate: Candidate, fit: FitResult) -> Iterator[Candidate]:
    """The candidate without a part that moves no value of the law, on the rows and beyond them; largest parts first.

    Such are `1e-24/(k3 + params)` beside a loss, and `1 + 1e-12*tokens**alpha` as a factor.
    """
    return rewritten(problem, candidate, _live(problem, fit))


def _live(problem: Problem, fit: FitResult) -> Iterator[tuple[Expr, Values]]:
    """Formulas without a dead part, and constants with which they have the values that the law has."""
    columns, group = _everywhere(problem)
    whole = fit.structure.expr
    said = fit.predict(columns, group)
    most = DEAD * problem.table.targets.std(axis=0)
    for path, node in places(whole):
        if not path or not features_in(node):
            continue
        for expr, known in _shorter(whole, path, node, fit, columns, group):
            with np.errstate(all="ignore"):
                moved = np.abs(np.asarray(_values(expr, known, columns, group, said.shape)) - said)
            if bool(np.all(moved <= most)):
                yield expr, known
                break


def _shorter(
    whole: Expr, path: tuple[int, ...], node: Expr, fit: FitResult, columns: dict[str, Floats], group: Ints
) -> Iterator[tuple[Expr, Values]]:
    """The law without a term or factor, and with a constant in its place."""
    known: Values = dict(fit.by_name)
    try:
        rest = without(whole, path)
        if rest is not None and features_in(rest):
            yield rest, known
        if isinstance(node, Call):
            with np.errstate(all="ignore"):
                values = _values(node, known, columns, group, (len(group), fit.constants.shape[1]))
            level = np.stack([np.median(values[group == g], axis=0) for g in range(fit.constants.shape[0])])
            own = Names((*columns, *fit.structure.constants)).fresh()
            expr = replaced(whole, path, own)
            if features_in(expr) and np.all(np.isfinite(level)):
                yield expr, known | {own.name: level}
    except FormulaError:  # such as a power of nothing
        return


def _everywhere(problem: Problem) -> tuple[dict[str, Floats], Ints]:
    """The rows and the points at which laws are asked beyond them: columns and group codes, each of shape (n,)."""
    table, beyond = problem.table, points_beyond(problem)
    steps = len(next(iter(beyond.features.values())))
    columns = {name: np.concatenate([x, beyond.features[name].ravel()]) for name, x in table.features.items()}
    return columns, np.concatenate([table.group, np.tile(beyond.group, steps)])


def _values(expr: Expr, known: Values, columns: dict[str, Floats], group: Ints, shape: tuple[int, ...]) -> Floats:
    """Values of a formula, shape (n, targets)."""
    constants = {name: np.asarray(value)[group] if np.ndim(value) else value for name, value in known.items()}
    names: Values = {name: values[:, None] for name, values in columns.items()}
    return np.broadcast_to(np.asarray(evaluate(expr, names | constants), dtype=np.float64), shape)
