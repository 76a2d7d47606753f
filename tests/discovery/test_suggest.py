"""`discover.suggest` from Python: the same runs as the command, from tables of every kind."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

import discover
from discover.errors import InputError

from ..cli.commands import command, table_text

GRID = {"params": [1e7, 1e9, 3e9], "tokens": [1e9, 1e10, 3e10], "cost": [1.0, 10.0, 90.0]}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "runs.csv"
    path.write_text(table_text())
    return discover.run(path, "loss", evaluations=30, workers=1, proposers=["library"], out=path.parent / "run")


def test_python_and_the_command_suggest_the_same(found):
    advice = discover.suggest(found, cost="6*params*tokens", cost_limit=1e20, n=2)
    shown = command("suggest", found.folder, "--cost", "6*params*tokens", "--cost-limit", "1e20", "--n", "2", "--json")
    assert json.loads(json.dumps(advice.plain())) == shown.json
    assert 0 < len(advice.runs) <= 2
    assert advice.cost <= 1e20
    assert advice.runs[-1].sd["loss"] < advice.before["loss"]


def test_candidates_come_as_a_mapping_a_frame_or_a_file(found, tmp_path):
    pd.DataFrame(GRID).to_csv(tmp_path / "grid.csv", index=False)
    said = [discover.suggest(found, candidates=one, cost_limit=20.0)
            for one in (GRID, pd.DataFrame(GRID), tmp_path / "grid.csv")]  # fmt: skip
    assert said[0].plain() == said[1].plain() == said[2].plain()
    assert {run.place for run in said[0].runs} <= {0, 1}


def test_a_law_alone_needs_a_target_scale_and_uncertainty(found):
    with pytest.raises(InputError, match="no value for"):
        discover.suggest(found.law)
    at = {"params": 1e11, "tokens": 1e12}
    assert discover.suggest(found.law, target_scale=at, n=1).runs
    with pytest.raises(InputError, match="no uncertainty"):
        discover.suggest(replace(found.law.document, forecasts={}))
