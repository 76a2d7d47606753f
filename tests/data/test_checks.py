"""Problems of a table: each made on purpose, found with its rows, and not found where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from discover.data.checks import Columns, Finding, check_early, check_residuals, check_table, late_rows
from discover.data.table import Table

SCALES = Columns(("params", "tokens"), axes=("params", "tokens"))


def grid(factor: float = 10.0, groups: int = 1) -> Table:
    """Five sizes times five token counts in every group, with a clean loss."""
    size, data = (axis.ravel() for axis in np.meshgrid(1e7 * factor ** np.arange(5), 1e9 * factor ** np.arange(5)))
    params, tokens = np.tile(size, groups), np.tile(data, groups)
    loss = 1.7 + 400 * params**-0.34 + 410 * tokens**-0.28
    return Table(
        {"params": params, "tokens": tokens}, loss[:, None], ("loss",), np.repeat(np.arange(groups), 25),
        tuple(f"g{i}" for i in range(groups)),
    )  # fmt: skip


def kinds(found: list[Finding]) -> set[str]:
    return {one.kind for one in found}


@pytest.mark.parametrize("groups", [1, 3])
def test_a_clean_grid_has_no_problem(groups: int) -> None:
    assert check_table(grid(groups=groups), SCALES) == []


def test_exact_copies_and_contradictions_are_told_apart() -> None:
    table = grid().take(np.array([*range(25), 3, 7]))
    targets = table.targets.copy()
    targets[26] += 1.0
    found = {one.kind: one for one in check_table(replace(table, targets=targets), SCALES)}
    assert found["duplicate"].rows == (25,)
    assert found["contradiction"].rows == (7, 26)
    assert "up to 1" in found["contradiction"].text


def test_repeated_runs_that_nearly_agree_are_no_problem() -> None:
    table = grid().take(np.repeat(np.arange(25), 2))
    targets = table.targets * (1 + 0.003 * np.resize([1, -1], (50, 1)))
    assert check_table(replace(table, targets=targets), SCALES) == []


KNOWN = replace(SCALES, monotone={"params": "decreasing", "tokens": "decreasing"})


@pytest.mark.parametrize(("row", "off"), [(24, 0.8), (0, -1.6), (12, 0.8)])
def test_a_failed_run_is_told_where_it_stands_against_what_is_known(row: int, off: float) -> None:
    """Also the largest: that no other run lies beyond it makes no law a judge of it, but smaller runs are."""
    table = grid()
    targets = table.targets.copy()
    targets[row] += off
    table = replace(table, targets=targets)
    assert [(one.kind, one.rows) for one in check_table(table, KNOWN)] == [("against_known", (row,))]
    assert check_table(table, SCALES) == []


def test_directions_are_each_compared_with_all_else_equal() -> None:
    table = grid()
    other = replace(table, targets=-table.targets)
    rising = replace(SCALES, monotone={"params": "increasing", "tokens": "increasing"})
    assert check_table(other, rising) == []
    # Where loss falls with tokens and rises with params, a larger run with more tokens tells nothing.
    mixed = replace(SCALES, monotone={"params": "increasing", "tokens": "decreasing"})
    both = table.features["params"] ** 0.1 / table.features["tokens"] ** 0.1
    assert check_table(replace(table, targets=both[:, None]), mixed) == []


def test_noise_and_a_wrong_assumption_are_no_failed_runs() -> None:
    table = grid()
    noise = np.random.default_rng(0).normal(0, 0.3 * table.targets.std(), (25, 1))
    assert check_table(replace(table, targets=table.targets + noise), KNOWN) == []
    rising = replace(KNOWN, monotone={"params": "increasing", "tokens": "increasing"})
    assert check_table(table, rising) == []


def test_equal_rows_of_different_groups_are_no_duplicates() -> None:
    assert check_table(grid(groups=2), SCALES) == []


def test_values_that_have_no_power_are_named() -> None:
    table = grid()
    table.features["params"][4] = 0.0
    found = check_table(table, Columns(("tokens",), axes=("params", "tokens")))
    assert [(one.kind, one.rows, one.columns) for one in found] == [("non_positive", (4,), ("params",))]


def test_constant_columns_are_named_in_all_and_within_groups() -> None:
    table = grid(groups=2)
    features = {**table.features, "lr": np.full(50, 1e-3), "batch": np.where(table.group == 0, 1.0, 2.0)}
    found = check_table(replace(table, features=features), SCALES)
    assert [(one.kind, one.columns) for one in found] == [("constant", ("lr",)), ("constant", ("batch",))]
    assert "every group" in found[1].text
    still = check_table(replace(grid(), targets=np.ones((25, 1))), SCALES)
    assert still[0].columns == ("loss",)


def test_fixed_tokens_per_parameter_is_told_with_the_ratio() -> None:
    params = 1e7 * 3.0 ** np.arange(10)
    table = Table(
        {"params": params, "tokens": 20 * params}, (2 + params**-0.1)[:, None], ("loss",), np.zeros(10, int), ("all",)
    )
    (found,) = check_table(table, SCALES)
    assert found.kind == "collinear"
    assert "about 20 times params" in found.text
    assert "exponents of params and tokens cannot be separated" in found.text


def test_compute_as_a_product_of_two_columns_is_told() -> None:
    table = grid()
    features = {**table.features, "flops": 6 * table.features["params"] * table.features["tokens"]}
    (found,) = check_table(replace(table, features=features), Columns(("params", "tokens", "flops")))
    assert found.columns == ("params", "tokens", "flops")
    assert "flops goes as params * tokens" in found.text


def test_groups_with_few_settings_are_named() -> None:
    table = grid(groups=2)
    keep = np.flatnonzero((table.group == 0) | (np.arange(50) % 6 == 0))
    (found,) = check_table(table.take(keep), SCALES)
    assert found.kind == "few_rows"
    assert "g1 (4)" in found.text
    assert found.rows == tuple(range(25, 29))


def test_a_target_scale_below_the_data_is_told() -> None:
    table = grid()
    near = replace(SCALES, target_scale={"tokens": 5.0})
    found = [one.text for one in check_table(table, near) if "target scale" in one.text]
    assert found == [f"the target scale of tokens, 5, lies below its largest value, {table.features['tokens'].max():g}"]


def test_a_narrow_scale_few_levels_and_a_far_target_are_told() -> None:
    assert kinds(check_table(grid(factor=1.5), SCALES)) == {"narrow"}
    two = grid().take(grid().features["params"] <= 1e8)
    assert kinds(check_table(two, SCALES)) == {"few_levels"}
    far = replace(SCALES, target_scale={"params": 1e17, "tokens": 1e14})
    found = check_table(grid(), far)
    assert [one.columns for one in found] == [("params",)]


def test_a_row_far_off_every_law_is_named_but_not_one_off_a_single_law() -> None:
    table = grid()
    noise = 0.001 * np.sin(np.arange(25.0))[:, None]
    off = noise.copy()
    off[[2, 11]] += [[0.5], [-0.4]]
    (found,) = check_residuals(table, [off, off])
    assert (found.kind, found.rows) == ("far_off", (2, 11))
    assert check_residuals(table, [off, noise]) == []


def test_early_rows_above_the_law_are_in_warm_up() -> None:
    table = grid()
    residuals = 0.001 * np.sin(np.arange(25.0))[:, None]
    residuals[table.features["tokens"] == 1e9, 0] += [0.5, 0.6, 0.7, 0.4, 0.3]
    (found,) = check_residuals(table, [residuals, residuals], ["tokens"])
    assert (found.kind, found.rows) == ("warm_up", (0, 1, 2, 3, 4))
    (found,) = check_residuals(table, [-residuals, -residuals], ["tokens"])
    assert found.kind == "far_off"


def test_where_a_fifth_is_off_it_is_the_law_that_is() -> None:
    residuals = 0.001 * np.sin(np.arange(25.0))[:, None]
    residuals[::4] += 1.0
    assert check_residuals(grid(), [residuals, residuals]) == []


def test_rows_that_spoil_the_fit_of_all_others_are_in_warm_up() -> None:
    table = grid()
    noise = 0.001 * np.sin(np.arange(25.0))[:, None]
    early = ~late_rows(table, "tokens")
    assert early.sum() == 10
    spike = noise.copy()
    spike[table.features["tokens"] == 1e9] += 0.8
    bent = np.where(early[:, None], 0.1, 0.05 * np.cos(np.arange(25.0))[:, None])
    (found,) = check_early(table, "tokens", [bent, bent], [spike, spike])
    assert (found.kind, found.rows) == ("warm_up", (0, 1, 2, 3, 4))
    # A law that fits the others as well with the early rows as without them speaks against warm-up.
    assert check_early(table, "tokens", [noise, bent], [spike, spike]) == []
    # Rows below the law are none either.
    assert check_early(table, "tokens", [bent, bent], [-spike, -spike]) == []


def test_where_laws_run_away_it_is_not_the_rows_that_are_far_off() -> None:
    table = grid()
    residuals = np.full((25, 1), 1e-3) * np.where(np.arange(25) % 2, 1, -1)[:, None]
    wild = residuals.copy()
    wild[[4, 9]] = -3.5e6
    assert check_residuals(table, [wild, wild]) == []
    odd = replace(table, targets=table.targets + np.where(np.arange(25) == 7, 0.9, 0.0)[:, None])
    near, far = residuals.copy(), residuals.copy()
    near[7], far[7] = 0.9, 1.4
    (found,) = check_residuals(odd, [far, near])
    assert found.rows == (7,)
    assert "the nearest by up to 0.9" in found.text


def test_steps_of_a_run_cannot_tell_what_its_schedule_does_later() -> None:
    table = Table({"step": np.arange(1.0, 61.0)}, np.arange(60.0)[:, None], ("loss",), np.zeros(60, int), ("all",))
    (found,) = check_table(table, Columns(("step",), axes=("step",), steps=("step",)))
    assert found.kind == "schedule"
    assert "no interval covers it" in found.text


def test_more_columns_than_rows_are_one_problem() -> None:
    columns = {f"c{i}": np.arange(1.0, 9.0) ** (1 + i % 5) + i for i in range(20)}
    table = Table(columns, np.arange(8.0)[:, None], ("loss",), np.zeros(8, int), ("all",))
    (found,) = [one for one in check_table(table, Columns(tuple(columns))) if one.kind == "collinear"]
    assert found.text.startswith("20 columns and 8 rows")
