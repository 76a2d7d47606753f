"""Every law of the library is recovered from rows made with its typical constants.

The fit starts from typical constants that are each wrong by up to a quarter, and from drawn starts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from discover.fitting import FitResult, diagnose, fit
from discover.law import load_library
from discover.law.intake import structure_of
from discover.law.synthetic import synthetic_table

LAWS = load_library()
NEARLY_REDUNDANT = 1e5
INTERCHANGEABLE = {"bnsl_two_breaks"}  # the two breaks may change places


def test_the_library_is_large_enough() -> None:
    assert len(LAWS) >= 75


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_predictions_are_recovered_and_constants_where_the_rows_determine_them(law) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    table = synthetic_table(law, law.guess, max(60, 12 * len(law.constants)), rng)
    start = {name: value * rng.uniform(0.8, 1.25) for name, value in law.guess.items()}
    result = fit(replace(structure_of(law), guess=start), table)
    assert isinstance(result, FitResult)
    assert np.abs(result.residuals(table)).max() <= 1e-8 * np.ptp(table.targets)
    diagnosis = diagnose(result, table)
    if diagnosis.redundant or diagnosis.condition_full > NEARLY_REDUNDANT or law.id in INTERCHANGEABLE:
        return  # the diagnosis says so
    assert result.named() == pytest.approx(law.guess, rel=1e-4, abs=1e-12)


def test_most_laws_are_found_without_any_guess() -> None:
    lost = []
    for law in LAWS.values():
        table = synthetic_table(law, law.guess, max(60, 12 * len(law.constants)), np.random.default_rng(1))
        result = fit(replace(structure_of(law), guess={}), table)
        if not isinstance(result, FitResult) or np.abs(result.residuals(table)).max() > 1e-6 * np.ptp(table.targets):
            lost.append(law.id)
    assert len(lost) <= len(LAWS) // 10, lost
