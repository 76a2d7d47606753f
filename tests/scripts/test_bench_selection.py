"""What each rule pays, on one made table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from discover.rules import RULES

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_selection"


@pytest.mark.slow
def test_every_rule_is_taken_away_once(tmp_path: Path) -> None:
    def bench(*arguments: str) -> str:
        command = [sys.executable, str(SCRIPT), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    bench("collect", str(tmp_path), "--only", "small power_law_floor 9 rows 0.2%", "--evaluations", "24")
    found = json.loads(bench("compare", str(tmp_path), "--json"))
    (rules,) = found.values()
    measured = {f"{group}.{name}" for group, name in RULES.names() if RULES.about(group, name)["without"] is not None}
    assert set(rules) == measured
    table = bench("compare", str(tmp_path)).splitlines()
    assert len(table) == 2 + len(measured)
