"""The installed command in a fresh folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Outcome, command, table_text


@pytest.fixture
def discover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs the command in an empty folder, which is also the test's working directory."""
    monkeypatch.chdir(tmp_path)
    return command


@pytest.fixture
def runs_csv(tmp_path: Path) -> Path:
    """A table of a user's own experiments."""
    path = tmp_path / "runs.csv"
    path.write_text(table_text())
    return path
