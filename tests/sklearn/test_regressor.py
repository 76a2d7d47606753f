"""ScalingLawRegressor: scikit-learn's own checks, and what a user of scaling laws relies on."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import discover
from discover.sklearn import ScaleSplit, ScalingLawRegressor

FORMULA = "E + A*params**(-alpha) + B*tokens**(-beta)"
TRUTH = {"web": (1.7, 400.0, 0.34, 410.0, 0.28), "code": (0.9, 150.0, 0.30, 300.0, 0.26)}


def loss(family: str, params: NDArray[np.float64], tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    E, A, alpha, B, beta = TRUTH[family]
    return E + A * params**-alpha + B * tokens**-beta


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two families, five sizes, six amounts of data, with a thousandth of noise."""
    rng = np.random.default_rng(0)
    rows = [(f, n, d) for f in TRUTH for n in np.geomspace(1e7, 1e9, 5) for d in np.geomspace(1e9, 1e11, 6)]
    frame = pd.DataFrame(rows, columns=["family", "params", "tokens"])
    clean = [loss(f, n, d) for f, n, d in rows]
    frame["loss"] = np.array(clean) * np.exp(1e-3 * rng.standard_normal(len(frame)))
    return frame


@pytest.mark.filterwarnings("ignore:.*too few to hold some out:UserWarning")
@parametrize_with_checks([ScalingLawRegressor(evaluations=32), ScalingLawRegressor("a + b*x0 + c*x0**2")])
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)


def test_formula_fitted_to_a_data_frame_agrees_with_the_fitter(table):
    web = table[table.family == "web"]
    model = ScalingLawRegressor(FORMULA).fit(web[["params", "tokens"]], web["loss"])
    expected = discover.fit(FORMULA, web, target="loss").named()
    found = model.law_.constants["all"]["y"]
    assert found == pytest.approx(expected, rel=1e-5)
    big = pd.DataFrame({"params": [7e10], "tokens": [1.4e12]})
    assert model.predict(big) == pytest.approx(loss("web", np.array([7e10]), np.array([1.4e12])), rel=0.02)


def test_array_and_data_frame_give_the_same_law(table):
    web = table[table.family == "web"]
    frame = ScalingLawRegressor(FORMULA).fit(web[["params", "tokens"]], web["loss"])
    array = ScalingLawRegressor(FORMULA, feature_names=("params", "tokens"))
    array.fit(web[["params", "tokens"]].to_numpy(), web["loss"].to_numpy())
    assert array.law_.document == frame.law_.document


def test_array_columns_are_called_x0_and_on(table):
    web = table[table.family == "web"]
    model = ScalingLawRegressor("E + A*x0**(-alpha) + B*x1**(-beta)")
    model.fit(web[["params", "tokens"]].to_numpy(), web["loss"])
    assert model.law_.constants["all"]["y"]["E"] == pytest.approx(1.7, abs=0.05)


def test_search_finds_a_law_that_reaches_ten_times_further(table):
    web = table[table.family == "web"]
    model = ScalingLawRegressor(evaluations=100).fit(web[["params", "tokens"]], web["loss"])
    big = pd.DataFrame({"params": np.array([1e9, 1e10]), "tokens": np.array([1e12, 1e12])})
    assert model.predict(big) == pytest.approx(loss("web", big.params.to_numpy(), big.tokens.to_numpy()), rel=0.01)


def test_each_group_gets_its_own_constants(table):
    model = ScalingLawRegressor(FORMULA, group="family").fit(table[["params", "family", "tokens"]], table["loss"])
    assert model.law_.groups == ("code", "web")
    assert model.law_.constants["web"]["y"]["E"] == pytest.approx(1.7, abs=0.05)
    assert model.law_.constants["code"]["y"]["E"] == pytest.approx(0.9, abs=0.05)
    assert model.score(table[["params", "family", "tokens"]], table["loss"]) > 0.999


def test_group_column_of_an_object_array_is_named_by_its_number(table):
    X = table[["params", "tokens", "family"]].to_numpy()
    by_number = ScalingLawRegressor("E + A*x0**(-alpha) + B*x1**(-beta)", group=-1).fit(X, table["loss"])
    by_name = ScalingLawRegressor(FORMULA, group="family").fit(table[["params", "tokens", "family"]], table["loss"])
    np.testing.assert_allclose(by_number.predict(X), by_name.predict(table[["params", "tokens", "family"]]), rtol=1e-9)


