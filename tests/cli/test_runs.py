"""Runs from the outside: what they print, and that they are repeatable, blind and survive being killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from discover.cli.run_commands import idle
from discover.report.terminal import describe_result
from discover.runs.result import Result
from discover.runs.session import Budget

from .commands import COMMAND, FEW, command, table_text

SHIPPED = Path(__file__).parents[2]
KEYS = {
    "task", "seed", "formula", "constants", "n_constants", "inner_error", "sealed", "human", "evaluations",
    "seconds", "run_dir",
}  # fmt: skip


def steps(folder: Path | str) -> list[bytes]:
    """The journal's lines of candidates."""
    lines = (Path(folder) / "steps.jsonl").read_bytes().splitlines(keepends=True)
    return [line for line in lines if json.loads(line)["kind"] == "step"]


def law(folder: Path | str) -> bytes:
    return (Path(folder) / "law.json").read_bytes()


def test_json_is_one_object_with_the_promised_keys(discover) -> None:
    shown = discover("run", "parallel", *FEW, "--json")
    assert shown.status == 0
    found = shown.json
    assert set(found) >= KEYS
    assert set(found["sealed"]) >= {"r2", "rmse", "mare"}
    assert {(item["law"], item["variant"]) for item in found["human"]} == {
        ("sld_parallel", "published"),
        ("sld_parallel", "refitted"),
    }
    assert all(item["r2"] > 0.99 for item in found["human"])
    assert {item["group"] for item in found["constants"]} == {"pile", "stack"}
    assert (found["seed"], found["evaluations"], found["opened"]) == (0, 12, 1)
    # The same keys wherever these things appear.
    again = discover("show", found["run_dir"], "--json").json
    assert again == found
    document = json.loads(law(found["run_dir"]))
    assert {key: document[key] for key in ("formula", "constants", "n_constants")} == {
        key: found[key] for key in ("formula", "constants", "n_constants")
    }


def test_a_run_prints_law_constants_errors_and_what_to_do_next(discover) -> None:
    shown = discover("run", "parallel", *FEW, "--out", "r")
    for part in ("loss = ", "±", "sealed R2", "sld_parallel, published", "sld_parallel, refitted", "once", "r --to"):
        assert part in shown.out
    assert shown.err == ""
    exported = discover("export", "r", "--to", "python")
    assert "def predict(" in exported.out


def test_a_human_law_without_plausible_forecasts_is_explained(discover) -> None:
    found = discover("run", "parallel", *FEW, "--json").json
    told = "no inner error"
    assert not any(told in line for line in describe_result(Result.of(found)) if isinstance(line, str))
    found["human"][1]["inner_error"] = None
    assert any(told in line for line in describe_result(Result.of(found)) if isinstance(line, str))


def test_every_opening_of_the_sealed_rows_is_counted(discover) -> None:
    assert discover("run", "parallel", *FEW, "--no-sealed", "--out", "r", "--json").json["sealed"] is None
    assert b"opened" not in Path("r/steps.jsonl").read_bytes()
    assert discover("evaluate", "r", "--json").json["opened"] == 1
    assert discover("evaluate", "r", "--json").json["opened"] == 2
    assert discover("show", "r", "--json").json["opened"] == 2


@pytest.mark.slow
def test_an_easy_table_settles_before_its_bound(discover, runs_csv) -> None:
    options = ("--target", "loss", "--proposers", "library,grammar", "--workers", "1", "--out", "r")
    shown = discover("run", "runs.csv", *options, "--until-settled", "--evaluations", "3000", "--json")
    found = shown.json
    assert (found["stopped"], found["settled"]["yes"]) == ("the forecast has settled", True)
    assert found["settled"]["laws"] == found["evaluations"] < 3000
    assert discover("resume", "r", "--json").json == found
    assert "\nsettled: from " in discover("show", "r").out


@pytest.mark.parametrize(
    ("spend", "there", "said"),
    [(Budget(None, 200, 2), 2, ""), (Budget(60.0, None, 8), 8, ""), (Budget(None, 5000, 24), 24, ""),
     (Budget(60.0, None, 8), 64, "keeps 8 of 64 workers busy; --workers 64 uses all"),
     (Budget(None, 200, 4), 4, "keeps 2 of 4 workers busy; --islands 4 uses all, and finds other laws"),
     (Budget(None, 5000, 8), 64, "keeps 8 of 64 workers busy; --workers 64 --islands 64 uses all, and finds other"),
     (Budget(60.0, None, 8, 4), 8, "keeps 4 of 8 workers busy; --islands 8 uses all, and finds other laws")],
)  # fmt: skip
def test_a_run_that_leaves_processors_idle_says_what_uses_them(spend: Budget, there: int, said: str) -> None:
    told = " ".join(idle(spend, there, "workers"))
    assert said in told
    assert bool(said) == bool(told)


