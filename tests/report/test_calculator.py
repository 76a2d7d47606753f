"""The calculator of the HTML report: its numbers are those of Python, in Node and in a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import discover
from discover.decisions import allocate
from discover.forecasts import Ensemble
from discover.report.calculator import ensemble_data, in_page, law_functions

from .conftest import Made, command

N_POINTS = 40
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not on the PATH")


def in_node(ensemble: Ensemble, script: str, given: Any, folder: Path) -> Any:
    """What a script prints that has `ensemble` and `given`."""
    assert NODE is not None
    code = files("discover.report").joinpath("templates", "forecast.js").read_text(encoding="utf-8")
    data = json.dumps({"data": ensemble_data(ensemble), "given": given})
    (folder / "data.json").write_text(data)
    (folder / "main.cjs").write_text(
        f"{code}\n{law_functions(ensemble)}\n"
        'const { data, given } = JSON.parse(require("fs").readFileSync("data.json", "utf8"));\n'
        f"const ensemble = new Ensemble(data, LAWS);\n{script}\n"
    )
    done = subprocess.run([NODE, "main.cjs"], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def points_of(ensemble: Ensemble) -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Columns of points in the data and far beyond them, and the places of their groups."""
    rng = np.random.default_rng(5)
    columns = {}
    for name, (low, high) in ensemble.document.domain.items():
        if low > 0:
            columns[name] = np.exp(rng.uniform(np.log(low) - 1, np.log(high) + 4, N_POINTS))
        else:
            columns[name] = rng.uniform(low - 1, high + 1, N_POINTS)
    return columns, rng.integers(0, len(ensemble.document.groups), N_POINTS)


@needs_node
@pytest.mark.parametrize("name", ["sft", "data_constrained", "own"])
def test_forecasts_are_those_of_python(made: dict[str, Made], name: str, tmp_path: Path) -> None:
    ensemble = in_page(Ensemble.from_run(made[name].run))
    columns, groups = points_of(ensemble)
    rows = [{key: float(values[i]) for key, values in columns.items()} for i in range(N_POINTS)]
    found = in_node(
        ensemble,
        "const text = (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value);\n"
        "console.log(JSON.stringify(given.rows.map((row, i) => ensemble.forecast(row, given.groups[i], 0)), text));",
        {"rows": rows, "groups": groups.tolist()},
        tmp_path,
    )
    names = [ensemble.document.groups[code] for code in groups]
    expected = ensemble.intervals(columns, names)
    distance = ensemble.drift.reach.distance(columns, groups)

    def compare(key: Any, wanted: np.ndarray[Any, Any], tolerance: float = 1e-12) -> None:
        told = np.array([float(key(one)) for one in found])
        np.testing.assert_allclose(told, wanted, rtol=tolerance, atol=1e-14)

    compare(lambda one: one["value"], expected.value)
    compare(lambda one: one["distance"], distance)
    for level in (0.5, 0.9):  # of single draws, in which large terms may cancel
        compare(lambda one, level=level: one["lower"][str(level)], expected.lower[level], 1e-10)
        compare(lambda one, level=level: one["upper"][str(level)], expected.upper[level], 1e-10)
    for part, share in expected.shares.items():
        compare(lambda one, part=part: one["shares"][part], share, 1e-9)


@needs_node
def test_best_sizes_are_those_of_python(made: dict[str, Made], tmp_path: Path) -> None:
    ensemble = Ensemble.from_run(made["own"].run)
    cost = "6e9*params*tokens_B"
    found = in_node(
        ensemble,
        """
const cost = formulaIn(given.cost, ["params", "tokens_B"]);
const usual = { params: 1e8, tokens_B: 10 };
console.log(JSON.stringify(given.budgets.map(budget => (
  bestSizes(point => ensemble.law(point, 0, 0), cost, budget, ["params", "tokens_B"], {}, usual)
))));
""",
        {"cost": cost, "budgets": [1e20, 1e22]},
        tmp_path,
    )
    wanted = allocate(ensemble.document, cost=cost, budget=[1e20, 1e22], group=ensemble.document.groups[0])
    for told, optimum in zip(found, wanted.optima, strict=True):
        assert told["settled"]
        assert told["value"] == pytest.approx(optimum.objective.value, rel=1e-12)
        for name, quantity in optimum.features.items():
            assert told["columns"][name] == pytest.approx(quantity.value, rel=1e-5)


