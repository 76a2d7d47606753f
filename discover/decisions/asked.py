"""A question put to one law: its optima, budget by budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from discover.arrays import Floats
from discover.decisions.optimum import STARTS, Infeasible, Solution, follow, minimum, nearby
from discover.decisions.questions import BUDGET, Plan
from discover.decisions.smooth import Variable, natural
from discover.forecasts import Draws

FEWER = 4  # starts for another law than the chosen one, whose optimum is one more


@dataclass(frozen=True)
class Optima:
    """What one law answers for one group, budget by budget.

    Attributes:
        solutions: under the best constants.
        drawn: coordinates under every draw, shape (draws, k) each; NaN where there is no optimum. None without draws,
            and where the solution is not settled.
        doubtful: places of solutions where the law means nothing, see `belief.doubted`.
    """

    solutions: tuple[Solution | Infeasible, ...]
    drawn: tuple[Floats | None, ...]
    doubtful: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Asked:
    """A law, and the question as a minimisation of it."""

    draws: Draws
    plan: Plan

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.plan.problem.variables

    def known(self, code: int, limit: float | None) -> dict[str, Any]:
        """The best constants of a group, what is fixed, and the budget."""
        document = self.draws.document
        known: dict[str, Any] = dict(self.plan.fixed)
        for t, target in enumerate(document.targets):
            values = document.constants[code * len(document.targets) + t].values
            known |= {f"{target}.{name}": value for name, value in values.items()}
        return known | ({} if limit is None else {BUDGET: math.log(limit)})

    def drawn(self, known: Mapping[str, Any], code: int) -> dict[str, Any]:
        """The same with every draw of the constants, arrays of shape (draws,)."""
        return dict(known) | {
            f"{target}.{name}": values[:, code, t]
            for t, target in enumerate(self.draws.document.targets)
            for name, values in self.draws.values.items()
        }

    def path(self, code: int, budgets: Sequence[float], seed: int, guide: tuple[Asked, Optima] | None = None) -> Optima:
        """The optima of a group for all budgets, each search begun where the last one ended, too.

        Args:
            guide: the chosen law and its answers, for another law: its first search is begun there, too, and later
                ones only where its own last optimum does not lead to the next.
        """
        solutions: list[Solution | Infeasible] = []
        drawn: list[Floats | None] = []
        warm: list[Floats] = [] if guide is None else self.near(*guide)
        for place, limit in enumerate(budgets or (None,)):
            known = self.known(code, limit)
            found = nearby(self.plan.problem, known, warm[0]) if warm and place and guide is not None else None
            if not (isinstance(found, Solution) and found.settled):
                starts = STARTS if guide is None else FEWER
                found = minimum(self.plan.problem, known, seed=seed, warm=warm, starts=starts)
            solutions.append(found)
            warm = [found.z] if isinstance(found, Solution) else []
            settled = isinstance(found, Solution) and found.settled and bool(self.draws.values)
            drawn.append(self.followed(code, known, found) if isinstance(found, Solution) and settled else None)
        return Optima(tuple(solutions), tuple(drawn))

    def near(self, chosen: Asked, path: Optima) -> list[Floats]:
        """Where the chosen law has its first optimum, in the coordinates of this one; none if it lacks some."""
        found = path.solutions[0]
        places = {v.name: i for i, v in enumerate(chosen.variables)}
        if not isinstance(found, Solution) or any(v.name not in places for v in self.variables):
            return []
        return [found.z[[places[v.name] for v in self.variables]]]

    def followed(self, code: int, known: Mapping[str, Any], found: Solution) -> Floats:
        """The optimum under every draw, shape (draws, k)."""
        return follow(self.plan.problem, self.drawn(known, code), len(self.draws), found)

    def described(self, z: Floats) -> str:
        """Coordinates for people: name=value."""
        return ", ".join(f"{name}={float(value):.4g}" for name, value in natural(self.variables, z).items())
