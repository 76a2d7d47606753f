"""What a run shows while it works: a live display on a terminal, else a line every few seconds."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from discover.cli.kernel_note import compile_kernel
from discover.cli.output import note, stderr, tell_notes, tell_problems
from discover.discovery import Course, Watcher
from discover.discovery.telling import best_human, lines, state
from discover.plain_data import number

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from discover.runs.inspection import Located

LINE_EVERY_S = 5.0
DRAW_EVERY_S = 0.2
FEW_ANSWERS = 20  # of a model; fewer rarely hold a law that is worth the time


class Shown(Watcher):
    """Shows a run on stderr.

    Args:
        quiet: show nothing.
        notes: what to tell before the run, besides what is to be told of the table; None to tell nothing.
    """

    def __init__(self, quiet: bool, notes: Sequence[str] | None = ()) -> None:
        self.quiet, self.notes = quiet, notes
        self.shown = time.monotonic()
        self.live: Live | None = None

    def opened(self, course: Course) -> None:
        self.course, self.model = course, course.model
        self.paced = self.model is not None and self.model.replayed
        if not self.quiet and self.notes is not None:
            tell_notes((*course.session.notes, *self.notes))
            for text in () if self.model is None else self.model.notes:
                note(f"note: {text}")
        compile_kernel()

    def problems(self, found: Sequence[Located]) -> None:
        if not self.quiet:
            tell_problems([one.text for one in found])

    @contextmanager
    def searching(self, course: Course) -> Iterator[None]:
        if self.quiet or not sys.stderr.isatty():
            yield
            return
        from rich.live import Live

        with Live(console=stderr(), auto_refresh=False, transient=True) as self.live:
            self.show()
            yield

    def step(self, course: Course) -> None:
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
            note(f"model: {pace(session.pace_s, session.settings.slots, self.course.session.config.budget_s)}")

    def event(self, text: str) -> None:
        if not self.quiet:
            note(text)

    def show(self) -> None:
        """Shows the state now."""
        if self.live is not None:
            self.live.update(self._panel(), refresh=True)
            return
        course = self.course
        best = "" if course.best is None else f"; best inner error {number(course.inner_error, 3)}"
        human = best_human(course)
        best += f", human {number(human[1], 3)}" if human else ""
        formula = f": {course.formula}" if course.formula else ""
        note(f"{state(course)}{best}{formula}")
        if self.model is not None:
            note(f"  model: {self.model.proposer.status_line}")

    def _panel(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        for place, (head, text) in enumerate(lines(self.course)):
            style = "" if place else "bold"
            grid.add_row(Text(head, style=style), Text(text, overflow="ellipsis", no_wrap=head == "best law"))
        return grid


class Beside(Watcher):
    """Of a run beside others, of which nothing is shown.

    Args:
        ended: when set, the run ends as it is, to be resumed.
    """

    def __init__(self, ended: Event) -> None:
        self.ended = ended

    def step(self, course: Course) -> None:
        if self.ended.is_set():
            raise CancelledError


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