def test_a_law_of_the_library_finds_columns_by_what_they_mean(table):
    web = table[table.family == "web"].rename(columns={"params": "N", "tokens": "D"})
    with pytest.warns(UserWarning, match="(params|tokens) of chinchilla is the column '[ND]'"):
        model = ScalingLawRegressor("chinchilla").fit(web[["N", "D"]], web["loss"])
    assert model.formula_ == "E + A*N**(-alpha) + B*D**(-beta)"
    assert model.score(web[["N", "D"]], web["loss"]) > 0.999


def test_search_with_groups_beats_one_law_for_all(table):
    X, y = table[["params", "tokens", "family"]], table["loss"]
    assert ScalingLawRegressor(group="family", evaluations=48).fit(X, y).score(X, y) > 0.999
    assert ScalingLawRegressor(evaluations=48).fit(X[["params", "tokens"]], y).score(X[["params", "tokens"]], y) < 0.9


def test_several_targets_share_the_formula(table):
    web, code = (table[table.family == f].reset_index(drop=True) for f in ("web", "code"))
    y = np.column_stack([web["loss"], code["loss"]])
    model = ScalingLawRegressor(FORMULA).fit(web[["params", "tokens"]], y)
    assert model.predict(web[["params", "tokens"]]).shape == y.shape
    assert model.score(web[["params", "tokens"]], y) > 0.999


def test_repeated_rows_and_weights_are_the_same(table):
    web = table[table.family == "web"]
    X, y = web[["params", "tokens"]].to_numpy(), web["loss"].to_numpy()
    counts = np.random.default_rng(1).integers(0, 4, len(y))
    weighted = ScalingLawRegressor(evaluations=32).fit(X, y, sample_weight=counts)
    repeated = ScalingLawRegressor(evaluations=32).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert weighted.formula_ == repeated.formula_
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_law_is_chosen_by_grid_search_over_scale(table):
    web = table[table.family == "web"]
    grid = GridSearchCV(
        ScalingLawRegressor(),
        {"law": [FORMULA, "E + A*params**(-alpha)", "A*tokens**(-beta)"]},
        cv=ScaleSplit(3, axes=["params", "tokens"]),
        scoring="neg_mean_squared_error",
    )
    grid.fit(web[["params", "tokens"]], web["loss"])
    assert grid.best_params_ == {"law": FORMULA}


def test_pipeline_and_cross_validation_with_a_group_column(table):
    X, y = table[["family", "params", "tokens"]], table["loss"]
    scores = cross_val_score(
        make_pipeline(FunctionTransformer(), ScalingLawRegressor(FORMULA, group="family")),
        X, y, cv=ScaleSplit(2, axes=["params", "tokens"]), groups=X["family"],
    )  # fmt: skip
    assert (scores > 0.99).all()


def test_group_passes_a_column_transformer_that_makes_an_array(table):
    logs = ColumnTransformer([("log", FunctionTransformer(np.log10), ["params", "tokens"])], remainder="passthrough")
    model = make_pipeline(logs, ScalingLawRegressor("E + A*exp(-alpha*x0) + B*exp(-beta*x1)", group=2))
    X, y = table[["family", "params", "tokens"]], table["loss"]
    assert model.fit(X, y).score(X, y) > 0.999


@pytest.mark.parametrize("law", [FORMULA, None])
def test_prediction_intervals_hold_ten_times_beyond_the_data(table, law):
    X, y = table[["params", "tokens", "family"]], table["loss"]
    model = ScalingLawRegressor(law, group="family", evaluations=48).fit(X, y)
    far = pd.DataFrame({"params": 1e10, "tokens": 1e12, "family": ["web", "code"]})
    value, low, high = model.predict(far, interval=0.9)
    np.testing.assert_allclose(value, model.predict(far), rtol=1e-12)
    truth = [loss(f, np.array([1e10]), np.array([1e12]))[0] for f in far.family]
    assert (low < truth).all()
    assert (truth < high).all()
    assert (high - low < 0.25).all()
    near = model.predict(X, interval=0.9)
    inside = ((near[1] < y) & (y < near[2])).mean()
    assert 0.8 < inside <= 1.0
    wide = model.predict(far, interval=0.99)
    assert (wide[2] - wide[1] > high - low).all()


