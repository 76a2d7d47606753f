"""Fitting: a structure and a table in, constants with diagnostics out."""

from discover.fitting.diagnosis import Concern, Diagnosis, diagnose, freedom, no_freedom
from discover.fitting.fit import NORMAL, QUICK, THOROUGH, Effort, fit, has_rows_for
from discover.fitting.limits import Limit, limits
from discover.fitting.reporting import report
from discover.fitting.result import Diagnostics, FitFailure, FitResult, Outcome, Reason
from discover.fitting.uncertainty import Bootstrap, Covariance, Profile, bootstrap, covariance, profile
from discover.law.structure import (
    NONNEGATIVE,
    POSITIVE,
    REAL,
    Domain,
    Recipe,
    Structure,
    default_domains,
    recipe_from_text,
    signed_domains,
)

__all__ = [
    "NONNEGATIVE",
    "NORMAL",
    "POSITIVE",
    "QUICK",
    "REAL",
    "THOROUGH",
    "Bootstrap",
    "Concern",
    "Covariance",
    "Diagnosis",
    "Diagnostics",
    "Domain",
    "Effort",
    "FitFailure",
    "FitResult",
    "Limit",
    "Outcome",
    "Profile",
    "Reason",
    "Recipe",
    "Structure",
    "bootstrap",
    "covariance",
    "default_domains",
    "diagnose",
    "fit",
    "freedom",
    "has_rows_for",
    "limits",
    "no_freedom",
    "profile",
    "recipe_from_text",
    "report",
    "signed_domains",
]
