"""The HTML report as a file: complete, self-contained, harmless, and with the law's own numbers in its plots."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import discover
from discover.data.tasks import load_task
from discover.errors import InputError
from discover.forecasts import Ensemble
from discover.plain_data import number_in

from .conftest import FEW, Made, command

SECTIONS = [
    "calculator", "forecast", "law", "budget", "next", "beyond", "fit", "residuals", "front", "search", "doubts",
    "checklist",
]  # fmt: skip
NAMES = ["sft", "data_constrained", "own"]
VOID = {"meta", "img", "br", "mspace", "link", "input", "hr"}
LOADING = {"src", "href", "srcset", "data", "action", "poster", "formaction"}


class Document(HTMLParser):
    """Sections, headings, addresses, formulas and embedded data of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.embedded: dict[str, str] = {}
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        assert not any(name.startswith("on") for name in values), values
        self.addresses += [value or "" for name, value in attrs if name in LOADING]
        if tag == "section":
            self.sections.append(values["id"] or "")
        if tag == "script":
            self._inside = values.get("id") or "code"
            self.embedded[self._inside] = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.embedded[self._inside] += data
        elif self.open and self.open[-1] != "style":
            self.text.append(data)


def read(made: Made) -> Document:
    return Document(made.html.read_text())


def figures(made: Made) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(made).embedded["figures"])["figures"]
    return found


def trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in figure["data"] if item["name"] == name)
    return found


def openings(run: Path) -> list[str]:
    """Who opened the sealed rows, from the journal."""
    records = map(json.loads, (run / "steps.jsonl").read_text().splitlines())
    return [record["by"] for record in records if record["kind"] == "opened"]


@pytest.mark.parametrize("name", NAMES)
def test_page_is_whole_and_loads_nothing(made: dict[str, Made], name: str) -> None:
    page = read(made[name])
    assert page.open == []
    assert page.sections == [key for key in SECTIONS if key != "budget" or name != "sft"]  # which has no cost
    for address in page.addresses:
        assert address.startswith(("#", "data:image/")), address[:80]
    assert "link" not in page.tags
    assert "@import" not in made[name].html.read_text()
    assert made[name].html.stat().st_size < 6_000_000


def test_the_forecast_comes_first_in_a_sentence_to_quote(made: dict[str, Made]) -> None:
    told = "".join(read(made["data_constrained"]).text)
    found = re.search(r"At (\S+) unique_tokens, (\S+) params and (\S+) tokens the loss will be (\S+) \(90\s%", told)
    assert found is not None
    names = ("unique_tokens", "params", "tokens")
    at = {name: number_in(text) for name, text in zip(names, found.groups()[:3], strict=True)}
    expected = Ensemble.from_run(made["data_constrained"].run).intervals(at).value[0]
    assert float(found[4]) == pytest.approx(expected, rel=0.02)
    assert told.index("Forecast") < told.index("The law")


def test_rivals_are_written_out_whole(made: dict[str, Made]) -> None:
    run = made["data_constrained"]
    told = "".join(read(run).text)
    result = json.loads((run.run / "result.json").read_text())
    for item in result["runners_up"]:
        assert f"loss = {item['formula']}" in told


@pytest.mark.parametrize("name", NAMES)
def test_law_is_typeset_with_all_its_names(made: dict[str, Made], name: str) -> None:
    law = discover.load(made[name].run)
    source = made[name].html.read_text()
    assert "<math displaystyle" in source
    shown = "".join(read(made[name]).text)
    for feature in law.features:
        assert feature in shown
    for item in ("constant", "90 % interval", "inner error", "Objective", "Bounds hit", "Seed", "SHA-256"):
        assert item in shown, item


def test_curves_are_the_law_and_points_the_rows(made: dict[str, Made]) -> None:
    run = made["sft"]
    law = discover.load(run.run)
    drawn = figures(run)
    fits = [figure for key, figure in drawn.items() if key.startswith("fit-")]
    assert [figure["label"] for figure in fits] == list(law.groups)
    for figure in fits[:5]:
        curve = trace(figure, "law")
        expected = law(examples=np.array(curve["x"]), group=figure["label"])
        np.testing.assert_allclose(curve["y"], expected, rtol=1e-5)
        assert min(curve["x"]) >= 200
        assert max(curve["x"]) > 819200
        assert len(trace(figure, "train rows")["x"]) == 12
        assert trace(figure, "sealed rows")["x"] == [819200]


def test_intervals_enclose_the_law_and_widen_beyond_the_data(made: dict[str, Made]) -> None:
    figure = next(figure for key, figure in figures(made["sft"]).items() if key.startswith("fit-"))
    band = trace(figure, "90 % interval")
    curve = trace(figure, "forecast" if any(item["name"] == "forecast" for item in figure["data"]) else "law")
    n = len(curve["x"])
    lower, upper = np.array(band["y"][:n]), np.array(band["y"][n:][::-1])
    assert np.all(lower <= np.array(curve["y"]) * (1 + 1e-6))
    assert np.all(upper >= np.array(curve["y"]) * (1 - 1e-6))
    width = np.log(upper / lower)
    assert width[-1] > np.median(width)


