"""The plots of a report as figures of plotly or matplotlib, for notebooks and papers, to be restyled at will."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from discover.data.names import near
from discover.errors import InputError, UnavailableError
from discover.report.axes import units
from discover.report.beyond_plots import beyond
from discover.report.content import Content, gather
from discover.report.figures import Figure, Gallery
from discover.report.fit_plots import fit_gallery
from discover.report.plotly_view import plotly_json
from discover.report.residual_plots import parity_gallery, residual_gallery
from discover.report.search_plots import front_figure, search_figure
from discover.report.still_view import drawing_of

Library = Literal["plotly", "matplotlib"]


def plot_forecast(
    run: str | PathLike[str], *, group: str | None = None, along: str | None = None, library: Library = "plotly"
) -> Any:
    """Plots the law through the measured points and beyond them, with 50 and 90 % intervals.

    Args:
        run: folder of a finished run, or its `RunResult`.
        group: name of the group (with several targets: "group, target"); None for the first one.
        along: column of the horizontal axis; None for the first axis of scale.
        library: "plotly" gives a `plotly.graph_objects.Figure`, "matplotlib" a `matplotlib.figure.Figure`.

    Raises:
        InputError: there is no such run, or nothing of this name to plot.
        UnavailableError: the library is not installed.
    """
    content = gather(Path(run))
    made = fit_gallery(content)
    figures = [] if made is None else list(made.figures)
    if group is not None:
        known = [unit.label for unit in units(content)]
        figures = [figure for figure in figures if figure.label.partition("; along")[0] == _one(group, known, "group")]
    if along is not None:
        ends = {figure.key.split("-", 3)[3]: figure for figure in reversed(figures)}
        figures = [ends[_one(along, list(ends), "axis")]]
    return _drawn(figures, library)


def plot_beyond(run: str | PathLike[str], *, group: str | None = None, library: Library = "plotly") -> Any:
    """Plots the law and its rivals from the largest run on. Arguments and errors: see `plot_forecast`."""
    content = gather(Path(run))
    found = beyond(content)
    return _drawn(_of_group(content, None if found is None else found.plots, group), library)


def plot_parity(run: str | PathLike[str], *, target: str | None = None, library: Library = "plotly") -> Any:
    """Plots measured against predicted values. Arguments and errors: see `plot_forecast`."""
    made = parity_gallery(gather(Path(run)))
    return _drawn(_labelled(made, target, "target"), library)


def plot_residuals(
    run: str | PathLike[str], column: str | None = None, *, target: str | None = None, library: Library = "plotly"
) -> Any:
    """Plots the residuals of a target against a column or the group. Arguments and errors: see `plot_forecast`."""
    content = gather(Path(run))
    targets = content.document.targets
    place = 0 if target is None else targets.index(_one(target, targets, "target"))
    made = residual_gallery(content)
    start = f"residuals-{place}-"
    figures = {f.key.removeprefix(start): f for f in (made.figures if made else ()) if f.key.startswith(start)}
    if column is not None:
        figures = {column: figures[_one(column, list(figures), "column")]}
    return _drawn(list(figures.values()), library)


def plot_front(run: str | PathLike[str], *, library: Library = "plotly") -> Any:
    """Plots inner error against complexity for all laws tried. Arguments and errors: see `plot_forecast`."""
    figure = front_figure(gather(Path(run)))
    return _drawn([] if figure is None else [figure], library)


def plot_search(run: str | PathLike[str], *, library: Library = "plotly") -> Any:
    """Plots the best penalty so far against the number of laws scored. Arguments and errors: see `plot_forecast`."""
    figure = search_figure(gather(Path(run)))
    return _drawn([] if figure is None else [figure], library)


def _of_group(content: Content, made: Gallery | None, group: str | None) -> list[Figure]:
    figures = [] if made is None else list(made.figures)
    if group is None:
        return figures
    label = _one(group, [unit.label for unit in units(content)], "group")
    return [figure for figure in figures if figure.label == label]


def _labelled(made: Gallery | None, label: str | None, kind: str) -> list[Figure]:
    figures = [] if made is None else list(made.figures)
    if label is None:
        return figures
    wanted = _one(label, [figure.label for figure in figures], kind)
    return [figure for figure in figures if figure.label == wanted]


def _one(name: str, known: Sequence[str], kind: str) -> str:
    if name not in known:
        shown = ", ".join(text for text in known[:8] if text) or "it has only one"
        raise InputError(f"the run has no {kind} {name!r}{near(name, known)} ({kind}: {shown})")
    return name


def _drawn(figures: Sequence[Figure], library: str) -> Any:
    if not figures:
        raise InputError("this run has nothing to show in such a plot")
    if library == "matplotlib":
        return drawing_of(figures[0])
    if library != "plotly":
        raise InputError(f"library is {library!r}; expected 'plotly' or 'matplotlib'")
    try:
        from plotly import graph_objects
    except ImportError:
        raise UnavailableError("plotly is not installed; install it with: pip install plotly") from None
    made = plotly_json(figures[0])
    figure = graph_objects.Figure(data=made["data"], layout=made["layout"])
    return figure.update_layout(template="plotly_white", title=figures[0].label or None)
