"""How far a run has come, in words, and the display of a notebook that follows it."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from discover.discovery.conducting import Course, Watcher
from discover.plain_data import number

DRAW_EVERY_S = 0.5


def state(course: Course) -> str:
    """Time, laws, whether the forecast has come to rest, and the workers of a cluster."""
    said = [_clock(course), _count(course), f"{'' if course.settled else 'not '}settled", course.crew]
    return ", ".join(filter(None, said))


def errors(course: Course) -> str:
    """The inner error of the best law, beside the best human law's."""
    human = best_human(course)
    return number(course.inner_error, 3) + (f" (best human law, {human[0]}: {number(human[1], 3)})" if human else "")


def best_human(course: Course) -> tuple[str, float] | None:
    """The best of the task's own human laws, or of the library if none of them was scored yet."""
    human = course.human
    own = {law: human[law] for law in course.session.task.baselines if law in human} or human
    return min(own.items(), key=lambda item: item[1]) if own else None


def lines(course: Course) -> list[tuple[str, str]]:
    """Heads and texts: the state, the best law and its error, and what a language model does."""
    told = [(course.session.task.name, state(course))]
    if course.best is not None:
        told += [("best law", course.formula), ("inner error", errors(course))]
    if course.model is not None:
        told.append(("model", course.model.proposer.status_line))
    return told


def _clock(course: Course) -> str:
    budget = course.session.config.budget_s
    return f"{course.seconds:.0f} s" + ("" if budget is None else f" of {budget:g} s")


def _count(course: Course) -> str:
    limit, rate = course.session.config.evaluations, ""
    if course.seconds > 1:
        rate = f" ({course.steps / course.seconds:.0f}/s)"
    return f"{course.steps}{'' if limit is None else f' of {limit}'} laws{rate}"


class Displayed(Watcher):
    """Shows a run below the cell of a notebook, in one output that is drawn again and again.

    Every front end knows such an output; a widget would need a package on both its sides.
    """

    @contextmanager
    def searching(self, course: Course) -> Iterator[None]:
        from IPython.display import display

        show: Any = display  # without types
        self.handle = show(_Shown(course), display_id=True)
        self.drawn = time.monotonic()
        yield
        self.handle.update(_Shown(course))

    def step(self, course: Course) -> None:
        if time.monotonic() - self.drawn > DRAW_EVERY_S:
            self.drawn = time.monotonic()
            self.handle.update(_Shown(course))


class _Shown:
    """What a notebook draws of the state of a run."""

    def __init__(self, course: Course) -> None:
        self.lines = lines(course)

    def __repr__(self) -> str:
        return "\n".join(f"{head}: {text}" for head, text in self.lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(head)}</th><td>{html.escape(text)}</td></tr>" for head, text in self.lines
        )
        return f'<table style="text-align:left">{rows}</table>'


def in_notebook() -> bool:
    """Whether the code runs in the kernel of a notebook, and not in a terminal or a script."""
    module: Any = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return getattr(shell, "kernel", None) is not None
