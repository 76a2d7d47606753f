"""NIST's Statistical Reference Datasets: 27 nonlinear problems with certified constants and two starts each.

No start besides the published one is used. https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import REAL, Effort, FitResult, Structure, covariance, fit

PROBLEMS = json.loads((Path(__file__).parent / "nist_strd.json").read_text())
# Two terms of the same form: which is the first is a matter of the path from the start.
INTERCHANGEABLE = {"MGH17": (("b2", "b3"), ("b4", "b5"))}
GIVEN_START_ONLY = Effort(draws=0, agree=1, tolerance=1e-15, iterations=2000)


def solve(problem: dict[str, Any], start: int) -> tuple[FitResult, Table]:
    target = np.array(problem["target"])
    if problem["log_of_target"]:
        target = np.log(target)
    features = {name: np.array(values, float) for name, values in problem["features"].items()}
    table = Table(features, target[:, None], ("y",), np.zeros(len(target), np.int64), ("all",))
    domains = dict.fromkeys(problem["certified"], REAL)
    structure = Structure(parse(problem["formula"], features), domains=domains)
    result = fit(structure, table, effort=GIVEN_START_ONLY, warm=[problem["starts"][start]])
    assert isinstance(result, FitResult)
    return result, table


def digits(value: float, certified: float) -> float:
    """Matching significant digits (log relative error)."""
    return -math.log10(abs(value - certified) / abs(certified) + 1e-16)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("problem", PROBLEMS, ids=[p["name"] for p in PROBLEMS])
def test_certified_constants_are_reached_to_six_digits(problem: dict[str, Any], start: int) -> None:
    result, table = solve(problem, start)
    found = result.named()
    for one, other in INTERCHANGEABLE.get(problem["name"], ()):
        if (result.named()["b4"] < result.named()["b5"]) != (problem["certified"]["b4"] < problem["certified"]["b5"]):
            found |= {one: found[other], other: found[one]}
    assert min(digits(found[name], value) for name, value in problem["certified"].items()) >= 6.0
    certified_sum = problem["residual_sum_of_squares"]
    if certified_sum > 1e-20:  # Lanczos1 is data without noise: its sum is rounding error
        assert result.objective == pytest.approx(certified_sum, rel=1e-9)
        errors = dict(zip(result.structure.constants, covariance(result, table).errors[0, 0], strict=True))
        if found != result.named():
            errors |= {"b2": errors["b3"], "b3": errors["b2"], "b4": errors["b5"], "b5": errors["b4"]}
        for name, value in problem["standard_errors"].items():
            assert errors[name] == pytest.approx(value, rel=1e-4)


def test_all_problems_are_there() -> None:
    assert len(PROBLEMS) == 27
    assert sum(len(p["target"]) for p in PROBLEMS) > 1500