def test_curves_of_several_axes_are_the_law_at_measured_settings_of_the_others(made: dict[str, Made]) -> None:
    law = discover.load(made["data_constrained"].run)
    drawn = figures(made["data_constrained"])
    task = load_task("data_constrained")
    tables = (task.train().features, task.sealed().features)
    for axis, other in (("tokens", "params"), ("params", "tokens")):
        settings = {pair for rows in tables for pair in zip(rows["unique_tokens"], rows[other], strict=True)}
        curves = [t for t in drawn[f"fit-0-0-{axis}"]["data"] if other in t["name"]]
        assert 3 <= len(curves) <= 5
        for curve in curves:
            x = np.array(curve["x"])
            points = [{axis: x, "unique_tokens": np.full(len(x), u), other: o} for u, o in settings]
            assert any(is_law(law, point, curve["y"]) for point in points), curve["name"]


def is_law(law: discover.FittedLaw, points: dict[str, Any], drawn: list[float]) -> bool:
    """Whether a curve is that of the law at these settings; nowhere all of them, if it has no value at some."""
    try:
        return bool(np.allclose(drawn, law(points), rtol=1e-5))
    except InputError:
        return False


def test_parity_holds_every_row_once(made: dict[str, Made]) -> None:
    figure = figures(made["data_constrained"])["parity-0"]
    assert len(trace(figure, "train rows")["x"]) == 161
    assert len(trace(figure, "sealed rows")["x"]) == 21


def test_runners_up_and_human_laws_part_beyond_the_data(made: dict[str, Made]) -> None:
    run = made["data_constrained"]
    result = json.loads((run.run / "result.json").read_text())
    names = {item["name"] for item in figures(run)["beyond-0-0"]["data"]}
    assert "this law" in names
    assert {"runner-up 1", "chinchilla"} <= names
    assert len([name for name in names if name.startswith("runner-up")]) == len(result["runners_up"])


def test_front_shows_the_law_and_the_human_laws(made: dict[str, Made]) -> None:
    run = made["data_constrained"]
    result = json.loads((run.run / "result.json").read_text())
    figure = figures(run)["front"]
    assert trace(figure, "this law")["y"] == [pytest.approx(result["inner_error"], rel=1e-5)]
    compared = next(h for h in result["human"] if h["law"] == "chinchilla" and h["variant"] == "refitted")
    assert trace(figure, "chinchilla")["y"] == [pytest.approx(compared["inner_error"], rel=1e-5)]
    stairs = trace(figure, "best at its size")
    assert stairs["y"] == sorted(stairs["y"], reverse=True)


def test_search_history_only_falls(made: dict[str, Made]) -> None:
    history = trace(figures(made["data_constrained"])["search"], "best so far")
    assert history["y"] == sorted(history["y"], reverse=True)
    assert history["x"][-1] == 30


def test_names_from_the_table_are_text(made: dict[str, Made]) -> None:
    source = made["own"].html.read_text()
    page = read(made["own"])
    assert page.tags.count("script") == 4
    assert "<script>alert" not in source
    assert "<i>loss" not in source
    assert "<b>family" not in source
    shown = "".join(page.text)
    assert "<script>alert(1)</script>" in shown
    assert "<i>loss</i>" in shown
    for figure in figures(made["own"]).values():
        for item in figure["data"]:
            for told in (item["name"], *item.get("text", ())):
                assert not re.search(r"<(?!br>)", told)


@pytest.mark.slow
def test_sealed_rows_stay_out_while_they_are_closed(made: dict[str, Made], tmp_path: Path) -> None:
    done = command("run", "parallel", *FEW, "--no-sealed", "--out", "run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert command("report", "run", folder=tmp_path).returncode == 0
    closed = Made("parallel", tmp_path / "run", tmp_path / "run/report.html")
    assert all("sealed" not in item["name"] for f in figures(closed).values() for item in f["data"])
    assert "still closed" in "".join(read(closed).text)
    assert openings(tmp_path / "run") == []

    done = command("report", "run", "--sealed", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any("sealed" in item["name"] for f in figures(closed).values() for item in f["data"])
    assert openings(tmp_path / "run") == ["evaluate"]


@pytest.mark.slow
def test_a_curve_through_rows_that_share_no_setting_spans_the_whole_axis(tmp_path: Path) -> None:
    lines = [f"{1e7 * 2**i:g},{1e9 * 3**i:g},{2 + 50 * (1e7 * 2**i) ** -0.3 + 80 * (1e9 * 3**i) ** -0.25:.6f}"
             for i in range(10)]  # fmt: skip
    (tmp_path / "line.csv").write_text("\n".join(["params,tokens,loss", *lines]) + "\n")
    done = command("run", "line.csv", "--target", "loss", *FEW, "--out", "run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert command("report", "run", folder=tmp_path).returncode == 0
    drawn = figures(Made("line", tmp_path / "run", tmp_path / "run/report.html"))
    law = discover.load(tmp_path / "run")
    for key, figure in drawn.items():
        if key.startswith("fit-"):
            curve = next(item for item in figure["data"] if item["name"].startswith("law"))
            rows = [x for item in figure["data"] if item["mode"] == "markers" for x in item["x"]]
            assert len(rows) == 10
            assert min(curve["x"]) == min(rows)
            assert max(curve["x"]) >= 8 * max(rows) * 0.999
            if len(law.features) == 1:
                np.testing.assert_allclose(curve["y"], law({law.features[0]: np.array(curve["x"])}), rtol=1e-5)
