"""Tables and formulas as practitioners had them, through the installed command, with the values that are right."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

THREE = "flops,loss\n2.19e17,3.7404\n1.70e18,3.3834\n9.00e18,3.1230\n"
PLAIN = ("--proposers", "library,grammar", "--workers", "1")
AHEAD = ("--at", "flops=2.83e19", "--at", "flops=1e23", "--json")


def test_a_curve_through_three_points_has_no_intervals_and_says_why(discover) -> None:
    Path("three.csv").write_text(THREE)
    fit = ("three.csv", "--target", "loss", "--bootstrap", "20")
    found = discover("fit", "E + A*flops**(-alpha)", *fit, "--out", "a.json")
    assert "no intervals: 3 rows and 3 constants leave no degree of freedom" in found.out
    assert "[" not in found.out
    assert "converged" in found.out
    again = discover("fit", "E + A*flops**(-alpha)", *fit, "--json").json
    values = again["constants"][0]["values"]
    assert values == pytest.approx({"E": 0.57783, "A": 32.6254, "alpha": 0.058448}, rel=1e-4)
    assert again["intervals"] is None
    assert "no degree of freedom" in again["no_intervals"]
    assert set(again["constants"][0]["errors"].values()) == {None}
    forecast = discover("predict", "a.json", *AHEAD)
    assert [p["forecasts"][0]["value"] for p in forecast.json["points"]] == pytest.approx([2.9582, 2.0544], abs=1e-4)
    assert {p["forecasts"][0]["intervals"] for p in forecast.json["points"]} == {None}
    assert "no degree of freedom" in forecast.err


def test_one_degree_of_freedom_gives_an_interval_that_holds_the_other_reading(discover) -> None:
    Path("three.csv").write_text(THREE)
    found = discover(
        "fit", "1.6 + A*flops**(-alpha)", "three.csv", "--target", "loss", "--out", "b.json", "--json"
    ).json
    assert found["constants"][0]["values"] == pytest.approx({"A": 81.682, "alpha": 0.09118}, rel=1e-4)
    near, far = (p["forecasts"][0] for p in discover("predict", "b.json", *AHEAD).json["points"])
    assert (near["value"], far["value"]) == pytest.approx((2.9754, 2.253), abs=1e-3)
    low, high = near["intervals"]["0.9"]
    assert low < 2.9582 < high


def curves(first_step: int = 0) -> str:
    """Training curves of five sizes: a row without data, three in warm-up, then a law with noise of 0.004."""
    lines, place = ["step,params,tokens,loss"], 0
    for params in (1e7, 4e7, 1.6e8, 6e8, 1.4e9):
        for step in (0, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200):
            tokens, place = step * 524288, place + 1
            law = 1.72 + 420 * params**-0.33 + 980 * max(tokens, 1) ** -0.30
            warm = law + (1.5 if step == 50 else 0.9 if step == 100 else 0.4)
            value = 10.83 if step == 0 else warm if step < 400 else law + 0.004 * ((7 * place) % 5 - 2) / 1.4
            if step >= first_step:
                lines.append(f"{step},{params:g},{tokens},{value:.5f}")
    return "\n".join(lines) + "\n"


@pytest.mark.slow
def test_rows_before_the_first_step_are_left_out_with_count_and_lines(discover) -> None:
    Path("curves.csv").write_text(curves())
    fit = discover("fit", "chinchilla", "curves.csv", "--target", "loss")
    assert fit.status == 0, fit.err
    note = "5 runs with tokens at 0 are left out, as a power of 0 has no value (lines 2, 14, 26, 38, 50)"
    assert note in fit.out
    options = ("--target", "loss", "--evaluations", "20", "--proposers", "library", "--workers", "1")
    run = discover("run", "curves.csv", *options, "--out", "run")
    assert note in run.err
    assert "15 rows with small tokens lie far above the laws that fit the others" in run.err
    assert "A*params**(-alpha) + B*tokens**(-beta)" in run.out
    Path("late.csv").write_text(curves(first_step=400))
    late = discover("fit", "chinchilla", "late.csv", "--target", "loss", "--out", "late.json", "--json")
    assert late.json["constants"][0]["values"]["beta"] == pytest.approx(0.30, abs=0.01)
    point = discover("predict", "late.json", "--at", "params=7e9,tokens=1e11", "--json").json["points"][0]
    assert point["forecasts"][0]["value"] == pytest.approx(2.448, abs=0.02)


FIVE_COLUMNS = """complexity,Loss,equation
1,983.3,"30.8"
5,542.6,"((x3 / x0) * 25.0)"
11,13.21,"((x3 * 13.0) * ((x2 ^ 1.5) / (x0 ^ 1.7)))"
13,5.27,"((((x2 ^ 0.8403867) / x0) ^ 1.7233436) * ((x3 * (x2 + 12.663361)) - x4))"
"""


def five_columns() -> str:
    """y = 13.08 * x2**1.56 * x3 / x0**1.75 with 5 % noise; x1 and x4 play no part."""
    import numpy as np

    rng = np.random.default_rng(3)
    x = rng.uniform(1.0, 10.0, (120, 5))
    y = 13.08 * x[:, 2] ** 1.56 * x[:, 3] / x[:, 0] ** 1.75 * (1 + 0.05 * rng.standard_normal(120))
    rows = (",".join(f"{v:.6g}" for v in (*row, value)) for row, value in zip(x, y, strict=True))
    return "x0,x1,x2,x3,x4,y\n" + "\n".join(rows) + "\n"


def test_exponents_that_look_simple_are_tried_as_given_and_fitted(discover) -> None:
    Path("table.csv").write_text(five_columns())
    Path("front.csv").write_text(FIVE_COLUMNS)
    data = ("--data", "table.csv", "--target", "y", "--features", "x0,x1,x2,x3,x4")
    found = discover("import", "front.csv", *data, "--loss", "squared-log", "--json").json
    (chosen,) = (one for one in found["imported"] if one["chosen"])
    assert chosen["formula"] == "A*x3*x0**(-alpha)*x2**beta"
    assert "the exponent 1.5 was tried as given and fitted; kept fitted" in chosen["simple_exponents"]
    assert found["constants"][0]["values"]["beta"] == pytest.approx(1.56, abs=0.06)
    by_hand = discover("import", "13*x2^1.5*x3/x0^1.7", *data, "--loss", "squared-log")
    assert "kept fitted" in by_hand.out
    assert "far off all laws" not in by_hand.err


@pytest.mark.slow
def test_of_a_curve_that_turns_later_it_is_said_that_no_interval_covers_it(discover) -> None:
    """Accuracies rise, seem to saturate, and rise again when the learning rate has decayed."""
    rows = [f"{epoch},{0.51 - 0.5 * epoch**-0.6 + 0.004 * math.sin(epoch / 6):.5f}" for epoch in range(1, 61)]
    Path("curve.csv").write_text("epoch,top1_acc\n" + "\n".join(rows) + "\n")
    run = discover("run", "curve.csv", "--target", "top1_acc", "--evaluations", "24", *PLAIN, "--out", "r")
    said = "no interval covers it"
    assert run.status == 0
    assert said in run.err
    assert said in discover("compare", "curve.csv", "--target", "top1_acc", "--workers", "1").err
    forecast = discover("predict", "r", "--at", "epoch=120")
    assert "epoch counts the steps of a run: what its schedule does beyond 60" in forecast.err
    assert said not in discover("predict", "r", "--at", "epoch=50").err


@pytest.mark.parametrize(
    "formula",
    [
        "loss = E + A/params^alpha + B/tokens^beta",
        "E + A·params^(−α) + B·tokens^(−β)",
        r"L_0 + \frac{A}{N^{\alpha}} + \frac{B}{D^{\beta}}",
        "E + A*np.power(params, -alpha) + B*np.exp(-beta*np.log(tokens))",
        "1.7 + 400*params**-0.34 + 410*tokens**-0.28",
    ],
)
def test_formulas_are_fitted_in_the_notation_that_they_come_in(mistaken, formula: str) -> None:
    rows = [
        (n, d, 1.72 + 420 * n**-0.33 + 980 * d**-0.3) for n in (1e7, 1e8, 1e9, 1e10) for d in (1e9, 1e10, 1e11, 1e12)
    ]
    Path("runs.csv").write_text("params,tokens,loss\n" + "\n".join(",".join(map(repr, row)) for row in rows) + "\n")
    found = mistaken("import", formula, "--data", "runs.csv", "--target", "loss", "--json").json
    values = sorted(map(abs, found["constants"][0]["values"].values()))
    assert values == pytest.approx([0.3, 0.33, 1.72, 420, 980], rel=0.02)


RESERVED = "N,E,lambda,learning rate,test loss\n"


def reserved() -> str:
    """Headings that mean something else elsewhere: N, E and lambda."""
    rows, place = [], 0
    for size in (1e7, 1e8, 1e9):
        for experts in (2, 8, 32, 128):
            for strength in (0.01, 0.03, 0.1, 0.3):
                place += 1
                law = 1.55 + 310 * size**-0.34 + 0.35 * experts**-0.4 + 0.5 * strength**0.6
                rows.append(f"{size:g},{experts},{strength},3e-4,{law + 0.003 * ((7 * place) % 5 - 2) / 1.4:.6f}")
    return RESERVED + "\n".join(rows) + "\n"


def test_names_that_are_headings_and_constants_are_said(discover) -> None:
    Path("reserved.csv").write_text(reserved())
    data = ("reserved.csv", "--target", "test loss")
    trap = discover("fit", "E + A*N**(-alpha)", *data)
    assert (
        "E of the formula is the column 'E'; if it is meant as a constant, give that another name, such as E0"
        in trap.out
    )
    formula = "floor + A*np.power(N, -alpha) + B*E^(−beta) + C*lambda**gamma"
    values = discover("fit", formula, *data, "--json").json["constants"][0]["values"]
    expected = {"floor": 1.55, "alpha": 0.34, "beta": 0.4, "gamma": 0.6}
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=0.03)
    assert "x of the law is the column 'N'" in discover("fit", "power_law_floor", *data, "--columns", "x=N").out


def test_the_loss_of_a_data_constrained_law_is_that_of_its_constants(discover) -> None:
    from discover.law import get_law

    published = {"E": 1.869144, "A": 520.825, "B": 1487.716, "alpha": 0.3526596, "beta": 0.3526596}
    published |= {"R_N": 5.309743, "R_D": 15.387756}
    from discover.expressions import evaluate

    rows, place = ["params,tokens,unique_tokens,loss"], 0
    for params in (1e8, 4e8, 1.5e9, 4e9):
        for unique in (1e8, 1e9, 8e9, 2.5e10):
            for epochs in (1, 3, 10, 30):
                place += 1
                point = {"params": params, "tokens": unique * epochs, "unique_tokens": unique}
                value = float(evaluate(get_law("data_constrained").expr, point | published))
                rows.append(
                    f"{params:g},{unique * epochs:g},{unique:g},{value * (1 + 0.002 * ((7 * place) % 5 - 2) / 1.4):.6f}"
                )
    Path("repeated.csv").write_text("\n".join(rows) + "\n")
    fit = discover("fit", "data_constrained", "repeated.csv", "--target", "loss", "--out", "law.json")
    assert fit.status == 0, fit.err
    at = ("--at", "params=8.7e9,tokens=1.78e11,unique_tokens=2.542857143e10")
    whole = ("--at", "params=8.7e9,tokens=1.78e11,unique_tokens=1.78e11")
    seven, one = (p["forecasts"][0] for p in discover("predict", "law.json", *at, *whole, "--json").json["points"])
    low, high = seven["intervals"]["0.9"]
    assert low < 2.226081 < high
    assert seven["value"] == pytest.approx(2.226081, abs=0.006)
    assert seven["value"] - one["value"] == pytest.approx(0.034, abs=0.006)
    odd = discover("predict", "law.json", "--at", "params=8.7e9,tokens=1e10,unique_tokens=1e11")
    assert "unique_tokens = 100B exceeds tokens = 10B, which it does in no row" in odd.err


def test_a_published_law_is_taken_as_a_law(mistaken) -> None:
    found = mistaken("predict", "chinchilla", "--at", "N=13B,D=1.4T")
    assert "13B" in found.out
    assert "1.4T" in found.out
    assert "without rows to judge by" in found.err
    value = mistaken("predict", "chinchilla:paper", "--at", "N=7e10,D=1.4e12", "--json").json["points"][0]
    assert value["forecasts"][0]["value"] == pytest.approx(1.69 + 406.4 * 7e10**-0.34 + 410.7 * 1.4e12**-0.28)
    best = mistaken("allocate", "chinchilla", "--cost", "6*N*D", "--budget", "1e23", "--json").json
    assert best["optima"][0]["features"]
    assert "chinchilla:replication" in mistaken("predict", "chinchilla:nobody", "--at", "N=1").err
    assert "def predict(" in mistaken("export", "chinchilla", "--to", "python").out


def test_a_point_without_a_group_is_forecast_for_all_groups(mistaken) -> None:
    rows = [f"{family},{x:g},{level + 100 * x**-0.3:.6f}" for family, level in (("a", 1.5), ("b", 2.0))
            for x in (1e7, 3e7, 1e8, 3e8, 1e9, 3e9)]  # fmt: skip
    Path("families.csv").write_text("family,params,loss\n" + "\n".join(rows) + "\n")
    law = ("E + A*params**(-alpha)", "families.csv", "--target", "loss")
    pooled = mistaken("fit", *law)
    assert "all rows share one set of constants, whatever they say in 'family' (2 names); --group COLUMN" in pooled.out
    apart = mistaken("fit", *law, "--group", "family", "--out", "law.json")
    assert "whatever" not in apart.out
    points = mistaken("predict", "law.json", "--at", "params=1e10", "--json").json["points"]
    assert [point["group"] for point in points] == ["a", "b"]
    assert points[1]["forecasts"][0]["value"] - points[0]["forecasts"][0]["value"] == pytest.approx(0.5, abs=0.01)


def loss(params: float, tokens: float, passes: float = 1.0) -> float:
    """Loss after so many passes over as many tokens, by the additive law with repeats that fade."""
    worth = tokens * (1.0 + 15.4 * (1.0 - math.exp((1.0 - passes) / 15.4)))
    return 1.69 + 406.4 / params**0.34 + 410.7 / worth**0.28


SIZES = (2e7, 6e7, 1.5e8, 4e8, 1e9)
RATIO = [((n, r), loss(n, r * n)) for n in SIZES for r in (5.0, 20.0, 80.0, 320.0)]
CURVES = [(((c / 120) ** 0.5 * m, c), loss((c / 120) ** 0.5 * m, (c / 120) ** 0.5 * 20 / m))
          for c in (1e18, 3e18, 1e19, 3e19, 1e20) for m in (0.25, 0.5, 1.0, 2.0, 4.0)]  # fmt: skip
PASSES = [((n, u, e), loss(n, u, e)) for n in SIZES[:4] for u in (1e8, 4e8, 1.6e9) for e in (1.0, 2.0, 4.0, 16.0)]
STEPS = [((n, b, s), loss(n, 1024 * b * s)) for n in SIZES[:4] for b in (64.0, 256.0, 1024.0) for s in (2e3, 8e3, 3e4)]


@pytest.mark.parametrize(
    ("headings", "rows", "at", "truth"),
    [
        ("params,tokens_per_param", RATIO, "params=1e10,tokens_per_param=20", loss(1e10, 2e11)),
        ("model_params,train_flops", CURVES, "model_params=3e9,train_flops=1e21", loss(3e9, 1e21 / 18e9)),
        ("params,unique_tokens,epochs", PASSES, "params=2e9,unique_tokens=6e9,epochs=8", loss(2e9, 6e9, 8.0)),
        ("params,batch_size,steps", STEPS, "params=2e9,batch_size=1024,steps=100000", loss(2e9, 1024**2 * 1e5)),
    ],
)
def test_laws_of_parameters_and_tokens_hold_where_tokens_follow_from_other_columns(
    discover, headings: str, rows, at: str, truth: float
) -> None:
    lines = [
        ",".join(f"{value:.6g}" for value in (*sizes, y * (1 + 0.002 * (-1) ** i))) for i, (sizes, y) in enumerate(rows)
    ]
    Path("runs.csv").write_text("\n".join([f"{headings},loss", *lines]) + "\n")
    done = discover("run", "runs.csv", "--evaluations", "150", "--seed", "0", *PLAIN, "--out", "r")
    assert done.status == 0, done.err
    assert "is left out" not in done.err
    (point,) = discover("predict", "r", "--at", at, "--json").json["points"]
    assert point["forecasts"][0]["value"] == pytest.approx(truth, rel=0.01)
