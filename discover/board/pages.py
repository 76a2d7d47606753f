"""The pages of the board, from templates; every value is escaped there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from discover.board.shelf import Row
from discover.errors import DiscoverError
from discover.expressions import parse, to_mathml
from discover.expressions.typesetting import mathml_name
from discover.report.palette import GROUPS, GROUPS_DARK
from discover.report.texts import quantity, size

WORDS = {"running": "running", "finished": "finished", "interrupted": "stopped", "damaged": "damaged"}
VERDICTS = {
    "untried": "no law tried yet",
    "no law": "no law beats the group means",
    "imported": "imported",
    "published": "published law",
    "discovered": "discovered",
}


class Pages:
    """Renders templates.

    Args:
        title: of the folder, on every page.
    """

    def __init__(self, title: str) -> None:
        self.environment = Environment(
            loader=PackageLoader("discover.board"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals |= {
            "folder": title,
            "words": WORDS,
            "verdicts": VERDICTS,
            "colours": {"light": GROUPS, "dark": GROUPS_DARK},
        }
        filters: dict[str, Any] = {
            "number": quantity,
            "r2": r2,
            "duration": duration,
            "money": money,
            "size": size,
            "typeset": typeset,
            "left": lambda name: Markup(mathml_name(name)) if name.isidentifier() and name.isascii() else None,
            "part": lambda text: quote(text, safe=""),
            "packed": packed,
            "day": day,
        }
        self.environment.filters |= filters

    def render(self, template: str, **values: Any) -> str:
        """The text of a page."""
        return self.environment.get_template(template).render(**values)


@lru_cache(maxsize=4096)
def typeset(formula: str, features: tuple[str, ...]) -> Markup | None:
    """A formula as MathML, one element per term, so that long laws wrap; None for what is no formula."""
    try:
        pieces = to_mathml(parse(formula, features), 4)
    except DiscoverError:
        return None
    return Markup("<wbr>").join(Markup(f'<math displaystyle="true">{piece}</math>') for piece in pieces)


def packed(value: Any) -> str:
    """A value for a data attribute, which the template escapes."""
    return json.dumps(value, ensure_ascii=False)


def r2(value: float | None) -> str:
    """An R2 with three digits; those far below zero are words."""
    if value is None:
        return "–"
    return "< −10" if value < -10 else f"{value:.3f}".replace("-", "−")


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def money(dollars: float | None) -> str:
    """US dollars; a dash where no money was spent or no price is known."""
    return "–" if dollars is None else f"${dollars:.2f}" if dollars >= 0.1 or dollars == 0 else f"${dollars:.4f}"


def day(started: str) -> str:
    """Day and minute of an ISO time."""
    return started[:16].replace("T", " ")


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many runs have each status."""
    return {status: sum(row.status == status for row in rows) for status in WORDS}
