"""Constants with their standard errors, on the command line and in reports."""

from __future__ import annotations

import math

import pytest

from discover.plain_data import with_error
from discover.report.texts import FIXED, quantity


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (775.2, 800.0, "780 ± 800"),
        (1.6812, 0.0313, "1.681 ± 0.031"),
        (1212.0, 110.0, "1210 ± 110"),
        (-3.0, 40.0, "-3 ± 40"),
        (1.0, 1e-12, "1 ± 1e-12"),
        (0.349, 0.02, "0.349 ± 0.020"),
        (2.0, 0.01, "2.000 ± 0.010"),
        (2.5e9, 3e7, "2.5e+09 ± 3e+07"),
        (0.123456789, None, "0.123457"),
        (0.123456789, math.inf, "0.123457"),
        (math.nan, 1.0, "nan"),
    ],
)
def test_a_constant_has_the_digits_that_its_error_supports(value: float, error: float | None, said: str) -> None:
    assert with_error(value, error) == said


@pytest.mark.parametrize(("value", "error"), [(775.2, 800.0), (1.6812, 0.0313), (0.123456789, None), (4321.0, 5.0)])
def test_a_report_has_the_same_digits(value: float, error: float | None) -> None:
    assert with_error(value, error, quantity, FIXED).replace(FIXED, " ") == with_error(value, error)
