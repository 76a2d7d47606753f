"""The recovery benchmark on one law: its table, its figures, and that the true form is found to be true."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_recovery"


def test_the_true_form_is_recovered_and_forecasts_larger_scales(tmp_path) -> None:
    file = tmp_path / "r.json"
    options = ("--limit", "1", "--noise", "0,0.01", "--only", "true form,grammar", "--budget", "1.5", "--json", file)
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    limits = [row for row in found["summary"] if row["contender"] == "true form"]
    assert [(row["noise"], row["recovered"]) for row in limits] == [(0.0, 1.0), (0.01, 1.0)]
    assert limits[0]["error_median"] < 1e-9 < limits[1]["error_median"] < 0.2
    assert {row["contender"] for row in found["outcomes"]} == {"true form", "grammar"}
    assert "recovered" in done.stdout
