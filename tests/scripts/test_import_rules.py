"""The import rules notice what they forbid."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter")
ROOT = Path(__file__).parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with a copy of the package."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "discover", folder / "discover", ignore=lambda at, names: [
        name for name in names if (not name.endswith(".py") and not (Path(at) / name).is_dir()) or name == "__pycache__"
    ])  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("module", "text", "problem"),
    [
        ("fitting/fit.py", "from discover.search import loop", "discover.fitting.fit -> discover.search.loop"),
        ("fitting/fit.py", "def f():\n    from discover import runs", "discover.fitting.fit -> discover.runs"),
        ("scoring/score.py", "import os.path", "discover.scoring.score -> os"),
        ("scoring/score.py", "from time import monotonic", "discover.scoring.score -> time"),
        ("gadgets/__init__.py", "", "gadgets"),
        ("runs/session.py", "import time\nfrom discover.search import loop", ""),
        ("search/pool.py", "import signal", ""),
    ],
)
def test_a_forbidden_import_is_named(package, module, text, problem) -> None:
    path = package / "discover" / module
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{text}\n")
    try:
        done = subprocess.run(
            [sys.executable, "-c", LINT, "--no-cache", ROOT / "pyproject.toml"],
            cwd=package, env={**os.environ, "PYTHONPATH": str(package)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(path.parent) if before is None else path.write_text(before)
    assert done.returncode == bool(problem), done.stdout + done.stderr
    assert problem in done.stdout
