"""`discover.suggest` from Python: the same runs as the command, from tables of every kind."""

from __future__ import annotations

import io
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


def test_a_law_alone_is_asked_beyond_its_largest_sizes_and_needs_uncertainty(found):
    sizes = pd.read_csv(io.StringIO(table_text())).max()
    at = {name: 8 * sizes[name] for name in ("params", "tokens")}
    said = [discover.suggest(found.law, n=1, **to).plain() for to in ({}, {"target_scale": at})]
    assert said[0] == said[1]
    with pytest.raises(InputError, match="no uncertainty"):
        discover.suggest(replace(found.law.document, forecasts={}))
