"""Figures as still pictures: for print, for pages without scripts, and for documents of other formats."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from discover.errors import UnavailableError
from discover.report.figures import Axis, Figure, Series
from discover.report.palette import COLOURS, colour, faded
from discover.report.texts import quantity, raised_digits, size

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

        drawing = Drawing((2.5, 1.9) if small else (5.6, 3.7), layout=None if small else "constrained")
        _draw(drawing.subplots(), figure, small)
        if small:
            drawing.subplots_adjust(left=0.17, right=0.97, bottom=0.13, top=0.87)
        held = io.BytesIO()
        drawing.savefig(
            held, format=form, dpi=140 if small else 160, metadata={"Date": None} if form == "svg" else None
        )
    return _few_colours(held) if form == "png" else held.getvalue()


def drawing_of(figure: Figure) -> Any:
    """A figure as a `matplotlib.figure.Figure` with one axes.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    with _plain_style():
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing((5.6, 3.7), layout="constrained")
        _draw(drawing.subplots(), figure, small=False)
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
    for place, label in figure.rules:
        axes.axvline(place, color=COLOURS["rule"], lw=0.8, ls=DASHES[2], zorder=1)
        if not small:
            axes.annotate(
                label, (place, 0.99), xycoords=("data", "axes fraction"), rotation=90, fontsize=7.5, va="top",
                ha="right", color=COLOURS["rule"], xytext=(-2, 0), textcoords="offset points",
            )  # fmt: skip
    _scale(axes.xaxis, figure.x, small)
    _scale(axes.yaxis, figure.y, small)
    if small:
        axes.set_title(plain(_cut(figure.label, 34)), fontsize=7.5, loc="left")
        return
    axes.set_xlabel(plain(figure.x.title))
    axes.set_ylabel(plain(figure.y.title))
    if any(series.legend for series in figure.series):
        axes.legend(loc="best", frameon=False, fontsize=8, handlelength=2.2)


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
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    if about.ticks:
        axis.set_ticks([place for place, _ in about.ticks], [plain(_cut(label, 16)) for _, label in about.ticks])
        axis.set_tick_params(labelrotation=20 if any(len(label) > 6 for _, label in about.ticks) else 0)
        return
    formatter = FuncFormatter(lambda value, _: _tick(value))
    if about.log:
        low, high = sorted(axis.get_view_interval())
        if high / low < 30:  # decades alone would leave such an axis without a number
            axis.set_major_locator(FixedLocator(_log_ticks(low, high, 3 if small else 7)))
            axis.set_minor_locator(NullLocator())
        else:
            axis.set_major_locator(LogLocator(numticks=4 if small else 8))
            if small:
                axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    elif small:
        axis.set_major_locator(MaxNLocator(3))
    axis.set_major_formatter(formatter)
    axis.set_tick_params(labelsize=6.5 if small else 8.5)


def _tick(value: float) -> str:
    """Small numbers as they are, counts as 500M and 70B, all others as powers of ten."""
    if 1e-3 <= abs(value) < 1e4 or value == 0:
        return quantity(value, 3)
    return size(value) if 1e4 <= abs(value) < 1e15 else _power(value)


def _power(value: float) -> str:
    """Large and small numbers in powers of ten, so that all labels of an axis look alike."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    raised = "10" + raised_digits(exponent)
    mantissa = quantity(value / 10.0**exponent, 3)
    return raised if mantissa == "1" else f"{mantissa} × {raised}"


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between the ends, evenly on a logarithmic axis as far as that goes."""
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    if high / low < 3:
        found = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
        return [float(tick) for tick in found if low <= tick <= high]
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [step * decade for decade in decades for step in steps if low <= step * decade <= high]
        if len(ticks) <= most:
            break
    return ticks


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
