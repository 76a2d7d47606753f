"""The board in a real browser: pages fit, run nothing hostile, load nothing from elsewhere, and all can use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ..report.chromium import Page, find_chromium
from .conftest import HOSTILE, Client, table

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the path; a browser is needed to look at pages"
)
NAMED = quote(f"more/{HOSTILE}", safe="")
PAGES = ("/", "/new", "/run?run=first", f"/run?run={NAMED}", f"/compare?run=first&run={NAMED}")
MISPLACED = """
[...document.querySelectorAll(".plot :is(.main-svg, .xtitle, .ytitle, .legend)")].filter(part => {
  const [own, room] = [part, part.closest(".plot")].map(place => place.getBoundingClientRect());
  const beyond = [room.top - own.top, own.bottom - room.bottom, room.left - own.left, own.right - room.right];
  return Math.max(...beyond) > 1;
}).map(part => part.getAttribute("class"))
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert CHROMIUM is not None
    shown = Page(CHROMIUM, tmp_path_factory.mktemp("profile"))
    yield shown
    shown.close()


def enter(page: Page, board: Client) -> str:
    """Follows the link; returns the address of the board."""
    page.call("Page.navigate", url=board.link)
    page.wait_for("location.pathname === '/' && !location.search && document.querySelector('html.ready') !== null")
    page.complaints.clear()
    page.requests.clear()
    return f"http://{board.host}"


def check_quiet(page: Page, home: str) -> None:
    """Nothing went wrong, and nothing was asked of anybody else.

    Plotly brings a sheet for maps, which no page of the board draws; the policy keeps it out, and the browser says so.
    """
    assert [one for one in page.complaints if not ("inline style" in one and "/static/plotly.js" in one)] == []
    assert [one for one in page.requests if not one.startswith((home, "data:", "about:"))] == []


@pytest.mark.slow
def test_pages_fit_and_have_no_serious_fault(board: Client, page: Page) -> None:
    home = enter(page, board)
    for width, dark in ((1280, False), (400, True)):
        for path in PAGES:
            page.visit(home + path, width, dark=dark)
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
            assert page.evaluate("document.querySelectorAll('main script, main i, main b').length") == 0
            assert page.evaluate(MISPLACED) == [], (path, width)
            assert page.serious_faults() == [], (path, width)
    check_quiet(page, home)


@pytest.mark.slow
def test_from_a_table_to_its_report_by_keyboard_alone(board: Client, page: Page, tmp_path: Path) -> None:
    home = enter(page, board)
    (tmp_path / "mine.csv").write_text(table())
    page.visit(f"{home}/new")
    page.choose_file("input[type=file]", tmp_path / "mine.csv")
    page.wait_for("!document.getElementById('task').hidden")
    assert page.serious_faults() == []

    page.tab_to("[aria-label='role of family']")
    assert page.evaluate("document.activeElement.value") == "group"
    page.press("End")  # the last role: it is left out
    page.wait_for("!document.getElementById('guesses').textContent.includes('family')")
    type_in(page, "[name=evaluations]", "150")
    page.tab_to("details:not(#guesses) > summary")
    page.press("Enter")
    type_in(page, "[name=proposers]", "library,grammar")
    type_in(page, "[name=workers]", "1")
    page.tab_to("[name=start]")
    page.press("Enter")

    page.wait_for("location.pathname === '/run' && document.querySelector('html.ready .chip.running') !== null")
    page.wait_for("Number(document.querySelector('[data-live=scored]').textContent) > 0")
    page.wait_for("document.querySelectorAll('#front .point').length > 0")
    assert page.evaluate("document.querySelector('.chip.running') !== null")
    page.wait_for("document.querySelector('html.ready .chip.finished') !== null")
    assert page.evaluate("document.querySelector('[data-live=scored]').textContent") == "150"
    assert "params" in page.evaluate("document.querySelector('.law').textContent")

    page.visit(f"{home}/")
    for run in ("mine-1", "first"):
        page.tab_to(f"[name=pick][value={run}]")
        page.press(" ")
    page.visit(page.evaluate("document.getElementById('compare').href"))
    told = page.evaluate("[...document.querySelectorAll('.forecast strong')].map(one => Number(one.textContent))")
    assert len(told) == 2
    assert all(1.6 < value < 2.5 for value in told)

    page.visit(f"{home}/run?run=mine-1")
    page.tab_to("[data-act=report]")
    page.press("Enter")
    page.wait_for("location.pathname === '/report' && document.querySelector('html.ready') !== null")
    assert page.evaluate("document.querySelector('h1').textContent") == "mine"
    assert page.evaluate("document.querySelectorAll('figure.plot .main-svg').length") > 0
    check_quiet(page, home)


def type_in(page: Page, selector: str, text: str) -> None:
    page.tab_to(selector)
    for sign in text:
        page.press(sign)
