"""The commands around a model, as a user types them: which there are, a saved one, and servers that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from discover.cli.app import main
from discover.cli.progress import pace
from discover.llm import servers as known
from discover.llm.schema import tidy_formula

from .servers import ScriptedServer, Step, chat, formulas, serve

LAW = "E + A*params**(-alpha) + B*tokens**(-beta)"
UPSTREAM = "the-model is temporarily rate-limited upstream, please retry shortly"
LIMITED = {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": UPSTREAM}}, "user_id": "u"}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of two columns, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs.csv"
    sizes, counts = (19e6, 57e6, 172e6, 512e6, 14e8), (1e9, 4e9, 16e9, 64e9)
    rows = [(n, d, 1.72 + 420 * n**-0.33 + 980 * d**-0.3 + 0.004 * ((3 * i + j) % 5 - 2))
            for i, n in enumerate(sizes) for j, d in enumerate(counts)]  # fmt: skip
    path.write_text("\n".join(["params,tokens,loss", *(f"{n:g},{d:g},{loss:.5f}" for n, d, loss in rows)]) + "\n")
    return path


def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The installed command."""
    return subprocess.run(
        [sys.executable, "-m", "discover", *arguments], env={**os.environ, **environ}, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


LONG = ("--evaluations", "480")  # long enough for a model that is asked again after seconds


def run(table: Path, out: str, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = ["run", str(table), "--target", "loss", "--evaluations", "96", "--workers", "1"]
    return command(*arguments, "--proposers", "library,grammar", "--out", out, *options)


def rows(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / "llm.jsonl").read_text().splitlines()]


# --- routers that answer 200 with an error in the body --------------------------------------------------


@pytest.mark.slow
def test_a_passing_refusal_in_the_body_of_a_reply_is_retried(table: Path) -> None:
    with serve(ScriptedServer([Step(LIMITED)] * 2, Step(chat(formulas(LAW))))) as server:
        done = run(table, "out", "--llm", "m", "--llm-url", server.url, "--llm-parallel", "1", *LONG)
    assert done.returncode == 0, done.stderr
    (first, *_) = [row for row in rows("out") if row["kind"] == "answered"]
    assert (first["attempts"], len(first["refusals"])) == (3, 2)
    assert all(UPSTREAM in refusal for refusal in first["refusals"])
    assert any(row["kind"] == "proposal" and row["formula"] == LAW for row in rows("out"))
    assert json.loads(Path("out/result.json").read_text())["llm"]["proposed"] > 0


@pytest.mark.slow
def test_a_lasting_refusal_in_the_body_is_told_and_changes_no_law(table: Path) -> None:
    with serve(ScriptedServer([], Step(LIMITED))) as server:
        done = run(table, "with", "--llm", "m", "--llm-url", server.url, *LONG)
        asked = len(server.seen)
        checked = command("llm", "check", "--llm", "m", "--llm-url", server.url)
    assert done.returncode == 0, done.stderr
    shown = " ".join((done.stdout + done.stderr).split())
    assert "rate" in shown
    assert UPSTREAM in shown
    assert asked <= 20
    assert run(table, "without", *LONG).returncode == 0
    laws = [json.loads(Path(folder, "law.json").read_text()) for folder in ("with", "without")]
    assert laws[0]["formula"] == laws[1]["formula"]
    assert checked.returncode == 1
    assert UPSTREAM in " ".join(checked.stdout.split())
    assert "wait" in checked.stdout


def test_a_search_that_ends_before_any_answer_tells_what_the_server_said(table: Path) -> None:
    with serve(ScriptedServer([], Step(LIMITED))) as server:
        done = run(table, "out", "--llm", "m", "--llm-url", server.url)
    assert done.returncode == 0, done.stderr
    shown = " ".join((done.stdout + done.stderr).split())
    assert "no answer came before the search ended; the server's last word:" in shown
    assert shown.count(UPSTREAM) == 1


def test_an_answer_that_ended_in_an_error_is_a_failed_call_not_an_empty_answer(table: Path) -> None:
    broken = {"choices": [{"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "Upstream idle"},
                           "message": {"role": "assistant", "content": ""}}]}  # fmt: skip
    with serve(ScriptedServer([], Step(broken))) as server:
        checked = command("llm", "check", "--llm", "m", "--llm-url", server.url)
    assert checked.returncode == 1
    assert "the server failed: HTTP 502 Upstream idle" in " ".join(checked.stdout.split())


# --- servers that ignore the form that they are asked for -----------------------------------------------

NOTATIONS = {
    "loss = E + A/params^alpha + B/tokens^beta": "E + A*params**alpha + B*tokens**beta",
    "E + A·params^(−α) + B·tokens^(−β)": "E + A*params**alpha + B*tokens**beta",
    "L_0 + \\frac{A}{N^{\\alpha}} + \\frac{B}{D^{\\beta}}": "E + A*params**alpha + B*tokens**beta",
    "E + A*np.power(params, -alpha) + B*np.exp(-beta*np.log(tokens))": "E + A*params**alpha + B*exp(k1*log(tokens))",
    "E + A*math.pow(params, -alpha)": "E + A*params**alpha",
    "1.7 + 400*params**-0.34 + 410*tokens**-0.28": "E + A*params**alpha + B*tokens**beta",
    "E + A*pow(params,-a)*(1 + log10(tokens))**-b": "E + A*params**alpha*(1 + log10(tokens))**beta",
    "E + A*params**(-alpha) if tokens > 1e9 else E + B*tokens**(-beta)": "",
}
"""Formulas of small models, and the law that each is, "" for none; N and D are columns by their meaning."""


def test_a_server_that_ignores_the_form_is_read_all_the_same(table: Path) -> None:
    """Fences, prose and a trailing comma around the JSON; formulas in the notations of small models."""
    texts = list(NOTATIONS)
    asked: list[int] = []

    def answer(body: Any) -> Step:
        asked.append(1)
        n = len(asked)
        pair = [texts[(2 * n - 2) % len(texts)], texts[(2 * n - 1) % len(texts)]]
        whole = json.dumps({"proposals": [{"rationale": "r", "formula": text, "shared": []} for text in pair]})
        text = f"Here it is:\n```json\n{whole}\n```\nAsk me for more {{if}} you like!"
        if n % 2 == 0:
            text = whole[:-2] + ",]}\n\nNote: E is the floor."
        return Step(chat(text, usage=None if n % 3 == 0 else (900, 120)))

    with serve(ScriptedServer(answer)) as server:
        done = run(table, "out", "--llm", "m", "--llm-url", server.url, "--llm-calls", "8", *LONG)
    assert done.returncode == 0, done.stderr
    proposals = [row for row in rows("out") if row["kind"] == "proposal"]
    answered = [row for row in rows("out") if row["kind"] == "used"]
    assert len(proposals) == 2 * len(answered) > 0  # no answer is lost
    for row in proposals:
        (law,) = [law for text, law in NOTATIONS.items() if tidy_formula(text) == row["formula"]]
        if row["refused"] is None:
            assert row["law"] == law
        elif not law:
            assert "a law holds for all rows" in row["refused"]
        else:
            assert row["check"] == "duplicate", row
    assert {row["formula"] for row in proposals} == set(map(tidy_formula, texts))


def test_check_does_not_call_an_ignored_schema_obeyed(table: Path) -> None:
    with serve(ScriptedServer([], Step(chat(f"```json\n{formulas(LAW)}\n```")))) as server:
        checked = command("llm", "check", "--llm", "m", "--llm-url", server.url)
    assert checked.returncode == 0, checked.stderr
    assert "does not obey" in " ".join(checked.stdout.split())


# --- names ---------------------------------------------------------------------------------------------


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server in the place of ollama's; the others on this machine do not run."""
    with serve(ScriptedServer([], Step(chat(formulas(LAW)))), [{"id": "qwen3:8b"}, {"id": "small"}]) as server:
        changed = [
            known.Server(one.name, server.url if one.name == "ollama" else "http://127.0.0.1:9/v1")
            if one.local
            else one
            for one in known.SERVERS
        ]
        monkeypatch.setattr(known, "SERVERS", tuple(changed))
        yield server


def test_models_lists_what_runs_here_and_whose_key_is_set(
    local: ScriptedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "a-secret-of-this-test")
    assert main(["llm", "models", "--json"]) == 0
    printed = capsys.readouterr().out
    assert "a-secret" not in printed
    found = {row["server"]: row for row in json.loads(printed)["servers"]}
    assert found["ollama"]["models"] == ["qwen3:8b", "small"]
    assert found["vllm"]["models"] is None
    assert (found["groq"]["key_set"], found["openai"]["key_set"]) == (True, False)
    assert main(["llm", "models"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "not running" in said
    assert "OPENAI_API_KEY is not set" in said
    assert "--llm ollama/qwen3:8b" in said
    assert main(["llm", "models", "ollama"]) == 0
    assert capsys.readouterr().out.split() == ["qwen3:8b", "small"]
    assert all(seen.body is None for seen in local.seen)


def test_a_saved_model_is_asked_until_it_is_forgotten(
    local: ScriptedServer, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(table), "--target", "loss", "--evaluations", "48", "--workers", "1", "--quiet"]
    arguments += ["--proposers", "library,grammar"]
    assert main(["llm", "use", "ollama/small"]) == 0
    assert "Runs ask small at http://127.0.0.1:" in " ".join(capsys.readouterr().out.split())
    assert main([*arguments, "--out", "a", "--llm-calls", "3"]) == 0
    assert 'model = "ollama/small"' in Path("a/run.toml").read_text()
    assert main([*arguments, "--out", "b", "--llm", "none"]) == 0
    assert main(["llm", "use", "none"]) == 0
    assert main([*arguments, "--out", "c"]) == 0
    assert not Path("b/llm.jsonl").exists()
    assert not Path("c/llm.jsonl").exists()


def test_a_missing_key_is_its_variables_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["llm", "check", "--llm", "groq/openai/gpt-oss-20b"]) == 1
    assert "the environment variable GROQ_API_KEY is not set" in " ".join(capsys.readouterr().err.split())


# --- what it costs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--llm-cost", "0.5"), "--llm-price IN,OUT"),
        (("--llm-price", "0.5"), "--llm-price takes two numbers"),
        (("--llm-answer-tokens", "8000", "--llm-context", "8192"), "half of --llm-context"),
    ],
)
def test_limits_that_cannot_hold_are_errors(
    table: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(table), "--target", "loss", "--llm", "m", "--llm-url", "127.0.0.1:9", "--out", "out"]
    assert main([*arguments, *options]) == 1
    assert words in " ".join(capsys.readouterr().err.split())
    assert not Path("out").exists()


def test_a_long_answer_and_a_price_are_what_the_user_says(table: Path) -> None:
    with serve(ScriptedServer([], Step(chat(formulas(LAW))))) as server:
        done = run(
            table, "out", "--llm", "m", "--llm-url", server.url, "--llm-answer-tokens", "8000", "--llm-price", "1,2",
            "--llm-cost", "0.5",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked = [seen.body for seen in server.seen if seen.body]
    assert {body["max_tokens"] for body in asked} == {8000}
    assert json.loads(Path("out/result.json").read_text())["llm"]["cost"] > 0
    assert "s an answer" in done.stderr


@pytest.mark.parametrize(
    ("seconds", "budget_s", "said"),
    [
        (12.0, 60.0, "12 s an answer, about 10 answers in 60 s: give --budget 2m for more"),
        (1.24, 60.0, "1.2 s an answer, about 96 answers in 60 s"),
        (90.0, 60.0, "90 s an answer, about 1 answers in 60 s: give --budget 15m for more"),
        (12.0, None, "12 s an answer"),
    ],
)
def test_the_first_answer_tells_what_the_budget_is_good_for(seconds: float, budget_s: float | None, said: str) -> None:
    assert pace(seconds, 2, budget_s) == said
