"""`discover show --groups`: the constants of some groups of a law that has very many."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
GROUPS = 5000


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run whose law has constants of 5,000 groups."""
    folder = Path(shutil.copytree(GOLDEN / "run-2", tmp_path / "run"))
    shutil.copy(GOLDEN / "runs.csv", tmp_path)
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    one = content["constants"][0]
    content["constants"] = [{**one, "group": "lab, 17" if i == 17 else f"lab-{i}"} for i in range(GROUPS)]
    (folder / "result.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_few_sets_are_shown_and_the_way_to_the_others_is_named(mistaken, run) -> None:
    said = mistaken("show", run).out
    assert said.count("lab-") == 6
    assert "and 4,994 more sets of constants in law.json; see: discover show DIR --groups A,B" in said


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("lab, 17", ["lab, 17"]),
        ("lab-4999, lab-1?", ["lab-4999", *(f"lab-{i}" for i in range(10, 20) if i != 17)]),
    ],
)
def test_groups_are_named_whole_or_with_wildcards(mistaken, run, asked: str, found: list[str]) -> None:
    shown = mistaken("show", run, "--groups", asked)
    assert shown.status == 0, shown.err
    assert all(name in shown.out for name in found)
    assert shown.out.count("lab") == len(found)
    kept = json.loads(mistaken("show", run, "--groups", asked, "--json").out)["constants"]
    assert {one["group"] for one in kept} == set(found)


def test_an_unknown_group_is_refused_with_some_that_there_are(mistaken, run) -> None:
    shown = mistaken("show", run, "--groups", "lab-17*,web")
    assert shown.status == 1
    assert "--groups web: the run has no such group; it has lab-0, lab-1, lab-2, ..." in shown.err
