"""Figures as plotly's JSON, and plotly's own code in a form that fits into a page."""

from __future__ import annotations

import base64
import gzip
import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.errors import UnavailableError
from discover.report.figures import Axis, Figure, Series
from discover.report.palette import COLOURS, colour, faded
from discover.report.ticks import ticks_of

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
GROUP_SYMBOLS = ("circle", "square", "triangle-up", "cross", "x", "pentagon", "triangle-down", "star")
SYMBOLS = {"sealed": "diamond", "human": "diamond", "law": "star"}
SIZES = {"sealed": 8, "human": 9, "law": 13, "faint": 5, "other": 6, "train": 6}
OPACITY = {"faint": 0.7, "other": 0.7}
DIGITS = 7
EDGE = 0.3  # opacity of the edges of a band
MARGIN = 0.05  # of an axis beyond its values


def packed_library() -> str:
    """plotly.js, compressed, as base64 text: a third of its size, which the page unpacks.

    Raises:
        UnavailableError: plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise UnavailableError("the HTML report needs plotly; install it with: pip install plotly") from None
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


def plotly_json(figure: Figure) -> dict[str, Any]:
    """Traces and layout of a figure."""
    traces = [_trace(series) for series in figure.series]
    layout = {
        "xaxis": _axis(figure.x, [series.x for series in figure.series]),
        "yaxis": _axis(figure.y, [edge for s in figure.series for edge in (s.y, s.upper) if edge is not None]),
        "shapes": [] if figure.end is None else [_rule(figure.end)],
    }
    return {
        "label": figure.label,
        "caption": figure.about,
        "data": traces,
        "layout": layout,
        "dark": {shade: other for series in figure.series for shade, other in _dark(series)},
    }


def _dark(series: Series) -> tuple[tuple[str, str], ...]:
    """Colours of a series on white, and what they are on a dark screen."""
    light, dark = colour(series), colour(series, dark=True)
    bands = tuple((_rgba(light, share), _rgba(dark, share)) for share in (faded(series), EDGE))
    return ((light, dark), *(bands if series.kind == "band" else ()))


def text(value: str) -> str:
    """Text that plotly shows as it is: it takes some tags for markup."""
    return html.escape(value, quote=False).replace("\n", "<br>")


def _trace(series: Series) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": text(series.name),
        "showlegend": series.legend,
        "x": _numbers(series.x),
        "y": _numbers(series.y),
    }
    if series.kind == "band":
        return trace | _band(series)
    if series.hover:
        trace |= {"text": [text(told) for told in series.hover], "hovertemplate": "%{text}<extra></extra>"}
    else:
        trace |= {"hovertemplate": f"%{{x:.4~g}}, %{{y:.5~g}}<extra>{text(series.name)}</extra>"}
    if series.kind == "line":
        width = 1.2 if series.role in ("rule", "rival", "human") else 2.2
        line = {"color": colour(series), "width": width, "dash": DASHES[series.dash % len(DASHES)]}
        return trace | {"mode": "lines", "line": line}
    symbol = SYMBOLS.get(series.role, "circle")
    if series.group is not None and series.role != "sealed":
        symbol = GROUP_SYMBOLS[series.group % len(GROUP_SYMBOLS)]
    size, opacity = SIZES.get(series.role, 6), OPACITY.get(series.role, 0.8)
    open_mark = series.role == "sealed"
    marker = {"color": colour(series), "symbol": symbol + ("-open" if open_mark else ""), "size": size}
    if open_mark:
        marker["line"] = {"width": 2}
    return trace | {"mode": "markers", "marker": marker, "opacity": opacity}


def _band(series: Series) -> dict[str, Any]:
    """A closed path: out along the lower edge, back along the upper one."""
    assert series.upper is not None
    return {
        "x": _numbers(series.x) + _numbers(series.x[::-1]),
        "y": _numbers(series.y) + _numbers(series.upper[::-1]),
        "mode": "lines",
        "fill": "toself",
        "fillcolor": _rgba(colour(series), faded(series)),
        "line": {"width": 0, "color": _rgba(colour(series), EDGE)},
        "hoverinfo": "skip",
    }


def _rgba(hexed: str, opacity: float) -> str:
    red, green, blue = (int(hexed[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _numbers(values: Floats) -> list[float | None]:
    """So many digits as a plot can show; what is not finite is a gap."""
    return [float(f"{v:.{DIGITS}g}") if math.isfinite(v) else None for v in values.tolist()]


def _axis(axis: Axis, values: Sequence[Floats]) -> dict[str, Any]:
    made: dict[str, Any] = {"title": {"text": text(axis.title)}}
    if axis.log:
        made["type"] = "log"
    if axis.ticks:
        made["tickmode"] = "array"  # names: none is left out on narrow screens
    places = ticks_of(axis, *_ends(axis, values))
    if places:
        made["tickvals"] = [place for place, _ in places]
        made["ticktext"] = [text(_short(label)) for _, label in places]
    return made


def _ends(axis: Axis, values: Sequence[Floats]) -> tuple[float, float]:
    """The ends of an axis: of the values, and a little further, as plotly draws it."""
    shown = np.concatenate([v[np.isfinite(v) & ((v > 0) | (not axis.log))] for v in values] or [np.array([1.0])])
    if not len(shown):
        return 1.0, 1.0
    low, high = float(shown.min()), float(shown.max())
    if axis.log:
        return low / (high / low) ** MARGIN, high * (high / low) ** MARGIN
    return low - MARGIN * (high - low), high + MARGIN * (high - low)


def _short(label: str) -> str:
    return label if len(label) <= 14 else label[:13] + "…"


def _rule(place: float) -> dict[str, Any]:
    line = {"width": 1, "dash": "dot", "color": COLOURS["rule"]}
    return {"type": "line", "x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1, "line": line}
