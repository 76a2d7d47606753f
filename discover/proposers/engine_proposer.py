"""What the symbolic-regression proposers have in common: views out, fronts in, candidates on.

An engine works beside the loop in a process of its own. At most one view is with it at a time; when a front is
used up the next view is chosen, of the kind that paid best. An answer comes into use a fixed number of epochs
after its question, and the search waits there if it must: so the course of the search does not depend on the
clock. With a budget of time it waits for some seconds only; and engines whose answers depend on the clock anyway are
used when they are there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from discover.errors import FormulaError
from discover.expressions import Expr, complexity, constant_names, evaluate, features_in, reduce_constants, terms
from discover.fitting import Structure
from discover.proposers.bandit import Bandit
from discover.proposers.base import Told
from discover.proposers.blocks import pick
from discover.proposers.candidate import Candidate, Origin
from discover.proposers.equations import read_equation
from discover.proposers.grammar import MAX_COMPLEXITY, recipes
from discover.proposers.literals import law_of, named
from discover.proposers.logbook import Answer, Logbook, Question, Ready, Row
from discover.proposers.surgery import places, without
from discover.proposers.untangling import untangle
from discover.proposers.views import LABELS, TEMPLATE, View, make_view
from discover.proposers.worker import Reply, Worker
from discover.scoring import Problem

LAG = 12  # epochs between question and answer, where the answer has a fixed place
STALE = 12  # epochs without a better law, after which an engine is asked
STALE_SHARE = 1 / 3  # of all epochs so far, that these must at least be
BETTER = 0.01  # of the penalty: a law is better by at least one per cent of its error
MOST_CUTS = 8  # terms that are cut from an equation to bring it within the budget of constants
MOST_FRUITLESS = 25  # answers in a row without anything new, after which nobody waits for another
PATIENCE_S = 5.0  # that a search with a budget of time waits for an answer that is due
NAP_S = 0.5  # that a search with a budget of time waits before it looks at the clock again
QUEUE = 12  # candidates waiting, above which the engine rests
SHORT_REST, LONG_REST = 16, 128  # epochs between an answer and the next question: where answers pay, where they do not


@dataclass(frozen=True)
class Circumstances:
    """How a search is run, as far as an engine must know.

    Attributes:
        patient: answers have a fixed place in the search, for which it waits.
        logbook: answers of earlier sessions, and who hears of new ones.
        seed: of the search.
        seconds: that the search may take, or None.
    """

    patient: bool
    logbook: Logbook
    seed: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class _Question:
    number: int
    view: View
    epoch: int


class EngineProposer:
    """A proposer that asks an engine; `question` and `worker` make it one of a kind.

    An engine takes processor time from the scoring of laws. So it is asked when the search has found nothing better for
    a while, and given a rest after every answer, which doubles with every answer of which nothing enters the archive
    before the next. Where nobody else has a candidate it is asked at once. Its random numbers are its own.

    Attributes:
        name: of the proposer and of the first part of its candidates' origins.
        package: of the engine.
        views: kinds of view that it works on.
        opening: kinds of view of the first questions, in this order, as far as the problem has them.
        limit_s: seconds after which a job is given up.
        repeatable: the same job has the same answer, whatever the clock says.
        early: it starts with the search rather than with its first question, because it takes long to start.
        questions: how many were asked, those of earlier sessions included.
        answers: how many of them brought an equation.
    """

    name = "engine"
    package = ""
    views: tuple[str, ...] = LABELS
    opening: tuple[str, ...] = ()
    limit_s = 60.0
    repeatable = True
    early = False

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        self.problem = problem
        self.patient = circumstances.patient
        self.logbook = circumstances.logbook
        grouped = problem.table.n_groups > 1
        kinds = [v for v in self.views if grouped or v not in ("one_group", "group_constants", TEMPLATE)]
        self.bandit = Bandit(kinds)
        self.questions = self.answers = 0
        self._opening = deque(kind for kind in self.opening if kind in kinds)
        self.positive = frozenset(name for name, v in problem.table.features.items() if np.all(v > 0))
        self.queue: deque[Candidate] = deque()
        self._worker: Worker | None = None
        self._rng = np.random.default_rng([circumstances.seed, *self.name.encode()])
        self._question: _Question | None = None
        self._asked = self._epochs = self._told = self._jobs = self._fruitless = 0
        self._owed = self._paid = False
        self._rest, self._rested = SHORT_REST, 0
        self._best, self._improved = math.inf, 0
        self._hurry = False
        self._patience_s = PATIENCE_S
        self._elites: Sequence[Told] = ()
        self._own: set[str] = set()

    # -- for the kinds of engine ------------------------------------------------------------------------------

    def worker(self) -> Worker:
        """The process that works."""
        raise NotImplementedError

    def question(self, view: View, seed: int) -> dict[str, Any]:
        """The job for a view."""
        raise NotImplementedError

    def structures(self, row: Row, view: View) -> list[Structure]:
        """Laws of the task that an equation stands for, with the engine's numbers as starting values.

        Raises:
            FormulaError: none, and why.
        """
        equation = read_equation(row.equation, view.meaning)
        if not features_in(equation):
            raise FormulaError("the equation does not depend on any column")
        return self.laws(untangle(view.law(equation), self.positive), view)

    # -- the contract ---------------------------------------------------------------------------------------

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        self._elites = elites
        if self.early:
            self._started().ready(0.0)
        if self._question is not None:
            self._receive()
        if self._question is None and len(self.queue) <= QUEUE and (self._hurry or self._due()):
            self._send()
        self._asked += 1
        return [self.queue.popleft() for _ in range(min(n, len(self.queue)))]

    @property
    def ready(self) -> bool:
        return bool(self.queue)

    def tell(self, results: Sequence[Told]) -> None:
        best = min((told.penalty for told in results), default=math.inf)
        self._epochs += 1
        if best < self._best - BETTER:
            self._improved = self._epochs
        self._best = min(best, self._best)
        self._told += len(results)
        for told in results:
            proposer, label = Origin.of(told.candidate.origin)
            if proposer != self.name:
                continue
            self.bandit.reward(label.removesuffix("_of_logs"), told.added)
            if told.added:
                self._paid = True
                self.queue.extend(self._variants(told))

    def drop(self, candidate: Candidate, reason: str) -> None:
        """A duplicate is a try that did not pay."""
        self.bandit.reward(Origin.of(candidate.origin).move.removesuffix("_of_logs"), False)

    def wait(self) -> bool:
        """Nobody has a candidate: the engine rests no longer, and the next `ask` waits for the answer under way."""
        resting, self._hurry = not self._hurry, True
        self._owed = self._question is not None and self._fruitless < MOST_FRUITLESS
        return self._owed or resting or bool(self.queue)

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()

    # -- questions ------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        """Whether the engine has rested, and the search has found nothing better for a good part of its way."""
        stale = self._epochs - self._improved
        return self._epochs >= self._rested and stale >= max(STALE, STALE_SHARE * self._epochs)

    def _send(self) -> None:
        """Chooses a view and gives it to the engine, unless an earlier session has the answer."""
        if self._worker is not None and self._worker.dead is not None:
            return
        view = self._choose(self._rng)
        seed = int(self._rng.integers(2**31))
        if view is None:
            return
        self._hurry = False
        self._patience_s = PATIENCE_S if self.repeatable else 0.0
        self._question = _Question(self._jobs, view, self._epochs)
        self._jobs += 1
        self.questions += 1
        if self.logbook.answer(self.name, self._question.number) is None:
            (rows, columns), groups = view.x.shape, len(np.unique(view.codes))
            self.logbook.on_question(
                Question(self.name, self._question.number, self._asked, self.engine, view.label, rows, columns, groups)
            )
            self._started().submit(self.question(view, seed), self.limit_s)

    @property
    def engine(self) -> str:
        """The engine's package and its version."""
        try:
            return f"{self.package} {version(self.package)}"
        except PackageNotFoundError:
            return self.package

    def _started(self) -> Worker:
        if self._worker is None:
            self._worker = self.worker()
        return self._worker

    def _note(self, text: str) -> None:
        self.logbook.note(self.name, text)

    def _note_ready(self, facts: Mapping[str, Any], seconds: float) -> None:
        self.logbook.on_ready(Ready(self.name, {name: str(value) for name, value in facts.items()}, seconds))

    def _choose(self, rng: np.random.Generator) -> View | None:
        while self._opening:
            view = make_view(self._opening.popleft(), self.problem, self._elites, rng)
            if view is not None:
                return view
        for _ in range(4):
            label = self.bandit.draw(rng)
            view = make_view(label, self.problem, self._elites, rng)
            if view is not None:
                return view
        return make_view("logs", self.problem, self._elites, rng)

    def _receive(self) -> None:
        """Takes the answer if it is there and its place in the search has come."""
        question = self._question
        assert question is not None
        old = self.logbook.answer(self.name, question.number)
        if old is not None:
            if old.asked == self._asked:
                self._use(question, old.rows)
            return
        due = self._owed or self._epochs - question.epoch >= LAG
        if self._worker is None or not (due or (not self.patient and not self.repeatable)):
            return
        if not self.patient and self._told < self.logbook.replayed:  # it was not used so far in an earlier session
            return
        reply = self._waited() if due else self._worker.reply()
        if reply is None:
            return
        if not reply.rows and reply.problem is None:
            self._note(f"question {question.number} ({question.view.label}): the engine found no equation")
        self.logbook.on_answer(Answer(self.name, question.number, self._asked, reply.rows))
        self._use(question, reply.rows)

    def _waited(self) -> Reply | None:
        """The reply, for which the search waits: to the end, or where time is short for a while."""
        assert self._worker is not None
        if self.patient:
            return self._worker.reply(self.limit_s + self._worker.start_s + 5.0)
        nap = NAP_S if self._owed else min(NAP_S, self._patience_s)
        if self.repeatable:
            nap, self._patience_s = max(nap, self._patience_s), 0.0
        return self._worker.reply(nap)

    def _use(self, question: _Question, rows: Sequence[Row]) -> None:
        self._question, self._owed = None, False
        self.answers += bool(rows)
        self._rest = SHORT_REST if self._paid else min(2 * self._rest, LONG_REST)
        self._rested, self._paid = self._epochs + self._rest, False
        if self._hurry and len(self.queue) <= QUEUE:
            self._send()  # the engine works while its last answer is read
        fresh: list[Candidate] = []
        for row in sorted(rows, key=lambda r: (r.complexity, r.loss)):
            try:
                found = self.structures(row, question.view)
            except FormulaError:  # of a hundred equations some are no laws of the task
                continue
            for structure in found:
                fresh += self._candidates(structure, question.view)
        self._fruitless = 0 if fresh else self._fruitless + 1
        if not fresh:
            self.bandit.reward(question.view.label.removesuffix("_of_logs"), False)
        self.queue = deque([*fresh, *self.queue])

    def _candidates(self, structure: Structure, view: View) -> list[Candidate]:
        candidate = Candidate(structure, view.recipe, f"{self.name}:{view.label}", view.parents)
        if candidate.law_key in self._own:
            return []
        self._own.add(candidate.law_key)
        return [candidate]

    # -- from equations to laws -----------------------------------------------------------------------------

    def laws(self, law: Expr, view: View) -> list[Structure]:
        """A tree with literals as structures within the limits of the task; longer ones are cut to size."""
        small = self._cut(law, view)
        options = (True, False) if view.pooled else (False,)
        out = [law_of(small, view.values, known=view.known, shared=view.shared, share_new=share) for share in options]
        for structure in out:
            if complexity(structure.expr) > MAX_COMPLEXITY:
                raise FormulaError(f"the law is more complex than {MAX_COMPLEXITY}")
        return out

    def _cut(self, law: Expr, view: View) -> Expr:
        """Leaves out the terms and factors that matter least until the constants are within the budget."""
        for _ in range(MOST_CUTS):
            if self._fits(law):
                return law
            law = self._without_least(law, view)
        if self._fits(law):
            return law
        raise FormulaError("the law has far more constants than the task allows")

    def _fits(self, law: Expr) -> bool:
        reduced = reduce_constants(named(law)[0])
        most = self.problem.constants
        return complexity(reduced) <= MAX_COMPLEXITY and (most is None or len(constant_names(reduced)) <= most)

    def _without_least(self, law: Expr, view: View) -> Expr:
        """The law without the part whose loss changes the shape of its values least."""
        mapping: dict[str, Any] = {**view.values, **view.known}
        with np.errstate(all="ignore"):
            whole = np.broadcast_to(evaluate(law, mapping), view.y.shape)
        best: tuple[float, Expr] | None = None
        for path, node in places(law):
            try:
                smaller = without(law, path) if path else None
            except FormulaError:
                continue
            if smaller is None or not features_in(smaller) or smaller == law or node in terms(smaller):
                continue
            with np.errstate(all="ignore"):
                change = np.broadcast_to(evaluate(smaller, mapping), view.y.shape) - whole
                size = float(np.std(change))
            if np.isfinite(size) and (best is None or size < best[0]) and complexity(smaller) < complexity(law):
                best = (size, smaller)
        if best is None:
            raise FormulaError("the law has more constants than the task allows, and no part of it can be left out")
        return untangle(best[1], self.positive)

    def _variants(self, told: Told) -> list[Candidate]:
        """A law that the archive took, under another recipe."""
        candidate = told.candidate
        other = pick([r for r in recipes(self.problem) if r != candidate.recipe], self._rng)
        return [replace(candidate, recipe=other, parents=(told.index,), inherited=told.values)]
