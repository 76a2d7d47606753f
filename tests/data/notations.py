"""The notations that are read, each with an example: the tests write tables in them, and docs/reading.md lists them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

INDIAN = re.compile(r"(?<=\d)(?=(?:\d\d)*\d{3}$)")
"""Places of the commas in a whole number as India writes it."""

Write = Callable[[Decimal, "Style"], str]


@dataclass(frozen=True)
class Style:
    """How a file writes its numbers.

    Attributes:
        name: for people.
        point: decimal sign.
        mark: between groups of three digits; "" for none.
        delimiters: those of text files that people write with it.
    """

    name: str
    point: str
    mark: str
    delimiters: str = ",;\t|"

    def number(self, value: Decimal) -> str:
        """A number in this style."""
        whole, _, part = f"{abs(value):f}".partition(".")
        if self.mark == "2,":  # groups of two above the last three digits
            whole = INDIAN.sub(",", whole)
        elif self.mark:
            whole = f"{int(whole):,}".replace(",", self.mark)
        return ("-" if value < 0 else "") + whole + (self.point + part if part else "")


STYLES = (
    Style("as programs write", ".", ""),
    Style("English", ".", ","),
    Style("German, Spanish, Italian", ",", ".", ",;\t|"),
    Style("decimal commas without groups", ",", "", ";\t|"),
    Style("French: narrow no-break blanks", ",", "\u202f", ";\t"),
    Style("Scandinavian, Polish: no-break blanks", ",", "\u00a0", ";\t"),
    Style("Swiss", ".", "'", ",;\t"),
    Style("Swiss, typographic", ".", "’", ";\t"),
    Style("Indian", ".", "2,", ",;\t"),
    Style("SI: blanks", ".", " ", ",;\t"),
)


@dataclass(frozen=True)
class Notation:
    """A way to write a cell.

    Attributes:
        name: for people.
        write: a value as text.
        fits: values that can be written so.
        sample: the value of the example.
        counts: whether the text may hold groups of thousands that look like fractions.
    """

    name: str
    write: Write
    fits: Callable[[Decimal], bool] = lambda value: True
    sample: Decimal = Decimal("5.34")


def _power(value: Decimal, style: Style, sign: str) -> str:
    digits, exponent = f"{value:.6e}".split("e")
    return f"{style.number(Decimal(digits).normalize())}{sign}{int(exponent)}"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))


def _superscript(value: Decimal, style: Style) -> str:
    digits, exponent = f"{value:.6e}".split("e")
    return f"{style.number(Decimal(digits).normalize())}×10{_raised(int(exponent))}"


def _multiple(letter: str, power: int) -> Write:
    return lambda value, style: f"{style.number((value / 10**power).normalize())}{letter}"


def _few(value: Decimal) -> bool:
    return value > 0 and len(value.normalize().as_tuple().digits) <= 6


LARGE = Decimal(1_300_000_000)
NOTATIONS = (
    Notation("plain", lambda value, style: style.number(value)),
    Notation("exponent", lambda value, style: _power(value, style, "e"), _few, LARGE),
    Notation("power of ten, x", lambda value, style: _power(value, style, "x10^"), _few, LARGE),
    Notation("power of ten, ×", _superscript, _few, LARGE),
    Notation("letter for thousands to trillions", _multiple("B", 9), _few, LARGE),
    Notation("word for thousands to trillions", _multiple(" million", 6), _few, LARGE),
    Notation("German word", _multiple(" Mio.", 6), _few, LARGE),
    Notation("count with its unit", _multiple("M tokens", 6), _few, LARGE),
    Notation("billions of tokens", _multiple("BT", 9), _few, LARGE),
    Notation("crores", lambda value, style: f"{style.number((value / 10**7).normalize())} crore", _few, LARGE),
    Notation("per cent", lambda value, style: f"{style.number(value * 100)}%", _few, Decimal("0.251")),
    Notation("unit", lambda value, style: f"{style.number(value)} nats"),
    Notation("multiple", lambda value, style: f"{style.number(value)}x", sample=Decimal("0.25")),
    Notation("uncertainty", lambda value, style: f"{style.number(value)} ± {style.number(Decimal('0.01'))}"),
    Notation("uncertainty, +/-", lambda value, style: f"{style.number(value)} +/- {style.number(Decimal('0.01'))}"),
    Notation(
        "per cent with its uncertainty",
        lambda value, style: f"{style.number(value * 100)}% ± {style.number(Decimal('0.5'))}",
        lambda value: _few(value) and value < 1,
        Decimal("0.251"),
    ),
    Notation(
        "uncertainty in brackets", lambda value, style: f"{style.number(value)} ({style.number(Decimal('0.01'))})"
    ),
    Notation("about", lambda value, style: f"~{style.number(value)}"),
    Notation("mark of a footnote", lambda value, style: f"{style.number(value)}*"),
    Notation("typographic minus", lambda value, style: style.number(value).replace("-", "−"), sample=Decimal("-0.5")),
)

MISSING = ("", "NA", "n.a.", "-", "—", "null", "NaN", "#N/A", "#NV", "#DIV/0!", "#WERT!", "OOM", "diverged", "k.A.")
"""Cells without a value."""

HEADINGS = (
    "params", "params (M)", "params_M", "tokens [B]", "Token (Mio.)", "tokens (in billions)", "tokens (1e9)",
    "tokens (10^9)", "params, M", "M params", "Größe in Mio. Parametern",
)  # fmt: skip
"""Headings that give a unit."""


def write_text(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str) -> None:
    """A text file of these cells, quoted where they must be."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    path.write_text(text.getvalue(), encoding="utf-8")


def write_json(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A list of objects, with text in the cells."""
    path.write_text(json.dumps([dict(zip(header, row, strict=True)) for row in rows]), encoding="utf-8")
