"""The eight shipped tasks, their datasets and cards."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from discover.data.cards import load_card
from discover.data.resources import datasets_folder, resource_folder
from discover.data.tasks import Bounds, Task, list_tasks, load_task
from discover.errors import InputError

# task: train rows, test rows, groups, constants per group
PUBLISHED = {
    "data_constrained": (161, 21, 1, 7),
    "domain_mixture": (80, 24, 4, 35),
    "easy_question": (389, 127, 9, 6),
    "lr_bsz": (2702, 117, 1, None),
    "moe": (193, 28, 1, 6),
    "parallel": (36, 12, 2, 4),
    "sft": (504, 42, 42, 4),
    "vocab": (1080, 120, 1, 7),
}


def test_list_tasks_holds_the_eight_tasks() -> None:
    assert list_tasks() == tuple(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_shipped_task_has_the_published_counts(name: str) -> None:
    n_train, n_test, n_groups, constants = PUBLISHED[name]
    task = load_task(name)
    train, sealed = task.train(), task.sealed()
    assert (len(train), len(sealed), train.n_groups, task.constants) == (n_train, n_test, n_groups, constants)
    assert train.group_names == sealed.group_names
    assert task.notes == ()
    assert task.facts().n_test == n_test


@pytest.mark.parametrize("name", PUBLISHED)
def test_card_describes_every_column_of_its_file(name: str) -> None:
    folder = datasets_folder() / name
    card = load_card(folder / "card.toml")
    with (folder / "data.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert [column.name for column in card.columns] == header
    assert all(column.meaning for column in card.columns)
    assert all(column.unit for column in card.columns if column.role in ("feature", "target"))
    assert card.table.sha256 == hashlib.sha256((folder / "data.csv").read_bytes()).hexdigest()
    task = load_task(name)
    assert card.benchmark is not None
    assert card.benchmark.task == task.benchmark
    assert task.train().group_names == (card.table.groups or ("all",))


@pytest.mark.parametrize("name", PUBLISHED)
def test_knowledge_holds_on_the_train_rows_where_it_bounds_the_target(name: str) -> None:
    task = load_task(name)
    targets = task.train().targets
    for item in task.knowledge:
        if isinstance(item, Bounds):
            assert item.lower is None or targets.min() >= item.lower
            assert item.upper is None or targets.max() <= item.upper


def test_task_survives_json() -> None:
    task = load_task("parallel")
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_mixture_shares_sum_to_one() -> None:
    features = load_task("domain_mixture").train().features
    assert np.allclose(sum(features.values()), 1.0)


def test_logarithmic_axis_grows_by_addition() -> None:
    task = load_task("easy_question")
    assert task.logged == {"log_flops"}
    assert task.column("log_flops").times(1.5, 100.0) == pytest.approx(3.5)
    assert load_task("moe").column("params").times(2.0, 100.0) == pytest.approx(200.0)


def test_facts_cover_train_rows_only() -> None:
    facts = load_task("parallel").facts()
    assert facts.feature_ranges["streams"] == (1.0, 4.0)
    assert facts.group_rows == {"stack": 18, "pile": 18}


def test_unknown_task_lists_near_matches() -> None:
    with pytest.raises(InputError, match=r"unknown task 'paralel'; did you mean 'parallel'\? .*vocab"):
        load_task("paralel")


def test_unknown_column_of_a_task_is_refused() -> None:
    with pytest.raises(InputError, match="does not use a column 'parms'; did you mean 'params'"):
        load_task("moe").column("parms")


def test_resources_of_a_wheel_go_before_those_of_a_checkout(tmp_path: Path) -> None:
    package = tmp_path / "discover"
    (tmp_path / "tasks").mkdir()
    package.mkdir()
    assert resource_folder("tasks", package) == tmp_path / "tasks"
    (package / "_resources" / "tasks").mkdir(parents=True)
    assert resource_folder("tasks", package) == package / "_resources" / "tasks"
    with pytest.raises(InputError, match="datasets were not found"):
        resource_folder("datasets", package)
