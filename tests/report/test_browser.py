"""The HTML report in a real browser: no complaint, nothing too wide, every plot drawn, on a phone and in print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from discover.forecasts import Ensemble
from discover.report.calculator import in_page

from .chromium import Page, find_chromium
from .conftest import Made

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the path; a browser is needed to look at pages"
)
CONTRASTS = """
(() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const drawn = [...document.querySelectorAll("figure.plot .scatterlayer path.js-line, figure.plot .points path")];
  return drawn.map(path => {
    const style = getComputedStyle(path);
    const filled = style.stroke === "none" || (path.closest(".points") && style.fill !== "none");
    const shown = filled ? style.fill : style.stroke;
    const [a, b] = [light(shown), paper].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
})()
"""
TOO_WIDE = """
[...document.querySelectorAll("body *")]
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest(".scroll,.law"))
  .map(e => e.tagName + "." + e.className)
"""
DRAWN = """
[...document.querySelectorAll("figure.plot")].map(place => ({
  key: place.dataset.figure,
  lines: place.querySelectorAll(".scatterlayer path.js-line, .scatterlayer .points path").length,
  width: place.querySelector(".main-svg")?.getBoundingClientRect().width ?? 0,
  room: place.getBoundingClientRect().width,
}))
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert CHROMIUM is not None
    opened = Page(CHROMIUM, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("name", ["sft", "data_constrained", "own"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_fits_and_every_plot_is_drawn(made: dict[str, Made], page: Page, name: str, width: int) -> None:
    page.complaints.clear()
    page.requests.clear()
    page.open(made[name].html, width)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate(TOO_WIDE) == []
    drawn = page.evaluate(DRAWN)
    assert len(drawn) >= 6
    for plot in drawn:
        assert plot["lines"] > 0, plot
        assert 0.9 * plot["room"] <= plot["width"] <= plot["room"] + 1, plot
    assert page.complaints == []
    loaded = [address for address in page.requests if not address.startswith(("data:", "blob:", "about:"))]
    assert loaded == [made[name].html.resolve().as_uri()]


@pytest.mark.parametrize(("name", "width", "dark"), [("own", 1280, False), ("data_constrained", 400, True)])
@pytest.mark.slow
def test_page_has_no_serious_fault_for_those_who_cannot_see_or_point(
    made: dict[str, Made], page: Page, name: str, width: int, dark: bool
) -> None:
    page.open(made[name].html, width, dark=dark)
    assert page.serious_faults() == []


def test_page_follows_the_width_of_the_window(made: dict[str, Made], page: Page) -> None:
    page.open(made["data_constrained"].html, 1280)
    page.resize(700)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    for plot in page.evaluate(DRAWN):
        assert plot["width"] <= plot["room"] + 1


def test_another_group_is_shown_when_it_is_chosen(made: dict[str, Made], page: Page) -> None:
    page.open(made["sft"].html, 1280)
    shown = "document.querySelector('[data-chooser=fit] figcaption').textContent"
    before = page.evaluate(shown)
    page.evaluate("document.querySelector('[data-chooser=fit] [data-step=\"1\"]').click()")
    after = page.evaluate(shown)
    assert before != after
    assert after.startswith(
        page.evaluate("document.querySelector('[data-chooser=fit] select').selectedOptions[0].text")
    )


def test_values_are_told_where_the_pointer_is(made: dict[str, Made], page: Page) -> None:
    page.open(made["own"].html, 1280)
    place = page.evaluate(
        "(() => { const point = document.querySelector('[data-figure^=parity] .points path');"
        " point.scrollIntoView({block: 'center', behavior: 'instant'}); const at = point.getBoundingClientRect();"
        " return [at.x + at.width / 2, at.y + at.height / 2]; })()"
    )
    page.point_at(*place)
    told = page.wait_for("document.querySelector('[data-figure^=parity] .hoverlayer')?.textContent")
    assert "measured" in told
    assert "params" in told


def test_no_button_sends_anything_away(made: dict[str, Made], page: Page) -> None:
    page.open(made["own"].html, 1280)
    buttons = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)")
    assert set(buttons) == {"Download plot as a PNG", "Zoom", "Pan", "Reset axes"}


def test_hostile_names_run_nothing(made: dict[str, Made], page: Page) -> None:
    page.open(made["own"].html, 1280)
    assert page.evaluate("document.querySelectorAll('script').length") == 5  # plotly's, once it is unpacked
    assert page.evaluate("document.querySelectorAll('td b, td i, h1 i, figcaption i, svg script').length") == 0


def test_printed_pages_hold_all_sections(made: dict[str, Made], page: Page, tmp_path: Path) -> None:
    page.open(made["sft"].html, 1280)
    page.print(tmp_path / "printed.pdf")
    content = (tmp_path / "printed.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 5 <= content.count(b"/Type /Page\n") <= 25
    assert page.evaluate("[...document.querySelectorAll('details')].every(folded => folded.open)")


def calculated(page: Page) -> str:
    """The calculator's sentence, once its plots are drawn."""
    page.wait_for("document.querySelector('#calculator.ready') !== null")
    told: str = page.evaluate("document.querySelector('#calculator .told').textContent")
    return told


def enter(page: Page, name: str, value: str) -> None:
    """Types into a field of the calculator, as a user with a keyboard does."""
    selector = f'#calculator [name="{name}"]'
    page.evaluate(f"(() => {{ const f = document.querySelector('{selector}'); f.focus(); f.select(); }})()")
    page.call("Input.insertText", text=value)


@pytest.mark.parametrize("name", ["sft", "data_constrained", "own"])
def test_the_calculator_says_what_predict_says(made: dict[str, Made], page: Page, name: str) -> None:
    page.open(made[name].html, 1280)
    calculated(page)
    ensemble = in_page(Ensemble.from_run(made[name].run))
    rng = np.random.default_rng(2)
    document = ensemble.document
    for _ in range(10):
        at = {
            column: float(f"{np.exp(rng.uniform(np.log(low), np.log(high) + 2)):.4g}")
            for column, (low, high) in document.domain.items()
        }
        group = int(rng.integers(0, len(document.groups)))
        found = page.evaluate(f"scalingLaw.forecast({json.dumps(at)}, {{group: {group}}})")
        expected = ensemble.intervals(at, [document.groups[group]])
        assert found["value"] == pytest.approx(expected.value[0], rel=1e-12)
        for level in (0.5, 0.9):
            assert found["lower"][f"{level:g}"] == pytest.approx(expected.lower[level][0], rel=1e-12)
            assert found["upper"][f"{level:g}"] == pytest.approx(expected.upper[level][0], rel=1e-12)


def test_typing_moves_the_forecast_the_plot_and_the_link(made: dict[str, Made], page: Page) -> None:
    page.open(made["own"].html, 1280)
    before = calculated(page)
    star = "[...document.querySelector('[data-plot=forecast] .live').data].at(-1).x[0]"
    enter(page, "at.params", "7B")
    enter(page, "at.tokens_B", "1.4T")
    after = page.wait_for(f"{star} === 7e9 && document.querySelector('#calculator .told').textContent")
    assert after != before
    assert after.startswith("At 7B params and 1.4T tokens for ")
    assert re.search(r", with (params|tokens_B) [\d.]+ times the largest in the data\.$", after)
    said = page.evaluate("scalingLaw.forecast({params: 7e9, tokens_B: 1400})")["value"]
    page.wait_for(f"{star.replace('.x[', '.y[')} === {said!r}")  # the plot follows the fields
    address = page.evaluate("location.href")
    assert "at.params=7B" in address

    page.call("Page.navigate", url="about:blank")
    page.call("Page.navigate", url=address)
    page.wait_for("document.querySelector('html.ready') !== null")
    assert calculated(page) == after


def test_mistakes_in_a_field_are_told_at_once(made: dict[str, Made], page: Page) -> None:
    page.open(made["own"].html, 1280)
    calculated(page)
    enter(page, "at.params", "7X")
    assert "params is 7X; expected a number" in page.evaluate(
        "document.querySelector('#calculator .wrong').textContent"
    )
    enter(page, "at.params", "7B")
    assert page.evaluate("document.querySelector('#calculator .wrong').textContent") == ""
    enter(page, "cost", "6*params*flops")
    assert "flops" in page.evaluate("document.querySelector('#calculator .best').textContent")


def test_every_field_is_reached_by_the_keyboard(made: dict[str, Made], page: Page) -> None:
    page.open(made["own"].html, 1280)
    calculated(page)
    page.evaluate("document.querySelector('#calculator input').focus()")
    reached = set()
    for _ in range(40):  # the buttons of plots are on the way
        reached.add(page.evaluate("document.activeElement.name"))
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert {"at.params", "at.tokens_B", "group", "along", "cost", "budget", "copy"} <= reached


def test_lines_and_points_stand_out_from_a_dark_page(made: dict[str, Made], page: Page) -> None:
    for dark in (False, True):
        page.open(made["data_constrained"].html, 1280, dark=dark)
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 20
        assert min(contrasts) > 2.4, dark
