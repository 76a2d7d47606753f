"""Advisers join the team: their laws are bred, and they are paid by what these become."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import Recipe, Structure
from discover.proposers.bandit import Bandit
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.scoring import Problem
from discover.search import SearchConfig, SearchResult, Step, search

TRUE = "E + A*tokens**(-alpha) + B*exp(-k*log(tokens)**2)"
OTHERS = ["E + A*exp(-k*log(tokens))", "A*tanh(b*log(tokens))", "E + A/(k + tokens)"]


class Adviser:
    """Proposes formulas from a list, and remembers what descends from them."""

    name = "adviser"

    def __init__(self, formulas: Sequence[str]) -> None:
        self.formulas = list(formulas)
        self.line: set[int] = set()
        self.listened = 0
        self.heard: list[Told] = []
        self.dropped: list[Candidate] = []
        self.closed = False

    @property
    def ready(self) -> bool:
        return bool(self.formulas)

    def wait(self) -> bool:
        return False

    def listen(self, elites: Sequence[Told]) -> None:
        penalties = [told.penalty for told in elites]
        assert penalties == sorted(penalties)
        assert len({told.index for told in elites}) == len(elites)
        self.listened += 1

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        out, self.formulas = self.formulas[:n], self.formulas[n:]
        return [Candidate(Structure(parse(text, ["tokens"])), Recipe(), "adviser:new") for text in out]

    def tell(self, results: Sequence[Told]) -> None:
        self.heard += results
        for told in results:
            if told.candidate.origin == "adviser:new" or self.inspired(told.candidate):
                self.line.add(told.index)

    def inspired(self, candidate: Candidate) -> bool:
        return any(parent in self.line for parent in candidate.parents)

    def drop(self, candidate: Candidate, reason: str) -> None:
        self.dropped.append(candidate)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def problem() -> Problem:
    tokens = np.geomspace(1e7, 1e10, 16)
    noise = np.random.default_rng(0).normal(0, 0.003, 16)
    loss = 1.8 + 300.0 * tokens**-0.3 + noise
    table = Table({"tokens": tokens}, loss[:, None], ("loss",), np.zeros(16, dtype=np.int64), ("all",), None, None)
    return Problem(table, {"tokens": "scale"}, ("tokens",), {"tokens": "decreasing"}, constants=5)


def run(problem: Problem, *advisers: Adviser, evaluations: int = 96) -> tuple[SearchResult, list[Step]]:
    steps: list[Step] = []
    config = SearchConfig(seed=3, evaluations=evaluations, seconds=None)
    return search(problem, config, on_steps=steps.extend, advisers=advisers), steps


def test_a_search_with_a_silent_adviser_is_the_search_without_it(problem: Problem) -> None:
    alone, steps = run(problem)
    silent = Adviser([])
    together, same = run(problem, silent)
    assert [(s.told.candidate.key, s.told.score, s.status) for s in same] == [
        (s.told.candidate.key, s.told.score, s.status) for s in steps
    ]
    assert together.best.candidate.key == alone.best.candidate.key
    assert silent.listened == 96 // 16
    assert silent.closed


def test_laws_of_an_adviser_count_as_evaluations_and_are_bred(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid: list[tuple[str, bool]] = []
    reward = Bandit.reward
    monkeypatch.setattr(Bandit, "reward", lambda self, arm, pay: (paid.append((arm, pay)), reward(self, arm, pay))[1])
    adviser = Adviser([TRUE, *OTHERS, "E + A*tokens**(-alpha)"])
    found, steps = run(problem, adviser, evaluations=160)
    assert found.evaluations == len(steps) == 160
    assert [told.index for told in adviser.heard] == list(range(160))
    assert len(adviser.dropped) == 1  # the library had it
    origins = {step.told.candidate.origin.partition(":")[0] for step in steps if step.told.index in adviser.line}
    assert origins == {"adviser", "grammar"}
    tried = sum(step.told.candidate.origin == "adviser:new" for step in steps)
    made_best = [arm for arm, _ in paid].count("adviser") - tried
    assert made_best >= 0
    leaders = _leaders(steps)
    heirs = [s for s in leaders if s.told.index in adviser.line and s.told.candidate.origin != "adviser:new"]
    assert made_best == len(heirs)


def _leaders(steps: Sequence[Step]) -> list[Step]:
    """The steps that were the best when they were told."""
    best = np.inf
    found = []
    for step in steps:
        if step.told.penalty < best:
            best = step.told.penalty
            found.append(step)
    return found
