"""The problems of a table are told before the search, and kept in the run folder; rows far off are left out."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

from .commands import FEW, table_text


def spoilt(path: Path) -> None:
    """A copy of a row, a row far off, and tokens that are 20 times the parameters everywhere."""
    lines = table_text().splitlines()
    lines[9] = lines[9].rsplit(",", 1)[0] + ",9.5"
    path.write_text("\n".join([*lines, lines[4]]) + "\n")


def test_problems_are_told_with_the_lines_of_the_file(discover, runs_csv) -> None:
    spoilt(runs_csv)
    outcome = discover("run", "runs.csv", "--target", "loss", *FEW[:-1], "--out", "r", "--json")
    told = [line for line in outcome.err.splitlines() if line.startswith("problem: ")]
    assert len(told) == 2
    assert "repeats an earlier row" in told[0]
    assert "(line 32)" in told[0]
    assert "far off all laws" in told[1]
    assert "(line 10)" in told[1]
    assert "run and compare leave it out, unless --all-rows is given" in told[1]
    without = discover("run", "runs.csv", "--target", "loss", *FEW[:-1], "--where", "line != 10", "--json")
    assert "1 of 31 rows is left out by --where: line is 10 (line 10)" in without.err
    assert [one["kind"] for one in without.json["problems"]] == ["duplicate"]
    problems = outcome.json["problems"]
    assert [(one["kind"], one["rows"], one["unit"]) for one in problems] == [
        ("duplicate", [32], "line"),
        ("far_off", [10], "line"),
    ]
    assert json.loads(Path("r/problems.json").read_text()) == problems
    shown = discover("show", "r")
    assert "Problems of the table:" in shown.out
    assert "(line 10)" in shown.out
    assert json.loads(Path("r/run.toml").read_text().split("rows = ")[1].split()[0]) == 31


def test_a_run_far_off_between_others_does_not_rule_the_law(discover, runs_csv) -> None:
    asked = ("run", "runs.csv", "--target", "loss", *FEW[:-1])
    clean = json.loads(discover(*asked, "--where", "line != 10", "--json", "--out", "clean").out)
    spoilt(runs_csv)
    runs_csv.write_text("\n".join(runs_csv.read_text().splitlines()[:-1]) + "\n")  # without the copied row
    found = json.loads(discover(*asked, "--json", "--out", "r").out)
    assert "left_out = [8]" in Path("r/run.toml").read_text()
    assert (found["formula"], found["inner_error"]) == (clean["formula"], clean["inner_error"])
    again = discover("resume", "r", "--json").json
    assert again["formula"] == found["formula"]
    kept = json.loads(discover(*asked, "--all-rows", "--json", "--out", "all").out)
    assert "left_out = []" in Path("all/run.toml").read_text()
    assert kept["inner_error"] > 10 * found["inner_error"]
    assert "; 29 rows" in discover("compare", "runs.csv", "--target", "loss").out
    assert "; 30 rows" in discover("compare", "runs.csv", "--target", "loss", "--all-rows").out


def test_few_runs_are_told_of_one_that_is_far_off_and_keep_it(discover) -> None:
    lines = ["params,tokens,loss"]
    for i, (params, tokens) in enumerate((n, d) for n in (4e7, 1.2e8, 4e8, 1e9) for d in (1e9, 5e9, 2.5e10)):
        loss = 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28
        lines.append(f"{params:g},{tokens:g},{loss * (1.25 if i == 4 else 1.0 + 0.002 * (-1) ** i):.4f}")
    Path("few.csv").write_text("\n".join(lines) + "\n")
    told = discover("run", "few.csv", "--target", "loss", *FEW[:-1], "--json", "--out", "r").json
    problems = [one for one in told["problems"] if one["kind"] == "far_off"]
    assert [one["rows"] for one in problems] == [[6]]
    assert "leave" not in problems[0]["text"]


def test_one_of_the_largest_runs_is_never_left_out(discover, runs_csv) -> None:
    text = table_text()
    assert "1e+09,1e+10," in text
    runs_csv.write_text("\n".join(far_off(line) for line in text.splitlines()) + "\n")
    outcome = discover("run", "runs.csv", "--target", "loss", *FEW[:-1], "--json", "--out", "r")
    (problem,) = outcome.json["problems"]
    assert problem["kind"] == "far_off"
    assert "leave" not in problem["text"]
    assert "left_out = []" in Path("r/run.toml").read_text()


def far_off(line: str) -> str:
    return line.rsplit(",", 1)[0] + ",4.9" if line.startswith("1e+09,1e+10,") else line


def test_a_clean_table_has_none(discover, runs_csv) -> None:
    outcome = discover("run", "runs.csv", "--target", "loss", *FEW[:-1], "--json")
    assert "problem" not in outcome.err
    assert outcome.json["problems"] == []


def test_fixed_tokens_per_parameter_is_told(discover, tmp_path) -> None:
    rows = [(1e7 * 2**i, 20e7 * 2**i, 1.7 + (1e7 * 2**i) ** -0.1) for i in range(12)]
    Path("runs.csv").write_text("params,tokens,loss\n" + "".join(f"{n:g},{d:g},{y}\n" for n, d, y in rows))
    outcome = discover("run", "runs.csv", "--target", "loss", *FEW[:-1])
    assert outcome.status == 0, outcome.err
    assert "'tokens' is left out: it is 'params' again, up to a factor" in outcome.err


def test_rows_in_warm_up_are_told(discover) -> None:
    rows = []
    for n in (1e7, 3e7, 1e8, 1e9):
        for k in range(20):
            d = 2e8 * 1.4**k
            y = 1.7 + 400 * n**-0.34 + 410 * d**-0.28 + 0.004 * ((7 * k) % 5 - 2) + max(0, 3 - k)
            rows.append(f"{n:g},{d:g},{y:.5f}")
    Path("runs.csv").write_text("\n".join(["params,tokens,loss", *rows]) + "\n")
    outcome = discover("task", "new", "runs.csv", "--json")
    (problem,) = outcome.json["problems"]
    assert problem["kind"] == "warm_up"
    assert problem["rows"] == [2, 3, 4, 22, 23, 24, 42, 43, 44, 62, 63, 64]
    assert "# Problems of the table" in Path("runs.toml").read_text()


def test_the_smallest_data_of_few_runs_are_no_warm_up(discover) -> None:
    # laws of eight constants describe the twelve runs with more data better without the others, as they would any
    rows = [
        (n, d, 100 * (0.06 + 4.2 * n**-0.22 + 2.9 * d**-0.28) * (1 + 0.004 * math.sin(3.7 * i * i)))
        for i, (n, d) in enumerate(product((2.2e7, 8.6e7, 3.07e8, 1.01e9), (1e6, 1e7, 3e7, 1e8, 3e8)))
    ]
    lines = [f"{n:g},{d:g},{y:.2f}" for n, d, y in rows]
    Path("runs.csv").write_text("\n".join(["params,images seen,error (%)", *lines]) + "\n")
    outcome = discover("task", "new", "runs.csv", "--json")
    assert [one["kind"] for one in outcome.json["problems"]] == []
