"""The kernel is compiled in a process of its own, so that the first process to fit rounds like all later ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from discover.fitting.compilation import ENTRIES, is_compiled

SCORES = """
from discover.data.tasks import load_task
from discover.fitting import Recipe, Structure
from discover.law import laws_for
from discover.scoring import Scorer, problem_of
problem = problem_of(load_task("lr_bsz"))
scorer = Scorer(problem, rows=1000)
for law in laws_for(list(problem.kinds))[:12]:
    for recipe in (Recipe(), Recipe("huber", "log", 1e-3)):
        score = scorer.score(Structure(law.expr), recipe)
        print(law.id, score)
"""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel's source with a cache beside it that holds newer code of every entry."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    source = tmp_path / "kernel.py"
    source.write_text("")
    os.utime(source, (1000, 1000))
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    for entry in ENTRIES:
        (cache / f"kernel.{entry}-653.py311.nbi").write_text("")
    return source


def test_a_full_cache_counts_as_compiled(kernel: Path) -> None:
    assert is_compiled(kernel)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_must_be_there(kernel: Path, entry: str) -> None:
    (kernel.parent / "__pycache__" / f"kernel.{entry}-653.py311.nbi").unlink()
    assert not is_compiled(kernel)


def test_code_older_than_the_source_does_not_count(kernel: Path) -> None:
    os.utime(kernel.parent / "__pycache__" / f"kernel.{ENTRIES[0]}-653.py311.nbi", (900, 900))
    assert not is_compiled(kernel)


def test_a_cache_elsewhere_is_found(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = kernel.parent / "elsewhere"
    moved.mkdir()
    (kernel.parent / "__pycache__").rename(moved / "fitting_1")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(moved))
    assert is_compiled(kernel)


@pytest.mark.slow
def test_the_first_process_rounds_like_the_next(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", SCORES], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert first.stdout == second.stdout
