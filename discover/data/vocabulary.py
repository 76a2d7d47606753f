"""The words of `vocabulary.toml`, by which headings and cells of tables are understood."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def vocabulary() -> dict[str, Any]:
    """The content of the file."""
    return tomllib.loads((files("discover.data") / "vocabulary.toml").read_text("utf-8"))


def word_list(name: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(vocabulary()[name])
