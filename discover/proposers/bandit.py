"""A bandit that shares tries among arms by how often they paid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DISCOUNT = 0.995  # of the past at every reward: what paid early need not pay late
LEAST = 0.02  # share of tries that every arm keeps


class Bandit:
    """Thompson sampling with discounted counts of tries and pays (Raj and Kalyani 2017, arXiv 1707.09727).

    Args:
        arms: names.
        forgives: whether the tries of other arms fade an arm's record, so that it is tried anew now and
            then; for arms whose tries cost money only their own tries do.
    """

    def __init__(self, arms: Sequence[str], *, forgives: bool = True) -> None:
        self.arms = tuple(arms)
        self.forgives = forgives
        self.paid = dict.fromkeys(self.arms, 1.0)
        self.unpaid = dict.fromkeys(self.arms, 2.0)

    def draw(self, rng: np.random.Generator, allowed: Sequence[str] | None = None) -> str:
        """An arm, at random in proportion to the chance that it is the best."""
        arms = self.arms if allowed is None else tuple(allowed)
        samples = rng.beta([self.paid[a] for a in arms], [self.unpaid[a] for a in arms])
        if rng.random() < LEAST * len(arms):
            return arms[int(rng.integers(len(arms)))]
        return arms[int(np.argmax(samples))]

    def reward(self, arm: str, paid: bool) -> None:
        """Record a try of an arm."""
        if arm not in self.paid:
            return
        for name in self.arms if self.forgives else (arm,):
            self.paid[name] = max(1.0, self.paid[name] * DISCOUNT)
            self.unpaid[name] = max(1.0, self.unpaid[name] * DISCOUNT)
        if paid:
            self.paid[arm] += 1.0
        else:
            self.unpaid[arm] += 1.0

    @property
    def shares(self) -> dict[str, float]:
        """Expected pay of every arm."""
        return {a: self.paid[a] / (self.paid[a] + self.unpaid[a]) for a in self.arms}
