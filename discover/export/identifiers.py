"""Names and texts of a law made safe for a programming language."""

from __future__ import annotations

import keyword
import tomllib
from collections.abc import Collection, Iterable
from importlib.resources import files

_RESERVED = tomllib.loads((files("discover.export") / "reserved.toml").read_text("utf-8"))
PYTHON = frozenset(keyword.kwlist) | frozenset(_RESERVED["python"])
C = frozenset(_RESERVED["c"])
R = frozenset(_RESERVED["r"])
JULIA = frozenset(_RESERVED["julia"])
JAVASCRIPT = frozenset(_RESERVED["javascript"])


def safe_names(names: Iterable[str], reserved: Collection[str]) -> dict[str, str]:
    """name -> identifier that is not reserved and not taken by another name.

    A leading underscore is not portable and gets a letter before it; a reserved or taken name gets
    underscores after it. All other names stay as they are.
    """
    chosen: dict[str, str] = {}
    listed = list(names)
    for name in listed:
        safe = f"x{name}" if name.startswith("_") else name
        while safe in reserved or safe in chosen.values() or (safe != name and safe in listed):
            safe += "_"
        chosen[name] = safe
    return chosen


def one_line(text: str) -> str:
    """Text for a comment: printable, on one line, without an end of comment in any language."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.replace("*/", "* /").replace("=#", "= #").replace("??", "? ?").split()).rstrip("\\")


def quoted(text: str, language: str = "") -> str:
    """A string literal of a language with double quotes; everything but plain ASCII is escaped."""
    if language == "c":
        return _quoted_c(text)
    if language == "python":
        return ascii(text)
    escaped = "".join(_escape(character) for character in text)
    return f'"{escaped}"'


def listed(names: Iterable[str], language: str = "") -> str:
    """String literals with commas between them."""
    return ", ".join(quoted(name, language) for name in names)


def _escape(character: str) -> str:
    code = ord(character)
    if character in '"\\$':  # $ interpolates in Julia
        return f"\\u{code:04x}" if character == "$" else "\\" + character
    if 32 <= code < 127:
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _quoted_c(text: str) -> str:
    parts = []
    for byte in text.encode("utf-8", "replace"):
        character = chr(byte)
        plain = 32 <= byte < 127 and character not in '"\\?'  # ?? begins a trigraph
        parts.append(character if plain else f"\\{byte:03o}")
    return '"' + "".join(parts) + '"'
