"""Smallest value of a formula under conditions: many starts, then Newton's method to the last digits.

Each start is carried by sequential quadratic programming (Kraft 1988, DFVLR-FB 88-28, as in SciPy). The best result
is refined by Newton's method on the conditions of Karush, Kuhn and Tucker with exact second derivatives (Nocedal and
Wright 2006, Numerical Optimization, section 18.1), which also follows the optimum to other constants: for thousands
of draws at once, starting from the optimum that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from discover.arrays import Floats, Mask
from discover.decisions.smooth import Function, Known, Variable

DRAWN = 64  # points from which the starts are taken
STARTS = 10
REACH = 80.0  # largest shift of a start along the diagonal, in natural logarithms
MET = 1e-9  # a condition counts as met up to this; conditions are scaled to the size one
AT_BOUND = 1e-6  # share of the box within which a coordinate lies on its limit
STEPS = 60
LONGEST = 1.0  # of a Newton step in one coordinate, in natural logarithms
STILL = 1e-11
FAR = 7.0  # natural logarithms (or units) to look ahead for a plain


@dataclass(frozen=True)
class Condition:
    """A function that must be zero, or at most zero; of the size one where it is broken."""

    function: Function
    equality: bool
    text: str


@dataclass(frozen=True)
class Minimisation:
    """What is minimised over which variables under which conditions."""

    variables: tuple[Variable, ...]
    objective: Function
    conditions: tuple[Condition, ...]

    @property
    def box(self) -> Floats:
        """Limits of the coordinates, shape (k, 2)."""
        return np.array([v.box for v in self.variables]).reshape(-1, 2)

    def excess(self, z: Floats, known: Known) -> Floats:
        """By how much each condition is broken, shape (n, conditions)."""
        if not self.conditions:
            return np.zeros((len(z), 0))
        values = [(c, c.function.value(z, known)) for c in self.conditions]
        out = np.stack([np.abs(v) if c.equality else np.maximum(v, 0.0) for c, v in values], axis=1)
        return np.where(np.isnan(out), np.inf, out)


@dataclass(frozen=True)
class Solution:
    """An optimum.

    Attributes:
        z: coordinates, shape (k,).
        value: of the objective.
        active: conditions that hold it, by their place.
        pinned: coordinates on a limit of the box, shape (k,).
        exact: refined by Newton's method and found to be a strict minimum.
        settled: a minimum inside of the search or on a limit that the user gave, not where the search just ended.
        lower_elsewhere: at the end of the search the objective is lower still.
    """

    z: Floats
    value: float
    active: tuple[int, ...]
    pinned: Mask
    exact: bool
    settled: bool
    lower_elsewhere: bool = False


@dataclass(frozen=True)
class Infeasible:
    """No point meets all conditions; `z` breaks them least, `condition` worst."""

    z: Floats
    condition: Condition


def minimum(
    problem: Minimisation, known: Known, *, seed: int = 0, warm: Sequence[Floats] = (), starts: int = STARTS
) -> Solution | Infeasible:
    """The smallest value found from several starts.

    Args:
        known: numbers for all that is not a variable.
        seed: of the drawn starts.
        warm: further starts, each of shape (k,).
        starts: number of the drawn starts that are carried on.
    """
    if not problem.variables:
        return _only_point(problem, known)
    cold, scale = _starts(problem, known, np.random.default_rng(seed), starts)
    ends = [_descend(problem, known, start, scale) for start in [*warm, *cold]]
    broken = np.array([problem.excess(z[None], known).max(initial=0.0) for z in ends])
    values = np.array([float(problem.objective.value(z[None], known)[0]) for z in ends])
    values = np.where(np.isfinite(values), values, np.inf)
    met = (broken <= 100 * MET) & np.isfinite(values)
    if not met.any():
        return _infeasible(problem, known, ends[int(np.argmin(broken))])
    found = [_refined(problem, known, ends[i]) for i in np.flatnonzero(met)]
    lowest = min(found, key=lambda one: one.value)
    settled = [one for one in found if one.settled]
    best = min(settled, key=lambda one: one.value, default=lowest)
    slack = 1e-9 * max(abs(best.value), scale)
    return replace(best, lower_elsewhere=lowest.value < best.value - slack)


def follow(problem: Minimisation, known: Known, n: int, found: Solution, *, seed: int = 0) -> Floats:
    """The optimum under n other sets of constants, shape (n, k); NaN where there is none.

    Args:
        known: values of which some are arrays of shape (n,).
        found: the optimum under constants nearby.
    """
    start = np.repeat(found.z[None], n, axis=0)
    if not problem.variables:
        return start
    z, good = newton(problem, known, start, found.active, ~found.pinned)
    for row in np.flatnonzero(~good):
        one = {name: value[row] if np.ndim(value) else value for name, value in known.items()}
        again = nearby(problem, one, found.z)
        z[row] = again.z if isinstance(again, Solution) else np.nan
    return z


def nearby(problem: Minimisation, known: Known, start: Floats) -> Solution | Infeasible:
    """The optimum that one descent from a known point reaches."""
    scale = max(abs(float(problem.objective.value(start[None], known)[0])), 1e-300)
    z = _descend(problem, known, start, scale if np.isfinite(scale) else 1.0)
    if not problem.excess(z[None], known).max(initial=0.0) <= 100 * MET:
        return _infeasible(problem, known, z)
    return _refined(problem, known, z)


def _only_point(problem: Minimisation, known: Known) -> Solution | Infeasible:
    """Everything is fixed: the one point either meets the conditions or does not."""
    z = np.zeros((1, 0))
    excess = problem.excess(z, known)[0]
    if excess.max(initial=0.0) > 100 * MET:
        return Infeasible(z[0], problem.conditions[int(np.argmax(excess))])
    return Solution(z[0], float(problem.objective.value(z, known)[0]), (), np.zeros(0, bool), True, True)


# --- starts


def _starts(problem: Minimisation, known: Known, rng: np.random.Generator, most: int) -> tuple[list[Floats], float]:
    """Points near the data, moved along the diagonal to where the conditions are met and the objective is small.

    Also the spread of the objective among them, by which it is scaled.
    """
    box = problem.box
    seen = np.array([[v.inside(end) for end in v.seen] for v in problem.variables])
    margin = np.array([2.3 if v.log else 0.0 for v in problem.variables])
    low = np.clip(seen[:, 0] - margin, *box.T)
    high = np.clip(seen[:, 1] + margin, *box.T)
    drawn = rng.uniform(low, high, size=(DRAWN, len(box)))
    drawn[0] = 0.5 * (low + high)
    logs = np.array([v.log for v in problem.variables], float)
    shifts = np.linspace(-REACH, REACH, 161)
    moved = np.clip(drawn[:, None] + shifts[:, None] * logs, *box.T)
    flat = moved.reshape(-1, len(box))
    broken = problem.excess(flat, known).max(axis=1, initial=0.0)
    values = np.nan_to_num(problem.objective.value(flat, known), nan=np.inf)
    # Far out a law may be lowest where it means nothing: without conditions starts stay near the data.
    far = np.abs(np.tile(shifts, DRAWN)) if not problem.conditions else np.zeros(len(flat))
    order = np.lexsort((values, far, np.round(np.minimum(broken, 1e6), 6))).reshape(-1)
    rank = np.empty(len(flat), int)
    rank[order] = np.arange(len(flat))
    best = np.argmin(rank.reshape(DRAWN, -1), axis=1)
    rows = np.arange(DRAWN) * len(shifts) + best
    rows = rows[np.argsort(rank[rows], kind="stable")]
    chosen = [*rows[: most // 2], *rows[most // 2 :: max(1, DRAWN // most)]][:most]
    finite = values[rows][np.isfinite(values[rows])]
    spread = float(np.quantile(finite, 0.9) - np.quantile(finite, 0.1)) if len(finite) else 1.0
    scale = spread if spread > 0 else max(float(np.abs(finite).max(initial=0.0)), 1.0)
    return [flat[i] for i in chosen], scale


# --- descent


def _descend(problem: Minimisation, known: Known, start: Floats, scale: float) -> Floats:
    """Where sequential quadratic programming ends."""
    from scipy.optimize import minimize

    def number(function: Function, factor: float) -> tuple[object, object]:
        def value(z: Floats) -> float:
            return float(np.clip(np.nan_to_num(function.value(z[None], known)[0] / factor, nan=1e10), -1e10, 1e10))

        def slope(z: Floats) -> Floats:
            found: Floats = function.gradient(z[None], known)[0] / factor
            return np.nan_to_num(found, nan=0.0, posinf=1e10, neginf=-1e10)

        return value, slope

    value, slope = number(problem.objective, scale)
    conditions = []
    for condition in problem.conditions:
        reach, gradient = number(condition.function, 1.0 if condition.equality else -1.0)
        kind = "eq" if condition.equality else "ineq"
        conditions.append({"type": kind, "fun": reach, "jac": gradient})
    box = problem.box
    done = minimize(
        value, np.clip(start, *box.T), jac=slope, method="SLSQP", bounds=box, constraints=conditions,
        options={"ftol": 1e-15, "maxiter": 300},
    )  # fmt: skip
    end = np.clip(np.asarray(done.x, np.float64), *box.T)
    return end if np.isfinite(end).all() else start


def _infeasible(problem: Minimisation, known: Known, near: Floats) -> Infeasible:
    """The point that breaks the worst condition least, from the end of a descent."""
    excess = problem.excess(near[None], known)[0]
    worst = problem.conditions[int(np.argmax(excess))] if len(excess) else None
    if worst is None:
        raise ValueError("the objective has no finite value")
    if worst.equality:
        return Infeasible(near, worst)
    alone = Minimisation(problem.variables, worst.function, ())
    return Infeasible(_descend(alone, known, near, 1.0), worst)


# --- Newton's method


def _refined(problem: Minimisation, known: Known, z: Floats) -> Solution:
    """The end of a descent to the last digits, where the functions are smooth there."""
    box = problem.box
    width = np.maximum(box[:, 1] - box[:, 0], 1e-12)
    pinned = np.minimum(z - box[:, 0], box[:, 1] - z) <= AT_BOUND * width
    active = tuple(
        i for i, c in enumerate(problem.conditions) if c.equality or c.function.value(z[None], known)[0] > -1e-6
    )
    better, good = newton(problem, known, z[None], active, ~pinned)
    exact = bool(good[0]) and bool(np.abs(better[0] - z).max(initial=0.0) < LONGEST)
    end = better[0] if exact else z
    value = float(problem.objective.value(end[None], known)[0])
    settled = not _at_own_limit(problem, end) and (exact or _kinked(problem, known, end, active, ~pinned))
    return Solution(end, value, active, pinned, exact, settled)


def _at_own_limit(problem: Minimisation, z: Floats) -> bool:
    """Whether a coordinate ran to a limit that only ends the search."""
    ends = np.abs(problem.box - z[:, None]) <= 1e-3
    given = np.array([v.bounded for v in problem.variables])
    return bool((ends & ~given).any())


def runs_away(problem: Minimisation, known: Known, found: Solution) -> list[tuple[Variable, int]]:
    """Variables that go on without end, upwards (1) or downwards (-1): to the end of the search, or on a plain."""
    away = []
    for i, variable in enumerate(problem.variables):
        sides = [side for side in (0, 1) if not variable.bounded[side]]
        lows = {side: _ahead(problem, known, found, i, side) for side in sides}
        side = min(lows, key=lambda side: lows[side], default=None)
        if side is not None and lows[side] <= found.value + 1e-12 * abs(found.value):
            away.append((variable, 1 if side else -1))
    return away


def _ahead(problem: Minimisation, known: Known, found: Solution, i: int, side: int) -> float:
    """The objective farther on in one direction; minus infinity at the end of the search, infinity if not allowed."""
    box = problem.box
    if abs(found.z[i] - box[i, side]) <= 1e-3:
        return -np.inf
    moved = found.z[None].copy()
    moved[0, i] = np.clip(found.z[i] + (FAR if side else -FAR), *box[i])
    met = problem.excess(moved, known).max(initial=0.0) <= 100 * MET
    return float(np.nan_to_num(problem.objective.value(moved, known)[0], nan=np.inf)) if met else np.inf


def _kinked(problem: Minimisation, known: Known, z: Floats, active: Sequence[int], free: Mask) -> bool:
    """Whether the objective is steep at the end of a descent: a minimum on a kink, as of Min(a, b), not a plain."""
    if not free.any():
        return True
    slope, _, _, slopes = _local(problem, known, z[None], active, free, np.zeros((1, len(active))))
    slope, slopes = _finite(slope)[0], _finite(slopes)[0]
    if len(active):
        slope = slope - slopes.T @ (np.linalg.pinv(slopes.T) @ slope)
    value = abs(float(problem.objective.value(z[None], known)[0]))
    return bool(np.abs(slope).max() > 1e-3 * max(value, 1e-300))


def newton(
    problem: Minimisation, known: Known, start: Floats, active: Sequence[int], free: Mask
) -> tuple[Floats, Mask]:
    """Newton's method on the stationarity conditions, for many sets of constants at once.

    Args:
        start: points, shape (n, k).
        active: conditions taken as equations.
        free: coordinates that may move, shape (k,); the others stay where they are.

    Returns:
        Points of shape (n, k), and which of them are strict minima that meet all conditions, shape (n,).
    """
    z = start.copy()
    n, k, m = len(z), int(free.sum()), len(active)
    multipliers = np.zeros((n, m))
    if k == 0:
        return z, _acceptable(problem, known, z, np.ones(n, bool))
    length = np.full(n, np.inf)
    for step in range(STEPS):
        slope, curve, values, slopes = _local(problem, known, z, active, free, multipliers)
        if step == 0 and m:
            multipliers = -np.einsum("nmk,nk->nm", np.linalg.pinv(_finite(slopes.transpose(0, 2, 1))), _finite(slope))
            slope, curve, values, slopes = _local(problem, known, z, active, free, multipliers)
        size = np.maximum(np.abs(slope).max(axis=1), np.abs(curve).max(axis=(1, 2)))
        size = np.where((size > 0) & np.isfinite(size), size, 1.0)[:, None]
        matrix = np.zeros((n, k + m, k + m))
        matrix[:, :k, :k] = curve / size[:, :, None]
        matrix[:, k:, :k] = slopes
        matrix[:, :k, k:] = slopes.transpose(0, 2, 1)
        lagrange = slope / size + np.einsum("nm,nmk->nk", multipliers / size, slopes)
        move = _solve(matrix, -np.concatenate([lagrange, values], axis=1))
        length = np.abs(move[:, :k]).max(axis=1)
        shorter = np.minimum(1.0, LONGEST / np.maximum(length, 1e-300))[:, None]
        z[:, free] += move[:, :k] * shorter
        multipliers = multipliers + move[:, k:] * shorter * size
        if not (length > STILL).any():
            break
    slope, curve, values, slopes = _local(problem, known, z, active, free, multipliers)
    strict = _curved_up(curve, slopes) & (length <= 1e-8)
    signs = [multipliers[:, i] >= -1e-12 for i, c in enumerate(active) if not problem.conditions[c].equality]
    held = _held(problem, known, z, active, free, multipliers)
    return z, _acceptable(problem, known, z, strict & np.logical_and.reduce([held, *signs]))


def _held(
    problem: Minimisation, known: Known, z: Floats, active: Sequence[int], free: Mask, multipliers: Floats
) -> Mask:
    """Whether every coordinate on a limit would lower the objective only by leaving the box, shape (n,)."""
    if free.all():
        return np.ones(len(z), bool)
    slope = problem.objective.gradient(z, known)
    for i, c in enumerate(active):
        slope = slope + multipliers[:, i, None] * problem.conditions[c].function.gradient(z, known)
    box = problem.box
    at_lower = z - box[:, 0] < box[:, 1] - z
    outwards = np.where(at_lower, slope, -slope)[:, ~free]
    held: Mask = np.all(outwards >= 0, axis=1)
    return held


def _local(
    problem: Minimisation, known: Known, z: Floats, active: Sequence[int], free: Mask, multipliers: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Gradient of the objective (n, k), Hessian of the Lagrangian (n, k, k), active conditions (n, m), (n, m, k)."""
    n, k = len(z), int(free.sum())
    inner = np.ix_(np.arange(n), free, free)
    slope = problem.objective.gradient(z, known)[:, free]
    curve = problem.objective.hessian(z, known)[inner]
    values, slopes = np.zeros((n, len(active))), np.zeros((n, len(active), k))
    for i, c in enumerate(active):
        function = problem.conditions[c].function
        values[:, i] = function.value(z, known)
        slopes[:, i] = function.gradient(z, known)[:, free]
        curve = curve + multipliers[:, i, None, None] * function.hessian(z, known)[inner]
    return slope, curve, values, slopes


