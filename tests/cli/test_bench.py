"""The benchmark from the outside: its figures, that it covers all tasks first, and that it can be interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from discover.runs.bench_summary import clipped
from discover.runs.standings import load_standings

from .commands import COMMAND, assert_one_error

FEW = ("--evaluations", "25", "--workers", "1")
TASKS = ("parallel", "easy_question")


@pytest.mark.slow
def test_an_interrupted_benchmark_goes_on_and_gives_its_figures(discover) -> None:
    process = subprocess.Popen(
        [*COMMAND, "bench", *TASKS, "--seeds", "2", *FEW, "--out", "b"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = Path("b/parallel/seed0/result.json")
    second = Path("b/easy_question/seed0/steps.jsonl")
    deadline = time.monotonic() + 100
    while process.poll() is None and time.monotonic() < deadline and not second.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "continue with: discover bench --out b" in err
    assert "Not all runs are finished." in out
    assert "Traceback" not in err
    assert not Path("b/easy_question/seed1").exists()
    before = first.read_bytes()

    again = discover("bench", "--out", "b", "--json", "--markdown", "b.md")
    assert again.status == 0, again.err
    assert "1 of 4 runs are finished" in again.err
    assert first.read_bytes() == before
    found = again.json
    assert set(found["tasks"]) == set(TASKS)
    assert {"tasks", "mean", "seconds", "evaluations"} <= set(found)
    for task in found["tasks"].values():
        assert {"runs", "mean", "sd", "human"} <= set(task)
        assert [run["seed"] for run in task["runs"]] == [0, 1]
        assert [run["opened"] for run in task["runs"]] == [1, 1]
        assert task["mean"] == pytest.approx(sum(run["r2"] for run in task["runs"]) / 2)
        assert task["worst"] <= task["mean"] <= task["best"]
    assert found["tasks"]["parallel"]["human"] == 0.99989
    assert found["tasks"]["parallel"]["human_refitted"] > 0.99
    assert (found["evaluations"], found["complete"], found["seeds"]) == (100, True, 2)
    assert found["cpu_seconds"] > 0
    assert json.loads(Path("b/summary.json").read_text()) == found
    text = Path("b.md").read_text()
    assert "discover bench parallel easy_question --seeds 2 --evaluations 25 --workers 1" in text
    assert text.count("| easy_question |") == 3

    shown = discover("bench", "--out", "b")
    assert shown.status == 0
    assert "4 of 4 runs are finished" in shown.err
    assert "clipped to [-1, 1]" in shown.out
    assert_one_error(discover("bench", "--out", "b", "--evaluations", 26), "another budget", "--out")
    assert_one_error(discover("bench", "--out", "b", "--seeds", 1), "--seeds 1", "has 2", "--out")


def test_wrong_requests_are_told_before_anything_runs(discover, mistaken, tmp_path) -> None:
    assert_one_error(discover("bench", "paralel"), "paralel", "parallel")
    assert_one_error(mistaken("bench", "parallel", "--markdown", "no/such/b.md"), "no/such")
    assert_one_error(mistaken("bench", "parallel", "--budget", "soon"), "--budget")
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{x},{1 / x}\n" for x in range(1, 20)))
    (tmp_path / "t.toml").write_text('dataset = "t.csv"\ntarget = "y"\nfeatures = ["x"]\n')
    assert_one_error(mistaken("bench", "t.toml"), "t.toml")
    assert not Path("benches").exists()


def test_r2_counts_between_minus_one_and_one() -> None:
    assert [clipped(value) for value in (-940.0, -1.0, 0.3, None)] == [-1.0, -1.0, 0.3, -1.0]


def test_published_figures_are_of_shipped_tasks() -> None:
    from discover.data.tasks import list_tasks

    (standings,) = load_standings()
    assert set(standings.tasks) <= set(list_tasks())
    human = [task.human for task in standings.tasks.values() if task.human is not None]
    assert sum(human) / len(human) == pytest.approx(standings.overall[0].mean, abs=0.001)
