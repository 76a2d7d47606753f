"""What a run shows while it works: a live display on a terminal, else a line every few seconds."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from discover.cli.output import note, number, stderr
from discover.proposers.candidate import NO_LAW

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from discover.cli.llm_run import OpenModel
    from discover.proposers.base import Told
    from discover.runs.session import Session
    from discover.search import Step

LINE_EVERY_S = 5.0
DRAW_EVERY_S = 0.2
FEW_ANSWERS = 20  # of a model; fewer rarely hold a law that is worth the time


class Watcher:
    """Follows a search and shows it on stderr.

    Args:
        session: the run.
        quiet: show nothing.
        model: the language model of the run, if it has one.
    """

    def __init__(self, session: Session, quiet: bool, model: OpenModel | None = None) -> None:
        from discover.scoring import fold_weights

        self.session, self.quiet, self.model = session, quiet, model
        self.weights = fold_weights(session.problem)
        self.best: Told | None = None
        self.human: dict[str, float] = {}
        self.steps = 0
        self.fitted = 0
        self.seconds = 0.0
        self.shown = time.monotonic()
        self.live: Live | None = None
        self.paced = model is not None and bool(model.replayed)

    def __enter__(self) -> Watcher:
        if not self.quiet and sys.stderr.isatty():
            from rich.live import Live

            self.live = Live(console=stderr(), auto_refresh=False, transient=True)
            self.live.start()
            self.show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()

    @property
    def human_laws(self) -> tuple[str, ...]:
        """Laws of the library that were scored, from the smallest inner error."""
        return tuple(sorted(self.human, key=lambda law: (self.human[law], law)))

    def take(self, step: Step, seconds: float) -> None:
        """Notes a step, and shows the state if the last showing was long enough ago."""
        told = step.told
        self.steps, self.seconds = told.index + 1, seconds
        if self.best is None or told.merit < self.best.merit:
            self.best = told
        self._note_human(told)
        self._tell_news()
        every = DRAW_EVERY_S if self.live is not None else LINE_EVERY_S
        if not self.quiet and time.monotonic() - self.shown > every:
            self.shown = time.monotonic()
            self.show()

    def _tell_news(self) -> None:
        """What befell the language model, as soon as it is known."""
        if self.model is None or self.quiet:
            return
        session = self.model.proposer.session
        for text in session.news():
            note(f"model: {text}")
        if not self.paced and session.pace_s is not None:
            self.paced = True
            note(f"model: {pace(session.pace_s, session.settings.slots, self.session.config.budget_s)}")

    def tell(self, text: str) -> None:
        """Says what befell an engine."""
        if not self.quiet:
            note(text)

    def _note_human(self, told: Told) -> None:
        candidate = told.candidate.attributed()
        if not candidate.published or candidate.origin == NO_LAW:
            return
        law = candidate.origin.partition(":")[2]
        error = self._error(told)
        if math.isfinite(error):
            self.human[law] = min(error, self.human.get(law, math.inf))

    def _error(self, told: Told) -> float:
        from discover.runs.outcome import inner_error

        return inner_error(told.score, self.weights)

    def show(self) -> None:
        """Shows the state now."""
        if self.live is not None:
            self.live.update(self._panel(), refresh=True)
            return
        best = "" if self.best is None else f"; best inner error {number(self._error(self.best), 3)}"
        human = self._best_human()
        best += f", human {number(human[1], 3)}" if human else ""
        formula = "" if self.best is None else f": {self.best.candidate.structure.text}"
        note(f"{self._clock()}, {self._count()}{best}{formula}")
        if self.model is not None:
            note(f"  model: {self.model.proposer.status_line}")

    def _panel(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_row(Text(self.session.task.name, style="bold"), Text(f"{self._clock()}, {self._count()}"))
        if self.best is not None:
            formula = Text(self.best.candidate.structure.text, overflow="ellipsis", no_wrap=True)
            grid.add_row("best law", formula)
            grid.add_row("inner error", Text(self._errors()))
        if self.model is not None:
            grid.add_row("model", Text(self.model.proposer.status_line))
        return grid

    def _errors(self) -> str:
        assert self.best is not None
        text = number(self._error(self.best), 3)
        human = self._best_human()
        return text + (f" (best human law, {human[0]}: {number(human[1], 3)})" if human else "")

    def _best_human(self) -> tuple[str, float] | None:
        """The best of the task's own human laws, or of the library if none of them was scored yet."""
        own = {law: self.human[law] for law in self.session.task.baselines if law in self.human} or self.human
        return min(own.items(), key=lambda item: item[1]) if own else None

    def _clock(self) -> str:
        budget = self.session.config.budget_s
        return f"{self.seconds:.0f} s" + ("" if budget is None else f" of {budget:g} s")

    def _count(self) -> str:
        limit = self.session.config.evaluations
        rate = f" ({self.steps / self.seconds:.0f}/s)" if self.seconds > 1 else ""
        return f"{self.steps}{'' if limit is None else f' of {limit}'} laws{rate}"


def pace(answer_s: float, slots: int, budget_s: float | None) -> str:
    """How many answers a run can expect, and how to get more.

    Args:
        answer_s: seconds of the first answer.
        slots: calls in flight at a time.
        budget_s: seconds of the search; None for a search that ends by evaluations.
    """
    said = f"{answer_s:.1f} s an answer" if answer_s < 10 else f"{answer_s:.0f} s an answer"
    if budget_s is None:
        return said
    answers = int(slots * budget_s / max(answer_s, 0.1))
    said += f", about {answers:,} answers in {budget_s:g} s"
    if answers >= FEW_ANSWERS:
        return said
    minutes = math.ceil(max(2 * budget_s, FEW_ANSWERS * answer_s / slots) / 60)
    return f"{said}: give --budget {minutes}m for more"
