"""The answer for one group and budget, read out of the optima of all laws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.averages import average
from discover.decisions.answer import Optimum, Quantity
from discover.decisions.asked import Asked, Optima
from discover.decisions.optimum import AT_BOUND, Solution
from discover.decisions.pooled import LawOptimum, central, fixed_exponents, held_at_limit
from discover.decisions.smooth import Variable, natural
from discover.expressions import Expr, evaluate, feature_names
from discover.forecasts import Ensemble, Forecast
from discover.forecasts.points import excesses, impossible

LEVEL = 0.9
ENOUGH = 0.5  # share of the draws that must have an optimum for an interval to be given


def assumption(asked: Sequence[Asked], paths: Sequence[Optima], budgets: Sequence[float], code: int) -> str:
    """A sentence where the form of the chosen law fixes how a growing budget is shared; else empty."""
    if not budgets:
        return ""
    fixed = [_fixed(one, path, code, budgets[0]) for one, path in zip(asked, paths, strict=True)]
    if not fixed[0]:
        return ""
    shares = " and ".join(f"{name} as budget^{exponent:.3g}" for name, exponent in fixed[0].items())
    total = sum(one.draws.weight for one in asked)
    free = sum(one.draws.weight for one, found in zip(asked, fixed, strict=True) if found == {}) / total
    others = (
        f"laws of {free:.0%} of the weight leave it to their constants"
        if free >= 0.005
        else "no law asked leaves it to its constants, so that the intervals are too narrow if it is wrong"
    )
    return f"the form of the chosen law fixes how a budget is shared, whatever the rows say: {shares}; {others}"


def _fixed(one: Asked, path: Optima, code: int, limit: float) -> Mapping[str, float] | None:
    """See `fixed_exponents`; None for a law without an optimum that can be believed."""
    found = path.solutions[0]
    if not (isinstance(found, Solution) and found.settled) or 0 in path.doubtful or one.plan.cost is None:
        return None
    known = one.known(code, limit)
    constants = [f"{t}.{name}" for t in one.draws.document.targets for name in one.draws.document.constant_names]
    optimum = LawOptimum(one.draws.weight, one.plan.problem, known, found)
    return fixed_exponents(optimum, feature_names(one.plan.cost), constants)


@dataclass(frozen=True)
class _Believed:
    """A law with its optimum, and those under its draws."""

    asked: Asked
    optimum: LawOptimum
    drawn: Floats | None


@dataclass(frozen=True)
class Reading:
    """Reads one optimum out of the paths of all laws."""

    ensemble: Ensemble | None
    asked: Sequence[Asked]
    paths: Sequence[Optima]
    place: int
    label: str | None
    code: int
    limit: float | None
    assumed: str

    @property
    def chosen(self) -> Asked:
        return self.asked[0]

    @property
    def solution(self) -> Solution:
        """Of the chosen law."""
        found = self.paths[0].solutions[self.place]
        assert isinstance(found, Solution)  # others were refused
        return found

    @cached_property
    def laws(self) -> list[_Believed]:
        """The laws that have an optimum which can be believed, the chosen one first."""
        out = []
        for i, (asked, path) in enumerate(zip(self.asked, self.paths, strict=True)):
            found = path.solutions[self.place]
            if self.place in path.doubtful or not isinstance(found, Solution) or not (found.settled or i == 0):
                continue
            known = asked.known(self.code, self.limit)
            optimum = LawOptimum(asked.draws.weight, asked.plan.problem, known, found)
            out.append(_Believed(asked, optimum, path.drawn[self.place]))
        return out

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """What any of these laws has a best value of, in the order of the columns."""
        found = {v.name: v for one in self.laws for v in one.asked.variables}
        return tuple(found[name] for name in self.chosen.draws.document.feature_names if name in found)

    @cached_property
    def z(self) -> Floats:
        """The optimum, shape (k,)."""
        return central([one.optimum for one in self.laws], self.variables)

    @cached_property
    def own(self) -> list[Floats]:
        """The optimum of every law, shape (k,) each; NaN where a law has no such feature."""
        return [one.optimum.wide(one.optimum.solution.z, self.variables) for one in self.laws]

    @cached_property
    def drawn(self) -> list[Floats]:
        """The optima under the draws of every law, shape (draws, k) each, those left out that have none."""
        return [
            one.optimum.wide(one.drawn[~np.isnan(one.drawn).any(axis=1)], self.variables)
            if one.drawn is not None
            else np.empty((0, len(self.variables)))
            for one in self.laws
        ]

    @cached_property
    def lost(self) -> float | None:
        """Share of the draws without an optimum; None if there are no draws."""
        total = sum(len(one.drawn) for one in self.laws if one.drawn is not None)
        return 1.0 - sum(map(len, self.drawn)) / total if total else None

    @property
    def sure(self) -> bool:
        """Whether enough draws have an optimum for intervals."""
        return self.lost is not None and self.lost <= 1.0 - ENOUGH

    def optimum(self) -> Optimum:
        at = {name: float(value) for name, value in natural(self.variables, self.z).items()}
        at |= self.chosen.plan.fixed
        cost = self.chosen.plan.cost
        return Optimum(
            group=self.label,
            budget=self.limit,
            features={v.name: self._feature(i, v) for i, v in enumerate(self.variables)},
            objective=self._quantity(lambda asked: asked.plan.objective, at),
            cost=None if cost is None else self._quantity(lambda asked: asked.plan.cost, at),
            forecasts={target: self._forecast(target, at) for target in self.chosen.plan.targets},
            beyond=tuple(excess.text for excess in excesses(self.chosen.draws.document, at)),
            warnings=tuple(self._warnings(at)),
            laws=len(self.laws),
        )

    def _feature(self, i: int, variable: Variable) -> Quantity:
        drawn = np.concatenate(self.drawn)[:, i] if self.sure else None
        found = _with_spread(float(self.z[i]), drawn, [float(z[i]) for z in self.own])
        return _mapped(found, math.exp) if variable.log else found

    def _quantity(self, tree: Callable[[Asked], Expr | None], at: Mapping[str, float]) -> Quantity:
        """A formula at the optimum, at the laws' own optima, and at those under their draws."""

        def value(asked: Asked, known: Mapping[str, Any], z: Floats) -> Floats:
            formula = tree(asked)
            assert formula is not None
            found = evaluate(formula, self._everywhere(at) | dict(known) | natural(self.variables, z))
            return np.broadcast_to(np.asarray(found, np.float64), z.shape[:-1])

        def drawn_at(one: _Believed, z: Floats) -> Floats:
            if one.drawn is None:
                return np.empty(0)
            kept = ~np.isnan(one.drawn).any(axis=1)
            known = one.asked.drawn(one.optimum.known, self.code)
            return value(one.asked, {n: v[kept] if np.ndim(v) else v for n, v in known.items()}, z)

        with np.errstate(all="ignore"):
            here = np.array([value(one, one.known(self.code, self.limit), self.z) for one in self.asked])
            own = [float(value(b.asked, b.optimum.known, z)) for b, z in zip(self.laws, self.own, strict=True)]
            spread = [drawn_at(one, z) for one, z in zip(self.laws, self.drawn, strict=True)] if self.sure else None
        weights = np.array([one.draws.weight for one in self.asked])
        mean = float(average(here, weights, logs=bool(np.all(here > 0)))) if len(here) > 1 else float(here[0])
        return _with_spread(mean, None if spread is None else np.concatenate(spread), own)

    def _everywhere(self, at: Mapping[str, float]) -> dict[str, float]:
        """A value for every column: one that no law has a best value of has no part in the answer; any serves."""
        document = self.chosen.draws.document
        return {name: at.get(name, document.domain.get(name, (1.0, 1.0))[1]) for name in document.feature_names}

    def _forecast(self, target: str, at: Mapping[str, float]) -> Forecast:
        document, features = self.chosen.draws.document, self._everywhere(at)
        if self.ensemble is not None:
            return self.ensemble.intervals(features, [document.groups[self.code]], target=target)
        known = self.chosen.known(self.code, self.limit) | dict(at)
        said = np.atleast_1d(evaluate(self.chosen.plan.targets[target], known)).astype(np.float64)
        return Forecast(said, said, {}, {}, {})

    def _warnings(self, at: Mapping[str, float]) -> Iterator[str]:
        solution, problem = self.solution, self.chosen.plan.problem
        if not solution.settled:
            yield "the optimum is flat or broken here, so its place is only approximate"
        if solution.lower_elsewhere:
            yield (
                f"far beyond the data the law has values of {self.chosen.plan.minimised} that are lower still; "
                "the optimum is the best one that is not at the end of the search"
            )
        for v, z in zip(self.variables, self.z.tolist(), strict=True):
            low, high = v.box
            ends = [end for end, given in zip((v.lower, v.upper), v.bounded, strict=True) if given]
            yield from (
                f"{v.name} lies on its bound {end:g}"
                for end in ends
                if abs(v.inside(end) - z) <= AT_BOUND * max(high - low, 1e-12)
            )
        if self.limit is not None and len(problem.conditions) - 1 not in held_at_limit(
            [one.optimum for one in self.laws]
        ):
            cost = self.chosen.plan.cost
            spent = float(evaluate(cost, dict(at))) if cost is not None else 0.0
            yield (
                f"the budget is not used up: a cost of {spent:.4g} is best"
                if solution.settled
                else f"the budget is not used up: above a cost of {spent:.4g} this law gains no more than rounding"
            )
        yield from impossible(self.chosen.draws.document, at)
        if self.assumed:
            yield self.assumed
        yield from self._about_uncertainty()

    def _about_uncertainty(self) -> Iterator[str]:
        if self.ensemble is None:
            reason = self.chosen.draws.document.no_intervals
            yield f"no intervals: {reason}" if reason else "this law has no uncertainty beside it, so no intervals"
        elif self.lost:
            what = "and the intervals leave these out" if self.sure else "so there are no intervals"
            yield f"with {self.lost:.0%} of the plausible constants there is no such optimum, {what}"
        doubted = sum(self.place in path.doubtful for path in self.paths)
        none = len(self.asked) - len(self.laws) - doubted
        if none:
            yield f"{none} of {len(self.asked)} near-tied laws {'has' if none == 1 else 'have'} no such optimum"
        if doubted:
            yield (
                f"{doubted} of {len(self.asked)} near-tied laws {'is' if doubted == 1 else 'are'} left out of sizes "
                "and intervals, for forecasts there that break the bounds of the target or leave the range of the data "
                "far behind"
            )


