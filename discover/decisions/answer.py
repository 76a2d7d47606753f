"""What is answered to a question: best values, with what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from discover.forecasts import Forecast


@dataclass(frozen=True)
class Quantity:
    """A number of an optimum.

    Attributes:
        value: the average over the laws that can be believed at their optimum.
        interval: 5 and 95 % points over these laws under draws of their constants, or None.
        laws: smallest and largest value over these laws, each with its best constants; None where there is but one.
        law: the value under the chosen law alone; None where it has none.
    """

    value: float
    interval: tuple[float, float] | None = None
    laws: tuple[float, float] | None = None
    law: float | None = None


@dataclass(frozen=True)
class Optimum:
    """The best values for one group and one budget.

    Attributes:
        group: name of the group, or None for a law without groups.
        budget: limit of the cost, or None.
        features: feature -> best value; fixed features are not among them.
        objective: what was minimised.
        cost: of the best values, or None if no cost was given.
        forecasts: target -> forecast at the best values, with constants, laws, drift and noise; a plain value
            (intervals empty) where the law has no uncertainty beside it.
        beyond: a phrase for every feature that lies beyond the data, with the number of times.
        warnings: sentences on what else should be known before money is spent.
        laws: number of laws in the average, the chosen one included.
    """

    group: str | None
    budget: float | None
    features: Mapping[str, Quantity]
    objective: Quantity
    cost: Quantity | None
    forecasts: Mapping[str, Forecast]
    beyond: tuple[str, ...]
    warnings: tuple[str, ...]
    laws: int = 1


@dataclass(frozen=True)
class Allocation:
    """Answer to a question: one optimum for every group and budget.

    Attributes:
        law: formula of the chosen law.
        minimised: what was minimised.
        fixed: features held at a value.
        optima: group by group, budgets ascending.
        exponents: group -> feature -> exponent of a power law fitted to the best values over the budgets; empty
            without several budgets.
        laws: number of laws asked, the chosen one included.
        draws: number of sets of constants behind the intervals, of all laws together.
        refused: group -> why it has no optimum, where others have one.
    """

    law: str
    minimised: str
    cost: str | None
    fixed: Mapping[str, float]
    optima: tuple[Optimum, ...]
    exponents: Mapping[str | None, Mapping[str, Quantity]]
    laws: int
    draws: int
    refused: Mapping[str | None, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The answer as JSON has it."""
        return {
            "law": self.law,
            "minimise": self.minimised,
            "cost": self.cost,
            "fixed": dict(self.fixed),
            "laws": self.laws,
            "draws": self.draws,
            "optima": [_plain_optimum(one) for one in self.optima],
            "exponents": [
                {"group": group, "of": {name: asdict(q) for name, q in found.items()}}
                for group, found in self.exponents.items()
            ],
            "refused": [{"group": group, "why": why} for group, why in self.refused.items()],
        }


def _plain_optimum(one: Optimum) -> dict[str, Any]:
    return asdict(one) | {"forecasts": {target: _plain_forecast(found) for target, found in one.forecasts.items()}}


def _plain_forecast(found: Forecast) -> dict[str, Any]:
    ends = {f"{level:g}": [float(found.lower[level][0]), float(found.upper[level][0])] for level in found.lower}
    return {"value": float(found.value[0]), "intervals": ends}
