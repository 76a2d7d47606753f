"""The law as a Python object."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import discover
from discover.errors import InputError
from discover.export import FittedLaw
from discover.law.storage import write

from .laws import CASES


def law_of(name: str) -> FittedLaw:
    return FittedLaw(CASES[name].document)


def test_load_gives_a_law_that_answers_like_the_document(tmp_path: Path) -> None:
    write(CASES["streams"].document, tmp_path / "law.json")
    law = discover.load(tmp_path / "law.json")
    assert isinstance(law, FittedLaw)
    k = law.constants["stack"]["loss"]
    expected = k["E"] + (k["A"] / (2e9 * (k["k"] * np.log(4) + 1))) ** k["alpha"]
    assert law(params=2e9, streams=4, group="stack") == pytest.approx(expected, rel=1e-14)


def test_numbers_arrays_mappings_and_frames_agree() -> None:
    case = CASES["streams"]
    law = law_of("streams")
    columns, group = case.points()
    expected = case.expected()[:, 0]
    frame = pd.DataFrame({**columns, "family": group, "other": "text"})
    np.testing.assert_array_equal(law(frame), expected)
    np.testing.assert_array_equal(law({**columns, "family": group}), expected)
    np.testing.assert_array_equal(law(frame.rename(columns={"family": "Family "})), expected)
    np.testing.assert_array_equal(law(**columns, group=group), expected)
    first = law(params=columns["params"][0], streams=columns["streams"][0], group=group[0])
    assert np.ndim(first) == 0
    assert first == expected[0]


def test_features_broadcast_and_targets_are_the_last_axis() -> None:
    law = law_of("mixture")
    values = law(p1=np.array([[0.1], [0.2]]), p2=np.array([0.1, 0.2, 0.3]), group="70M")
    assert values.shape == (2, 3, 2)
    assert law_of("constant")(params=np.ones(5), group="a").shape == (5,)


def test_columns_may_go_by_their_headings_in_the_table_of_the_law(tmp_path: Path) -> None:
    document = CASES["streams"].document
    features = tuple(replace(feature, source=f"config.{feature.name}") for feature in document.features)
    write(replace(document, features=features), tmp_path / "law.json")
    law = discover.load(tmp_path / "law.json")
    values = {"params": np.array([1e9, 2e9]), "streams": np.array([1.0, 2.0])}
    frame = pd.DataFrame({f"config.{name}": column for name, column in values.items()})
    np.testing.assert_array_equal(law(frame, group="pile"), law(values, group="pile"))
    with pytest.raises(InputError, match=r"'params' is missing, nor 'config.params' as in the law's own table"):
        law(frame.drop(columns="config.params"), group="pile")


def test_counts_are_numbers_as_in_options() -> None:
    law = law_of("streams")
    assert law(params="2B", streams="2", group="pile") == law(params=2e9, streams=2, group="pile")
    mixed = law({"params": ["2B", 1e9, "3e8"], "streams": 2}, group="pile")
    np.testing.assert_array_equal(mixed, law(params=[2e9, 1e9, 3e8], streams=2, group="pile"))


def test_pickle_keeps_the_law() -> None:
    law = law_of("mixture")
    law(p1=0.1, p2=0.2, group="70M")
    again = pickle.loads(pickle.dumps(law))
    assert again == law
    np.testing.assert_array_equal(again(p1=0.1, p2=0.2, group="70M"), law(p1=0.1, p2=0.2, group="70M"))


@pytest.mark.parametrize("name", ["streams", "operators", "signs", "bare", "huge"])
def test_sympy_has_the_same_values(name: str) -> None:
    import sympy

    case, law = CASES[name], law_of(name)
    columns, group = case.points()
    for which in case.groups:
        rows = group == which
        expression = law.sympy(which)
        symbols = {s.name: s for s in expression.free_symbols}
        function = sympy.lambdify([symbols[n] for n in law.features], expression, "numpy")
        found = function(*(columns[n][rows] for n in law.features))
        np.testing.assert_allclose(found, case.expected()[rows, 0], rtol=1e-12)


def test_latex_shows_constants_by_name_or_by_value() -> None:
    law = law_of("streams")
    assert r"\alpha" in law.latex()
    assert r"\alpha" not in law.latex("pile")
    assert law.formula == CASES["streams"].formula


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda law: law(params=1e9, streams=2), "name one, or one per row in the column 'family'"),
        (lambda law: law(params=1e9, streams=2, group="pil"), "did you mean 'pile'"),
        (lambda law: law(params=1e9, group="pile"), "column 'streams' is missing"),
        (lambda law: law(params=1e9, stream=2, group="pile"), "no feature 'stream'; did you mean 'streams'"),
        (lambda law: law(params=[1e9, 2e9, 3e9], streams=[1, 2], group="pile"), r"params (3,), streams (2,)"),
        (lambda law: law(params=["a"], streams=2, group="pile"), "'params' does not hold numbers"),
        (lambda law: law(params=-1, streams=2, group="pile"), "no finite value of loss at params=-1, streams=2"),
        (lambda law: law(params=[1e9, 0], streams=2, group="pile"), "no finite value of loss at params=0, streams=2"),
        (lambda law: law({"params": 1}, streams=2), "not both"),
        (lambda law: law(3.0), "not float"),
        (lambda law: law.sympy(), "2 groups; name one of pile, stack"),
        (lambda law: law.latex("nope"), "no group 'nope'"),
    ],
)
def test_wrong_call_says_what_was_expected(call: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        call(law_of("streams"))
    assert message in str(caught.value)
