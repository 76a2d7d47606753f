"""`discover engines` with Operon for real, and with a package that stands in for PySR."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests" / "proposers" / "stand_in"
FRONT = 'Complexity,Loss,Equation\n1,1.0,"0.1"\n5,{loss},"(x0 ^ -0.34) - 1.2"\n'


@pytest.fixture
def environ(tmp_path):
    """A machine with the package that stands in for PySR, and a Julia named for it."""
    julia = tmp_path / "julia"
    julia.write_text("#!/bin/sh\n")
    julia.chmod(0o755)
    (tmp_path / "front.json").write_text(json.dumps({"hall_of_fame": FRONT.format(loss=1e-4)}))
    (tmp_path / "tmp").mkdir()
    kept = {
        name: value for name, value in os.environ.items() if "julia" not in name.lower() and "proxy" not in name.lower()
    }
    return {
        **kept, "PYTHONPATH": str(STAND_IN), "PYTHON_JULIAPKG_EXE": str(julia), "TMPDIR": str(tmp_path / "tmp"),
        "PYSR_RECORDINGS": str(tmp_path / "front.json"),
    }  # fmt: skip


def discover(environ, *arguments, command="engines"):
    done = subprocess.run(
        [sys.executable, "-m", "discover", command, *arguments],
        env=environ, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not list(Path(environ["TMPDIR"]).glob("discover-engine-*"))
    return done


def test_every_engine_is_started_and_must_find_a_law(environ):
    done = discover(environ, "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["engines"]}
    assert rows["pysr"]["works"]
    assert rows["pysr"]["versions"].endswith("julia 1.10.8, SymbolicRegression 2.0.0")
    assert rows["operon"]["works"], rows["operon"]["reason"]
    assert rows["operon"]["test_s"] > 0
    assert rows["grammar"]["test_s"] is None


def test_an_engine_that_finds_no_law_does_not_work_and_says_why(environ):
    Path(environ["PYSR_RECORDINGS"]).write_text(json.dumps({"hall_of_fame": FRONT.format(loss=0.3)}))
    done = discover(environ)
    assert done.returncode == 0, done.stderr
    assert "pysr: the self-test left 30% of the variance" in done.stdout


def test_an_installation_says_beforehand_what_it_fetches_and_shows_what_is_printed(environ):
    environ |= {"HTTPS_PROXY": "http://me:secret@proxy.example:3128", "PYSR_FETCHES": "0"}
    done = discover(environ, "--install", "pysr")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == f"Julia is here: {environ['PYTHON_JULIAPKG_EXE']}"
    assert "0.1 GB on the disk and two to three minutes" in lines[1]
    assert lines[2:4] == ["through the proxy proxy.example:3128", "  [juliapkg] Downloading Julia"]
    assert lines[-1].startswith("pysr works: pysr ")


def test_without_a_network_nothing_is_fetched_and_what_is_here_is_tried(environ):
    done = discover({**environ, "PYTHON_JULIAPKG_OFFLINE": "yes"}, "--install", "pysr")
    assert done.returncode == 0, done.stderr
    assert "nothing is downloaded" in done.stderr
    assert "to fetch" not in done.stderr


def test_a_failed_installation_says_why_and_what_helps(environ):
    done = discover({**environ, "PYSR_FETCHES": "nonsense"}, "--install", "pysr")
    assert done.returncode == 1
    assert "pysr cannot be installed: ValueError" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    assert "PYTHON_JULIAPKG_EXE" in done.stderr


def test_an_interrupted_installation_leaves_nothing_running_and_can_go_on(environ):
    command = [sys.executable, "-m", "discover", "engines", "--install", "pysr"]
    # Where tests run in the background interrupts are ignored, and a child would inherit that.
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, env={**environ, "PYSR_FETCHES": "600"}, cwd=ROOT, stderr=subprocess.PIPE, text=True,
        preexec_fn=listening,
    ) as running:  # fmt: skip
        assert running.stderr is not None
        while "Downloading" not in running.stderr.readline():
            pass
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait() == 130
    assert "the same command goes on from there" in said
    until = time.monotonic() + 60.0
    while (left := list(Path(environ["TMPDIR"]).glob("discover-engine-*"))) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def test_a_run_tells_of_every_proposer_what_it_was_asked_and_brought(environ, tmp_path):
    recorded = ROOT / "tests" / "proposers" / "recordings" / "pysr-2.0.0a2" / "moe.json"
    environ |= {"PYSR_RECORDINGS": str(recorded)}
    options = ("--proposers", "pysr", "--evaluations", "40", "--workers", "1", "--out", str(tmp_path / "r"))
    done = discover(environ, "moe", *options, command="run")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "r" / "steps.jsonl").read_text().splitlines()]
    questions = [record for record in records if record["kind"] == "question"]
    assert questions
    assert questions[0]["engine"].startswith("pysr 2.")
    assert (questions[0]["view"], questions[0]["columns"], questions[0]["groups"]) == ("table", 2, 1)
    (engine,) = (record for record in records if record["kind"] == "engine")
    assert engine["versions"]["julia"] == "1.10.8"
    found = {item["name"]: item for item in json.loads((tmp_path / "r" / "result.json").read_text())["proposers"]}
    assert set(found) == {"pysr"}
    assert found["pysr"]["asked"] == len(questions)
    assert found["pysr"]["answered"] == sum(record["kind"] == "answer" for record in records)
    for item in found.values():
        assert item["scored"] > 0
        assert item["best_penalty"] < 0
    shown = discover(environ, str(tmp_path / "r"), command="show")
    for text in (done.stdout, shown.stdout):
        assert "in the finalists" in text
        assert "best penalty" in text
