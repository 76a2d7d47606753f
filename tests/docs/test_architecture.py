"""docs/architecture.md is true: what it names exists, and the loop can be read in one sitting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`((?:[\w.*<>]+/)+[\w.*<>]*)`", PAGE)
MOST_FILES, MOST_LINES = 10, 1500
LONGEST = 500  # lines of a file
LONG = {"discover/fitting/kernel.py"}  # compiled as one piece


@pytest.mark.parametrize("name", sorted(set(NAMED)))
def test_what_is_named_exists(name):
    pattern = name.replace("<name>", "*").rstrip("/")
    assert any(any(home.glob(pattern)) for home in (ROOT, ROOT / "discover"))


def test_the_loop_is_read_in_few_files_and_lines():
    section = PAGE.partition("## Reading the loop")[2].partition("\n## ")[0]
    files = re.findall(r"^[0-9]+\. `([^`]+)`", section, re.MULTILINE)
    lines = sum(len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in files)
    assert 1 < len(files) <= MOST_FILES
    assert lines <= MOST_LINES


def test_a_file_is_read_in_one_sitting():
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "discover").rglob("*.py")
    }
    assert {name for name, lines in lengths.items() if lines > LONGEST} == LONG
