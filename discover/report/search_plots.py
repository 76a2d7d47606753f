"""The laws that were tried: error against complexity, and the search."""

from __future__ import annotations

import numpy as np

from discover.proposers.candidate import Origin
from discover.report.axes import ordered
from discover.report.content import Content
from discover.report.figures import Axis, Figure, Series
from discover.report.steps import distinct, front, leaders
from discover.report.texts import quantity

HOVER_LAWS = 600
WORST_ERROR = 4.0  # inner errors above this are off the plot: a forecast so far off is of no use


def front_figure(content: Content) -> Figure | None:
    """Inner error against complexity of all laws tried, the human laws among them."""
    shown = [s for s in distinct(content.steps, HOVER_LAWS) if 0 < s.inner_error <= WORST_ERROR]
    if not shown:
        return None
    human = [s for s in shown if s.proposer == "library"]
    found = [s for s in shown if s.proposer != "library"]
    series = []
    for group, name, role in ((found, "laws found by the search", "other"), (human, "published laws", "human")):
        if group:
            hover = tuple(
                f"{Origin.of(s.origin).move if role == 'human' else s.origin}\n{s.formula}\n"
                f"inner error {quantity(s.inner_error)}, complexity {s.complexity}"
                for s in group
            )
            x, y = np.array([s.complexity for s in group], float), np.array([s.inner_error for s in group])
            series.append(Series("points", name, role, x, y, hover=hover))  # type: ignore[arg-type]
    best = front(shown)
    stairs = np.array([[s.complexity, s.inner_error] for s in best], float)
    series.append(Series("line", "best at its size", "front", stairs[:, 0], stairs[:, 1]))
    for rival in content.human:
        if rival.inner_error is not None and 0 < rival.inner_error <= WORST_ERROR:
            told = (f"{rival.name}\n{rival.fit.structure.text}\ninner error {quantity(rival.inner_error)}",)
            at = np.array([float(rival.complexity)]), np.array([rival.inner_error])
            series.append(Series("points", rival.name, "human", *at, hover=told, shade=1.0, legend=not human))
    from discover.expressions import complexity

    if content.document.inner_error:
        at = np.array([float(complexity(content.document.expr))]), np.array([content.document.inner_error])
        series.append(Series("points", "this law", "law", *at, hover=(f"this law\n{content.document.formula}",)))
    return Figure(
        key="front",
        label="",
        caption="Inner error: squared error on the largest scales held out of the train rows, in variances of the "
        "target. Diamonds are laws that people have published.",
        x=Axis("complexity (weighted nodes of the formula)"),
        y=Axis("inner error", True),
        series=ordered(series),
    )


def search_figure(content: Content) -> Figure | None:
    """The best penalty so far over the laws scored, and who proposed the law."""
    lead = leaders(content.steps)
    if not lead:
        return None
    last = len(content.steps)
    x, y = [], []
    for step, following in zip(lead, [*lead[1:], None], strict=True):
        x += [step.index + 1, following.index + 1 if following else last]
        y += [step.penalty, step.penalty]
    series = [Series("line", "best so far", "front", np.array(x, float), np.array(y))]
    names = list(dict.fromkeys(step.proposer for step in content.steps))
    for number, name in enumerate(names):
        own = [step for step in lead if step.proposer == name]
        if own:
            hover = tuple(f"law {s.index + 1}, {s.origin}\n{s.formula}\npenalty {quantity(s.penalty)}" for s in own)
            at = np.array([s.index + 1.0 for s in own]), np.array([s.penalty for s in own])
            shade = number / max(len(names) - 1, 1)
            series.append(Series("points", name, "other", *at, hover=hover, shade=shade))
    return Figure(
        key="search",
        label="",
        caption="The best penalty so far over the laws scored (lower is better), and who proposed the law.",
        x=Axis("laws scored", last > 50),
        y=Axis("penalty"),
        series=ordered(series),
    )
