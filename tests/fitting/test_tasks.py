"""The benchmark's own laws, fitted to the train rows of its tasks, forecast as well as they can."""

from __future__ import annotations

import numpy as np
import pytest

from discover.data.tasks import load_task
from discover.fitting import FitResult, fit, recipe_from_text
from discover.law import get_law
from discover.law.intake import structure_of

# task, loss, mean R2 over targets on the rows that the task keeps for testing
KNOWN = [
    ("moe", "squared-log", 0.7032),
    ("sft", "squared", 0.9929),
    ("sft", "squared-log", 0.9944),
    ("parallel", "squared", 0.9999),
    ("parallel", "huber-log", 0.9999),
    ("domain_mixture", "squared", 0.978),
    ("vocab", "squared", 0.9735),
]


@pytest.mark.parametrize(("name", "loss", "known"), KNOWN)
def test_human_laws_reach_their_known_scores(name: str, loss: str, known: float) -> None:
    task = load_task(name)
    test = task.sealed()
    result = fit(structure_of(get_law(f"sld_{name}")), task.train(), recipe_from_text(loss))
    assert isinstance(result, FitResult)
    residuals = ((test.targets - result.predict(test.features, test.group)) ** 2).sum(axis=0)
    spread = ((test.targets - test.targets.mean(axis=0)) ** 2).sum(axis=0)
    assert float(np.mean(1 - residuals / spread)) == pytest.approx(known, abs=2e-3)


OBJECTIVES = [("domain_mixture", 0.2221), ("vocab", 14.1441), ("data_constrained", 10.4939), ("lr_bsz", 5.2608)]


@pytest.mark.parametrize(("name", "known"), OBJECTIVES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_seed_finds_the_best_known_optimum(name: str, known: float, seed: int) -> None:
    result = fit(structure_of(get_law(f"sld_{name}")), load_task(name).train(), seed=seed)
    assert isinstance(result, FitResult)
    assert result.objective <= known
