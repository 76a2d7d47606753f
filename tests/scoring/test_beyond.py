"""What a law may say where nobody has measured."""

from __future__ import annotations

import numpy as np
import pytest

from discover.expressions import parse
from discover.fitting import Domain, Recipe, Structure
from discover.rules import RULES
from discover.scoring import Problem, Refused, Scorer, broken_promises, implausible, points_beyond, predict_beyond
from discover.scoring.beyond import (
    ALL,
    STEPS,
    astray,
    lost_in_rounding,
    points_along,
    settings_beyond,
    settings_mixed,
    unbelieved_groups,
    wrong_direction,
)
from tests.scoring.problems import chinchilla, law_with, problem_from


def line(**more) -> Problem:
    """A loss between 2 and 3 along tokens, and a column that does nothing."""
    tokens = np.geomspace(1e6, 1e9, 16)
    features = {"tokens": tokens, "depth": np.tile([2.0, 4.0], 8)}
    return problem_from(features, 2 + (tokens / 1e6) ** -0.5, axes=("tokens",), **more)


def verdict(problem: Problem, text: str, **constants: float) -> str | None:
    beyond = points_beyond(problem)
    return implausible(problem, beyond, predict_beyond(law_with(problem, text, **constants), beyond))


def test_points_of_a_design_without_an_axis_come_from_all_of_a_sorted_table() -> None:
    x = np.sort(np.random.default_rng(0).uniform(0, 1, 500))
    problem = problem_from({"p": x, "q": 1 - x}, x**2, {"p": "share", "q": "share"})
    measured = points_beyond(problem).features["p"][0]
    assert measured.min() == x.min()
    assert measured.max() == x.max()


def test_rows_are_continued_to_a_multiple_of_the_largest_scale() -> None:
    problem = line()
    beyond = points_beyond(problem)
    tokens, depth = beyond.features["tokens"], beyond.features["depth"]
    assert tokens.shape == depth.shape == (STEPS + 1, len(beyond.group))
    assert set(beyond.axis) == {"tokens"}
    assert set(tokens[0]) <= set(problem.table.features["tokens"])
    assert tokens[-1] == pytest.approx(np.full(len(beyond.group), 1e9 * RULES.guards.multiple))
    assert np.ptp(np.diff(np.log(tokens), axis=0), axis=0) == pytest.approx(0.0, abs=1e-9)
    assert np.all(np.diff(tokens, axis=0) > 0)
    assert np.all(depth == depth[0])
    assert set(depth[0]) == {2.0, 4.0}


def test_a_target_scale_farther_out_is_reached() -> None:
    assert points_beyond(line(target_scale={"tokens": 1e12})).features["tokens"][-1] == pytest.approx(1e12)
    assert points_beyond(line(target_scale={"tokens": 2e9})).features["tokens"][-1] == pytest.approx(8e9)


def test_every_axis_and_all_at_once() -> None:
    problem = chinchilla()
    beyond = points_beyond(problem)
    assert set(beyond.axis) == {"N", "D", ALL}
    for axis in ("N", "D", ALL):
        here = [i for i, a in enumerate(beyond.axis) if a == axis]
        for name in ("N", "D"):
            x = beyond.features[name][:, here]
            moves = axis in (name, ALL)
            assert np.all(np.diff(x, axis=0) > 0) if moves else np.all(x == x[0])


def test_logarithms_and_other_columns_are_moved_by_steps() -> None:
    u = np.linspace(17.0, 21.0, 12)
    problem = problem_from({"u": u}, u, {"u": "logged"}, axes=("u",))
    assert points_beyond(problem).features["u"][-1] == pytest.approx(21 + 0.4 * np.log10(RULES.guards.multiple))
    further = problem_from({"u": u}, u, {"u": "logged"}, axes=("u",), target_scale={"u": 25.0})
    assert points_beyond(further).features["u"][-1] == pytest.approx(25.0)
    other = problem_from({"u": u - 19}, u, {"u": "other"}, axes=("u",))
    assert points_beyond(other).features["u"][-1] == pytest.approx(4.0)


def test_without_an_axis_shares_stay_shares() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([1.0, 1.0, 1.0], 30)
    features = {f"p{i}": shares[:, i] for i in range(3)}
    problem = problem_from(features, shares[:, 0], dict.fromkeys(features, "share"), group=np.repeat([0, 1], 15))
    beyond = points_beyond(problem)
    assert beyond.features["p0"].shape == (3, 30)
    assert sum(beyond.features.values()) == pytest.approx(1.0)
    assert all(np.all(x >= 0) for x in beyond.features.values())
    assert np.array_equal(beyond.group, problem.table.group)


def test_every_group_is_continued() -> None:
    x = np.tile(np.geomspace(1e3, 1e6, 6), 9)
    beyond = points_beyond(problem_from({"x": x}, x, group=np.repeat(np.arange(9), 6), axes=("x",)))
    assert set(beyond.group) == set(range(9))


