"""Where laws fail on rows that their constants were not fitted to, as the search itself judges them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats
from discover.fitting import FitFailure, fit
from discover.proposers.base import Told
from discover.scoring import Problem
from discover.scoring.score import FOLD_EFFORT

ROWS = 2_000  # of a longer table that laws are judged on here
KEPT = 16  # laws whose residuals are remembered


@dataclass(frozen=True)
class HeldOut:
    """Rows that were held out, and how far a law fitted to the others misses them.

    Attributes:
        features: by name, shape (n,).
        misses: predicted minus measured, shape (n, n_targets); a row counts once for every fold that holds it out.
    """

    features: Mapping[str, Floats]
    misses: Floats


class Judge:
    """Fits laws anew to the inner rows of the folds, those that leave most rows to fit on, and looks at the others."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        rows = problem.some_rows(ROWS)
        self._folds = [(rows[f.fit[rows]], rows[f.judge[rows]]) for f in problem.folds if f.nearest]
        self._known: OrderedDict[int, HeldOut | None] = OrderedDict()

    def held_out(self, told: Told) -> HeldOut | None:
        """The misses of a law; None where a fold cannot be fitted."""
        if told.index not in self._known:
            self._known[told.index] = self._judge(told)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[told.index]

    def _judge(self, told: Told) -> HeldOut | None:
        table, candidate = self.problem.table, told.candidate
        if told.score.fit is None:
            return None
        parts: list[Floats] = []
        for inner, outer in self._folds:
            start = [told.score.fit.by_name]
            found = fit(candidate.structure, table.take(inner), candidate.recipe, effort=FOLD_EFFORT, warm=start)
            if isinstance(found, FitFailure):
                return None
            parts.append(-found.residuals(table.take(outer)))
        if not parts:
            return None
        rows = np.concatenate([outer for _, outer in self._folds])
        return HeldOut({name: values[rows] for name, values in table.features.items()}, np.concatenate(parts))
