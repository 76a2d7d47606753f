"""The language model as a proposer: questions to a `discover.llm` session, its formulas as candidates.

A call is asked at one batch and answered at some later one; the search never waits. What is asked depends on
the draws and on what was heard, what is handed over on the record, so a recorded run repeats itself.

A formula passes, in this order: the schema of an answer, the parser, the budget of constants, the domain of
the columns, and the check for duplicates. Every refusal is noted in the record with its reason, is told to
the model in later prompts, and counts as a try that did not pay.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from discover.errors import InputError
from discover.fitting import Recipe, Structure
from discover.llm.prompt import Brief, Failure, Job, JobKind, Prompt, TaskCard, build_prompt
from discover.llm.schema import Proposal, answer_patterns, answer_schema, clip, read_answer
from discover.llm.session import Session, format_status
from discover.llm.worker import Arrival
from discover.proposers.base import Told
from discover.proposers.brief import elite_of, shown
from discover.proposers.candidate import Candidate
from discover.proposers.grammar import recipes
from discover.proposers.validation import RefusedError, structure_of_text
from discover.scoring import Problem, Score, fold_weights

LAWS_SHOWN = 6
FAILURES_SHOWN = 10
RECIPES_TRIED = 2  # of every formula: which loss suits a law is not known beforehand
JOBS: dict[JobKind, float] = {"new": 0.3, "mutate": 0.35, "cross": 0.2, "repair": 0.15}
PATTERN_CONSTANTS = ("E", "A", "alpha", "B", "beta", "C", "gamma", "F", "k1", "k2")


@dataclass(frozen=True)
class _Question:
    """What was asked, and the laws that it named."""

    kind: JobKind
    parents: tuple[Told, ...]


@dataclass
class _Law:
    """A formula of the model on its way through the search.

    Attributes:
        number, place: of the call, and in its answer.
        formula: as the model wrote it.
        later: candidates to try once the one before has been fitted.
        added: one of them entered the archive.
        error: smallest extrapolation error.
        reason: why the last refused one was refused.
    """

    number: int
    place: int
    formula: str
    later: list[Candidate]
    added: bool = False
    tried: bool = False
    error: float = math.inf
    reason: str = ""


class LanguageModel:
    """Proposes what a language model writes.

    Args:
        problem: train rows and declared knowledge.
        card: what the model is told of the task, see `task_card`.
        session: with a model, live or replayed; closed together with the proposer.

    Raises:
        InputError: the description of the task does not fit the context.
    """

    name = "llm"

    def __init__(self, problem: Problem, card: TaskCard, session: Session) -> None:
        self.problem = problem
        self.card = card
        self.session = session
        settings = session.settings
        self._schema = answer_schema(
            settings.proposals, _patterns(problem) if settings.patterns else None, groups=problem.table.n_groups > 1
        )
        self._weights = fold_weights(problem)
        self._step = 0
        self._questions: dict[int, _Question] = {}
        self._queue: deque[Candidate] = deque()
        self._laws: dict[str, _Law] = {}
        self._tried: dict[str, float] = {}
        self._failures: deque[Failure] = deque(maxlen=FAILURES_SHOWN)
        self._repairable: deque[Failure] = deque(maxlen=FAILURES_SHOWN)
        self._wasted = 0
        self.proposed = 0
        self.accepted = 0
        self.refused = Counter[str]()
        self._prompt(self._brief(Job("new"), ()))

    # -- the contract of a proposer ---------------------------------------------------------------------

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        """Up to n candidates from answers that are there; asks the model when fewer are waiting."""
        step = self._step
        self._step += 1
        for arrival in self.session.collect(step):
            self._read(arrival, elites, rng)
        if len(self._queue) < n and self.session.ready:
            self._question(elites, rng, step)
        return [self._queue.popleft() for _ in range(min(n, len(self._queue)))]

    def tell(self, results: Sequence[Told]) -> None:
        for told in results:
            key, error = told.candidate.law_key, self._error(told.score)
            self._tried[key] = min(error, self._tried.get(key, math.inf))
            law = self._laws.get(key) if told.candidate.origin.startswith(f"{self.name}:") else None
            if law is not None:
                self._hear(law, told, error)

    def drop(self, candidate: Candidate, reason: str) -> None:
        """The search has tried it under the same recipe."""
        law = self._laws[candidate.law_key]
        law.reason = law.reason or reason
        self._go_on(law)

    def wasted(self) -> int:
        """Refused formulas since the last call."""
        count, self._wasted = self._wasted, 0
        return count

    def close(self) -> None:
        """Ends the calls in flight."""
        self.session.close()

    # -- for people -------------------------------------------------------------------------------------

    @property
    def status_line(self) -> str:
        """Calls, tokens, money and acceptance."""
        return format_status(self.session.status, self.proposed, self.accepted)

    def summary(self) -> dict[str, Any]:
        """What was asked, spent, proposed and refused, as plain data."""
        status = self.session.status
        spent = status.spent
        return {
            "calls": spent.calls,
            "prompt_tokens": spent.prompt,
            "answer_tokens": spent.answer,
            "tokens_estimated": spent.estimated,
            "cost": spent.cost,
            "proposed": self.proposed,
            "accepted": self.accepted,
            "refused": dict(sorted(self.refused.items())),
            "failed_calls": {reason.name.lower(): count for reason, count in sorted(status.failures.items())},
            "stopped": status.stopped,
            "notes": list(status.notes),
        }

    # -- asking -----------------------------------------------------------------------------------------

    def _question(self, elites: Sequence[Told], rng: np.random.Generator, step: int) -> None:
        laws = shown([told for told in elites if math.isfinite(self._error(told.score))], LAWS_SHOWN, rng)
        laws.sort(key=lambda told: self._error(told.score))  # the order that the prompt shows
        kind, places = self._job(len(laws), rng)
        labels = tuple(_label(i) for i in places)
        job = Job(kind, labels, self._repairable.popleft() if kind == "repair" else None)
        try:
            prompt = self._prompt(self._brief(job, laws))
        except InputError as error:  # the context shrank, because the server said that it is smaller
            self.session.stop(str(error))
            return
        number = self.session.ask(prompt.messages, self._schema, step)
        if number is not None:
            self._questions[number] = _Question(kind, tuple(laws[i] for i in places))

    def _prompt(self, brief: Brief) -> Prompt:
        """The prompt of a brief, within the room that the session has by now."""
        session = self.session
        return build_prompt(brief, context=session.context, max_tokens=session.max_tokens, count=session.count)

    def _job(self, laws: int, rng: np.random.Generator) -> tuple[JobKind, tuple[int, ...]]:
        """What to ask for, and the places of the laws that it names, better ones more often."""
        possible = {
            "new": True,
            "mutate": laws > 0,
            "cross": laws > 1,
            "repair": bool(self._repairable),
        }
        kinds = [kind for kind in JOBS if possible[kind]]
        shares = np.array([JOBS[kind] for kind in kinds])
        kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
        first = int(laws * rng.random() ** 2)
        second = int((laws - 1) * rng.random()) if laws > 1 else 0
        if kind == "cross":
            return kind, (first, second + (second >= first))
        return kind, (first,) if kind == "mutate" else ()

    def _brief(self, job: Job, laws: Sequence[Told]) -> Brief:
        elites = tuple(elite_of(told, _label(i), self.problem, self._error(told.score)) for i, told in enumerate(laws))
        return Brief(self.card, job, elites, tuple(self._failures), self.session.settings.proposals)

    # -- reading ----------------------------------------------------------------------------------------

    def _read(self, arrival: Arrival, elites: Sequence[Told], rng: np.random.Generator) -> None:
        number = arrival.request.number
        question = self._questions.pop(number)
        if not arrival.completion.text:
            return  # a failed call; the session counts it
        reading = read_answer(arrival.completion.text, 2 * self.session.settings.proposals)
        for place, proposal in enumerate(reading.proposals):
            self._take(number, place, proposal, question, elites, rng)
        for place, refused in enumerate(reading.refused, start=len(reading.proposals)):
            self._refuse(number, place, refused.text, "", "schema", refused.reason)

    def _take(
        self,
        number: int,
        place: int,
        proposal: Proposal,
        question: _Question,
        elites: Sequence[Told],
        rng: np.random.Generator,
    ) -> None:
        tried = self._recipes(question, elites, rng)
        try:
            structure = structure_of_text(self.problem, proposal.formula, proposal.shared)
            candidates = self._candidates(structure, tried, question)
            self._check_new(candidates[0].law_key)
        except RefusedError as error:
            self._refuse(number, place, proposal.formula, proposal.rationale, error.kind, str(error))
            return
        self.proposed += 1
        self._laws[candidates[0].law_key] = _Law(number, place, proposal.formula, candidates[1:])
        self._queue.append(candidates[0])
        self.session.proposed(
            number,
            place,
            {
                "formula": proposal.formula,
                "rationale": proposal.rationale,
                "law": structure.text,
                "refused": None,
            },
        )

    def _check_new(self, key: str) -> None:
        if key in self._tried:
            error = self._tried[key]
            found = f"its error is {error:.3g}" if math.isfinite(error) else "it was refused"
            raise RefusedError("duplicate", f"the same form was tried before; {found}")
        if key in self._laws:
            raise RefusedError("duplicate", "the same form was proposed before")

    def _candidates(self, structure: Structure, tried: Sequence[Recipe], question: _Question) -> list[Candidate]:
        parents = tuple(told.index for told in question.parents)
        return [Candidate(structure, recipe, f"{self.name}:{question.kind}", parents) for recipe in tried]

    def _recipes(self, question: _Question, elites: Sequence[Told], rng: np.random.Generator) -> list[Recipe]:
        """The recipe of the law that is varied, else of the best law, and another that good laws use."""
        options = recipes(self.problem)
        liked = [told.candidate.recipe for told in (*question.parents, *elites)]
        order = list(dict.fromkeys([*liked[:1], *_by_use(liked), *options]))
        others = order[1 : 1 + len(options)]
        chosen = [order[0]]
        if others and RECIPES_TRIED > 1:
            chosen.append(others[int(len(others) * rng.random() ** 2)])
        return chosen

    def _refuse(self, number: int, place: int, formula: str, rationale: str, kind: str, reason: str) -> None:
        self.proposed += 1
        self._wasted += 1
        self.refused[kind] += 1
        self.session.proposed(
            number,
            place,
            {"formula": formula, "rationale": rationale, "refused": reason, "check": kind},
        )
        if kind == "schema":
            formula = clip(formula, 60)  # any text, not a formula
        self._remember(formula, reason, repairable=kind in ("formula", "constants", "budget", "domain"))

    def _remember(self, formula: str, reason: str, repairable: bool) -> None:
        failure = Failure(clip(formula, 300), clip(reason, 200))
        if all(failure.formula != known.formula for known in self._failures):
            self._failures.appendleft(failure)
            if repairable:
                self._repairable.appendleft(failure)

    # -- hearing ----------------------------------------------------------------------------------------

    def _hear(self, law: _Law, told: Told, error: float) -> None:
        law.tried = True
        law.error = min(law.error, error)
        law.reason = told.score.refused or law.reason
        if told.added and not law.added:
            law.added = True
            self.accepted += 1
        if math.isfinite(error):
            self._go_on(law)
        else:
            self._conclude(law)

    def _go_on(self, law: _Law) -> None:
        """The next recipe, or the end of a formula's way."""
        if law.later:
            self._queue.appendleft(law.later.pop(0))
        else:
            self._conclude(law)

    def _conclude(self, law: _Law) -> None:
        """The outcome of a formula is known: what did not succeed is told to the model."""
        if not law.tried:
            self.refused["duplicate"] += 1
            self.session.dropped(law.number, law.place, law.reason)
            self._remember(law.formula, law.reason, repairable=False)
        elif not math.isfinite(law.error):
            self.refused["search"] += 1
            self._remember(law.formula, law.reason, repairable=True)
        elif not law.added:
            best = min(self._tried.values())
            reason = f"it fits, but its error is {law.error:.3g}; the best law has {best:.3g}"
            self._remember(law.formula, reason, repairable=False)

    def _error(self, score: Score) -> float:
        """Held-out error: weighted geometric mean over the inner folds, in variances of the target."""
        if score.refused is not None or not score.folds:
            return math.inf
        logs = np.log(np.maximum(score.folds, 1e-300))
        same = len(self._weights) == len(logs)
        return math.exp(float(np.average(logs, weights=self._weights if same else None)))


def _label(place: int) -> str:
    return chr(ord("A") + place)


def _by_use(used: Sequence[Recipe]) -> list[Recipe]:
    """Recipes from the most used to the least."""
    return [recipe for recipe, _ in Counter(used).most_common()]


def _patterns(problem: Problem) -> Mapping[str, str]:
    """The formula language with the task's columns and as many constants as it allows."""
    free = [name for name in PATTERN_CONSTANTS if name not in problem.kinds]
    limit = len(free) if problem.constants is None else max(2, problem.constants)
    return answer_patterns(tuple(problem.kinds), free[:limit])
