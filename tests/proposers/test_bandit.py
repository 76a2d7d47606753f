"""The bandit shares tries by how often they paid."""

from __future__ import annotations

from collections import Counter

import numpy as np

from discover.proposers.bandit import LEAST, Bandit


def played(pay: dict[str, float], rounds: int = 1500, **options: bool) -> Counter[str]:
    rng, bandit, drawn = np.random.default_rng(0), Bandit(tuple(pay), **options), Counter[str]()
    for _ in range(rounds):
        arm = bandit.draw(rng)
        drawn[arm] += 1
        bandit.reward(arm, bool(rng.random() < pay[arm]))
    return drawn


def test_what_pays_is_drawn_most_and_nothing_is_given_up() -> None:
    drawn = played({"good": 0.5, "fair": 0.2, "never": 0.0})
    assert drawn["good"] > 1000
    assert drawn["good"] > drawn["fair"] > drawn["never"]
    assert drawn["never"] > 0.5 * LEAST * 1500


def test_what_begins_to_pay_is_found_again() -> None:
    rng, bandit = np.random.default_rng(1), Bandit(("old", "new"))
    for i in range(2000):
        arm = bandit.draw(rng)
        bandit.reward(arm, bool(rng.random() < (0.6 if (arm == "old") == (i < 800) else 0.02)))
    assert bandit.shares["new"] > 0.4 > bandit.shares["old"]


def test_an_arm_that_does_not_forgive_keeps_its_record() -> None:
    bandit = Bandit(("a", "b"), forgives=False)
    for _ in range(30):
        bandit.reward("a", False)
    before = bandit.shares["a"]
    for _ in range(200):
        bandit.reward("b", True)
    assert bandit.shares["a"] == before


def test_arms_that_do_not_exist_are_passed_over() -> None:
    bandit = Bandit(("a",))
    bandit.reward("b", True)
    assert bandit.shares == {"a": 1 / 3}


def test_only_allowed_arms_are_drawn() -> None:
    rng, bandit = np.random.default_rng(0), Bandit(("a", "b", "c"))
    assert {bandit.draw(rng, ("b", "c")) for _ in range(60)} == {"b", "c"}


def test_equal_generators_draw_equal_arms() -> None:
    assert played({"a": 0.3, "b": 0.4}, 200) == played({"a": 0.3, "b": 0.4}, 200)
