"""What an ensemble is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from discover.fitting.document import from_fit
from discover.forecasts import make_ensemble
from discover.forecasts.making import counted, drift_of, noise_of
from discover.scoring import make_folds
from discover.scoring.stacking import rows_asked

from .tables import SIGMA, ensemble_of, fitted, line, problem_of


def test_the_first_law_counts_and_of_the_others_those_that_weigh_enough() -> None:
    weights = np.array([0.001, 0.5, 0.004, 0.495])
    found = counted(weights)
    assert list(found) == [0, 1, 3]
    assert sum(found.values()) == pytest.approx(1.0)
    assert found[1] / found[3] == pytest.approx(0.5 / 0.495)
    assert len(counted(np.full(40, 1 / 40))) == 40


def test_the_drift_is_judged_by_what_the_average_forecast() -> None:
    problem = problem_of(line())
    law = fitted(line())
    noise = noise_of(problem, law)
    exact = [problem.table.take(rows_asked(fold)).targets for fold in make_folds(problem)]
    off = [values + 20 * SIGMA for values in exact]
    assert drift_of(problem, law, noise, exact).growth < 0.2 * drift_of(problem, law, noise, off).growth


def test_noise_is_that_of_the_rows_and_few_outliers_do_not_rule_it() -> None:
    table = line(n=300)
    found = noise_of(problem_of(table), fitted(table)).scale[0, 0]
    assert found == pytest.approx(SIGMA, rel=0.15)
    wild = table.targets.copy()
    wild[:6] += 30 * SIGMA
    hit = replace(table, targets=wild)
    assert noise_of(problem_of(hit), fitted(table)).scale[0, 0] < 1.6 * SIGMA


def test_a_table_without_noise_has_almost_none() -> None:
    found = ensemble_of(line(sigma=0.0)).intervals({"x": [0.5]})
    assert found.upper[0.9][0] - found.lower[0.9][0] < 1e-9


def test_as_many_rows_as_constants_still_give_a_forecast() -> None:
    found = ensemble_of(line(n=2)).intervals({"x": [0.5, 2.0]})
    assert np.isfinite([found.lower[0.9], found.upper[0.9]]).all()


def test_equal_seeds_give_equal_draws() -> None:
    table = line()
    fit = fitted(table)
    document = from_fit(fit, table, task="line")
    one, same, other = (make_ensemble(problem_of(table), document, [fit], draws=30, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.laws[0].values["a"], same.laws[0].values["a"])
    assert not np.array_equal(one.laws[0].values["a"], other.laws[0].values["a"])
    assert one.laws[0].values["a"].shape == (30, 1, 1)


def test_draws_that_break_what_is_known_are_no_draws() -> None:
    table = line(n=6, sigma=0.8, groups=2)
    steep = np.where(table.group == 0, 9.0, 0.0) * table.features["x"]
    table = replace(table, targets=table.targets + steep[:, None])
    fit, document = fitted(table), from_fit(fitted(table), table, task="line", group_column="family")
    assert (fit.by_name["b"] > 0).all()

    def slopes(**known: object) -> np.ndarray:
        problem = replace(problem_of(table), **known)
        return make_ensemble(problem, document, [fit], draws=200).laws[0].values["b"][..., 0]

    free, rising = slopes(), slopes(monotone={"x": "increasing"})
    assert (free[:, 1] < -0.2).any()
    assert (rising > -0.2).all()
    np.testing.assert_array_equal(rising[:, 0], free[:, 0])  # the other group's draws say nothing of this one's
    assert len(np.unique(rising[:, 1])) > 50
    # The law itself breaks it, so nothing is asked of its draws, not even that they stay near the data.
    assert (slopes(monotone={"x": "decreasing"}) == free).mean() > 0.99


def test_a_fold_on_which_the_law_leaves_the_bounds_counts_as_far_off_as_they_allow() -> None:
    x = np.linspace(1.0, 2.0, 12)
    y = 10.0 + np.where(x > 1.5, 0.5, 8.0 * (x - 1.0))
    table = replace(line(n=12), features={"x": x}, targets=y[:, None])
    fit = fitted(table, "a + b*x + c*exp(5*x)")
    free = problem_of(table)
    bounded = replace(free, lower=9.0, upper=15.0)
    noise = noise_of(free, fit)
    assert drift_of(bounded, fit, noise).growth < 0.5 * drift_of(free, fit, noise).growth
