"""What a model is told: the task card, the best laws with their constants, and where they go wrong.

Everything comes from the declarations of the task and from its train rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from discover.arrays import Floats
from discover.data.relations import ranges_of
from discover.expressions import Expr, factors, terms, to_text
from discover.llm.prompt import Column, Elite, Pattern, TaskCard
from discover.proposers.base import Told
from discover.proposers.heldout import HeldOut
from discover.scoring import Problem

if TYPE_CHECKING:
    from discover.data.task_files import Knowledge
    from discover.data.tasks import Task


FEW_LEVELS = 24  # up to so many different values are called levels
BINS = 4  # ranges of a column in which residuals are averaged
PATTERNS = 4  # of a law
TELLING = 0.15  # of the residuals' spread: smaller mean residuals are noise


def task_card(task: Task, problem: Problem) -> TaskCard:
    """The declarations of a task, with ranges of its train rows."""
    table = problem.table
    targets = zip(table.target_names, table.targets.T, strict=True)
    return TaskCard(
        title=task.title or task.name,
        summary=task.summary,
        targets=tuple(_column(task, name, values, problem) for name, values in targets),
        features=tuple(_column(task, name, values, problem) for name, values in table.features.items()),
        n_rows=len(table),
        groups=_groups(task, problem),
        constants=problem.constants,
        knowledge=(*(_sentence(task, item) for item in task.knowledge), *_wanted(problem)),
    )


def _column(task: Task, name: str, values: Floats, problem: Problem) -> Column:
    known = task.column(name)
    levels = len(np.unique(values)) if name in problem.kinds else FEW_LEVELS + 1
    logged = " (decimal logarithm)" if known.scale == "log10" else ""
    return Column(
        name,
        (known.meaning or name) + logged,
        "" if known.unit == "1" else known.unit,
        float(values.min()),
        float(values.max()),
        levels if levels <= FEW_LEVELS else None,
        name in problem.axes,
    )


def _groups(task: Task, problem: Problem) -> str:
    if task.group is None or problem.table.n_groups < 2:
        return ""
    return f"{problem.table.n_groups} groups ({task.column(task.group).meaning or task.group})"


def _sentence(task: Task, item: Knowledge) -> str:
    target = " and ".join(task.target)
    reason = f" ({item.reason})" if item.reason else ""
    if item.kind == "monotone":
        verb = "rise" if item.direction == "decreasing" else "fall"
        where = " beyond the data" if item.eventually else ""
        return f"{target} does not {verb} with {item.feature}{where}{reason}"
    low = "" if item.lower is None else f"at least {item.lower:g}"
    high = "" if item.upper is None else f"at most {item.upper:g}"
    return f"{target} is {' and '.join(filter(None, (low, high)))}{reason}"


def _wanted(problem: Problem) -> Iterator[str]:
    if problem.target_scale:
        places = ", ".join(f"{name} = {value:.4g}" for name, value in problem.target_scale.items())
        yield f"the law will be used at {places}"


def elite_of(told: Told, label: str, problem: Problem, error: float, held_out: HeldOut | None = None) -> Elite:
    """A scored law for the prompt, with constants and residual patterns.

    Args:
        told: a law with a fit.
        label: its name in the prompt.
        problem: the train rows.
        error: its extrapolation error inside the train rows.
        held_out: its misses on rows that were held out; without them it shows those of the fit to all rows.
    """
    fit = told.score.fit
    assert fit is not None
    structure = told.candidate.structure
    values = np.concatenate(fit.constants)  # a row per group and target
    low, high = np.nanmin(values, axis=0, initial=np.inf), np.nanmax(values, axis=0, initial=-np.inf)
    constants = tuple((name, float(low[i]), float(high[i])) for i, name in enumerate(structure.constants))
    shown = held_out or HeldOut(problem.table.features, -fit.residuals(problem.table))
    patterns = residual_patterns(shown, problem.table.target_names)
    shared = tuple(sorted(structure.shared))
    parts = tuple(to_text(part) for part in parts_of(structure.expr))
    return Elite(label, structure.text, error, constants, shared, patterns, parts, held_out is not None)


def parts_of(expr: Expr) -> tuple[Expr, ...]:
    """The terms of a sum, or the factors of a product; none where there is but one."""
    found = terms(expr)
    found = found if len(found) > 1 else tuple(factors(expr))
    return found if len(found) > 1 else ()


def residual_patterns(seen: HeldOut, targets: Sequence[str]) -> tuple[Pattern, ...]:
    """Where a law goes wrong: ranges of columns with the most telling mean residuals, at most `PATTERNS`.

    Args:
        seen: rows, and how far the law misses them.
        targets: their names.
    """
    found: list[tuple[float, Pattern]] = []
    for target, excess in zip(targets, seen.misses.T, strict=True):
        spread = float(np.sqrt(np.mean(excess**2)))
        if not (np.isfinite(spread) and spread > 0):
            continue
        for name, values in seen.features.items():
            for rows in ranges_of(values, BINS):
                mean = float(excess[rows].mean())
                if abs(mean) < TELLING * spread:
                    continue
                inside, which = values[rows], target if len(targets) > 1 else ""
                pattern = Pattern(name, float(inside.min()), float(inside.max()), int(rows.sum()), mean, which)
                found.append((abs(mean) / spread * float(np.sqrt(rows.sum())), pattern))
    found.sort(key=lambda item: -item[0])
    return tuple(pattern for _, pattern in found[:PATTERNS])


def shown(elites: Sequence[Told], count: int, rng: np.random.Generator) -> list[Told]:
    """Laws for a prompt: the best, then some of the others at random, so that prompts differ; best first."""
    best: dict[str, Told] = {}
    for told in elites:
        if told.score.fit is not None:
            best.setdefault(told.candidate.law_key, told)
    laws = list(best.values())
    top, rest = laws[: (count + 1) // 2], laws[(count + 1) // 2 :]
    picks = sorted(rng.permutation(len(rest))[: count - len(top)].tolist())
    return [*top, *(rest[i] for i in picks)]
