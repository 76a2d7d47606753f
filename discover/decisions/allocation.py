"""Best values of a law's features for a budget, or the least cost of a result, with what is known of them.

The optimum is, as a forecast is, the average over the laws that the data cannot tell apart, by their weights. How sure
it is, is told by the optima of all these laws under other plausible constants (an interval), and by how far the laws
are apart (a range).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

from discover.averages import average
from discover.decisions.optimum import AT_BOUND, STARTS, Infeasible, Solution, follow, minimum, nearby, runs_away
from discover.decisions.pooled import LawOptimum, central, fixed_exponents, held_at_limit
from discover.decisions.questions import BUDGET, MOST_CORNERS, WITHIN, Ends, Plan, Question, plan
from discover.decisions.smooth import Floats, Variable, natural
from discover.errors import InputError
from discover.export.law import FittedLaw
from discover.expressions import Expr, evaluate, feature_names
from discover.forecasts import Draws, Ensemble, Forecast
from discover.forecasts.points import excesses, impossible
from discover.law.document import LawDocument
from discover.law.storage import read

LEVEL = 0.9
MOST_BUDGETS = 60
COVERED = 0.95  # of the weight of all laws: the lightest ones beyond that are not asked
FEWER = 4  # starts for another law than the chosen one, whose optimum is one more
FARTHER = 256.0  # beyond the data than the chosen law: so far laws were asked when one was chosen
WIDTHS = 4.5  # of the data, by which values of chosen laws may leave them
ENOUGH = 0.5  # share of the draws that must have an optimum for an interval to be given


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
    """Finds the values of a law's features that are best for a budget, or cheapest for a result.

    It searches positive features in the logarithm, from many starts and with exact derivatives; the optimum of one law
    is exact to about ten digits. The optimum of several laws is the weighted mean of theirs, in logarithms, moved to
    the nearest point that meets the conditions. For E + A*N**-a + B*D**-b under 6*N*D = C it equals that of Hoffmann et
    al. (2022, arXiv:2203.15556, equation 4).

    Args:
        law: a loaded law, a law document, an ensemble, a run folder or a law.json.
        minimise: a formula over targets, features and `cost`. "" minimises the law's only target, or maximises it if
            its name says that larger is better, as for an accuracy.
        cost: a formula over features and the names in `fix`, such as "6*params*tokens".
        budget: upper limit of the cost; several for a sweep.
        subject_to: conditions such as "loss <= 2.1".
        bounds: feature -> (lower, upper); None for no limit.
        fix: feature -> value.
        group: name of a group; by default every group gets its own optimum.
        seed: seed of the starting points.

    Raises:
        InputError: a name is unknown; or no group has a point that meets the conditions and a bounded optimum.
        FormulaError: a text is not a formula.
    """
    document, ensemble = _source(law)
    budgets = _budgets(budget)
    conditions = (subject_to,) if isinstance(subject_to, str) else tuple(subject_to)
    question = Question(minimise, cost, bool(budgets), conditions, dict(bounds or {}), dict(fix or {}))
    laws = _heaviest(ensemble.laws) if ensemble is not None else (Draws(document, 1.0, {}),)
    asked = _asked(question, laws)
    bounds_of_target = ensemble.bounds if ensemble is not None else (-math.inf, math.inf)
    optima: list[Optimum] = []
    exponents: dict[str | None, Mapping[str, Quantity]] = {}
    refused: dict[str | None, str] = {}
    for name in document.groups if group is None else (group,):
        label = name if document.group_column is not None else None
        code = document.group_code(name)
        chosen = asked[0].path(code, budgets, seed)
        paths = [chosen, *(one.path(code, budgets, seed, guide=(asked[0], chosen)) for one in asked[1:])]
        why = _failure(asked[0], paths[0], budgets, label)
        if why is not None:
            refused[label] = why
            continue
        paths = [_doubted(one, path, asked[0], paths[0], bounds_of_target, code, budgets)
                 for one, path in zip(asked, paths, strict=True)]  # fmt: skip
        assumed = _assumption(asked, paths, budgets, code)
        readings = [
            _Reading(ensemble, asked, paths, place, label, code, limit, assumed)
            for place, limit in enumerate(budgets or (None,))
        ]
        optima += [reading.optimum() for reading in readings]
        if len(budgets) > 1:
            exponents[label] = _exponents(readings, budgets)
    if not optima:
        raise InputError(next(iter(refused.values())))
    draws = sum(map(len, laws)) if ensemble is not None else 0
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


def _heaviest(laws: Sequence[Draws]) -> tuple[Draws, ...]:
    """The chosen law, which is the first, and the heaviest of the others that together make up nearly all weight."""
    order = [0, *sorted(range(1, len(laws)), key=lambda i: -laws[i].weight)]
    before = np.cumsum([0.0, *(laws[i].weight for i in order)])
    return tuple(laws[i] for i, passed in zip(order, before[:-1], strict=True) if passed < COVERED * before[-1])


def _asked(question: Question, laws: Sequence[Draws]) -> list[_Asked]:
    """The question to every law; another than the chosen one that it cannot be put to is left out.

    That is one that reads a column which is not positive and has no bounds.
    """
    out = [_Asked(laws[0], plan(question, laws[0].document))]
    for one in laws[1:]:
        try:
            out.append(_Asked(one, plan(question, one.document)))
        except InputError:
            continue
    return out


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
        drawn: coordinates under every draw, shape (draws, k) each; NaN where there is no optimum. None without draws,
            and where the solution is not settled.
        doubtful: places of solutions where the law means nothing, see `_doubted`.
    """

    solutions: tuple[Solution | Infeasible, ...]
    drawn: tuple[Floats | None, ...]
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

    def path(self, code: int, budgets: Sequence[float], seed: int, guide: tuple[_Asked, _Path] | None = None) -> _Path:
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
        return _Path(tuple(solutions), tuple(drawn))

    def near(self, chosen: _Asked, path: _Path) -> list[Floats]:
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


def _assumption(asked: Sequence[_Asked], paths: Sequence[_Path], budgets: Sequence[float], code: int) -> str:
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


def _fixed(one: _Asked, path: _Path, code: int, limit: float) -> Mapping[str, float] | None:
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

    asked: _Asked
    optimum: LawOptimum
    drawn: Floats | None


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
    assumed: str

    @property
    def chosen(self) -> _Asked:
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

    def _quantity(self, tree: Callable[[_Asked], Expr | None], at: Mapping[str, float]) -> Quantity:
        """A formula at the optimum, at the laws' own optima, and at those under their draws."""

        def value(asked: _Asked, known: Mapping[str, Any], z: Floats) -> Floats:
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
            yield f"{none} of {len(self.asked)} near-tied laws have no such optimum"
        if doubted:
            yield (
                f"{doubted} of {len(self.asked)} near-tied laws are left out of sizes and intervals: where they are "
                "best, they break the bounds of the target or leave the range of the data far behind"
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


def _exponents(readings: Sequence[_Reading], budgets: Sequence[float]) -> dict[str, Quantity]:
    """Exponents of power laws through the optima of all budgets, by least squares in logarithms."""
    x = np.log(np.array(budgets))
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    always = [asked for asked in readings[0].asked if all(any(b.asked is asked for b in one.laws) for one in readings)]
    variables = [v for v in readings[0].variables if v.log and all(v in one.variables for one in readings)]

    def slopes(law: _Asked, drawn: bool) -> Floats:
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
