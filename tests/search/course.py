"""A small problem, and the course of a search as text; run as a program, in a process of its own.

python course.py SEED EVALUATIONS WORKERS
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from discover.data.table import Table
from discover.scoring import Problem
from discover.search import SearchConfig, SearchResult, Step, search


def problem() -> Problem:
    """A loss that falls with tokens, in two groups."""
    tokens, group = np.tile(np.geomspace(1e7, 1e10, 12), 2), np.repeat([0, 1], 12)
    noise = np.random.default_rng(0).normal(0, 0.003, 24)
    loss = 1.8 + 0.2 * group + np.array([300.0, 500.0])[group] * tokens**-0.3 + noise
    table = Table({"tokens": tokens}, loss[:, None], ("loss",), group, ("a", "b"))
    return Problem(table, {"tokens": "scale"}, ("tokens",), {"tokens": "decreasing"}, constants=4)


def run(
    seed: int = 3,
    evaluations: int | None = 40,
    workers: int = 1,
    on_step: Callable[[Step], None] | None = None,
    seconds: float | None = None,
    islands: int = 2,
    **options: Any,
) -> tuple[SearchResult, list[Step]]:
    steps: list[Step] = []

    def note(told: Sequence[Step]) -> None:
        for step in told:
            steps.append(step)
            if on_step is not None:
                on_step(step)

    config = SearchConfig(seed=seed, evaluations=evaluations, seconds=seconds, workers=workers, islands=islands)
    return search(problem(), config, on_steps=note, **options), steps


def course(result: SearchResult, steps: list[Step]) -> str:
    """Every step and the outcome, floats to the last digit."""
    lines = [
        f"{s.index} {s.batch} {s.status.name} {s.told.penalty!r} {s.told.candidate.origin} {s.told.candidate.parents}"
        f" {s.told.candidate.key} {s.told.score}"
        for s in steps
    ]
    lines += [f"{t.index} {t.penalty!r} {t.candidate.structure.text}" for t in result.finalists]
    lines.append(f"{result.best.candidate.structure.text} {result.fit.constants.tolist()} {result.stopped}")
    return "\n".join(lines)


if __name__ == "__main__":
    seed, evaluations, workers = map(int, sys.argv[1:])
    print(course(*run(seed, evaluations, workers)))
