"""Whether a search has settled: how much its forecast beyond the data still moves while laws are added.

The search is looked at twice every doubling of laws, and compared with what it was at half as many. Its forecast is
here a cheap likeness of that of the end: the mean of the leaders, as they were scored, weighted by exp(-penalty). What
is seen depends on the steps alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from discover.arrays import Floats
from discover.averages import average, half_width
from discover.proposers.base import Told
from discover.scoring import inner_error, points_beyond, predict_beyond
from discover.scoring.stacking import averages_logs
from discover.search.island import Step
from discover.search.tasks import Setting

FIRST_LOOK = 32  # laws
LOOKS = 2  # every doubling of laws
APART = 1.25  # times as many laws, at least, make another look; they are seen by the epoch
BEYOND = slice(1, None)  # of the steps of `Beyond`; the first is measured


@dataclass(frozen=True)
class Settled:
    """How far a search has settled.

    Distances are root mean squares over the points beyond the data, in units of what a forecast there is unsure by: the
    error of the best law on held-out scales, and the spread of the laws that are averaged.

    Attributes:
        yes: forecast and penalty have come to rest.
        laws: scored so far.
        since: laws at the earlier look that this one is compared with: half of them, or somewhat fewer; 0 without one.
        moved: how far the forecast has moved since.
        gained: by how much the least penalty has fallen since.
        apart: the largest distance between the best laws of two islands, of those that are near-tied with the best of
            all; None where fewer than two are.
    """

    yes: bool
    laws: int
    since: int = 0
    moved: float | None = None
    gained: float | None = None
    apart: float | None = None


@dataclass(frozen=True)
class _Look:
    """A search at some number of laws: its least penalty, what it forecasts and how surely, (steps, points, T)."""

    laws: int
    penalty: float
    forecast: Floats
    unsure: Floats
    steady: bool = False  # hardly changed since half as many laws


class Settling:
    """Looks at a search now and then.

    Args:
        setting: of the search.
        islands: how many it has.

    Attributes:
        last: what the last look saw.
    """

    def __init__(self, setting: Setting, islands: int) -> None:
        self.setting, self.islands = setting, islands
        self.rules = setting.problem.rules.settling
        self.beyond = points_beyond(setting.problem)
        self.best: dict[int, Step] = {}  # island -> the best law of its own
        self.looks: list[_Look] = []
        self.said: dict[int, Floats] = {}  # by the number of the step, of the laws of the last look
        self.last = Settled(False, 0)
        self.next = FIRST_LOOK

    def note(self, step: Step) -> None:
        """A law was scored that may be the best of its island."""
        island = step.batch % self.islands
        if math.isfinite(step.penalty) and (island not in self.best or step.penalty < self.best[island].penalty):
            self.best[island] = step

    def due(self, laws: int) -> bool:
        """Whether it is time for a look."""
        return laws >= self.next

    def look(self, leaders: Sequence[Told], laws: int) -> Settled:
        """How far the search has settled.

        Args:
            leaders: its best laws, best first.
            laws: scored so far.
        """
        if laws == self.last.laws:
            return self.last
        while self.next <= laws:
            self.next = math.ceil(self.next * 2 ** (1 / LOOKS))
        self.last = Settled(False, laws)
        if not leaders:
            return self.last
        kept = {told.index for told in leaders} | {step.index for step in self.best.values()}
        self.said = {index: said for index, said in self.said.items() if index in kept}
        now = self._state(leaders, laws)
        then, before = self._latest(laws / 2), self._latest(laws / APART)
        if then is None or before is None:
            self.looks.append(now)
            return self.last
        moved, gained = _distance(now.forecast, then.forecast, now.unsure), then.penalty - now.penalty
        steady = moved <= self.rules.moved and gained <= self.rules.gained
        self.looks.append(replace(now, steady=steady))
        yes = before.steady and steady and laws >= self.rules.least
        self.last = Settled(yes, laws, then.laws, moved, gained, self._apart(leaders[0].penalty, now.unsure))
        return self.last

    def _latest(self, laws: float) -> _Look | None:
        """The last look at no more than so many laws."""
        return next((look for look in reversed(self.looks) if look.laws <= laws), None)

    def _state(self, leaders: Sequence[Told], laws: int) -> _Look:
        """The leaders' average, and the root of their expected squared error and squared spread."""
        problem, best = self.setting.problem, leaders[0]
        values = np.stack([self._said(told) for told in leaders])
        weights = np.exp(best.penalty - np.array([told.penalty for told in leaders]))
        weights /= weights.sum()
        said = average(values, weights, averages_logs(problem.table), problem.rules.average.reach)
        error = inner_error(best.score, problem.fold_weights) + problem.rules.penalty.floor
        error *= problem.on_scale(problem.table.targets).var(axis=0)
        spread = half_width(problem.on_scale(values), weights)
        return _Look(laws, best.penalty, problem.on_scale(said), np.sqrt(error + spread**2))

    def _apart(self, least: float, unsure: Floats) -> float | None:
        """See `Settled`."""
        problem = self.setting.problem
        tied = [step.told for step in self.best.values() if step.penalty <= least + problem.rules.choice.tie]
        said = [problem.on_scale(self._said(told)) for told in tied if told is not None]
        return max((_distance(a, b, unsure) for a, b in itertools.combinations(said, 2)), default=None)

    def _said(self, told: Told) -> Floats:
        said = self.said.get(told.index)
        if said is None:
            assert told.score.fit is not None  # a law with a penalty has one
            said = self.said[told.index] = predict_beyond(told.score.fit, self.beyond)[BEYOND]
        return said


def _distance(a: Floats, b: Floats, unsure: Floats) -> float:
    """Root mean square of a difference in units of `unsure`; infinite where one of the two says nothing."""
    with np.errstate(all="ignore"):
        distance = float(np.sqrt(np.mean(((a - b) / np.where(unsure > 0, unsure, 1.0)) ** 2)))
    return distance if math.isfinite(distance) else math.inf
