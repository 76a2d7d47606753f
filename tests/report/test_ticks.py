"""Labels of axes, and numbers whose zeros are kept."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from discover.report.figures import Axis
from discover.report.outlook import place_for
from discover.report.texts import significant, to_place
from discover.report.ticks import MOST, ticks_of


@pytest.mark.parametrize(
    ("low", "high"), [(1.9e7, 8e8), (0.02, 3.0), (2.2, 4.1), (1e15, 1e24), (0.9, 1.02), (1e8, 1e8 * 1.5), (3e-9, 0.4)]
)
def test_a_logarithmic_axis_has_some_labels_between_its_ends(low: float, high: float) -> None:
    places = [place for place, _ in ticks_of(Axis("x", log=True), low, high)]
    assert 2 <= len(places) <= MOST
    assert places == sorted(set(places))
    assert low <= places[0] < places[-1] <= high


@pytest.mark.parametrize(("low", "high"), [(2.2, 4.1), (-12.0, 80.0), (-1e-4, 1e-4), (0.0, 28.0)])
def test_a_plain_axis_has_labels_in_even_steps(low: float, high: float) -> None:
    places = [place for place, _ in ticks_of(Axis("x"), low, high)]
    assert 3 <= len(places) <= MOST
    steps = [b - a for a, b in pairwise(places)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_labels_count_units() -> None:
    assert ticks_of(Axis("params_M", log=True, multiple=1e6), 900, 11_000) == (
        (1000.0, "1B"), (2000.0, "2B"), (3000.0, "3B"), (5000.0, "5B"), (10000.0, "10B"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (2.2, 2.002, 2.311, ("2.20", "2.00", "2.31")),
        (1.4999, 1.4, 1.6, ("1.50", "1.40", "1.60")),
        (12345.0, 11000.0, 14000.0, ("12300", "11000", "14000")),
        (0.07, 0.0698, 0.0702, ("0.07000", "0.06980", "0.07020")),
    ],
)
def test_the_ends_of_an_interval_look_as_exact_as_each_other(
    value: float, low: float, high: float, said: tuple[str, ...]
) -> None:
    place = place_for(low, high)
    assert place is not None
    assert tuple(to_place(number, place) for number in (value, low, high)) == said


def test_numbers_keep_their_zeros() -> None:
    assert [significant(value, 2) for value in (0.1, 0.0996, 0.081, 12.0, math.nan)] == [
        "0.10", "0.10", "0.081", "12", "–",
    ]  # fmt: skip
