"""law.json: the text of a law document, and its file.

Reading names the key that is wrong. Fields that a later version adds are passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.files import write_whole
from discover.law.document import LawDocument

FORMAT = 1
REQUIRED = (
    "task", "seed", "formula", "targets", "group_column", "groups", "constants", "n_constants", "shared", "recipe",
    "inner_error", "features", "domain", "target_range", "versions",
)  # fmt: skip
"""Keys of the first version; those that came later may be missing."""
KINDS = {"string": "text", "integer": "a whole number", "number": "a number", "array": "a list"}
"""What the checker calls a kind of value -> what people call it."""


def law_keys(document: LawDocument) -> dict[str, Any]:
    """The keys that files and commands use for a law."""
    return {
        "task": document.task,
        "seed": document.seed,
        "formula": document.formula,
        "targets": list(document.targets),
        "group_column": document.group_column,
        "groups": list(document.groups),
        "constants": [
            {"group": s.group, "target": s.target, "values": dict(s.values), "errors": dict(s.errors)}
            for s in document.constants
        ],
        "n_constants": document.n_constants,
        "shared": list(document.shared),
        "recipe": dict(document.recipe),
        "inner_error": document.inner_error,
    }


def to_json(document: LawDocument) -> str:
    """The text of law.json; every number reads back to the same 64-bit float."""
    content = {"format": FORMAT} | law_keys(document) | {
        "features": [feature.keys() for feature in document.features],
        "domain": {name: list(ends) for name, ends in document.domain.items()},
        "target_range": {name: list(ends) for name, ends in document.target_range.items()},
        "versions": dict(document.versions),
    }  # fmt: skip
    if document.forecasts:
        content["forecasts"] = dict(document.forecasts)
    if document.parts:
        content["parts"] = [list(pair) for pair in document.parts]
    if document.no_intervals:
        content["no_intervals"] = document.no_intervals
    content["sha256"] = _digest(content)
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the keys of law.json but its own, however they are spaced and ordered."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def from_json(text: str, where: str = "law.json") -> LawDocument:
    """The document in this text.

    Args:
        text: JSON.
        where: head of error messages.

    Raises:
        InputError: not JSON, another format, or a key that is missing or not as expected.
    """
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not valid JSON: {str(error)[:200]}") from error
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected an object")
    found = content.get("format", FORMAT)
    if isinstance(found, int) and found > FORMAT:
        raise InputError(
            f"{where} was written by a newer discover (format {found}, this one reads up to {FORMAT}); update discover"
        )
    if found != FORMAT:
        raise InputError(f"{where}, key format: {found}; this version reads format {FORMAT}")
    for key in ("format", *REQUIRED):
        if key not in content:
            raise InputError(f"{where}, key {key}: missing")
    try:
        document = _document(text)
    except InputError as error:
        raise InputError(f"{where}, {error}") from error
    return replace(document, edited="sha256" in content and content["sha256"] != _digest(content))


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _document(text: str) -> LawDocument:
    """The document in JSON; an error begins with the key that is wrong."""
    from pydantic import ValidationError

    try:
        found: LawDocument = _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        expected = first["msg"].removeprefix("Input should be ").removeprefix("a valid ")
        shown = json.dumps(first["input"])[:60]
        said = "missing" if first["type"] == "missing" else f"{shown}; expected {KINDS.get(expected, expected)}"
        raise InputError(f"key {place}: {said}") from error
    return found


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(LawDocument)


def read(path: str | Path) -> LawDocument:
    """The law in a file, or in the law.json of a run folder.

    Raises:
        InputError: no such file, or not a law document; names file and key.
    """
    place = Path(path)
    place = place / "law.json" if place.is_dir() else place
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{place}: no such file; expected the law.json of a run") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{place} cannot be read: {error}") from error
    return from_json(text, str(place))


def write(document: LawDocument, path: str | Path) -> None:
    """Writes law.json: the whole file or nothing.

    Raises:
        InputError: the folder is missing, not writable, or the disk is full.
    """
    write_whole(Path(path), to_json(document).encode())
