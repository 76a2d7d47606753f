"""Says beforehand that the fitting kernel must be compiled, so that nobody takes the pause for a hang."""

from __future__ import annotations

from pathlib import Path

from discover.cli.output import note

_KERNEL = Path(__file__).resolve().parent.parent / "fitting" / "kernel.py"


def is_compiled(kernel: Path = _KERNEL) -> bool:
    """Whether compiled code newer than the kernel's source lies in a cache."""
    newest = max((path.stat().st_mtime for path in _cached(kernel)), default=0.0)
    return newest >= kernel.stat().st_mtime


def _cached(kernel: Path) -> list[Path]:
    import os

    folders = [kernel.parent / "__pycache__"]
    if os.environ.get("NUMBA_CACHE_DIR"):
        folders = [path for path in Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*") if path.is_dir()]
    elif not os.access(kernel.parent, os.W_OK):
        # Where the package cannot be written to, numba keeps its cache with the user.
        home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "numba"
        folders += [path for path in home.rglob("*") if path.is_dir()]
    return [path for folder in folders if folder.is_dir() for path in folder.glob("kernel.*.nbi")]


def announce_compilation() -> None:
    """One line to stderr if the first fit will have to wait for the compiler."""
    if not is_compiled():
        note("compiling the fitting kernel, once; this takes about half a minute")


def compile_kernel() -> None:
    """Compiles the kernel if that was never done, before worker processes would each do it at the same time."""
    if is_compiled():
        return
    announce_compilation()
    import numpy as np

    from discover.data.table import Table
    from discover.expressions import parse
    from discover.fitting import QUICK, Recipe, Structure, fit

    x = np.array([1.0, 2.0, 4.0, 8.0, 16.0] * 2)
    table = Table({"x": x}, (1.0 + 1.0 / x)[:, None], ("y",), np.repeat([0, 1], 5), ("a", "b"))
    for shared in (frozenset[str](), frozenset(("a",))):
        for recipe in (Recipe(), Recipe("huber", "log")):
            fit(Structure(parse("E + A*x**(-a)", ("x",)), shared), table, recipe, effort=QUICK)
