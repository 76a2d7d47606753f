"""What a model changes is measured: the same runs alone, with it, and with random formulas in its place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from discover.cli.app import main

from .servers import ScriptedServer, Step, chat, formulas, serve

ANSWERS = [
    "E + A*params**(-a)/(1 + k*log(streams))",
    "E + A*params**(-a) - B*log(streams)",
    "A*params**(-a) + B/streams",
]


def tried(folder: str, origin: str) -> Counter[int]:
    rows = [json.loads(line) for line in Path(folder, "steps.jsonl").read_text().splitlines()]
    return Counter(row["batch"] for row in rows if row["kind"] == "step" and row["origin"].startswith(origin))


def summary() -> dict[str, Any]:
    value = json.loads(Path("b/summary.json").read_text())
    assert isinstance(value, dict)
    return value


@pytest.mark.slow
def test_a_model_is_measured_beside_random_formulas_as_many_and_at_the_same_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOME_KEY", "a-secret-of-this-test")
    few = ["--seeds", "1", "--evaluations", "64", "--workers", "1", "--out", "b", "--quiet"]
    with serve(ScriptedServer([Step(chat(formulas(*ANSWERS)))], Step(chat(formulas())))) as server:
        model = ["--llm", "m", "--llm-url", server.url, "--llm-key-env", "SOME_KEY", "--llm-calls", "3"]
        assert main(["bench", "parallel", *few, *model]) == 0
        assert {request.headers["authorization"] for request in server.seen} == {"Bearer a-secret-of-this-test"}
        asked = len(server.seen)
        assert main(["bench", "--out", "b", "--quiet"]) == 0  # nothing is left to do
        assert len(server.seen) == asked <= 3
    llm, runs = summary()["llm"], "b/parallel/seed0"
    assert llm["model"] == "m"
    task = llm["tasks"]["parallel"]
    assert task["seeds"] == 1
    assert all(task[arm]["inner_error"] > 0 and -1 <= task[arm]["r2"] <= 1 for arm in ("alone", "model", "random"))
    assert summary()["tasks"]["parallel"]["runs"][0]["run_dir"] == runs
    of_model, of_random = tried(f"{runs}-model", "llm:"), tried(f"{runs}-random", "random:")
    assert sum(of_model.values()) > 0
    assert sum(of_random.values()) == sum(of_model.values())
    assert not tried(runs, "llm:")
    assert {
        json.loads(Path(f"{runs}{arm}/result.json").read_text())["evaluations"] for arm in ("", "-model", "-random")
    } == {64}
    assert "random formulas of the grammar" in capsys.readouterr().out
    assert "a-secret" not in "".join(path.read_text() for path in Path("b").rglob("*") if path.is_file())
