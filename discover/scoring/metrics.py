"""Metrics of predictions against measured values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats


@dataclass(frozen=True)
class Metrics:
    """R2 (see `r_squared`), root mean squared error and mean absolute relative error, over all targets."""

    r2: float
    rmse: float
    mare: float
    n: int


def r_squared(predicted: Floats, measured: Floats) -> float:
    """One minus the mean over targets of the normalised mean squared error.

    The metric of SLDBench (arXiv 2507.21184): per target, the mean squared error of the rows of all groups
    pooled, over the population variance of the measured values. Not clipped; minus infinity if a prediction is
    not finite.

    Args:
        predicted, measured: shape (n, T).
    """
    if not np.all(np.isfinite(predicted)):
        return -np.inf
    with np.errstate(over="ignore"):
        errors = np.mean((predicted - measured) ** 2, axis=0)
    variance = np.var(measured, axis=0)
    normalised = np.where(variance > 0, errors / np.where(variance > 0, variance, 1.0), np.where(errors > 0, np.inf, 0))
    return float(1.0 - normalised.mean())


def metrics(predicted: Floats, measured: Floats) -> Metrics:
    """All metrics of predictions of shape (n, T)."""
    if not np.all(np.isfinite(predicted)):
        return Metrics(-np.inf, np.inf, np.inf, len(measured))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rmse = float(np.sqrt(np.mean((predicted - measured) ** 2)))
        mare = float(np.mean(np.abs(predicted - measured) / np.abs(measured)))
    return Metrics(r_squared(predicted, measured), rmse, mare, len(measured))
