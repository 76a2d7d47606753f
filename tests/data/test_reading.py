"""Files into cells and cells into numbers: what is read, and how every slip is reported."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discover.data.cells import number
from discover.data.columns import numbers_in
from discover.data.reading import read_table
from discover.errors import InputError, UnavailableError
from discover.plain_data import number_in


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_same_table_in_every_text_format(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.csv", "x,name\r\n1,p\r\n2.5,q\r\n"),
        write(tmp_path / "b.tsv", "x\tname\n1\tp\n2.5\tq\n"),
        write(tmp_path / "c.jsonl", '{"x": 1, "name": "p"}\n{"x": 2.5, "name": "q"}\n'),
    ]
    for file in files:
        table = read_table(file)
        assert table.numbers("x", [0, 1]).tolist() == [1.0, 2.5]
        assert table.texts("name", [0, 1]) == ["p", "q"]


def test_lines_count_header_blank_lines_and_quoted_line_breaks(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", '\ufeffx,name\n1,"two\nlines"\n\n2,"a,b"\n'))
    assert table.lines == [2, 5]
    assert table.texts("name", [1]) == ["a,b"]


def test_column_without_heading_is_left_out(tmp_path: Path) -> None:
    assert list(read_table(write(tmp_path / "a.csv", ",x\n0,1\n1,2\n")).columns) == ["x"]


@pytest.mark.parametrize(
    ("cell", "domain", "message"),
    [
        ("", "real", "line 3, column 'x': the cell is empty; expected a number"),
        ("NA", "real", "the cell is empty"),
        ("nan", "real", "the value is NaN"),
        ("inf", "real", "the value is infinite"),
        ("1e999", "real", "the value is infinite"),
        ("2.1 knots", "real", "'2.1 knots' is not a number; expected a number"),
        ("OOM", "real", "'OOM' is not a number"),
        ("1_000", "real", "'1_000' is not a number"),
        ("٣", "real", "is not a number"),
        ("0", "positive", "0 is out of range; expected a number above 0"),
        ("-1", "positive", "-1 is out of range; expected a number above 0"),
        ("1.2", "fraction", "1.2 is out of range; expected a number from 0 to 1"),
    ],
)
def test_wrong_cell_is_named_with_line_and_column(tmp_path: Path, cell: str, domain: str, message: str) -> None:
    table = read_table(write(tmp_path / "a.csv", f"y,x\n1,1\n2,{cell}\n"))
    with pytest.raises(InputError) as caught:
        table.numbers("x", [0, 1], domain)
    assert message in str(caught.value)
    assert "a.csv, line 3" in str(caught.value)


def test_wrong_json_values_are_refused(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.jsonl", '{"x": 1}\n{"x": true}\n{"y": 2}\n{"x": NaN}\n'))
    for row, message in ((1, "'True' is not a number"), (2, "empty"), (3, "NaN")):
        with pytest.raises(InputError, match=message):
            table.numbers("x", [row])


def test_missing_column_gives_near_matches(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", "params,loss\n1,2\n2,3\n"))
    with pytest.raises(InputError, match=r"no column 'parms'; did you mean 'params'\? \(its columns: params, loss"):
        table.numbers("parms", [0])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "\n\n", "is empty"),
        ("a.csv", "x,y\n", "has no rows"),
        ("a.csv", "x,y,x\n1,2,3\n", "has the column 'x' more than once"),
        ("a.csv", "x,y\n1,2\n3\n", "line 3 has 1 cells; expected 2"),
        ("a.csv", 'x,y\n1,"2\n', "line 2: unexpected end of data"),
        ("a.csv", "1,2\n3,4\n", "line 1 holds numbers only"),
        ("a.jsonl", "", "is empty"),
        ("a.jsonl", '{"x": 1}\n{"x": \n', "line 2 is not JSON"),
        ("a.jsonl", "[1, 2]\n", "line 1 is not a JSON object"),
        ("a.xlsx", "", "not a readable spreadsheet"),
        ("a.docx", "", "tables with the suffix '.docx' are not read; expected one of .csv"),
        ("a.pkl", "", "a pickle can run any program"),
    ],
)
def test_unreadable_file_says_what_was_expected(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(write(tmp_path / name, text))


def test_missing_file_folder_and_other_encodings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)
    (tmp_path / "noise.csv").write_bytes(b"\x00\xff\x80" * 30)
    with pytest.raises(InputError, match=r"not text in a known encoding|has no rows"):
        read_table(tmp_path / "noise.csv")


def test_parquet_is_read_with_its_own_numbers(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    import pandas as pd

    frame = pd.DataFrame({"params": [1e7, 3e8], "loss": [3.1, 2.5], "family": ["a", "b"]})
    frame.to_parquet(tmp_path / "runs.parquet")
    table = read_table(tmp_path / "runs.parquet")
    assert table.numbers("params", [0, 1]).tolist() == [1e7, 3e8]
    assert table.numbers("loss", [0, 1]).tolist() == [3.1, 2.5]


def test_parquet_without_a_reader_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    def missing(path: Path) -> None:
        raise ImportError("no engine")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(UnavailableError, match="pyarrow"):
        read_table(write(tmp_path / "a.parquet", "x"))


def test_parquet_rows_are_counted_without_a_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    frame = pd.DataFrame({"x": [1.0, math.nan], "name": ["p", "q"]})
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame)
    table = read_table(write(tmp_path / "a.parquet", "x"))
    with pytest.raises(InputError, match="row 2, column 'x': the value is NaN"):
        table.numbers("x", [0, 1])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_float_survives_its_text(values: list[float]) -> None:
    assert [number(repr(value)) for value in values] == values
    assert [number(json.loads(json.dumps(value))) for value in values] == values


def test_the_table_module_needs_numpy_only() -> None:
    import subprocess

    code = "import sys, discover.data.table as t; print([m for m in ('pandas','pydantic') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
    assert np.float64(number("1.5") or 0) == 1.5


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("70M", 7e7),
        ("7b", 7e9),
        ("1.4T", 1.4e12),
        (" 512 k ", 512e3),
        (".5B", 5e8),
        ("1e9", 1e9),
        ("-3", -3.0),
        ("-7B", -7e9),
    ],
)
def test_counts_are_numbers(cell: str, value: float) -> None:
    assert number(cell) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("cell", ["B", "7BB", "7B-chat", "pythia-70m", "1e9B", "7 B B", "--7B", "70MB", "7G"])
def test_names_are_no_counts(cell: str) -> None:
    assert number(cell) is None


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2,500,000,000", 2.5e9),
        ("1,000", 1e3),
        ("-12,345.5", -12345.5),
        ("0,500", None),
        ("1,50", None),
        ("1,0000", None),
    ],
)
def test_commas_may_part_thousands(cell: str, value: float | None) -> None:
    assert number(cell) == value


@pytest.mark.parametrize("text", ["1_000", "\u0663", "-7G", "2,5"])
def test_options_and_cells_are_read_alike(text: str) -> None:
    assert number(text) is None
    with pytest.raises(ValueError, match=r"not a number|could not convert"):
        number_in(text)


def test_semicolons_part_cells_where_the_comma_is_the_decimal_sign(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", '\ufeff\n"x, y";z;name\n0,5;1,5B;a,b\n-2,5e-3;7;"c;d"\n'))
    assert table.lines == [3, 4]
    assert table.numbers("x, y", [0, 1]).tolist() == [0.5, -0.0025]
    assert table.numbers("z", [0, 1]).tolist() == [1.5e9, 7]
    assert table.texts("name", [0, 1]) == ["a,b", "c;d"]
    assert list(read_table(write(tmp_path / "b.csv", "x;y,z\n1,2\n")).columns) == ["x;y", "z"]


def test_numbers_of_a_column_are_the_same_whether_it_is_read_as_a_whole_or_cell_by_cell() -> None:
    cells = ["1", "-2.5", "3e8", "+4.E-2", "1e999", "2.600", "0007"]
    whole = numbers_in(cells, ".")
    single = numbers_in([*cells, "7M", "n/a"], ".")
    assert whole.values.tolist() == single.values[: len(cells)].tolist() == [float(cell) for cell in cells]
    assert not whole.others
    assert single.values[len(cells)] == 7e6
    assert single.written(len(cells) + 1) is None


def test_a_table_that_changes_between_two_readings_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("n,loss\n1,2\n2,3\n")
    first = read_table(path)
    path.write_text("n,loss\n1,2\n2,4\n")
    assert read_table(path).numbers("loss", [1]).tolist() == [4.0]
    assert first.numbers("loss", [1]).tolist() == [3.0]
