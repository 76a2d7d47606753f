"""Task files of users: keys, tables without cards, splits, and errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from discover.data.resources import datasets_folder, tasks_folder
from discover.data.splits import hold_out, scale_ranks
from discover.data.tasks import Task, load_task
from discover.errors import InputError

TABLE = """\
kind,N,loss,err,w
a,1,3.0,.1,1
a,10,2.5,.1,1
a,100,2.2,.1,2
b,1,4,.1,1
b,10,3.5,.1,1
b,100,3.1,.1,1
"""
KEYS = 'dataset = "runs.csv"\ntarget = "loss"\nfeatures = ["N"]\ngroup = "kind"\nextrapolate = ["N"]\n'


def make(folder: Path, keys: str = KEYS, table: str = TABLE) -> Task:
    (folder / "runs.csv").write_text(table)
    (folder / "task.toml").write_text(keys)
    return load_task(folder / "task.toml")


def refused(folder: Path, keys: str) -> str:
    with pytest.raises(InputError) as caught:
        make(folder, keys)
    return str(caught.value)


def test_table_without_card_is_enough(tmp_path: Path) -> None:
    task = make(tmp_path, KEYS + 'weights = "w"\nerrors = "err"\n')
    train = task.train()
    assert (task.name, task.title, task.notes) == ("task", "task", ())
    assert train.group_names == ("a", "b")
    assert train.weights is not None
    assert train.weights.tolist() == [1, 1, 2, 1, 1, 1]
    assert train.errors is not None
    assert train.errors.shape == (6, 1)
    with pytest.raises(InputError, match="the task has no split"):
        task.sealed()


def test_shipped_dataset_can_be_split_anew(tmp_path: Path) -> None:
    task = make(
        tmp_path,
        'dataset = "moe"\ntarget = "loss"\nfeatures = ["params", "experts"]\nextrapolate = ["params"]\n'
        "[split]\nholdout = 0.3\n",
    )
    assert task.notes == ()
    assert len(task.train()) + len(task.sealed()) == 221
    assert task.train().features["params"].max() < task.sealed().features["params"].min()


def test_columns_of_a_task_go_before_those_of_the_card(tmp_path: Path) -> None:
    keys = KEYS + '[[columns]]\nname = "N"\nunit = "layers"\ndomain = "positive"\n'
    assert make(tmp_path, keys).column("N").unit == "layers"
    task = make(tmp_path, keys, TABLE.replace("b,10,", "b,0,"))
    with pytest.raises(InputError, match=r"runs.csv, line 6, column 'N': 0 is out of range; expected a number above 0"):
        task.train()


def test_heading_that_no_formula_can_use_needs_a_source(tmp_path: Path) -> None:
    table = TABLE.replace("kind,N", "kind,model size")
    assert "cannot stand in a formula" in refused(tmp_path, KEYS.replace('"N"', '"model size"'))
    task = make(tmp_path, KEYS + '[[columns]]\nname = "N"\nsource = "model size"\n', table)
    assert task.train().features["N"].tolist() == [1, 10, 100, 1, 10, 100]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (KEYS + "budget = 4\n", "unknown key 'budget' (known keys: name"),
        (KEYS + "constant = 4\n", "unknown key 'constant'; did you mean 'constants'"),
        (KEYS + 'table = "x.csv"\n', "unknown key 'table'"),
        (KEYS + "constants = 0\n", "key 'constants': input should be greater than or equal to 1, got 0"),
        (KEYS.replace("target", "#"), "key 'target' is missing"),
        (KEYS + "x = = 1\n", "is not valid TOML: Invalid value (at line 6"),
        (
            KEYS.replace('extrapolate = ["N"]', 'extrapolate = ["D"]'),
            "extrapolate names 'D', which is not among",
        ),
        (KEYS.replace('"loss"', '"N"'), "the column 'N' is used more than once"),
        (KEYS + 'errors = ["err", "w"]\n', "errors names 2 columns; expected one per target, 1"),
        (KEYS + "[split]\nholdout = 1.5\n", "key 'split.holdout'"),
        (KEYS + '[split]\nholdout = 0.5\ncolumn = "s"\n', "one of column, holdout and test_rows"),
        (KEYS.replace('extrapolate = ["N"]', "[split]\nholdout = 0.5"), "extrapolate must name"),
        (KEYS + "[target_scale]\nN = inf\n", "target_scale must hold finite numbers"),
        (
            KEYS + '[[knowledge]]\nkind = "monotone"\nfeature = "N"\ndirection = "down"\n',
            "key 'knowledge[1].direction': input should be 'decreasing' or 'increasing', got 'down'",
        ),
        (KEYS + '[[knowledge]]\nkind = "bounds"\n', "bounds need a lower value"),
        (KEYS + '[[knowledge]]\nkind = "bounds"\nlower = 1\nupper = 0\n', "must be below the upper bound"),
        (KEYS + '[[knowledge]]\nkind = "convex"\n', "knowledge[1]"),
        (KEYS + '[[knowledge]]\nkind = "bounds"\nlower = 1\nleast = 0\n', "unknown key 'knowledge[1].least'"),
        (
            KEYS.replace("runs.csv", "mo"),
            "dataset 'mo' is neither a table beside the task file nor a shipped",
        ),
    ],
)
def test_wrong_keys_are_named(tmp_path: Path, keys: str, message: str) -> None:
    text = refused(tmp_path, keys)
    assert message in text
    assert "task.toml" in text


def test_missing_task_file_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*none.toml"):
        load_task(tmp_path / "none.toml")
    with pytest.raises(InputError, match="is not a task file"):
        load_task("runs.csv")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("kind,N,loss\na,1,3\n", "has 1 train row"),
        ("kind,N,loss\na,1,3\na,2,3\nb,2,3\n", "line 4, column 'kind': the group 'b' has a single train row"),
        (
            "kind,N,loss\na,1,3\n,2,3\n",
            "has 1 train row, as of 2 rows 1 without a value in kind are left out; expected at least 2",
        ),
        (
            "kind,N,loss\na,1,\na,2,3\na,,3\n,4,3\nb,5,nan\n",
            "has 1 train row, as of 5 rows 2 without a value in N or kind and 2 without a value in loss are",
        ),
        (
            "kind,N,loss\na,1,3\na,2,3\nb,1,3\nb,2,\n",
            "line 4, column 'kind': the group 'b' has a single train row, as of 4 rows 1 without a value in loss",
        ),
        ("kind,N,los\na,1,3\na,2,3\n", "has no column 'loss'; did you mean 'los'"),
        ("kind,N,loss\na,1,3\na,2,two\n", "line 3, column 'loss': 'two' is not a number"),
    ],
)
def test_wrong_tables_are_reported_by_train(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        make(tmp_path, table=table).train()
    assert message in str(caught.value)


def test_rows_without_a_value_are_left_out_with_a_note(tmp_path: Path) -> None:
    table = TABLE + "a,,3,.1,1\nb,1000,N/A,.1,1\na,1000,nan,.1,1\nb,1000,inf,.1,1\n,1000,2,.1,1\nb,2000,2,,1\n"
    task = make(tmp_path, KEYS + 'weights = "w"\nerrors = "err"\n', table)
    assert task.train().features["N"].tolist() == [1, 10, 100, 1, 10, 100]
    assert (task.train().unit, task.train().lines.tolist()) == ("line", [2, 3, 4, 5, 6, 7])
    assert task.notes == (
        "2 runs are left out: no value in N or kind (lines 8, 12)",
        "4 runs are left out: no value in loss or err (lines 9, 10, 11, 13)",
    )


def test_a_group_may_be_called_none(tmp_path: Path) -> None:
    table = TABLE.replace("a,", "none,").replace("b,", "-,")
    assert make(tmp_path, table=table).train().group_names == ("none", "-")
    assert make(tmp_path, table=TABLE + "N/A,1000,2,.1,1\n").train().group_names == ("a", "b")


def test_sealed_rows_without_a_result_are_told_when_opened(tmp_path: Path) -> None:
    table = TABLE + "a,1000,,.1,1\nb,1000,2.9,.1,1\n"
    task = make(tmp_path, KEYS + "[split]\nholdout = 0.2\n", table)
    assert (len(task.train()), task.facts().n_test, task.notes) == (6, 2, ())
    assert task.sealed().targets.tolist() == [[2.9]]
    task = make(tmp_path, KEYS + "[split]\nholdout = 0.2\n", table.replace("1000,2.9", "1000,nan"))
    with pytest.raises(InputError, match="has no test rows with a value in loss"):
        task.sealed()


def test_rows_of_a_second_table_without_a_setting_are_told(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("kind,N,loss\nb,1000,2.9\na,,\n")
    task = make(tmp_path, KEYS + '[split]\ntest_rows = "more.csv"\n')
    assert len(task.sealed()) == 1
    (note,) = task.notes
    assert note.endswith("more.csv, 1 run is left out: no value in N (line 3)")


def test_other_number_of_train_rows_than_the_card_says(tmp_path: Path) -> None:
    shutil.copytree(datasets_folder() / "parallel", tmp_path / "parallel")
    shutil.copy(tasks_folder() / "parallel.toml", tmp_path)
    table = tmp_path / "parallel" / "data.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join([lines[0], *lines[2:]]))
    with pytest.raises(InputError, match=r"has 35 train rows; expected 36 as in its card.toml"):
        load_task(tmp_path / "parallel.toml").train()


def test_unknown_key_of_a_card_is_refused(tmp_path: Path) -> None:
    shutil.copytree(datasets_folder() / "parallel", tmp_path / "parallel")
    shutil.copy(tasks_folder() / "parallel.toml", tmp_path)
    card = tmp_path / "parallel" / "card.toml"
    card.write_text('colour = "red"\n' + card.read_text())
    with pytest.raises(InputError, match=r"card.toml: unknown key 'colour'"):
        load_task(tmp_path / "parallel.toml")


def test_group_of_a_second_table_without_train_rows_is_refused(tmp_path: Path) -> None:
    task = make(tmp_path, KEYS + '[split]\ntest_rows = "more.csv"\n')
    (tmp_path / "more.csv").write_text("kind,N,loss\nb,1000,2.9\n")
    assert task.sealed().group.tolist() == [1]
    assert task.facts().n_test == 1
    (tmp_path / "more.csv").write_text("kind,N,loss\nb,1000,2.9\nc,1000,2.9\n")
    with pytest.raises(InputError, match=r"more.csv, line 3, column 'kind': the group 'c' has no train rows"):
        task.sealed()


def test_held_out_rows_are_the_largest_of_every_group() -> None:
    axes = np.array([[1.0], [2], [3], [4], [10], [20], [30], [40]])
    group = np.array([0] * 4 + [1] * 4)
    assert hold_out(axes, group, 0.25).tolist() == [False, False, False, True] * 2


def test_rows_of_equal_scale_stay_together_and_small_groups_keep_their_rows() -> None:
    axes = np.array([[1.0], [1], [2], [2], [1], [2]])
    group = np.array([0, 0, 0, 0, 1, 1])
    assert hold_out(axes, group, 0.1).tolist() == [False, False, True, True, False, False]


def test_ranks_do_not_depend_on_the_scale_of_an_axis() -> None:
    axes = np.array([[1.0, 5], [10, 4], [100, 6]])
    np.testing.assert_array_equal(scale_ranks(axes), scale_ranks(np.log(axes)))
