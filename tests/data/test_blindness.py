"""Nothing about a sealed row's target can reach the train rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from discover.data.resources import datasets_folder, tasks_folder
from discover.data.table import Table
from discover.data.tasks import Task, list_tasks, load_task
from discover.errors import InputError

Edit = Callable[[list[str], list[int]], list[str] | None]


def without_row(cells: list[str], targets: list[int]) -> list[str] | None:
    return None


def with_target(text: str) -> Edit:
    def edit(cells: list[str], targets: list[int]) -> list[str]:
        return [text if place in targets else cell for place, cell in enumerate(cells)]

    return edit


def copy_task(name: str, folder: Path, edit: Edit) -> Task:
    """The shipped task on a copy of its dataset whose test rows were edited."""
    shutil.copytree(datasets_folder() / name, folder / name)
    shutil.copy(tasks_folder() / f"{name}.toml", folder / f"{name}.toml")
    table = folder / name / "data.csv"
    header, *lines = table.read_text().splitlines()
    targets = [header.split(",").index(target) for target in load_task(name).target]
    edited = [line.split(",") if line.endswith("train") else edit(line.split(","), targets) for line in lines]
    table.write_text("\n".join([header, *(",".join(cells) for cells in edited if cells)]) + "\n")
    return load_task(folder / f"{name}.toml")


def assert_equal(one: Table, other: Table) -> None:
    assert one.group_names == other.group_names
    assert one.target_names == other.target_names
    assert list(one.features) == list(other.features)
    np.testing.assert_array_equal(one.targets, other.targets)
    np.testing.assert_array_equal(one.group, other.group)
    for name, values in one.features.items():
        np.testing.assert_array_equal(values, other.features[name])


@pytest.mark.parametrize("name", list_tasks())
def test_train_rows_stay_when_test_rows_are_deleted(name: str, tmp_path: Path) -> None:
    task = copy_task(name, tmp_path, without_row)
    assert_equal(task.train(), load_task(name).train())
    assert any("has 0 test rows, its card says" in note for note in task.notes)
    assert any("SHA-256" in note for note in task.notes)
    assert task.facts().n_test == 0
    with pytest.raises(InputError, match="has no test rows: no row has 'test' in the column 'split'"):
        task.sealed()


@pytest.mark.parametrize("text", ["nan", "", "sealed"])
@pytest.mark.parametrize("name", list_tasks())
def test_train_rows_stay_when_test_targets_are_unreadable(name: str, text: str, tmp_path: Path) -> None:
    task = copy_task(name, tmp_path, with_target(text))
    assert_equal(task.train(), load_task(name).train())
    task.facts()
    assert not any("left out" in note for note in task.notes)
    with pytest.raises(InputError, match="expected a number" if text == "sealed" else "no test rows with a value in"):
        task.sealed()


def test_mistyped_label_is_refused_instead_of_opened(tmp_path: Path) -> None:
    task = copy_task("parallel", tmp_path, lambda cells, targets: [*cells[:-1], "Test"])
    with pytest.raises(InputError, match=r"line 38, column 'split': 'Test'; expected 'train' or 'test'"):
        task.train()
