"""Situations of public threads, through the installed command, with the values that are right (see `tests/cases`)."""

from __future__ import annotations

import csv
import json
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .commands import Outcome

CASES = Path(__file__).parents[1] / "cases"
SEARCH = ("--proposers", "library,grammar", "--workers", "1")
Discover = Callable[..., Outcome]


@pytest.fixture
def discover(mistaken: Discover) -> Discover:
    """The command in this process, so that the kernel is loaded once for all of these tables."""
    return mistaken


def case(name: str) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of a table."""
    with (CASES / f"{name}.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def written(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """The name of a file with these cells."""
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return name


def german(cell: str) -> str:
    """A number with a decimal comma and dots between thousands."""
    whole, _, part = cell.partition(".")
    return f"{int(whole):,}".replace(",", ".") + (f",{part}" if part else "")


def constants(done: Outcome) -> dict[str, float]:
    assert done.status == 0, done.err
    (found,) = done.json["constants"]
    assert isinstance(found["values"], dict)
    return found["values"]


def errors(done: Outcome) -> dict[str, float]:
    (found,) = done.json["constants"]
    assert isinstance(found["errors"], dict)
    return found["errors"]


def assert_chinchilla(
    discover: Discover, table: str, target: str, E: tuple[float, float], alpha: float, beta: float
) -> None:
    """The least-squares constants of the law, and its standard error of E."""
    done = discover("fit", "chinchilla", table, "--target", target, "--loss", "squared", "--json")
    found = constants(done)
    assert (found["E"], found["alpha"], found["beta"]) == pytest.approx((E[0], alpha, beta), abs=6e-4)
    assert errors(done)["E"] == pytest.approx(E[1], abs=1e-3)


def told(discover: Discover, table: str, *options: str) -> list[str]:
    made = discover("task", "new", table, "--json", "--force", *options)
    assert made.status == 0, made.err
    notes = made.json["notes"]
    assert isinstance(notes, list)
    return notes


def features(notes: Sequence[str]) -> str:
    (line,) = (note for note in notes if note.startswith("predicting "))
    return line.partition(" from ")[2]


def test_a_line_chart_of_a_tracker(discover: Discover) -> None:
    header, rows = case("chart")
    names = [f"{run} - eval/loss{end}" for run in header[1:] for end in ("", "__MIN", "__MAX")]
    wide = [[row[0], *(cell for cell in row[1:] for _ in range(3))] for row in rows]
    written("chart.csv", ["Step", *names], wide)
    notes = told(discover, "chart.csv", "--target", "gpt-19M - eval/loss")
    assert features(notes) == "Step"
    fit = ("fit", "E + A*Step**(-alpha)", "chart.csv", "--target")
    done = discover(*fit, "gpt-19M - eval/loss", "--out", "law.json", "--json")
    assert constants(done)["alpha"] == pytest.approx(0.42, abs=0.01)
    assert constants(done)["E"] == pytest.approx(3.05, abs=0.02)
    point = discover("predict", "law.json", "--at", "Step=80000", "--json").json["points"][0]
    assert point["forecasts"][0]["value"] == pytest.approx(3.1721, abs=0.01)
    for run, count in (("gpt-57M", 6), ("gpt-172M", 12), ("gpt-512M", 18)):
        said = " ".join(discover(*fit, f"{run} - eval/loss", "--json").json["notes"])
        assert f"{count} runs are left out: no value in {run} - eval/loss" in said
    # A grouped chart repeats its steps beside each run.
    names = [f"size: {run} - {what}" for run in header[1:] for what in ("_step", "eval/loss", "eval/loss__MIN")]
    wide = [[row[0], *(cell for loss in row[1:] for cell in (row[0], loss, loss))] for row in rows]
    written("grouped.csv", ["Training step", *names], wide)
    notes = told(discover, "grouped.csv", "--target", "size: gpt-19M - eval/loss")
    assert features(notes) == "Training step"
    assert any("the _step columns, which repeat it" in note for note in notes)


def test_a_search_of_runs_with_one_that_failed(discover: Discover) -> None:
    _, rows = case("tracked")
    header = ["", "run_id", "experiment_id", "status", "artifact_uri", "metrics.val_loss", "metrics.train_loss"]
    header += ["params.n_params", "params.train_tokens", "params.lr", "params.seed", "tags.mlflow.user"]
    runs = [
        [
            str(i),
            f"{i:04x}ab",
            "3",
            "FINISHED",
            f"mlflow-artifacts:/3/{i}",
            y,
            train,
            n,
            d,
            "0.0003",
            str(7919 * i % 5000),
            "a",
        ]
        for i, (n, d, y, train) in enumerate(rows)
    ]
    failed = ["20", "ffab", "3", "FAILED", "mlflow:/3/20", "", "", "1400000000", "64000000000", "0.0003", "1", "a"]
    written("all.csv", header, runs)
    written("failed.csv", header, [*runs, failed])
    notes = [told(discover, name, "--target", "val_loss") for name in ("all.csv", "failed.csv")]
    assert features(notes[0]) == features(notes[1]) == "params.n_params, params.train_tokens"
    assert set(notes[1]) - set(notes[0]) == {"1 of 21 runs did not finish and is left out: 1 failed (line 22)"}
    for name in ("all.csv", "failed.csv"):
        assert_chinchilla(discover, name, "metrics.val_loss", (1.703, 0.016), 0.3323, 0.2944)


def test_a_german_table_with_dots_between_thousands(discover: Discover) -> None:
    _, rows = case("european")
    header = ["Parameter", "Token (Mio.)", "Lernrate", "val_loss"]
    written("plain.csv", header, rows)
    written("de.csv", header, [list(map(german, row)) for row in rows], ";")
    for name in ("plain.csv", "de.csv"):
        assert features(told(discover, name, "--target", "val_loss")) == "Parameter, Token (Mio.)"
        assert_chinchilla(discover, name, "val_loss", (1.735, 0.013), 0.3318, 0.3027)
    ranges = {column["name"]: column.get("range") for column in discover("tasks", "de.toml", "--json").json["columns"]}
    assert ranges["Token_Mio"] == [800.0, 130_000.0]


def test_a_spreadsheet_with_a_separator_line_and_errors_in_cells(discover: Discover) -> None:
    header, rows = case("spreadsheet")
    header = ["Lauf", "params", "tokens", "ppl", "val_loss"]
    marks = ("#DIV/0!", "#NV")
    cells = [
        [*row[:3], *(cell.replace(".", ",") or mark for cell, mark in zip(row[3:], marks, strict=True))] for row in rows
    ]
    lines = [";".join(row) for row in [header, *cells]]
    Path("export.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(["sep=;", *(f"{line};" for line in lines)]).encode())
    Path("bare.csv").write_text("\n".join(f"{line};" for line in lines))
    Path("short.csv").write_text("\n".join(lines))
    written("plain.csv", header, rows)
    fits = []
    for name in ("export.csv", "bare.csv", "short.csv", "plain.csv"):
        notes = told(discover, name, "--target", "val_loss")
        assert features(notes) == "params, tokens"
        assert any("2 runs are left out: no value in val_loss" in note for note in notes)
        fits.append(constants(discover("fit", "chinchilla", name, "--target", "val_loss", "--json")))
    assert fits == [fits[0]] * 4
    assert_chinchilla(discover, "export.csv", "val_loss", (1.714, 0.015), 0.3293, 0.2971)


def test_means_over_seeds_with_headings_in_several_lines(discover: Discover) -> None:
    header, rows = case("seeds")
    body = "\n".join(map(",".join, rows)) + "\n"
    Path("index.csv").write_text(",,loss,loss,loss\n,,mean,std,count\nparams,tokens,,,\n" + body)
    Path("rows.csv").write_text("params,tokens,loss,loss,loss\n,,mean,std,count\n" + body)
    written("flat.csv", header, rows)
    for name, target in (("index.csv", "loss"), ("rows.csv", "loss"), ("flat.csv", "loss_mean")):
        assert features(told(discover, name, "--target", target)) == "params, tokens"
        assert_chinchilla(discover, name, target, (1.708, 0.028), 0.3260, 0.3003)
    weighted = discover(
        "fit", "chinchilla", "flat.csv", "--target", "loss_mean", "--errors", "loss_std", "--loss", "squared", "--json"
    )
    expected = {"E": 1.701, "alpha": 0.3305, "beta": 0.2968}
    assert {name: constants(weighted)[name] for name in expected} == pytest.approx(expected, abs=2e-3)


def test_headings_behind_a_hash_and_comments_between_rows(discover: Discover) -> None:
    _, rows = case("plain")
    body = [",".join(row) + "\n" for row in rows]
    Path("plain.csv").write_text("N,D,loss\n" + "".join(body))
    Path("hash.csv").write_text("# N,D,loss\n" + "".join(body))
    comments = ["# exported by sweep.py\n", "# D counts repeats; loss in nats\n", "N,D,loss\n"]
    Path("comments.csv").write_text("".join([*comments, *body[:7], "# second machine\n", *body[7:]]))
    for name in ("plain.csv", "hash.csv", "comments.csv"):
        assert_chinchilla(discover, name, "loss", (1.703, 0.010), 0.3287, 0.2964)
    found = constants(
        discover(
            "fit", "E + A*N**(-alpha) + B*D**(-beta)", "hash.csv", "--target", "loss", "--loss", "squared", "--json"
        )
    )
    assert found["alpha"] == pytest.approx(0.3287, abs=6e-4)


FALL = "h,t,sigma_t,w_inverse_variance,w_inverse_sigma\n" + "".join(
    f"{h},{t},{0.2 / n**0.5!r},{n / 0.04!r},{n**0.5 / 0.2!r}\n"
    for h, t, n in ((10, 1.4, 5), (20, 2.1, 3), (30, 2.6, 8), (40, 3.0, 15), (50, 3.3, 30))
)


def test_errors_of_measurement_and_what_a_weight_multiplies(discover: Discover) -> None:
    Path("fall.csv").write_text(FALL)
    law = ("fit", "sqrt(2*h/g)", "fall.csv", "--target", "t", "--json")
    plain, by_errors = discover(*law), discover(*law, "--errors", "sigma_t")
    by_weights = discover(*law, "--weights", "w_inverse_variance")
    assert constants(plain)["g"] == pytest.approx(9.0879601, abs=1e-6)
    assert errors(plain)["g"] == pytest.approx(0.1524715, rel=1e-4)
    assert constants(by_errors)["g"] == pytest.approx(9.0952532, abs=1e-6)
    assert constants(by_weights)["g"] == pytest.approx(constants(by_errors)["g"], abs=1e-9)
    assert errors(by_weights)["g"] == pytest.approx(0.1017625, rel=1e-4)
    assert errors(by_errors)["g"] in (pytest.approx(0.1017625, rel=1e-4), pytest.approx(0.1567416, rel=1e-4))
    wrong = discover(*law, "--weights", "w_inverse_sigma")
    assert (constants(wrong)["g"], errors(wrong)["g"]) == pytest.approx((9.0850293, 0.1257460), rel=1e-4)
    assert features(told(discover, "fall.csv", "--target", "t")) == "h"


def test_fit_takes_the_column_that_is_headed_like_a_result(discover: Discover) -> None:
    header, rows = case("tracked")
    written("runs.csv", header, rows)
    assert discover("fit", "chinchilla", "runs.csv", "--json").json["targets"] == ["val_loss"]
    written("unclear.csv", ["params", "tokens", "first loss", "second loss"], rows)
    assert (
        "several columns may be the result: first loss, second loss" in discover("fit", "chinchilla", "unclear.csv").err
    )


def test_formulas_of_an_engine_are_fitted_once_more(discover: Discover) -> None:
    written("five.csv", *case("five_columns"))
    true = "((x3 * 13.0) * ((x2 ^ 1.5) / (x0 ^ 1.7)))"
    wrong = "((((x2 ^ 0.8403867) / x0) ^ 1.7233436) * ((x3 * (x2 + 12.663361)) - x4))"
    front = [["5", "542.6", "((x3 / x0) * 25.0)"], ["11", "13.2103", true], ["13", "5.26532", wrong]]
    written("front.csv", ["Complexity", "Loss", "Equation"], front)
    data = ("--data", "five.csv", "--target", "y", "--features", "x0,x1,x2,x3,x4", "--json")
    found = discover("import", "front.csv", *data).json
    (chosen,) = (one for one in found["imported"] if one["chosen"])
    assert chosen["formula"].count("*") >= 3
    assert set(constants(discover("import", "front.csv", *data))) <= {"A", "alpha", "beta", "gamma"}
    refitted = discover("import", wrong, *data).json
    free = {name: abs(value) for name, value in refitted["constants"][0]["values"].items()}
    assert sorted(free.values()) == pytest.approx([1.440489, 1.742275, 13.03883], rel=2e-3)  # powers stand apart
    by_hand = constants(discover("import", "13*x2^1.5*x3/x0^1.7", *data, "--loss", "squared-log"))
    assert sorted(map(abs, by_hand.values())) == pytest.approx([1.573, 1.747, 12.958], abs=0.02)


def test_curves_with_a_row_before_the_first_step(discover: Discover) -> None:
    header, rows = case("curves")
    written("curves.csv", header, rows)
    written("late.csv", header, [row for row in rows if int(row[header.index("step")]) >= 400])
    assert features(told(discover, "late.csv", "--target", "loss")) == "params, tokens"
    assert_chinchilla(discover, "late.csv", "loss", (1.701, 0.010), 0.3270, 0.2981)
    notes = told(discover, "curves.csv", "--target", "loss")
    assert any(note.startswith("5 runs with tokens at 0 are left out") and "(lines 2, 14," in note for note in notes)
    discover("fit", "chinchilla", "late.csv", "--target", "loss", "--out", "law.json")
    point = discover("predict", "law.json", "--at", "params=7e9,tokens=1e11", "--json").json["points"][0]
    assert point["forecasts"][0]["value"] == pytest.approx(2.44796, abs=0.02)


def test_one_forecast_of_a_law_of_repeated_data(discover: Discover) -> None:
    written("repeated.csv", *case("repeated"))
    fit = discover("fit", "data_constrained", "repeated.csv", "--target", "loss", "--out", "law.json", "--json")
    assert constants(fit)["R_D"] == pytest.approx(15.7, abs=0.25)
    assert constants(fit)["R_N"] == pytest.approx(5.25, abs=0.1)
    size, tokens = "params=8.7e9,tokens=1.78e11", 1.78e11
    at = [("--at", f"{size},unique_tokens={unique}") for unique in (tokens / 7, tokens)]
    points = discover("predict", "law.json", *at[0], *at[1], "--json").json["points"]
    seven, one = (point["forecasts"][0] for point in points)
    low, high = seven["intervals"]["0.9"]
    assert low < 2.226081 < high
    assert seven["value"] == pytest.approx(2.226081, abs=0.006)
    assert seven["value"] - one["value"] == pytest.approx(0.034, abs=0.004)
    odd = discover("predict", "law.json", "--at", "params=8.7e9,tokens=1e10,unique_tokens=1e11")
    assert "unique_tokens = 100B exceeds tokens = 10B" in odd.err


@pytest.mark.slow
def test_a_learning_curve_that_no_law_forecasts(discover: Discover) -> None:
    header, rows = case("accuracy")
    written("first60.csv", header, rows[:60])
    search = ("first60.csv", "--target", "top1_acc", "--features", "epoch", "--extrapolate", "epoch")
    done = discover("run", *search, "--evaluations", "200", *SEARCH, "--out", "run")
    assert done.status == 0, done.err
    shown = discover("predict", "run", "--at", "epoch=120", "--at", "epoch=10000", "--json")
    assert "no interval covers it" in discover("predict", "run", "--at", "epoch=120").err
    near, far = (point["forecasts"][0] for point in shown.json["points"])
    assert near["intervals"]["0.9"][1] - near["intervals"]["0.9"][0] > 0.05
    assert far["intervals"]["0.9"][1] <= 1.0


@pytest.mark.slow
def test_a_learning_curve_that_turns_is_followed_where_its_turn_was_seen(discover: Discover) -> None:
    """Without odds of published laws to begin with, no law of the turn was found with this seed by 400 evaluations."""
    written("all.csv", *case("accuracy"))
    search = ("all.csv", "--target", "top1_acc", "--features", "epoch", "--holdout", "0.25", "--seed", "1")
    done = discover("run", *search, "--evaluations", "200", *SEARCH, "--out", "run")
    assert done.status == 0, done.err
    shown = discover("predict", "run", "--at", "epoch=120", "--json").json["points"][0]["forecasts"][0]
    assert shown["value"] == pytest.approx(0.6237, abs=0.03)
    assert "no interval covers it" in discover("predict", "run", "--at", "epoch=120").err


@pytest.mark.slow
def test_a_search_leaves_out_columns_that_play_no_part(discover: Discover) -> None:
    written("five.csv", *case("five_columns"))
    search = ("five.csv", "--target", "y", "--features", "x0,x1,x2,x3,x4", "--evaluations", "150", *SEARCH)
    done = discover("run", *search, "--out", "run")
    assert done.status == 0, done.err
    law = json.loads(Path("run/law.json").read_text())["formula"]
    assert [name for name in ("x0", "x1", "x2", "x3", "x4") if name in law] == ["x0", "x2", "x3"]


@pytest.mark.slow
def test_headings_that_are_words_of_other_languages(discover: Discover) -> None:
    header, rows = case("reserved")
    written("reserved.csv", header, rows)
    data = ("reserved.csv", "--target", "test loss")
    law = "floor + A*N**(-alpha) + B*E**(-beta) + C*lambda**gamma"
    found = constants(discover("fit", law, *data, "--out", "law.json", "--json"))
    expected = {"floor": 1.56, "alpha": 0.346, "beta": 0.407, "gamma": 0.589}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=6e-3)
    written("points.csv", header[:4], [["2000000000", "64", "0.05", "3e-4"], ["2000000000", "256", "0.05", "3e-4"]])
    shown = discover("predict", "law.json", "--points", "points.csv", "--json").json["points"]
    assert [point["forecasts"][0]["value"] for point in shown] == pytest.approx([1.9154, 1.8843], abs=5e-3)
    trap = discover("fit", "E + A*N**(-alpha)", *data)
    assert "E of the formula is the column 'E'" in trap.out
    floor = constants(discover("fit", "power_law_floor", *data, "--columns", "x=N", "--loss", "squared", "--json"))
    assert floor["E"] == pytest.approx(1.8326, abs=2e-3)
    assert discover("run", *data, "--evaluations", "100", *SEARCH, "--out", "run").status == 0
    found = [p["forecasts"][0] for p in discover("predict", "run", "--points", "points.csv", "--json").json["points"]]
    assert [one["value"] for one in found] == pytest.approx([1.9125, 1.8843], abs=0.02)
    assert discover("export", "run", "--to", "python", "--out", "law.py").status == 0
    code = runpy.run_path("law.py")
    by_code = [float(code["predict"](2e9, experts, 0.05)) for experts in (64, 256)]
    assert by_code == pytest.approx([one["law"] for one in found], rel=1e-9)