@pytest.mark.parametrize("value", ["decreasing", "increasing"])
def test_declared_directions_are_kept(value) -> None:
    problem = line(monotone={"tokens": value})
    falls, rises = {"A": 1e3, "a": 0.5}, {"A": -1e3, "a": 0.5}
    right, wrong = (falls, rises) if value == "decreasing" else (rises, falls)
    slow = problem_from(problem.table.features, problem.table.targets * 30, axes=("tokens",), monotone=problem.monotone)
    assert verdict(problem, "2.1 + A*tokens**(-a)", **right) is None
    assert verdict(problem, "2.1 + 30*A*tokens**(-a)", **wrong) == f"does not keep {value} along tokens beyond the data"
    assert verdict(slow, "60 + 0.1*A*tokens**(-a)", **wrong) is None  # by less than the slack


def test_a_turn_beyond_the_data_is_seen() -> None:
    problem = line(monotone={"tokens": "decreasing"})
    assert verdict(problem, "2 + A*(log(tokens) - m)**2", A=0.004, m=30.0) is None
    assert "along tokens" in str(verdict(problem, "2 + A*(log(tokens) - m)**2", A=0.03, m=21.0))


def test_what_holds_eventually_may_turn_in_the_data_but_not_far_beyond() -> None:
    always = line(monotone={"tokens": "increasing"})
    later = line(monotone={"tokens": "increasing"}, eventually=frozenset({"tokens"}))
    law = "2 + A*(log(tokens) - m)**2"
    turned = {"A": 0.02, "m": np.log(1.2e9)}
    assert "along tokens" in str(verdict(always, law, **turned))
    assert verdict(later, law, **turned) is None
    assert "along tokens" in str(verdict(later, law, A=0.02, m=np.log(4e9)))


def test_directions_along_other_axes_do_not_matter() -> None:
    problem = chinchilla(monotone={"N": "decreasing"})
    assert verdict(problem, "E + A*N**(-a) + B*log(D)", E=0.8, A=480.0, a=0.35, B=0.05) is None


def test_known_bounds() -> None:
    text, constants = "E + A*tokens**(-a)", {"E": 1.7, "A": 1.5e3, "a": 0.5}
    assert verdict(line(), text, **constants) is None
    assert verdict(line(lower=1.6), text, **constants) is None
    assert verdict(line(lower=1.75), text, **constants) == "falls below 1.75 beyond the data"
    assert verdict(line(upper=3.0), text, **constants) is None
    assert verdict(line(upper=1.4), text, **constants) == "rises above 1.4 beyond the data"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_pole_or_an_overflow_beyond_the_data() -> None:
    assert verdict(line(), "E + (k - tokens)**(-a)", E=2.0, k=2e9, a=0.5) == "not finite beyond the data"
    assert verdict(line(), "E + exp(k*tokens)", E=2.0, k=5e-7) == "not finite beyond the data"


def test_a_law_that_leaves_the_range() -> None:
    reason = "leaves the range of the data far behind"
    assert verdict(line(), "E + k*tokens", E=2.0, k=1e-9) == reason
    assert verdict(line(), "E - k*tokens", E=2.0, k=1e-9) == reason
    assert verdict(line(), "E - k*log(tokens)", E=3.2, k=0.06) is None


def tuned() -> Problem:
    """A loss over sizes and learning rates, of which the best falls as runs grow."""
    params, lr = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e-4, 1e-2, 7)))
    loss = 2 + (params / 1e7) ** -0.3 + 0.1 * np.log(lr * (params / 1e8) ** 0.7 / 1e-3) ** 2
    return problem_from({"params": params, "lr": lr}, loss, axes=("params",))


STEEP = "2 + (params/1e7)**(-0.3) + 0.1*(exp(k*(log(lr) + 0.7*log(params) - 6)) - k*(log(lr) + 0.7*log(params) - 6))"


@pytest.mark.parametrize(("multiple", "k", "refused"), [(8.0, 0.5, False), (8.0, 1.0, True), (256.0, 1.0, False)])
def test_far_beyond_one_good_learning_rate_is_enough(multiple: float, k: float, refused: bool) -> None:
    problem = tuned()
    beyond = points_beyond(problem, multiple)
    predicted = predict_beyond(law_with(problem, STEEP, k=k), beyond)
    assert (implausible(problem, beyond, predicted) is not None) == refused
    worst, best = predicted[-1].max(), predicted[-1].min()
    if multiple > RULES.guards.multiple:
        assert worst > 10 > best
        assert implausible(problem, beyond, predicted + 20) == "leaves the range of the data far behind"


