"""The import rules notice what they forbid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_imports.py"


@pytest.mark.parametrize(
    ("module", "text", "problem"),
    [
        ("fitting/fit.py", "from discover.search import loop", "fitting imports search"),
        ("fitting/fit.py", "def f():\n    from discover import runs", "fitting imports runs"),
        ("scoring/score.py", "import os.path", "scoring imports os"),
        ("scoring/score.py", "from time import monotonic", "scoring imports time"),
        ("gadgets/one.py", "", "no place among the layers"),
        ("runs/session.py", "import time\nfrom discover.search import loop", ""),
        ("search/pool.py", "import signal", ""),
    ],
)
def test_a_forbidden_import_is_named(tmp_path, module, text, problem) -> None:
    path = tmp_path / "discover" / module
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / "discover"], capture_output=True, text=True)
    assert done.returncode == bool(problem)
    assert problem in done.stdout
    if problem:
        assert module in done.stdout
