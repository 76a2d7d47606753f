"""Which optima can be believed, and why a law has none."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.decisions.asked import Asked, Optima
from discover.decisions.optimum import Infeasible, Solution, runs_away
from discover.decisions.questions import BUDGET, MOST_CORNERS, WITHIN
from discover.decisions.smooth import Variable, natural
from discover.expressions import evaluate, feature_names

FARTHER = 256.0  # beyond the data than the chosen law: so far laws were asked when one was chosen
WIDTHS = 4.5  # of the data, by which values of chosen laws may leave them
NEAR_END = math.log(10.0)  # of the search, within which a descent along a budget has run to it


def doubted(
    asked: Asked,
    path: Optima,
    chosen: Asked,
    best: Optima,
    bounds: tuple[float, float],
    code: int,
    budgets: Sequence[float],
) -> Optima:
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


def _span(chosen: Asked, target: str, code: int) -> tuple[float, float]:
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


def failure(asked: Asked, path: Optima, budgets: Sequence[float], group: str | None) -> str | None:
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
            away = away or ([] if found.settled else _starved(found, asked.variables, paid))
        if away:
            return _why_unbounded(asked, away, place)
    return None


def _starved(found: Solution, variables: Sequence[Variable], paid: Collection[str]) -> list[tuple[Variable, int]]:
    """Features on which next to nothing is spent, to buy ever more of others.

    The law may be level there: to move one of them alone breaks the budget or leaves it unspent, and tells nothing.
    """
    return [
        (v, -1)
        for v, z in zip(variables, found.z.tolist(), strict=True)
        if v.log and v.name in paid and not v.bounded[0] and z - v.box[0] <= NEAR_END
    ]


def _why_infeasible(asked: Asked, found: Infeasible, known: Mapping[str, Any], place: str) -> str:
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


def _why_unbounded(asked: Asked, away: Sequence[tuple[Variable, int]], place: str) -> str:
    plan = asked.plan
    if not any(v.name in feature_names(plan.objective) for v in asked.variables):
        columns = " and ".join(v.name for v in asked.variables)
        return f"{plan.minimised} does not depend on {columns}{place}, so that no value is better than another"
    moves = " and ".join(f"{v.name} {'grows' if sign > 0 else 'shrinks'}" for v, sign in away) + _buys(asked, away)
    first = away[0][0].name
    seen = asked.draws.document.domain.get(first)
    span = "" if seen is None else f" (in the data {seen[0]:g} to {seen[1]:g})"
    largest = plan.minimised.removeprefix("-")
    rising = largest in plan.targets and largest != plan.minimised
    tends = f"{largest} keeps rising" if rising else f"{plan.minimised} keeps falling"
    spend = "" if _is_limited(asked) else "; or say what may be spent: --cost FORMULA --budget LIMIT"
    lacking = [
        f"{what} does not contain {', '.join(absent)}"
        for what, tree in (("the cost", plan.cost), (plan.minimised, plan.objective))
        if tree is not None and (absent := [v.name for v, _ in away if v.name not in feature_names(tree)])
    ]
    return (
        f"the optimum has no bound{place}: {tends} as {moves}"
        f"{''.join(f'; {text}' for text in lacking)}. "
        f"Give {'it' if len(away) == 1 else 'one of them'} a value or a range: --fix {first}=VALUE or "
        f"--bounds {first}=LOW:HIGH{span}{spend}"
    )


def _buys(asked: Asked, away: Sequence[tuple[Variable, int]]) -> str:
    """What the budget goes to instead of features that shrink; "" where they cost nothing, or nothing is limited."""
    if asked.plan.cost is None or not _is_limited(asked):
        return ""
    paid = feature_names(asked.plan.cost)
    if not any(v.name in paid and sign < 0 for v, sign in away):
        return ""
    gone = {v.name for v, _ in away}
    others = [v.name for v in asked.variables if v.name in paid and v.name not in gone]
    return f" and the budget goes to {' and '.join(others)} instead" if others else ""


def _is_limited(asked: Asked) -> bool:
    """Whether a budget limits the cost."""
    return any(condition.text == WITHIN for condition in asked.plan.problem.conditions)