def _finite(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _solve(matrix: Floats, right: Floats) -> Floats:
    """Solutions of many small systems; no move where a system has none."""
    usable = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    out = np.full_like(right, np.nan)
    if usable.any():
        try:
            out[usable] = np.linalg.solve(matrix[usable], right[usable][:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            out[usable] = np.einsum("nij,nj->ni", np.linalg.pinv(matrix[usable]), right[usable])
    return out


def _curved_up(curve: Floats, slopes: Floats) -> Mask:
    """Whether the Lagrangian rises in every direction that the active conditions leave open, shape (n,)."""
    _, m, k = slopes.shape
    good: Mask = np.logical_and(np.isfinite(curve).all(axis=(1, 2)), np.isfinite(slopes).all(axis=(1, 2)))
    if m >= k:
        return good
    curve, slopes = _finite(curve), _finite(slopes)
    if m == 0:
        smallest = np.linalg.eigvalsh(curve)[:, 0]
    else:
        open_directions = np.linalg.svd(slopes, full_matrices=True)[2][:, m:]
        smallest = np.linalg.eigvalsh(open_directions @ curve @ open_directions.transpose(0, 2, 1))[:, 0]
    return np.logical_and(good, smallest > 0)


def _acceptable(problem: Minimisation, known: Known, z: Floats, good: Mask) -> Mask:
    """Of these points the ones in the box that meet every condition."""
    box = problem.box
    with np.errstate(invalid="ignore"):
        inside = (z >= box[:, 0] - 1e-9) & (z <= box[:, 1] + 1e-9)
    met = problem.excess(z, known).max(axis=1, initial=0.0) <= 100 * MET
    out: Mask = np.logical_and.reduce([good, inside.all(axis=1), met])
    return out
