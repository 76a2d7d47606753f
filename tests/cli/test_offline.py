"""Nothing is asked of a network that the user did not ask for: not by an import, not by a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import COMMAND, FEW, table_text

WATCH = """
import os, sys

def watch(event, args):
    asked = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto")
    if asked and not isinstance(args[-1], (str, bytes)) or event in ("socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["ASKED"], "a") as log:
            print(sys.argv, event, args, file=log)

sys.addaudithook(watch)
"""
RUN = (*COMMAND, "run", "runs.csv", "--target", "loss", *FEW, "--out", "run")
IMPORTS = (sys.executable, "-c", "import discover, discover.api, discover.llm.client, discover.search, discover.report")


def watched(place: Path, *program: str) -> str:
    """What this program and the processes that it started asked of a network: one line each."""
    (place / "sitecustomize.py").write_text(WATCH)
    (place / "runs.csv").write_text(table_text())
    log = place / "asked.txt"
    log.touch()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *sys.path]), "ASKED": str(log)}
    done = subprocess.run(program, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return log.read_text()


def test_a_program_that_asks_is_noticed(tmp_path: Path) -> None:
    code = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    assert "socket.connect" in watched(tmp_path, sys.executable, "-c", child)


@pytest.mark.parametrize("program", [IMPORTS, RUN], ids=["import", "run"])
def test_nothing_is_asked(program: tuple[str, ...], tmp_path: Path) -> None:
    assert watched(tmp_path, *program) == ""


def test_a_run_needs_no_network(tmp_path: Path) -> None:
    alone = ("unshare", "--user", "--map-root-user", "--net")
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this system makes no namespace without network")
    watched(tmp_path, *alone, *RUN)
    assert (tmp_path / "run" / "law.json").is_file()
