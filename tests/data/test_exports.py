"""Tables as experiment trackers export them: nested settings, JSON in cells, crashed runs, missing values."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from discover.data.exports import ending_in, path_of, short_names
from discover.data.guesses import task_from_table
from discover.data.reading import read_table
from discover.errors import DiscoverError, InputError

RUNS = [(n, d, 1.7 + 400 * n**-0.34 + 410 * d**-0.28) for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 1e11)]


def interface_csv(path: Path) -> Path:
    """As downloaded from a table of runs: flat settings, one JSON cell, books, crashed and diverged runs."""
    heads = [
        "Name", "State", "Created", "Runtime", "Tags", "config.model.n_params", "config.model.d_model", "config.data",
        "config.optimizer.name", "config.seed", "summary/eval.loss", "summary/train.loss", "_step", "_runtime",
    ]  # fmt: skip
    with path.open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(heads)
        for k, (n, d, y) in enumerate(RUNS):
            data = json.dumps({"tokens": d, "name": "pile", "mix": [1, 2]})
            write.writerow(
                [f"run-{k}", "finished", "2024", 60 + k, "[]", int(n), int(n**0.5), data, "adamw", k, y, y, k, 60 + k]
            )
        write.writerow(["bad", "crashed", "2024", 1, "", 100000000, 9, "", "adamw", 1, "", "", "", ""])
        diverged = json.dumps({"tokens": 1e9, "name": "pile"})
        write.writerow(["nan", "finished", "2024", 1, "", 1e8, 9, diverged, "adamw", 1, "NaN", "Infinity", 3, 1])
    return path


def test_target_alone_is_enough_for_an_export(tmp_path: Path) -> None:
    task = task_from_table(interface_csv(tmp_path / "wb.csv"), "eval.loss")
    assert task.features == ("n_params", "tokens")
    assert task.extrapolate == task.features
    assert task.group is None
    assert task.target == ("eval_loss",)
    table = task.train()
    assert table.targets[:, 0].tolist() == [y for _, _, y in RUNS]
    assert table.features["tokens"].tolist() == [d for _, d, _ in RUNS]
    notes = " | ".join(task.notes)
    assert "1 of 11 runs did not finish and is left out: 1 crashed (line 11)" in notes
    assert "1 run is left out: no value in summary/eval.loss (line 12)" in notes
    assert (task.train().unit, task.train().lines.tolist()) == ("line", list(range(2, 11)))


def test_nested_objects_become_columns(tmp_path: Path) -> None:
    records = [
        {
            "state": "finished" if k else "failed",
            "config": {"model": {"n_params": n}, "data": {"tokens": {"value": d, "desc": None}}},
            "summary": {"eval/loss": y, "_wandb": {"runtime": 3}},
        }
        for k, (n, d, y) in enumerate(RUNS)
    ]
    lines = tmp_path / "runs.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    whole = tmp_path / "runs.json"
    whole.write_text(json.dumps({"runs": records}))
    for path in (lines, whole):
        task = task_from_table(path, "loss")
        assert task.features == ("n_params", "tokens")
        assert len(task.train()) == len(RUNS) - 1
        assert any("1 failed" in note for note in task.notes)


def test_cells_as_python_prints_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "project.csv"
    with path.open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["", "summary", "config", "name"])
        for k, (n, d, y) in enumerate(RUNS):
            summary = {"loss": y if k else float("nan"), "_step": 5}
            write.writerow([k, repr(summary), repr({"n_params": n, "n_tokens": d, "nan": None, "x": "nan"}), f"r{k}"])
    task = task_from_table(path, "loss")
    assert task.features == ("n_params", "n_tokens")
    assert len(task.train()) == len(RUNS) - 1
    assert set(read_table(path).columns["config.x"]) == {"nan"}


def test_a_name_that_fits_several_columns_is_asked_about(tmp_path: Path) -> None:
    path = interface_csv(tmp_path / "wb.csv")
    with pytest.raises(InputError, match=r"several columns that end in 'loss': summary/eval.loss, summary/train.loss"):
        task_from_table(path, "loss")
    with pytest.raises(InputError, match=r"no column 'evil\.loss'"):
        task_from_table(path, "evil.loss")


def test_a_plain_table_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("phase,N,tokens/param,loss\nfirst,1,20,3\nsecond,2,30,2\nfirst,3,40,nan\n")
    table = read_table(path)
    assert (len(table), table.export, table.remarks) == (3, False, ())
    task = task_from_table(path, "loss", features=["N"], group="")
    assert task.train().features["N"].tolist() == [1, 2]


def test_sealed_results_of_an_export_are_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"finished,{10.0**k},{3 - k / 10}\n" for k in range(8))
    path.write_text(f"State,config.n_params,summary.loss\n{rows}finished,1e9,secret\nkilled,1,1\n")
    task = task_from_table(path, "loss", holdout=0.1)
    assert len(task.train()) == 8
    assert task.notes
    with pytest.raises(InputError, match="'secret' is not a number"):
        task.sealed()


@pytest.mark.parametrize(
    ("heading", "path"),
    [
        ("summary/eval.loss", ("summary", "eval", "loss")),
        ("config.model.n_params", ("config", "model", "n_params")),
        ("train/loss", ("train", "loss")),
        ("tokens/param", ("tokens/param",)),
        ("loss", ("loss",)),
        ("...", ("...",)),
    ],
)
def test_levels_of_headings(heading: str, path: tuple[str, ...]) -> None:
    assert path_of(heading) == path


def test_short_names_are_distinct_ends() -> None:
    short = short_names(["config.a.lr", "config.b.lr", "summary/eval.loss", "lr", "loss"])
    assert short == {
        "config.a.lr": "a.lr", "config.b.lr": "b.lr", "summary/eval.loss": "eval.loss", "lr": "lr", "loss": "loss",
    }  # fmt: skip
    assert ending_in("eval/loss", ["summary/eval.loss", "loss", "eval.acc"]) == ["summary/eval.loss"]


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["1", "-0", "1e400", "NaN", "Infinity", "", '"7"', "{", "{}", '{"a": {"b": NaN}}', "{'a': nan}", "\ud800",
         "finished", "crashed", '{"a":' * 60, "[" * 3000, "9" * 5000, "True", "null", "\x00", "=1+1", "\u2028", "１"]
    ),
    st.floats().map(repr),
)  # fmt: skip
HEADINGS = st.one_of(
    st.sampled_from(
        ["State", "loss", "config.n_params", "summary/loss", "_step", "params", "tokens", "", "split", "a\nb"]
    ),
    st.text(max_size=6),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(HEADINGS, min_size=1, max_size=4),
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5),
    st.sampled_from([".csv", ".tsv", ".jsonl", ".json"]),
    st.booleans(),
)
@example(["State", "loss"], [["2251799813685248.0", "0.0"], ["1.25e-293"]], ".jsonl", True)
def test_any_table_is_read_or_refused_in_words(
    tmp_path: Path, headings: list[str], rows: list[list[str]], suffix: str, quoted: bool
) -> None:
    path = tmp_path / f"any{suffix}"
    if suffix in (".csv", ".tsv"):
        mark = "," if suffix == ".csv" else "\t"
        lines = [headings, *rows]
        spelt = [[json.dumps(c) if quoted else c for c in line] for line in lines]
        text = "\n".join(mark.join(line) for line in spelt)
    else:
        records = [dict(zip(headings, row, strict=False)) for row in rows]
        texts = [json.dumps(record) if quoted else str(record) for record in records]
        text = "\n".join(texts) if suffix == ".jsonl" else f"[{','.join(texts)}]"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    _read_all(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([".csv", ".tsv", ".jsonl", ".json", ".parquet"]))
def test_any_bytes_are_read_or_refused_in_words(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    _read_all(path)


def _read_all(path: Path) -> None:
    """Everything that happens before a search: only errors in words may come of it, and they can be printed."""
    try:
        raw = read_table(path)
        for target in raw.columns:
            try:
                task = task_from_table(path, target)
                assert len(task.train()) == len(task.train().lines)
                "".join(task.notes).encode()
            except DiscoverError as problem:
                str(problem).encode()
    except DiscoverError as problem:
        str(problem).encode()
