"""Runs that the board begins, stops, goes on with, reports, exports and compares, by its own requests."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import discover

from .conftest import HOSTILE, Client, close, command, table

PARAMS, LOSS = '<b>N</b>,"params" $(id)', "loss; a=b, c"
"""Headings with the signs that commands and pages use."""


def wait(met: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 120
    while not (found := met()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)
    return found


def upload(board: Client, content: str, name: str = "own.csv") -> dict[str, Any]:
    status, _, answer = board.ask("PUT", f"/api/tables?name={quote(name)}", content.encode())
    found: dict[str, Any] = json.loads(answer)
    assert status == 200, found
    return found


@pytest.mark.slow
def test_a_run_is_begun_watched_stopped_and_resumed_and_outlives_the_board(
    tmp_path: Path, opened: Callable[..., Client]
) -> None:
    board = opened(tmp_path)
    content = table(LOSS.replace('"', '""'), PARAMS.replace('"', '""'))
    found = upload(board, content, "a b;c$(id)<i>.csv")
    roles = {one["name"]: one["role"] for one in found["headings"]}
    assert found["trouble"] == ""
    assert roles == {"family": "group", PARAMS: "feature", "tokens": "feature", LOSS: "target"}
    roles["family"] = "unused"  # a guess put right
    wishes = {"table": found["table"], "roles": roles, "along": [PARAMS], "holdout": "25%"}
    again = board.act("guess", **wishes)
    assert again["trouble"] == ""
    assert [one["name"] for one in again["headings"] if one["along"]] == [PARAMS]

    search = {"evaluations": "1000000", "seed": "7", "workers": "1", "proposers": "library,grammar"}
    run = board.act("start", **wishes, search=search)["run"]
    state = wait(lambda: (s := board.live(run))["scored"] > 20 and s, "laws are scored")
    assert state["status"] == "running"
    assert state["best"]
    assert state["front"]
    assert state["front"] == sorted(state["front"], key=lambda law: (law["complexity"], -law["error"]))
    assert set(state["proposers"]) >= {"library"}
    assert sum(one["scored"] for one in state["proposers"].values()) == state["scored"]
    assert "at work" in board.refused("resume", run=run) or "running" in board.refused("resume", run=run)

    close(board)  # ends no run
    board = opened(tmp_path)
    scored = board.live(run)["scored"]
    wait(lambda: board.live(run)["scored"] > scored, "the run goes on without the board that began it")
    board.act("stop", run=run)
    wait(lambda: board.live(run)["status"] == "interrupted", "it has stopped")
    result = json.loads((tmp_path / run / "result.json").read_bytes())
    assert result["stopped"] == "interrupted"
    assert result["opened"] == 0  # a search that may go on has not seen the sealed rows
    assert "no command is at work" in board.refused("stop", run=run)

    board.act("resume", run=run)
    wait(lambda: board.live(run)["scored"] > result["evaluations"] + 5, "it goes on")
    board.act("stop", run=run)
    wait(lambda: board.live(run)["status"] == "interrupted", "it has stopped again")

    config = (tmp_path / run / "run.toml").read_text()
    assert "seed = 7" in config
    law = discover.load(tmp_path / run)
    assert law.groups == ("all",)
    assert law.targets[0].startswith("loss")


def test_what_the_command_refuses_is_told_and_leaves_no_folder(board: Client, home: Path) -> None:
    found = upload(board, table())
    before = sorted(home.iterdir())
    text = board.refused("start", table=found["table"], search={"budget": "--out=/tmp"})
    assert "--budget is '--out=/tmp'; expected a duration" in text
    text = board.refused("start", table=found["table"], search={"out": "/tmp/x"})
    assert "a search has the settings" in text
    assert [path for path in sorted(home.iterdir()) if path.name != ".discover-board"] == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"loss": "unused"}, "no column is the target"),
        ({"params": "unused", "tokens": "unused"}, "no column is a feature"),
        ({"tokens": "group"}, "are both group"),
        ({"family": "feature"}, "family"),
    ],
)
def test_a_wrong_correction_is_told_at_once(board: Client, change: dict[str, str], said: str) -> None:
    found = upload(board, table())
    roles = {one["name"]: one["role"] for one in found["headings"]} | change
    assert said in board.act("guess", table=found["table"], roles=roles, along=[])["trouble"]
    assert said in board.refused("start", table=found["table"], roles=roles, along=[], search={})


def test_the_report_is_made_once_and_again_after_a_new_result(board: Client, home: Path) -> None:
    place = home / "first" / "report.html"
    board.act("report", run="first")
    made = place.stat().st_mtime_ns
    board.act("report", run="first")
    assert place.stat().st_mtime_ns == made
    assert "Scaling law report" in board.page("/report?run=first")


def test_exports_are_those_of_the_command(board: Client, home: Path) -> None:
    for target in ("python", "latex", "xlsx"):
        status, headers, content = board.ask("GET", f"/export?run=more%2F{quote(HOSTILE, safe='')}&to={target}")
        assert status == 200
        assert headers["content-disposition"].startswith("attachment; filename*=UTF-8''runs_law")
        if target != "xlsx":
            done = command("export", home / "first", "--to", target, folder=home)
            assert content.decode() == done.stdout
    assert board.ask("GET", "/export?run=first&to=nothing")[0] == 400


def test_compared_forecasts_are_those_of_predict(board: Client, home: Path) -> None:
    at = {"params": "7B", "tokens": "1.4T"}
    keys = ["first", f"more/{HOSTILE}"]
    found = board.act("compare", runs=keys, at=at, group="code", along="tokens")
    law = discover.load(home / "first")
    expected = law.predict(params=7e9, tokens=1.4e12, group="code", interval=0.9)
    for side in found["runs"]:
        assert side["value"] == pytest.approx(expected.value, rel=1e-12)
        assert (side["lower"], side["upper"]) == pytest.approx((expected.lower, expected.upper), rel=1e-12)
        assert side["law"] == pytest.approx(law(params=7e9, tokens=1.4e12, group="code"), rel=1e-12)
        assert len(side["beyond"]) == 2
        curve = side["curve"]
        place = len(curve["x"]) // 2
        there = law.predict(params=7e9, tokens=curve["x"][place], group="code", interval=0.9)
        assert curve["upper"][place] == pytest.approx(there.upper, rel=1e-9)
        assert curve["x"][0] <= 1e9
        assert curve["x"][-1] >= 1.4e12
    assert "expected a number such as" in board.refused("compare", runs=keys, at={"params": "many"})
    assert "expected 2 to 8" in board.refused("compare", runs=keys[:1])


def test_the_list_is_sent_again_only_when_it_has_changed(board: Client, home: Path) -> None:
    run = Path(shutil.copytree(home / "first", home / "copy"))
    _, headers, content = board.ask("GET", "/rows")
    assert content.count(b"<tr") == 3
    version = headers["x-version"]
    assert board.ask("GET", f"/rows?known={version}")[0] == 204
    (run / "result.json").write_text("{}")
    status, headers, _ = board.ask("GET", f"/rows?known={version}")
    assert (status, headers["x-version"] != version) == (200, True)
    shutil.rmtree(run)