def _with_spread(value: float, drawn: Floats | None, laws: Sequence[float]) -> Quantity:
    """A value with its interval over draws, its range over laws, and that of the first of these, the chosen one.

    The interval holds the value. NaN for a law or a draw that has no such number.
    """
    interval = None
    if drawn is not None and not np.isnan(drawn).all():
        low, high = np.nanquantile(drawn, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
        interval = (min(float(low), value), max(float(high), value))
    known = [one for one in laws if not math.isnan(one)]
    apart = (min(known), max(known)) if len(laws) > 1 and known else None
    return Quantity(value, interval, apart, None if math.isnan(laws[0]) else laws[0])


def _mapped(found: Quantity, function: Callable[[float], float]) -> Quantity:
    """A quantity under a rising function."""

    def ends(pair: tuple[float, float] | None) -> tuple[float, float] | None:
        return None if pair is None else (function(pair[0]), function(pair[1]))

    own = None if found.law is None else function(found.law)
    return Quantity(function(found.value), ends(found.interval), ends(found.laws), own)


def exponents_over(readings: Sequence[Reading], budgets: Sequence[float]) -> dict[str, Quantity]:
    """Exponents of power laws through the optima of all budgets, by least squares in logarithms."""
    x = np.log(np.array(budgets))
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    always = [asked for asked in readings[0].asked if all(any(b.asked is asked for b in one.laws) for one in readings)]
    variables = [v for v in readings[0].variables if v.log and all(v in one.variables for one in readings)]

    def slopes(law: Asked, drawn: bool) -> Floats:
        """Of one law, shape (..., variables)."""
        found = [next(b for b in one.laws if b.asked is law) for one in readings]
        values = [b.drawn if drawn else b.optimum.solution.z for b in found]
        if any(value is None for value in values):
            return np.empty((0, len(variables)))
        wide = np.stack([b.optimum.wide(np.asarray(v), variables) for b, v in zip(found, values, strict=True)])
        return np.tensordot(weights, wide, axes=1)

    own = [slopes(law, False) for law in always]
    drawn = np.concatenate([slopes(law, True) for law in always])
    known = ~np.isnan(drawn)
    out = {}
    for i, v in enumerate(variables):
        z = np.array([one.z[one.variables.index(v)] for one in readings])
        enough = len(drawn) > 0 and known[:, i].mean() >= ENOUGH
        out[v.name] = _with_spread(float(weights @ z), drawn[:, i] if enough else None, [float(s[i]) for s in own])
    return out
