"""Forecasts of laws whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from discover.errors import InputError
from discover.forecasts import Ensemble

from .tables import SIGMA, ensemble_of, line


def without_drift(ensemble: Ensemble) -> Ensemble:
    return replace(ensemble, drift=replace(ensemble.drift, growth=0.0))


@pytest.mark.parametrize("at", [0.5, 1.0, 3.0])
def test_a_straight_line_has_the_intervals_of_linear_regression(at: float) -> None:
    table = line(n=200)
    x, y = table.features["x"], table.targets[:, 0]
    design = np.column_stack([np.ones_like(x), x])
    constants, squares, *_ = np.linalg.lstsq(design, y)
    freedom = len(x) - 2
    point = np.array([1.0, at])
    size = np.sqrt(squares[0] / freedom * (1.0 + point @ np.linalg.inv(design.T @ design) @ point))
    found = without_drift(ensemble_of(table, draws=2000)).intervals({"x": [at]})
    assert found.value[0] == pytest.approx(point @ constants)
    for level in (0.5, 0.9):
        half = stats.t.ppf(0.5 + level / 2, freedom) * size
        assert (found.upper[level] - found.lower[level])[0] / 2 == pytest.approx(half, rel=0.1)


def test_nine_in_ten_new_measurements_lie_within() -> None:
    inside = []
    for seed in range(60):
        found = without_drift(ensemble_of(line(n=30, seed=seed), draws=100)).intervals({"x": [1.2]})
        y = 2.0 + 3.0 * 1.2 + SIGMA * np.random.default_rng(1000 + seed).standard_normal(20)
        inside.append(np.mean((found.lower[0.9] <= y) & (y <= found.upper[0.9])))
    assert 0.84 <= np.mean(inside) <= 0.95


def test_intervals_widen_beyond_the_data_and_shares_sum_to_one() -> None:
    found = ensemble_of(line(), "a + b*x", "a + b*x**1.1").intervals({"x": np.array([0.5, 1.0, 2.0, 4.0])})
    widths = found.upper[0.9] - found.lower[0.9]
    assert (np.diff(widths) > 0).all()
    np.testing.assert_allclose(sum(found.shares.values()), 1.0)
    assert found.shares["drift"][0] == 0.0  # inside the data
    assert found.shares["noise"][0] > 0.9
    assert found.shares["laws"][3] > 0.2 > 0.05 > found.shares["laws"][0]


def test_the_forecast_is_the_weighted_mean_of_the_laws() -> None:
    table = line()
    alone, other = (ensemble_of(table, text).intervals({"x": [3.0]}) for text in ("a + b*x", "a + b*x**2"))
    both = ensemble_of(table, "a + b*x", "a + b*x**2").intervals({"x": [3.0]})
    assert both.law[0] == alone.value[0] == alone.law[0]
    assert both.value[0] == pytest.approx(np.sqrt(alone.value[0] * other.value[0]))
    assert both.upper[0.9][0] > alone.upper[0.9][0] + 1.0
    worse = ensemble_of(table, "a + b*x", "a + b*x**2", weights=(1.0, 1e-9))
    assert len(worse.laws) == 1
    assert worse.intervals({"x": [3.0]}).value[0] == alone.value[0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_beyond_the_data_the_forecast_is_no_steeper_than_within_unless_the_laws_agree() -> None:
    ensemble = ensemble_of(line(), "a + b*x", "a + b*x + k*exp(9*(x - 1))")  # the data end at 1
    at = {"x": np.array([0.2, 0.9, 1.5, 3.0])}
    laws = np.stack([law.best({"x": at["x"]}, np.zeros(4, dtype=np.int64), 0) for law in ensemble.laws])
    free, held = ensemble.weights @ laws, ensemble.central(at)
    np.testing.assert_allclose(held[:2], free[:2], rtol=1e-6)
    slope = np.diff(ensemble.central({"x": np.array([0.5, 1.0])}))[0] / 0.5
    assert abs(free[3] - free[1]) > 10 * slope
    assert abs(held[3] - ensemble.central({"x": [1.0]})[0]) < 1.3 * 2.0 * abs(slope)
    alone = ensemble_of(line(), "a + b*x + k*exp(9*(x - 1))")
    assert alone.central(at) == pytest.approx(alone.laws[0].best(at, np.zeros(4, dtype=np.int64), 0))


def test_a_rival_without_bounds_gives_an_end_without_bounds() -> None:
    found = ensemble_of(line(), "a + b*x", "a + b*x + c*exp(x**4)").intervals({"x": [7.0]})
    ends = [found.lower[0.9][0], found.lower[0.5][0], found.value[0], found.upper[0.5][0], found.upper[0.9][0]]
    assert ends == sorted(ends)
    assert np.isinf(ends[0]) or np.isinf(ends[-1])
    assert np.isfinite(found.value[0])


def test_without_noise_the_interval_is_that_of_the_law() -> None:
    ensemble = ensemble_of(line())
    law, new = ensemble.intervals({"x": [0.5]}, noise=False), ensemble.intervals({"x": [0.5]})
    ratio = (law.upper[0.9] - law.lower[0.9]) / (new.upper[0.9] - new.lower[0.9])
    assert ratio[0] == pytest.approx(1 / np.sqrt(60), rel=0.35)
    assert law.shares["noise"][0] == 0.0


def test_samples_have_the_spread_of_the_intervals() -> None:
    ensemble = ensemble_of(line(), draws=2000)
    sample = ensemble.sample({"x": [0.5, 2.0]}, noise=True)
    assert sample.shape == (sum(map(len, ensemble.laws)), 2)
    found = ensemble.intervals({"x": [0.5, 2.0]})
    low, high = np.quantile(sample, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(high - low, found.upper[0.9] - found.lower[0.9], rtol=0.1)
    np.testing.assert_array_equal(sample, ensemble.sample({"x": [0.5, 2.0]}, noise=True))


def test_bounds_are_kept() -> None:
    ensemble = replace(ensemble_of(line()), bounds=(-np.inf, 5.0))
    found = ensemble.intervals({"x": [0.98]})
    assert found.lower[0.9][0] < found.upper[0.9][0] == pytest.approx(max(5.0, found.value[0]))


def test_an_interval_that_is_drawn_out_to_the_value_says_by_how_much() -> None:
    chosen, rival = ensemble_of(line(), "a + b*x", "a + b*x + c*x**2").laws
    moved = replace(rival, weight=0.9, values={**rival.values, "c": rival.values["c"] + 5.0})
    few = replace(chosen, weight=0.1, values={name: values[:20] for name, values in chosen.values.items()})
    found = replace(ENSEMBLE, laws=(few, moved)).intervals({"x": [1.0]}, levels=(0.5, 0.999))
    assert found.lower[0.5][0] == found.value[0]
    assert found.outside[0.5][0] > 4.0
    assert found.outside[0.999][0] == 0.0
    plain = ENSEMBLE.intervals({"x": [0.5]})
    assert plain.outside[0.5][0] == 0.0


def test_a_few_wild_draws_rule_no_share() -> None:
    clean = ensemble_of(line(), "a + b*x", "a + b*x + c*x**2", "a + b*x**1.1", weights=(1.0, 1.0, 0.05))
    *kept, last = clean.laws
    assert len(last) < 0.04 * sum(map(len, clean.laws))
    wild = replace(last, values={name: 1e16 * values for name, values in last.values.items()})
    ensemble = replace(clean, laws=(*kept, wild))
    shares = ensemble.intervals({"x": [2.0]}).shares
    for name, share in clean.intervals({"x": [2.0]}).shares.items():
        assert shares[name][0] == pytest.approx(share[0], abs=0.15)
    bounded = replace(ensemble, bounds=(0.0, 20.0))
    assert bounded.sample({"x": [2.0]}).max() == 20.0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-3.0, 5.0), min_size=1, max_size=8), st.floats(0.05, 0.95))
def test_intervals_hold_the_value_and_grow_with_the_level(xs: list[float], level: float) -> None:
    found = ENSEMBLE.intervals({"x": xs}, levels=(level / 2, level))
    for part in (level / 2, level):
        assert (found.lower[part] <= found.value).all()
        assert (found.value <= found.upper[part]).all()
    assert (found.lower[level] <= found.lower[level / 2]).all()
    assert (found.upper[level] >= found.upper[level / 2]).all()


ENSEMBLE = ensemble_of(line(), "a + b*x", "a + b*x + c*x**2", draws=60)


def test_groups_have_noise_of_their_own() -> None:
    table = line(groups=2)
    loud = replace(table, targets=np.where(table.group[:, None] == 1, 2 + (table.targets - 2) * 5, table.targets))
    ensemble = ensemble_of(loud)
    found = ensemble.intervals({"x": [0.5, 0.5]}, ["a", "b"])
    widths = found.upper[0.9] - found.lower[0.9]
    assert 3.0 < widths[1] / widths[0] < 6.0
    with pytest.raises(InputError, match="2 groups; name one"):
        ensemble.intervals({"x": [0.5]})
    with pytest.raises(InputError, match="no group 'c'"):
        ensemble.intervals({"x": [0.5]}, ["c"])


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        ({}, {}, "column 'x' is missing"),
        ({"x": [1.0]}, {"levels": (1.5,)}, "level of an interval is 1.5"),
        ({"x": [1.0]}, {"target": "z"}, "no target 'z'"),
    ],
)
def test_a_wrong_question_says_what_was_expected(features: dict, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ENSEMBLE.intervals(features, **options)


def test_a_column_of_the_rivals_alone_is_said_to_be_theirs() -> None:
    table = line()
    table = replace(table, features={**table.features, "z": np.linspace(1, 2, len(table)) ** 2})
    ensemble = ensemble_of(table, "a + b*x", "a + b*x + c*z", draws=20)
    with pytest.raises(InputError, match=r"'z' is missing.*the law itself does not use it, laws near-tied with it do"):
        ensemble.intervals({"x": [0.5]})
    with pytest.raises(InputError, match=r"'x' is missing; expected x, z$"):
        ensemble.intervals({"z": [0.5]})
