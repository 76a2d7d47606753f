"""TOML files into frozen models, with errors that name file, key and what was expected."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from discover.data.names import near
from discover.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Strict(BaseModel):
    """Base of everything read from TOML: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=Strict)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        InputError: no such file, not readable, or not TOML (with line and column).
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"no such file: {path}") from None
    except UnicodeDecodeError as problem:
        raise InputError(f"{path} is not UTF-8 text (byte {problem.start}); expected a TOML file") from None
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{path} is not valid TOML: {problem}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise InputError(f"{path} is not TOML that can be read: a number or its nesting is too long") from None


def load_model(model: type[Model], path: Path) -> Model:
    """The TOML file as this model.

    Raises:
        InputError: see `read_toml`; an unknown, missing or wrong key.
    """
    return build_model(model, read_toml(path), str(path))


def build_model(model: type[Model], values: dict[str, Any], where: str) -> Model:
    """The values as this model; `where` (a file or a call) begins the error message.

    Raises:
        InputError: an unknown, missing or wrong key.
    """
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        details = problem.errors(include_url=False)
        text = "; ".join(_describe(model, detail) for detail in details[:3])
        more = f" (and {len(details) - 3} more)" if len(details) > 3 else ""
        raise InputError(f"{where}: {text}{more}") from None


def _describe(model: type[Strict], detail: ErrorDetails) -> str:
    key = _key(detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = list(model.model_fields) if len(detail["loc"]) == 1 else []
        listed = f" (known keys: {', '.join(known)})" if known else ""
        return f"unknown key {key!r}{near(key, known)}{listed}"
    if detail["type"] == "missing":
        return f"key {key!r} is missing"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not key:
        return message
    return f"key {key!r}: {message[:1].lower()}{message[1:]}, got {detail['input']!r}"


def _key(location: tuple[int | str, ...]) -> str:
    """`("knowledge", 0, "monotone", "direction")` as `knowledge[1].direction`: from 1, no union tag."""
    text = ""
    for before, part in zip((None, *location), location, strict=False):
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif isinstance(before, int) and part in ("monotone", "bounds"):
            continue
        else:
            text += f".{part}" if text else part
    return text
