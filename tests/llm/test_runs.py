"""Whole runs with a model: every kind of server, bad answers, caps, keys, replay, and a killed run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from discover.cli.app import main

from .grammar import GrammarSampler
from .servers import ScriptedServer, Step, chat, formulas, serve

KEY = "a-secret-of-this-test-0123456789"
GOOD = [
    "E + A*tokens**(-alpha)",
    "E + A*exp(-k*log(tokens))",
    "E + A/(k + tokens)",
    "E + A/(k + tokens)**beta",
    "E + A*(log(tokens) + k)**(-b)",
    "E + A*tanh(k/tokens)",
    "A*tokens**(-alpha)",
    "E + A/(1 + (tokens/k)**b)",
    "E + A*exp(-(tokens/k)**b)",
    "E + A*log(1 + k/tokens)",
]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A table to run on, in an empty working directory; the handlers that a run sets are taken back."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs.csv"
    rows = [(1e7 * 2**i, 1.8 + 300.0 * (1e7 * 2**i) ** -0.3 + 0.002 * ((7 * i) % 5 - 2)) for i in range(14)]
    path.write_text("\n".join(["tokens,loss", *(f"{tokens:g},{loss:.6f}" for tokens, loss in rows)]) + "\n")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(table: Path, out: str, *options: str, evaluations: int = 96) -> int:
    arguments = ["run", str(table), "--target", "loss", "--evaluations", str(evaluations), "--seed", "3"]
    return main([*arguments, "--workers", "1", "--no-sealed", "--quiet", "--out", out, *options])


def rows(folder: str, name: str = "llm.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / name).read_text().splitlines()]


def result(folder: str) -> dict[str, Any]:
    value = json.loads((Path(folder) / "result.json").read_text())
    assert isinstance(value, dict)
    return value


def all_steps(folder: str) -> list[tuple[Any, ...]]:
    steps = [row for row in rows(folder, "steps.jsonl") if row["kind"] == "step"]
    return [(step["key"], step["score"], step["status"], step["batch"]) for step in steps]


def from_model(folder: str) -> int:
    return sum(step["origin"].startswith("llm:") for step in rows(folder, "steps.jsonl") if step["kind"] == "step")


def some_good(seed: int = 0) -> Callable[[Any], Step]:
    """Answers with four of the good formulas."""
    rng = random.Random(seed)
    return lambda body: Step(chat(formulas(*rng.sample(GOOD, 4))))


def engine(folder: Path) -> Callable[[Any], Step]:
    pytest.importorskip("mistralrs", reason="the extra `engine` is not installed")
    pytest.importorskip("gguf", reason="the extra `engine` is not installed")
    from .engine import Engine

    return Engine(folder)


@pytest.mark.parametrize("kind", ["grammar", "scripted", pytest.param("engine", marks=pytest.mark.engine)])
def test_laws_of_a_model_are_steps_like_all_others(table: Path, kind: str, tmp_path: Path) -> None:
    answer = {"grammar": lambda: GrammarSampler(7), "scripted": some_good, "engine": lambda: engine(tmp_path)}
    options = [] if kind == "scripted" else ["--llm-patterns", "--llm-answer-tokens", "1500"]
    with serve(ScriptedServer(answer[kind]())) as server:
        assert run(table, "with", "--llm", "some-model", "--llm-url", server.url, *options, evaluations=240) == 0
    llm = result("with")["llm"]
    assert from_model("with") > 0
    assert result("with")["evaluations"] == 240
    assert llm["failed_calls"].keys() <= {"truncated"}
    assert llm["proposed"] == sum(row["kind"] == "proposal" for row in rows("with"))


def test_a_model_without_a_law_of_use_leaves_the_search_as_it_is(table: Path) -> None:
    with serve(ScriptedServer([], Step(chat(formulas("E + A*", "tokens", "B + C"))))) as server:
        assert run(table, "with", "--llm", "m", "--llm-url", server.url) == 0
    assert run(table, "without") == 0
    assert result("with")["llm"]["refused"]
    assert all_steps("with") == all_steps("without")
    assert result("with")["formula"] == result("without")["formula"]


BAD = {
    "E + A*tokens**": "formula",
    "__import__('os').environ": "formula",
    "E + A*B": "column",
    "tokens": "constants",
    "E + A*log(0 - tokens)": "domain",
    "E + A*tokens**a + B*tokens**b + C*tokens**c + D*tokens**d": "budget",
    "a+" + "+".join(f"tokens**{i}*log(tokens)**{i}" for i in range(2, 34)): "size",
}


def test_bad_proposals_are_noted_with_their_reasons(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.proposers.llm.LONGEST_PAUSE", 0)
    answer = json.dumps({"proposals": [{"formula": text, "rationale": "r", "shared": []} for text in BAD]})
    odd = json.dumps({"proposals": [7, {"rationale": "no formula"}, {"formula": GOOD[0]}]})
    steps = [Step(chat(answer)), Step(chat(odd)), Step(chat("I would rather not.")), Step(chat(formulas(GOOD[0])))]
    options = ["--llm-proposals", "8", "--constants", "6", "--llm-calls", "4"]
    with serve(ScriptedServer(steps)) as server:
        assert run(table, "out", "--llm", "m", "--llm-url", server.url, *options) == 0
    noted = {row["formula"]: row for row in rows("out") if row["kind"] == "proposal"}
    for text, check in BAD.items():
        (row,) = [row for formula, row in noted.items() if formula[:20] == text[:20] and row["refused"]]
        assert (row["check"], bool(row["refused"])) == (check, True)
    llm = result("out")["llm"]
    assert llm["calls"] == 4
    assert llm["stopped"] == "the cap of 4 calls is reached"
    assert llm["refused"]["schema"] == 3
    assert llm["refused"]["duplicate"] >= 1  # the library has the good one
    questions = [row["messages"][1]["content"] for row in rows("out") if row["kind"] == "asked"]
    assert "Tried and refused, do not repeat:" in questions[-1]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step({"error": {"message": "no"}}, 401), "credentials"),
        (Step({"error": {"message": "x", "code": "insufficient_quota"}}, 429), "quota"),
        (Step({"error": {"message": "no such model"}}, 404), "not_found"),
    ],
)
def test_a_server_that_refuses_ends_the_asking_not_the_run(table: Path, step: Step, reason: str) -> None:
    with serve(ScriptedServer([], step)) as server:
        assert run(table, "out", "--llm", "m", "--llm-url", server.url) == 0
    llm = result("out")["llm"]
    assert llm["failed_calls"].keys() == {reason}
    assert llm["stopped"]
    assert result("out")["evaluations"] == 96


def test_a_replay_gives_the_identical_law_without_a_server(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(ScriptedServer(some_good())) as server:
        assert run(table, "first", "--llm", "m", "--llm-url", server.url) == 0
    assert result("first")["llm"]["proposed"] > 0
    arguments = ["run", str(table), "--target", "loss", "--workers", "1", "--no-sealed", "--quiet"]
    assert main([*arguments, "--out", "second", "--llm-replay", "first"]) == 0
    assert main([*arguments, "--out", "third", "--llm-replay", "second"]) == 0
    for name in ("law.json", "steps.jsonl"):
        first = (Path("first") / name).read_bytes()
        assert (Path("second") / name).read_bytes() == first
        assert (Path("third") / name).read_bytes() == first
    assert {**result("second")["llm"], "model": ""} == {**result("first")["llm"], "model": ""}
    assert main([*arguments, "--out", "other", "--llm-replay", "first", "--constants", "9"]) == 1
    assert "recorded run" in capsys.readouterr().err


def test_wrong_options_are_one_error_before_a_folder_is_made(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for options, words in (
        (["--llm-calls", "5"], "name it with --llm"),
        (["--llm", "m"], "OPENAI_API_KEY"),
        (["--llm", "m", "--llm-key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY"),
        (["--llm", "m", "--llm-url", "ftp://x"], "http://"),
        (["--llm", "m", "--llm-url", "http://127.0.0.1:9", "--llm-context", "100"], "--llm-context"),
        (["--llm-replay", "nowhere"], "llm.jsonl"),
        (["--llm-replay", "nowhere", "--llm-calls", "5"], "does not go with"),
        (["--llm", "m", "--llm-url", "http://127.0.0.1:9", "--llm-prices", "none.toml"], "none.toml"),
    ):
        assert run(table, "out", *options) == 1, options
        assert words in capsys.readouterr().err
        assert not Path("out").exists()


COMMAND = (sys.executable, "-m", "discover")


def started(table: Path, out: str, *options: str, **environ: str) -> subprocess.Popen[str]:
    arguments = ["run", str(table), "--target", "loss", "--seed", "3", "--no-sealed", "--out", out, *options]
    return subprocess.Popen(
        [*COMMAND, *arguments], text=True, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def environments(pid: int) -> list[bytes]:
    """Environments of the processes that this one started."""
    found = []
    for child in (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text().split():
        found.append((Path("/proc") / child / "environ").read_bytes())
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's view of processes")
def test_the_key_reaches_the_server_and_nothing_else(table: Path) -> None:
    seen: list[bytes] = []
    process: list[subprocess.Popen[str]] = []

    def answer(body: Any) -> Step:
        time.sleep(0.3)  # the workers have started
        seen.extend(environments(process[0].pid))
        return Step(chat(formulas(*GOOD[:2])))

    with serve(ScriptedServer(answer)) as server:
        options = ["--llm", "m", "--llm-url", server.url + "?pass=hush-hush", "--llm-key-env", "MY_KEY"]
        child = started(table, "out", *options, "--evaluations", "160", "--workers", "2", MY_KEY=KEY)
        process.append(child)
        out, err = child.communicate(timeout=240)
    assert child.returncode == 0, err
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in server.seen)
    assert all("hush-hush" in request.path for request in server.seen)
    assert len(seen) >= 2
    assert not any(b"MY_KEY" in environment for environment in seen)
    everything = [out, err, *(path.read_text() for path in Path("out").iterdir())]
    assert not any(secret in text for text in everything for secret in (KEY, "hush-hush"))


@pytest.mark.slow
def test_a_killed_run_resumes_without_paying_twice(table: Path) -> None:
    answers = some_good()

    def answer(body: Any) -> Step:
        time.sleep(0.05)
        return answers(body)

    with serve(ScriptedServer(answer)) as server:
        child = started(table, "out", "--llm", "m", "--llm-url", server.url, "--evaluations", "320", "--workers", "1")
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and _tried("out") < 6:
            time.sleep(0.02)
        child.kill()
        child.communicate(timeout=60)
        before = rows("out")
        paid = [row["number"] for row in before if row["kind"] == "answered"]
        told = rows("out", "steps.jsonl")
        assert 0 < len(told) < 320
        asked = len(server.seen)
        assert main(["resume", "out", "--quiet"]) == 0
    after = rows("out")
    assert after[: len(before)] == before
    assert rows("out", "steps.jsonl")[: len(told)] == told
    numbers = [row["number"] for row in after if row["kind"] == "answered"]
    assert len(set(numbers)) == len(numbers)
    assert len(server.seen) - asked <= len(numbers) - len(paid) + 2  # two may be under way at the end
    again = ["run", str(table), "--target", "loss", "--no-sealed", "--quiet", "--out", "again"]
    assert main([*again, "--llm-replay", "out"]) == 0
    assert (Path("again") / "law.json").read_bytes() == (Path("out") / "law.json").read_bytes()


def _tried(folder: str) -> int:
    path = Path(folder) / "steps.jsonl"
    text = path.read_text() if path.exists() else ""
    return text.count('"origin":"llm:')


def test_prompts_of_a_shipped_task_know_nothing_of_its_sealed_rows(table: Path) -> None:
    with serve(ScriptedServer([], Step(chat(formulas("E + A*examples**(-alpha) + B/(k + examples)"))))) as server:
        options = ["--evaluations", "24", "--workers", "1", "--no-sealed", "--quiet", "--out", "out"]
        assert main(["run", "sft", *options, "--llm", "m", "--llm-url", server.url]) == 0
    text = "".join(message["content"] for row in rows("out") if row["kind"] == "asked" for message in row["messages"])
    assert "4.096e+05" in text
    assert "8.192e+05" not in text
    assert "819200" not in text
