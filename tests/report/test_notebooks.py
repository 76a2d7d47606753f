"""What notebooks show of a law and a run."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import discover
from discover.errors import InputError

from ..export.laws import CASES
from .conftest import Made


def test_a_law_shows_itself_with_formula_constants_and_plot(made: dict[str, Made]) -> None:
    law = discover.load(made["own"].run)
    shown = law._repr_html_()
    page = ElementTree.fromstring(shown.replace("&#x2061;", "").replace("&#x2062;", ""))
    assert page.find(".//math") is not None
    assert page.find(".//svg/polyline") is not None
    assert len(page.findall(".//svg/polygon")) == 2
    assert len(page.findall(".//tbody/tr")) == len(law.groups)
    assert not re.search(r"\de\+\d", shown)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


@pytest.mark.parametrize("name", CASES)
def test_every_law_shows_itself_without_a_plot(name: str) -> None:
    document = CASES[name].document
    shown = discover.FittedLaw(document)._repr_html_()
    assert shown.count("<tr>") == (1 + len(document.constants) if document.constant_names else 0)
    assert "<svg" not in shown


def test_plots_of_a_run_are_figures_to_restyle(made: dict[str, Made]) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    matplotlib = pytest.importorskip("matplotlib.figure")
    run = made["data_constrained"].run
    figure = discover.plot_forecast(run, along="params")
    assert isinstance(figure, plotly.Figure)
    assert figure.layout.xaxis.title.text.startswith("params")
    law = discover.load(run)
    parity = discover.plot_parity(run)
    assert sum(len(trace.x) for trace in parity.data if trace.mode == "markers") == 161 + 21
    assert np.isfinite(np.array(discover.plot_beyond(run).data[1].y, dtype=float)).all()
    drawn = discover.plot_residuals(run, "tokens", library="matplotlib")
    assert isinstance(drawn, matplotlib.Figure)
    assert drawn.axes[0].get_xlabel().startswith("tokens")
    assert law.formula


def test_mistakes_name_what_there_is(made: dict[str, Made]) -> None:
    run = made["data_constrained"].run
    with pytest.raises(InputError, match="no axis 'flops'"):
        discover.plot_forecast(run, along="flops")
    with pytest.raises(InputError, match="'plotly' or 'matplotlib'"):
        discover.plot_parity(run, library="bokeh")  # type: ignore[arg-type]
