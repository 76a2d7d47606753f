"""PySR alone, with a package that plays recorded sessions in its place: its laws reach what they allow."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from discover.errors import FormulaError
from discover.fitting import Recipe
from discover.proposers import pysr
from discover.proposers.engine_proposer import Circumstances
from discover.proposers.logbook import Event, Logbook, Row
from discover.proposers.pysr import PySR
from discover.proposers.views import make_view
from discover.runs.config import TaskSource
from discover.runs.importing import structures_of
from discover.scoring import Scorer, problem_of
from discover.search import SearchConfig, search

HERE = Path(__file__).parent


def recordings(name):
    return [HERE / "recordings" / f"pysr-{version}" / f"{name}.json" for version in ("1.5.10", "2.0.0a2")]


def problem(name):
    task = TaskSource.of_task(name).load()
    return problem_of(task, task.train())


def rows(paths):
    for path in paths:
        for line in list(csv.reader(io.StringIO(json.loads(path.read_text())["hall_of_fame"])))[1:]:
            yield Row(int(line[0]), float(line[1]), line[2])


def bound(task, paths):
    """The best penalty of the recorded equations as they stand, fitted to all rows."""
    scorer = Scorer(task)
    proposer = PySR(task, Circumstances(True, Logbook()), ("unused",))
    columns = {f"x{i}": name for i, name in enumerate(task.kinds)}
    found = []
    for row in rows(paths):
        try:
            if row.equation.startswith("f = "):
                view = make_view("template", task, [], np.random.default_rng(0))
                assert view is not None
                structures = proposer.structures(row, view)
            else:
                structures, _, _ = structures_of(row.equation, columns, task.table, engine=True)
        except FormulaError:
            continue
        found += [scorer.penalty(scorer.score(structure, Recipe())) for structure in structures]
    assert math.isfinite(min(found))
    return min(found)


@pytest.mark.parametrize(
    ("name", "recorded", "evaluations"),
    [
        ("sft", "sft_template", 60),
        pytest.param("moe", "moe", 80, marks=pytest.mark.slow),
        pytest.param("vocab", "vocab", 120, marks=pytest.mark.slow),
        pytest.param("data_constrained", "data_constrained", 120, marks=pytest.mark.slow),
        pytest.param("lr_bsz", "lr_bsz", 120, marks=pytest.mark.slow),
    ],
)
def test_alone_it_reaches_what_the_recorded_equations_allow(monkeypatch, name, recorded, evaluations):
    task, paths, events = problem(name), recordings(recorded), list[Event]()
    monkeypatch.setenv("PYSR_RECORDINGS", os.pathsep.join(map(str, paths)))
    monkeypatch.setenv("PYTHONPATH", str(HERE / "stand_in"))
    circumstances = Circumstances(True, Logbook(on_event=events.append))
    proposer = PySR(task, circumstances, pysr.command())
    found = search(task, SearchConfig(0, evaluations, None), proposers=[proposer])
    (tally,) = (tally for tally in found.proposers if tally.name == "pysr")
    assert tally.finalists > 0
    assert tally.best_penalty <= bound(task, paths) + 0.01
    assert found.best.candidate.origin.startswith("pysr:")
    assert not [event for event in events if "no equation" not in event.text]
