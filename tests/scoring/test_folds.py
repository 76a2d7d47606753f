"""The inner folds: what is held out, with which weight, and what never happens whatever the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.scoring import make_folds
from tests.scoring.problems import problem_from, two_families, with_cuts


def levels(n: int, repeats: int = 3) -> np.ndarray:
    return np.repeat(10.0 ** np.arange(n), repeats)


def test_one_axis_is_cut_from_the_top_and_the_nearest_cut_weighs_most() -> None:
    x = levels(8)
    folds = make_folds(problem_from({"x": x}, x, axes=("x",)))
    assert [fold.judge.mean() for fold in folds] == [0.125, 0.375, 0.625]
    assert [fold.weight for fold in folds] == pytest.approx([1 / 1.39, 0.3 / 1.39, 0.09 / 1.39])
    assert [fold.nearest for fold in folds] == [True, False, False]
    assert [fold.label for fold in folds] == ["x: top 12%", "x: top 38%", "x: top 62%"]
    for fold in folds:
        assert x[fold.fit].max() < x[fold.judge].min()


def test_two_axes_have_four_families_of_equal_weight() -> None:
    a, b = (v.ravel() for v in np.meshgrid(10.0 ** np.arange(5), 10.0 ** np.arange(6)))
    folds = make_folds(problem_from({"a": a, "b": b}, a, axes=("a", "b")))
    weights: dict[str, float] = {}
    for fold in folds:
        family = fold.label.partition(":")[0]
        weights[family] = weights.get(family, 0.0) + fold.weight
    assert weights == pytest.approx(dict.fromkeys(("a", "b", "any of a, b", "all of a, b"), 0.25))
    assert sum(fold.nearest for fold in folds) == 4
    corner = next(f for f in folds if f.label.startswith("all of"))
    assert a[corner.fit].max() == a.max()
    assert b[corner.fit].max() == b.max()


def test_an_axis_that_is_cut_once_is_helped_out_by_parts_of_the_design() -> None:
    x = levels(3, repeats=4)
    z = np.tile(np.arange(1.0, 5.0), 3)
    folds = make_folds(problem_from({"x": x, "z": z}, x, axes=("x",)))
    assert folds[0].label == "x: top 33%"
    assert folds[0].weight == pytest.approx(2 / 3)
    assert all(fold.label.startswith("interleaved") and fold.nearest for fold in folds[1:])
    assert np.all(sum(fold.judge.astype(int) for fold in folds[1:]) == 1)


def test_an_axis_of_two_levels_cannot_be_cut() -> None:
    x, z = levels(2, repeats=6), np.tile(np.arange(1.0, 7.0), 2)
    folds = make_folds(problem_from({"x": x, "z": z}, x, axes=("x",)))
    assert folds
    assert all(fold.label.startswith("interleaved") for fold in folds)


def test_without_an_axis_the_edge_of_the_design_is_one_of_six() -> None:
    rng = np.random.default_rng(0)
    x, z = rng.uniform(1, 2, 20), rng.uniform(1, 2, 20)
    folds = make_folds(problem_from({"x": x, "z": z}, x, {"x": "other", "z": "other"}))
    assert sorted(f.label for f in folds) == ["edge of the design"] + [f"interleaved part {k}" for k in range(1, 6)]
    assert [f.weight for f in folds] == pytest.approx([1 / 6] * 6)
    assert all(f.nearest for f in folds)
    edge = next(f for f in folds if f.label.startswith("edge")).judge
    far = np.hypot((x - x.mean()) / x.std(), (z - z.mean()) / z.std())
    assert far[edge].min() > far[~edge].max()
    assert edge.sum() == 5


def test_rows_of_one_design_point_stay_together() -> None:
    x = np.repeat(np.linspace(0.1, 0.9, 12), 3)
    for fold in make_folds(problem_from({"x": x}, x, {"x": "share"})):
        assert not set(x[fold.judge]) & set(x[fold.fit])


def test_a_continuous_axis_is_cut_within_every_group() -> None:
    x = np.concatenate([np.geomspace(1e3, 1e5, 30), np.geomspace(1e6, 1e9, 30)])
    group = np.repeat([0, 1], 30)
    folds = make_folds(problem_from({"x": x}, x, group=group, axes=("x",)))
    assert len(folds) == 3
    for fold in folds:
        for g in (0, 1):
            assert x[fold.fit & (group == g)].max() < x[fold.judge & (group == g)].min()


def test_few_levels_are_cut_within_every_group_as_many_are() -> None:
    """The largest run of a family is asked for from its smaller ones, whatever the sizes of the others."""
    x = np.concatenate([levels(6, 3), levels(3, 4)])
    group = np.repeat([0, 1], [18, 12])
    folds = make_folds(problem_from({"x": x}, x, group=group, axes=("x",)))
    for fold in folds:
        for g in (0, 1):
            assert x[fold.fit & (group == g)].max() < x[fold.judge & (group == g)].min()
    assert folds[0].judge.sum() == 3 + 4


def test_a_group_of_one_size_is_not_cut_along_it() -> None:
    x, z = np.concatenate([levels(6, 2), np.full(12, 1e9)]), np.tile(10.0 ** np.arange(12), 2)
    group = np.repeat([0, 1], 12)
    for fold in make_folds(problem_from({"x": x, "z": z}, x, group=group, axes=("x", "z"))):
        if fold.label.startswith("x:"):
            assert not fold.judge[group == 1].any()
        elif not fold.label.startswith("interleaved"):
            assert fold.judge[group == 1].any()


def test_of_a_small_group_only_the_largest_rows_are_held_out_so_that_most_laws_can_be_fitted() -> None:
    x = np.concatenate([np.geomspace(1, 1e4, 40), np.geomspace(1, 1e4, 8)])
    group = np.repeat([0, 1], [40, 8])
    for fold in make_folds(problem_from({"x": x}, x, group=group, axes=("x",))):
        left = fold.fit & (group == 1)
        assert left.sum() >= 5
        assert fold.judge[group == 0].any()
        assert x[left].max() < x[fold.judge & (group == 1)].min()


def test_where_all_groups_are_small_they_are_cut_all_the_same() -> None:
    x, group = np.tile(np.geomspace(1, 1e4, 5), 4), np.repeat(range(4), 5)
    folds = make_folds(problem_from({"x": x}, x, group=group, axes=("x",)))
    assert folds[0].judge.sum() == 4
    for fold in folds:
        assert np.bincount(group[fold.fit]).min() >= 4


@pytest.mark.parametrize("seed", range(20))
def test_no_cut_of_two_families_leaves_one_too_few_rows_for_the_laws_people_publish(seed: int) -> None:
    """Chinchilla has five constants; a family that keeps five rows or fewer says nothing of it."""
    problem = two_families(seed)
    folds = make_folds(problem)
    assert {f.label.partition(":")[0] for f in folds} >= {"params", "tokens"}
    for fold in folds:
        judged = np.unique(problem.table.group[fold.judge])
        assert np.bincount(problem.table.group[fold.fit], minlength=2)[judged].min() >= 7


@pytest.mark.parametrize("n", [1, 2])
def test_a_table_too_small_to_hold_anything_out_has_no_folds(n: int) -> None:
    x = np.arange(1.0, n + 1)
    assert make_folds(problem_from({"x": x}, x, axes=("x",))) == ()
    assert make_folds(problem_from({"x": x}, x)) == ()


@st.composite
def problems(draw: st.DrawFn):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, groups, columns = draw(st.integers(1, 60)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    few = draw(st.booleans())
    features = {}
    for i in range(columns):
        exponent = rng.integers(0, draw(st.integers(1, 8)), n) if few else rng.uniform(0, 4, n)
        features[f"x{i}"] = 10.0**exponent
    axes = tuple(features)[: draw(st.integers(0, columns))]
    group = np.sort(rng.integers(0, groups, n))
    return problem_from(features, rng.normal(size=n), group=np.unique(group, return_inverse=True)[1], axes=axes)


@settings(max_examples=120, deadline=None)
@given(problems(), st.integers(1, 5))
def test_whatever_the_table(problem, cuts: int) -> None:
    problem = with_cuts(problem, cuts)
    folds = make_folds(problem)
    group = problem.table.group
    if folds:
        assert sum(f.weight for f in folds) == pytest.approx(1.0)
        assert any(f.nearest for f in folds)
    assert len({f.judge.tobytes() for f in folds}) == len(folds)
    for fold in folds:
        assert fold.weight > 0
        assert fold.judge.any()
        assert np.array_equal(fold.fit, ~fold.judge)
        for g in np.unique(group[fold.judge]):
            assert np.sum(group[fold.fit] == g) >= 2
    again = make_folds(problem)
    assert [(f.label, f.weight, f.judge.tobytes()) for f in again] == [
        (f.label, f.weight, f.judge.tobytes()) for f in folds
    ]
