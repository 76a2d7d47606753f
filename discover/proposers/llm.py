"""The language model as a proposer: questions to a `discover.llm` session, its formulas as candidates.

A call is asked at one epoch and answered at some later one; the search never waits. What is asked depends on
draws of its own and on what was heard, what is handed over on the record, so a recorded run repeats itself.
Its laws are bred like all others; what descends from one is remembered as of its line.

A formula passes, in this order: the schema of an answer, the parser, the budget of constants, the domain of
the columns, and the check for duplicates. Every refusal is noted in the record with its reason, is told to
the model in later prompts, and counts as a try that did not pay.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from discover.errors import InputError
from discover.fitting import Recipe, Structure
from discover.llm.prompt import Brief, Failure, Job, JobKind, Prompt, TaskCard, build_prompt
from discover.llm.provider import Message
from discover.llm.schema import Proposal, answer_patterns, answer_schema, clip, read_answer
from discover.llm.session import Session, format_status
from discover.llm.worker import Arrival
from discover.proposers.bandit import Bandit
from discover.proposers.base import Told
from discover.proposers.brief import elite_of, parts_of, shown
from discover.proposers.candidate import NO_LAW, Candidate, Origin
from discover.proposers.families import Families
from discover.proposers.grammar import recipes
from discover.proposers.heldout import Judge
from discover.proposers.hints import recipe_of
from discover.proposers.sketch import noise_floor, sketch
from discover.proposers.validation import RefusedError, structure_of_text
from discover.scoring import Problem, Refused, inner_error

LAWS_SHOWN = 6
FAILURES_SHOWN = 5
FAMILIES_SHOWN = 6
INSIGHTS_SHOWN = 4
RECIPES_TRIED = 2  # of every formula: which loss suits a law is not known beforehand
WAITING = 4  # candidates that wait, from which on no question is asked
LONGEST_PAUSE = 32  # epochs between answers without a law of use and the next question
JOBS: tuple[JobKind, ...] = ("fresh", "whole", "edit", "cross", "repair")
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
        kind: of the job that it answers.
        formula, rationale: as the model wrote them.
        later: candidates to try once the one before has been fitted.
        added: one of them entered the archive.
        error: smallest extrapolation error.
        reason: why the last refused one was refused.
    """

    number: int
    place: int
    kind: JobKind
    formula: str
    rationale: str
    later: list[Candidate]
    added: bool = False
    tried: bool = False
    error: float = math.inf
    reason: str = ""


@dataclass(frozen=True)
class Credit:
    """What a law owes to the model.

    Attributes:
        call: number of the call, from 1.
        formula, rationale: of the law in its answer.
        bred: the law descends from that one, by other proposers.
    """

    call: int
    formula: str
    rationale: str
    bred: bool


