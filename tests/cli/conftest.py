"""The installed command in a fresh folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import FEW, Outcome, command, inside, table_text


@pytest.fixture
def discover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs the command in an empty folder, which is also the test's working directory."""
    monkeypatch.chdir(tmp_path)
    return command


@pytest.fixture
def mistaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """As `discover`, without a process of its own, see `inside`."""
    monkeypatch.chdir(tmp_path)
    return inside


@pytest.fixture
def runs_csv(tmp_path: Path) -> Path:
    """A table of a user's own experiments."""
    path = tmp_path / "runs.csv"
    path.write_text(table_text())
    return path


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a short run of a shipped task, or of `runs.csv`; made once, for reading only."""
    made: dict[str, Path] = {}

    def folder(subject: str) -> Path:
        if subject not in made:
            place = tmp_path_factory.mktemp("runs")
            (place / "runs.csv").write_text(table_text())
            options = ("--target", "loss", "--holdout", "0.2") if subject == "runs.csv" else ()
            done = command("run", subject, *options, *FEW, "--out", place / "run", cwd=place)
            assert done.status == 0, done.err
            made[subject] = place / "run"
        return made[subject]

    return folder
