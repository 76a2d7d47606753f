"""The model that runs ask when none is named: one small file in the user's settings."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from json import dumps
from pathlib import Path

from discover.errors import InputError


@dataclass(frozen=True, slots=True)
class Saved:
    """A model by name, its address and the variable of its key; "" for the usual ones. Holds no secret."""

    model: str
    url: str = ""
    key_env: str = ""

    def options(self) -> dict[str, str]:
        """As options of `discover run`, without the empty ones."""
        rows = {"model": self.model, "url": self.url, "key_env": self.key_env}
        return {key: value for key, value in rows.items() if value}


def default_file(environ: Mapping[str, str]) -> Path:
    """Where the default is kept."""
    if given := environ.get("XDG_CONFIG_HOME"):
        return Path(given) / "discover" / "llm.toml"
    home = Path.home()
    if sys.platform == "win32":
        return Path(environ.get("APPDATA") or home) / "discover" / "llm.toml"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "discover" / "llm.toml"
    return home / ".config" / "discover" / "llm.toml"


def load_default(environ: Mapping[str, str]) -> Saved | None:
    """The saved default; None without one.

    Raises:
        InputError: the file cannot be read.
    """
    path = default_file(environ)
    try:
        return Saved(**tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error}; `discover llm use NAME` writes it anew") from error


def save_default(saved: Saved | None, environ: Mapping[str, str]) -> Path:
    """Keeps a default, or forgets it.

    Raises:
        InputError: the file cannot be written.
    """
    path = default_file(environ)
    try:
        if saved is None:
            path.unlink(missing_ok=True)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{key} = {dumps(value)}\n" for key, value in saved.options().items()), "utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from error
    return path
