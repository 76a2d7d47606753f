"""The benchmark on real tables, on a made one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_nursery"


@pytest.mark.slow
def test_a_bench_judges_law_and_forecast_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    n, d = (column.ravel() for column in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 6)))
    loss = 1.7 + 400 * n**-0.34 + 410 * d**-0.28 + 1e-3 * np.random.default_rng(0).standard_normal(len(n))
    lines = [f"a,{x:g},{y:g},{z:.6g}" for x, y, z in zip(n, d, loss, strict=True)]
    large = n * d > 2e18
    table = tmp_path / "tables" / "isoflop_marin"
    table.mkdir(parents=True)
    for name, rows in (("train.csv", ~large), ("test.csv", large)):
        (table / name).write_text("group,N,D,loss\n" + "\n".join(np.array(lines)[rows]) + "\n")
    command = [sys.executable, str(SCRIPT), str(tmp_path / "tables"), "--out", str(tmp_path / "out"), "--seeds", "1",
               "--evaluations", "40", "--workers", "1", "--json"]  # fmt: skip
    first, again = (json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(2))
    assert first == again
    (run,) = first["runs"]
    assert run["forecast"] < 0.01
    assert first["all"]["forecast better"] == 1
    assert 0 <= run["covered"]["0.5"] <= run["covered"]["0.9"] <= 1
