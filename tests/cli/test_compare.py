"""`discover compare`: rankings, intervals, ties, the group means, and bad input."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from discover.report.ranking import NAME_WIDTH, _constant, _folded
from discover.scoring import problem

from .commands import Outcome, assert_one_error, table_text


def laws(outcome: Outcome) -> dict[str, dict]:
    assert outcome.status == 0, outcome.err
    return {law["law"]: law for law in outcome.json["laws"]}


@pytest.mark.slow
@pytest.mark.parametrize(("task", "expected"), [("moe", "sld_moe"), ("parallel", "sld_parallel")])
def test_a_shipped_task_is_led_by_its_own_law(discover, task, expected) -> None:
    outcome = discover("compare", task, "--json", "--quiet")
    found = laws(outcome)
    assert expected in outcome.json["tied"]
    errors = [law["inner_error"] for law in outcome.json["laws"]]
    assert errors == sorted(errors)
    assert len(found) > 20
    assert found["group means"]["inner_error"] > 10 * errors[0]
    leader = outcome.json["laws"][0]
    for entry in leader["constants"]:
        for name, value in entry["values"].items():
            low, high = entry["intervals"][name]
            assert low <= high
            assert low - abs(value) <= value <= high + abs(value)
    assert not Path("runs").exists()


def test_the_law_of_ones_own_table_wins_and_fits_a_page(discover, runs_csv) -> None:
    shown = discover("compare", "runs.csv", "--target", "loss")
    assert shown.status == 0, shown.err
    assert max(map(len, shown.out.splitlines())) <= 100
    first = next(line for line in shown.out.splitlines() if line.startswith("="))
    assert "chinchilla" in first
    alpha = re.search(r"alpha = (0\.3\d+) \[(0\.3\d+), (0\.3\d+)\]", shown.out)
    assert alpha is not None
    assert float(alpha[2]) < 0.34 < float(alpha[3])
    assert "group means" in shown.out
    assert "published laws fit the columns" in shown.err


def test_a_part_of_a_long_table_is_said_to_be_one(mistaken, runs_csv, monkeypatch) -> None:
    monkeypatch.setattr(problem, "MOST_ROWS", 18)
    options = ("compare", "runs.csv", "--target", "loss", "--features", "params", "--workers", "1", "--quiet")
    shown = mistaken(*options)
    some, everything = re.search(r"(\d+) of (\d+) rows", shown.out).groups()
    assert int(some) < int(everything) == 30
    assert "R2: of the fit to these rows" in shown.out
    asked = mistaken(*options, "--json").json
    assert (asked["rows"], asked["all_rows"]) == (int(some), 30)


def test_long_names_are_folded_and_open_ends_are_dashes() -> None:
    name = "kaplan_params_tokens_floor(total_params,active_params,tokens)"
    lines = _folded(name).splitlines()
    assert "".join(line.strip() for line in lines) == name
    assert max(map(len, lines)) <= NAME_WIDTH
    one = {"intervals": {"E": (40.11, 1.139e94)}, "errors": {}}
    assert _constant("E", 72.612, one) == "E = 73 [40, -]"


def test_all_laws_with_their_constants_are_shown_on_demand(discover, runs_csv) -> None:
    options = ("--target", "loss", "--features", "params", "--quiet")
    some, everything = (discover("compare", "runs.csv", *options, *more) for more in ((), ("--all",)))
    assert (some.err, everything.err) == ("", "")
    assert "lcdb_ilog2(params)\n" in everything.out
    assert "±" in everything.out
    assert len(everything.out.splitlines()) > 1.5 * len(some.out.splitlines())


@pytest.mark.slow
def test_discovered_laws_stand_in_the_same_ranking(discover, runs_csv) -> None:
    found = laws(
        discover("compare", "runs.csv", "--target", "loss", "--evaluations", "400", "--workers", "1", "--json")
    )
    kinds = {law["kind"] for law in found.values()}
    assert kinds == {"published", "discovered", "baseline"}
    formulas = [law["formula"] for law in found.values()]
    assert len(set(formulas)) == len(formulas)


def test_laws_that_cannot_be_told_apart_are_said_to_be_so(discover) -> None:
    rows = [(1e7 * 2**i, 1.7 + 400 * (1e7 * 2**i) ** -0.34 + 0.002 * ((7 * i) % 5 - 2)) for i in range(9)]
    Path("runs.csv").write_text("params,loss\n" + "".join(f"{n:g},{y}\n" for n, y in rows))
    shown = discover("compare", "runs.csv", "--target", "loss")
    assert "The data cannot separate the" in shown.out
    assert "apart (median)" in shown.out
    assert len([line for line in shown.out.splitlines() if line.startswith("=")]) > 1


def test_where_there_is_no_law_the_group_means_say_so(discover) -> None:
    rows = [(1e7 * 2**i, 2 + 0.1 * ((7 * i * i) % 5 - 2)) for i in range(14)]
    Path("runs.csv").write_text("params,loss\n" + "".join(f"{n:g},{y}\n" for n, y in rows))
    outcome = discover("compare", "runs.csv", "--target", "loss", "--json", "--quiet")
    assert "group means" in outcome.json["tied"]
    shown = discover("compare", "runs.csv", "--target", "loss", "--quiet")
    assert "the mean of each group" in shown.out.lower()


@pytest.mark.slow
def test_an_export_of_a_tracker_is_compared_with_the_target_alone(discover) -> None:
    with Path("wb.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["Name", "State", "config.model.n_params", "config.data", "summary/eval.loss", "_runtime"])
        for k, line in enumerate(table_text().splitlines()[1:]):
            n, d, y = line.split(",")
            write.writerow([f"r{k}", "finished", n, json.dumps({"tokens": float(d)}), y, 60 + k])
        write.writerow(["bad", "crashed", "1e8", "", "", ""])
    outcome = discover("compare", "wb.csv", "--target", "loss", "--json")
    assert next(iter(laws(outcome))) == "chinchilla(n_params,tokens)"
    assert "1 of 31 runs did not finish" in outcome.err


def test_bad_input_is_answered_in_words(discover, mistaken, runs_csv) -> None:
    before = sorted(Path().iterdir())
    assert_one_error(discover("compare", "none.csv", "--target", "loss"), "no such file", "none.csv")
    assert_one_error(mistaken("compare", "runs.csv", "--target", "los"), "did you mean 'loss'")
    assert_one_error(mistaken("compare", "moe", "--target", "loss"), "--target", "moe")
    assert_one_error(mistaken("compare", "moee"), "'moee'")
    assert_one_error(mistaken("compare", "runs.csv", "--target", "loss", "--discover", "soon"), "--discover", "60s")
    options = ("--discover", "60s", "--evaluations", "3")
    assert_one_error(mistaken("compare", "runs.csv", "--target", "loss", *options), "--evaluations", "one of them")
    runs_csv.write_text(table_text(drop=28))
    assert_one_error(mistaken("compare", "runs.csv", "--target", "loss", "--features", "params,tokens"), "held out")
    assert sorted(Path().iterdir()) == before


@pytest.mark.slow
def test_columns_that_the_library_does_not_know_can_be_named(discover, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    area, drop = np.geomspace(0.3, 7, 40), np.tile([0.0, 0.02, 0.1, 0.15, 0.3], 8)
    loss = 2.6 + 0.5 * area**-0.5 - 0.4 * drop + 0.002 * rng.standard_normal(40)
    table = tmp_path / "curves.csv"
    lines = [f"{a},{b},{c}" for a, b, c in zip(area, drop, loss, strict=True)]
    table.write_text("S1,S2,loss\n" + "\n".join(lines) + "\n")
    options = ("compare", str(table), "--target", "loss", "--extrapolate", "S1")
    shown = discover(*options)
    assert shown.status == 0, shown.err
    assert "--as S1=lr_area,S2=lr_drop" in shown.out
    named = discover(*options, "--as", "S1=lr_area,S2=lr_drop", "--json")
    assert named.json["nameable"] == {}
    assert named.json["error_scale"] == "value"
    assert laws(named)["lr_annealing(S1,S2)"]["tied"]
    assert_one_error(discover(*options, "--as", "S1=lr_aera"), "lr_aera", "lr_area")
    assert_one_error(discover(*options, "--error-scale", "decibel"), "--error-scale", "value, log, odds")