def test_intervals_of_several_targets_have_their_shape(table):
    web = table[table.family == "web"]
    y = np.column_stack([web["loss"], web["loss"] + 1.0])
    found = ScalingLawRegressor(FORMULA).fit(web[["params", "tokens"]], y).predict(web[["params", "tokens"]], 0.5)
    assert [part.shape for part in found] == [y.shape] * 3
    assert (found[1] <= found[0]).all()


def test_probability_of_an_interval_beyond_one_is_refused(table):
    model = ScalingLawRegressor("E + A*params**(-alpha)").fit(table[["params"]], table["loss"])
    with pytest.raises(ValueError, match="interval is 90"):
        model.predict(table[["params"]], interval=90)


def test_pickled_model_predicts_the_same(table):
    model = ScalingLawRegressor(FORMULA, group="family").fit(table.drop(columns="loss"), table["loss"])
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(table.drop(columns="loss")), model.predict(table.drop(columns="loss")))


def test_clone_keeps_every_parameter():
    model = ScalingLawRegressor(
        group="family", axes=("params",), constants=4, monotonic_cst={"params": -1}, lower=0.0, evaluations=16
    )
    assert clone(model).get_params() == model.get_params()


def test_knowledge_of_the_problem_reaches_the_search(table):
    web = table[table.family == "web"]
    model = ScalingLawRegressor(
        constants=3, monotonic_cst={"params": -1, "tokens": -1}, lower=0.0, axes=("params",), evaluations=48
    ).fit(web[["params", "tokens"]], web["loss"])
    assert len(model.law_.document.constant_names) <= 3
    sizes = pd.DataFrame({"params": np.geomspace(1e9, 8e9, 4), "tokens": 1e11})
    assert (np.diff(model.predict(sizes)) <= 0).all()


def test_processes_do_not_change_the_law(table):
    web = table[table.family == "web"]
    laws = [
        ScalingLawRegressor(evaluations=16, n_jobs=jobs).fit(web[["params", "tokens"]], web["loss"]).law_.document
        for jobs in (None, 2)
    ]
    assert laws[0] == laws[1]


def test_table_too_small_to_judge_laws_gets_its_mean_and_a_warning():
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([3.0, 2.0, 1.0])
    with pytest.warns(UserWarning, match="3 different rows are too few"):
        model = ScalingLawRegressor().fit(X, y)
    assert model.predict(X) == pytest.approx([2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"law": "chinchila"}, "chinchilla"),
        ({"law": "E + log(params - 1e30)"}, "cannot be fitted"),
        ({"law": "E + A*params**("}, "at character"),
        ({"group": "familly"}, "did you mean 'family'"),
        ({"group": 7}, "X has 3 columns"),
        ({"axes": ("size",)}, "axes='size'"),
        ({"monotonic_cst": {"size": -1}}, "monotonic_cst='size'"),
    ],
)
def test_bad_parameter_is_a_value_error_that_names_it(table, parameters, message):
    X = table[["params", "tokens", "family"]]
    model = ScalingLawRegressor(**{"group": "family", "evaluations": 8} | parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, table["loss"])


def test_unknown_group_at_prediction_is_a_value_error(table):
    X = table[["params", "tokens", "family"]]
    model = ScalingLawRegressor(FORMULA, group="family").fit(X, table["loss"])
    with pytest.raises(ValueError, match="no group 'images'"):
        model.predict(X.assign(family="images"))


def test_group_name_without_column_names_is_refused(table):
    with pytest.raises(ValueError, match="no column names"):
        ScalingLawRegressor(FORMULA, group="family").fit(table[["params", "family"]].to_numpy(), table["loss"])


def test_unfitted_model_says_so():
    with pytest.raises(NotFittedError):
        ScalingLawRegressor().predict([[1.0]])
    failed = ScalingLawRegressor("E + A*params**(-alpha)")
    with pytest.raises(ValueError, match="params"):
        failed.fit([[1.0], [2.0], [3.0]], [3.0, 2.0, 1.0])
    with pytest.raises(NotFittedError):
        failed.predict([[1.0]])


def test_scikit_learn_is_not_imported_with_the_package():
    code = "import sys, discover; discover.fit; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_scikit_learn_is_named_with_the_extra():
    code = "import sys; sys.modules['sklearn'] = None\nimport discover.sklearn"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'scaling-discover[sklearn]'" in done.stderr
