"""`discover allocate` and `discover suggest` as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import assert_one_error

FLOPS = "6*params*tokens"


def test_the_best_sizes_for_a_budget(discover, run_of) -> None:
    found = discover("allocate", run_of("runs.csv"), "--cost", FLOPS, "--budget", "1e22", "--json").json
    (best,) = found["optima"]
    params, tokens = (best["features"][name] for name in ("params", "tokens"))
    assert 6 * params["value"] * tokens["value"] == pytest.approx(1e22, rel=1e-6)
    # The table was made with 400*params**-0.34 + 410*tokens**-0.28.
    scale = (0.34 * 400 / (0.28 * 410)) ** (1 / 0.62)
    assert params["interval"][0] / 2 < scale * (1e22 / 6) ** (0.28 / 0.62) < 2 * params["interval"][1]
    low, high = best["forecasts"]["loss"]["intervals"]["0.9"]
    assert low < best["forecasts"]["loss"]["value"] < high
    assert found["cost"] == FLOPS
    assert found["draws"] > 10
    shown = discover("allocate", run_of("runs.csv"), "--cost", FLOPS, "--budget", "1e22")
    assert "90 % interval" in shown.out
    assert "chosen law alone" in shown.out
    assert f"Best values are the average over {found['laws']} laws" in shown.out
    assert "Warning: beyond the data: params = " in shown.out


def test_a_sweep_prints_a_row_per_budget_and_exponents(discover, run_of) -> None:
    shown = discover("allocate", run_of("runs.csv"), "--cost", FLOPS, "--sweep", "1e20:1e24")
    assert [line.split()[0] for line in shown.out.splitlines() if line.startswith("1e+2")] == [
        "1e+20", "1e+21", "1e+22", "1e+23", "1e+24",
    ]  # fmt: skip
    assert "params ~ budget^0." in shown.out


@pytest.mark.slow
def test_the_least_cost_of_a_result(discover, run_of) -> None:
    found = discover(
        "allocate", run_of("runs.csv"), "--cost", FLOPS, "--minimise", "cost", "--subject-to", "loss <= 2.2", "--json"
    ).json
    (best,) = found["optima"]
    # The condition asks for the plain mean over the laws; the forecast is the one that single wild laws do not rule.
    assert best["forecasts"]["loss"]["value"] == pytest.approx(2.2, rel=1e-3)
    assert best["cost"]["value"] == pytest.approx(best["objective"]["value"])


def test_repeated_data_needs_its_size_said(discover, run_of) -> None:
    asked = ("allocate", run_of("data_constrained"), "--cost", FLOPS, "--budget", "1e21")
    found = discover(
        *asked, "--fix", "unique_tokens=1e11", "--bounds", "params=1e7:1e11,tokens=1e9:1e13", "--json"
    ).json
    assert found["fixed"] == {"unique_tokens": 1e11}
    (best,) = found["optima"]
    assert set(best["features"]) == {"params", "tokens"}
    assert best["cost"]["value"] <= 1e21 * (1 + 1e-6)


def test_groups_without_an_answer_are_told_beside_the_others(discover) -> None:
    from discover.law.document import ConstantSet, FeatureInfo, LawDocument
    from discover.law.storage import write

    sets = [ConstantSet(g, "accuracy", {"c": c, "b": 60.0, "a": 1e-4}) for g, c in (("easy", 90.0), ("hard", 50.0))]
    law = LawDocument(
        task="made", formula="c - b*exp(-a*flops**0.2)", features=(FeatureInfo("flops"),), targets=("accuracy",),
        group_column="benchmark", groups=("easy", "hard"), constants=tuple(sets), domain={"flops": (1e18, 1e22)},
    )  # fmt: skip
    write(law, Path("law.json"))
    asked = ("allocate", "law.json", "--cost", "flops")
    shown = discover(*asked, "--minimise", "cost", "--subject-to", "accuracy >= 80").out
    assert "No answer for hard: no values meet accuracy >= 80" in shown
    assert "easy" in shown
    assert "largest accuracy under c" in discover(*asked, "--budget", "1e21").out


def test_a_feature_that_costs_nothing_and_always_helps_must_be_bounded(discover) -> None:
    formula = "E + A*params^(-a) + B*(tokens*unique_tokens)^(-b)"
    assert discover("import", formula, "--data", "data_constrained", "--out", "law").status == 0
    assert_one_error(
        discover("allocate", "law", "--cost", FLOPS, "--budget", "1e21"), "no bound", "unique_tokens", "--fix"
    )


def test_learning_rate_and_batch_size(discover, run_of) -> None:
    asked = ("allocate", run_of("lr_bsz"), "--fix", "params=1e9,tokens=1e11")
    bounds = ("--bounds", "lr=1e-5:1e-1", "--bounds", "batch_size=8:8192")
    (best,) = discover(*asked, *bounds, "--json").json["optima"]
    assert 1e-5 <= best["features"]["lr"]["value"] <= 1e-1
    assert best["cost"] is None
    shown = discover(*asked, *bounds)
    assert "with params = 1e+09, tokens = 1e+11" in shown.out


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--cost", "6*parms", "--budget", "1e20"), ("--cost", "'parms'", "did you mean 'params'")),
        (("--cost", "6*params*", "--budget", "1e20"), ("--cost", "character")),
        (("--budget", "1e20"), ("--budget needs a cost",)),
        (("--cost", FLOPS, "--budget", "1e20", "--sweep", "1e20:1e22"), ("--budget and --sweep",)),
        (("--cost", FLOPS, "--sweep", "1e22"), ("--sweep", "1e20:1e26")),
        (("--cost", FLOPS, "--sweep", "1e22:1e20"), ("--sweep", "LOW:HIGH")),
        (("--cost", FLOPS, "--budget", "1e20", "--bounds", "params"), ("--bounds", "name=value")),
        (("--cost", FLOPS, "--budget", "1e20", "--bounds", "params=1e9"), ("--bounds", "'1e9'", "LOW:HIGH")),
        (("--cost", FLOPS, "--budget", "1e20", "--bounds", "params=a:b"), ("--bounds", "'a:b'")),
        (("--cost", FLOPS, "--budget", "1e20", "--fix", "params=big"), ("--fix", "'big'", "number")),
        (("--cost", FLOPS, "--minimise", "cost", "--subject-to", "loss <= 0.1"), ("loss <= 0.1", "nearest")),
        (("--cost", FLOPS, "--budget", "1e20", "--group", "x"), ("no group 'x'",)),
    ],
)
def test_bad_options_are_named(mistaken, run_of, options, parts) -> None:
    assert_one_error(mistaken("allocate", run_of("runs.csv"), *options), *parts)


def test_a_folder_without_a_law_is_refused(discover, tmp_path: Path) -> None:
    assert_one_error(discover("allocate", "nowhere", "--cost", FLOPS), "nowhere")
    (tmp_path / "law.json").write_text("{}")
    assert_one_error(discover("allocate", "law.json", "--cost", FLOPS), "law.json", "format")


# --- suggest


def test_the_next_runs_of_a_grid_within_a_limit(discover, run_of) -> None:
    asked = ("suggest", run_of("runs.csv"), "--cost", FLOPS, "--cost-limit", "1e20", "--n", "3")
    found = discover(*asked, "--json").json
    assert 1 <= len(found["runs"]) <= 3
    assert sum(run["cost"] for run in found["runs"]) == pytest.approx(found["cost"])
    assert found["cost"] <= 1e20
    for run in found["runs"]:
        assert run["cost"] == pytest.approx(6 * run["at"]["params"] * run["at"]["tokens"])
    assert found["runs"][-1]["sd_after"]["loss"] < found["sd_before"]["loss"]
    # By default the target scale lies eight times beyond the largest scale.
    assert max(found["target_scale"]["params"]) > 1e9
    shown = discover(*asked)
    assert "narrow the forecast most" in shown.out
    assert "sd of loss after" in shown.out


def test_larger_runs_are_named_where_those_within_the_data_hardly_help(discover, run_of) -> None:
    asked = ("suggest", run_of("runs.csv"), "--cost", FLOPS, "--cost-limit", "1e24", "--n", "1")
    within = discover(*asked[:4], "--fix", "params=1e7,tokens=1e9", *asked[-2:])
    assert "for their cost" in within.out
    assert "--bounds" not in within.out  # what is held at a value has no range
    shown = discover(*asked[:4], "--fix", "tokens=1e9", *asked[-2:])
    assert "hardly narrow" in shown.out
    bounds = shown.out.split("--bounds ")[1].split(", with")[0]
    assert bounds.startswith("params=")
    narrow, wide = (discover(*asked, *more, "--json").json for more in ((), ("--bounds", bounds)))
    assert wide["runs"][0]["sd_after"]["loss"] < narrow["runs"][0]["sd_after"]["loss"]


def test_the_next_runs_of_a_table_of_candidates(discover, run_of, tmp_path: Path) -> None:
    (tmp_path / "grid.csv").write_text(
        "params,tokens,cost\n1e8,1e10,2\n1e9,3e11,900\n3e9,1e11,1000\n1e7,1e9,1\n3e8,3e10,20\n"
    )
    scale = ("--target-scale", "params=1e11,tokens=1e13")
    found = discover("suggest", run_of("runs.csv"), "--candidates", "grid.csv", *scale, "--n", "2", "--json").json
    assert found["candidates"] == 5
    assert found["target_scale"] == {"params": [1e11], "tokens": [1e13]}
    assert all(run["cost"] in (1, 2, 20, 900, 1000) for run in found["runs"])
    limited = discover(
        "suggest", run_of("runs.csv"), "--candidates", "grid.csv", *scale, "--cost-limit", "30", "--json"
    ).json
    assert limited["cost"] <= 30
    priced = discover(
        "suggest", run_of("runs.csv"), "--candidates", "grid.csv", *scale, "--cost", FLOPS, "--n", "1", "--json"
    ).json
    assert priced["cost"] >= 6e16
    shown = discover("suggest", run_of("runs.csv"), "--candidates", "grid.csv", *scale, "--n", "1").out
    assert "the 1 run of 5 candidates" in shown
    assert "(1 point)" in shown


@pytest.mark.parametrize(
    ("task", "cost"), [("data_constrained", FLOPS), ("lr_bsz", FLOPS)]
)  # fmt: skip
def test_the_next_runs_of_a_shipped_task(discover, run_of, task, cost) -> None:
    found = discover("suggest", run_of(task), "--cost", cost, "--cost-limit", "1e20", "--n", "2", "--json").json
    assert found["runs"]
    assert found["cost"] <= 1e20
    assert found["runs"][0]["sd_after"]["loss"] < found["sd_before"]["loss"]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--cost-limit", "1e20"), ("--cost-limit needs a cost",)),
        (("--cost", "6*size", "--cost-limit", "1e20"), ("--cost", "'size'")),
        (("--cost", FLOPS, "--cost-limit", "1"), ("no candidate costs at most 1", "cheapest")),
        (("--cost", FLOPS, "--cost-limit", "-1"), ("--cost-limit is -1",)),
        (("--target-scale", "parms=1e11"), ("--target-scale", "'parms'", "did you mean 'params'")),
        (("--target-scale", "params=big"), ("--target-scale", "'big'")),
        (("--bounds", "size=1:2"), ("--bounds", "'size'")),
        (("--candidates", "nothing.csv"), ("nothing.csv",)),
        (("--candidates", "short.csv"), ("short.csv", "'tokens'")),
        (("--candidates", "text.csv"), ("text.csv", "line 2", "'tokens'", "many")),
        (("--n", "0"), ("--n",)),
    ],
)
def test_bad_options_of_suggest_are_named(mistaken, run_of, tmp_path: Path, options, parts) -> None:
    (tmp_path / "short.csv").write_text("params\n1e8\n")
    (tmp_path / "text.csv").write_text("params,tokens\n1e8,many\n")
    assert_one_error(mistaken("suggest", run_of("runs.csv"), *options), *parts)


def test_a_law_without_uncertainty_suggests_nothing(discover, run_of, tmp_path: Path) -> None:
    import json

    content = json.loads((run_of("runs.csv") / "law.json").read_text())
    del content["forecasts"]
    (tmp_path / "law.json").write_text(json.dumps(content))
    assert_one_error(discover("suggest", "law.json"), "law.json", "no uncertainty")
    best = discover("allocate", "law.json", "--cost", FLOPS, "--budget", "1e21")
    assert best.status == 0
    assert "no uncertainty" in best.out
