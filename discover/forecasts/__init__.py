"""Forecasts of a law with their uncertainty.

`Ensemble.from_run(DIR)` reads what `discover run` left in law.json; `.sample(...)` draws plausible values of all
near-tied laws, `.intervals(...)` gives the chosen law's value with prediction intervals. Layout of the draws:
`Draws.values[name]` has the shape (draws, groups, targets); every draw of every law counts the same.
"""

from discover.forecasts.ensemble import DRAWS, LEVELS, Draws, Ensemble, Forecast, Noise
from discover.forecasts.making import Contender, make_ensemble
from discover.forecasts.storing import with_forecasts

__all__ = [
    "DRAWS",
    "LEVELS",
    "Contender",
    "Draws",
    "Ensemble",
    "Forecast",
    "Noise",
    "make_ensemble",
    "with_forecasts",
]
