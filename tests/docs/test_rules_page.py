"""The rules: a page in step with them, and no figure without a meaning and a reason."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from discover.rules import RULES
from discover.scoring import make_folds
from tests.scoring.problems import chinchilla

SCRIPT = Path(__file__).parents[2] / "scripts" / "rules_page"


def test_the_page_is_in_step_with_the_rules() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("group", "name"), list(RULES.names()))
def test_every_rule_has_a_meaning_and_a_reason(group: str, name: str) -> None:
    about = RULES.about(group, name)
    assert about["meaning"]
    assert about["why"]
    assert about["without"] != getattr(getattr(RULES, group), name)


def test_a_rule_is_changed_by_its_name_and_the_others_stay() -> None:
    changed = RULES.with_value("folds", "decay", 1.0)
    assert changed.folds.decay == 1.0
    assert changed.guards == RULES.guards
    assert RULES.folds.decay < 1.0
    with pytest.raises(FrozenInstanceError):
        RULES.folds.decay = 1.0  # type: ignore[misc]


def test_a_problem_is_judged_by_its_own_rules() -> None:
    problem = chinchilla()
    even = replace(problem, rules=RULES.with_value("folds", "decay", 1.0))
    usual, alike = ([fold.weight for fold in make_folds(p)] for p in (problem, even))
    assert max(alike) < max(usual)
    assert np.sum(alike) == pytest.approx(np.sum(usual)) == pytest.approx(1.0)
