"""The HTML report in a real browser: no complaint, nothing too wide, every plot drawn, on a phone and in print."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .chromium import Page, find_chromium
from .conftest import Made

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the path; a browser is needed to look at pages"
)
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
    assert page.evaluate("document.querySelectorAll('script').length") == 4  # plotly's, once it is unpacked
    assert page.evaluate("document.querySelectorAll('td b, td i, h1 i, figcaption i, svg script').length") == 0


def test_printed_pages_hold_all_sections(made: dict[str, Made], page: Page, tmp_path: Path) -> None:
    page.open(made["sft"].html, 1280)
    page.print(tmp_path / "printed.pdf")
    content = (tmp_path / "printed.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 5 <= content.count(b"/Type /Page\n") <= 25
    assert page.evaluate("[...document.querySelectorAll('details')].every(folded => folded.open)")