class LanguageModel:
    """Proposes what a language model writes.

    Args:
        problem: train rows and declared knowledge.
        card: what the model is told of the task, see `task_card`.
        session: with a model, live or replayed; closed together with the proposer.
        seed: of the draws.

    Raises:
        InputError: the description of the task does not fit the context.
    """

    name = "llm"

    def __init__(self, problem: Problem, card: TaskCard, session: Session, seed: int = 0) -> None:
        self.problem = problem
        self.card = card
        self.session = session
        settings = session.settings
        self._hints = not settings.patterns  # a model that needs patterns has no use for more fields
        patterns = _patterns(problem) if settings.patterns else None
        groups = problem.table.n_groups > 1
        self._schema = answer_schema(settings.proposals, patterns, groups=groups, hints=self._hints)
        self._sketch = sketch(problem)
        self._judge = Judge(problem)
        self._families = Families()
        self._jobs = Bandit(JOBS, forgives=False)
        self._insights: deque[str] = deque(maxlen=INSIGHTS_SHOWN)
        self._noise = noise_floor(problem)
        self._means = self._best = math.inf
        self._published: tuple[float, str] = (math.inf, "")
        self._rng = np.random.default_rng([seed, *self.name.encode()])
        self._step = 0
        self._rested = self._pause = 0
        self._questions: dict[int, _Question] = {}
        self._queue: deque[Candidate] = deque()
        self._laws: dict[str, _Law] = {}
        self._tried: dict[str, float] = {}
        self._failures: deque[Failure] = deque(maxlen=FAILURES_SHOWN)
        self._repairable: deque[Failure] = deque(maxlen=FAILURES_SHOWN)
        self._line: dict[int, _Law] = {}
        self._asked: set[tuple[Message, ...]] = set()
        self.proposed = 0
        self.accepted = 0
        self.refused = Counter[str]()
        self._prompt(self._brief(Job("fresh"), ()))

    # -- the contract of a proposer ---------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether a law of the model waits to be tried."""
        return bool(self._queue)

    def wait(self) -> bool:
        """The search never waits for a model."""
        return False

    def listen(self, elites: Sequence[Told]) -> None:
        """Reads the answers that are there, and asks the model unless enough of its laws wait to be tried."""
        step = self._step
        self._step += 1
        for arrival in self.session.collect(step):
            self._read(arrival, elites)
        self._rested += 1
        if len(self._queue) < WAITING and self._rested > self._pause and self.session.ready:
            self._question(elites, step)

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        """Up to n candidates from answers that were read."""
        return [self._queue.popleft() for _ in range(min(n, len(self._queue)))]

    def tell(self, results: Sequence[Told]) -> None:
        for told in results:
            key, error = told.candidate.law_key, self._error(told)
            self._tried[key] = min(error, self._tried.get(key, math.inf))
            self._compare(told, error)
            law = self._laws.get(key) if Origin.of(told.candidate.origin).proposer == self.name else None
            if law is not None:
                self._line[told.index] = law
                self._hear(law, told, error)
            elif (ancestor := self._ancestor(told.candidate)) is not None:
                self._line[told.index] = ancestor

    def inspired(self, candidate: Candidate) -> bool:
        """Whether one of the candidate's parents is a law of the model, or descends from one."""
        return self._ancestor(candidate) is not None

    def credit(self, told: Told) -> Credit | None:
        """The law of the model that this one is, or descends from."""
        law = self._line.get(told.index)
        if law is None:
            return None
        own = Origin.of(told.candidate.origin).proposer == self.name
        return Credit(law.number + 1, law.formula, law.rationale, not own)

    def _ancestor(self, candidate: Candidate) -> _Law | None:
        return next((self._line[i] for i in candidate.parents if i in self._line), None)

    def drop(self, candidate: Candidate, reason: str) -> None:
        """The search has tried it under the same recipe."""
        law = self._laws[candidate.law_key]
        law.reason = law.reason or reason
        self._go_on(law)

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

    def share(self, finalists: Sequence[Told]) -> dict[str, Any]:
        """What the first of the finalists owes to the model, and how many of them are its own or descend from these."""
        credits = [self.credit(told) for told in finalists]
        given = [credit for credit in credits if credit is not None]
        law = credits[0] if credits else None
        bred = sum(credit.bred for credit in given)
        return {
            "law": None if law is None else asdict(law),
            "finalists": {"all": len(credits), "own": len(given) - bred, "bred": bred},
        }

    # -- asking -----------------------------------------------------------------------------------------

    def _question(self, elites: Sequence[Told], step: int) -> None:
        rng = self._rng
        laws = shown([told for told in elites if math.isfinite(self._error(told))], LAWS_SHOWN, rng)
        laws.sort(key=lambda told: self._error(told))  # the order that the prompt shows
        job, places = self._job(laws)
        try:
            prompt = self._prompt(self._brief(job, laws, places))
        except InputError as error:  # the context shrank, because the server said that it is smaller
            self.session.stop(str(error))
            return
        if prompt.messages in self._asked:  # at the beginning there is but one question; it is paid once
            return
        number = self.session.ask(prompt.messages, self._schema, step)
        if number is not None:
            self._asked.add(prompt.messages)
            self._rested = 0
            self._questions[number] = _Question(job.kind, tuple(laws[i] for i in places))
            if job.failure is not None:
                self._repairable.remove(job.failure)

    def _prompt(self, brief: Brief) -> Prompt:
        """The prompt of a brief, within the room that the session has by now."""
        session = self.session
        return build_prompt(brief, context=session.context, max_tokens=session.max_tokens, count=session.count)

    def _job(self, laws: Sequence[Told]) -> tuple[Job, tuple[int, ...]]:
        """What to ask for, of the kinds that paid, and the places of the laws that it names, better ones more often."""
        rng, n = self._rng, len(laws)
        possible = {"edit": n > 0, "whole": n > 0, "cross": n > 1, "repair": bool(self._repairable)}
        kind = self._jobs.draw(rng, [kind for kind in JOBS if possible.get(kind, True)])
        first = int(n * rng.random() ** 2)
        second = int((n - 1) * rng.random()) if n > 1 else 0
        match kind:
            case "edit":
                parts = len(parts_of(laws[first].candidate.structure.expr))
                return Job("edit", (_label(first),), part=int(rng.integers(parts + 1))), (first,)
            case "cross":
                second += second >= first
                return Job("cross", (_label(first), _label(second))), (first, second)
            case "repair":
                return Job("repair", failure=self._repairable[0]), ()
            case "whole":
                return Job("whole"), ()
        return Job("fresh"), ()

    def _brief(self, job: Job, laws: Sequence[Told], named: Sequence[int] = ()) -> Brief:
        """The brief of a job; the laws that it names, and the best, are looked at on rows that were held out."""
        elites = []
        for i, told in enumerate(laws):
            held_out = self._judge.held_out(told) if i == 0 or i in named else None
            elites.append(elite_of(told, _label(i), self.problem, self._error(told), held_out))
        return Brief(
            self.card,
            job,
            tuple(elites),
            tuple(self._failures),
            self.session.settings.proposals,
            self._sketch,
            self._references(),
            self._families.failed(FAMILIES_SHOWN),
            tuple(self._insights),
            self._hints,
        )

    # -- reading ----------------------------------------------------------------------------------------

    def _read(self, arrival: Arrival, elites: Sequence[Told]) -> None:
        number = arrival.request.number
        question = self._questions.pop(number)
        if not arrival.completion.text:
            return  # a failed call; the session counts it
        self._pause = min(LONGEST_PAUSE, self._pause + 1)  # until one of its laws enters the archive
        reading = read_answer(arrival.completion.text, 2 * self.session.settings.proposals)
        if reading.insight:
            self._note(reading.insight)
        for place, proposal in enumerate(reading.proposals):
            self._take(number, place, proposal, question, elites)
        for place, refused in enumerate(reading.refused, start=len(reading.proposals)):
            self._refuse(number, place, refused.text, "", "schema", refused.reason)

    def _take(
        self,
        number: int,
        place: int,
        proposal: Proposal,
        question: _Question,
        elites: Sequence[Told],
    ) -> None:
        tried = self._recipes(question, elites, recipe_of(self.problem, proposal.recipe))
        try:
            structure, useless = structure_of_text(self.problem, proposal.formula, proposal.shared, proposal.constants)
            candidates = self._candidates(structure, tried, question)
            self._check_new(candidates[0].law_key)
        except RefusedError as error:
            self._refuse(number, place, proposal.formula, proposal.rationale, error.kind, str(error))
            return
        self.proposed += 1
        law = _Law(number, place, question.kind, proposal.formula, proposal.rationale, candidates[1:])
        self._laws[candidates[0].law_key] = law
        self._queue.append(candidates[0])
        self.session.proposed(
            number,
            place,
            {
                "formula": proposal.formula,
                "rationale": proposal.rationale,
                "law": structure.text,
                "recipe": candidates[0].recipe.text,
                "useless": useless,
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

    def _recipes(self, question: _Question, elites: Sequence[Told], said: Recipe | None) -> list[Recipe]:
        """The recipe that the model names, else that of its parent, else of the best law; and another of good laws."""
        options = recipes(self.problem)
        liked = [told.candidate.recipe for told in (*question.parents, *elites)]
        liked = liked if said is None else [said, *liked]
        by_use = [recipe for recipe, _ in Counter(liked).most_common()]
        order = list(dict.fromkeys([*liked[:1], *by_use, *options]))
        others = order[1 : 1 + len(options)]
        chosen = [order[0]]
        if others and RECIPES_TRIED > 1:
            chosen.append(others[int(len(others) * self._rng.random() ** 2)])
        return chosen

    def _refuse(self, number: int, place: int, formula: str, rationale: str, kind: str, reason: str) -> None:
        self.proposed += 1
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
        if isinstance(told.score, Refused):
            law.reason = told.score.reason
        if told.added and not law.added:
            law.added = True
            self.accepted += 1
            self._pause = 0
            if law.rationale and error <= self._best:
                self._note(f"{law.rationale} (it held: the best law, error {error:.3g})")
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
        self._jobs.reward(law.kind, law.added)
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

    def _compare(self, told: Told, error: float) -> None:
        """Notes what later errors are compared with."""
        self._families.hear(told, error)
        candidate = told.candidate.attributed()
        self._best = min(self._best, error)
        if candidate.origin == NO_LAW:
            self._means = error
        elif candidate.published:
            self._published = min(self._published, (error, Origin.of(candidate.origin).move))

    def _references(self) -> tuple[tuple[str, float], ...]:
        error, law = self._published
        named = [("the mean of every group", self._means), (f"the best published law ({law})", error)]
        if self._noise is not None:
            named.append(("the noise of repeated runs", self._noise))
        return tuple((name, value) for name, value in named if math.isfinite(value))

    def _note(self, insight: str) -> None:
        if insight not in self._insights:
            self._insights.appendleft(insight)

    def _error(self, told: Told) -> float:
        return inner_error(told.score, self.problem.fold_weights)


def _label(place: int) -> str:
    return chr(ord("A") + place)


def _patterns(problem: Problem) -> Mapping[str, str]:
    """The formula language with the task's columns and as many constants as it allows."""
    free = [name for name in PATTERN_CONSTANTS if name not in problem.kinds]
    limit = len(free) if problem.constants is None else max(2, problem.constants)
    return answer_patterns(tuple(problem.kinds), free[:limit])
