"""Figures as plotly's JSON, and plotly's own code in a form that fits into a page."""

from __future__ import annotations

import base64
import gzip
import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from discover.errors import UnavailableError
from discover.report.figures import Axis, Figure, Floats, Series
from discover.report.palette import COLOURS, colour, faded

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
GROUP_SYMBOLS = ("circle", "square", "triangle-up", "cross", "x", "pentagon", "triangle-down", "star")
SYMBOLS = {"sealed": "diamond", "human": "diamond", "law": "star"}
SIZES = {"sealed": 8, "human": 9, "law": 13, "faint": 5, "other": 6, "train": 6}
OPACITY = {"faint": 0.7, "other": 0.7}
DIGITS = 7
EDGE = 0.3  # opacity of the edges of a band


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
        "shapes": [_rule(place) for place, _ in figure.rules],
        "annotations": [_note(figure, place, text) for place, text in figure.rules],
    }
    return {
        "label": figure.label,
        "caption": figure.caption,
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
    made: dict[str, Any] = {"title": {"text": text(axis.title)}, "exponentformat": _exponents(values)}
    if axis.log:
        made["type"] = "log"
        decades = _decades(values)
        if decades > 1.0:  # powers of ten, with 2 and 5 between them where there are few
            made["dtick"] = 1 if decades > 2.5 else "D2"
    if axis.ticks:
        made["tickvals"] = [place for place, _ in axis.ticks]
        made["ticktext"] = [text(_short(label)) for _, label in axis.ticks]
    return made


def _exponents(values: Sequence[Floats]) -> str:
    """Counts are written as 500M and 70B; other numbers, and what is beyond that, in powers of ten."""
    finite = [v[np.isfinite(v) & (v != 0)] for v in values]
    ends = [(float(np.abs(v).min()), float(np.abs(v).max())) for v in finite if len(v)]
    counts = ends and min(low for low, _ in ends) >= 1 and max(high for _, high in ends) < 1e16
    return "B" if counts else "power"


def _decades(values: Sequence[Floats]) -> float:
    low = min((float(v[v > 0].min()) for v in values if (v > 0).any()), default=1.0)
    high = max((float(v[np.isfinite(v)].max()) for v in values if np.isfinite(v).any()), default=1.0)
    return math.log10(high / low) if high > low else 0.0


def _short(label: str) -> str:
    return label if len(label) <= 14 else label[:13] + "…"


def _rule(place: float) -> dict[str, Any]:
    line = {"width": 1, "dash": "dot", "color": COLOURS["rule"]}
    return {"type": "line", "x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _note(figure: Figure, place: float, label: str) -> dict[str, Any]:
    x = math.log10(place) if figure.x.log else place  # annotations on a logarithmic axis are placed by the exponent
    return {
        "x": x,
        "y": 1,
        "yref": "paper",
        "text": text(label),
        "showarrow": False,
        "xanchor": "right",
        "yanchor": "top",
        "textangle": -90,
        "font": {"size": 10, "color": COLOURS["rule"]},
    }
