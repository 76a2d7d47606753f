"""The laws of a report are those whose errors stand beside them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from discover.report.axes import units
from discover.report.beyond_plots import beyond
from discover.report.beyond_section import _formulas
from discover.report.content import gather
from discover.runs.records import figures_of, law_record
from discover.scoring import inner_error

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder whose result holds no fits."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN / "runs.csv", tmp_path)
    return Path(shutil.copytree(GOLDEN / "run-1", tmp_path / "run"))


def changed(run: Path, **keys: Any) -> dict[str, Any]:
    path = run / "result.json"
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) | keys
    path.write_text(json.dumps(result), encoding="utf-8")
    return result


def test_the_curves_of_laws_are_of_the_fits_in_the_result(run: Path) -> None:
    old = gather(run)
    law, other = law_record(old.fit), law_record(old.runners_up[0].fit)
    other["fit"]["constants"] = [7.0 for _ in other["fit"]["constants"]]
    other["recipe"]["emphasis"] = 0.25
    law["fit"]["iterations"] = 12345
    other["origin"] = "library:kaplan"
    first, *rest = old.result.keys()["runners_up"]
    changed(run, **law, runners_up=[first | other, *rest])
    new = gather(run)
    assert np.all(new.runners_up[0].fit.constants == 7.0)
    assert new.runners_up[0].fit.recipe.emphasis == 0.25
    assert [rival.published for rival in new.runners_up[:2]] == ["kaplan", ""]
    assert np.array_equal(new.runners_up[1].fit.constants, old.runners_up[1].fit.constants)
    assert new.fit.diagnostics.iterations == 12345
    assert np.array_equal(new.fit.constants, old.fit.constants)


def test_of_a_run_without_fits_the_journal_has_one_of_the_same_sharing_and_error(run: Path) -> None:
    first = gather(run).result.keys()["runners_up"][0]
    journal = run / "steps.jsonl"
    steps = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    own = next(step for step in steps if step.get("formula") == first["formula"] and step["score"]["fit"])
    wide = json.loads(json.dumps(own))
    wide["recipe"][3] = 1.0
    wide["score"]["folds"] = [error / 2 for error in own["score"]["folds"]]
    wide["score"]["fit"]["constants"] = [7.0 for _ in own["score"]["fit"]["constants"]]
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(wide) + "\n")
    weights = gather(run).session.problem.fold_weights
    for step in (own, wide):
        changed(run, runners_up=[first | {"inner_error": inner_error(figures_of(step), weights)}])
        assert gather(run).runners_up[0].fit.constants.ravel().tolist() == step["score"]["fit"]["constants"]
    changed(run, runners_up=[first | {"shared": ["E"]}])
    assert gather(run).runners_up == []


def test_the_report_says_which_constants_of_a_rival_all_groups_share(run: Path) -> None:
    content = gather(run)
    rival = content.rivals[0]
    name, *_ = rival.fit.structure.constants
    tied = replace(rival.fit, structure=replace(rival.fit.structure, shared=frozenset((name,))))
    told = [formula.name for formula in _formulas(replace(content, rivals=(rival, replace(rival, fit=tied))))]
    assert told[1] == f"{told[0]}; one {name} for all groups"


def test_the_far_point_has_the_columns_of_near_tied_laws_as_well(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.report.beyond_plots.drawn", lambda content: units(content)[:1])
    content = gather(run)
    assert content.ensemble is not None
    assert set(content.ensemble.inputs) == {"params", "tokens"}
    narrow = replace(content.document, formula=content.document.formula.replace("tokens", "params"))
    found = beyond(replace(content, document=narrow))
    assert found is not None
    assert set(found.at) == {"params", "tokens"}
