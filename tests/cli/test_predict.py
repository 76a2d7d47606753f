"""`discover predict` as a user runs it, and the same from Python."""

from __future__ import annotations

import csv
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from discover import load
from discover.errors import InputError
from discover.forecasts import Ensemble, with_forecasts
from discover.law.storage import to_json

from .commands import assert_one_error, loss, table_text

AT = "params=7e9,tokens=1e12"


def test_a_users_table_is_forecast_beyond_the_data(discover, run_of) -> None:
    found = discover("predict", run_of("runs.csv"), "--at", AT, "--json").json
    (point,) = found["points"]
    assert point["at"] == {"params": 7e9, "tokens": 1e12}
    assert point["group"] is None
    (forecast,) = point["forecasts"]
    (low50, high50), (low90, high90) = forecast["intervals"]["0.5"], forecast["intervals"]["0.9"]
    assert low90 < low50 <= forecast["value"] <= high50 < high90
    assert low90 < loss(7e9, 1e12) < high90
    assert sum(forecast["shares"].values()) == pytest.approx(1.0)
    assert set(forecast["shares"]) == {"constants", "laws", "drift", "noise"}
    largest = {name: ends[1] for name, ends in load(run_of("runs.csv")).document.domain.items()}
    beyond = {e["column"]: e["times"] for e in point["beyond"]}
    assert beyond == {"params": 7e9 / largest["params"], "tokens": 1e12 / largest["tokens"]}
    assert sum(law["weight"] for law in found["laws"]) == pytest.approx(1.0)


def test_people_are_told_how_far_beyond_the_data_a_point_lies(discover, run_of) -> None:
    shown = discover("predict", run_of("runs.csv"), "--at", AT, "--at", "params=3e7,tokens=3e9")
    assert shown.status == 0
    assert "50 %" in shown.out
    assert "90 %" in shown.out
    assert "unsure because of" in shown.out
    assert "warning: params = 7B is 7 times the largest in the data (1B)" in shown.err
    assert "30M is" not in shown.err


def test_a_shipped_task_with_groups(discover, run_of) -> None:
    run = run_of("parallel")
    at = ("--at", "params=1e9,streams=16", "--at", "params=1e9,streams=16,corpus=stack")
    points = discover("predict", run, *at, "--group", "pile", "--json").json["points"]
    assert [point["group"] for point in points] == ["pile", "stack"]
    assert points[0]["forecasts"][0]["value"] != points[1]["forecasts"][0]["value"]
    every = discover("predict", run, *at[:2], "--json").json["points"]
    assert sorted(point["group"] for point in every) == ["pile", "stack"]


def test_a_shipped_task_with_several_targets(discover, run_of) -> None:
    found = discover(
        "predict", run_of("domain_mixture"), "--at", "p1=0.2,p2=0.1,p3=0.05,p4=0.15,p5=0.5", "--group", "160M", "--json"
    ).json
    forecasts = found["points"][0]["forecasts"]
    assert [f["target"] for f in forecasts] == ["loss1", "loss2", "loss3", "loss4", "loss5"]
    assert all(f["intervals"]["0.9"][0] < f["value"] < f["intervals"]["0.9"][1] for f in forecasts)


def test_a_table_of_points_becomes_a_table_of_forecasts(discover, run_of) -> None:
    Path("points.csv").write_text("note,params,tokens\na,7e9,1e12\nb,1e8,1e10\n")
    done = discover("predict", run_of("runs.csv"), "--points", "points.csv", "--out", "forecasts.csv")
    assert done.status == 0, done.err
    with Path("forecasts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "params", "tokens", "loss_predicted", "loss_law", "loss_low50", "loss_high50", "loss_low90", "loss_high90",
    ]  # fmt: skip
    single = discover("predict", run_of("runs.csv"), "--at", AT, "--json").json["points"][0]["forecasts"][0]
    assert float(rows[0]["loss_predicted"]) == single["value"]
    assert [float(rows[0]["loss_low90"]), float(rows[0]["loss_high90"])] == single["intervals"]["0.9"]


def test_points_may_stand_under_the_headings_of_the_laws_own_table(discover) -> None:
    rows = "\n".join(f"{10**k},{2 + 9 * 10 ** (-k / 4):.4f}" for k in range(4, 12))
    Path("own.csv").write_text(f"model size (n),loss\n{rows}\n")
    assert discover("run", "own.csv", "--target", "loss", "--evaluations", "24", "--out", "own").status == 0
    Path("points.csv").write_text("model size (n)\n1e12\n")
    done = discover("predict", "own", "--points", "points.csv")
    assert done.status == 0, done.err
    Path("points.csv").write_text("size\n1e12\n")
    assert "nor 'model size (n)' as in the law's own table" in discover("predict", "own", "--points", "points.csv").err


