"""`discover import`: laws found elsewhere, and what the other commands make of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .commands import assert_one_error

LOSS = ("--data", "runs.csv", "--target", "loss")
FRONT = """complexity,Loss,equation
1,0.4,"2.5"
9,0.01,"1.5 + 300.0 * (x0 ^ -0.3)"
15,0.0001,"(1.65 + (390.0 * x0 ^ -0.33)) + 400.0f0 * (x1 ^ -0.28)"
17,0.00009,"1.65 + square(x1) * foo(x0)"
18,0.00008,"1.65 + 1e-9 * x0 * x1"
"""


def test_a_formula_becomes_a_folder_that_every_command_takes(discover, runs_csv) -> None:
    outcome = discover("import", "1.6 + 300/params^0.3 + 500*tokens^-0.3", *LOSS, "--out", "law", "--json")
    assert outcome.status == 0, outcome.err
    found = outcome.json
    assert found["formula"] == "E + A*params**(-alpha) + B*tokens**(-beta)"
    assert found["constants"][0]["values"]["alpha"] == pytest.approx(0.34, abs=0.02)
    (attempt,) = found["imported"]
    assert attempt["r2_given"] < 0.9 < 0.999 < attempt["r2"]
    assert attempt["chosen"]
    assert found["sealed"] is None
    assert discover("show", "law", "--json").json == found
    assert "an imported law" in discover("show", "law").out
    assert discover("resume", "law", "--quiet", "--json").json == found
    assert "def predict(" in discover("export", "law", "--to", "python").out
    assert discover("predict", "law", "--at", "params=1e10,tokens=1e12").status == 0
    options = ("--minimise", "loss", "--cost", "6*params*tokens", "--budget", "1e22")
    assert discover("allocate", "law", *options).status == 0


def test_the_target_is_guessed_and_another_name_for_it_is_told(mistaken, runs_csv) -> None:
    formula = "E + A*params**-alpha"
    for left, said in (("", False), ("loss = ", False), ("L = ", True)):
        outcome = mistaken("import", f"{left}{formula}", "--data", "runs.csv")
        assert outcome.status == 0, outcome.err
        assert "  loss = E + A*params**(-alpha)" in outcome.out
        assert ("L of the formula is the column 'loss'" in outcome.err) is said


def test_a_column_of_names_is_no_variable_of_a_law(mistaken) -> None:
    rows = "".join(
        f"m{i},{n:g},{1e9 * i + 1e9:g},{2 + n**-0.1:.4f}\n" for i, n in enumerate((1e7, 3e7, 1e8, 3e8, 1e9, 3e9))
    )
    Path("runs.csv").write_text("Model,Params,Tokens,Loss\n" + rows)
    outcome = mistaken("fit", "chinchilla", "runs.csv")
    assert "Loss = E + A*Params**(-alpha) + B*Tokens**(-beta)" in outcome.out, outcome.err


def test_the_front_of_an_engine_is_fitted_and_chosen_from(discover, runs_csv) -> None:
    Path("front.csv").write_text(FRONT)
    outcome = discover("import", "front.csv", *LOSS, "--features", "params,tokens", "--out", "law", "--json")
    assert outcome.status == 0, outcome.err
    attempts = outcome.json["imported"]
    assert [one["complexity"] for one in attempts] == [1, 9, 15, 17, 18]
    assert [one["chosen"] for one in attempts] == [False, False, True, False, False]
    assert "any column" in attempts[0]["problem"]
    assert "'foo'" in attempts[3]["problem"]
    assert attempts[2]["inner_error"] < attempts[1]["inner_error"]
    assert outcome.json["formula"] == "E + A*params**(-alpha) + B*tokens**(-beta)"
    shown = discover("import", "front.csv", *LOSS, "--columns", "x0=params,x1=tokens")
    assert "* chosen" in shown.out
    assert "x0 of the formula is the column 'params'" not in shown.err


def test_columns_that_an_engine_counted_are_features_of_a_task_in_the_order_given(discover, mistaken) -> None:
    formula = ("import", "2 + x0^-0.3*x1^0.5", "--data", "parallel")
    assert "with --features" in mistaken(*formula).err
    found = discover(*formula, "--features", "params,streams", "--out", "law", "--json")
    assert found.status == 0, found.err
    assert "params" in found.json["formula"]
    assert "x0 of the formula is the column 'params'" in found.err
    assert "--features names 'depth'" in mistaken(*formula, "--features", "params,depth").err


@pytest.mark.parametrize(
    ("task", "formula", "groups"),
    [
        ("parallel", "E + (A/(params*(1 + k*log(streams))))**alpha", 2),
        ("moe", "E + A*params**(-alpha)*experts**(-beta)", 1),
    ],
)
def test_a_shipped_task_takes_a_law_and_judges_it_later(discover, task, formula, groups) -> None:
    outcome = discover("import", formula, "--data", task, "--out", "law", "--json")
    assert outcome.status == 0, outcome.err
    assert outcome.json["formula"] == formula
    assert len(outcome.json["groups"]) == groups
    assert b"opened" not in Path("law/steps.jsonl").read_bytes()
    judged = discover("evaluate", "law", "--json").json
    assert judged["opened"] == 1
    assert judged["sealed"]["r2"] > 0.3


def test_constants_are_shared_between_groups_on_demand(discover, runs_csv) -> None:
    lines = runs_csv.read_text().splitlines()
    runs_csv.write_text(
        "\n".join([f"{lines[0]},family", *(f"{x},{'ab'[i % 2]}" for i, x in enumerate(lines[1:]))]) + "\n"
    )
    formula = "E + A/params**a + B/tokens**b"
    found = discover("import", formula, *LOSS, "--group", "family", "--shared", "a,b", "--json").json
    first, second = (one["values"] for one in found["constants"])
    assert (first["a"], first["b"]) == (second["a"], second["b"])
    assert first["A"] != second["A"]
    assert found["run_dir"] == "runs/runs-seed0-1"


def test_a_law_that_a_search_would_refuse_comes_with_a_warning(discover, runs_csv) -> None:
    found = discover("import", "E + A*params", *LOSS, "--json").json
    assert found["warnings"][0].startswith("a search would have refused this law")
    assert found["inner_error"] is None
    assert json.loads(Path("runs/runs-seed0-1/result.json").read_text())["warnings"] == found["warnings"]


def test_bad_input_is_answered_in_words_and_leaves_nothing(discover, mistaken, runs_csv) -> None:
    Path("empty.csv").write_text("a,b\n1,2\n")
    Path("two.csv").write_text("params,first loss,second loss\n1,2,3\n2,3,4\n")
    Path("bad.csv").write_text('Complexity,Loss,Equation\n3,0.1,"foo(x0)"\n')
    before = sorted(Path().iterdir())
    assert_one_error(discover("import", "E + A/q**a", *LOSS), "q", "--columns")
    for subject, options, parts in (
        ("E + A*foo(params)", LOSS, ("'foo'",)),
        ("E + A*params**", LOSS, ("cannot be imported", "the end")),
        ("exp(params)", LOSS, ("no finite value",)),
        ("1 + x0", LOSS, ("--columns x0=COLUMN",)),
        ("", LOSS, ("empty",)),
        ("loss*params", LOSS, ("'loss'", "more than once")),
        ("E + A/params", ("--data", "two.csv"), ("several columns may be the result", "--target")),
        ("E + A/params", ("--data", "none.csv", "--target", "loss"), ("no such file", "none.csv")),
        ("E + A/params", (*LOSS, "--loss", "cubic"), ("cubic",)),
        ("E + A/params", (*LOSS, "--shared", "B"), ("'B'", "E, A")),
        ("E + A/params", (*LOSS, "--features", "tokens"), ("'params'", "--features")),
        ("E + A/params", (*LOSS, "--out", "runs.csv"), ("runs.csv is a file",)),
        ("none.csv", LOSS, ("no such file", "none.csv")),
        ("empty.csv", LOSS, ("empty.csv", "Complexity, Loss and Equation")),
        ("bad.csv", (*LOSS, "--features", "params"), ("'foo'",)),
    ):
        assert_one_error(mistaken("import", subject, *options), *parts)
    assert sorted(Path().iterdir()) == before
