"""What the Tab key offers."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from discover.cli.app import app


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("discover laws chinchilla_p", ["chinchilla_product"]),
        ("discover fit kaplan_critical", ["kaplan_critical_batch"]),
        ("discover predict chinchilla_t", ["chinchilla_tied"]),
        ("discover run data_c", ["data_constrained"]),
        ("discover compare my-r", ["my-runs.csv"]),
        ("discover tasks mo", ["moe"]),
        ("discover export runs/a --to jav", ["javascript"]),
        ("discover run runs.csv --hold", ["--holdout"]),
        ("discover import formula --error-s", ["--error-scale"]),
    ],
)
def test_names_that_begin_so_are_offered(tmp_path, monkeypatch, words: str, offered: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-runs.csv").touch()
    count = str(len(words.split()) - 1)
    asked = {"_DISCOVER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    shown = CliRunner().invoke(app, [], prog_name="discover", env=asked)
    assert shown.output.split() == offered
