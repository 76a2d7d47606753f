"""A fit in words: what was fitted, how well the constants are known, and every reason for doubt."""

from __future__ import annotations

import numpy as np

from discover.data.table import Table
from discover.fitting.diagnosis import Diagnosis, diagnose, no_freedom
from discover.fitting.result import FitFailure, FitResult
from discover.fitting.uncertainty import Bootstrap, Covariance, covariance
from discover.plain_data import with_error, with_interval

_GROUPS = 12


def report(
    result: FitResult | FitFailure,
    table: Table,
    *,
    resamples: Bootstrap | None = None,
    level: float = 0.9,
) -> str:
    """Describes a fit in lines of text: convergence, constants with errors, reasons for doubt.

    Args:
        table: the rows of the fit.
        resamples: adds bootstrap intervals of the constants.
        level: probability of those intervals.
    """
    if isinstance(result, FitFailure):
        return f"{result.structure.text}\n  no fit: {result.text}"
    diagnosis = diagnose(result, table)
    lines = [f"{', '.join(result.target_names)} = {result.structure.text}", *_facts(result, table, diagnosis)]
    reason = no_freedom(result, table)
    known = covariance(result, table)
    lines += _constants(result, known, None if reason else resamples, level)
    if reason and resamples is not None:
        lines.append(f"  no intervals: {reason}")
    lines += _correlations(known)
    if diagnosis.concerns:
        lines.append("  warnings")
        lines += [f"    {concern.value}: {what}" for concern, what in diagnosis.concerns]
    return "\n".join(lines)


def _facts(result: FitResult, table: Table, diagnosis: Diagnosis) -> list[str]:
    d = result.diagnostics
    outcomes = ", ".join(sorted({o.text for o in d.outcomes}))
    share = f"{d.agreed:.0%} of {d.searches:.3g} searches ended in the best optimum"
    share = "a single search" if d.searches == 1 else share
    loss = result.recipe.text if result.recipe.loss == "squared" else f"{result.recipe.text} ({result.recipe.scale:g})"
    return [
        f"  rows {len(table)}, measured values {diagnosis.n_rows}, constants {diagnosis.n_constants}, loss {loss}",
        f"  objective {result.objective:.8g}, R2 {_r2(result, table)}",
        f"  {outcomes}; {d.iterations} steps; {share}",
        f"  condition number {diagnosis.condition:.3g} of the searched constants, "
        f"{diagnosis.condition_full:.3g} of all; rank {diagnosis.rank} of {diagnosis.n_constants}",
        *_meaning_of_errors(result, table, diagnosis),
    ]


def _meaning_of_errors(result: FitResult, table: Table, diagnosis: Diagnosis) -> list[str]:
    """What weights and errors of rows mean for the standard errors of the constants, of which two kinds are in use."""
    free = diagnosis.n_rows - diagnosis.n_constants
    if table.errors is not None and result.recipe.text == "squared-value" and free > 0:
        ratio = result.objective / free
        return [
            f"  errors ± are scaled by the residuals (chi-squared per degree of freedom {ratio:.3g}); "
            f"those of the rows as they are give {ratio**-0.5:.3g} times as much"
        ]
    if table.weights is not None:
        return ["  weights multiply squared residuals; errors ± are scaled by these, so only ratios of weights count"]
    return []


def _r2(result: FitResult, table: Table) -> str:
    residuals = result.residuals(table)
    spread = ((table.targets - table.targets.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 1.0 - (residuals**2).sum(axis=0) / spread
    return ", ".join(f"{v:.6f}" for v in values)


def _constants(result: FitResult, known: Covariance, resamples: Bootstrap | None, level: float) -> list[str]:
    lines = []
    ends = resamples.intervals(level) if resamples is not None and len(resamples) else None
    many = len(result.group_names) > 1
    names = result.structure.constants
    width = max((len(n) for n in names), default=1)
    for g, group in enumerate(result.group_names[:_GROUPS]):
        for t, target in enumerate(result.target_names):
            if np.isnan(result.constants[g, t]).all() and names:
                continue
            label = ", ".join([group] * many + [target] * (len(result.target_names) > 1))
            lines.append(f"  constants{' of ' + label if label else ''}")
            for i, name in enumerate(names):
                line = f"    {name:{width}} = {_value(result.constants[g, t, i], known.errors[g, t, i])}"
                if ends is not None:
                    low, high = map(float, ends[:, g, t, i])
                    line += (
                        f"  {level:.0%} {with_interval(float(result.constants[g, t, i]), low, high).split(' ', 1)[1]}"
                    )
                lines.append(line + (" shared" if name in result.structure.shared else ""))
    if len(result.group_names) > _GROUPS:
        lines.append(f"  ... and {len(result.group_names) - _GROUPS} further groups")
    return lines


def _value(value: float, error: float) -> str:
    """A constant with as many digits as its standard error supports; all digits are in the JSON."""
    if np.isfinite(error):
        return with_error(value, error)
    return f"{value:<15.8g} {'at a bound' if np.isnan(error) else 'not determined'}"


def _correlations(known: Covariance) -> list[str]:
    """Pairs of the first component that are correlated beyond 0.95, strongest first."""
    if len(known.components) != 1:
        return []
    labels = known.components[0][0]
    matrix = known.correlations(0)
    pairs = [
        (abs(matrix[i, j]), f"{labels[i][1]}, {labels[j][1]}: {matrix[i, j]:+.4f}")
        for i in range(len(labels))
        for j in range(i)
        if abs(matrix[i, j]) > 0.95
    ]
    if not pairs:
        return []
    return ["  correlations", *(f"    {text}" for _, text in sorted(pairs, reverse=True)[:8])]
