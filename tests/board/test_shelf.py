"""The list of runs: what is read of a folder, and what is not read again."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from discover.board import processes
from discover.board.processes import at_work, holder
from discover.board.shelf import DEEPEST, Row, Shelf
from discover.errors import InputError
from discover.runs.folder import Progress, RunFolder
from discover.runs.journal import Journal

from .conftest import HOSTILE


def by_key(shelf: Shelf) -> dict[str, Row]:
    return {row.key: row for row in shelf.rows()}


def test_a_finished_run_is_shown_with_its_judgement(folder: Path) -> None:
    row = by_key(Shelf(folder))["first"]
    result = json.loads((folder / "first" / "result.json").read_bytes())
    assert (row.status, row.table, row.target) == ("finished", "runs.csv", "loss")
    assert (row.formula, row.features) == (result["formula"], ("params", "tokens"))
    assert (row.law, row.forecast) == (result["sealed"]["r2"], result["forecast"]["r2"])
    assert row.human == max(item["r2"] for item in result["human"])
    assert (row.error, row.evaluations, row.cost) == (result["inner_error"], 40, None)


def test_runs_lie_at_any_of_some_levels_but_not_behind_links_or_dots(folder: Path) -> None:
    deep = folder.joinpath(*"abc", "deep")
    shutil.copytree(folder / "first", deep)
    shutil.copytree(folder / "first", deep / "inside a run")
    shutil.copytree(folder / "first", folder.joinpath(*"abcd", "too deep"))
    shutil.copytree(folder / "first", folder / ".hidden")
    (folder / "link").symlink_to(folder / "first", target_is_directory=True)
    assert set(by_key(Shelf(folder))) == {"first", f"more/{HOSTILE}", "a/b/c/deep"}
    assert len("abc") + 1 == DEEPEST


def test_what_has_not_changed_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, read = Shelf(folder), []
    original = shelf._read

    def noting(key: str, path: Path) -> Row:
        read.append(key)
        return original(key, path)

    monkeypatch.setattr(shelf, "_read", noting)
    first = shelf.rows()
    assert shelf.rows() == first
    assert sorted(read) == ["first", f"more/{HOSTILE}"]
    result = folder / "first" / "result.json"
    result.write_text(result.read_text().replace('"evaluations": 40', '"evaluations": 4000'))
    assert by_key(shelf)["first"].evaluations == 4000
    assert len(read) == 3
    shutil.rmtree(folder / "first")
    assert set(by_key(shelf)) == {f"more/{HOSTILE}"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"formula": 3}', b'{"formula": "((", "targets": ["y"], "constants": []}', b"\xff\xfe",
     b'{"formula": "a*x", "targets": 3, "constants": {}, "n_constants": "many", "evaluations": null}'],
)  # fmt: skip
def test_a_damaged_result_is_one_damaged_row(folder: Path, content: bytes) -> None:
    (folder / "first" / "result.json").write_bytes(content)
    rows = by_key(Shelf(folder))
    assert rows["first"].status == "damaged"
    assert "result.json" in rows["first"].remark or "formula" in rows["first"].remark
    assert rows[f"more/{HOSTILE}"].status == "finished"


def test_a_damaged_configuration_is_told(folder: Path) -> None:
    (folder / "first" / "run.toml").write_text("format = 99\n")
    row = by_key(Shelf(folder))["first"]
    assert row.status == "damaged"
    assert "newer discover" in row.remark


def test_a_result_that_is_no_file_does_not_hang_the_list(folder: Path) -> None:
    (folder / "first" / "result.json").unlink()
    os.mkfifo(folder / "first" / "result.json")
    assert by_key(Shelf(folder))["first"].status == "interrupted"


def test_a_run_whose_process_died_is_told_from_one_under_way(folder: Path) -> None:
    run = RunFolder(folder / "first")
    run.result_path.unlink()
    run.write_progress(Progress(12.5, 30))
    _age(run)
    shelf = Shelf(folder)
    row = by_key(shelf)["first"]
    assert (row.status, row.seconds, row.evaluations) == ("interrupted", 12.5, 30)
    with Journal(run.journal_path):
        assert at_work(run)
        assert by_key(shelf)["first"].status == "running"
        if processes.LOCKS.is_file():
            assert holder(run.journal_path) == os.getpid()
    _age(run)
    assert by_key(shelf)["first"].status == "interrupted"


def test_a_run_that_works_out_its_result_is_not_taken_for_a_stopped_one(folder: Path) -> None:
    run = RunFolder(folder / "first")
    run.result_path.unlink()
    run.write_progress(Progress(12.5, 30, "interrupted"))
    assert by_key(Shelf(folder))["first"].status == "running"
    run.write_progress(Progress(12.5, 30, "interrupted", platform.node(), os.getpid()))
    os.utime(run.progress_path, (time.time() - 600,) * 2)
    assert by_key(Shelf(folder))["first"].status == "running"
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    run.write_progress(Progress(12.5, 30, "interrupted", platform.node(), ended.pid))
    assert by_key(Shelf(folder))["first"].status == "interrupted"
    content = json.loads((folder / "more" / HOSTILE / "result.json").read_bytes())
    run.result_path.write_text(json.dumps(content | {"stopped": "interrupted"}))
    assert by_key(Shelf(folder))["first"].status == "interrupted"


def _age(run: RunFolder) -> None:
    """As if nothing had been written for minutes."""
    for path in run.path.iterdir():
        os.utime(path, (time.time() - 600,) * 2)


def test_the_same_is_told_where_the_system_lists_no_locks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.board.processes.LOCKS", folder / "none")
    test_a_run_whose_process_died_is_told_from_one_under_way(folder)


def test_a_key_names_a_run_below_the_folder_or_nothing(folder: Path) -> None:
    shelf = Shelf(folder)
    assert shelf.run(f"more/{HOSTILE}").path == folder.resolve() / "more" / HOSTILE
    for key in ("", "more", "first/..", "../runs/first", "/first", "first/", "more//x", "\0"):
        with pytest.raises(InputError, match="there is no run"):
            shelf.run(key)
