"""Tables and task files that were made to hang, to hide something, or to write elsewhere."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pytest

from discover.data.cells import number
from discover.data.guesses import task_from_table
from discover.data.reading import read_table
from discover.data.tasks import load_task
from discover.errors import InputError

ROWS = [(n, d, 1.7 + 400 * n**-0.3 + 900 * d**-0.3) for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 3e10)]


def table(path: Path, header: str, first: str | None = None) -> Path:
    lines = [",".join([first or repr(n), repr(d), repr(loss)]) for n, d, loss in ROWS]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    "text",
    ["1" * 8000, "1." * 4000, "1 " * 4000, "1h " * 4000, "1e" + "9" * 8000, "2^" + "9" * 5000, "1" * 150 + "x"],
    ids=["digits", "points", "blanks", "hours", "exponent", "power", "text"],
)
def test_a_cell_of_thousands_of_characters_is_told_at_once_and_in_short(tmp_path: Path, text: str) -> None:
    path = table(tmp_path / "long.csv", "params,tokens,loss", text)
    task = task_from_table(path, "loss")
    assert task.features == ("tokens",)
    assert all(len(note) < 300 for note in task.notes)


def test_a_power_without_bound_is_infinite() -> None:
    assert number("10^999999999") == float("inf")


def test_escape_codes_of_headings_and_cells_are_shown_as_question_marks(tmp_path: Path) -> None:
    path = table(tmp_path / "escape.csv", "\x1b[31mparams,tokens\u202e,loss\x07")
    assert list(read_table(path).columns) == ["?[31mparams", "tokens?", "loss?"]


def test_a_heading_of_two_lines_is_one_line(tmp_path: Path) -> None:
    path = table(tmp_path / "lines.csv", '"params\n(total)",tokens,loss')
    assert next(iter(read_table(path).columns)) == "params (total)"


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\\\b", ".hidden", "a\\u001bb"])
def test_a_task_cannot_be_named_so_that_its_runs_lie_elsewhere(tmp_path: Path, name: str) -> None:
    table(tmp_path / "runs.csv", "params,tokens,loss")
    path = tmp_path / "task.toml"
    path.write_text(f'name = "{name}"\ndataset = "runs.csv"\nfeatures = ["params"]\ntarget = "loss"\n')
    with pytest.raises(InputError, match="key 'name': run folders are named after it"):
        load_task(path)


def test_a_hidden_table_gives_a_visible_name(tmp_path: Path) -> None:
    assert task_from_table(table(tmp_path / ".runs.csv", "params,tokens,loss"), "loss").name == "_runs"


@pytest.mark.parametrize("value", ["[" * 5000 + "]" * 5000, "1" * 8000], ids=["nesting", "digits"])
def test_toml_that_cannot_be_read_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "task.toml"
    path.write_text(f"a = {value}")
    with pytest.raises(InputError, match="a number or its nesting is too long"):
        load_task(path)


def test_pickles_are_refused_whatever_they_are_called(tmp_path: Path) -> None:
    content = pickle.dumps(ROWS)
    for name, data in {"x.pkl": content, "x.pkl.gz": gzip.compress(content), "x.csv": content}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=r"a pickle can run any program|not text in a known encoding"):
            read_table(tmp_path / name)


def test_of_hundreds_of_columns_those_that_scale_are_features(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = [f"c{i}" for i in range(300)]
    cells = [[repr((17 * i * i + 31 * row * (i + 3)) % 101 + 1) for i in range(300)] for row in range(len(ROWS))]
    lines = [",".join([*extra, *map(repr, row)]) for extra, row in zip(cells, ROWS, strict=True)]
    path.write_text("\n".join([",".join([*names, "params", "tokens", "loss"]), *lines]) + "\n")
    task = task_from_table(path, "loss")
    assert task.features == ("params", "tokens")
    assert any("c0" in note and "--features takes them in" in note for note in task.notes)
