"""Whether there is a Julia that PySR would find, without starting or installing anything.

The places are those in which `juliapkg` looks; its environment variables are honoured.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

EXE, PROJECT, OFFLINE = "PYTHON_JULIAPKG_EXE", "PYTHON_JULIAPKG_PROJECT", "PYTHON_JULIAPKG_OFFLINE"
THREADS, SIGNALS = "PYTHON_JULIACALL_THREADS", "PYTHON_JULIACALL_HANDLE_SIGNALS"


def find_julia(environ: Mapping[str, str] | None = None) -> str | None:
    """The Julia (or juliaup) that would be used, or None."""
    env = os.environ if environ is None else environ
    search = env.get("PATH", os.defpath)
    named = env.get(EXE)
    if named:
        return shutil.which(named, path=search)
    name = "julia.exe" if os.name == "nt" else "julia"
    own = shutil.which(str(_project(env) / "pyjuliapkg" / "install" / "bin" / name))
    return own or shutil.which("juliaup", path=search) or shutil.which("julia", path=search)


def _project(env: Mapping[str, str]) -> Path:
    """The folder of the Julia environment that belongs to this Python."""
    if env.get(PROJECT):
        return Path(env[PROJECT])
    prefix = sys.prefix if sys.prefix != sys.base_prefix else env.get("CONDA_PREFIX")
    if prefix:
        return Path(prefix) / "julia_env"
    depot = env.get("JULIA_DEPOT_PATH", "").split(";" if os.name == "nt" else ":")[0]
    return Path(depot or Path.home() / ".julia") / "environments" / "pyjuliapkg"


def environment(*, install: bool = False, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables for a process that starts PySR. Nothing is downloaded unless `install` says so."""
    env = os.environ if environ is None else environ
    out = {THREADS: env.get(THREADS, "1"), SIGNALS: env.get(SIGNALS, "yes")}
    if not install:
        out[OFFLINE] = "yes"
    elif env.get(OFFLINE):
        out[OFFLINE] = env[OFFLINE]
    return out