def test_a_long_table_is_cut_on_the_terminal_and_says_where_the_rest_is(discover, run_of) -> None:
    rows = "\n".join(f"{8 + i / 100:.2f}e9,1e12" for i in range(42))
    Path("points.csv").write_text(f"params,tokens\n{rows}\n")
    asked = ("predict", run_of("runs.csv"), "--points", "points.csv")
    assert "and 2 more points; --out FILE writes all of them" in discover(*asked).out
    assert "and 2 more points; all of them are in forecasts.csv" in discover(*asked, "--out", "forecasts.csv").out


def test_counts_may_be_written_with_a_letter(discover, run_of) -> None:
    plain, counted = (
        discover("predict", run_of("runs.csv"), "--at", at, "--json").json for at in (AT, "params=7B,tokens=1T")
    )
    assert counted["points"] == plain["points"]


def test_counts_are_shown_as_they_were_written(mistaken, run_of) -> None:
    asked = ("predict", run_of("runs.csv"))
    Path("points.csv").write_text("params,tokens\n7B,1.4T\n7000000000,2e12\n")
    (first, second) = [line.split()[:2] for line in mistaken(*asked, "--points", "points.csv").out.splitlines()[3:5]]
    assert (first, second) == (["7B", "1.4T"], ["7e+09", "2e+12"])
    chinese = mistaken(*asked, "--at", "params=70亿,tokens=1.4T")
    assert "70亿" in chinese.out
    again = mistaken(*asked, "--at", "params=70亿,tokens=1.4T", "--json").json["points"][0]["at"]
    assert again == {"params": 7e9, "tokens": 1.4e12}


def test_groups_of_points_stand_in_the_table(discover, run_of) -> None:
    Path("points.csv").write_text("params,streams,corpus\n1e9,16,pile\n1e9,16,stack\n")
    found = discover("predict", run_of("parallel"), "--points", "points.csv", "--json").json
    assert [point["group"] for point in found["points"]] == ["pile", "stack"]
    Path("points.csv").write_text("params,streams,Corpus \n1e9,16,pile\n1e9,16,stack\n")
    assert discover("predict", run_of("parallel"), "--points", "points.csv", "--json").json == found
    at = ("--at", "params=1e9,streams=16,CORPUS=stack")
    assert discover("predict", run_of("parallel"), *at, "--json").json["points"] == found["points"][1:]
    Path("points.csv").write_text("params,streams,corpus\n1e9,16,pile\n1e9,16,stck\n")
    wrong = discover("predict", run_of("parallel"), "--points", "points.csv", "--out", "o.csv")
    assert_one_error(wrong, "points.csv, line 3, column 'corpus'", "'stck'", "stack")
    assert not Path("o.csv").exists()


def test_a_law_file_alone_is_enough(discover, run_of) -> None:
    run = run_of("runs.csv")
    Path("mailed.json").write_text((run / "law.json").read_text())
    of_run, of_file = (discover("predict", p, "--at", AT, "--json").json["points"] for p in (run, "mailed.json"))
    assert of_run == of_file


def test_a_fitted_law_has_intervals(discover, runs_csv) -> None:
    discover("fit", "chinchilla", runs_csv, "--out", "law.json")
    (point,) = discover("predict", "law.json", "--at", AT, "--json").json["points"]
    low, high = point["forecasts"][0]["intervals"]["0.9"]
    assert low < loss(7e9, 1e12) < high
    assert high - low < 0.2


def test_an_interval_drawn_out_to_the_forecast_is_said_to_be(discover, runs_csv) -> None:
    discover("fit", "chinchilla", runs_csv, "--out", "law.json")
    assert "drawn out" not in discover("predict", "law.json", "--at", AT).err
    document = load("law.json").document
    ensemble = Ensemble.from_document(document)
    (law,) = ensemble.laws
    higher = replace(law, values={**law.values, "E": law.values["E"] + 0.5})
    Path("moved.json").write_text(to_json(with_forecasts(replace(ensemble, laws=(higher,)))))
    done = discover("predict", "moved.json", "--at", AT)
    assert "note: the forecast lies outside of the middle 50 % of the distribution" in done.err
    (forecast,) = discover("predict", "moved.json", "--at", AT, "--json").json["points"][0]["forecasts"]
    assert forecast["value"] in forecast["intervals"]["0.5"]
    assert forecast["outside"]["0.5"] > 0


