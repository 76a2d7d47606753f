"""Several tables in one command: every one has its own run, and costs nobody else's."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from discover.cli.many_tables import places_of, subjects_of
from discover.errors import InputError
from discover.plain_data import number

from ..docs.test_schemas import faults
from .commands import COMMAND, assert_one_error, table_text

OPTIONS = ("--target", "loss", "--holdout", "0.2", "--evaluations", "12", "--workers", "1")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder of three tables, one that cannot be read, and a file that is no table."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for drop, name in enumerate(("a.csv", "c.csv", "d.tsv")):
        text = table_text(drop)
        (folder / name).write_text(text.replace(",", "\t") if name.endswith("tsv") else text)
    (folder / "b.csv").write_text(table_text().replace("1e+07,1e+09", "1e+07,many"))
    (folder / "notes.md").write_text("of no interest")
    return folder


@pytest.mark.slow
def test_an_interrupted_folder_of_tables_goes_on_to_one_overview(discover, tables) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", "tables", *OPTIONS, "--out", "o"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline and not Path("o/c/steps.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "error: interrupted; the same command with --out o goes on" in err
    assert "Traceback" not in err
    assert "tables/a.csv" in out
    assert "of 4 not finished" in out
    before = {name: Path("o/a", name).read_bytes() for name in ("result.json", "steps.jsonl")}

    again = discover("run", "tables", *OPTIONS, "--out", "o", "--json")
    assert again.status == 1, again.err
    found = again.json
    assert faults("run-many", found) == []
    assert [row["table"] for row in found["tables"]] == [
        f"tables/{name}" for name in ("a.csv", "b.csv", "c.csv", "d.tsv")
    ]
    assert [row["finished"] for row in found["tables"]] == [True, False, True, True]
    assert "b.csv" in found["tables"][1]["error"]
    assert "many" in found["tables"][1]["error"]
    assert not found["complete"]
    assert [row["result"]["opened"] for row in found["tables"] if row["finished"]] == [1, 1, 1]
    assert {name: Path("o/a", name).read_bytes() for name in before} == before

    alone = discover("run", "tables/c.csv", *OPTIONS, "--out", "alone", "--quiet")
    assert alone.status == 0, alone.err
    assert json.loads(Path("alone/law.json").read_text()) == json.loads(Path("o/c/law.json").read_text())

    Path("tables/b.csv").unlink()
    asked = ("--at", "params=1e10,tokens=3e11", "--at", "vocabulary=8")
    shown = discover("run", "tables", *OPTIONS, "--out", "o", "--quiet", *asked)
    assert shown.status == 0, shown.err
    assert shown.err == ""
    assert "human law" in shown.out
    assert "a.csv: --at names 'vocabulary', which is no column of the law" in shown.out
    row = discover("run", "tables", *OPTIONS, "--out", "o", "--json", *asked).json["tables"][0]
    (point,) = row["at"][0]["points"]
    assert [point] == discover("predict", "o/a", *asked[:2], "--json").json["points"]
    assert number(point["forecasts"][0]["value"], 5) in shown.out
    assert (row["at"][1]["points"], "vocabulary" in row["at"][1]["error"]) == ([], True)
    assert {name: Path("o/a", name).read_bytes() for name in before} == before

    other = discover("run", "tables", *OPTIONS, "--seed", "1", "--out", "o", "--quiet")
    assert other.status == 1
    assert other.out.count("other options") == 3
    assert {name: Path("o/a", name).read_bytes() for name in before} == before


def test_wrong_requests_are_told_before_anything_runs(mistaken, tables) -> None:
    Path("empty").mkdir()
    assert_one_error(mistaken("run", "empty", *OPTIONS), "empty", "no table")
    Path("done").mkdir()
    Path("done/run.toml").write_text("")
    assert_one_error(mistaken("run", "done", *OPTIONS), "discover resume done")
    assert_one_error(mistaken("run", "tables", *OPTIONS, "--out", "done"), "done", "one run")
    assert_one_error(mistaken("run", "tables", *OPTIONS, "--llm-replay", "done"), "--llm-replay")
    assert_one_error(mistaken("run", "tables/a.csv", *OPTIONS, "--at", "params=1e9"), "discover predict")
    assert_one_error(mistaken("run", "tables", *OPTIONS, "--out", "tables/a.csv"), "a.csv is a file")
    assert not Path("runs").exists()


def test_which_tables_are_meant(tables, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    all_four = [f"tables/{name}" for name in ("a.csv", "b.csv", "c.csv", "d.tsv")]
    assert subjects_of(["tables/a.csv"], None) is None
    assert subjects_of(["tables"], None) == all_four
    assert subjects_of(["vocab", "tables/c.csv", "tables"], None) == [
        "vocab",
        "tables/c.csv",
        *all_four[:2],
        all_four[3],
    ]
    assert subjects_of(["tables"], Path("tables/d.tsv")) == all_four[:3]
    Path("vocab").mkdir()
    assert subjects_of(["vocab"], None) is None
    with pytest.raises(InputError, match="no table"):
        subjects_of(["vocab/../vocab"], None)


def test_tables_of_one_name_keep_their_folders(tmp_path) -> None:
    out = tmp_path / "o"
    one, other = str(tmp_path / "x/a.csv"), str(tmp_path / "y/a.csv")
    assert [place.folder for place in places_of([one, other], out)] == [out / "a", out / "a-2"]
    (out / "a").mkdir(parents=True)
    assert [place.folder for place in places_of([one], out)] == [out / "a-2"]
