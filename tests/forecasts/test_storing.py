"""Forecasts in law.json and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from discover.errors import InputError
from discover.fitting.document import from_fit
from discover.forecasts import Ensemble, with_forecasts
from discover.forecasts.storing import runner_up
from discover.law.storage import from_json, to_json, write

from .tables import ensemble_of, fitted, line

POINTS = {"x": np.array([0.5, 3.0])}


@pytest.mark.parametrize("groups", [1, 3])
def test_a_law_file_gives_the_same_intervals(tmp_path: Path, groups: int) -> None:
    made = ensemble_of(line(groups=groups), "a + b*x", "a + b*x**2", "a", draws=50)
    write(with_forecasts(made), tmp_path / "law.json")
    read = Ensemble.from_run(tmp_path)
    names = None if groups == 1 else ["a", "c"]
    one, other = made.intervals(POINTS, names), read.intervals(POINTS, names)
    np.testing.assert_array_equal(one.lower[0.9], other.lower[0.9])
    np.testing.assert_array_equal(one.upper[0.5], other.upper[0.5])
    assert [law.document.formula for law in read.laws] == ["a + b*x", "a + b*x**2", "a"]
    assert read.document.forecasts == {}
    assert sum(law.weight for law in read.laws) == pytest.approx(1.0)


def test_fewer_draws_can_be_asked_for(tmp_path: Path) -> None:
    write(with_forecasts(ensemble_of(line(), "a + b*x", "a + b*x**2", draws=300)), tmp_path / "law.json")
    few = Ensemble.from_run(tmp_path, draws=40, seed=1)
    assert [len(law) for law in few.laws] == [20, 20]
    np.testing.assert_array_equal(few.sample(POINTS), Ensemble.from_run(tmp_path, draws=40, seed=1).sample(POINTS))
    assert not np.array_equal(few.sample(POINTS), Ensemble.from_run(tmp_path, draws=40, seed=2).sample(POINTS))


def test_a_law_without_uncertainty_says_so() -> None:
    with pytest.raises(InputError, match="no uncertainty beside it"):
        Ensemble.from_document(ensemble_of(line()).document)


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: f.pop("noise"),
        lambda f: f.update(laws=[]),
        lambda f: f["laws"][0].update(constants="???"),
        lambda f: f["laws"][0].update(constants=f["laws"][0]["constants"][:-8]),
        lambda f: f["laws"][1].update(formula="a + b*"),
        lambda f: f["noise"].update(scale=[[1.0, 2.0]]),
        lambda f: f["noise"].update(log=[1]),
        lambda f: f["drift"].update(front=[]),
        lambda f: f["drift"].update(axes=["y"]),
        lambda f: f.update(bounds=None),
    ],
)
def test_damage_is_named(damage) -> None:
    content = json.loads(to_json(with_forecasts(ensemble_of(line(), "a + b*x", "a + b*x**2", draws=20))))
    damage(content["forecasts"])
    with pytest.raises(InputError, match="key forecasts"):
        Ensemble.from_document(from_json(json.dumps(content)))


def test_shared_constants_stand_in_the_order_of_the_formula() -> None:
    table = line(groups=2)
    document = from_fit(fitted(table), table, task="line", group_column="family")
    values = np.ones((2, 1, 4))
    rival = runner_up(document, "a + b*x + c*x**2 + d*x**3", values, frozenset("dbca"), {})
    assert rival.shared == ("a", "b", "c", "d")
