"""Helpers of the command tests: what a command left behind, and a user's table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from discover.cli import main

COMMAND = (sys.executable, "-m", "discover")
FEW = ("--evaluations", "12", "--workers", "1", "--quiet")
"""Options of a run that is over in a moment."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def command(*arguments: str | Path, **options: Any) -> Outcome:
    """Runs the command."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "COLUMNS": "400"},
        **options,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def inside(*arguments: str | Path) -> Outcome:
    """Runs the command in this process, which starts none: for the many ways to ask for something wrong."""
    out, err = StringIO(), StringIO()
    with warnings.catch_warnings(), redirect_stdout(out), redirect_stderr(err):
        status = main([*map(str, arguments)])
    return Outcome(status, out.getvalue(), err.getvalue())


def assert_one_error(outcome: Outcome, *parts: str) -> None:
    """One short message on stderr that holds these parts, nothing on stdout, no traceback."""
    assert outcome.status not in (0, -9), outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, outcome.err
    assert errors[0].count(". ") <= 2
    for part in parts:
        assert part in errors[0], outcome.err


def loss(params: float, tokens: float) -> float:
    """A law to be found again."""
    return 1.7 + 400.0 * params**-0.34 + 410.0 * tokens**-0.28


def table_text(drop: int = 0) -> str:
    """A table of 30 experiments, without its last `drop` rows."""
    rows = [
        (params, tokens, loss(params, tokens) * (1 + 0.002 * ((7 * i + 3 * j) % 5 - 2)))
        for i, params in enumerate((1e7, 3e7, 1e8, 3e8, 1e9))
        for j, tokens in enumerate((1e9, 3e9, 1e10, 3e10, 1e11, 3e11))
    ]
    lines = [f"{params:g},{tokens:g},{value:.6f}" for params, tokens, value in rows[: len(rows) - drop]]
    return "\n".join(["params,tokens,loss", *lines]) + "\n"
