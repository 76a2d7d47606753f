"""Operon for real: repeatable, whatever the workers, the kills and the interruptions."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest

from discover.errors import InputError
from discover.proposers import operon
from discover.proposers.engine_proposer import STALE, Circumstances
from discover.proposers.engines.operon import best_of_lengths
from discover.proposers.logbook import Answer, Event, Logbook
from discover.proposers.operon import Operon
from discover.search import SearchConfig, search
from tests.proposers.contract import drive, grouped_problem, plain_problem

TEAM = ("library", "grammar", "operon")


def course(found):
    return [(t.candidate.key, t.penalty) for t in found.finalists]


def test_without_the_package_the_reason_names_the_command(monkeypatch):
    monkeypatch.setattr(operon, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install pyoperon"):
        Operon(plain_problem(), Circumstances(True, Logbook()))


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing():
    runs = [search(plain_problem(), SearchConfig(0, 640, None, TEAM, workers)) for workers in (1, 2)]
    assert course(runs[0]) == course(runs[1])
    assert next(one for one in runs[0].proposers if one.name == "operon").answered > 0


@pytest.mark.slow
def test_until_the_engine_is_asked_the_search_is_the_same_as_without_it():
    problem, answers = plain_problem(), list[Answer]()
    alone = search(problem, SearchConfig(3, 16 * STALE, None, TEAM[:2]))
    assert course(alone) == course(search(problem, SearchConfig(3, 16 * STALE, None, TEAM)))
    search(problem, SearchConfig(3, 900, None, TEAM), logbook=Logbook(on_answer=answers.append))
    assert answers


@pytest.mark.slow
def test_killed_ten_times_a_search_ends_in_the_same_law():
    problem = plain_problem()
    results, events, kills = [], list[Event](), 0
    for murderous in (False, True):
        proposer = Operon(problem, Circumstances(True, Logbook(on_event=events.append)))

        def on_steps(steps, proposer=proposer, murderous=murderous):
            nonlocal kills
            worker = proposer._worker
            for step in steps:
                if murderous and kills < 10 and step.index % 6 == 0 and worker is not None and worker.pid is not None:
                    os.kill(worker.pid, signal.SIGKILL)
                    kills += 1

        results.append(course(search(problem, SearchConfig(0, 192, None), proposers=[proposer], on_steps=on_steps)))
        assert proposer._worker is not None
        assert proposer._worker.pid is None
        assert proposer._worker.folder is None
    assert kills == 10
    assert results[0] == results[1]
    assert any("started again" in event.text for event in events)
    assert not children_of(os.getpid())


def children_of(pid: int) -> list[str]:
    """Zombies and live children whose command is an engine."""
    out = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            line = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and (fields[0] == "Z" or b"engines" in line):
            out.append(status.parent.name)
    return out


@pytest.mark.slow
def test_a_resumed_search_uses_the_answers_it_had():
    problem, answers = plain_problem(), list[Answer]()
    config = SearchConfig(0, 900, None, ("grammar", "operon"))
    first = search(problem, config, logbook=Logbook(on_answer=answers.append))
    assert answers
    fresh = list[Answer]()
    again = search(problem, config, logbook=Logbook(known=answers, on_answer=fresh.append))
    assert course(first) == course(again)
    assert not fresh


@pytest.mark.parametrize("problem", [plain_problem(), grouped_problem()], ids=["plain", "grouped"])
def test_starting_values_are_near_the_fit(problem):
    proposer = Operon(problem, Circumstances(True, Logbook()))
    told = drive(proposer, problem, batches=6)
    proposer.close()
    guessed = [t for t in told if set(t.candidate.structure.guess) == set(t.candidate.structure.constants)]
    assert len(guessed) > len(told) / 2
    assert min(t.score.train for t in told if math.isfinite(t.score.train)) < 0.02


def test_the_best_of_every_length_are_read_and_equal_errors_once() -> None:
    equations = [[3, 0.5, "a"], [3, 0.2, "b"], [1, 0.9, "c"], [3, 0.2 * (1 + 1e-5), "d"], [3, 0.4, "e"]]
    assert [text for _, _, text in best_of_lengths(equations)] == ["c", "b", "e"]
