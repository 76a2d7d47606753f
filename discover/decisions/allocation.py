"""Best values of a law's features for a budget, or the least cost of a result, with what is known of them.

The optimum is that of the chosen law. How sure it is, is told twice: by the optima under other plausible constants
(an interval), and by the optima of the other laws that the data hardly tell from the chosen one (a range).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

from discover.decisions.optimum import Infeasible, Solution, follow, minimum, runs_away
from discover.decisions.questions import BUDGET, MOST_CORNERS, WITHIN, Ends, Plan, Question, plan
from discover.decisions.smooth import Floats, Variable, natural
from discover.documents import LawDocument, read
from discover.errors import InputError
from discover.export.law import FittedLaw
from discover.expressions import Expr, evaluate, feature_names
from discover.forecasts import Draws, Ensemble, Forecast
from discover.forecasts.points import excesses, impossible

LEVEL = 0.9
MOST_BUDGETS = 60
NEAR = 0.3  # share of the chosen law's weight from which on another law is near-tied with it
FARTHER = 256.0  # beyond the data than the chosen law: so far laws were asked when one was chosen
WIDTHS = 4.5  # of the data, by which values of chosen laws may leave them
ENOUGH = 0.5  # share of the draws that must have an optimum for an interval to be given


@dataclass(frozen=True)
class Quantity:
    """A number of an optimum.

    Attributes:
        value: under the chosen law.
        interval: 5 and 95 % points over draws of its constants, or None.
        laws: smallest and largest value over the near-tied laws that can be believed at their optimum, the chosen
            one included; None without others.
    """

    value: float
    interval: tuple[float, float] | None = None
    laws: tuple[float, float] | None = None


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
        laws: number of laws in the ranges, the chosen one included.
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
        laws: number of near-tied laws asked, the chosen one included.
        draws: number of sets of constants behind the intervals.
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
    return {
        "group": one.group,
        "budget": one.budget,
        "features": {name: asdict(quantity) for name, quantity in one.features.items()},
        "objective": asdict(one.objective),
        "cost": None if one.cost is None else asdict(one.cost),
        "forecasts": {target: _plain_forecast(found) for target, found in one.forecasts.items()},
        "beyond": list(one.beyond),
        "warnings": list(one.warnings),
        "laws": one.laws,
    }


def _plain_forecast(found: Forecast) -> dict[str, Any]:
    ends = {f"{level:g}": [float(found.lower[level][0]), float(found.upper[level][0])] for level in found.lower}
    return {"value": float(found.value[0]), "intervals": ends}


def allocate(
    law: FittedLaw | LawDocument | Ensemble | str | Path,
    *,
    minimise: str = "",
    cost: str | None = None,
    budget: float | Sequence[float] | None = None,
    subject_to: str | Sequence[str] = (),
    bounds: Mapping[str, Ends] | None = None,
    fix: Mapping[str, float] | None = None,
    group: str | None = None,
    seed: int = 0,
) -> Allocation:
    """The values of a law's features that are best for a budget, or cheapest for a result.

    Positive features are searched by their logarithm, from many starts and with exact derivatives; an optimum is
    exact to about ten digits. For a loss E + A*N**-a + B*D**-b under 6*N*D = C it is that of Hoffmann et al.
    (2022, arXiv:2203.15556, equation 4).

    Args:
        law: a loaded law, a law document, an ensemble, a run folder or a law.json.
        minimise: a formula over targets, features and `cost`; "" for the law's only target, or minus it where its name
            says that it is better when larger, as an accuracy is.
        cost: a formula over features and the names in `fix`, such as "6*params*tokens".
        budget: the cost may not exceed it; several for a sweep.
        subject_to: conditions such as "loss <= 2.1".
        bounds: feature -> (lower, upper); None for no limit.
        fix: feature -> value.
        group: name of a group; by default every group gets its own optimum.
        seed: of the drawn starts.

    Raises:
        InputError: an unknown name; or in every group conditions that nothing meets or an optimum without bound.
        FormulaError: a text is not a formula.
    """
    document, ensemble = _source(law)
    budgets = _budgets(budget)
    conditions = (subject_to,) if isinstance(subject_to, str) else tuple(subject_to)
    question = Question(minimise, cost, bool(budgets), conditions, dict(bounds or {}), dict(fix or {}))
    laws = _near_tied(ensemble.laws) if ensemble is not None else (Draws(document, 1.0, {}),)
    asked = [_Asked(one, plan(question, one.document)) for one in laws]
    bounds_of_target = ensemble.bounds if ensemble is not None else (-math.inf, math.inf)
    optima: list[Optimum] = []
    exponents: dict[str | None, Mapping[str, Quantity]] = {}
    refused: dict[str | None, str] = {}
    for name in document.groups if group is None else (group,):
        label = name if document.group_column is not None else None
        code = document.group_code(name)
        paths = [one.path(code, budgets, seed, with_draws=i == 0) for i, one in enumerate(asked)]
        why = _failure(asked[0], paths[0], budgets, label)
        if why is not None:
            refused[label] = why
            continue
        paths = [_doubted(one, path, asked[0], paths[0], bounds_of_target, code, budgets)
                 for one, path in zip(asked, paths, strict=True)]  # fmt: skip
        optima += [
            _Reading(ensemble, asked, paths, place, label, code, limit).optimum()
            for place, limit in enumerate(budgets or (None,))
        ]
        if len(budgets) > 1:
            exponents[label] = _exponents(asked, paths, budgets)
    if not optima:
        raise InputError(next(iter(refused.values())))
    draws = len(laws[0]) if ensemble is not None else 0
    return Allocation(
        document.formula, asked[0].plan.minimised, cost, question.fixed, tuple(optima), exponents, len(laws), draws,
        refused,
    )  # fmt: skip


def _source(law: FittedLaw | LawDocument | Ensemble | str | Path) -> tuple[LawDocument, Ensemble | None]:
    """The chosen law, and the ensemble where the law has one beside it."""
    if isinstance(law, Ensemble):
        return law.document, law
    if isinstance(law, FittedLaw):
        law = law.document
    document = law if isinstance(law, LawDocument) else read(law)
    return document, Ensemble.from_document(document) if document.forecasts else None


def _near_tied(laws: Sequence[Draws]) -> tuple[Draws, ...]:
    """The chosen law, which is the first, and the others of not much less weight than the heaviest."""
    least = NEAR * max(law.weight for law in laws)
    return tuple(law for i, law in enumerate(laws) if i == 0 or law.weight >= least)


def _budgets(budget: float | Sequence[float] | None) -> tuple[float, ...]:
    if budget is None:
        return ()
    found = tuple(sorted(float(b) for b in np.atleast_1d(np.asarray(budget, np.float64))))
    if not all(math.isfinite(b) and b > 0 for b in found):
        raise InputError(f"the budget is {', '.join(f'{b:g}' for b in found)}; expected numbers above zero")
    if len(found) > MOST_BUDGETS:
        raise InputError(f"a sweep over {len(found)} budgets; expected at most {MOST_BUDGETS}")
    return found


# --- one law


@dataclass(frozen=True)
class _Path:
    """What one law answers for one group, budget by budget.

    Attributes:
        solutions: under the best constants.
        drawn: coordinates under every draw, shape (draws, k) each; NaN where there is no optimum. Empty if not asked.
        doubtful: places of solutions where the law means nothing, see `_doubted`.
    """

    solutions: tuple[Solution | Infeasible, ...]
    drawn: tuple[Floats, ...]
    doubtful: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Asked:
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

    def path(self, code: int, budgets: Sequence[float], seed: int, *, with_draws: bool) -> _Path:
        """The optima of a group for all budgets, each search begun where the last one ended, too."""
        solutions: list[Solution | Infeasible] = []
        drawn = []
        warm: list[Floats] = []
        for limit in budgets or (None,):
            known = self.known(code, limit)
            found = minimum(self.plan.problem, known, seed=seed, warm=warm)
            solutions.append(found)
            warm = [found.z] if isinstance(found, Solution) else []
            if with_draws and self.draws.values and isinstance(found, Solution) and found.settled:
                drawn.append(follow(self.plan.problem, self.drawn(known, code), len(self.draws), found))
        return _Path(tuple(solutions), tuple(drawn))

    def described(self, z: Floats) -> str:
        """Coordinates for people: name=value."""
        return ", ".join(f"{name}={float(value):.4g}" for name, value in natural(self.variables, z).items())


def _doubted(
    asked: _Asked,
    path: _Path,
    chosen: _Asked,
    best: _Path,
    bounds: tuple[float, float],
    code: int,
    budgets: Sequence[float],
) -> _Path:
    """The optima of a law near-tied with the chosen one, those doubted where it means nothing.

    Two laws are near-tied as far as the data reach. An optimum tells nothing where a target breaks its bounds or leaves
    what the chosen law says over the data far behind, or where it lies much farther from the data than the chosen
    law's.
    """
    if asked is chosen:
        return path
    spans = {target: _span(chosen, target, code) for target in chosen.plan.targets}
    doubtful = set()
    for place, (found, other) in enumerate(zip(path.solutions, best.solutions, strict=True)):
        if not (isinstance(found, Solution) and isinstance(other, Solution)):
            continue
        usual = _outside(chosen.variables, other.z)
        away = _outside(asked.variables, found.z) if other.settled else {}  # a plain has no place to compare with
        known = asked.known(code, (budgets or (None,))[place]) | natural(asked.variables, found.z)
        with np.errstate(all="ignore"):
            values = {target: float(evaluate(tree, known)) for target, tree in asked.plan.targets.items()}
        if any(far > usual.get(name, 0.0) + math.log(FARTHER) for name, far in away.items()) or not all(
            max(bounds[0], low) <= values[target] <= min(bounds[1], high) for target, (low, high) in spans.items()
        ):
            doubtful.add(place)
    return replace(path, doubtful=frozenset(doubtful))


def _outside(variables: Sequence[Variable], z: Floats) -> dict[str, float]:
    """Positive feature -> how far it lies outside of the data, in natural logarithms."""
    return {
        v.name: max(v.inside(v.seen[0]) - x, x - v.inside(v.seen[1]), 0.0)
        for v, x in zip(variables, z.tolist(), strict=True)
        if v.log
    }


def _span(chosen: _Asked, target: str, code: int) -> tuple[float, float]:
    """Values that are not far from those of the chosen law over the range of the data."""
    tree = chosen.plan.targets[target]
    names, domain = feature_names(tree), chosen.draws.document.domain
    if not domain.keys() >= set(names):
        return -np.inf, np.inf
    seen = {name: domain[name] for name in names}
    corners = np.array(list(islice(product(*(np.linspace(*ends, 3) for ends in seen.values())), MOST_CORNERS)))
    known = chosen.known(code, None) | dict(zip(seen, corners.T, strict=True))
    with np.errstate(all="ignore"):
        values = np.atleast_1d(np.asarray(evaluate(tree, known), np.float64))
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return -np.inf, np.inf
    room = WIDTHS * float(np.ptp(values))
    return float(values.min()) - room, float(values.max()) + room


def _failure(asked: _Asked, path: _Path, budgets: Sequence[float], group: str | None) -> str | None:
    """Why the chosen law has no optimum: nothing meets the conditions, or it is not bounded; None if it has one."""
    code = 0 if group is None else asked.draws.document.group_code(group)
    for found, limit in zip(path.solutions, budgets or (None,), strict=True):
        known = asked.known(code, limit)
        place = "".join([f" for {group}" if group else "", f" at the budget {limit:g}" if limit is not None else ""])
        if isinstance(found, Infeasible):
            return _why_infeasible(asked, found, known, place)
        away = [] if found.settled else runs_away(asked.plan.problem, known, found)
        if limit is not None and asked.plan.cost is not None:
            # The budget ends what costs something: there the law only flattens.
            paid = feature_names(asked.plan.cost)
            away = [(v, sign) for v, sign in away if sign < 0 or v.name not in paid]
        if away:
            return _why_unbounded(asked, away, place)
    return None


def _why_infeasible(asked: _Asked, found: Infeasible, known: Mapping[str, Any], place: str) -> str:
    values = natural(asked.variables, found.z) | dict(known)
    at = f" at {asked.described(found.z)}" if asked.variables else ""
    within = " within the bounds" if any(any(v.bounded) for v in asked.variables) else ""
    if found.condition.text == WITHIN and asked.plan.cost is not None:
        least = float(evaluate(asked.plan.cost, values))
        limit = math.exp(known[BUDGET])
        return f"no values{within} cost at most the budget {limit:g}; the least found is {least:.4g}{at}"
    left, right = (float(evaluate(side, values)) for side in asked.plan.sides[found.condition.text])
    return (
        f"no values{within} meet {found.condition.text}{place}; the nearest found is {left:.6g} against {right:.6g}{at}"
    )


def _why_unbounded(asked: _Asked, away: Sequence[tuple[Variable, int]], place: str) -> str:
    plan = asked.plan
    if not any(v.name in feature_names(plan.objective) for v in asked.variables):
        columns = " and ".join(v.name for v in asked.variables)
        return f"{plan.minimised} does not depend on {columns}{place}, so that no value is better than another"
    moves = " and ".join(f"{v.name} {'grows' if sign > 0 else 'shrinks'}" for v, sign in away)
    first = away[0][0].name
    largest = plan.minimised.removeprefix("-")
    rising = largest in plan.targets and largest != plan.minimised
    tends = f"{largest} keeps rising" if rising else f"{plan.minimised} keeps falling"
    spend = "" if WITHIN in plan.sides else "; or say what may be spent: --cost FORMULA --budget LIMIT"
    lacking = [
        f"{what} does not contain {', '.join(absent)}"
        for what, tree in (("the cost", plan.cost), (plan.minimised, plan.objective))
        if tree is not None and (absent := [v.name for v, _ in away if v.name not in feature_names(tree)])
    ]
    return (
        f"the optimum has no bound{place}: {tends} as {moves}"
        f"{''.join(f'; {text}' for text in lacking)}. "
        f"Give {'it' if len(away) == 1 else 'one of them'} a value or a range: --fix {first}=VALUE or "
        f"--bounds {first}=LOW:HIGH{spend}"
    )


# --- the answer


@dataclass(frozen=True)
class _Reading:
    """Reads one optimum out of the paths of all laws."""

    ensemble: Ensemble | None
    asked: Sequence[_Asked]
    paths: Sequence[_Path]
    place: int
    label: str | None
    code: int
    limit: float | None

    @property
    def chosen(self) -> _Asked:
        return self.asked[0]

    @property
    def solution(self) -> Solution:
        found = self.paths[0].solutions[self.place]
        assert isinstance(found, Solution)  # others were refused
        return found

    @property
    def others(self) -> list[tuple[_Asked, Solution]]:
        """The near-tied laws that have an optimum which can be believed, the chosen one first."""
        found = [
            (asked, path.solutions[self.place])
            for asked, path in zip(self.asked, self.paths, strict=True)
            if self.place not in path.doubtful
        ]
        return [(a, s) for i, (a, s) in enumerate(found) if isinstance(s, Solution) and (s.settled or i == 0)]

    @property
    def drawn(self) -> Floats | None:
        """Coordinates under the draws that have an optimum, if these are enough."""
        path = self.paths[0]
        if self.place >= len(path.drawn):
            return None
        z = path.drawn[self.place]
        good = ~np.isnan(z).any(axis=1)
        return z if good.mean() >= ENOUGH else None

    def optimum(self) -> Optimum:
        known = self.chosen.known(self.code, self.limit)
        values = natural(self.chosen.variables, self.solution.z)
        at = {name: float(value) for name, value in values.items()} | dict(self.chosen.plan.fixed)
        return Optimum(
            group=self.label,
            budget=self.limit,
            features={v.name: self._feature(i, v) for i, v in enumerate(self.chosen.variables)},
            objective=self._quantity(lambda asked: asked.plan.objective, known),
            cost=None if self.chosen.plan.cost is None else self._quantity(lambda asked: asked.plan.cost, known),
            forecasts={target: self._forecast(target, at, known) for target in self.chosen.plan.targets},
            beyond=tuple(excess.text for excess in excesses(self.chosen.draws.document, at)),
            warnings=tuple(self._warnings(at, known)),
            laws=len(self.others),
        )

    def _feature(self, i: int, variable: Variable) -> Quantity:
        drawn = None if self.drawn is None else self.drawn[:, i]
        laws = [z for asked, s in self.others for z in _coordinate(asked.variables, s.z, variable.name)]
        found = _with_spread(float(self.solution.z[i]), drawn, laws)
        return _mapped(found, math.exp) if variable.log else found

    def _quantity(self, tree: Callable[[_Asked], Expr | None], known: Mapping[str, Any]) -> Quantity:
        """A formula at the optimum, at the draws' own optima, and at the other laws' own optima."""

        def value(asked: _Asked, z: Floats, known: Mapping[str, Any]) -> Any:
            formula = tree(asked)
            assert formula is not None
            return evaluate(formula, dict(known) | natural(asked.variables, z))

        drawn = self.drawn
        spread = None
        if drawn is not None:
            shape = (len(drawn),)
            spread = np.broadcast_to(value(self.chosen, drawn, self.chosen.drawn(known, self.code)), shape)
            spread = np.where(np.isnan(drawn).any(axis=1), np.nan, spread)
        laws = [float(value(asked, s.z, asked.known(self.code, self.limit))) for asked, s in self.others]
        return _with_spread(laws[0], spread, laws)

    def _forecast(self, target: str, at: Mapping[str, float], known: Mapping[str, Any]) -> Forecast:
        document = self.chosen.draws.document
        # Columns that the law does not use have no part in the answer; any value serves.
        features = {name: at.get(name, document.domain.get(name, (1.0, 1.0))[1]) for name in document.feature_names}
        if self.ensemble is not None:
            return self.ensemble.intervals(features, [document.groups[self.code]], target=target)
        value = np.atleast_1d(evaluate(self.chosen.plan.targets[target], dict(known) | dict(at)))
        said = value.astype(np.float64)
        return Forecast(said, said, {}, {}, {})

    def _warnings(self, at: Mapping[str, float], known: Mapping[str, Any]) -> Iterator[str]:
        solution, problem = self.solution, self.chosen.plan.problem
        if not solution.settled:
            yield "the optimum is flat or broken here, so its place is only approximate"
        if solution.lower_elsewhere:
            yield (
                f"far beyond the data the law has values of {self.chosen.plan.minimised} that are lower still; "
                "the optimum is the best one that is not at the end of the search"
            )
        yield from (
            f"{v.name} lies on its bound {float(end):g}"
            for v, z, pinned in zip(self.chosen.variables, solution.z, solution.pinned, strict=True)
            if pinned and (end := natural((v,), z[None])[v.name]) is not None
        )
        if self.limit is not None and len(problem.conditions) - 1 not in solution.active:
            spent = float(evaluate(self.chosen.plan.cost, dict(known) | dict(at))) if self.chosen.plan.cost else 0.0
            yield (
                f"the budget is not used up: a cost of {spent:.4g} is best under this law"
                if solution.settled
                else f"the budget is not used up: above a cost of {spent:.4g} this law gains no more than rounding"
            )
        yield from impossible(self.chosen.draws.document, at)
        yield from self._about_uncertainty()

    def _about_uncertainty(self) -> Iterator[str]:
        path = self.paths[0]
        if self.ensemble is None:
            reason = self.chosen.draws.document.no_intervals
            yield f"no intervals: {reason}" if reason else "this law has no uncertainty beside it, so no intervals"
        elif self.place < len(path.drawn):
            missing = float(np.isnan(path.drawn[self.place]).any(axis=1).mean())
            if missing > 0:
                what = "and the intervals leave these out" if missing <= 1 - ENOUGH else "so there are no intervals"
                yield f"with {missing:.0%} of the plausible constants there is no such optimum, {what}"
        lost = sum(self.place in path.doubtful for path in self.paths)
        none = len(self.asked) - len(self.others) - lost
        if none:
            yield f"{none} of {len(self.asked)} near-tied laws have no such optimum"
        if lost:
            yield (
                f"{lost} of {len(self.asked)} near-tied laws are left out of the range: where they are best, they "
                "break the bounds of the target or leave the range of the data far behind"
            )


def _coordinate(variables: Sequence[Variable], z: Floats, name: str) -> list[float]:
    """The coordinate of this name; none for a law that does not have the feature."""
    return [float(value) for v, value in zip(variables, z, strict=True) if v.name == name]


def _with_spread(value: float, drawn: Floats | None, laws: Sequence[float]) -> Quantity:
    """A value with its interval over draws and its range over laws; both hold the value itself."""
    interval = None
    if drawn is not None:
        low, high = np.nanquantile(drawn, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
        interval = (min(float(low), value), max(float(high), value))
    return Quantity(value, interval, (min(laws), max(laws)) if len(laws) > 1 else None)


def _mapped(found: Quantity, function: Callable[[float], float]) -> Quantity:
    """A quantity under a rising function."""

    def ends(pair: tuple[float, float] | None) -> tuple[float, float] | None:
        return None if pair is None else (function(pair[0]), function(pair[1]))

    return Quantity(function(found.value), ends(found.interval), ends(found.laws))


def _exponents(asked: Sequence[_Asked], paths: Sequence[_Path], budgets: Sequence[float]) -> dict[str, Quantity]:
    """Exponents of power laws through the optima of all budgets, by least squares in logarithms."""
    x = np.log(np.array(budgets))
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    slopes: list[tuple[_Asked, Floats]] = []
    for one, path in zip(asked, paths, strict=True):
        found = [
            s
            for place, s in enumerate(path.solutions)
            if isinstance(s, Solution) and place not in path.doubtful and (s.settled or not slopes)
        ]
        if len(found) == len(budgets):
            slopes.append((one, weights @ np.stack([s.z for s in found])))
    drawn = None
    if len(paths[0].drawn) == len(budgets):
        drawn = np.einsum("b,bdk->dk", weights, np.stack(paths[0].drawn))
        drawn = drawn if (~np.isnan(drawn).any(axis=1)).mean() >= ENOUGH else None
    return {
        v.name: _with_spread(
            float(slopes[0][1][i]),
            None if drawn is None else drawn[:, i],
            [value for one, slope in slopes for value in _coordinate(one.variables, slope, v.name)],
        )
        for i, v in enumerate(asked[0].variables)
        if v.log
    }
