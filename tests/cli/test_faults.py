"""What befalls a command from outside: closed streams, readers that go away, folders that were moved, cut or edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .commands import COMMAND, FEW, Outcome, command, table_text

RUN = ("run", "runs.csv", "--target", "loss", *FEW)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder that holds a table and, in `r`, a finished run on it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "runs.csv").write_text(table_text())
    done = command(*RUN, "--holdout", "0.2", "--out", "r", cwd=folder)
    assert done.status == 0, done.err
    return folder


@pytest.fixture
def moved(finished, tmp_path) -> Path:
    """A copy of that folder at another place; the first one is out of reach."""
    place = Path(shutil.copytree(finished, tmp_path / "moved"))
    config = place / "r" / "run.toml"
    config.write_text(config.read_text().replace(str(finished), str(tmp_path / "gone")))
    return place


def with_closed(streams: str, *arguments: str, cwd: Path) -> Outcome:
    """The command as a shell starts it with closed streams."""
    script = f'exec "$@" {streams}'
    done = subprocess.run(["sh", "-c", script, "sh", *COMMAND, *arguments], capture_output=True, text=True, cwd=cwd)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(tmp_path, streams) -> None:
    done = with_closed(streams, "tasks", cwd=tmp_path)
    assert done.status == 0, done
    assert done.err == ""


def test_a_run_with_closed_streams_keeps_its_journal_clean(tmp_path) -> None:
    (tmp_path / "runs.csv").write_text(table_text())
    options = [option for option in RUN if option != "--quiet"]
    done = with_closed(">&- 2>&-", *options, "--out", "r", cwd=tmp_path)
    assert done.status == 0, done
    for line in (tmp_path / "r" / "steps.jsonl").read_bytes().splitlines():
        assert json.loads(line)["v"] == 1
    assert command("show", "r", cwd=tmp_path).status == 0


def test_a_run_goes_on_when_nobody_reads_its_progress(tmp_path) -> None:
    (tmp_path / "runs.csv").write_text(table_text())
    read, write = os.pipe()
    os.close(read)
    options = [option for option in RUN if option != "--quiet"]
    with open(write, "wb") as stderr:
        done = subprocess.run(
            [*COMMAND, *options, "--json", "--out", "r"], stdout=subprocess.PIPE, stderr=stderr, cwd=tmp_path
        )
    assert done.returncode == 0
    assert json.loads(done.stdout)["evaluations"] == 12


def test_a_moved_run_finds_the_table_that_moved_with_it_and_names_its_new_place(moved) -> None:
    done = command("resume", "r", "--json", cwd=moved)
    assert done.status == 0, done.err
    assert done.json["run_dir"] == "r"
    assert "note: " not in done.err
    again = command("evaluate", "r", "--json", cwd=moved)
    assert again.json["sealed"] == done.json["sealed"]


@pytest.mark.parametrize("asked", [("show", "r"), ("predict", "r", "--at", "params=1e9,tokens=1e11")])
def test_an_edited_law_is_told(moved, asked) -> None:
    assert "was changed" not in command(*asked, cwd=moved).err
    path = moved / "r" / "law.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content))  # other spaces are no other law
    assert "was changed" not in command(*asked, cwd=moved).err
    values = content["constants"][0]["values"]
    values[next(iter(values))] *= 1.01
    path.write_text(json.dumps(content))
    done = command(*asked, cwd=moved)
    assert done.status == 0
    assert "law.json was changed after discover wrote it" in done.err


def test_a_cut_journal_is_told(moved) -> None:
    path = moved / "r" / "steps.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-4]))
    done = command("show", "r", cwd=moved)
    assert done.status == 0
    assert "steps.jsonl was cut: it holds 9 of 12 laws scored" in done.err
    assert "0 of 1 openings of the sealed rows" in done.err
