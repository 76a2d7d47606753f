"""What a plot shows, apart from how it is drawn: the same figure becomes an interactive plot and a still picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from discover.arrays import Floats

SIDE_BY_SIDE = 6
Role = Literal["law", "train", "sealed", "other", "human", "rival", "front", "faint", "rule"]


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        title: what is on it, with its unit.
        log: logarithmic.
        multiple: so many its values count as one; labels show what they count.
        ticks: places and their labels, for names instead of numbers.
    """

    title: str
    log: bool = False
    multiple: float = 1.0
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Series:
    """Points, a line, or the band between two lines.

    Attributes:
        x, y: values, shape (n,); `y` is the lower edge of a band.
        upper: the upper edge of a band.
        hover: what is told of each point; empty for none.
        shade: place on a scale of colours in [0, 1], which then takes the place of the role's colour.
        group: number of the group by which it is coloured and marked, in place of its role's colour.
        legend: whether the legend names it.
        dash: which of the line patterns, 0 for a solid line.
    """

    kind: Literal["points", "line", "band"]
    name: str
    role: Role
    x: Floats
    y: Floats
    upper: Floats | None = None
    hover: tuple[str, ...] = ()
    shade: float | None = None
    group: int | None = None
    legend: bool = True
    dash: int = 0


@dataclass(frozen=True)
class Figure:
    """A plot.

    Attributes:
        key: its name in the document.
        label: what tells it from others of its kind, such as the group.
        caption: what is to be seen.
        end: where the train rows end on the horizontal axis, a dotted line; None for no line.
    """

    key: str
    label: str
    caption: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    end: float | None = None

    @property
    def about(self) -> str:
        """The caption with what the dotted line is."""
        return self.caption if self.end is None else f"{self.caption} The dotted line is the end of the train rows."


@dataclass(frozen=True)
class Gallery:
    """Figures of one kind.

    Attributes:
        key: its name in the document.
        figures: at least one.
        total: how many there are in the run.
        choice: they are alike but for the group, and too many to stand one after the other.
        glance: all of them are also shown small.
    """

    key: str
    figures: tuple[Figure, ...]
    total: int
    choice: bool = False
    glance: bool = False


def gallery(
    key: str, figures: Sequence[Figure], *, alike: bool = False, glance: bool = False, total: int | None = None
) -> Gallery | None:
    """Figures of one kind; None without any.

    Args:
        alike: they differ in group, target or axis only.
        glance: where they are too many, all are also shown small.
        total: how many there are in the run, if that is more.
    """
    if not figures:
        return None
    choice = alike and len(figures) > SIDE_BY_SIDE
    return Gallery(key, tuple(figures), total or len(figures), choice, choice and glance)
