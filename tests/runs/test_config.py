"""run.toml and the run folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.data.tasks import load_task
from discover.data.toml_text import to_toml
from discover.errors import InputError
from discover.runs.config import RunConfig, TaskSource, TrainFacts, read_config, train_facts
from discover.runs.folder import Progress, RunFolder, new_folder, open_folder

texts = st.text(st.characters(codec="utf-8"), max_size=20)
plain = texts | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False)
tables = st.dictionaries(texts, plain | st.lists(plain, max_size=3), max_size=4)


@given(st.dictionaries(texts, plain | tables | st.lists(texts, max_size=3), max_size=4))
def test_toml_reads_back_as_it_was_written(values) -> None:
    assert tomllib.loads(to_toml(values)) == values


def test_keys_without_value_are_left_out() -> None:
    assert to_toml({"a": None, "b": {"c": None}}).split() == ["[b]"]


@pytest.fixture
def config() -> RunConfig:
    source = TaskSource.of_table(Path("runs.csv"), {"target": ("loss",), "target_scale": {"N": 1e12}, "group": None})
    return RunConfig(
        task="runs", evaluations=10, source=source, train=TrainFacts(rows=3, sha256="0" * 64), versions={"a": "1"}
    )


def test_a_configuration_reads_back_equal(tmp_path, config) -> None:
    folder = RunFolder(tmp_path)
    folder.write_config(config)
    found = open_folder(tmp_path).config()
    assert found.model_dump(exclude={"source"}) == config.model_dump(exclude={"source"})
    assert found.source.options == {"target": ["loss"], "target_scale": {"N": 1e12}}
    assert Path(found.source.place).is_absolute()


def test_an_unknown_key_is_refused(tmp_path, config) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f"colour = 1\n{config.to_toml()}")
    with pytest.raises(InputError, match="unknown key 'colour'"):
        read_config(path)


def test_a_run_without_any_budget_is_refused(config) -> None:
    with pytest.raises(ValueError, match="budget_s, evaluations or both"):
        RunConfig(**config.model_dump() | {"evaluations": None})


def test_the_fingerprint_changes_with_a_value_and_only_then() -> None:
    table = load_task("parallel").train()
    assert train_facts(table) == train_facts(load_task("parallel").train())
    changed = load_task("parallel").train()
    changed.targets[3, 0] += 1e-12
    assert train_facts(changed) != train_facts(table)


def test_progress_is_kept_and_may_be_missing(tmp_path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.progress() == Progress()
    folder.write_progress(Progress(1.5, 7, "interrupted"))
    assert folder.progress() == Progress(1.5, 7, "interrupted")
    folder.progress_path.write_text("{")
    assert folder.progress() == Progress()


def test_default_folders_take_the_first_free_number(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [str(new_folder(None, "moe", 3).path) for _ in range(2)]
    assert names == ["runs/moe-seed3-1", "runs/moe-seed3-2"]


def test_an_empty_folder_may_be_used(tmp_path) -> None:
    (tmp_path / "r").mkdir()
    assert new_folder(tmp_path / "r", "moe", 0).path == tmp_path / "r"
