"""law.json: the text of a law document, and its file.

Reading names the key that is wrong. Fields that a later version adds are passed over.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.files import write_whole
from discover.law.document import ConstantSet, FeatureInfo, LawDocument, Range

FORMAT = 1


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
    fields = _Fields(content, where)
    found = fields.get("format", int)
    if found > FORMAT:
        raise InputError(
            f"{where} was written by a newer discover (format {found}, this one reads up to {FORMAT}); update discover"
        )
    if found != FORMAT:
        raise InputError(f"{where}, key format: {found}; this version reads format {FORMAT}")
    try:
        return _document(fields)
    except InputError as error:
        text = str(error)
        raise error if text.startswith(where) else InputError(f"{where}, {text}") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _document(fields: _Fields) -> LawDocument:
    return LawDocument(
        task=fields.get("task", str),
        formula=fields.get("formula", str),
        features=tuple(
            FeatureInfo(
                f.get("name", str),
                f.get("meaning", str),
                f.get("unit", str),
                f.get("source", str) if "source" in f.content else "",
            )
            for f in fields.entries("features")
        ),
        targets=fields.names("targets"),
        group_column=fields.get("group_column", str, None),
        groups=fields.names("groups"),
        constants=tuple(
            ConstantSet(
                s.get("group", str), s.get("target", str), s.within("values").numbers(), s.within("errors").perhaps()
            )
            for s in fields.entries("constants")
        ),
        shared=fields.names("shared"),
        recipe=fields.get("recipe", dict),
        n_constants=fields.get("n_constants", int),
        inner_error=fields.get("inner_error", float, None),
        domain=fields.within("domain").ranges(),
        target_range=fields.within("target_range").ranges(),
        seed=fields.get("seed", int, None),
        versions=fields.within("versions").texts(),
        forecasts=fields.get("forecasts", dict) if "forecasts" in fields.content else {},
        parts=fields.pairs("parts") if "parts" in fields.content else (),
        no_intervals=fields.get("no_intervals", str) if "no_intervals" in fields.content else "",
        edited="sha256" in fields.content and fields.content["sha256"] != _digest(fields.content),
    )


_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "an object", list: "a list"}


class _Fields:
    """A JSON object that says which key is wrong."""

    def __init__(self, content: object, where: str, path: str = "") -> None:
        if not isinstance(content, dict):
            raise InputError(f"{where}{', key ' + path if path else ''}: expected an object")
        self.content, self.where, self.path = content, where, path

    def error(self, key: str, message: str) -> InputError:
        return InputError(f"{self.where}, key {self.path}{'.' if self.path else ''}{key}: {message}")

    def get(self, key: str, kind: type, *others: None) -> Any:
        """The value of a key; `others` is None where null is allowed."""
        if key not in self.content:
            raise self.error(key, "missing")
        return self.checked(key, self.content[key], kind, *others)

    def checked(self, key: str, value: object, kind: type, *others: None) -> Any:
        if value is None and others:
            return None
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if abs(value) < 1 << 1000 else math.inf
        if not isinstance(value, kind) or isinstance(value, bool) or value == math.inf:
            expected = _KINDS[kind] + (" or null" if others else "")
            raise self.error(key, f"{json.dumps(value)[:60]}; expected {expected}")
        return value

    def within(self, key: str) -> _Fields:
        return _Fields(self.get(key, dict), self.where, f"{self.path}{'.' if self.path else ''}{key}")

    def entries(self, key: str) -> list[_Fields]:
        items = self.get(key, list)
        return [_Fields(item, self.where, f"{self.path}{key}[{i}]") for i, item in enumerate(items)]

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(self.checked(f"{key}[{i}]", v, str) for i, v in enumerate(self.get(key, list)))

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        found = [_Fields({"pair": value}, self.where, f"{key}[{i}]").names("pair")
                 for i, value in enumerate(self.get(key, list))]  # fmt: skip
        if any(len(pair) != 2 for pair in found):
            raise self.error(key, "expected pairs of names")
        return tuple((pair[0], pair[1]) for pair in found)

    def numbers(self) -> dict[str, float]:
        return {key: self.get(key, float) for key in self.content}

    def perhaps(self) -> dict[str, float | None]:
        return {key: self.get(key, float, None) for key in self.content}

    def texts(self) -> dict[str, str]:
        return {key: self.get(key, str) for key in self.content}

    def ranges(self) -> dict[str, Range]:
        return {key: self.ends(key) for key in self.content}

    def ends(self, key: str) -> Range:
        value = self.get(key, list)
        if len(value) != 2:
            raise self.error(key, f"{len(value)} entries; expected the smallest and the largest value")
        return self.checked(key, value[0], float), self.checked(key, value[1], float)


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
