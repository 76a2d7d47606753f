"""Run folders of earlier versions are still read: law, journal, what was found. README.md says how to add one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import discover

from ..cli.commands import command

GOLDEN = Path(__file__).parent
FOLDERS = sorted(path.name for path in GOLDEN.glob("run-*"))


OLDEST, NEWEST = FOLDERS[0], FOLDERS[-1]


@pytest.fixture(params=FOLDERS)
def run(request, tmp_path, monkeypatch):
    """A copy of the folder, beside the table that it was made from."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN / "runs.csv", tmp_path)
    return shutil.copytree(GOLDEN / request.param, tmp_path / "run")


@pytest.fixture
def kept(run):
    """What the run printed in its time."""
    return json.loads((run / "result.json").read_text(encoding="utf-8"))


def test_there_is_a_folder():
    assert FOLDERS


def test_law_is_read_with_every_constant_and_its_forecasts(run, kept):
    law = discover.load(run)
    assert law.formula == kept["formula"]
    for entry in kept["constants"]:
        assert law.constants[entry["group"]][entry["target"]] == entry["values"]
    forecast = law.predict(params=7e9, tokens=1.4e11, group="web", interval=0.9)
    assert forecast.law == law(params=7e9, tokens=1.4e11, group="web") == pytest.approx(2.2, abs=0.1)
    assert forecast.value == pytest.approx(2.2, abs=0.1)
    assert forecast.lower < forecast.value < forecast.upper


def test_show_tells_what_was_found(run, kept):
    shown = command("show", run, "--json").json
    for key in ("formula", "constants", "inner_error", "sealed", "human", "runners_up", "evaluations", "seed"):
        assert shown[key] == kept[key], key


def test_law_is_exported_to_the_same_document(run):
    done = command("export", run, "--to", "json")
    kept = json.loads((run / "law.json").read_text(encoding="utf-8"))
    assert {"sha256": kept.get("sha256"), **json.loads(done.out)}.keys() == {"sha256", *kept}
    assert {key: value for key, value in json.loads(done.out).items() if key in kept} == kept


def test_sealed_rows_are_judged_as_they_were_and_the_opening_is_counted(run, kept):
    again = command("evaluate", run, "--json").json
    assert again["sealed"] == pytest.approx(kept["sealed"], rel=1e-9)
    assert again["opened"] == kept["opened"] + 1


def test_finished_run_is_not_continued(run, kept):
    done = command("resume", run, "--json")
    assert done.status == 0, done.err
    assert done.json["formula"] == kept["formula"]


def test_report_is_written(run, kept):
    assert command("report", run, "--format", "md", "--out", "report.md").status == 0
    report = Path("report.md").read_text(encoding="utf-8")
    for entry in kept["constants"]:
        assert entry["group"] in report


def test_forecast_of_the_command_is_that_of_python(run):
    asked = command("predict", run, "--at", "params=7B,tokens=140B", "--group", "web", "--json").json
    forecast = discover.load(run).predict(params=7e9, tokens=1.4e11, group="web", interval=0.9)
    assert asked["points"][0]["forecasts"][0]["value"] == pytest.approx(forecast.value, rel=1e-9)


def unfinished(run):
    for name in ("result.json", "law.json"):
        (run / name).unlink()
    return run


@pytest.mark.parametrize("run", [OLDEST], indirect=True)
def test_run_that_an_older_search_did_not_finish_must_be_started_anew(run):
    done = command("resume", unfinished(run), "--quiet")
    assert done.status != 0
    assert "cannot be repeated" in done.err
    assert "start a new run" in done.err


@pytest.mark.parametrize("run", [NEWEST], indirect=True)
def test_run_of_the_present_search_goes_on_to_the_same_law(run, kept):
    journal = (run / "steps.jsonl").read_bytes().splitlines(keepends=True)
    (run / "steps.jsonl").write_bytes(b"".join(journal[: len(journal) // 2]))
    done = command("resume", unfinished(run), "--quiet", "--json")
    assert done.status == 0, done.err
    assert done.json["formula"] == kept["formula"]
    assert done.json["inner_error"] == pytest.approx(kept["inner_error"], rel=1e-6)


@pytest.mark.parametrize(("name", "old", "new"), [
    ("law.json", '"format": 1', '"format": 2'),
    ("run.toml", "format = 1", "format = 2"),
    ("steps.jsonl", '"v":1', '"v":2'),
])  # fmt: skip
@pytest.mark.parametrize("run", [NEWEST], indirect=True)
def test_newer_format_is_refused_by_name(run, name, old, new):
    path = run / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    if name == "steps.jsonl":
        unfinished(run)
    done = command(*(("export", "--to", "json") if name == "law.json" else ("resume",)), run)
    assert done.status != 0
    assert name in done.err
    assert "newer discover (format 2, this one reads up to 1)" in done.err
