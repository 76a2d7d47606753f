"""Steps read back from the journal exactly."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import parse
from discover.fitting import POSITIVE, Domain, FitResult, Recipe, Structure, fit
from discover.plain_data import json_text
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.runs.journal import encode
from discover.runs.records import (
    candidate_of,
    known_scores,
    law_of,
    law_record,
    opened_record,
    step_line,
    step_note,
    step_record,
)
from discover.scoring import Refused, Score, Scored
from discover.search import AddStatus, Step
from discover.search.island import fingerprint

FEATURES, GROUPS, TARGETS = ("x",), ("a", "b"), ("loss",)


@pytest.fixture(scope="module")
def candidate() -> Candidate:
    structure = Structure(
        parse("E + A*x**(-alpha)", FEATURES),
        shared=frozenset(("alpha",)),
        domains={"A": POSITIVE, "alpha": Domain(0.1, 2.0)},
        guess={"alpha": 1 / 3},
    )
    return Candidate(structure, Recipe("huber", "log", 1e-2, 0.5), "grammar:add_term", (3, 1))


@pytest.fixture(scope="module")
def score(candidate: Candidate) -> Score:
    x = np.array([1.0, 2.0, 4.0, 8.0] * 2)
    table = Table({"x": x}, (2 + 3 * x**-0.7)[:, None], TARGETS, np.repeat([0, 1], 4), GROUPS)
    found = fit(candidate.structure, table, candidate.recipe)
    assert isinstance(found, FitResult)
    return Scored(train=0.1 + 0.2, folds=(1e-300, math.inf, 1 / 3), n_constants=3, complexity=11, fit=found)


def through_the_journal(told: Told, status: AddStatus) -> dict:
    return json.loads(encode(step_record(told, status)))


def test_a_line_that_was_begun_where_the_law_was_scored_is_that_of_the_whole_record(candidate, score) -> None:
    told = Told(16, candidate, score, 0.5, True)
    note = step_note(told, AddStatus.NEW)
    step = Step(5, 2, candidate.origin, (1, 0), fingerprint(candidate.key), 0.5, AddStatus.NEW, note, None)
    here = replace(told, index=5, candidate=candidate.descended((1, 0)))
    assert step_line(step) == encode(step_record(here, AddStatus.NEW, 2))


def test_a_score_reads_back_to_the_same_bits(candidate, score) -> None:
    record = through_the_journal(Told(5, candidate, score, 0.5, True), AddStatus.NEW)
    found = known_scores([record], FEATURES, GROUPS, TARGETS)[0][candidate.key]
    assert found == score
    assert found.fit.constants.tobytes() == score.fit.constants.tobytes()
    assert (found.fit.structure, found.fit.recipe) == (score.fit.structure, score.fit.recipe)
    assert found.fit.diagnostics == score.fit.diagnostics
    assert found.fit.objective == score.fit.objective


def test_a_law_of_a_result_reads_back_to_the_same_bits_with_its_numbers_in_a_row(score) -> None:
    text = json_text(law_record(score.fit))
    found = law_of(json.loads(text), FEATURES, GROUPS, TARGETS)
    assert found.constants.tobytes() == score.fit.constants.tobytes()
    assert (found.structure.expr, found.structure.shared) == (score.fit.structure.expr, score.fit.structure.shared)
    assert (found.structure.domains, found.recipe) == (score.fit.structure.domains, score.fit.recipe)
    assert found.diagnostics == score.fit.diagnostics
    row = next(line for line in text.splitlines() if '"constants"' in line)
    assert '"alpha": [0.1, 2.0, ' in text
    assert json.loads(row.partition(":")[2].rstrip(",")) == found.constants.ravel().tolist()


def test_a_law_of_a_result_without_its_fit_has_none_and_a_damaged_one_is_named(score) -> None:
    record = law_record(score.fit)
    assert law_of({"formula": record["formula"]}, FEATURES, GROUPS, TARGETS) is None
    record["fit"] = {**record["fit"], "constants": [1.0]}
    with pytest.raises(InputError, match="result is damaged at the law"):
        law_of(record, FEATURES, GROUPS, TARGETS)


def test_a_candidate_reads_back_equal_with_the_same_key(candidate, score) -> None:
    record = through_the_journal(Told(5, candidate, score, 0.5, True), AddStatus.NEW)
    found = candidate_of(record, FEATURES)
    assert found == candidate
    assert found.key == record["key"] == candidate.key
    assert (record["index"], record["status"]) == (5, "new")


def test_a_refused_candidate_keeps_its_reason(candidate) -> None:
    refused = Refused(reason="7 constants; the task allows 4", n_constants=7)
    record = through_the_journal(Told(0, candidate, refused, math.inf, False), AddStatus.REFUSED)
    assert known_scores([record, opened_record("run")], FEATURES, GROUPS, TARGETS) == {0: {candidate.key: refused}}


def test_a_damaged_step_is_named(candidate, score) -> None:
    record = through_the_journal(Told(5, candidate, score, 0.5, True), AddStatus.NEW)
    record["score"]["fit"]["constants"] = [1.0]
    with pytest.raises(InputError, match="damaged at step 5"):
        known_scores([record], FEATURES, GROUPS, TARGETS)
