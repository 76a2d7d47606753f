"""Markdown and PDF reports, and what the command says when something is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Made, command


@pytest.mark.parametrize("name", ["data_constrained", "own"])
def test_markdown_names_pictures_that_are_there(made: dict[str, Made], name: str, tmp_path: Path) -> None:
    done = command("report", made[name].run, "--format", "md", "--out", tmp_path / "law.md")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "law.md").read_text()
    named = re.findall(r"\]\((law-figures/[^)]+)\)", text)
    assert len(named) == len(set(named)) >= 6
    assert {path.name for path in (tmp_path / "law-figures").iterdir()} == {Path(item).name for item in named}
    for item in named:
        assert (tmp_path / item).read_bytes().startswith(b"\x89PNG")
    for heading in ("## The law", "## Forecast", "## Reasons to doubt", "## Reporting checklist"):
        assert heading in text
    assert "<script>" not in text
    assert "$$" in text or "= $" in text


@pytest.mark.slow
def test_tables_of_markdown_keep_their_columns(made: dict[str, Made], tmp_path: Path) -> None:
    command("report", made["own"].run, "--format", "md", "--out", tmp_path / "law.md")
    widths: list[int] = []
    for line in (tmp_path / "law.md").read_text().splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(len(re.findall(r"(?<!\\)\|", line)))
        assert widths[0] == widths[-1], line


@pytest.mark.parametrize("name", ["sft", "own"])
@pytest.mark.slow
def test_pdf_is_made_without_a_browser(made: dict[str, Made], name: str, tmp_path: Path) -> None:
    pytest.importorskip("typst", reason="typst is not installed")
    done = command("report", made[name].run, "--format", "pdf", "--out", tmp_path / "law.pdf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "law.pdf").read_bytes().startswith(b"%PDF")
    reader = shutil.which("pdftotext")
    if reader is not None:
        text = subprocess.run([reader, tmp_path / "law.pdf", "-"], capture_output=True, text=True, check=True).stdout
        for part in ("The law", "Reasons to doubt", "Reporting checklist", "Objective"):
            assert part in text
        if name == "own":
            assert "<script>alert(1)</script>" in text


def test_missing_pdf_library_is_named_with_its_install_command(made: dict[str, Made], tmp_path: Path) -> None:
    code = "import sys; sys.modules['typst'] = None; from discover.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "report", made["own"].run, "--format", "pdf", "--out", tmp_path / "law.pdf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'scaling-discover[pdf]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_json_names_the_file_and_its_sections(made: dict[str, Made], tmp_path: Path) -> None:
    done = command("report", made["own"].run, "--out", tmp_path / "law.html", "--json")
    told = json.loads(done.stdout)
    assert told["report"] == str(tmp_path / "law.html")
    assert told["bytes"] == (tmp_path / "law.html").stat().st_size
    assert told["sections"][:2] == ["forecast", "law"]


def test_the_name_of_the_file_says_the_format(made: dict[str, Made], tmp_path: Path) -> None:
    told = json.loads(command("report", made["own"].run, "--out", tmp_path / "law.MD", "--json").stdout)
    assert told["format"] == "md"
    assert (tmp_path / "law.MD").read_text().startswith("# ")


def test_equal_runs_give_equal_reports(made: dict[str, Made], tmp_path: Path) -> None:
    command("report", made["own"].run, "--out", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == made["own"].html.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="the browser is named by a variable of the environment there")
def test_open_shows_the_file(made: dict[str, Made], tmp_path: Path) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "discover", "report", made["own"].run, "--out", tmp_path / "law.html", "--open"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opened").read_text().strip() == str(tmp_path / "law.html")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("nowhere",), ("no folder nowhere",)),
        (("RUN", "--format", "docx"), ("--format", "docx", "html, md, pdf")),
        (("RUN", "--out", "missing/report.html"), ("missing/report.html", "folder that exists")),
    ],
)
def test_mistakes_are_told_in_a_sentence(copied: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    given = [str(copied) if word == "RUN" else word for word in arguments]
    before = sorted(path.name for path in copied.iterdir())
    done = command("report", *given, folder=copied.parent)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    for part in parts:
        assert part in done.stderr
    assert sorted(path.name for path in copied.iterdir()) == before


def test_unfinished_run_says_how_to_go_on(copied: Path) -> None:
    (copied / "result.json").unlink()
    done = command("report", copied)
    assert done.returncode == 1
    assert f"discover resume {copied}" in done.stderr


def test_damaged_sealed_rows_are_named(copied: Path) -> None:
    (copied / "sealed.json").write_text('{"features": {}}')
    done = command("report", copied)
    assert done.returncode == 1
    assert "sealed.json is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_law_without_draws_has_a_report_without_bands(copied: Path) -> None:
    law = json.loads((copied / "law.json").read_text())
    del law["forecasts"]
    (copied / "law.json").write_text(json.dumps(law))
    done = command("report", copied, "--out", copied / "old.html")
    assert done.returncode == 0, done.stderr
    assert "without draws of its constants" in (copied / "old.html").read_text()
