"""A model in the loop: what it is asked in the course of a search, and what its answers change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from discover.data.table import Table
from discover.data.tasks import load_task
from discover.llm.prompt import Brief, TaskCard
from discover.proposers.brief import task_card
from discover.proposers.families import Families, family_of
from discover.proposers.heldout import Judge
from discover.proposers.llm import LanguageModel
from discover.scoring import Problem, Scored, problem_of
from discover.search import SearchConfig, SearchResult, Step, search
from tests.search.course import problem as two_groups

from .played import Answer, played
from .test_prompt import CARD


def answer(*proposals: Mapping[str, Any], insight: str = "") -> str:
    rows = [{"rationale": "because", "shared": [], "constants": [], "recipe": "", **row} for row in proposals]
    return json.dumps({"insight": insight, "proposals": rows})


def in_turn(*answers: str) -> Answer:
    left = list(answers)
    return lambda _: left.pop(0) if left else answer()


def run(
    problem: Problem, answers: Answer, card: TaskCard = CARD, evaluations: int = 96, seed: int = 3
) -> tuple[SearchResult, list[Step], LanguageModel, list[str]]:
    session, prompts = played(answers)
    model = LanguageModel(problem, card, session, seed)
    steps: list[Step] = []
    config = SearchConfig(seed=seed, evaluations=evaluations, seconds=None)
    return search(problem, config, on_steps=steps.extend, advisers=[model]), steps, model, prompts


def test_a_question_is_never_paid_twice_and_the_first_names_no_laws_above() -> None:
    _, _, _, prompts = run(two_groups(), in_turn())
    assert len(set(prompts)) == len(prompts) > 1
    first, *later = prompts
    assert "above" not in first.splitlines()[-1]
    assert "Laws so far" not in first
    assert all("Laws so far" in prompt for prompt in later)


def test_the_search_repeats_itself_with_the_same_answers() -> None:
    def answers() -> Answer:
        return in_turn(
            answer({"formula": "E + A*exp(-k*log(tokens))"}, {"formula": "E + A/(1 + tokens/k)**b", "shared": ["b"]}),
            answer({"formula": "E - A*log(tokens)"}, {"formula": "E + A*tokens**("}),
        )

    first, second = run(two_groups(), answers()), run(two_groups(), answers())
    assert [(s.told.candidate.key, s.told.score, s.told.candidate.origin) for s in first[1]] == [
        (s.told.candidate.key, s.told.score, s.told.candidate.origin) for s in second[1]
    ]
    assert first[3] == second[3]
    assert any(s.told.candidate.origin.startswith("llm:") for s in first[1])


def hidden() -> Problem:
    """A loss with a second mechanism that the library does not have: a bump in the logarithm of tokens."""
    tokens = np.geomspace(1e7, 1e10, 24)
    bump = 0.25 * np.exp(-((np.log(tokens) - 18.5) ** 2) / 1.2)
    loss = 1.8 + 300.0 * tokens**-0.3 + bump + np.random.default_rng(0).normal(0, 0.002, 24)
    table = Table({"tokens": tokens}, loss[:, None], ("loss",), np.zeros(24, dtype=np.int64), ("all",))
    return Problem(table, {"tokens": "scale"}, ("tokens",), constants=7)


BUMP = "E + A*tokens**(-alpha) + B*exp(-(log(tokens/m))**2/w)"


def test_a_law_that_the_model_sees_wins_and_is_credited() -> None:
    right = {
        "formula": BUMP,
        "rationale": "a second mechanism around one size",
        "constants": ["0 < alpha < 1", "alpha = 0.3"],
        "recipe": "squared-value",
    }
    problem = hidden()
    with_model, _, model, prompts = run(problem, in_turn(answer(right, insight="there is a bump near 1e8")))
    config = SearchConfig(seed=3, evaluations=96, seconds=None)
    assert with_model.best.penalty < search(problem, config).best.penalty
    credit = model.credit(with_model.best)
    assert credit is not None
    assert (credit.call, credit.formula, credit.rationale) == (1, BUMP, right["rationale"])
    share = model.share(with_model.finalists)
    assert share["law"]["call"] == 1
    assert 0 < share["finalists"]["own"] + share["finalists"]["bred"] <= share["finalists"]["all"]
    assert any("there is a bump near 1e8" in prompt for prompt in prompts[1:])
    assert any("a second mechanism around one size (it held" in prompt for prompt in prompts[1:])


def test_a_model_whose_laws_do_not_pay_is_asked_less_and_less() -> None:
    *_, useless, _ = run(two_groups(), lambda _: answer({"formula": "E + A*"}), evaluations=320)
    assert useless.session.status.spent.calls <= 7  # of twenty batches
    assert useless.refused["formula"] + useless.refused["duplicate"] == useless.proposed


def test_an_edit_numbers_the_parts_of_its_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discover.proposers.llm.LONGEST_PAUSE", 0)
    monkeypatch.setattr("discover.proposers.llm.JOBS", ("fresh", "edit"))
    fresh = iter(f"E + A*tokens**(-{i / 16})" for i in range(1, 200))
    _, _, _, prompts = run(two_groups(), lambda _: answer({"formula": next(fresh)}), evaluations=160)
    jobs = [prompt.splitlines()[-1] for prompt in prompts]
    edits = [prompt for prompt, job in zip(prompts, jobs, strict=True) if job.startswith("Replace part (")]
    assert edits
    assert all("parts: (1) " in prompt for prompt in edits)


def test_held_out_misses_are_of_rows_that_the_constants_were_not_fitted_to() -> None:
    problem = hidden()
    found, steps, _, _ = run(problem, in_turn())
    told = next(
        s.told for s in steps if s.told.added and s.told.candidate.published and s.told.candidate.structure.features
    )
    seen = Judge(problem).held_out(told)
    assert seen is not None
    assert told.score.fit is not None
    assert seen.features["tokens"].min() > problem.table.features["tokens"].min()
    fitted = told.score.fit.residuals(problem.table)
    assert np.mean(seen.misses**2) > np.mean(fitted**2)
    assert found.best.score.folds


def test_families_that_stay_behind_are_told_with_their_usual_reason() -> None:
    _, steps, _, _ = run(two_groups(), in_turn(), evaluations=160)
    families = Families()
    for step in steps:
        score = step.told.score
        families.hear(step.told, float(np.mean(score.folds)) if isinstance(score, Scored) else np.inf)
    failed = families.failed(4)
    assert 0 < len(failed) <= 4
    assert all(family.tried >= 3 for family in failed)
    names = {family_of(step.told.candidate.structure.expr) for step in steps}
    assert {family.name for family in failed} <= names


def _prompts_of(problem: Problem, card: TaskCard) -> list[str]:
    return run(problem, in_turn(answer({"formula": "E - A*exp(-k*log_flops)"})), card, evaluations=48)[3]


def test_no_prompt_of_a_search_depends_on_sealed_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    task = load_task("easy_question")
    problem = problem_of(task)
    expected = _prompts_of(problem, task_card(task, problem))

    def closed(*_: object, **__: object) -> None:
        raise AssertionError("the sealed rows were opened")

    monkeypatch.setattr(type(task), "sealed", closed)
    again = problem_of(task)
    assert _prompts_of(again, task_card(task, again)) == expected
    numbers = " ".join(expected)
    highest = problem.table.features["log_flops"].max()
    assert f"{highest:.4g}" in numbers


def test_every_prompt_of_a_search_keeps_to_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    built = __import__("discover.proposers.llm", fromlist=["build_prompt"]).build_prompt

    def measured(brief: Brief, **options: Any) -> Any:
        prompt = built(brief, **options)
        sizes.append(prompt.tokens)
        return prompt

    monkeypatch.setattr("discover.proposers.llm.build_prompt", measured)
    long: Sequence[str] = ["word " * 60, "other " * 60]
    task = load_task("domain_mixture")
    problem = problem_of(task)
    card = replace(task_card(task, problem), knowledge=tuple(long))
    run(problem, in_turn(*(answer({"formula": "E + A*p1**a"}, insight=text) for text in long)), card, evaluations=48)
    assert max(sizes) <= 3000
