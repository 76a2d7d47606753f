"""A run as its journals tell of it while they grow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from discover.board.live import Follower
from discover.llm.replay import FILE_NAME
from discover.report.content import gather
from discover.report.steps import by_proposer, front, leaders
from discover.runs.folder import RunFolder


def test_following_in_pieces_comes_to_what_the_report_says(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    journal = (run / "steps.jsonl").read_bytes()
    follower = Follower(RunFolder(run))
    for end in (0, 100, len(journal) // 3, len(journal) - 5, len(journal)):  # lines are cut in the middle
        (run / "steps.jsonl").write_bytes(journal[:end])
        state = follower.state()
    steps = gather(finished).steps
    assert state["scored"] == len(steps)
    assert [(law["complexity"], law["error"]) for law in state["front"]] == [
        (step.complexity, step.inner_error) for step in front(steps)
    ]
    assert state["leader"] == leaders(steps)[-1].formula
    assert {name: (one["scored"], one["entered"], one["leads"]) for name, one in state["proposers"].items()} == {
        facts.name: (facts.scored, facts.entered, facts.leads) for facts in by_proposer(steps)
    }


def test_calls_of_a_model_and_their_money_are_counted(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    lines = [
        {"kind": "head", "format": 1, "price": {"prompt": 1.0, "answer": 10.0}},
        *({"kind": "asked", "number": n, "step": 0, "digest": ""} for n in range(3)),
        {"kind": "answered", "number": 0, "usage": {"prompt": 1000, "answer": 500}, "problem": None},
        {"kind": "answered", "number": 1, "usage": {"prompt": 500}, "problem": {"reason": "TIMEOUT"}},
        {"kind": "answered", "number": 2},
        {"kind": "proposal", "number": 0, "place": 0, "formula": "E", "refused": None},
        [],
    ]
    text = "\n".join([*map(json.dumps, lines), "no JSON", '{"kind": "asked", "torn'])
    (run / FILE_NAME).write_text(text)
    model = Follower(RunFolder(run)).state()["model"]
    assert (model["calls"], model["answers"], model["failed"], model["tokens"]) == (3, 1, 1, 2000)
    assert abs(model["cost"] - (1500 * 1.0 + 500 * 10.0) / 1e6) < 1e-12


def test_without_its_table_a_run_is_counted_and_the_reason_told(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    config = (run / "run.toml").read_text()
    (run / "run.toml").write_text(config.replace(str(finished.parent / "runs.csv"), str(tmp_path / "gone.csv")))
    state = Follower(RunFolder(run)).state()
    assert state["scored"] == 40
    assert "no such file" in state["trouble"]
    assert state["best"] == []
