"""Fitting: a structure and a table in, constants with diagnostics out."""

from discover.fitting.fit import NORMAL, QUICK, THOROUGH, Effort, fit
from discover.fitting.result import Diagnostics, FitFailure, FitResult, Outcome, Reason
from discover.fitting.structure import (
    NONNEGATIVE,
    POSITIVE,
    REAL,
    Domain,
    Recipe,
    Structure,
    default_domains,
    recipe_from_text,
)

__all__ = [
    "NONNEGATIVE", "NORMAL", "POSITIVE", "QUICK", "REAL", "THOROUGH", "Diagnostics", "Domain", "Effort",
    "FitFailure", "FitResult", "Outcome", "Reason", "Recipe", "Structure", "default_domains", "fit",
    "recipe_from_text",
]