def test_settings_are_exchanged_and_moved_aside_while_sizes_grow() -> None:
    problem = tuned()
    aside = settings_beyond(problem)
    assert aside is not None
    lr, params = aside.features["lr"], aside.features["params"]
    assert np.all(lr == lr[0])
    assert lr.min() == pytest.approx(1e-4 / RULES.guards.aside, rel=0.01)
    assert lr.max() == pytest.approx(1e-2 * RULES.guards.aside, rel=0.02)
    assert set(params[0]) <= set(problem.table.features["params"])
    assert params[-1] == pytest.approx(1e9 * RULES.guards.multiple)


def test_settings_that_cannot_be_are_not_asked() -> None:
    experts, params = (a.ravel() for a in np.meshgrid([1.0, 2.0, 4.0, 8.0], np.geomspace(1e7, 1e9, 5)))
    aside = settings_beyond(problem_from({"params": params, "experts": experts}, 1 / params, axes=("params",)))
    assert aside is not None
    assert (aside.features["experts"].min(), aside.features["experts"].max()) == (1.0, 16.0)
    unique = np.minimum(params, 1e8)
    for part in (unique, unique / 3):  # whether it meets its whole or not
        aside = settings_beyond(problem_from({"tokens": params, "unique": part}, 1 / params, axes=("tokens",)))
        assert aside is not None
        assert np.all(aside.features["unique"] <= aside.features["tokens"])
        assert len(set(aside.features["unique"][0])) > len(set(part))
    sparsity = 1 - 1 / (1 + experts)
    aside = settings_beyond(problem_from({"params": params, "sparsity": sparsity}, 1 / params, axes=("params",)))
    assert aside is not None
    assert sparsity.max() < aside.features["sparsity"].max() < 1
    assert 0 < aside.features["sparsity"].min() < sparsity.min()
    assert settings_beyond(chinchilla()) is None
    assert settings_beyond(problem_from({"lr": experts}, 1 / params)) is None


@pytest.mark.parametrize("axes", [(), ("sparsity",)])
def test_shares_stay_below_one(axes: tuple[str, ...]) -> None:
    sparsity, params = (a.ravel() for a in np.meshgrid([0.1, 0.5, 0.9], np.geomspace(1e7, 1e9, 5)))
    problem = problem_from({"sparsity": sparsity, "params": params}, 1 - sparsity, {"sparsity": "share"}, axes=axes)
    beyond = points_beyond(problem)
    assert 0.9 < beyond.features["sparsity"].max() < 1
    assert np.all(np.isfinite(predict_beyond(law_with(problem, "(1 - sparsity)**b", b=0.5), beyond)))


@pytest.mark.parametrize(("text", "refused"), [("E + A/x - k/experts", True), ("E + A/x + k/experts", False)])
@pytest.mark.parametrize("axes", [("x",), ()])
def test_declared_directions_hold_along_features_that_are_no_axis(
    text: str, refused: bool, axes: tuple[str, ...]
) -> None:
    x, experts = (a.ravel() for a in np.meshgrid(np.geomspace(1, 64, 7), [1.0, 2.0, 4.0, 8.0]))
    problem = problem_from(
        {"x": x, "experts": experts}, 2 + 1 / x, axes=axes, monotone={"x": "decreasing", "experts": "decreasing"}
    )
    along = points_along(problem)
    assert along is not None
    wrong = wrong_direction(problem, along, predict_beyond(law_with(problem, text, E=2, A=1, k=0.1), along))
    assert (wrong == "does not keep decreasing along experts beyond the data") == refused
    structure = Structure(parse(text, list(problem.kinds)), domains={"k": Domain(0.05, 1.0)})
    score = Scorer(problem).score(structure, Recipe())
    assert isinstance(score, Refused) == refused


def test_without_a_declared_direction_nothing_is_moved_along() -> None:
    assert points_along(chinchilla()) is None
    assert points_along(chinchilla(monotone={"N": "decreasing"})) is None  # an axis is continued anyway


@pytest.mark.parametrize(
    ("setting", "refused"), [("lr", None), ("(lr - k)", "has no finite value for other settings beyond the data")]
)
def test_a_law_without_a_value_for_other_settings_is_refused(setting: str, refused: str | None) -> None:
    problem = tuned()
    lr = problem.table.features["lr"]
    loss = problem_from(
        problem.table.features, 2 + 100 * problem.table.features["params"] ** -0.3 + lr**0.5, axes=("params",)
    )
    structure = Structure(
        parse(f"E + A*params**(-0.3) + B*{setting}**a", list(problem.kinds)), domains={"k": Domain(6e-5, 9e-5)}
    )
    score = Scorer(loss).score(structure, Recipe(), published=True)
    assert (score.reason if isinstance(score, Refused) else None) == refused


