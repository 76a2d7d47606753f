"""Commands on a cluster: many runs side by side, and the same laws as here."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from .commands import COMMAND

FEW = ("--evaluations", "25")
TWO = ("parallel", "easy_question")


@pytest.mark.slow
def test_a_benchmark_on_a_cluster_runs_side_by_side_to_the_laws_of_one_process(discover) -> None:
    command = [*COMMAND, "bench", *TWO, "--seeds", "2", *FEW, "--out", "there", "--cluster", "local:4"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    begun, deadline = set[Path](), time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline and len(begun) < 2:
        begun = set(Path("there").glob("*/seed0/steps.jsonl"))
        time.sleep(0.01)
    assert len(begun) == 2
    assert not any(Path("there").glob("*/seed0/result.json"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 130, err
    assert "continue with: discover bench --out there --cluster ADDRESS" in err
    assert "Traceback" not in err

    again = discover("bench", "--out", "there", "--cluster", "local:4", "--json")
    assert again.status == 0, again.err
    assert again.json["complete"]
    alone = discover("bench", *TWO, "--seeds", "2", *FEW, "--workers", "1", "--out", "here", "--json")
    for task in TWO:
        for seed in ("seed0", "seed1"):
            journals = [Path(place, task, seed, "steps.jsonl").read_bytes() for place in ("here", "there")]
            assert journals[0] == journals[1]
    assert again.json["mean"] == alone.json["mean"]


@pytest.mark.slow
def test_a_comparison_on_a_cluster_ranks_as_one_process_does(discover, runs_csv) -> None:
    asked = ("compare", str(runs_csv), "--target", "loss", "--evaluations", "48", "--json")
    here, there = discover(*asked, "--workers", "1"), discover(*asked, "--cluster", "local:2")
    assert there.status == 0, there.err
    assert "2 workers with 2 threads" in there.err
    for found in (here.json, there.json):
        found.pop("seconds")
    assert there.json | {"seconds": 0} == here.json | {"seconds": 0}
