"""What the search tried, as numbers for tables and plots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from discover.proposers.candidate import Origin
from discover.runs.journal import Record
from discover.runs.records import figures_of
from discover.scoring import Figures, Problem, inner_error, penalty


@dataclass(frozen=True)
class StepFacts:
    """One candidate.

    Attributes:
        index: number of the step, from 0.
        proposer, origin: who suggested it, and the move or the law.
        formula: as text.
        complexity: weighted nodes.
        n_constants: per group and target.
        inner_error: on the inner folds, in variances of the target; infinite if refused.
        penalty: by which the search ranks; infinite if refused.
        entered: the archive took it.
    """

    index: int
    proposer: str
    origin: str
    formula: str
    complexity: int
    n_constants: int
    inner_error: float
    penalty: float
    entered: bool


@dataclass(frozen=True)
class ProposerFacts:
    """What one proposer contributed.

    Attributes:
        scored: candidates; `usable` are those that were not refused, `entered` those that the archive took.
        leads: how often it found the best law so far.
    """

    name: str
    scored: int
    usable: int
    entered: int
    leads: int


def step_facts(problem: Problem, records: Sequence[Record]) -> tuple[StepFacts, ...]:
    """The steps of a journal.

    Raises:
        InputError: a record is damaged.
    """

    weights = problem.fold_weights
    found = []
    for record in records:
        score = figures_of(record)
        judged = isinstance(score, Figures) and len(score.folds) == len(weights)
        found.append(
            StepFacts(
                index=record["index"],
                proposer=Origin.of(record["origin"]).proposer,
                origin=record["origin"],
                formula=record["formula"],
                complexity=score.complexity,
                n_constants=score.n_constants,
                inner_error=inner_error(score, weights),
                penalty=penalty(score, weights) if judged else math.inf,
                entered=record["status"] != "refused",
            )
        )
    return tuple(found)


def leaders(steps: Sequence[StepFacts]) -> list[StepFacts]:
    """The steps that were the best so far, in their order."""
    best, found = math.inf, []
    for step in steps:
        if step.penalty < best:
            best = step.penalty
            found.append(step)
    return found


def by_proposer(steps: Sequence[StepFacts]) -> list[ProposerFacts]:
    """What every proposer contributed, the busiest first."""
    leading = {step.index for step in leaders(steps)}
    found = []
    for name in dict.fromkeys(step.proposer for step in steps):
        own = [step for step in steps if step.proposer == name]
        found.append(
            ProposerFacts(
                name=name,
                scored=len(own),
                usable=sum(math.isfinite(step.penalty) for step in own),
                entered=sum(step.entered for step in own),
                leads=sum(step.index in leading for step in own),
            )
        )
    return sorted(found, key=lambda facts: -facts.scored)


def front(steps: Sequence[StepFacts]) -> list[StepFacts]:
    """The laws that no simpler one beats in inner error, simplest first."""
    best, found = math.inf, []
    for step in sorted(steps, key=lambda s: (s.complexity, s.inner_error, s.index)):
        if step.inner_error < best:
            best = step.inner_error
            found.append(step)
    return found


def distinct(steps: Sequence[StepFacts], most: int) -> list[StepFacts]:
    """Every formula once, with its best recipe; at most so many, those of least inner error."""
    best: dict[str, StepFacts] = {}
    for step in steps:
        if math.isfinite(step.inner_error) and step.inner_error < getattr(
            best.get(step.formula), "inner_error", math.inf
        ):
            best[step.formula] = step
    return sorted(best.values(), key=lambda s: s.inner_error)[:most]
