"""Guests come on top: the search's own course is untouched, and a guest that does not pay is hardly asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import Recipe, Structure
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.scoring import Problem
from discover.search import SearchConfig, SearchResult, Step, search
from discover.search.guests import PLACES, TRIAL
from discover.search.loop import BATCH

GOOD = "E + A*tokens**(-alpha) + B*exp(-k*log(tokens)**2)"


class Visitor:
    """Proposes formulas from a list, and notes what it hears."""

    name = "visitor"

    def __init__(self, formulas: Sequence[str]) -> None:
        self.formulas = list(formulas)
        self.asked: list[int] = []
        self.heard: list[Told] = []
        self.dropped: list[Candidate] = []
        self.closed = False

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        rng.random()
        self.asked.append(n)
        out, self.formulas = self.formulas[:n], self.formulas[n:]
        return [Candidate(Structure(parse(text, ["tokens"])), Recipe(), "visitor:new") for text in out]

    def tell(self, results: Sequence[Told]) -> None:
        self.heard += results

    def drop(self, candidate: Candidate, reason: str) -> None:
        self.dropped.append(candidate)

    def wasted(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def problem() -> Problem:
    tokens = np.geomspace(1e7, 1e10, 16)
    noise = np.random.default_rng(0).normal(0, 0.003, 16)
    loss = 1.8 + 300.0 * tokens**-0.3 + noise
    table = Table({"tokens": tokens}, loss[:, None], ("loss",), np.zeros(16, dtype=np.int64), ("all",), None, None)
    return Problem(table, {"tokens": "scale"}, ("tokens",), {"tokens": "decreasing"}, constants=5)


def run(problem: Problem, *guests: Visitor, evaluations: int = 96) -> tuple[SearchResult, list[Step]]:
    steps: list[Step] = []
    config = SearchConfig(seed=3, evaluations=evaluations, seconds=None)
    return search(problem, config, on_step=steps.append, guests=guests), steps


def test_the_search_goes_on_as_without_guests(problem: Problem) -> None:
    alone, steps = run(problem)
    visitor = Visitor([GOOD, "E - b*log(tokens)", "A*tokens**(-alpha)", "E + A/(k + tokens)"] * 3)
    together, all_steps = run(problem, visitor)
    own = [step for step in all_steps if not step.brought]
    assert [s.told.candidate.key for s in own] == [s.told.candidate.key for s in steps]
    assert [(s.told.score, s.status, s.batch) for s in own] == [(s.told.score, s.status, s.batch) for s in steps]
    assert together.best.merit <= alone.best.merit
    assert together.evaluations == alone.evaluations + len(all_steps) - len(own) > alone.evaluations
    assert [told.index for told in visitor.heard] == list(range(len(all_steps)))
    assert visitor.closed
    assert visitor.dropped


def test_a_guest_is_asked_once_beside_every_batch(problem: Problem) -> None:
    visitor = Visitor([])
    run(problem, visitor)
    assert visitor.asked == [PLACES] * (96 // BATCH)  # never paid nor tried: it has its trial before it


def test_a_guest_that_does_not_pay_is_hardly_asked(problem: Problem) -> None:
    useless = [f"A + exp({k}*tokens)" for k in range(2, 400)]
    visitor = Visitor(useless)
    run(problem, visitor, evaluations=640)
    later = visitor.asked[len(visitor.asked) // 2 :]
    assert sum(visitor.asked[: TRIAL // PLACES]) == TRIAL
    assert sum(later) < 0.4 * PLACES * len(later)


def test_what_a_guest_brings_is_varied(problem: Problem) -> None:
    visitor = Visitor([GOOD, "E + A*exp(-k*log(tokens))", "A*tanh(b*log(tokens))"])
    _, steps = run(problem, visitor, evaluations=320)
    origins = {step.told.candidate.origin.partition(":")[0] for step in steps if step.brought}
    assert origins == {"visitor", "polish"}
