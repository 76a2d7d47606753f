"""Formulas that somebody wrote become structures, or are refused with a reason; and what a model is told."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest

from discover.data.table import Table
from discover.data.tasks import list_tasks, load_task
from discover.llm.prompt import Brief, Job, build_prompt
from discover.proposers.brief import residual_patterns, task_card
from discover.proposers.heldout import HeldOut
from discover.proposers.validation import RefusedError, structure_of_text
from discover.scoring import Problem, problem_of

from .test_adversarial import hostile


def problem(groups: int = 2) -> Problem:
    n = np.tile(np.geomspace(1e6, 1e9, 8), groups)
    share = np.tile(np.linspace(0.0, 0.7, 8), groups)
    group = np.repeat(np.arange(groups), 8)
    names = tuple(f"g{i}" for i in range(groups))
    table = Table({"n": n, "d": share}, (2 + n**-0.1)[:, None], ("loss",), group, names)
    return Problem(table, {"n": "scale", "d": "share"}, ("n",), constants=4)


@pytest.mark.parametrize(
    ("formula", "kind", "words"),
    [
        ("E + A*n**", "formula", ""),
        ("E + A*n.real", "formula", ""),
        ("__import__('os').system('id')", "formula", ""),
        ("E + foo(n)", "formula", "foo"),
        ("E + A*B", "column", "the columns are n, d"),
        ("n", "constants", "nothing to fit"),
        ("E + A*n if n > 1 else E", "formula", "a condition"),
        ("E + A*n**a + B*d**b + C*n*d", "budget", "6 constants; the task allows 4"),
        ("+".join(["sin(n)*n**2"] * 300), "size", "too large"),
        ("+".join(f"n**{i}*d**{i}" for i in range(2, 60)), "size", "too large"),
        ("E + A*log(d)", "domain", "log(d) has no finite value"),
        ("E + A/d", "domain", "no finite value"),
        ("E + A*exp(n)", "domain", "exp(n)"),
    ],
)
def test_formulas_are_refused_with_a_reason(formula: str, kind: str, words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        structure_of_text(problem(), formula)
    assert caught.value.kind == kind, str(caught.value)
    assert words in str(caught.value)


def test_a_law_of_numbers_alone_has_constants_that_start_there() -> None:
    structure, useless = structure_of_text(problem(), "1.7 + 400*n**-0.34")
    assert (structure.text, useless) == ("E + A*n**alpha", [])
    assert structure.guess == {"E": 1.7, "A": 400.0, "alpha": -0.34}


@pytest.mark.parametrize(
    "formula",
    [
        "loss = E + A/tokens^beta",
        "E + A·tokens^(−β)",
        r"L_0 + \frac{A}{D^{\alpha}}",
        "E + A*np.power(D, -alpha)",
        "E + A*math.exp(-b*math.log(D))",
    ],
)
def test_formulas_are_read_in_the_notations_that_models_write(formula: str) -> None:
    here = problem(groups=1)
    table = Table({"tokens": here.table.features["n"]}, here.table.targets, ("loss",), here.table.group, ("all",))
    structure, _ = structure_of_text(Problem(table, {"tokens": "scale"}, ("tokens",), constants=4), formula)
    assert structure.features == ("tokens",)
    assert len(structure.constants) == 3


def test_a_formula_becomes_a_structure_with_our_names() -> None:
    structure, _ = structure_of_text(problem(), "q*n**(-w) + 2*z*3", ("w", "unheard"))
    assert structure.text.count("n**") == 1
    assert len(structure.constants) == 3
    assert len(structure.shared) == 1
    assert structure_of_text(problem(groups=1), "q*n**(-w) + z", ("w",))[0].shared == frozenset()


def test_hostile_formulas_are_refused_or_fit_the_limits_in_bounded_time() -> None:
    here, refused = problem(), 0
    for text in islice(hostile(5), 3000):
        started = time.process_time()
        try:
            structure, _ = structure_of_text(here, text[:1000])
            assert len(structure.constants) <= 4
        except RefusedError:
            refused += 1
        assert time.process_time() - started < 30.0, text  # a hang
    assert 1000 < refused < 3000


def seen(here: Problem, misses: np.ndarray) -> HeldOut:
    return HeldOut(here.table.features, misses)


def test_residual_patterns_say_where_a_law_is_high_or_low() -> None:
    here = problem(groups=1)
    misses = np.where(here.table.features["n"] > 1e8, 0.2, -0.01)[:, None]
    pattern = residual_patterns(seen(here, misses), ["loss"])[0]
    assert (pattern.column, pattern.rows, pattern.high) in (("n", 2, pytest.approx(1e9)), ("d", 2, 0.7))
    assert pattern.excess == pytest.approx(0.2)
    assert residual_patterns(seen(here, np.zeros((8, 1))), ["loss"]) == ()
    assert residual_patterns(seen(here, np.full((8, 1), np.nan)), ["loss"]) == ()
    both = np.column_stack([misses, np.zeros(8)])
    assert {p.target for p in residual_patterns(seen(here, both), ["loss", "other"])} == {"loss"}


@pytest.mark.parametrize("name", list_tasks())
def test_every_task_has_a_card_that_fits_and_knows_train_rows_only(name: str) -> None:
    task = load_task(name)
    here = problem_of(task)
    card = task_card(task, here)
    prompt = build_prompt(Brief(card, Job("fresh")))
    assert prompt.tokens < 3000
    train = here.table
    for column in card.features:
        values = train.features[column.name]
        assert (column.low, column.high) == (values.min(), values.max())
        assert column.judged_beyond == (column.name in task.extrapolate)
    for i, column in enumerate(card.targets):
        assert (column.low, column.high) == (train.targets[:, i].min(), train.targets[:, i].max())
