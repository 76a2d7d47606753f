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
