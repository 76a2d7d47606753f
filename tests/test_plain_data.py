"""Numbers and texts as people read them."""

from __future__ import annotations

import math

import pytest

from discover.plain_data import printable, with_interval


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (1.70331, 1.6774, 1.7291, "1.703 [1.677, 1.729]"),
        (435.38, 400.7, 482.1, "435 [401, 482]"),
        (1234567.0, 1.1e6, 1.4e6, "1.23e+06 [1.1e+06, 1.4e+06]"),
        (0.333, 0.3329, 0.3331, "0.33300 [0.33290, 0.33310]"),
        (49325.0, 14.39, math.inf, "49000 [14, -]"),
        (-12.59, -13.1, -12.1, "-12.59 [-13.10, -12.10]"),
        (1.5, 1.5, 1.5, "1.5 [1.5, 1.5]"),
    ],
)
def test_a_constant_and_its_interval_have_the_digits_that_its_width_supports(
    value: float, low: float, high: float, expected: str
) -> None:
    assert with_interval(value, low, high) == expected


def test_what_a_terminal_obeys_is_not_printed() -> None:
    assert printable("a\x1b[31mb\u202ec\ud800\n\td é") == "a?[31mb?c?\n\td é"
