"""The board in a real browser: pages fit, run nothing hostile, load nothing from elsewhere, and all can use them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from urllib.parse import quote

import pytest

from ..report.chromium import Page, find_chromium
from .conftest import HOSTILE, Client

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the path; a browser is needed to look at pages"
)
FAULTS = """
axe.run(document, {resultTypes: ["violations"]}).then(found => JSON.stringify(found.violations
  .filter(fault => ["serious", "critical"].includes(fault.impact))
  .map(fault => [fault.id, fault.nodes.map(node => node.html.slice(0, 120))])))
"""
NAMED = quote(f"more/{HOSTILE}", safe="")
PAGES = ("/", "/new", "/run?run=first", f"/run?run={NAMED}", f"/compare?run=first&run={NAMED}")


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
    return f"http://{board.host}"


def test_pages_fit_and_have_no_serious_fault(board: Client, page: Page) -> None:
    home = enter(page, board)
    page.complaints.clear()
    page.requests.clear()
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for width, dark in ((1280, False), (400, True)):
        for path in PAGES:
            page.visit(home + path, width, dark=dark)
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
            assert page.evaluate("document.querySelectorAll('main script, main i, main b').length") == 0
            page.call("Runtime.evaluate", expression=axe)
            assert json.loads(page.evaluate(FAULTS)) == [], (path, width)
    assert page.complaints == []
    assert [one for one in page.requests if not one.startswith((home, "data:", "about:"))] == []
