"""A report as one HTML file that loads nothing: styles, scripts, formulas and plots are inside."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from discover.errors import UnavailableError
from discover.expressions import to_mathml, to_text
from discover.expressions.typesetting import mathml_name
from discover.report.blocks import Maths, Plots, Report
from discover.report.figures import Figure
from discover.report.palette import COLOURS, DARK
from discover.report.plotly_view import packed_library, plotly_json
from discover.report.still_view import best_format, picture
from discover.report.texts import FIXED

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def html_page(report: Report) -> str:
    """The text of the HTML file.

    Raises:
        UnavailableError: a library that the page needs is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise UnavailableError("the HTML report needs jinja2; install it with: pip install jinja2") from None

    environment = Environment(
        loader=PackageLoader("discover.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "pieces": lambda maths, digits=6: [Markup(piece) for piece in to_mathml(maths.expr, digits)],
        "right": lambda formula: [Markup(piece) for piece in to_mathml(formula.right, formula.digits)],
        "left": lambda name: Markup(mathml_name(name)) if NAME.fullmatch(name) else None,
        "still": lambda figure, small=False: Markup(_still(figure, small)),
        "written": to_text,
        "together": lambda text: text.replace(" %", FIXED + "%"),
        "kind": lambda block: type(block).__name__,
        "is_maths": lambda cell: isinstance(cell, Maths),
    }
    environment.filters |= filters
    return environment.get_template("report.html").render(
        report=report,
        style=Markup(_resource("report.css")),
        script=Markup(_script(report)),
        calculator_data=Markup(_script_json(report.calculator.data if report.calculator else {})),
        library=packed_library(),
        figures=Markup(_script_json(_drawings(report))),
    )


def _drawings(report: Report) -> dict[str, Any]:
    figures = {figure.key: plotly_json(figure) for figure in _figures(report)}
    return {"figures": figures, "colours": {"light": COLOURS, "dark": DARK}}


def _figures(report: Report) -> Iterator[Figure]:
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Plots):
                yield from block.gallery.figures


def _script(report: Report) -> str:
    if report.calculator is None:
        return _resource("report.js")
    laws = report.calculator.laws.replace("</", "<\\/")
    return "\n".join([_resource("forecast.js"), laws, _resource("calculator.js"), _resource("report.js")])


def _resource(name: str) -> str:
    return files("discover.report").joinpath("templates", name).read_text(encoding="utf-8")


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("\u2028", "\\u2028")


def _still(figure: Figure, small: bool) -> str:
    form = "png" if small else best_format(figure)
    content = base64.b64encode(picture(figure, form, small=small)).decode()
    return f"data:image/{'svg+xml' if form == 'svg' else 'png'};base64,{content}"
