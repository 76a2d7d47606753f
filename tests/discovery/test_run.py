"""`discover.run` from Python: tables of every kind, one result, no folder that nobody asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import discover
from discover.data import reading
from discover.errors import InputError
from discover.runs.models import keys_hidden, model_of

from ..cli.commands import command, table_text

FEW = {"evaluations": 12, "proposers": ["library"], "workers": 1}


@pytest.fixture
def runs_csv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs.csv"
    path.write_text(table_text())
    return path


@pytest.fixture
def frame(runs_csv):
    return pd.read_csv(runs_csv)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What a run of a data frame found, made once."""
    path = tmp_path_factory.mktemp("table") / "runs.csv"
    path.write_text(table_text())
    return discover.run(pd.read_csv(path), "loss", holdout=0.2, **FEW)


def law_text(result: discover.RunResult) -> str:
    """The law.json of a run without the task's name, which comes from the table's, and the checksum with it."""
    lines = (result.folder / "law.json").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith((' "task"', ' "sha256"'))).rstrip(",")


def test_a_path_a_frame_and_a_mapping_give_the_same_law(runs_csv, frame, found):
    mapping = {name: list(frame[name]) for name in frame}
    results = [found, *(discover.run(table, "loss", holdout=0.2, **FEW) for table in (runs_csv, mapping))]
    assert len({law_text(result) for result in results}) == 1
    assert len({result.sealed.r2 for result in results}) == 1
    assert found.sealed.r2 > 0.9
    assert os.listdir() == ["runs.csv"]


def test_the_command_finds_the_same_law(runs_csv, found):
    options = ("--evaluations", "12", "--proposers", "library", "--workers", "1", "--holdout", "0.2")
    shown = command("run", runs_csv, "--target", "loss", *options, "--out", "cli")
    assert shown.status == 0, shown.err
    assert law_text(discover.RunResult("cli")) == law_text(found)
    said = [line.split() for line in shown.out.splitlines() if "refitted  " in line]
    assert said
    assert said == [line.split() for line in str(found).splitlines() if "refitted  " in line]


def test_a_shipped_task_is_named():
    result = discover.run("parallel", **FEW)
    assert {law.law for law in result.human} == {"sld_parallel"}
    assert result.sealed.n > 0


def test_a_result_says_all_about_a_run(found):
    result = found
    for part in ("loss = ", "±", "sealed R2", "opened once", "12 laws scored", "note: predicting loss from", ".save("):
        assert part in str(result)
    assert "\n" not in repr(result)
    shown = result._repr_html_()
    for part in ("<math", "<svg", "sealed R2</th>", f"{result.sealed.r2:.4f}"):
        assert part in shown
    assert len(result.runners_up) > 1
    assert result.predict(params=1e9, tokens=1e11) == result.law.predict(params=1e9, tokens=1e11)
    assert result.report().read_text().startswith("<!doctype html>")
    assert discover.plot_parity(result).data


def test_test_rows_may_be_a_frame(frame):
    by_file = Path("test.csv")
    train, test = frame.iloc[:-6], frame.iloc[-6:]
    test.to_csv(by_file, index=False)
    results = [discover.run(train, "loss", test_rows=rows, **FEW) for rows in (test, by_file)]
    assert results[0].sealed == results[1].sealed
    assert results[0].sealed.n == 6


def test_a_saved_run_is_one_that_commands_take(runs_csv, found):
    kept = found.save("kept")
    assert str(kept.folder) == "kept"
    shown = command("show", "kept", "--json")
    assert shown.json["formula"] == found.formula
    assert shown.json["run_dir"] == "kept"
    assert command("evaluate", "kept", "--json").json["sealed"]["r2"] == found.sealed.r2
    with pytest.raises(InputError, match="holds a run"):
        found.save("kept")


def test_an_interrupted_run_goes_on_to_the_same_law(frame, found):
    def stop(course):
        if course.steps == 6:
            raise KeyboardInterrupt

    begun = discover.run(frame, "loss", holdout=0.2, on_step=stop, **FEW)
    assert (begun.found.stopped, begun.found.evaluations, begun.sealed) == ("interrupted", 12, None)
    seen = []
    ended = discover.resume(begun, on_step=lambda course: seen.append((course.steps, course.formula)))
    assert law_text(ended) == law_text(found)
    assert [steps for steps, _ in seen] == list(range(1, 13))
    assert seen[-1][1]
    assert discover.resume(ended).found == ended.found  # nothing is left to do


def test_a_table_is_read_once(runs_csv, monkeypatch):
    read = []

    def counted(path, *more):
        read.append(path)
        return read_content(path, *more)

    read_content = reading._read
    monkeypatch.setattr(reading, "_read", counted)
    reading._read_table.cache_clear()
    discover.run(runs_csv, "loss", holdout=0.2, **FEW)
    assert read == [runs_csv]


