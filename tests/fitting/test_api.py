"""`discover.fit` from data frames, mappings and files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import discover
from discover.errors import FormulaError, InputError
from discover.expressions import parse
from discover.fitting import Structure

N = np.geomspace(1e7, 1e10, 40)
D = np.tile(np.geomspace(1e9, 1e11, 8), 5)
LOSS = 1.7 + 400 * N**-0.34 + 410 * D**-0.28
COLUMNS = {"params": N, "tokens": D, "loss": LOSS, "family": np.repeat(["x", "y"], 20), "w": np.ones(40)}
FORMULA = "E + A*params**(-alpha) + B*tokens**(-beta)"
TRUTH = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}


def test_a_formula_fitted_to_a_data_frame() -> None:
    result = discover.fit(FORMULA, pd.DataFrame(COLUMNS), target="loss")
    assert result.named() == pytest.approx(TRUTH, rel=1e-6)


def test_sizes_in_the_index_of_a_data_frame_are_columns() -> None:
    frame = pd.DataFrame(COLUMNS).groupby(["params", "tokens"])[["loss"]].mean()
    assert discover.fit(FORMULA, frame, target="loss").named() == pytest.approx(TRUTH, rel=1e-6)


def test_a_law_of_the_library_knows_its_target_and_its_loss() -> None:
    result = discover.fit("chinchilla", COLUMNS)
    assert result.recipe.text == "huber-log"
    np.testing.assert_allclose(result.predict({"params": N, "tokens": D})[:, 0], LOSS, rtol=1e-6)


def test_a_law_of_the_library_finds_columns_by_what_they_mean() -> None:
    renamed = {"Model size": N, "train tokens": D, "loss": LOSS}
    with pytest.warns(UserWarning, match="(params|tokens) of chinchilla is the column '(Model size|train tokens)'"):
        result = discover.fit("chinchilla", renamed)
    np.testing.assert_allclose(result.predict({"Model size": N, "train tokens": D})[:, 0], LOSS, rtol=1e-6)


@pytest.mark.parametrize("headings", [("width", "depth"), ("N", "n_params")])
def test_a_law_of_the_library_without_its_columns_is_told(headings) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=rf"no column 'params', which chinchilla needs.*{', '.join(headings)}"):
        discover.fit("chinchilla", dict(zip(headings, (N, D), strict=True)) | {"loss": LOSS})


def test_a_structure_fitted_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    pd.DataFrame(COLUMNS).to_csv(path, index=False)
    structure = Structure(parse(FORMULA, ["params", "tokens"]))
    result = discover.fit(structure, path, target="loss", loss="huber-log", scale=1e-2, weights="w")
    assert result.named() == pytest.approx(TRUTH, rel=1e-5)


def test_groups_and_shared_constants() -> None:
    result = discover.fit("E + A*params**(-alpha)", COLUMNS, target="loss", group="family", shared=["alpha"])
    assert result.group_names == ("x", "y")
    assert np.ptp(result.constants[:, 0, 2]) == 0.0


def test_the_parts_of_a_report_work_on_the_same_table() -> None:
    frame = pd.DataFrame(COLUMNS)
    table = discover.as_table(frame, ["params", "tokens"], target="loss")
    result = discover.fit(FORMULA, table, loss="log")
    assert "constants" in discover.fit_report(result, table)
    assert discover.covariance(result, table).errors.shape == (1, 1, 5)
    assert len(discover.bootstrap(result, table, 3)) == 3
    assert discover.diagnose(result, table).identifiable


def test_a_failure_is_a_value() -> None:
    result = discover.fit(FORMULA, {"params": N[:3], "tokens": D[:3], "loss": LOSS[:3]}, target="loss")
    assert isinstance(result, discover.FitFailure)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((FORMULA, COLUMNS), {}, "say with target= which column"),
        ((FORMULA, COLUMNS), {"target": "los"}, "no column 'los'; did you mean 'loss'"),
        ((FORMULA, COLUMNS), {"target": "family"}, "not a number"),
        ((FORMULA, COLUMNS), {"target": "loss", "shared": ["gamma"]}, "no constant 'gamma' to share"),
        ((FORMULA, COLUMNS), {"target": "loss", "loss": "cubic"}, "unknown loss"),
        ((FORMULA, 7), {"target": "loss"}, "a table is a data frame"),
        (("E + A*depth**(-alpha)", COLUMNS), {"target": "loss"}, "no name in the formula.*is a column of the table"),
        (("chinchila", COLUMNS), {}, "chinchilla"),
        ((FORMULA, COLUMNS | {"params": N[:5]}), {"target": "loss"}, "has 5 values, the target 40"),
    ],
)
def test_mistakes_are_told(arguments, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        discover.fit(*arguments, **options)


def test_a_name_that_is_nearly_a_column_is_that_column_and_told() -> None:
    with pytest.warns(UserWarning, match="token of the formula is the column 'tokens'"):
        discover.fit("E + A*params**(-alpha)*token", COLUMNS, target="loss")


def test_a_formula_that_cannot_be_read_is_told() -> None:
    with pytest.raises(FormulaError):
        discover.fit("E + A*params**(-alpha", COLUMNS, target="loss")


def test_importing_the_package_is_fast_and_loads_nothing_heavy() -> None:
    heavy = ("numpy", "pandas", "numba", "sympy", "scipy")
    code = f"import sys, discover; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
