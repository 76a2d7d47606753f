"""The campaign of faults in its short form, and that it goes on where it stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "campaign"


def campaign(work: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--work", str(work), "--json", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=900)


def test_hostile_formulas_are_answered_and_a_campaign_goes_on(tmp_path) -> None:
    first = campaign(tmp_path, "--only", "formulas", "--trials", "3")
    assert first.returncode == 0, first.stdout + first.stderr
    again = campaign(tmp_path, "--only", "formulas", "--trials", "5")
    said = json.loads(again.stdout)
    assert said["wrong"] == []
    assert {name: n for name, n in said["outcomes"]["formulas"].items() if n} == {"trials": 5, "faults": 5, "right": 5}
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 5


@pytest.mark.slow
def test_damaged_files_are_answered_and_a_killed_run_ends_in_the_same_law(tmp_path) -> None:
    done = campaign(tmp_path, "--trials", "6", "--only", "damage")
    assert done.returncode == 0, done.stdout + done.stderr
    done = campaign(tmp_path, "--trials", "1", "--only", "kill")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["time", "operon", "model", "cluster", "disk", "read-only", "memory", "clock", "closed", "moved", "twice"],
)
def test_a_hindered_run_ends_as_it_would_have(tmp_path, kind: str) -> None:
    done = campaign(tmp_path, "--trials", "2", "--only", kind)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_hostile_headings_reach_no_language(tmp_path) -> None:
    done = campaign(tmp_path, "--trials", "4", "--only", "headings")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_kind_of_fault_that_is_unknown_is_refused(tmp_path) -> None:
    done = campaign(tmp_path, "--only", "kills")
    assert done.returncode == 2
    assert "unknown kinds kills; there are kill," in done.stderr
