"""The list of licences names every package that discover needs, and every shipped table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_and_table_has_a_line() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "licences"), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert {"numpy", "numba", "llvmlite", "python-calamine", "charset-normalizer"} <= found["packages"].keys()
    assert all(found["packages"].values())
    assert found["tables"].keys() == {path.parent.name for path in (ROOT / "datasets").glob("*/card.toml")}