def scheduled() -> Problem:
    """A loss between 2 and 3; where the first setting was above zero the second was not."""
    tokens = np.geomspace(1e6, 1e9, 16)
    first = np.tile([0.0, 2.0], 8)
    features = {"tokens": tokens, "first": first, "second": 2.0 - first, "share": np.tile([0.1, 0.9], 8)}
    kinds = {"first": "plain", "second": "plain", "share": "share"}
    return problem_from(features, 2 + (tokens / 1e6) ** -0.5, kinds, axes=("tokens",))


def test_settings_of_several_rows_meet_at_measured_scales() -> None:
    problem = scheduled()
    mixed = settings_mixed(problem)
    assert mixed is not None
    columns = {name: values[0] for name, values in mixed.features.items()}
    assert {(a, b) for a, b in zip(columns["first"], columns["second"], strict=True)} == {
        (0, 0),
        (0, 2),
        (2, 0),
        (2, 2),
    }
    own = set(zip(problem.table.features["tokens"], problem.table.features["share"], strict=True))
    assert set(zip(columns["tokens"], columns["share"], strict=True)) <= own  # shares stay with their row
    assert settings_mixed(chinchilla()) is None


@pytest.mark.parametrize(
    ("k", "refused"),
    [
        (1.0, None),
        (2.0, "leaves the range of the data for other settings"),
        (-2.0, "leaves the range of the data for other settings"),
    ],
)
def test_a_law_that_strays_where_settings_meet_is_refused(k: float, refused: str | None) -> None:
    problem = scheduled()
    mixed = settings_mixed(problem)
    assert mixed is not None
    law = law_with(problem, "2 + (tokens/1e6)**(-0.5) + k*first*second", k=k)
    assert astray(problem, mixed, predict_beyond(law, mixed)) == refused
    structure = Structure(
        parse("E + A*tokens**a + k*first*second", list(problem.kinds)), domains={"k": Domain(k, k + 0.1)}
    )
    score = Scorer(problem).score(structure, Recipe(), published=True)
    assert (score.reason if isinstance(score, Refused) else None) == refused


@pytest.mark.parametrize(("size", "lost"), [(4e13, True), (1e10, False), (1.0, False)])
def test_terms_that_cancel_to_the_last_digits(size: float, lost: bool) -> None:
    problem = line()
    law = law_with(problem, "E + A*tokens**a", E=2.0 + size, A=-size, a=-1e-3 / size)
    beyond = points_beyond(problem)
    assert lost_in_rounding(law, beyond, predict_beyond(law, beyond), np.array([0.3])) == lost


def test_every_target_and_group_has_its_own_range() -> None:
    x = np.tile(np.geomspace(1e3, 1e6, 8), 2)
    group = np.repeat([0, 1], 8)
    y = np.column_stack([group * 10.0 + x**-0.1, 100 + 5 * x**-0.1])
    problem = problem_from({"x": x}, y, group=group, axes=("x",))
    beyond = points_beyond(problem)
    good = np.array([[0.3, 101.5], [10.3, 101.5]])  # groups by targets
    assert implausible(problem, beyond, predict_beyond(law_with(problem, "E + 0*x", E=good), beyond)) is None
    swapped = good[::-1]  # each group at the level of the other
    assert implausible(problem, beyond, predict_beyond(law_with(problem, "E + 0*x", E=swapped), beyond)) is not None


@pytest.mark.parametrize(("wild", "refused"), [(0, False), (2, False), (3, True)])
def test_a_law_may_say_what_cannot_be_in_a_few_of_many_groups(wild: int, refused: bool) -> None:
    group, x = np.divmod(np.arange(80), 8)
    problem = problem_from({"x": 2.0**x}, 1 + 2.0 ** -(0.5 * x), group=group, axes=("x",))
    beyond = points_beyond(problem)
    slope = np.where(np.arange(10) < wild, 5.0, 0.0)[:, None]
    law = law_with(problem, "E + s*log(x)", E=1.0, s=slope)
    predicted = predict_beyond(law, beyond)
    broken = [groups for _, groups in broken_promises(problem, beyond, predicted)]
    assert np.flatnonzero(np.any(broken, axis=0)).tolist() == list(range(wild))
    assert unbelieved_groups(problem, beyond, law).mean() == wild / 10
    assert (implausible(problem, beyond, predicted) is not None) == refused


def test_no_group_may_be_without_a_forecast() -> None:
    group, x = np.divmod(np.arange(80), 8)
    problem = problem_from({"x": 2.0**x}, 1 + 2.0 ** -(0.5 * x), group=group, axes=("x",))
    beyond = points_beyond(problem)
    nothing = np.where(np.arange(10) == 4, np.inf, 1.0)[:, None]
    predicted = predict_beyond(law_with(problem, "E + 0*x", E=nothing), beyond)
    assert implausible(problem, beyond, predicted) == "not finite beyond the data"
