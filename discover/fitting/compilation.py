"""Compiles the kernel once, in a process of its own, before anything is fitted.

A process that compiles code and runs it rounds some last digits otherwise than one that reads the same code from the
cache, because parts compiled on the way take the place of those that were inlined. A search turns a last digit into
another course. So no process that fits has compiled: the first search of a machine finds what all later ones find.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

from discover.data.table import Table

KERNEL = Path(__file__).resolve().with_name("kernel.py")
# What `fit` calls; the cache holds a file of each.
ENTRIES = ("multi_start", "multi_start_shared", "robust_blocks", "robust_search")


def is_compiled(kernel: Path = KERNEL) -> bool:
    """Whether code newer than the kernel's source lies in a cache."""
    written = kernel.stat().st_mtime
    folders = _folders(kernel)
    return all(
        any(path.stat().st_mtime >= written for folder in folders for path in folder.glob(f"kernel.{entry}-*.nbi"))
        for entry in ENTRIES
    )


def _folders(kernel: Path) -> list[Path]:
    """Where numba may keep the kernel's code."""
    folders = [kernel.parent / "__pycache__"]
    if os.environ.get("NUMBA_CACHE_DIR"):
        folders = [path for path in Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*") if path.is_dir()]
    elif not os.access(kernel.parent, os.W_OK):
        # Where the package cannot be written to, numba keeps its cache with the user.
        home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "numba"
        folders += [path for path in home.rglob("*") if path.is_dir()]
    return [folder for folder in folders if folder.is_dir()]


_here = False  # this is the process that compiles


@cache
def ensure_compiled() -> None:
    """Compiles the kernel if that was never done; takes about half a minute then. Does its work once in a process.

    If the other process cannot do it, the kernel is compiled where it is first used.
    """
    if not (_here or is_compiled()):
        program = f"import sys; sys.path.insert(0, {str(KERNEL.parents[2])!r}); from {__name__} import main; main()"
        subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def main() -> None:
    """Compiles here, by fitting a law of each kind to a few rows."""
    from discover.expressions import parse
    from discover.fitting import QUICK, Recipe, Structure, fit

    global _here
    _here = True
    x = np.array([1.0, 2.0, 4.0, 8.0, 16.0] * 2)
    table = Table({"x": x}, (1.0 + 1.0 / x)[:, None], ("y",), np.repeat([0, 1], 5), ("a", "b"))
    law = parse("E + A*x**(-a)", ("x",))
    for shared in (frozenset[str](), frozenset(("a",))):
        for recipe in (Recipe(), Recipe("huber", "log")):
            fit(Structure(law, shared), table, recipe, effort=QUICK)
