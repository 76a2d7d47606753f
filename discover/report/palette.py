"""Colours and marks, the same in interactive and still plots.

Hues are those of Okabe and Ito (2008, Color Universal Design), which readers with any kind of colour vision tell
apart; lines also differ by their dashes and points by their shapes, so that grey print keeps them apart, too.
"""

from __future__ import annotations

from itertools import pairwise

from discover.report.figures import Series

COLOURS = {
    "law": "#005a9c", "train": "#3d4650", "sealed": "#c84a00", "other": "#76818d", "human": "#00795a",
    "rival": "#a3457f", "front": "#005a9c", "faint": "#8d98a4", "rule": "#6f7984", "here": "#111418",
}  # fmt: skip
DARK = {
    "law": "#62b8f0", "train": "#cdd4dc", "sealed": "#ff9a57", "other": "#8f9aa6", "human": "#35cfa0",
    "rival": "#e49ac6", "front": "#62b8f0", "faint": "#7b8793", "rule": "#9aa5b0", "here": "#ffffff",
}  # fmt: skip
GROUPS = ("#005a9c", "#c84a00", "#00795a", "#a3457f", "#3d4650", "#2f95d0", "#b88400", "#6b57a8")
GROUPS_DARK = ("#62b8f0", "#ff9a57", "#35cfa0", "#e49ac6", "#cdd4dc", "#9fd6ff", "#f0c24b", "#b3a2ee")
SCALE = ((0.0, (68, 33, 107)), (0.35, (49, 88, 146)), (0.7, (22, 124, 120)), (1.0, (84, 150, 60)))
SCALE_DARK = ((0.0, (178, 150, 232)), (0.35, (112, 166, 232)), (0.7, (68, 200, 190)), (1.0, (170, 220, 110)))
"""Scales for settings from small to large, each readable on its paper."""

Stops = tuple[tuple[float, tuple[int, int, int]], ...]


def colour(series: Series, dark: bool = False) -> str:
    """The colour of a series as #rrggbb, on white or on a dark screen."""
    names = DARK if dark else COLOURS
    if series.group is not None:
        own = GROUPS_DARK if dark else GROUPS
        return own[series.group % len(own)]
    if series.shade is None or series.role == "human":
        return names[series.role]
    return _on_scale(SCALE_DARK if dark else SCALE, series.shade)


def _on_scale(scale: Stops, place: float) -> str:
    for (low, a), (high, b) in pairwise(scale):
        if place <= high:
            share = (place - low) / (high - low)
            return "#" + "".join(f"{round(x + share * (y - x)):02x}" for x, y in zip(a, b, strict=True))
    return "#" + "".join(f"{x:02x}" for x in scale[-1][1])


def faded(series: Series) -> float:
    """Opacity of a band: narrow ones are laid over wide ones."""
    return 0.18 if series.shade is None else 0.12
