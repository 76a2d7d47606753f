"""Scores as plain data and back, so that a journal can hold them and a search be replayed from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from discover.fitting import Diagnostics, FitResult, Outcome, Recipe, Structure
from discover.scoring.problem import Problem
from discover.scoring.score import Score


def score_record(score: Score) -> dict[str, Any]:
    """A score as JSON-ready data; infinite figures become null. Floats keep their 64 bits."""
    record: dict[str, Any] = {
        "refused": score.refused,
        "train": _out(score.train),
        "folds": [_out(v) for v in score.folds],
        "wobble": _out(score.wobble),
        "n_constants": score.n_constants,
        "complexity": score.complexity,
    }
    if score.fit is not None:
        record["constants"] = [[[_out(v) for v in t] for t in g] for g in score.fit.constants.tolist()]
        record["objective"] = _out(score.fit.objective)
        record["outcomes"] = [o.value for o in score.fit.diagnostics.outcomes]
    return record


def score_from_record(record: Mapping[str, Any], problem: Problem, structure: Structure, recipe: Recipe) -> Score:
    """The score that a record was made of; the fit has its constants and how its search ended."""
    fit = None
    if "constants" in record:
        constants = np.array([[[_in(v, math.nan) for v in t] for t in g] for g in record["constants"]])
        table = problem.table
        fit = FitResult(
            structure, recipe, constants.reshape(table.n_groups, table.n_targets, len(structure.constants)),
            _in(record["objective"], math.inf), table.group_names, table.target_names,
            Diagnostics(tuple(Outcome(v) for v in record["outcomes"])),
        )  # fmt: skip
    return Score(
        refused=record["refused"],
        train=_in(record["train"], math.inf),
        folds=tuple(_in(v, math.inf) for v in record["folds"]),
        wobble=_in(record["wobble"], math.inf),
        n_constants=int(record["n_constants"]),
        complexity=int(record["complexity"]),
        fit=fit,
    )


def _out(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _in(value: float | None, missing: float) -> float:
    return missing if value is None else float(value)
