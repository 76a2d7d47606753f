"""Symbolic scaling-law discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discover._version import __version__

if TYPE_CHECKING:
    from discover.api import as_table, fit, fit_report
    from discover.decisions import allocate
    from discover.discovery import RunResult, compare, resume, run, suggest
    from discover.export.law import FittedLaw, load
    from discover.fitting import FitFailure, FitResult, bootstrap, covariance, diagnose, profile
    from discover.report.plotting import (
        plot_beyond,
        plot_forecast,
        plot_front,
        plot_parity,
        plot_residuals,
        plot_search,
    )

__all__ = [
    "FitFailure", "FitResult", "FittedLaw", "RunResult", "__version__", "allocate", "as_table", "bootstrap",
    "compare", "covariance", "diagnose", "fit", "fit_report", "load", "plot_beyond", "plot_forecast", "plot_front",
    "plot_parity", "plot_residuals", "plot_search", "profile", "resume", "run", "suggest",
]  # fmt: skip

_HOMES = {
    "discover.discovery": ("RunResult", "compare", "resume", "run", "suggest"),
    "discover.export.law": ("FittedLaw", "load"),
    "discover.decisions": ("allocate",),
    "discover.api": ("as_table", "fit", "fit_report"),
    "discover.fitting": ("FitFailure", "FitResult", "bootstrap", "covariance", "diagnose", "profile"),
    "discover.report.plotting": (
        "plot_beyond", "plot_forecast", "plot_front", "plot_parity", "plot_residuals", "plot_search",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Parts of the interface are imported when they are first used, so that the command starts fast."""
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'discover' has no attribute {name!r}")
