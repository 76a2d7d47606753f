"""What every proposer promises. A proposer's test class inherits `ProposerContract` and gives one fixture, `make`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from discover.data.table import Table
from discover.expressions import evaluate
from discover.proposers import Candidate, Told
from discover.proposers.base import Proposer, Waiting
from discover.scoring import Problem, Scorer
from discover.search.archive import Archive
from tests.scoring.problems import with_cuts

Make = Callable[[Problem], Proposer]


def plain_problem() -> Problem:
    """A power law in two columns with a floor, without groups."""
    rng = np.random.default_rng(3)
    params, tokens = 10 ** rng.uniform(7, 9.5, 60), 10 ** rng.uniform(9, 11, 60)
    loss = 1.7 + 400 * params**-0.34 + 410 * tokens**-0.28 + rng.normal(0, 0.003, 60)
    kinds: dict[str, Any] = {"params": "scale", "tokens": "scale"}
    return Problem(_table({"params": params, "tokens": tokens}, loss), kinds, ("params",), constants=7)


def grouped_problem() -> Problem:
    """Three groups that share an exponent."""
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(3), 14)
    n = 10 ** rng.uniform(2, 5, 42)
    loss = np.array([1.0, 1.5, 2.0])[group] + np.array([3.0, 6.0, 9.0])[group] * n**-0.25 + rng.normal(0, 0.002, 42)
    return Problem(_table({"n": n}, loss, group), {"n": "scale"}, ("n",), constants=4)


def _table(features: dict[str, Any], loss: Any, group: Any = None) -> Table:
    codes = np.zeros(len(loss), np.int64) if group is None else group
    names = tuple(f"g{i}" for i in range(int(codes.max()) + 1))
    return Table(features, loss[:, None], ("loss",), codes, names)


PROBLEMS = {"plain": plain_problem, "grouped": grouped_problem}


def drive(proposer: Proposer, problem: Problem, batches: int = 3, n: int = 6, seed: int = 0) -> list[Told]:
    """A small search by hand: ask, score, add, tell; waits where there is something to wait for."""
    rng = np.random.default_rng(seed)
    scorer, archive, told = Scorer(with_cuts(problem, 2)), Archive(), list[Told]()
    seen: set[str] = set()
    for _ in range(batches):
        fresh = [c for c in _asked(proposer, n, archive, rng) if c.key not in seen and not seen.add(c.key)]  # type: ignore[func-returns-value]
        results = []
        for candidate in fresh:
            score = scorer.score(candidate.structure, candidate.recipe)
            result = Told(len(told), candidate, score, scorer.penalty(score), added=False)
            status = archive.add(result)
            told.append(Told(result.index, candidate, score, result.penalty, bool(status)))
            results.append(told[-1])
        proposer.tell(results)
    return told


def _asked(proposer: Proposer, n: int, archive: Archive, rng: np.random.Generator) -> list[Candidate]:
    for _ in range(20):
        candidates = proposer.ask(n, archive.parents(), rng)
        if candidates or not isinstance(proposer, Waiting) or not proposer.wait():
            return candidates
    return []


def keys(told: Sequence[Told]) -> list[str]:
    return [t.candidate.key for t in told]


class ProposerContract:
    """Inherit, and give a fixture `make` that builds the proposer for a problem."""

    proposes = True
    """Whether the proposer is expected to have candidates."""
    other_origins: tuple[str, ...] = ()
    """What origins may begin with besides the proposer's name."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    @pytest.fixture(params=sorted(PROBLEMS))
    def problem(self, request: pytest.FixtureRequest) -> Problem:
        return PROBLEMS[request.param]()

    @pytest.fixture
    def proposer(self, make: Make, problem: Problem) -> Any:
        built = make(problem)
        yield built
        built.close()

    def test_candidates_are_laws_of_the_task(self, proposer: Proposer, problem: Problem) -> None:
        told = drive(proposer, problem)
        assert told or not self.proposes
        for t in told:
            structure = t.candidate.structure
            assert set(structure.features) <= set(problem.kinds)
            assert len(structure.constants) <= (problem.constants or math.inf)
            assert set(structure.shared) <= set(structure.constants)
            assert t.candidate.origin.partition(":")[0] in (proposer.name, *self.other_origins)

    def test_some_candidates_can_be_fitted(self, proposer: Proposer, problem: Problem) -> None:
        told = drive(proposer, problem)
        assert any(math.isfinite(t.penalty) for t in told) or not self.proposes

    def test_no_more_than_asked(self, proposer: Proposer, problem: Problem) -> None:
        rng = np.random.default_rng(0)
        for n in (1, 3, 8):
            assert len(proposer.ask(n, [], rng)) <= n

    def test_same_seed_same_candidates(self, make: Make, problem: Problem) -> None:
        runs = []
        for _ in range(2):
            proposer = make(problem)
            runs.append(keys(drive(proposer, problem)))
            proposer.close()
        assert runs[0] == runs[1]

    def test_guesses_are_finite_and_within_the_domain(self, proposer: Proposer, problem: Problem) -> None:
        for t in drive(proposer, problem, batches=2):
            structure = t.candidate.structure
            assert all(math.isfinite(v) for v in structure.guess.values())
            if structure.guess and set(structure.guess) == set(structure.constants):
                with np.errstate(all="ignore"):
                    values = evaluate(structure.expr, {**problem.table.features, **structure.guess})
                assert np.isfinite(values).any(), structure.text

    def test_drop_and_tell_of_others_do_no_harm(self, proposer: Proposer, problem: Problem) -> None:
        rng = np.random.default_rng(0)
        told = drive(proposer, problem, batches=1)
        for t in told:
            proposer.drop(t.candidate, "proposed before")
        others = [
            Told(t.index, Candidate(t.candidate.structure, t.candidate.recipe, "other:x"), t.score, t.penalty, True)
            for t in told
        ]
        proposer.tell(others)
        proposer.ask(4, others, rng)

    def test_close_may_come_at_any_time_and_twice(self, make: Make, problem: Problem) -> None:
        proposer = make(problem)
        proposer.close()
        proposer = make(problem)
        proposer.ask(4, [], np.random.default_rng(0))
        proposer.close()
        proposer.close()
