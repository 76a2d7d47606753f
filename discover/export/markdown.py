"""Markdown: formula, features, and constants with errors, for a README or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from discover.export.identifiers import one_line
from discover.export.latex import equation
from discover.export.layout import meaning_of
from discover.expressions.printing import number_text
from discover.law.document import LawDocument


def markdown(document: LawDocument) -> str:
    """A page about the law, numbers with all their digits."""
    about = [
        f"# Scaling law of task {_text(document.task)}",
        f"```\n{one_line(', '.join(document.targets))} = {document.formula}\n```",
        f"$${equation(document)}$$",
        "## Features",
        _table(["feature", "meaning", "unit", "smallest fitted", "largest fitted"], _features(document)),
    ]
    if document.constant_names:
        heads = ["group", "target", "constant", "value", "standard error"]
        about += ["## Constants", _table(heads, _constants(document))]
    about += ["## Fit", "\n".join(f"- {line}" for line in _facts(document))]
    return "\n\n".join(about) + "\n"


def _features(document: LawDocument) -> list[list[str]]:
    rows = []
    for feature in document.features:
        low, high = (
            (number_text(float(v)) for v in document.domain[feature.name])
            if feature.name in document.domain
            else ("", "")
        )
        rows.append([f"`{feature.name}`", _text(meaning_of(feature)), _text(feature.unit), low, high])
    return rows


def _constants(document: LawDocument) -> list[list[str]]:
    rows = []
    for entry in document.constants:
        for name in document.constant_names:
            error = entry.errors.get(name)
            shared = " (shared)" if name in document.shared else ""
            shown = "" if error is None else f"{error:.3g}"
            rows.append([_text(entry.group), _text(entry.target), f"`{name}`{shared}", repr(entry.values[name]), shown])
    return rows


def _facts(document: LawDocument) -> list[str]:
    facts = [f"constants per group: {document.n_constants}"]
    if document.inner_error is not None:
        facts.append(f"extrapolation error inside the train rows: {document.inner_error:.6g}")
    if document.recipe:
        facts.append("recipe: " + ", ".join(f"{key} {_text(str(value))}" for key, value in document.recipe.items()))
    if document.seed is not None:
        facts.append(f"seed: {document.seed}")
    if document.versions:
        facts.append("versions: " + ", ".join(f"{_text(k)} {_text(v)}" for k, v in document.versions.items()))
    return facts


def _text(text: str) -> str:
    """Text in a cell: markup characters taken literally."""
    return "".join("\\" + c if c in "\\`*_[]<>|#$" else c for c in one_line(text))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
