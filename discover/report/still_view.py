"""Figures as still pictures: for print, for pages without scripts, and for documents of other formats."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from discover.errors import UnavailableError
from discover.report.figures import Axis, Figure, Series
from discover.report.palette import COLOURS, colour, faded
from discover.report.ticks import MOST, tick, ticks_of

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 2)), (0, (8, 2, 1, 2)))
GROUP_MARKS = "os^PXpv*"
MARKS = {"sealed": "D", "human": "D", "law": "*"}
SIZES = {"sealed": 4.2, "human": 4.6, "law": 9.0, "faint": 2.4, "other": 2.6, "train": 3.4}
OPACITY = {"faint": 0.7, "other": 0.7}
INK, GRID = "#3a4048", "#e3e6ea"
STYLE: Any = {
    "font.size": 9.5, "font.family": "sans-serif", "axes.edgecolor": "#aab1b9", "axes.linewidth": 0.8,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.grid": True,
    "grid.color": GRID, "grid.linewidth": 0.6, "axes.axisbelow": True, "axes.spines.top": False,
    "axes.spines.right": False, "svg.fonttype": "path", "svg.hashsalt": "discover", "path.simplify": True,
}  # fmt: skip
SIZE = (4.2, 2.7)  # inches; letters stay readable where two stand side by side on a page
SMALL_SIZE = (1.85, 1.35)  # as wide as it is shown, so that its labels have their size
SMALL_LABELS = 7.0
WIDE, HIGH = 48, 32  # signs of a title on one line beside the axes
LEGEND_SIGNS = 66  # that fit on a line of the legend, LEGEND_MARK of them for each mark
LEGEND_MARK = 9
LEGEND_LINE = 0.19  # inches
Format = Literal["svg", "png"]
MANY_POINTS = 600


def best_format(figure: Figure) -> Format:
    """Lines and letters stay sharp in SVG, which grows with every point."""
    points = sum(len(series.x) for series in figure.series if series.kind == "points")
    return "png" if points > MANY_POINTS else "svg"


def picture(figure: Figure, form: Format, *, small: bool = False) -> bytes:
    """A still picture of a figure, on white.

    Args:
        small: one of many: little more than axes, curve and points.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    with _plain_style():
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(SMALL_SIZE if small else SIZE, layout=None if small else "constrained")
        _draw(drawing.subplots(), figure, small)
        if small:
            drawing.subplots_adjust(left=0.2, right=0.96, bottom=0.16, top=0.96)
        else:
            _legend_below(drawing)
        held = io.BytesIO()
        drawing.savefig(
            held, format=form, dpi=190 if small else 160, metadata={"Date": None} if form == "svg" else None
        )
    return _few_colours(held) if form == "png" else held.getvalue()


def drawing_of(figure: Figure) -> Any:
    """A figure as a `matplotlib.figure.Figure` with one axes.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    with _plain_style():
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(SIZE, layout="constrained")
        _draw(drawing.subplots(), figure, small=False)
        _legend_below(drawing)
    return drawing


def _few_colours(held: io.BytesIO) -> bytes:
    """The picture with 64 colours, which is a third of the size and looks the same."""
    from PIL import Image

    reduced = io.BytesIO()
    Image.open(held).convert("RGB").quantize(64).save(reduced, "png", optimize=True)
    return reduced.getvalue()


@contextmanager
def _plain_style() -> Iterator[None]:
    try:
        import matplotlib
    except ImportError:
        raise UnavailableError("the report needs matplotlib; install it with: pip install matplotlib") from None
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is shown as a box
        yield


def _draw(axes: Any, figure: Figure, small: bool) -> None:
    axes.set(xscale="log" if figure.x.log else "linear", yscale="log" if figure.y.log else "linear")
    for series in figure.series:
        _draw_series(axes, series, small)
    if figure.end is not None:
        axes.axvline(figure.end, color=COLOURS["rule"], lw=0.8, ls=DASHES[2], zorder=1)
    _scale(axes.xaxis, figure.x, small)
    _scale(axes.yaxis, figure.y, small)
    if not small:
        axes.set_xlabel(textwrap.fill(plain(figure.x.title), WIDE))
        axes.set_ylabel(textwrap.fill(plain(figure.y.title), HIGH))


def _legend_below(drawing: Any) -> None:
    """The legend under the axes, where it lies over no point; the picture grows by its lines."""
    handles, labels = drawing.axes[0].get_legend_handles_labels()
    if not handles:
        return
    columns = max(1, min(LEGEND_SIGNS // (max(map(len, labels)) + LEGEND_MARK), len(labels)))
    by_row = [i for start in range(columns) for i in range(start, len(labels), columns)]  # it fills column by column
    drawing.set_figheight(drawing.get_figheight() + LEGEND_LINE * math.ceil(len(labels) / columns))
    drawing.legend(
        [handles[i] for i in by_row],
        [labels[i] for i in by_row],
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=8,
        handlelength=2.2,
    )


def _draw_series(axes: Any, series: Series, small: bool) -> None:
    shown = colour(series)
    label = plain(series.name) if series.legend else None
    if series.kind == "band":
        axes.fill_between(series.x, series.y, series.upper, color=shown, alpha=faded(series), lw=0, label=label)
    elif series.kind == "line":
        width = 0.9 if series.role in ("rule", "rival", "human") else 1.6
        axes.plot(series.x, series.y, color=shown, lw=width, ls=DASHES[series.dash % len(DASHES)], label=label)
    else:
        size = SIZES.get(series.role, 3.4) * (0.7 if small else 1.0)
        hollow = (
            {"markerfacecolor": "none", "markeredgewidth": 1.2} if series.role == "sealed" else {"markeredgewidth": 0}
        )
        mark = MARKS.get(series.role, "o")
        if series.group is not None and series.role != "sealed":
            mark = GROUP_MARKS[series.group % len(GROUP_MARKS)]
        axes.plot(
            series.x, series.y, mark, color=shown, ms=size, label=label, ls="none",
            alpha=OPACITY.get(series.role, 0.85), **hollow,
        )  # fmt: skip


def _scale(axis: Any, about: Axis, small: bool) -> None:
    from matplotlib.ticker import MaxNLocator, NullLocator

    if about.ticks:
        axis.set_ticks([place for place, _ in about.ticks], [plain(_cut(label, 16)) for _, label in about.ticks])
        axis.set_tick_params(labelrotation=20 if any(len(label) > 6 for _, label in about.ticks) else 0)
        return
    if about.log or about.multiple != 1.0:
        low, high = sorted(axis.get_view_interval())
        places = ticks_of(about, low, high, 3 if small else MOST)
        axis.set_ticks([place for place, _ in places], [plain(label) for _, label in places])
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(3 if small else MOST))
        axis.set_major_formatter(lambda value, _: tick(value))
    axis.set_tick_params(labelsize=SMALL_LABELS if small else 8.5)


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
