"""The documentation: in step with the commands, builds without a warning, its code runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from discover.export.targets import TARGETS

ROOT = Path(__file__).parents[2]
EXTERNAL = re.compile(r"""(?:src|srcset)\s*=\s*["']?(?:https?:)?//|<link[^>]+href=["']?(?:https?:)?//|@import""")


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, **options,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


def code_of(page: str) -> str:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def test_pages_of_the_commands_are_in_step_with_help():
    done = run(ROOT / "scripts" / "command_pages", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = run("-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_site_builds_without_a_warning_and_holds_every_page(site):
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    for page in pages:
        name = "index" if page.name == "README.md" else page.stem
        assert (site / page.with_name(f"{name}.html")).is_file(), page


def test_a_reader_without_a_network_misses_nothing(site):
    for page in site.rglob("*.html"):
        found = EXTERNAL.search(page.read_text(encoding="utf-8"))
        assert found is None, f"{page}: {found and found[0]}"


def test_reference_shows_arguments_and_errors(site):
    page = (site / "python.html").read_text(encoding="utf-8")
    for expected in ("discover.api.fit", "InputError", "starting values besides the drawn ones"):
        assert expected in page


def test_page_of_export_names_every_target():
    page = (ROOT / "docs" / "commands" / "export.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page.split("| target | file |")[1], re.MULTILINE)
    assert rows == list(TARGETS)


@pytest.mark.slow
def test_tutorial_prints_what_it_says():
    done = run(ROOT / "scripts" / "tutorial", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_tutorial_table_is_made_by_its_script():
    made = run(ROOT / "examples" / "make_table.py")
    assert made.stdout == (ROOT / "examples" / "runs.csv").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["python.md", "scikit-learn.md"])
def test_code_of_a_page_runs_as_it_stands(page, tmp_path):
    (tmp_path / "runs.csv").write_bytes((ROOT / "examples" / "runs.csv").read_bytes())
    run("-m", "discover", "run", "runs.csv", "--target", "loss", "--out", "first", "--evaluations", "24",
        "--proposers", "library,grammar", "--workers", "1", cwd=tmp_path)  # fmt: skip
    done = run("-W", "error", "-c", code_of(page), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_tests_of_the_tutorial_would_notice_another_number():
    module: dict[str, object] = {"__name__": "tutorial", "__file__": str(ROOT / "scripts" / "tutorial")}
    exec((ROOT / "scripts" / "tutorial").read_text(encoding="utf-8"), module)
    same = module["same"]
    assert same("forecast   2.20\n", "forecast 2.21\n")  # type: ignore[operator]
    assert same("400 laws in 5 s (80/s)\n", "400 laws in 11.2 s (36/s)\n")  # type: ignore[operator]
    assert not same("forecast 2.20\n", "forecast 2.40\n")  # type: ignore[operator]
    assert not same("forecast 2.20\n", "loss 2.20\n")  # type: ignore[operator]
