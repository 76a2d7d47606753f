"""How much each of several laws counts in their average: what their forecasts of held-out rows say of it.

One law out of many that the data cannot tell apart forecasts worse than their average. Its weights are found as in
stacking (Wolpert 1992, Neural Networks 5, 241; Yao et al. 2018, Bayesian Analysis 13, 917): of all averages the one
that would have forecast the inner folds best, held back towards what the laws' penalties say of them, since folds are
few and the laws were picked by the same folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats, Ints
from discover.averages import average
from discover.data.table import Table
from discover.rules import RULES, Average
from discover.scoring.folds import Fold
from discover.scoring.problem import Problem

TINY = 1e-300
ROUNDING = 1e-9  # of the least squared error of one law: errors that cancel to less have cancelled
ROUNDS = 400


@dataclass(frozen=True)
class Stack:
    """An average of laws.

    Attributes:
        weights: of the laws, shape (laws,); they sum to one.
        held_out: what the average forecasts of every fold at `rows_asked`, shape (rows, T); empty if not known.
    """

    weights: Floats
    held_out: tuple[Floats, ...]


def averages_logs(table: Table) -> bool:
    """Whether forecasts of a table are averaged in the logarithm: where all targets are positive."""
    return bool(np.all(table.targets > 0))


def rows_asked(fold: Fold) -> Ints:
    """The held-out rows of a fold by which laws are weighed: all, or some spread evenly over them."""
    rows = np.flatnonzero(fold.judge)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), RULES.average.rows)).astype(np.int64))]


def stacked(
    problem: Problem,
    forecasts: Sequence[Sequence[Floats]],
    penalties: Sequence[float],
    unbelieved: Floats | float = 0.0,
) -> Stack:
    """The average of laws.

    The weights minimise the mean over folds of the logarithm of the average's mean squared error, plus their
    Kullback-Leibler distance from exp(-penalty). A fold that a law has no forecast of counts for it as the average of
    those that have. At last a law that says in some groups what no law may say loses by the share of these.

    Args:
        problem: the train rows and their folds.
        forecasts: per law and fold the values at `rows_asked`, shape (rows, T); NaN where there are none.
        penalties: of the laws, lower is better.
        unbelieved: of the laws, the shares of groups in which what they say beyond the data cannot be.
    """
    rules = problem.rules.average
    prior = np.exp(-(np.asarray(penalties) - min(penalties)))
    prior /= prior.sum()
    products, values = [], 0.0
    for i, fold in enumerate(problem.folds):
        rows = rows_asked(fold)
        counts = np.ones(len(rows)) if problem.table.sweep is None else problem.table.sweep[rows]
        errors = _errors(problem, rows, [law[i] for law in forecasts], prior)
        products.append(np.einsum("irt,jrt,r->ij", errors, errors, counts) / (counts.sum() * errors.shape[2]))
        values += float(counts.sum() ** 2 / np.sum(counts**2))
    trust = min(rules.most_trust, rules.prior_rows / max(1.0, values))
    weights = _lightest(np.array(products), problem.fold_weights, prior, trust)
    weights = weights * np.exp(-rules.unbelieved * (np.asarray(unbelieved) - np.min(unbelieved)))
    weights /= weights.sum()
    logs = averages_logs(problem.table)
    held_out = tuple(
        average(np.stack([law[i] for law in forecasts]), weights, logs, rules.reach) for i in range(len(products))
    )
    return Stack(weights, held_out)


def _errors(problem: Problem, rows: Ints, forecasts: Sequence[Floats], prior: Floats) -> Floats:
    """Errors of the laws' forecasts, shape (laws, rows, T), in logarithms or standard deviations."""
    off = _off(np.stack(forecasts), problem.table.targets[rows], problem.table, problem.rules.average)
    known = np.isfinite(off)
    weights = np.where(known, prior[:, None, None], 0.0)
    with np.errstate(invalid="ignore"):
        usual = np.sum(weights * np.where(known, off, 0.0), axis=0) / np.sum(weights, axis=0)
    return np.where(known, off, np.nan_to_num(usual, nan=problem.rules.average.far_off))


def _lightest(products: Floats, shares: Floats, prior: Floats, trust: float) -> Floats:
    """The weights that `stacked` is about, from the laws' mean products of errors, shape (folds, laws, laws)."""
    from scipy.optimize import minimize

    start = np.log(np.maximum(prior, TINY))
    floors = ROUNDING * np.diagonal(products, axis1=1, axis2=2).min(axis=1) + TINY

    def loss(moved: Floats) -> tuple[float, Floats]:
        weights = np.exp(moved - moved.max())
        weights /= weights.sum()
        mean = products @ weights
        errors = mean @ weights + floors
        apart = np.log(np.maximum(weights, TINY)) - start
        slope = 2.0 * (shares / errors) @ mean + trust * (apart + 1.0)
        value = float(shares @ np.log(errors) + trust * (weights @ apart))
        return value, weights * (slope - slope @ weights)

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS})
    weights: Floats = np.exp(found.x - found.x.max())
    weights /= weights.sum()
    return weights


def departure(values: Floats, expected: Floats, problem: Problem) -> float:
    """Mean square of how far one law is from what is expected, both of shape (..., T), in the measure of `stacked`."""
    return float(np.mean(_off(values, expected, problem.table, problem.rules.average) ** 2))


def _off(said: Floats, expected: Floats, table: Table, rules: Average) -> Floats:
    """By how much forecasts differ, in logarithms or standard deviations; NaN where there is none."""
    with np.errstate(all="ignore"):
        if averages_logs(table):
            off = np.log(np.maximum(said, TINY)) - np.log(np.maximum(expected, TINY))
        else:
            deviation = table.targets.std(axis=0)
            off = (said - expected) / np.where(deviation > 0, deviation, 1.0)
    out: Floats = np.clip(off, -rules.far_off, rules.far_off)
    return out
