"""Three finished runs and their reports, made once by the installed command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "discover")
FEW = ("--evaluations", "30", "--workers", "1", "--proposers", "library,grammar", "--quiet")


def command(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def hostile_table() -> str:
    """A user's table whose group and column names are markup in every format of a report."""
    groups = ("<script>alert(1)</script>", "b*c_d|e $x$ [l](http://q)")
    rows = [
        (
            group,
            n,
            d,
            (1.5 + 300 * n**-0.3 + 200 * d**-0.27) * (1 + 0.1 * k) * (1 + 0.003 * ((3 * i + 5 * j) % 4 - 1.5)),
        )
        for k, group in enumerate(groups)
        for i, n in enumerate((1e7, 5e7, 2e8, 1e9))
        for j, d in enumerate((1e9, 4e9, 2e10, 1e11))
    ]
    lines = [f'"{group}",{n:g},{d / 1e9:g},{loss:.6f}' for group, n, d, loss in rows]
    return "\n".join(["<b>family</b>,params,tokens_B,<i>loss</i>", *lines]) + "\n"


@dataclass(frozen=True)
class Made:
    """A run and its HTML report."""

    name: str
    run: Path
    html: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Runs by name: many groups, several axes, and a user's own table."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "runs.csv").write_text(hostile_table())
    asked = {
        "sft": ("sft",),
        "data_constrained": ("data_constrained",),
        "own": ("runs.csv", "--target", "<i>loss</i>", "--group", "<b>family</b>", "--holdout", "0.25"),
    }
    found = {}
    for name, subject in asked.items():
        done = command("run", *subject, *FEW, "--out", name, folder=folder)
        assert done.returncode == 0, done.stderr
        done = command("report", name, folder=folder)
        assert done.returncode == 0, done.stderr
        found[name] = Made(name, folder / name, folder / name / "report.html")
    return found


@pytest.fixture
def copied(made: dict[str, Made], tmp_path: Path) -> Path:
    """A copy of the run with several axes, to be changed."""
    return Path(shutil.copytree(made["data_constrained"].run, tmp_path / "run"))
