"""The benchmark's laws, written a second time as plain Python, give the same values as the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, log

import numpy as np
import pytest

from discover.expressions import evaluate
from discover.law import get_law
from discover.law.synthetic import synthetic_table

Values = Mapping[str, float]


def parallel(v: Values) -> float:
    return (v["A"] / (v["params"] * (v["k"] * log(v["streams"]) + 1))) ** v["alpha"] + v["E"]


def moe(v: Values) -> float:
    experts = max(v["experts"], 1.0001)
    start = 1 / (1 / (v["E_s"] - 1) - 1 / (v["E_m"] - 1))
    saturated = 1 / (1 / (experts - 1 + start) + 1 / v["E_m"])
    n, e = log(v["params"]), log(saturated)
    return exp(v["a"] * n + v["b"] * e + v["c"] * n * e + v["d"])


def data_constrained(v: Values) -> float:
    unique = v["unique_tokens"]
    useful = min(0.051 * unique, v["params"])
    passes = v["tokens"] / unique - 1
    surplus = max(v["params"] / useful - 1, 0)
    size = useful + v["R_N"] * useful * (1 - exp(-surplus / v["R_N"]))
    data = unique + v["R_D"] * unique * (1 - exp(-passes / v["R_D"]))
    return v["A"] / size ** v["alpha"] + v["B"] / data ** v["beta"] + v["E"]


def lr_bsz(v: Values) -> float:
    lr0 = v["F"] * v["params"] ** v["gamma"] * v["tokens"] ** v["zeta"]
    b0 = v["G"] * v["tokens"] ** v["eta"]
    base = v["A"] * v["tokens"] ** -v["alpha"] + v["B"] * v["params"] ** -v["beta"] + v["C"]
    return base + v["H"] * (v["lr"] - lr0) ** 2 + v["S"] * (log(v["batch_size"]) + b0 / v["batch_size"])


@pytest.mark.parametrize(
    ("law_id", "reference"),
    [
        ("sld_parallel", parallel),
        ("sld_moe", moe),
        ("sld_data_constrained", data_constrained),
        ("sld_lr_bsz", lr_bsz),
    ],
)
def test_library_agrees_with_the_reference(law_id: str, reference: Callable[[Values], float]) -> None:
    law = get_law(law_id)
    assert law.published
    for fit in law.published:
        table = synthetic_table(law, fit.constants, 50, np.random.default_rng(3))
        rows = [{name: float(column[i]) for name, column in table.features.items()} for i in range(len(table))]
        expected = [reference({**row, **fit.constants}) for row in rows]
        np.testing.assert_allclose(table.targets[:, 0], expected, rtol=1e-12)


def test_a_dense_model_counts_as_slightly_more_than_one_expert() -> None:
    law = get_law("sld_moe")
    constants = law.published[0].constants
    one, floor = (evaluate(law.expr, {"params": 1e8, "experts": x, **constants}) for x in (1.0, 1.0001))
    assert one == floor


def test_parallel_constants_are_labelled_by_group() -> None:
    assert {"pile", "stack"} <= {fit.label for fit in get_law("sld_parallel").published}


def test_useful_size_of_the_full_repetition_law_matches_the_shortcut() -> None:
    shortcut, full = get_law("sld_data_constrained"), get_law("data_constrained")
    table = synthetic_table(shortcut, shortcut.published[1].constants, 200, np.random.default_rng(4))
    exact = evaluate(full.expr, {**table.features, **full.published[0].constants})
    np.testing.assert_allclose(table.targets[:, 0], exact, rtol=2e-3)
