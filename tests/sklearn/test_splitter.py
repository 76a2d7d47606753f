"""ScaleSplit: what it promises, for any table."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score

from discover.sklearn import ScaleSplit

levels = st.integers(1, 6).map(lambda level: 10.0**level)
rows = st.lists(st.tuples(levels, levels, st.sampled_from("abc")), min_size=4, max_size=40)


def pieces(splitter, X, groups=None):
    """The splits, as far as the table has enough scales."""
    found = []
    with contextlib.suppress(ValueError):
        found += splitter.split(X, groups=groups)
    return found


@given(rows, st.integers(1, 4))
def test_every_test_row_is_larger_than_every_training_row_on_a_single_axis(table, n_splits):
    X = np.array([[n] for n, _, _ in table])
    for train, test in pieces(ScaleSplit(n_splits), X):
        assert X[test].min() > X[train].max()


@given(rows, st.integers(1, 4))
def test_no_training_row_is_as_large_as_a_test_row_on_every_axis(table, n_splits):
    X = np.array([[n, d] for n, d, _ in table])
    for train, test in pieces(ScaleSplit(n_splits), X):
        assert not (X[train][:, None] >= X[test][None]).all(axis=2).any()


@given(rows, st.integers(1, 4))
def test_with_groups_the_promise_holds_in_each_group_and_all_groups_are_trained_on(table, n_splits):
    X, groups = np.array([[n] for n, _, _ in table]), np.array([g for _, _, g in table])
    for train, test in pieces(ScaleSplit(n_splits), X, groups):
        assert set(groups[train]) == set(groups)
        for group in set(groups[test]):
            assert X[test][groups[test] == group].min() > X[train][groups[train] == group].max()


@given(rows, st.integers(1, 4), st.booleans())
def test_splits_roll_on_test_blocks_are_apart_and_the_last_holds_the_largest(table, n_splits, grouped):
    X, groups = np.array([[n, d] for n, d, _ in table]), [g for _, _, g in table] if grouped else None
    found = pieces(ScaleSplit(n_splits), X, groups)
    for (train, test), (later, later_test) in itertools.pairwise(found):
        assert set(later) == {*train, *test}
        assert not set(later_test) & set(test)
    if len(found) == n_splits:
        assert set(found[-1][0]) | set(found[-1][1]) == set(range(len(X)))


@given(st.permutations(range(24)), st.integers(1, 4))
def test_enough_different_scales_always_give_all_splits_of_about_the_wanted_size(order, n_splits):
    X = 10.0 ** np.array(order, float)[:, None]
    found = list(ScaleSplit(n_splits).split(X))
    assert len(found) == n_splits
    for _, test in found:
        assert len(test) == pytest.approx(24 / (n_splits + 1), abs=1)


def test_test_size_is_the_share_of_each_block():
    X = np.arange(1.0, 101.0)[:, None]
    sizes = [(len(train), len(test)) for train, test in ScaleSplit(3, test_size=0.1).split(X)]
    assert sizes == [(70, 10), (80, 10), (90, 10)]


def test_axes_are_named_in_a_data_frame_and_other_columns_do_not_matter():
    frame = pd.DataFrame({"family": list("abcdef"), "lr": [6, 5, 4, 3, 2, 1], "params": [1, 2, 3, 4, 5, 6]})
    (train, test), = ScaleSplit(1, axes="params").split(frame)  # fmt: skip
    assert (list(train), list(test)) == ([0, 1, 2], [3, 4, 5])


def test_any_estimator_can_be_judged_so():
    X = np.geomspace(1, 1e4, 40)[:, None]
    scores = cross_val_score(LinearRegression(), np.log(X), 3 - 0.1 * np.log(X[:, 0]), cv=ScaleSplit(4))
    assert scores == pytest.approx([1.0] * 4)


def test_splitter_shows_its_parameters():
    assert repr(ScaleSplit(2, axes="params")) == "ScaleSplit(axes='params', n_splits=2, test_size=None)"
    assert ScaleSplit(2).get_n_splits() == 2


@pytest.mark.parametrize(
    ("splitter", "X", "message"),
    [
        (ScaleSplit(3), [[1.0], [1.0], [2.0], [2.0]], "n_splits=3"),
        (ScaleSplit(0), [[1.0], [2.0]], "at least 1"),
        (ScaleSplit(2, test_size=0.5), [[1.0], [2.0]], "test_size=0.5"),
        (ScaleSplit(1, axes=4), [[1.0], [2.0]], "axes=4"),
        (ScaleSplit(1, axes=()), [[1.0], [2.0]], "axes is empty"),
        (ScaleSplit(1, axes="params"), [[1.0], [2.0]], "no column names"),
        (ScaleSplit(1, axes="parms"), pd.DataFrame({"params": [1, 2]}), "did you mean 'params'"),
        (ScaleSplit(1), pd.DataFrame({"family": ["a", "b"]}), "'family'|0 cannot be an axis"),
        (ScaleSplit(1), [[1.0], [np.nan], [2.0]], "not finite"),
        (ScaleSplit(1), [1.0, 2.0], "dimension"),
    ],
)
def test_bad_parameter_is_a_value_error_that_names_it(splitter, X, message):
    with pytest.raises(ValueError, match=message):
        list(splitter.split(X))


def test_groups_of_another_length_are_refused():
    with pytest.raises(ValueError, match="groups has 2 entries"):
        list(ScaleSplit(1).split([[1.0], [2.0], [3.0]], groups=["a", "b"]))
