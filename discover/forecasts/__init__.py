"""Forecasts of a law with their uncertainty.

`Ensemble.from_run(DIR)` reads what `discover run` left in law.json; `.sample(...)` draws plausible values of all
laws, `.intervals(...)` gives the laws' average with prediction intervals. Layout of the draws:
`Draws.values[name]` has the shape (draws, groups, targets); every draw of every law counts the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from discover.forecasts.ensemble import DRAWS, LEVELS, Draws, Ensemble, Forecast, Noise
from discover.forecasts.storing import with_forecasts

if TYPE_CHECKING:
    from discover.forecasts.making import make_ensemble, with_uncertainty

__all__ = [
    "DRAWS",
    "LEVELS",
    "Draws",
    "Ensemble",
    "Forecast",
    "Noise",
    "make_ensemble",
    "with_forecasts",
    "with_uncertainty",
]


def __getattr__(name: str) -> object:
    # Making forecasts needs the fitter, whose import takes longer than all that reading them needs.
    if name in ("make_ensemble", "with_uncertainty"):
        return getattr(import_module("discover.forecasts.making"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
