"""What a report consists of, apart from its format: sections of text, formulas, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass

from discover.expressions import Expr
from discover.report.calculator import Calculator
from discover.report.figures import Gallery


@dataclass(frozen=True)
class Maths:
    """A formula, or a name as in a formula."""

    expr: Expr


Cell = str | Maths


@dataclass(frozen=True)
class Text:
    """A paragraph; a `remark` is set smaller."""

    text: str
    remark: bool = False


@dataclass(frozen=True)
class Points:
    """Sentences one below the other; `warning` for reasons to doubt."""

    items: tuple[str, ...]
    warning: bool = False


@dataclass(frozen=True)
class Formula:
    """`left = right`, set apart.

    Attributes:
        name: of the law, where it is one of several; the formula is then also shown as text, which breaks anywhere.
    """

    left: str
    right: Expr
    digits: int = 6
    name: str = ""


@dataclass(frozen=True)
class TableBlock:
    """A table.

    Attributes:
        head: its headings.
        rows: its cells.
        numeric: places of columns that hold numbers.
        folded: shown on demand where a format can do that; the text that asks for it.
    """

    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    folded: str = ""


@dataclass(frozen=True)
class Plots:
    """Figures of one kind."""

    gallery: Gallery


Block = Text | Points | Formula | TableBlock | Plots


@dataclass(frozen=True)
class Section:
    """A section with a heading; `key` names it in links."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Fact:
    """A number that a reader looks for first, what it is, and a remark."""

    value: str
    name: str
    remark: str = ""


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        title, summary: what was asked.
        headline: the forecast in a sentence that can be quoted; empty where there is none.
        verdict: what came out, in a sentence.
        made: by what and when.
        facts: the numbers that a reader looks for first.
        sections: the rest.
        calculator: what a page evaluates; None for a law without draws.
    """

    title: str
    summary: str
    verdict: str
    made: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    headline: str = ""
    calculator: Calculator | None = None
