"""The law of a long table: found on a part of the rows, its constants fitted to all of them."""

from __future__ import annotations

import numpy as np

from discover.fitting import FitResult, fit
from discover.law.storage import read
from discover.runs.config import TaskSource
from discover.runs.outcome import conclude
from discover.runs.session import Budget, begin, pursue
from discover.scoring import problem as scoring_problem


def test_constants_are_fitted_to_all_rows(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scoring_problem, "MOST_ROWS", 60)
    rng = np.random.default_rng(5)
    params = 10 ** rng.uniform(6, 9, 400)
    loss = 2 + 300 * params**-0.35 + rng.normal(0, 0.02, 400)
    rows = [f"{p:.8g},{y:.8g}" for p, y in zip(params, loss, strict=True)]
    (tmp_path / "runs.csv").write_text("\n".join(["params,loss", *rows]) + "\n")
    source = TaskSource.of_table(tmp_path / "runs.csv", {"target": "loss"})
    session = begin(source, 0, Budget(None, 6, 1), proposers=("library",))
    assert len(session.train) < 100
    found = pursue(session)
    conclude(session, found)
    law = read(session.folder.law_path)
    whole = session.task.train()
    assert law.domain["params"] == (whole.features["params"].min(), whole.features["params"].max())
    again = fit(found.fit.structure, whole, found.fit.recipe)
    assert isinstance(again, FitResult)
    values = law.constants[0].values
    for name, value in again.named(0, 0).items():
        assert abs(values[name] - value) <= 1e-3 * abs(value), (name, values)
