"""Every Python program in scripts/ tells how it is used, refuses what it does not know, and writes nothing then."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(
    path.name for path in (ROOT / "scripts").iterdir()
    if path.is_file() and path.read_text(encoding="utf-8").startswith(("#!/usr/bin/env python", '"""Make datasets'))
)  # fmt: skip
PARTS = ("discover", "scripts", "docs", "datasets", "tasks", "tests", "examples", "CHANGELOG.md", "pyproject.toml")
# One process for all of them, which imports NumPy and pandas once.
TRY_ALL = """
import contextlib, io, json, os, runpy, sys
def files():
    return {os.path.join(at, n): os.stat(os.path.join(at, n)).st_mtime_ns for at, _, ns in os.walk(".") for n in ns}
found = {}
for program in sys.argv[1].split(","):
    for argument in ("--help", "--no-such-option"):
        out, before = io.StringIO(), files()
        sys.argv = ["scripts/" + program, argument]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                status = runpy.run_path(sys.argv[0], run_name="__main__") and "went on"
            except SystemExit as end:
                status = end.code
        found[program + " " + argument] = [status, out.getvalue(), files() == before]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, str, bool]]:
    """Program and argument -> exit status, what it said, and whether all files are as they were."""
    copy = tmp_path_factory.mktemp("copy")
    for name in PARTS:
        whole = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        whole(ROOT / name, copy / name)
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", TRY_ALL, ",".join(PROGRAMS)]
    done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[object, str, bool]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_prints_the_usage_and_writes_nothing(tried: dict[str, tuple[object, str, bool]], program: str) -> None:
    status, said, unchanged = tried[f"{program} --help"]
    assert (status, unchanged) == (0, True)
    assert said.startswith("usage: ")


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_unknown_option_is_refused(tried: dict[str, tuple[object, str, bool]], program: str) -> None:
    status, said, unchanged = tried[f"{program} --no-such-option"]
    assert (status, unchanged) == (2, True)
    assert "--no-such-option" in said or "required" in said
