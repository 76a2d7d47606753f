"""Reports of more groups and rows than a page can hold."""

from __future__ import annotations

import numpy as np
import pytest

from discover.errors import InputError
from discover.forecasts import Ensemble
from discover.report import axes
from discover.report.blocks import Plots, Text
from discover.report.content import Content, gather
from discover.report.sections import report_of
from tests.report.conftest import Made


@pytest.fixture(scope="module")
def content(made: dict[str, Made]) -> Content:
    return gather(made["sft"].run)


def test_a_page_shows_the_groups_of_the_largest_runs_and_those_that_the_law_fits_worst(content: Content) -> None:
    shown = [unit.group for unit in axes.drawn(content, 6)]
    assert len(shown) == 6
    assert shown == sorted(shown)
    assert axes.largest_group(content) in shown
    train = content.train
    off = np.abs(train.targets - content.fit.predict(train.features, train.group)).mean(axis=1)
    worst = np.bincount(train.group, off) / np.bincount(train.group)
    assert int(np.argmax(worst)) in shown


def test_what_is_left_out_is_said_and_the_calculator_has_the_same_groups_as_the_plots(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axes, "MOST_UNITS", 6)
    report = report_of(content)
    every = len(content.document.groups)
    blocks = [block for section in report.sections for block in section.blocks]
    said = " ".join(block.text for block in blocks if isinstance(block, Text))
    assert f"of 6 of the {every} groups" in said
    galleries = {block.gallery.key: block.gallery for block in blocks if isinstance(block, Plots)}
    assert {len(galleries[key].figures) for key in ("fit", "beyond")} == {6}
    asked = report.calculator
    assert asked is not None
    assert list(asked.groups) == [figure.label for figure in galleries["fit"].figures]
    assert set(asked.data["rows"]["train"]["group"]) == set(range(6))


def test_the_groups_that_are_asked_for_are_drawn(made: dict[str, Made]) -> None:
    names = gather(made["sft"].run).document.groups
    asked = gather(made["sft"].run, groups=f"{names[3]},{names[1]}")
    assert [unit.label for unit in axes.drawn(asked)] == [names[1], names[3]]
    with pytest.raises(InputError, match="no such group"):
        gather(made["sft"].run, groups="nobody")


def test_forecasts_of_some_groups_are_those_of_all(content: Content) -> None:
    ensemble = content.ensemble
    assert ensemble is not None
    codes = [7, 2, 5]
    names = [content.document.groups[code] for code in codes]
    points = {name: np.array([9e9, 1e7, 5e11]) for name in content.document.feature_names}
    some: Ensemble = ensemble.of_groups(codes)
    assert some.document.groups == tuple(names)
    one, other = some.intervals(points, names), ensemble.intervals(points, names)
    np.testing.assert_array_equal(one.value, other.value)
    for level in (0.5, 0.9):
        np.testing.assert_array_equal(one.lower[level], other.lower[level])
        np.testing.assert_array_equal(one.upper[level], other.upper[level])


def test_a_plot_holds_so_many_rows_and_no_more(content: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axes, "MOST_POINTS", 20)
    every = np.ones(len(content.train), bool)
    kept = np.flatnonzero(axes.few(every))
    assert [len(kept), kept[0], kept[-1]] == [20, 0, len(every) - 1]
    assert axes.few(every[:20]).all()
    plots = [block for section in report_of(content).sections for block in section.blocks if isinstance(block, Plots)]
    points = [s for block in plots for figure in block.gallery.figures for s in figure.series if s.kind == "points"]
    rows = [len(series.x) for series in points if series.role in ("train", "sealed", "faint")]
    assert max(rows) == 20
