"""A law as notebooks show it: typeset, with its constants and a plot of its forecast; HTML that loads nothing."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import numpy as np

from discover.arrays import Floats
from discover.expressions import to_mathml
from discover.expressions.typesetting import mathml_name
from discover.forecasts import Ensemble
from discover.law.document import LawDocument
from discover.plain_data import lettered, round_numbers, rounded, with_error

MOST_ROWS = 12  # of constants
BEYOND = 8.0  # times the largest value of the data that the plot goes to
POINTS = 48
LABELS = 5  # of an axis, at most
WIDTH, HEIGHT, LEFT, BOTTOM = 460.0, 240.0, 54.0, 34.0
BLUE = "#3182bd"  # is seen on white and on black


def law_html(document: LawDocument, ensemble: Ensemble | None) -> str:
    """The law as HTML.

    Args:
        ensemble: intervals of forecasts; None for a law without them.
    """
    left = " / ".join(document.targets)
    pieces = " ".join(f'<math displaystyle="true">{piece}</math>' for piece in to_mathml(document.expr))
    parts = [f'<p style="font-size:1.15em;line-height:2.2">{html.escape(left)} = {pieces}</p>', _constants(document)]
    if ensemble is not None:
        parts.append(_plot(document, ensemble))
    return f"<div>{''.join(parts)}</div>"


def _constants(document: LawDocument) -> str:
    names = document.constant_names
    if not names:
        return ""
    labels = (("group",) if len(document.groups) > 1 else ()) + (("target",) if len(document.targets) > 1 else ())
    head = "".join(f"<th>{label}</th>" for label in labels)
    head += "".join(f"<th><math>{mathml_name(name)}</math></th>" for name in names)
    rows = []
    for entry in document.constants[:MOST_ROWS]:
        cells = [entry.group] * (len(document.groups) > 1) + [entry.target] * (len(document.targets) > 1)
        cells += [with_error(entry.values[name], entry.errors.get(name)) for name in names]
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    left = len(document.constants) - len(rows)
    more = f"<p>and {left} more groups and targets</p>" if left else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"


def _plot(document: LawDocument, ensemble: Ensemble) -> str:
    """The forecast of the first group and target along the first column, the others at the largest of the data."""
    ends = {name: document.domain.get(name) for name in ensemble.inputs}
    known = {name: pair for name, pair in ends.items() if pair is not None}
    if not known or len(known) < len(ends):
        return ""
    along = next(iter(known))
    low, high = known[along]
    log = low > 0
    x = np.geomspace(low, BEYOND * high, POINTS) if log else np.linspace(low, high, POINTS)
    columns = {name: np.full(POINTS, pair[1]) for name, pair in known.items()} | {along: x}
    found = ensemble.intervals(columns, [document.groups[0]] * POINTS, target=document.targets[0])
    across = np.log(x) if log else x
    heights = np.concatenate([found.value, *found.lower.values(), *found.upper.values()])
    if not np.all(np.isfinite(heights)) or not np.ptp(across) > 0:
        return ""
    frame = _Frame(float(across[0]), float(across[-1]), float(heights.min()), float(heights.max()))
    shapes = "".join(_shapes(frame, across, found.value, [(found.lower[p], found.upper[p]) for p in (0.9, 0.5)]))
    floor, end = HEIGHT - BOTTOM, frame.x(math.log(high) if log else high)
    rule = f'<line x1="{end:.1f}" x2="{end:.1f}" y1="8" y2="{floor}" stroke="#888" stroke-dasharray="2 3"/>'
    others = ", ".join(
        f"{name} {_size(pair[1] * document.multiple(name))}" for name, pair in known.items() if name != along
    )
    group = f", {document.groups[0]}" if len(document.groups) > 1 else ""
    said = f"{document.targets[0]}{group} against {along}" + (f" at {others}" if others else "")
    caption = html.escape(f"{said}; 50 and 90 % intervals; the data end at the dotted line")
    axis = "".join(_labels(frame, (float(x[0]), float(x[-1])), log, document.multiple(along)))
    return (
        f'<figure style="margin:0.5em 0;max-width:{WIDTH:.0f}px">'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" '
        f'aria-label="{caption}" font-family="sans-serif" font-size="11">{rule}{shapes}{axis}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _size(value: float) -> str:
    return lettered(value, 3) or rounded(value, 3)


class _Frame:
    """Where numbers are in the picture."""

    def __init__(self, left: float, right: float, low: float, high: float) -> None:
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        self.left, self.right, self.low, self.high = left, right, low - margin, high + margin

    def x(self, value: float) -> float:
        return LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - LEFT - 10.0)

    def y(self, value: float) -> float:
        return 8.0 + (self.high - value) / (self.high - self.low) * (HEIGHT - BOTTOM - 8.0)

    def path(self, across: Floats, heights: Floats) -> str:
        return " ".join(
            f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in zip(across.tolist(), heights.tolist(), strict=True)
        )


def _shapes(frame: _Frame, across: Floats, value: Floats, bands: list[tuple[Floats, Floats]]) -> Iterator[str]:
    for lower, upper in bands:
        outline = f"{frame.path(across, lower)} {frame.path(across[::-1], upper[::-1])}"
        yield f'<polygon points="{outline}" fill="{BLUE}" fill-opacity="0.2"/>'
    yield f'<polyline points="{frame.path(across, value)}" fill="none" stroke="{BLUE}" stroke-width="2"/>'


def _labels(frame: _Frame, ends: tuple[float, float], log: bool, multiple: float) -> Iterator[str]:
    """The axes with round numbers; those across are of what the column counts."""
    floor = HEIGHT - BOTTOM
    yield f'<path d="M{LEFT} 8V{floor}H{WIDTH - 10}" fill="none" stroke="#888"/>'
    for value in round_numbers(ends[0] * multiple, ends[1] * multiple, LABELS, log):
        place = frame.x(math.log(value / multiple) if log else value / multiple)
        yield f'<text x="{place:.1f}" y="{floor + 15}" text-anchor="middle" fill="#888">{_size(value)}</text>'
    for value in round_numbers(frame.low, frame.high, LABELS):
        place = frame.y(value) + 4.0
        yield f'<text x="{LEFT - 6}" y="{place:.1f}" text-anchor="end" fill="#888">{rounded(value, 4)}</text>'
