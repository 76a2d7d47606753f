"""Colours and marks, the same in interactive and still plots; chosen to be told apart without colour, too."""

from __future__ import annotations

from itertools import pairwise

from discover.report.figures import Series

COLOURS = {
    "law": "#2a5d91", "train": "#4d5560", "sealed": "#d1495b", "other": "#98a2ad", "human": "#1f9083",
    "rival": "#8c63a8", "front": "#2a5d91", "faint": "#b4bcc5", "rule": "#8b939d",
}  # fmt: skip
SCALE = ((0.0, (68, 33, 107)), (0.35, (49, 88, 146)), (0.7, (33, 145, 140)), (1.0, (108, 190, 94)))
"""A scale from dark to light whose ends are readable on paper and on a dark screen."""


def colour(series: Series) -> str:
    """The colour of a series as #rrggbb."""
    if series.shade is None or series.role == "human":
        return COLOURS[series.role]
    for (low, a), (high, b) in pairwise(SCALE):
        if series.shade <= high:
            share = (series.shade - low) / (high - low)
            return "#" + "".join(f"{round(x + share * (y - x)):02x}" for x, y in zip(a, b, strict=True))
    return COLOURS["other"]


def faded(series: Series) -> float:
    """Opacity of a band: narrow ones are laid over wide ones."""
    return 0.16 if series.shade is None else 0.10
