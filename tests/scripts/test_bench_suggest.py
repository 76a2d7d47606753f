"""The suggestion benchmark on one made table: equal cost, never more than a tenth of the runs, figures in the file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_suggest"


def test_choices_of_equal_cost_are_compared(tmp_path) -> None:
    file = tmp_path / "s.json"
    options = ("--synthetic", "--seeds", "1", "--only", "chinchilla with deviations")
    done = subprocess.run([sys.executable, SCRIPT, file, *options], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (trial,) = json.loads(file.read_text())["trials"]
    assert trial["spent"] <= 0.1
    assert 0 < trial["suggest"]["runs"] <= trial["known"]
    assert trial["cheapest"]["runs"] >= trial["suggest"]["runs"]
    assert trial["suggest"]["error"] < trial["start"]["error"]
    assert "| chinchilla with deviations | 1 | suggest |" in done.stdout