def test_a_bare_law_has_values_and_says_why_no_intervals(discover, run_of) -> None:
    content = json.loads((run_of("runs.csv") / "law.json").read_text())
    del content["forecasts"]
    Path("bare.json").write_text(json.dumps(content))
    done = discover("predict", "bare.json", "--at", AT, "--json")
    (forecast,) = done.json["points"][0]["forecasts"]
    assert forecast["intervals"] is None
    assert forecast["value"] == pytest.approx(load("bare.json")(params=7e9, tokens=1e12))
    assert "no intervals" in done.err
    assert discover("predict", "bare.json", "--at", AT).status == 0
    with pytest.raises(InputError, match="no uncertainty"):
        load("bare.json").predict(params=7e9, tokens=1e12, interval=0.9)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ("--at", "--points")),
        (("--at", AT, "--points", "p.csv"), ("either", "--points")),
        (("--at", "params=7e9"), ("no value for tokens",)),
        (("--at", "params=7e9,tokns=1e12"), ("'tokns'", "did you mean 'tokens'")),
        (("--at", "params=-1,tokens=1e12"), ("params", "'-1'", "above 0")),
        (("--at", "params=-7B,tokens=1e12"), ("params", "'-7B'", "is out of range; expected a number above 0")),
        (("--at", "params=big,tokens=1e12"), ("params", "'big'", "is not a number; expected a number above 0")),
        (("--at", "params=nan,tokens=1e12"), ("params", "'nan'")),
        (("--at", "params=big"), ("params", "'big'", "number")),
        (("--at", "params 7e9"), ("'params 7e9'", "name=value")),
        (("--at", AT, "--group", "llama"), ("no group 'llama'",)),
        (("--points", "nowhere.csv"), ("nowhere.csv",)),
        (("--points", "missing.csv"), ("missing.csv has no column 'tokens'", "params")),
        (("--points", "zero.csv"), ("zero.csv, line 3, column 'params'", "above 0")),
        (("--points", "hole.csv"), ("hole.csv, line 2, column 'tokens'", "empty")),
        (("--at", AT, "--out", "nowhere/o.csv"), ("nowhere/o.csv",)),
    ],
)
def test_wrong_points_are_one_sentence(mistaken, run_of, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    Path("missing.csv").write_text("params\n1e9\n")
    Path("zero.csv").write_text("params,tokens\n1e9,1e10\n0,1e10\n")
    Path("hole.csv").write_text("params,tokens\n1e9,\n")
    before = set(Path().iterdir())
    assert_one_error(mistaken("predict", run_of("runs.csv"), *arguments), *parts)
    assert set(Path().iterdir()) == before


def test_no_run_is_one_sentence(discover) -> None:
    assert_one_error(discover("predict", "nowhere", "--at", AT), "nowhere")
    Path("law.json").write_text("{}")
    assert_one_error(discover("predict", "law.json", "--at", AT), "law.json", "format")


def test_the_same_from_python(run_of) -> None:
    law = load(run_of("runs.csv"))
    found = law.predict(params=[7e9, 1e8], tokens=1e12, interval=0.9)
    assert found.value.shape == found.lower.shape == found.upper.shape == (2,)
    assert (found.lower < found.value).all()
    assert (found.value < found.upper).all()
    np.testing.assert_array_equal(law.predict(params=[7e9, 1e8], tokens=1e12), found.value)
    one = pickle.loads(pickle.dumps(law)).predict({"params": 7e9, "tokens": 1e12}, interval=0.9)
    assert (one.lower, one.upper) == (found.lower[0], found.upper[0])
    wider = law.predict(params=7e9, tokens=1e12, interval=0.99)
    assert wider.lower < one.lower < one.upper < wider.upper
    with pytest.raises(InputError, match="'tokens' is missing"):
        law.predict(params=7e9, interval=0.9)
    with pytest.raises(InputError, match="level of an interval is 90"):
        law.predict(params=7e9, tokens=1e12, interval=90)


def test_groups_and_targets_from_python(run_of) -> None:
    law = load(run_of("parallel"))
    found = law.predict({"params": [1e9, 1e9], "streams": [16, 16], "corpus": ["pile", "stack"]}, interval=0.5)
    assert found.lower.shape == (2,)
    mixture = load(run_of("domain_mixture"))
    shares = {f"p{i}": 0.2 for i in range(1, 6)}
    assert mixture.predict(shares, group="70M", interval=0.9).upper.shape == (5,)


def test_a_run_without_rivals_of_other_columns_needs_only_its_own(discover, tmp_path: Path) -> None:
    Path("one.csv").write_text("\n".join(",".join(line.split(",")[::2]) for line in table_text().splitlines()))
    assert discover("fit", "E + A*params**(-alpha)", "one.csv", "--out", "law.json").status == 0
    assert discover("predict", "law.json", "--at", "params=1e11").status == 0