@needs_node
def test_costs_and_numbers_are_read_as_people_write_them(made: dict[str, Made], tmp_path: Path) -> None:
    told = in_node(
        Ensemble.from_run(made["own"].run),
        """
const at = { params: 2, tokens: 3, x: 4 };
const value = text => {
  try { return formulaIn(text, Object.keys(at)).value(at); } catch (error) { return error.message; }
};
const numbers = given.numbers.map(text => String(numberIn(text)));
numbers.push(...["7B", "7000"].map(text => String(numberIn(text, 1e6))));
console.log(JSON.stringify({ values: given.formulas.map(value), numbers }));
""",
        {
            "formulas": ["6*params*tokens", "-params**2 + 1e1*(tokens - x)/5", "2^3^2", "sqrt(x)*log(exp(tokens))",
                         "6*params*flops", "6*(params", "6*params)", "", "constructor(x)", "1.5e3*x"],
            "numbers": ["7B", "1.4T", "1e9", "70 m", "1,000", "-3k", "7BB", "", "0x10", "1e3B"],
        },
        tmp_path,
    )  # fmt: skip
    assert told["values"][:4] == [36, -6, 512, 6]
    assert "flops" in told["values"][4]
    assert all(isinstance(message, str) and message for message in told["values"][5:9])
    assert told["values"][9] == 6000
    assert told["numbers"] == [
        "7000000000", "1400000000000", "1000000000", "70000000", "1000", "-3000", "NaN", "NaN", "NaN", "NaN",
        "7000", "7000",
    ]  # fmt: skip


def test_a_letter_counts_units_in_a_column_of_billions(made: dict[str, Made]) -> None:
    law = discover.load(made["own"].run)
    group = law.groups[0]
    assert law(params="7B", tokens_B="1.4T", group=group) == law(params=7e9, tokens_B=1400, group=group)
    assert law(params="7B", tokens_B="1400", group=group) == law(params=7e9, tokens_B=1400, group=group)
    asked = ("predict", made["own"].run, "--group", group, "--json", "--at")
    by_letter, by_number = (
        json.loads(command(*asked, f"params=7B,tokens_B={tokens}").stdout) for tokens in ("1.4T", "1400")
    )
    assert by_letter["points"][0]["forecasts"] == by_number["points"][0]["forecasts"]


def test_a_page_holds_at_most_so_many_draws(made: dict[str, Made]) -> None:
    ensemble = Ensemble.from_run(made["sft"].run)
    held = in_page(ensemble)
    assert len(json.dumps(ensemble_data(held))) < 1_500_000
    assert len(held.laws) == len(ensemble.laws)
    assert all(len(law) >= 1 for law in held.laws)


@needs_node
def test_an_average_of_laws_is_not_ruled_by_one_that_diverges(made: dict[str, Made], tmp_path: Path) -> None:
    told = in_node(
        Ensemble.from_run(made["own"].run),
        "console.log(JSON.stringify(given.map(([values, weights, logs]) => String(average(values, weights, logs)))));",
        [
            [[2.0, 8.0], [0.5, 0.5], True],
            [[1.0, 3.0], [0.25, 0.75], False],
            [[2.0, 2.1, 2.2, 1e9], [0.3, 0.3, 0.3, 0.1], False],
            [[-1.0, 3.0], [0.5, 0.5], True],
            [[-1.0], [1.0], True],
        ],
        tmp_path,
    )
    found = [float(text) for text in told]
    assert found[0] == pytest.approx(4.0)
    assert found[1] == pytest.approx(2.5)
    assert 2.0 < found[2] < 2.4
    assert found[3] == pytest.approx(3.0)
    assert np.isnan(found[4])
