"""`discover task new`: the file it writes is run unchanged, says the same as the guesses, and is never overwritten."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discover.data.guesses import task_from_table
from discover.data.task_writing import task_text
from discover.data.tasks import load_task
from discover.errors import DiscoverError

from .commands import FEW, assert_one_error, table_text

DATASETS = Path(__file__).parents[2] / "datasets"


def same(path: Path, table: Path, target: str) -> None:
    """The task in a file is the one guessed from the table, but for names of files, guesses and reasons."""
    written, guessed = load_task(path), task_from_table(table, target)
    for key in ("target", "features", "group", "extrapolate", "constants", "columns", "target_scale", "errors"):
        assert getattr(written, key) == getattr(guessed, key), key
    assert [k.model_copy(update={"reason": ""}) for k in written.knowledge] == list(guessed.knowledge)
    assert (written.split.column, written.split.holdout) == (guessed.split.column, guessed.split.holdout)
    assert written.table.samefile(table)
    assert (written.train().targets == guessed.train().targets).all()


@pytest.mark.parametrize(("dataset", "target"), [("parallel", "loss"), ("sft", "loss"), ("lr_bsz", "loss")])
def test_a_shipped_table_becomes_a_task_that_runs(discover, dataset, target) -> None:
    shutil.copy(DATASETS / dataset / "data.csv", "runs.csv")
    outcome = discover("task", "new", "runs.csv", "--target", target)
    assert outcome.status == 0, outcome.err
    assert "discover run runs.toml" in outcome.out
    same(Path("runs.toml"), Path("runs.csv"), target)
    if dataset != "parallel":
        return
    ran = discover("run", "runs.toml", *FEW, "--json")
    assert ran.status == 0, ran.err
    assert ran.json["groups"] == ["stack", "pile"]
    assert ran.json["sealed"]["n"] == 12


def test_a_table_of_ones_own_needs_no_option_at_all(discover, runs_csv) -> None:
    shown = discover("task", "new", "runs.csv", "--json")
    assert shown.status == 0, shown.err
    assert shown.json["task_file"] == "runs.toml"
    assert shown.json["features"] == ["params", "tokens"]
    assert shown.json["problems"] == []
    same(Path("runs.toml"), runs_csv, "loss")
    ran = discover("run", "runs.toml", *FEW, "--json")
    assert ran.json["features" if "features" in ran.json else "targets"]
    assert ran.json["task"] == "runs"


def test_the_file_finds_its_table_from_another_folder(discover, runs_csv) -> None:
    Path("tasks").mkdir()
    options = ("--holdout", "0.2", "--target-scale", "params=1e12", "--constants", "5", "--out", "tasks/mine.toml")
    assert discover("task", "new", "runs.csv", "--target", "loss", *options).status == 0
    content = tomllib.loads(Path("tasks/mine.toml").read_text())
    assert content["dataset"] == "../runs.csv"
    assert (content["split"], content["constants"]) == ({"holdout": 0.2}, 5)
    assert content["target_scale"] == {"params": 1e12}
    assert discover("run", "tasks/mine.toml", *FEW).status == 0


def test_nothing_is_overwritten_without_force(discover, runs_csv) -> None:
    Path("runs.toml").write_text("mine")
    assert_one_error(discover("task", "new", "runs.csv"), "runs.toml exists", "--force")
    assert Path("runs.toml").read_text() == "mine"
    assert discover("task", "new", "runs.csv", "--force").status == 0
    assert "dataset" in Path("runs.toml").read_text()


def test_bad_input_is_answered_in_words_and_leaves_nothing(discover, mistaken, runs_csv) -> None:
    before = sorted(Path().iterdir())
    assert_one_error(discover("task", "new", "none.csv"), "no such file: none.csv")
    assert_one_error(mistaken("task", "new", "runs.csv", "--target", "los"), "'los'", "did you mean 'loss'")
    assert_one_error(mistaken("task", "new", "runs.csv", "--out", "no/x.toml"), "no folder no")
    assert_one_error(mistaken("task", "new", "runs.csv", "--out", "x.txt"), "x.txt", ".toml")
    assert_one_error(mistaken("task", "new", "runs.csv", "--holdout", "2"), "holdout")
    assert_one_error(mistaken("task", "new", "runs.csv", "--target-scale", "width=2"), "'width'")
    runs_csv.write_text(table_text().replace("loss", "result"))
    assert_one_error(mistaken("task", "new", "runs.csv"), "no column is named like a result", "--target")
    runs_csv.write_text(table_text().replace("params,tokens,loss", "params,valid_loss,loss_b").replace("e9,", "e9,"))
    assert mistaken("task", "new", "runs.csv").status == 0
    assert load_task(Path("runs.toml")).target == ("valid_loss",)
    Path("runs.toml").unlink()
    assert sorted(Path().iterdir()) == before


NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters='"\r\n,\0'), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES, min_size=3, max_size=5, unique=True), st.integers(0, 3))
def test_any_headings_come_back_from_the_file(tmp_path: Path, headings: list[str], seed: int) -> None:
    path = tmp_path / "any.csv"
    rows = [
        ",".join(str(10.0 ** ((row * (place + 2) + seed) % 7)) for place in range(len(headings))) for row in range(9)
    ]
    path.write_text("\n".join([",".join(headings), *rows]) + "\n", encoding="utf-8")
    try:
        task = task_from_table(path, headings[0].strip())
    except DiscoverError:
        return
    place = tmp_path / "any.toml"
    place.write_text(task_text(task, tmp_path), encoding="utf-8")
    same(place, path, headings[0].strip())
