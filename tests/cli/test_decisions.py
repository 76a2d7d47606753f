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
    assert "Warning: beyond the data: params is" in shown.out


def test_a_sweep_prints_a_row_per_budget_and_exponents(discover, run_of) -> None:
    shown = discover("allocate", run_of("runs.csv"), "--cost", FLOPS, "--sweep", "1e20:1e24")
    assert [line.split()[0] for line in shown.out.splitlines() if line.startswith("1e+2")] == [
        "1e+20", "1e+21", "1e+22", "1e+23", "1e+24",
    ]  # fmt: skip
    assert "params ~ budget^0." in shown.out


def test_the_least_cost_of_a_result(discover, run_of) -> None:
    found = discover(
        "allocate", run_of("runs.csv"), "--cost", FLOPS, "--minimise", "cost", "--subject-to", "loss <= 2.2", "--json"
    ).json
    (best,) = found["optima"]
    assert best["forecasts"]["loss"]["value"] == pytest.approx(2.2, rel=1e-6)
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
    assert_one_error(discover(*asked), "no bound", "unique_tokens", "--fix")


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
def test_bad_options_are_named(discover, run_of, options, parts) -> None:
    assert_one_error(discover("allocate", run_of("runs.csv"), *options), *parts)


def test_a_folder_without_a_law_is_refused(discover, tmp_path: Path) -> None:
    assert_one_error(discover("allocate", "nowhere", "--cost", FLOPS), "nowhere")
    (tmp_path / "law.json").write_text("{}")
    assert_one_error(discover("allocate", "law.json", "--cost", FLOPS), "law.json", "format")
