"""One answer out of the optima of several laws, and what a law's form fixes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats
from discover.averages import average
from discover.decisions.optimum import Condition, Minimisation, Solution, follow, nearby, newton
from discover.decisions.questions import BUDGET
from discover.decisions.smooth import Function, Known, Variable

HALF = 0.5  # of the weight of the laws: what more than that hold at its limit is held there
VARIED = 6  # sets of constants by which is seen what a law's form fixes
SPREAD = 0.05  # of their logarithms
SAME = 1e-6  # exponents closer than this are one


@dataclass(frozen=True)
class LawOptimum:
    """The optimum of one of several laws.

    Attributes:
        weight: of the law among them.
        problem: the question as a minimisation of it.
        known: its constants, what is fixed, and the budget.
        solution: its optimum.
    """

    weight: float
    problem: Minimisation
    known: Known
    solution: Solution

    def wide(self, z: Floats, variables: Sequence[Variable]) -> Floats:
        """Coordinates of shape (..., own variables) among those of all laws, shape (..., k); NaN where it has none."""
        own = [v.name for v in self.problem.variables]
        out = np.full((*z.shape[:-1], len(variables)), np.nan)
        for i, v in enumerate(variables):
            if v.name in own:
                out[..., i] = z[..., own.index(v.name)]
        return out


def held_at_limit(optima: Sequence[LawOptimum]) -> tuple[int, ...]:
    """The conditions, by their place, that hold the optimum under laws of more than half of the weight."""
    total = sum(one.weight for one in optima)
    places = range(len(optima[0].problem.conditions))
    return tuple(i for i in places if sum(one.weight for one in optima if i in one.solution.active) > HALF * total)


def central(optima: Sequence[LawOptimum], variables: Sequence[Variable]) -> Floats:
    """The average of the optima, brought back to the nearest point that meets the conditions; shape (k,).

    Positive features are averaged by their logarithm. A condition on a target asks for the mean over the laws.

    Args:
        optima: of one law or more; the first is that of the chosen one.
        variables: those of all laws.
    """
    first = optima[0]
    own = first.wide(first.solution.z, variables)
    if len(optima) == 1:
        return own
    weights = np.array([one.weight for one in optima])
    mean = average(np.stack([one.wide(one.solution.z, variables) for one in optima]), weights, logs=False)
    limits = held_at_limit(optima)
    conditions = tuple(
        Condition(_Mean(optima, variables, i), c.equality or i in limits, c.text)
        for i, c in enumerate(first.problem.conditions)
    )
    problem = Minimisation(tuple(variables), _Distance(mean), conditions)
    equations = tuple(i for i, c in enumerate(conditions) if c.equality)
    ends, good = newton(problem, {}, mean[None], equations, np.ones(len(mean), bool))
    if good[0]:
        return np.asarray(ends[0])
    found = nearby(problem, {}, mean)
    # What every law can meet alone, their mean may miss: then the chosen law answers.
    return found.z if isinstance(found, Solution) else np.where(np.isnan(own), mean, own)


@dataclass(frozen=True)
class _Mean:
    """A condition's function, averaged over laws."""

    optima: Sequence[LawOptimum]
    variables: Sequence[Variable]
    place: int

    def _parts(self) -> list[tuple[float, Function, list[int], Known]]:
        total = sum(one.weight for one in self.optima)
        places = {v.name: i for i, v in enumerate(self.variables)}
        return [
            (
                one.weight / total,
                one.problem.conditions[self.place].function,
                [places[v.name] for v in one.problem.variables],
                one.known,
            )
            for one in self.optima
        ]

    def value(self, z: Floats, known: Known) -> Floats:
        out = np.zeros(len(z))
        for w, f, at, own in self._parts():
            out += w * f.value(z[:, at], own)
        return out

    def gradient(self, z: Floats, known: Known) -> Floats:
        out = np.zeros(z.shape)
        for w, f, at, own in self._parts():
            out[:, at] += w * f.gradient(z[:, at], own)
        return out

    def hessian(self, z: Floats, known: Known) -> Floats:
        out = np.zeros((*z.shape, z.shape[1]))
        for w, f, at, own in self._parts():
            out[np.ix_(range(len(z)), at, at)] += w * f.hessian(z[:, at], own)
        return out


@dataclass(frozen=True)
class _Distance:
    """One more than half the squared distance from a point: searches set out from a value above zero."""

    centre: Floats

    def value(self, z: Floats, known: Known) -> Floats:
        out: Floats = 1.0 + 0.5 * np.sum((z - self.centre) ** 2, axis=1)
        return out

    def gradient(self, z: Floats, known: Known) -> Floats:
        return z - self.centre

    def hessian(self, z: Floats, known: Known) -> Floats:
        return np.broadcast_to(np.eye(z.shape[1]), (*z.shape, z.shape[1])).copy()


def fixed_exponents(one: LawOptimum, paid: Sequence[str], constants: Sequence[str]) -> Mapping[str, float]:
    """The exponents of the best values over the budget, where a law's form fixes them whatever its constants are.

    E + A*N**-a + B*D**-a under 6*N*D = C has N and D grow as C**0.5, for all A, B and a. Empty where constants decide,
    and where more than the budget does, such as a bound.

    Args:
        paid: names of what the cost contains.
        constants: names of the constants in `one.known`.
    """
    problem, found = one.problem, one.solution
    places = [i for i, v in enumerate(problem.variables) if v.log and v.name in paid]
    if len(places) < 2 or BUDGET not in one.known or found.pinned.any() or not found.exact:
        return {}
    if found.active != (len(problem.conditions) - 1,):
        return {}
    rng = np.random.default_rng(0)
    varied = dict(one.known)
    varied |= {name: varied[name] * np.exp(SPREAD * rng.standard_normal(VARIED)) for name in constants}
    here = follow(problem, varied, VARIED, found)
    there = follow(problem, varied | {BUDGET: varied[BUDGET] + 1.0}, VARIED, found)
    exponents = (there - here)[:, places]
    if not np.ptp(exponents, axis=0).max() < SAME:
        return {}
    return {problem.variables[i].name: float(e) for i, e in zip(places, exponents[0], strict=True)}
