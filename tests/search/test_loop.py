"""The loop: the same course every time, exact budgets, and what happens when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import parse
from discover.fitting import Recipe, Structure
from discover.law import get_law
from discover.proposers import Candidate, Told
from discover.proposers.library import Library
from discover.runs.journal import encode
from discover.runs.records import step_line, step_note, step_record
from discover.scoring import Problem, Refused, Score, Scorer
from discover.search import SearchConfig, SearchResult, Step, pool, search
from discover.search.loop import EPOCH, FINAL_SHARE, ISLANDS
from discover.search.tasks import Job
from tests.scoring.problems import problem_from
from tests.search import course as module
from tests.search.course import course, problem, run


@pytest.fixture(scope="module")
def alone() -> tuple[SearchResult, list[Step]]:
    return run()


class Lister:
    """Proposes formulas from a list, and notes what it hears."""

    name = "lister"

    def __init__(self, *formulas: str, recipe: Recipe = Recipe()) -> None:
        self.formulas = list(formulas)
        self.recipe = recipe
        self.heard: list[Told] = []
        self.dropped: list[Candidate] = []
        self.closed = 0

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        out, self.formulas = self.formulas[:n], self.formulas[n:]
        return [Candidate(Structure(parse(text, ["tokens"])), self.recipe, "lister:x") for text in out]

    def tell(self, results: Sequence[Told]) -> None:
        self.heard += results

    def drop(self, candidate: Candidate, reason: str) -> None:
        self.dropped.append(candidate)

    def close(self) -> None:
        self.closed += 1


# -- the same course -----------------------------------------------------------------------------------------


def test_the_same_seed_takes_the_same_course(alone) -> None:
    assert course(*run()) == course(*alone)
    assert course(*run(seed=4)) != course(*alone)


def test_the_same_course_in_a_fresh_process_with_two_workers(alone) -> None:
    """Neither the number of workers nor the order of sets and the history of the process matter."""
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, str(module.__file__), "3", "40", "2"],
        env=environment, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert done.stdout.rstrip("\n") == course(*alone)


def test_a_worker_that_is_killed_does_not_change_the_course(alone, monkeypatch) -> None:
    pools: list[pool.Pool] = []
    begin, killed = pool.Pool.__enter__, list[object]()
    monkeypatch.setattr(pool.Pool, "__enter__", lambda self: pools.append(self) or begin(self))

    def kill(step: Step) -> None:
        if step.index == 5:
            executor = pools[0]._executor
            assert executor is not None
            killed.append(executor)
            os.kill(next(iter(executor._processes)), signal.SIGKILL)

    assert course(*run(workers=2, on_step=kill)) == course(*alone)
    assert pools[0]._executor not in (None, *killed)  # others took over


def test_known_scores_are_not_computed_again(alone, monkeypatch) -> None:
    result, steps = alone

    def known(some: list[Step]) -> dict[int, dict[str, Score]]:
        """Their scores as a journal has them."""
        scores: dict[int, dict[str, Score]] = {}
        for step in some:
            scores.setdefault(step.batch, {})[step.told.candidate.key] = step.told.score
        return scores

    scored: list[Job] = []
    score = Job.run
    monkeypatch.setattr(Job, "run", lambda job, bench: scored.append(job) or score(job, bench))
    assert course(*run(known=known(steps))) == course(result, steps)
    assert all(job.closer for job in scored)
    for torn in (20, EPOCH):
        scored.clear()
        assert course(*run(known=known(steps[:torn]))) == course(result, steps)
        assert sum(not job.closer for job in scored) == len(steps) - torn


def test_a_search_with_a_journal_goes_as_one_that_hears_of_every_law(alone) -> None:
    result, steps = run(note=step_note)
    assert (result.finalists, result.stopped, result.proposers) == (
        alone[0].finalists, alone[0].stopped, alone[0].proposers,
    )  # fmt: skip
    assert [step_line(s) for s in steps] == [encode(step_record(s.told, s.status, s.batch)) for s in alone[1]]
    assert sum(s.told is None for s in steps) > 0
    assert all(s.told == t.told for s, t in zip(steps, alone[1], strict=True) if s.told is not None)


def test_a_larger_budget_begins_with_the_same_steps(alone) -> None:
    _, longer = run(evaluations=EPOCH * 4)
    same = EPOCH * 2  # whole batches
    assert [s.told.candidate.key for s in longer[:same]] == [s.told.candidate.key for s in alone[1][:same]]


# -- budgets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("evaluations", [1, EPOCH - 1, EPOCH, EPOCH + 1, 3 * EPOCH])
def test_the_budget_of_evaluations_is_exact(evaluations: int) -> None:
    result, steps = run(evaluations=evaluations)
    assert len(steps) == result.evaluations == evaluations
    assert [s.index for s in steps] == list(range(evaluations))
    assert result.stopped == "budget of evaluations reached"


def test_an_island_scores_nothing_twice_and_hardly_what_another_has_scored(alone) -> None:
    for seed, islands in ((1, 2), (2, 3)):
        _, steps = run(seed=seed, evaluations=120, islands=islands)
        for island in range(islands):
            keys = [s.told.candidate.key for s in steps if s.batch % islands == island]
            assert len(set(keys)) == len(keys)
        assert len({s.told.candidate.key for s in steps}) > 0.9 * len(steps)


def test_laws_of_the_library_are_scored_once(alone) -> None:
    _, steps = run(evaluations=160, islands=4)
    origins = [s.told.candidate.key for s in steps if s.told.candidate.origin.startswith("library:")]
    assert len(set(origins)) == len(origins) > 20


@pytest.mark.parametrize("tick", [2.0, 20.0])
def test_the_budget_of_time_is_kept_roughly(tick: float) -> None:
    now = 0.0

    def clock() -> float:
        return now

    def step(_: Step) -> None:
        nonlocal now
        now += tick

    result, steps = run(evaluations=None, seconds=400.0, clock=clock, on_step=step)
    wanted = 400.0 * (1 - FINAL_SHARE) / tick
    assert wanted <= len(steps) < wanted + EPOCH
    assert result.stopped == "budget of time reached"
    assert result.seconds == pytest.approx(len(steps) * tick)


def test_without_time_the_leaders_keep_their_scores() -> None:
    now = 0.0

    def step(_: Step) -> None:
        nonlocal now
        now += 1.0

    result, steps = run(evaluations=None, seconds=1.0, clock=lambda: now, on_step=step)
    assert len(steps) == EPOCH
    assert {t.score for t in result.finalists} <= {s.told.score for s in steps}


def test_a_budget_is_needed() -> None:
    with pytest.raises(InputError, match="needs a budget"):
        run(evaluations=None, seconds=None)


# -- what goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 7, EPOCH, EPOCH * ISLANDS])
def test_an_interrupted_search_gives_what_it_has(alone, at: int) -> None:
    def interrupt(step: Step) -> None:
        if step.index == at:
            raise KeyboardInterrupt

    result, steps = run(on_step=interrupt)
    assert result.stopped == "interrupted"
    assert len(steps) == at + 1
    assert result.evaluations == min(40, (at // EPOCH + 1) * EPOCH)  # the epoch was scored as a whole
    assert [s.told.score for s in steps] == [s.told.score for s in alone[1][: at + 1]]
    assert result.best.index < result.evaluations
    assert np.isfinite(result.fit.constants).all()


def test_an_error_of_the_listener_ends_the_search_and_closes_the_proposers() -> None:
    lister = Lister("E + A*tokens**(-a)")

    def fail(_: Step) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(on_step=fail, proposers=[lister])
    assert lister.closed == 1


def test_a_candidate_that_raises_is_refused_and_the_search_goes_on(monkeypatch) -> None:
    score = Scorer.score

    def touchy(self: Scorer, structure: Structure, *args, **options):
        if "exp" in structure.text:
            raise ZeroDivisionError("a" * 500)
        return score(self, structure, *args, **options)

    monkeypatch.setattr(Scorer, "score", touchy)
    lister = Lister("E + A*exp(-k*tokens)", "E + A*tokens**(-a)")
    result, steps = run(proposers=[lister])
    bad = next(s for s in steps if "exp" in s.told.candidate.structure.text)
    assert bad.told.score.reason.startswith("could not be scored: ZeroDivisionError: aaa")
    assert len(bad.told.score.reason) < 300
    assert not bad.status
    assert result.best.candidate.structure.text == "E + A*tokens**(-a)"


def test_duplicates_are_dropped_with_a_word_to_the_proposer() -> None:
    lister = Lister("E + A*tokens**(-a)", "B + C*tokens**(-k)", "E + A*log(tokens)", "E")
    result, steps = run(proposers=[lister])
    texts = [s.told.candidate.structure.text for s in steps]
    assert texts == ["E", "E + A*tokens**(-a)", "E + A*log(tokens)"]
    assert [c.structure.text for c in lister.dropped] == ["B + C*tokens**(-k)", "E"]
    assert [t.index for t in lister.heard] == [0, 1, 2]
    assert lister.closed == 1
    assert result.stopped == "no more candidates"


def test_no_law_at_all_is_said_with_a_reason(monkeypatch) -> None:
    def refuse(self: Scorer, *args, **options):
        raise ValueError("nothing works")

    monkeypatch.setattr(Scorer, "score", refuse)
    with pytest.raises(InputError, match=r"no law could be fitted.*nothing works"):
        run(evaluations=3)


def test_where_all_but_the_group_means_are_refused_the_search_goes_on(monkeypatch) -> None:
    score = Scorer.score

    def strict(self: Scorer, structure: Structure, *args, **options):
        return Refused(reason="implausible") if structure.features else score(self, structure, *args, **options)

    monkeypatch.setattr(Scorer, "score", strict)
    result, steps = run(evaluations=240)
    assert 200 < len(steps) <= 240
    assert not result.best.candidate.structure.features


def test_a_table_too_small_to_hold_rows_out_is_refused_at_once() -> None:
    x = np.array([1e6, 1e7])
    small = Table({"tokens": x}, x[:, None] ** -0.3, ("loss",), np.zeros(2, np.int64), ("all",))
    with pytest.raises(InputError, match=r"no rows can be held out.*rows: 2, groups: 1"):
        search(Problem(small, {"tokens": "scale"}, ("tokens",)), SearchConfig(evaluations=4, seconds=None))


def test_the_best_is_a_finalist_and_was_found_by_a_step(alone) -> None:
    result, steps = alone
    assert result.best is result.finalists[0]
    assert steps[result.best.index].told.candidate.attributed() == result.best.candidate
    rest = [t.penalty for t in result.finalists[1:]]
    assert rest == sorted(rest)
    assert result.best.score.fit is result.fit
    assert problem().table.n_groups == result.fit.constants.shape[0]


def test_a_published_law_is_one_whoever_proposes_it() -> None:
    library = Library(problem(), laws=[get_law("power_law_floor(tokens)")])
    steps: list[Step] = []
    lister = Lister("E + c*tokens**(-k)", "E + c*tokens**(-k)*log(tokens)", recipe=Recipe("huber", "log", 0.5))
    result = search(
        problem(), SearchConfig(evaluations=24, seconds=None), proposers=[library, lister], on_steps=steps.extend
    )
    listed = [step.told for step in steps if step.told.candidate.origin == "lister:x"]
    law, found = listed
    assert law.candidate.law == "power_law_floor(tokens)"
    assert law.candidate.published
    assert law.score.published
    assert law.candidate.structure.domains == library.laws[law.candidate.law_key].structure.domains
    assert not found.score.published
    assert law.candidate.attributed().origin == "library:power_law_floor(tokens)"
    assert found.candidate.attributed() is found.candidate
    assert not [told for told in result.finalists if told.candidate.attributed() != told.candidate]


def test_a_long_table_with_a_small_group_is_searched() -> None:
    n = 2400
    x = np.concatenate([np.geomspace(1e3, 1e6, n), np.geomspace(1e3, 1e6, 6)])
    group = np.repeat([0, 1], [n, 6])
    y = 2 + 5 * x**-0.3 + 0.2 * group + np.random.default_rng(0).normal(0, 0.002, n + 6)
    problem = problem_from({"x": x}, y, group=group, axes=("x",))
    result = search(problem, SearchConfig(evaluations=32, seconds=None))
    assert result.best.candidate.structure.features == ("x",)