def test_gaps_texts_and_types_of_numpy_come_through(frame):
    odd = frame.assign(params=[f"{value / 1e6:.6f}M" for value in frame["params"]], other=pd.NA, loss=frame["loss"])
    odd.loc[odd.index[0], "loss"] = np.nan
    result = discover.run(odd, "loss", **FEW)
    assert any("1 run is left out" in note for note in result.notes)
    assert set(result.law.features) <= {"params", "tokens"}


def test_an_index_with_names_and_headings_of_two_levels_are_columns(frame, found):
    sizes = frame.set_index(["params", "tokens"])
    levels = frame.set_axis([("size", name) if name != "loss" else (name, "") for name in frame], axis="columns")
    levels.columns = pd.MultiIndex.from_tuples(levels.columns)
    assert set(discover.run(sizes, "loss", **FEW).law.features) == {"params", "tokens"}
    assert set(discover.run(levels, "loss", **FEW).law.features) == {"size_params", "size_tokens"}
    np.testing.assert_array_equal(found.law(sizes), found.law(frame))


def test_cells_that_are_no_numbers_do_not_hide_the_table(frame):
    odd = frame.assign(
        config=[{"lr": 1e-3}] * len(frame), when=pd.date_range("2026", periods=len(frame)), tags=[["a"]] * len(frame)
    )
    assert set(discover.run(odd, "loss", **FEW).law.features) <= {"params", "tokens"}


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        ({"x": [1.0, 2.0], "y": [3.0, 4.0]}, {}, "no column is named like a result"),
        ({"x": [1.0, 2.0], "y": [1.0]}, {"target": "y"}, "differ in length: x 2, y 1"),
        ({"x": [[1.0], [2.0]], "y": [1.0, 2.0]}, {"target": "z"}, "'x' must have one dimension"),
        ([1.0, 2.0], {"target": "y"}, "not list"),
        ("nothing.csv", {"target": "y"}, "nothing.csv"),
        ("parallel", {"group": "x"}, "group= is for tables"),
        ({"x": [1.0], "y": [1.0]}, {"target": "y", "llm": {"modle": "x"}}, "'modle'; did you mean 'model'"),
        ({"x": [1.0], "y": [1.0]}, {"target": "y", "budget": "fast"}, "budget is 'fast'"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, {"target": "y", "evaluations": 0}, "^the run: .* 'evaluations': .* got 0"),
        ({"x": [], "y": []}, {"target": "y"}, "^the table has no rows"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, {"target": "z"}, "^the table has no column 'z'"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, {"target": "y", "test_rows": {"x": [3.0]}}, "^the table of test rows"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, {}, "say with target= which one to predict"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, {"target": "y", "where": "x > z"}, "^where: 'z'"),
    ],
)
def test_a_mistake_is_named_and_leaves_nothing(tmp_path, monkeypatch, table, options, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=".*".join(said.split())):
        discover.run(table, out="run", **options)
    assert os.listdir() == []


def test_keys_are_hidden_for_the_time_of_a_run_only():
    environ = {"OPENAI_API_KEY": "key", "HOME": "/"}
    with keys_hidden(model_of({"url": "http://localhost:1/v1", "model": "m"}), environ) as before:
        assert environ == {"HOME": "/"}
        assert before["OPENAI_API_KEY"] == "key"
    assert environ == before


def test_an_unknown_option_is_a_type_error(frame):
    with pytest.raises(TypeError, match="'holdot'; did you mean 'holdout'"):
        discover.run(frame, "loss", holdot=0.2, out="run")
    assert not Path("run").exists()


@pytest.mark.slow
def test_published_laws_are_ranked_as_the_command_ranks_them(runs_csv, frame):
    ranking = discover.compare(frame, "loss", holdout=0.2, workers=1)
    shown = command("compare", runs_csv, "--target", "loss", "--holdout", "0.2", "--workers", "1", "--json").json
    assert [law["law"] for law in shown["laws"]] == [one.name for one in ranking.standings]
    assert ranking.keys["tied"] == shown["tied"] == [one.name for one in ranking.tied]
    best = ranking.standings[0].name
    assert best in str(ranking)
    assert f"best: {best}" in repr(ranking)
    assert "<table>" in ranking._repr_html_()
    assert sorted(os.listdir()) == ["runs.csv"]


SCRIPT = """
import discover
result = discover.run("runs.csv", evaluations=12, proposers=["library"], workers=2)
print(result)
"""


def test_a_script_needs_no_guard_of_its_main_module(runs_csv, tmp_path):
    """Worker processes would otherwise run the script again, and each begin a run."""
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("12 laws scored") == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter's own
def test_a_notebook_shows_the_result(runs_csv, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="the extra `notebook` is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra `notebook` is not installed")
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    cells = [nbformat.v4.new_code_cell(source) for source in (SCRIPT, "result")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed, shown = (cell.outputs for cell in notebook.cells)
    assert "12 laws scored" in "".join(output.get("text", "") for output in printed)
    assert "<math" in shown[0]["data"]["text/html"]
    assert shown[0]["data"]["text/plain"].startswith("<RunResult loss = ")
