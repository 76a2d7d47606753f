"""The script that makes the shipped datasets."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.data.resources import datasets_folder

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "curate_datasets.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("curate_datasets", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


script = load_script()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_shortest_text_is_the_same_float(value: float) -> None:
    assert float(script.shortest(repr(value))) == value


def test_pairs_become_readable() -> None:
    assert script._pair("('google/mt5-base', 'flan')") == "google/mt5-base/flan"


def test_every_dataset_has_a_recipe() -> None:
    assert sorted(script.RECIPES) == sorted(folder.name for folder in datasets_folder().iterdir() if folder.is_dir())


def test_card_section_is_replaced_only_on_request(tmp_path: Path) -> None:
    card = tmp_path / "card.toml"
    card.write_text('title = "T"\n')
    script.write_card(card, script.SECTION + "train_rows = 1\n", rewrite=False)
    script.write_card(card, script.SECTION + "train_rows = 2\n", rewrite=False)
    assert card.read_text() == f'title = "T"\n\n{script.SECTION}train_rows = 1\n'
    script.write_card(card, script.SECTION + "train_rows = 2\n", rewrite=True)
    assert card.read_text() == f'title = "T"\n\n{script.SECTION}train_rows = 2\n'


def test_other_source_file_is_refused(tmp_path: Path) -> None:
    recipe = script.RECIPES["parallel"]
    (tmp_path / recipe.source).write_text("group,loss\n")
    with pytest.raises(ValueError, match="is not the expected file"):
        script.curate("parallel", recipe, tmp_path, False)
