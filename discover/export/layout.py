"""A law laid out for code: safe identifiers, the formula's text and the constants as arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from discover.export.identifiers import one_line, safe_names
from discover.expressions import Dialect, Expr, feature_names, to_text
from discover.expressions.printing import number_text
from discover.law.document import FeatureInfo, LawDocument

if TYPE_CHECKING:
    from discover.data.cards import Column


def real_literal(value: float) -> str:
    """The shortest decimal text that reads back to the same 64-bit number, never an integer literal."""
    return repr(float(value))


def exact_literal(value: float) -> str:
    """Like `real_literal`, but whole numbers stay whole, so that x**2 is a square and not a power."""
    return number_text(value)


def inputs(document: LawDocument) -> tuple[str, ...]:
    """Features that the formula uses, in the task's order; all of them where it uses none."""
    used = feature_names(document.expr)
    return tuple(name for name in document.feature_names if name in used) or document.feature_names


@dataclass(frozen=True)
class Layout:
    """Attributes:
    document: the law.
    inputs: features that the formula uses, in the task's order.
    names: feature or constant -> identifier.
    text: the formula in the language.
    """

    document: LawDocument
    inputs: tuple[str, ...]
    names: dict[str, str]
    text: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """Identifiers of the inputs."""
        return tuple(self.names[name] for name in self.inputs)

    @property
    def constants(self) -> tuple[str, ...]:
        return self.document.constant_names

    def values(self, constant: str) -> list[list[float]]:
        """Values of a constant, [group][target]."""
        found: list[list[float]] = self.document.by_name[constant].tolist()
        return found

    def sets(self, number: Callable[[float], str], left: str, right: str) -> list[str]:
        """The constants of every group as text, those of each target in brackets of their own."""
        table = [self.values(name) for name in self.constants]
        return [
            ", ".join(
                left + ", ".join(number(values[g][t]) for values in table) + right
                for t in range(len(self.document.targets))
            )
            for g in range(len(self.document.groups))
        ]

    def heading(self, mark: str) -> str:
        """Comment lines on what the file is; `mark` begins a comment."""
        document = self.document
        targets = ", ".join(document.targets)
        lines = [f"Scaling law of task {document.task}: {targets}", f"{targets} = {document.formula}"]
        lines += [f"  {name}: {_about(document, name)}" for name in self.inputs]
        version = document.versions.get("discover", "")
        lines.append(f"Made by discover {version}".rstrip())
        return "\n".join(f"{mark} {one_line(line) if line[0] != ' ' else '  ' + one_line(line)}" for line in lines)


def _about(document: LawDocument, name: str) -> str:
    feature = next(f for f in document.features if f.name == name)
    unit = f" [{feature.unit}]" if feature.unit not in ("", "1") else ""
    ends = document.domain.get(name)
    span = f"; fitted on {ends[0]:g} to {ends[1]:g}" if ends else ""
    return f"{meaning_of(feature) or name}{unit}{span}"


def meaning_of(feature: FeatureInfo | Column) -> str:
    """What a feature is, and its heading in the law's own table where formulas call it otherwise."""
    heading = f"the column {feature.source!r}" if feature.source and feature.source != feature.name else ""
    return ", ".join(filter(None, (feature.meaning, heading)))


def lay_out(
    document: LawDocument,
    language: str,
    reserved: Collection[str],
    *,
    power: str = "**",
    number: Callable[[float], str] = exact_literal,
    expr: Expr | None = None,
) -> Layout:
    """The law in a language.

    Args:
        document: the law.
        language: key of the operator table's spellings.
        reserved: identifiers that the generated code needs for itself.
        power, number: see `Dialect`.
        expr: another tree for the formula, such as one without bare literals.
    """
    names = safe_names([*document.feature_names, *document.constant_names], reserved)
    dialect = Dialect(language, power=power, number=number, name=lambda name: names.get(name, name))
    tree = document.expr if expr is None else expr
    text = to_text(tree, dialect)
    used = inputs(document)
    if not feature_names(tree):  # a constant law still answers with one value per row
        text = f"{text} + 0*{names[used[0]]}"
    return Layout(document, used, names, text)


def geometric_middle(low: float, high: float) -> float:
    """The middle of a range in the logarithm where both ends are positive, else the mean."""
    return math.sqrt(low) * math.sqrt(high) if low > 0 and high > 0 else (low + high) / 2


@cache
def template(name: str) -> Template:
    """A file of `templates`, where a line `@include NAME` stands for the text of another one."""
    text = (files("discover.export") / "templates" / name).read_text("utf-8")
    return Template(re.sub(r"^@include (.+)\n", lambda found: template(found[1]).template, text, flags=re.MULTILINE))
