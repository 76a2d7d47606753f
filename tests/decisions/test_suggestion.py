"""Runs to do next: what is known of a good choice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from discover.data.table import Table
from discover.decisions import Points, suggest
from discover.decisions.candidates import costs_of, grid, points_ahead, points_named
from discover.errors import InputError
from discover.forecasts import Draws, Ensemble, Noise
from discover.forecasts.drift import Drift
from discover.scoring import Problem
from discover.scoring.reach import Reach

from .laws import FLOPS, document, ensemble

AHEAD = Points({"params": np.array([1e11]), "tokens": np.array([1e13])}, ("all",))


def line(slopes: np.ndarray, noise: float) -> Ensemble:
    """The law k*x with these slopes as draws."""
    law = document("k*x", {"k": 1.0}, {"x": (1.0, 8.0)})
    size = np.full((1, 1), noise)
    reach = Reach.box({"x": np.array([[1.0, 8.0]])})
    draws = Draws(law, 1.0, {"k": slopes[:, None, None]})
    return Ensemble((draws,), Noise(size, (False,)), Drift(reach, size, 0.0))


def test_the_expected_uncertainty_is_that_of_a_linear_regression() -> None:
    slopes = 1.0 + 0.1 * np.random.default_rng(0).standard_normal(3000)
    at = Points({"x": np.array([20.0])}, ("all",))
    measured = np.array([1.0, 2.0, 8.0])
    found = suggest(line(slopes, 0.5), Points({"x": measured}, ("all",) * 3), at, 3)
    variance = slopes.var(ddof=1)
    assert found.before["loss"] == pytest.approx(20 * np.sqrt(variance), rel=1e-2)
    # Bayes' rule for a slope: precisions add up, and the steepest place tells most.
    assert [pick.place for pick in found.picks] == [2, 1, 0]
    precision = 1 / variance
    for pick in found.picks:
        precision += measured[pick.place] ** 2 / 0.25
        assert pick.sd["loss"] == pytest.approx(20 / np.sqrt(precision), rel=1e-2)


def test_a_batch_does_not_ask_the_same_twice() -> None:
    known = ensemble([document()], draws=300)
    twins = {"params": np.array([1e9, 1e9, 1e7]), "tokens": np.array([1e11, 1.0001e11, 1e11])}
    alone = suggest(known, Points(twins, ("all",) * 3), AHEAD, 1).picks[0].place
    assert alone in (0, 1)
    # A measurement that is nearly exact leaves nothing to learn from its twin.
    sharp = ensemble([document()], draws=300, noise=1e-5)
    places = [pick.place for pick in suggest(sharp, Points(twins, ("all",) * 3), AHEAD, 2).picks]
    assert set(places) != {0, 1}


def test_runs_tell_near_tied_laws_apart() -> None:
    falling, floored = (
        document("A*params**(-a) + 0*tokens", {"A": 10.0, "a": 0.1}),
        document("E + B*params**(-b) + 0*tokens", {"E": 1.0, "B": 112.0, "b": 0.307}),
    )
    both = ensemble([falling, floored], draws=50, spread=1e-6)
    sizes = np.geomspace(1e7, 1e10, 4)
    runs = Points({"params": sizes, "tokens": np.full(4, 1e10)}, ("all",) * 4)
    found = suggest(both, runs, AHEAD, 1)
    values = both.sample(runs.features)
    apart = np.abs(values[:50].mean(axis=0) - values[50:].mean(axis=0))
    assert found.picks[0].place == int(np.argmax(apart))
    assert found.picks[0].sd["loss"] < 0.5 * found.before["loss"]


def test_a_limit_of_the_cost_is_kept_and_spent_well() -> None:
    known = ensemble([document()], draws=200)
    runs = grid(known, {}, {}, ("all",))
    costs = costs_of(runs, FLOPS, {}, known.document)
    found = suggest(known, runs, AHEAD, 6, costs=costs, limit=1e20)
    assert sum(pick.cost for pick in found.picks if pick.cost) <= 1e20
    after = [found.before["loss"], *(pick.sd["loss"] for pick in found.picks)]
    assert all(later < earlier for earlier, later in pairwise(after))
    cheapest = np.argsort(costs)[:6]
    few = Points({name: v[cheapest] for name, v in runs.features.items()}, ("all",) * 6)
    assert after[-1] < suggest(known, few, AHEAD, 6).picks[-1].sd["loss"]


def test_costs_count_without_a_limit_too() -> None:
    known = ensemble([document()], draws=200)
    runs = grid(known, {}, {}, ("all",))
    costs = costs_of(runs, FLOPS, {}, known.document)
    free, priced = suggest(known, runs, AHEAD, 1).picks[0], suggest(known, runs, AHEAD, 1, costs=costs).picks[0]
    assert priced.cost is not None
    assert priced.cost <= costs[free.place]
    gain = [suggest(known, runs, AHEAD, 1).before["loss"] ** 2 - pick.sd["loss"] ** 2 for pick in (free, priced)]
    assert gain[1] / priced.cost >= gain[0] / costs[free.place]


def test_a_draw_that_runs_wild_changes_nothing() -> None:
    known = ensemble([document()], draws=200)
    runs = grid(known, {}, {}, ("all",))
    expected = [pick.place for pick in suggest(known, runs, AHEAD, 3).picks]
    known.laws[0].values["a"][0] = -3.0
    found = suggest(known, runs, AHEAD, 3)
    assert [pick.place for pick in found.picks] == expected
    assert np.isfinite(found.picks[-1].sd["loss"])


def test_a_bounded_target_is_not_more_uncertain_than_its_bounds() -> None:
    slopes = 1.0 + 2.0 * np.random.default_rng(0).standard_normal(300)
    known = line(slopes, 1.0)
    known = replace(known, drift=replace(known.drift, growth=100.0), bounds=(0.0, 10.0))
    at = Points({"x": np.array([20.0])}, ("all",))
    found = suggest(known, Points({"x": np.array([1.0, 4.0, 8.0])}, ("all",) * 3), at, 1)
    assert 3.0 < found.before["loss"] <= 5.0 + 1e-9


def test_groups_learn_from_their_own_runs() -> None:
    law = document(groups=("base", "tuned"))
    known = ensemble([law], draws=200)
    at = Points({"params": np.array([1e11]), "tokens": np.array([1e13])}, ("tuned",))
    runs = grid(known, {}, {}, law.groups)
    assert {runs.groups[pick.place] for pick in suggest(known, runs, at, 3).picks} == {"tuned"}


def test_a_grid_covers_the_data_and_keeps_what_is_fixed() -> None:
    runs = grid(ensemble([document()]), {"params": (None, 1e10)}, {"tokens": 5e9}, ("all",))
    assert set(runs.features["tokens"]) == {5e9}
    assert (runs.features["params"].min(), runs.features["params"].max()) == (1e7, pytest.approx(1e10))
    ratios = np.diff(np.log(np.unique(runs.features["params"])))
    assert ratios == pytest.approx(np.full(len(ratios), ratios[0]))


def test_a_grid_over_compute_keeps_to_runs_that_are_trained_about_as_long() -> None:
    compute = np.repeat(np.geomspace(1e18, 1e21, 4), 3)
    params = (compute / 120) ** 0.5 * np.tile([0.5, 1.0, 2.0], 4)
    columns = {"params": params, "flops": compute}
    table = Table(columns, np.ones((12, 1)), ("loss",), np.zeros(12, np.int64), ("all",))
    domain = {name: (float(v.min()), float(v.max())) for name, v in columns.items()}
    law = document("E + A*params**(-a) + B*(flops/params)**(-b)", dict.fromkeys("EABab", 1.0), domain)
    runs = grid(ensemble([law]), {}, {}, ("all",), table).features
    ratio = runs["flops"] / 6 / runs["params"] ** 2
    assert len(ratio) > 20
    assert ratio.min() >= 2.5 * (1 - 1e-9)  # half of the least in the rows
    assert ratio.max() <= 160.0 * (1 + 1e-9)
    free = grid(ensemble([law]), {"params": (1e7, 1e11)}, {}, ("all",), table).features
    assert (free["flops"] / 6 / free["params"] ** 2).min() < 0.1  # what a user bounds is asked for


def moe_table() -> Table:
    total, bits = np.meshgrid(np.geomspace(1e9, 1e11, 5), [3.0, 4.0, 5.0, 6.0, 8.0, 16.0])
    active = total * np.resize([0.1, 0.3, 0.65], total.shape)
    columns = {"params": total.ravel(), "active": active.ravel(), "bits": bits.ravel()}
    n = total.size
    return Table(columns, np.ones((n, 1)), ("loss",), np.zeros(n, np.int64), ("all",))


def test_a_grid_keeps_to_runs_that_can_be() -> None:
    table = moe_table()
    domain = {name: (float(v.min()), float(v.max())) for name, v in table.features.items()}
    known = ensemble([document("E + A*params**(-a) + B*active**(-b) + C/bits", dict.fromkeys("EABCab", 1.0), domain)])
    runs = grid(known, {}, {}, ("all",), table)
    assert set(runs.features["bits"]) == {3, 4, 5, 6, 8, 16}
    assert (runs.features["active"] <= runs.features["params"]).all()
    assert (runs.features["active"] > 0.3 * runs.features["params"].max()).any()
    assert set(grid(known, {"bits": (4.0, 12.0)}, {}, ("all",), table).features["bits"]) == {4, 5, 6, 8, 12}
    with pytest.raises(InputError, match="no run of the grid has active within params"):
        grid(known, {}, {"active": 5e10, "params": 1e10}, ("all",), table)


def test_points_ahead_that_differ_by_rounding_are_one() -> None:
    sizes = np.random.default_rng(0).uniform(1e20, 1e22, 24)
    table = Table({"flops": sizes}, np.ones((24, 1)), ("loss",), np.zeros(24, np.int64), ("all",))
    law = document("A*flops**(-a)", {"A": 1.0, "a": 0.1}, {"flops": (float(sizes.min()), float(sizes.max()))})
    at = points_ahead(Problem(table, {"flops": "scale"}, ("flops",)), law, {}, None)
    assert at.features["flops"] == pytest.approx([8 * sizes.max()])


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"n": 0}, ("--n is 0",)),
        ({"costs": np.array([1.0, -1.0])}, ("candidate 2", "-1", "above zero")),
        ({"costs": np.array([5.0, 7.0]), "limit": 2.0}, ("at most 2", "cheapest costs 5")),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(options, parts) -> None:
    runs = Points({"params": np.array([1e8, 1e9]), "tokens": np.array([1e10, 1e10])}, ("all", "all"))
    with pytest.raises(InputError) as caught:
        suggest(ensemble([document()]), runs, AHEAD, **{"n": 1, **options})
    for part in parts:
        assert part in str(caught.value)


def test_a_target_scale_is_checked() -> None:
    known = ensemble([document()])
    assert points_named(known, {"params": 1e11}, ("all",)).features["tokens"] == 8 * known.document.domain["tokens"][1]
    for scale, part in (({"size": 1.0}, "'size'"), ({"params": -1.0}, "above 0")):
        with pytest.raises(InputError, match=part):
            points_named(known, scale, ("all",))