def test_a_budget_of_laws_decides_the_islands_on_every_machine() -> None:
    for laws, islands in ((12, 2), (400, 2), (600, 3), (5000, 24)):
        assert {Budget(None, laws, workers).used_islands for workers in (1, 8, 64)} == {islands}
    assert Budget(None, 5000, 8, until_settled=True).used_islands == 2


def test_a_search_of_few_laws_says_that_it_has_not_settled(discover) -> None:
    shown = discover("run", "parallel", "--until-settled", "--evaluations", "40", "--workers", "1", "--quiet")
    assert "; budget of evaluations reached\nnot settled: 40 laws are too few to tell; " in shown.out


def test_folders_are_numbered_and_never_overwritten(discover) -> None:
    folders = [discover("run", "parallel", *FEW, "--json").json["run_dir"] for _ in range(2)]
    assert folders == ["runs/parallel-seed0-1", "runs/parallel-seed0-2"]
    assert law(folders[0]) == law(folders[1])


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing_but_the_seed_does(discover) -> None:
    for workers in (1, 2, 3):
        outcome = discover("run", "parallel", "--evaluations", 60, "--workers", workers, "-q", "--out", f"w{workers}")
        assert outcome.status == 0, outcome.err
    assert steps("w1") == steps("w2") == steps("w3")
    assert law("w1") == law("w2") == law("w3")
    discover("run", "parallel", "--evaluations", 60, "--workers", 2, "-q", "--seed", 1, "--out", "other")
    assert steps("other") != steps("w1")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run of a task whose sealed rows are as they should be."""
    return run_blind(tmp_path_factory.mktemp("whole"), None)


def run_blind(place: Path, change: str | None) -> Path:
    """The folder of a run of a copied task; without engines, which answer within limits of time."""
    copy_task("parallel", place, change)
    options = ("--evaluations", "24", "--workers", "1", "--proposers", "library,grammar", "--no-sealed", "-q")
    outcome = command("run", "tasks/parallel.toml", *options, "--out", "run", cwd=place)
    assert outcome.status == 0, outcome.err
    return place / "run"


@pytest.mark.parametrize("what", ["deleted", "nan", "text"])
def test_the_sealed_rows_cannot_reach_the_search(whole, tmp_path, what) -> None:
    blind = run_blind(tmp_path, what)
    assert steps(blind) == steps(whole)
    assert json.loads(law(blind)) == json.loads(law(whole))  # which tells where they differ
    assert law(blind) == law(whole)
    assert {"forecasts", "constants"} <= set(json.loads(law(blind)))


def copy_task(name: str, folder: Path, change: str | None) -> None:
    """A task and its dataset in this folder, the sealed rows deleted or their targets spoilt."""
    shutil.copytree(SHIPPED / "datasets" / name, folder / "tasks" / name)
    shutil.copy(SHIPPED / "tasks" / f"{name}.toml", folder / "tasks" / f"{name}.toml")
    if change is None:
        return
    table = folder / "tasks" / name / "data.csv"
    header, *lines = table.read_text().splitlines()
    target = header.split(",").index("loss")
    kept = [header]
    for line in lines:
        cells = line.split(",")
        if cells[-1] == "test":
            if change == "deleted":
                continue
            cells[target] = {"nan": "nan", "text": "sealed"}[change]
        kept.append(",".join(cells))
    table.write_text("\n".join(kept) + "\n")


def test_spoilt_sealed_rows_are_told_and_the_law_is_kept(discover, tmp_path) -> None:
    copy_task("parallel", tmp_path / "blind", "nan")
    shown = discover("run", "blind/tasks/parallel.toml", *FEW, "--out", "r", "--json")
    assert shown.status == 0
    assert "no test rows with a value in loss" in shown.json["sealed_error"]
    assert shown.json["sealed"] is None


def test_a_table_of_ones_own_needs_no_option_where_one_column_is_headed_like_a_result(discover, runs_csv) -> None:
    shown = discover("run", "runs.csv", "--evaluations", 12, "--workers", 1, "--json")
    assert shown.status == 0
    assert "note: predicting loss from params, tokens" in shown.err
    assert shown.json["sealed"] is None
    assert shown.json["human"][0]["variant"] == "refitted"


def test_a_table_with_a_holdout_is_judged_on_it(discover, runs_csv) -> None:
    shown = discover("run", "runs.csv", "--target", "loss", "--holdout", "0.2", *FEW, "--json")
    assert shown.json["sealed"]["n"] == 6
    assert shown.json["sealed"]["r2"] > 0.9


def test_test_rows_come_from_a_second_table(discover, runs_csv) -> None:
    lines = table_text().splitlines(keepends=True)
    Path("largest.csv").write_text(lines[0] + "".join(lines[-4:]))
    runs_csv.write_text("".join(lines[:-4]))
    shown = discover("run", "runs.csv", "--target", "loss", "--test-rows", "largest.csv", *FEW, "--json")
    assert shown.json["sealed"]["n"] == 4


class Process:
    """A run in a process group of its own, to be killed with its workers."""

    def __init__(self, folder: str, *options: str) -> None:
        self.journal = Path(folder) / "steps.jsonl"
        self.process = subprocess.Popen(
            [*COMMAND, "run", "parallel", *options, "--out", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_bytes(self, wanted: int) -> None:
        """Waits until the journal has so many bytes, or the run is over."""
        deadline = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < deadline:
            if self.journal.exists() and self.journal.stat().st_size >= wanted:
                return
            time.sleep(0.005)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def interrupt(self, number: signal.Signals) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)


@pytest.mark.slow
def test_a_killed_run_ends_in_the_same_law(discover, tmp_path) -> None:
    options = ("--evaluations", "64", "--workers", "2", "-q")
    assert discover("run", "parallel", *options, "--out", "whole").status == 0
    size = len(b"".join(steps("whole")))
    for number, moment in enumerate(sorted(random.Random(7).uniform(0, 0.95) for _ in range(3))):
        folder = f"killed{number}"
        process = Process(folder, *options)
        process.wait_for_bytes(int(moment * size))
        process.kill()
        before = (Path(folder) / "steps.jsonl").read_bytes() if Path(folder, "steps.jsonl").exists() else b""
        outcome = discover("resume", folder, "-q")
        assert outcome.status == 0, outcome.err
        assert b"".join(steps(folder)).startswith(before[: before.rfind(b"\n") + 1])
        assert steps(folder) == steps("whole")
        assert law(folder) == law("whole")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_shows_what_it_has_and_can_go_on(discover, number, status) -> None:
    process = Process("r", "--budget", "300s", "--workers", "2", "-q")
    process.wait_for_bytes(40_000)
    out, err = process.interrupt(number)
    assert process.process.returncode == status, err
    assert "error: interrupted; this is the law so far, go on with: discover resume r" in err
    assert "interrupted" in out
    assert "discover resume r" in out
    assert b'"opened"' not in Path("r/steps.jsonl").read_bytes()
    assert "left closed" in out
    assert "Traceback" not in err
    before = len(steps("r"))
    config = Path("r/run.toml")
    config.write_text(config.read_text().replace("budget_s = 300.0", f"evaluations = {before + 20}"))
    found = discover("resume", "r", "--json", "-q").json
    assert found["evaluations"] == before + 20
    assert found["stopped"] != "interrupted"


@pytest.mark.parametrize("step", ["discovery.conducting.conclude", "runs.outcome.judge"])
def test_an_interrupt_at_the_end_says_how_to_go_on(mistaken, runs_csv, monkeypatch, step) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    options = ("--evaluations", "3", "--workers", "1", "--quiet")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with monkeypatch.context() as patch:
            patch.setattr(f"discover.{step}", interrupt)
            outcome = mistaken("run", "runs.csv", "--target", "loss", *options, "--out", "r")
        again = mistaken("resume", "r", "--json", "--quiet")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert outcome.status == 130
    assert outcome.err == "error: interrupted before the result was written; go on with: discover resume r\n"
    assert again.json["evaluations"] == 3, again.err


def test_two_processes_cannot_write_one_journal(discover) -> None:
    process = Process("r", "--budget", "300s", "--workers", "1", "-q")
    process.wait_for_bytes(1)
    outcome = discover("resume", "r")
    process.kill()
    assert outcome.status != 0
    assert "in use by another process" in outcome.err
