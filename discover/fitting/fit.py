"""Fits a structure to a table: from values to the kernel's arrays and back."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discover.data.table import Table
from discover.fitting import kernel
from discover.fitting.compilation import ensure_compiled
from discover.fitting.program import Program, compile_program, log_formula
from discover.fitting.result import Diagnostics, FitFailure, FitResult, Outcome, Reason
from discover.fitting.starts import draw
from discover.fitting.structure import Domain, Recipe, Structure

Floats = NDArray[np.float64]
_KINDS = {"squared": 0, "huber": 1, "soft_l1": 2}


@dataclass(frozen=True)
class Effort:
    """How hard the fitter tries.

    Attributes:
        draws: starting points drawn besides the given ones; only the most promising are searched.
        agree: stop when this many searches have ended in the best optimum.
        tolerance: relative change of the objective that counts as none in the final search.
        iterations: limit of damped steps of the final search; of the others a quarter.
    """

    draws: int = 64
    agree: int = 3
    tolerance: float = 1e-12
    iterations: int = 400


THOROUGH = Effort(draws=512, agree=8, iterations=1000)
NORMAL = Effort()
COMPLETIONS = 4  # of a start that names some of the constants only
QUICK = Effort(draws=16, agree=1, tolerance=1e-8, iterations=60)


@dataclass(frozen=True)
class _Arrays:
    """A table laid out for the kernel: rows sorted by group, blocks of one group and one target each."""

    rows: NDArray[np.int64]
    features: dict[str, Floats]
    y: Floats
    factors: Floats
    spans: NDArray[np.int64]
    blocks: tuple[tuple[int, int], ...]
    places: tuple[NDArray[np.int64], NDArray[np.int64]]

    @staticmethod
    def of(table: Table, weights: Floats | None) -> _Arrays:
        rows = np.argsort(table.group, kind="stable")
        codes = table.group[rows]
        n = len(rows)
        edges = np.searchsorted(codes, np.arange(table.n_groups + 1))
        blocks = [(g, t) for t in range(table.n_targets) for g in range(table.n_groups) if edges[g + 1] > edges[g]]
        spans = np.array([[edges[g], edges[g + 1], t * n + edges[g]] for g, t in blocks], dtype=np.int64)
        factors = _row_factors(table, weights, rows)
        return _Arrays(
            rows=rows,
            features={name: np.ascontiguousarray(v[rows]) for name, v in table.features.items()},
            y=np.ascontiguousarray(table.targets[rows].T).ravel(),
            factors=factors,
            spans=spans.reshape(-1, 3),
            blocks=tuple(blocks),
            places=(np.array([g for g, _ in blocks]), np.array([t for _, t in blocks])),
        )


def _row_factors(table: Table, weights: Floats | None, rows: NDArray[np.int64]) -> Floats:
    """Square roots of the row weights (weights / error**2), repeated per target; empty if all are one."""
    if weights is None and table.weights is None and table.errors is None:
        return np.empty(0)
    out = np.ones((table.n_targets, len(rows)))
    for w in (weights, table.weights):
        if w is not None:
            out *= np.sqrt(w[rows])[None, :]
    if table.errors is not None:
        out /= table.errors[rows].T
    return np.ascontiguousarray(out).ravel()


def fit(
    structure: Structure,
    table: Table,
    recipe: Recipe = Recipe(),
    *,
    seed: int = 0,
    effort: Effort = NORMAL,
    warm: Sequence[Mapping[str, Floats | float]] = (),
    weights: Floats | None = None,
) -> FitResult | FitFailure:
    """Constants of a structure that best fit a table.

    The objective is the sum over rows and targets of the recipe's loss. Constants that enter linearly are
    eliminated, the others searched from several starts; constants in `structure.shared` have one value for
    all groups (of one target), the others one per group and target.

    Args:
        structure: formula, domains and shared constants.
        table: n rows; features of shape (n,), targets (n, T).
        recipe: loss and space of the residual.
        seed: of the drawn starting points; equal arguments give equal results.
        warm: starting points besides the drawn ones: per constant a number or an array (n_groups, T); constants
            that one does not name are drawn.
        weights: weight of each row, shape (n,), besides the table's own.

    Returns:
        A FitResult, or a FitFailure that names the reason.
    """
    ensure_compiled()
    reason = _refusal(structure, table, recipe, weights)
    if reason is not None:
        return FitFailure(structure, recipe, *reason)
    starts: list[Mapping[str, Floats | float]] = [*warm]
    if structure.guess:
        starts.append(structure.guess)
    job = _Job(structure, table, _Arrays.of(table, weights), seed, effort)
    outcome = job.value_fit(recipe, starts) if recipe.space == "value" else job.log_fit(recipe, starts)
    if outcome is None:
        return FitFailure(structure, recipe, Reason.NOT_FINITE)
    constants, objective, diagnostics = outcome
    result = FitResult(structure, recipe, constants, objective, table.group_names, table.target_names, diagnostics)
    if job.guarded and not np.all(np.isfinite(result.predict(table.features, table.group))):
        return FitFailure(structure, recipe, Reason.NOT_FINITE, diagnostics=diagnostics)
    return result


def _refusal(structure: Structure, table: Table, recipe: Recipe, weights: Floats | None) -> tuple[Reason, str] | None:
    missing = [name for name in structure.features if name not in table.features]
    if missing:
        return Reason.MISSING_FEATURE, ", ".join(missing)
    if len(table) == 0:
        return Reason.NO_ROWS, ""
    broken = [name for name in structure.features if not np.isfinite(table.features[name]).all()]
    if broken or not np.isfinite(table.targets).all():
        return Reason.BAD_DATA, broken[0] if broken else "the target"
    for values in (weights, table.weights):
        if values is not None and not (np.all(values >= 0) and np.any(values > 0) and np.isfinite(values).all()):
            return Reason.BAD_WEIGHTS, "weights"
    if table.errors is not None and not (np.all(table.errors > 0) and np.isfinite(table.errors).all()):
        return Reason.BAD_WEIGHTS, "errors"
    if recipe.space == "log" and np.any(table.targets <= 0):
        row = int(np.argwhere((table.targets <= 0).any(axis=1))[0, 0])
        return Reason.NOT_POSITIVE, f"row {row} has {table.targets[row].min():g}"
    if not has_rows_for(structure, table):
        counts = np.bincount(table.group, minlength=table.n_groups)
        fewest = int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
        what = f"group {table.group_names[fewest]} has {counts[fewest]} rows for {_own(structure)} constants"
        return Reason.TOO_FEW_ROWS, what
    return None


def has_rows_for(structure: Structure, table: Table) -> bool:
    """Whether every group that has rows has as many as it has constants of its own, and the table as many as all."""
    own, counts = _own(structure), np.bincount(table.group, minlength=table.n_groups)
    present = counts[counts > 0]
    shared = len(structure.constants) - own
    return bool(len(present)) and present.min() >= own and len(table) >= own * len(present) + shared


def _own(structure: Structure) -> int:
    """Constants that every group has for itself."""
    return len(structure.constants) - len(structure.shared & set(structure.constants))


_Outcome = tuple[Floats, float, Diagnostics]


class _Job:
    """One call of `fit`: the arrays and the stages that work on them."""

    def __init__(self, structure: Structure, table: Table, arrays: _Arrays, seed: int, effort: Effort) -> None:
        self.structure, self.table, self.arrays = structure, table, arrays
        self.seed, self.effort = seed, effort
        self.shared = structure.shared & frozenset(structure.constants)
        self.guarded = False

    def value_fit(self, recipe: Recipe, starts: list[Mapping[str, Floats | float]]) -> _Outcome | None:
        bounded = [n for n in self.structure.constants if np.isfinite(self.structure.domain(n).upper)]
        program = compile_program(self.structure.expr, self.shared, bounded if self.shared else ())
        solver = _Solver(self, program, self.arrays.y, self.arrays.factors)
        logged = self.logarithmic_start(program, starts)
        if logged is not None:
            return self.staged(solver, recipe, [logged, *starts], draws=False)
        return self.staged(solver, recipe, starts)

    def logarithmic_start(
        self, program: Program, starts: list[Mapping[str, Floats | float]]
    ) -> dict[str, Floats | float] | None:
        """Constants of a squared fit of the logarithm, where that has more linear constants than the value."""
        if len(program.linear) == len(program.constants) or np.any(self.arrays.y <= 0):
            return None
        logged = compile_program(log_formula(self.structure.expr), self.shared)
        if len(logged.linear) <= len(program.linear):
            return None
        base = self.arrays.factors if len(self.arrays.factors) else np.ones_like(self.arrays.y)
        found = _Solver(self, logged, np.log(self.arrays.y), base * self.arrays.y).search(starts, draws=True)
        return None if found is None else self.as_start(found[0])

    def staged(
        self, solver: _Solver, recipe: Recipe, starts: list[Mapping[str, Floats | float]], *, draws: bool = True
    ) -> _Outcome | None:
        """Squared loss from many starts; then the robust loss from there, and once more from its weights."""
        found = solver.search(starts, draws=draws)
        if found is None and not draws:
            found = solver.search(starts, draws=True)
        if found is None or recipe.loss == "squared":
            return found
        best = solver.robust(found[0], recipe)
        again = solver.search([self.as_start(best[0]), *starts], draws=draws, keep_factors=True)
        if again is not None:
            other = solver.robust(again[0], recipe)
            best = min(best, other, key=lambda o: o[1])
        return best

    def log_fit(self, recipe: Recipe, starts: list[Mapping[str, Floats | float]]) -> _Outcome | None:
        """In the logarithm. Sums are not linear there, so the start comes from a relative fit of the value."""
        logged = log_formula(self.structure.expr)
        y = np.log(self.arrays.y)
        program = compile_program(logged, self.shared)
        solver = _Solver(self, program, y, self.arrays.factors)
        value_program = compile_program(self.structure.expr, self.shared)
        if len(value_program.linear) <= len(program.linear):
            return self.staged(solver, recipe, starts)
        base = self.arrays.factors if len(self.arrays.factors) else np.ones_like(self.arrays.y)
        relative = _Solver(self, value_program, self.arrays.y, base / self.arrays.y)
        first = relative.search(starts, draws=True)
        if first is None:
            return None
        nearby = relative.robust(first[0], recipe, link=True)
        candidates = [self.as_start(c) for c in (nearby[0], first[0])] + starts
        found = solver.search(candidates, draws=False)
        if found is None:
            found = solver.search(starts, draws=True)
        if found is None or recipe.loss == "squared":
            return found
        best = min((relative.robust(found[0], recipe, link=True), nearby), key=lambda o: o[1])
        relative.robust(best[0], recipe, link=True)
        again = relative.search([self.as_start(best[0])], draws=True, keep_factors=True)
        if again is not None:
            best = min(best, relative.robust(again[0], recipe, link=True), key=lambda o: o[1])
        polished = solver.robust(best[0], recipe)
        return polished if polished[1] <= best[1] * (1.0 + 1e-12) else best

    def as_start(self, constants: Floats) -> dict[str, Floats | float]:
        return {name: constants[:, :, i] for i, name in enumerate(self.structure.constants)}


class _Solver:
    """A program on arrays: turns constants to coordinates, calls the kernel, and back."""

    def __init__(self, job: _Job, program: Program, y: Floats, factors: Floats) -> None:
        self.job, self.program, self.y = job, program, y
        self.base = factors
        self.factors = factors
        self.p = len(program.linear)
        self.q_own, self.q_shared = len(program.own), len(program.shared)
        self.searched = program.own + program.shared
        domains = [job.structure.domain(name) for name in self.searched]
        self.logs = np.array([d.log for d in domains], dtype=np.bool_)
        self.u_lo = np.array([_coordinate(d.lower, d) for d in domains])
        self.u_hi = np.array([_coordinate(d.upper, d) for d in domains])
        linear = [job.structure.domain(name) for name in program.linear]
        self.c_lo = np.array([d.lower for d in linear], dtype=np.float64)
        self.c_hi = np.array([d.upper for d in linear], dtype=np.float64)
        arrays = job.arrays
        self.x, guarded = program.design(arrays.features, len(arrays.rows))
        job.guarded |= guarded
        self.raw = (program.code, program.bounds, program.outputs, self.p, self.q_own + self.q_shared)
        self.work = kernel.workspace(len(program.scalars), program.n_vectors, self.p, self.q_own + self.q_shared)
        self.work[0][:] = program.scalars

    def data(self, spans: NDArray[np.int64] | None = None) -> tuple[Any, ...]:
        return (self.x, self.y, self.factors, self.job.arrays.spans if spans is None else spans)

    # -- coordinates ------------------------------------------------------------------------------------

    def _coordinates(self, start: Mapping[str, Floats | float], drawn: Floats | None = None) -> Floats | None:
        """Coordinates of a start for every block, (nb, q).

        Args:
            drawn: coordinates, (q,), of constants that the start does not name or not where they may lie; without
                them such a start is none.
        """
        groups, targets = self.job.arrays.places
        out = np.empty((len(groups), len(self.searched)))
        for i, name in enumerate(self.searched):
            value = start.get(name, np.nan)
            out[:, i] = value[groups, targets] if isinstance(value, np.ndarray) and value.ndim == 2 else value
            if drawn is not None and not np.all(out[:, i] > 0 if self.logs[i] else np.isfinite(out[:, i])):
                out[:, i] = np.exp(drawn[i]) if self.logs[i] else drawn[i]
        if self.logs.any():
            out[:, self.logs] = np.log(np.maximum(out[:, self.logs], 1e-300))
        out = np.minimum(np.maximum(out, self.u_lo), self.u_hi)
        return out if np.isfinite(out).all() else None

    def _given(self, starts: Sequence[Mapping[str, Floats | float]]) -> list[Floats]:
        """Coordinates of the starts; those that name some of the constants only, as a child of another law does, are
        completed by draws, more than once."""
        found: list[Floats | None] = []
        for start in starts:
            known = sum(name in start for name in self.searched)
            if known == len(self.searched):
                found.append(self._coordinates(start))
            elif known:
                found += [self._coordinates(start, drawn) for drawn in self._draws(COMPLETIONS)]
        return [u for u in found if u is not None]

    def _draws(self, n: int) -> Floats:
        """Coordinates of drawn starts, (n, q)."""
        job = self.job
        if not self.searched:
            return np.zeros((1, 0))
        if n == 0:
            return np.empty((0, len(self.searched)))
        level = float(np.median(np.abs(self.y))) or 1.0
        seed = zlib.crc32(job.structure.text.encode()) ^ job.seed
        values = draw(job.structure, self.searched, job.arrays.features, level, n, seed)
        with np.errstate(divide="ignore"):
            u = np.where(self.logs[None, :], np.log(np.maximum(np.abs(values), 1e-300)), values)
        return np.clip(u, self.u_lo, self.u_hi)

    def _constants(
        self, own: Floats, shared: Floats, c: Floats, blocks: Sequence[tuple[int, int]], out: Floats
    ) -> None:
        names = self.job.structure.constants
        place = {name: i for i, name in enumerate(names)}
        for b, (g, t) in enumerate(blocks):
            for j, name in enumerate(self.program.linear):
                out[g, t, place[name]] = c[b, j]
            for j, name in enumerate(self.searched):
                u = own[b, j] if j < self.q_own else shared[j - self.q_own]
                out[g, t, place[name]] = np.exp(min(u, 700.0)) if self.logs[j] else u

    def _empty(self) -> Floats:
        table = self.job.table
        return np.full((table.n_groups, table.n_targets, len(self.job.structure.constants)), np.nan)

    # -- searches ---------------------------------------------------------------------------------------

    def search(
        self, starts: Sequence[Mapping[str, Floats | float]], *, draws: bool, keep_factors: bool = False
    ) -> _Outcome | None:
        """Squared loss (with the current row factors) from given and drawn starts."""
        if not keep_factors:
            self.factors = self.base
        drawn = self._draws(self.job.effort.draws if draws else 0)
        return self._search_shared(starts, drawn) if self.q_shared else self._search_blocks(starts, drawn)

    def _search_blocks(self, starts: Sequence[Mapping[str, Floats | float]], drawn: Floats) -> _Outcome | None:
        job, effort = self.job, self.job.effort
        blocks = job.arrays.blocks
        nb = len(blocks)
        given = self._given(starts)
        if not given and not len(drawn):
            return None
        best_u, best_c = np.zeros((nb, self.q_own)), np.zeros((nb, self.p))
        report = np.zeros((nb, 5))
        state = kernel.lm_state(1, self.p, self.q_own, 0)
        per_block = [*range(nb)] if any(np.ptp(u, axis=0).any() for u in given) else [slice(0, nb)]
        for which in per_block:
            block = slice(which, which + 1) if isinstance(which, int) else which
            first = block.start
            points = np.vstack([*(u[first : first + 1] for u in given), drawn])
            spans = np.ascontiguousarray(job.arrays.spans[block])
            kernel.multi_start(
                self.raw, self.data(spans), self.work, state, points, len(drawn), self.logs, self.u_lo, self.u_hi,
                self.c_lo, self.c_hi, effort.agree, effort.tolerance, max(effort.iterations // 4, 20),
                effort.iterations, best_u[block], best_c[block], report[block],
            )  # fmt: skip
        if not np.all(np.isfinite(report[:, 0])):
            return None
        constants = self._empty()
        self._constants(best_u, np.empty(0), best_c, blocks, constants)
        return constants, float(report[:, 0].sum()), self._diagnostics(report, best_u, np.empty(0), best_c)

    def _targets(self) -> list[NDArray[np.int64]]:
        """Blocks that share constants: those of one target."""
        targets = np.array([t for _, t in self.job.arrays.blocks])
        return [np.flatnonzero(targets == t) for t in range(self.job.table.n_targets)]

    def _search_shared(self, starts: Sequence[Mapping[str, Floats | float]], drawn: Floats) -> _Outcome | None:
        effort = self.job.effort
        constants, total, reports = self._empty(), 0.0, []
        at_bound: set[str] = set()
        given = self._given(starts)
        for members in self._targets():
            nb = len(members)
            own_starts, shared_starts = [], []
            for u in given:
                own_starts.append(u[members, : self.q_own])
                shared_starts.append(u[members, self.q_own :].mean(axis=0))
            for u in drawn:
                own_starts.append(np.tile(u[: self.q_own], (nb, 1)))
                shared_starts.append(u[self.q_own :])
            if not own_starts:
                return None
            own, shared, c = np.zeros((nb, self.q_own)), np.zeros(self.q_shared), np.zeros((nb, self.p))
            report = np.zeros(5)
            kernel.multi_start_shared(
                self.raw, self.data(np.ascontiguousarray(self.job.arrays.spans[members])), self.work,
                kernel.lm_state(nb, self.p, self.q_own, self.q_shared),
                np.array(own_starts), np.array(shared_starts), len(drawn), self.logs, self.u_lo, self.u_hi,
                self.c_lo, self.c_hi, effort.agree, effort.tolerance, max(effort.iterations // 4, 20),
                effort.iterations, own, shared, c, report,
            )  # fmt: skip
            if not np.isfinite(report[0]):
                return None
            total += float(report[0])
            reports.append(report)
            self._constants(own, shared, c, [self.job.arrays.blocks[m] for m in members], constants)
            at_bound |= set(self._diagnostics(report[None, :], own, shared, c).at_bound)
        table = np.array(reports)
        found = self._diagnostics(table, np.empty((0, self.q_own)), np.empty(0), np.empty((0, self.p)))
        return constants, total, Diagnostics(
            found.outcomes, found.iterations, found.searches, found.agreed, tuple(sorted(at_bound))
        )  # fmt: skip

    def robust(self, constants: Floats, recipe: Recipe, *, link: bool = False) -> _Outcome:
        """The robust loss from these constants; leaves the row factors of its reweighted squares.

        With `link` the program gives values while the loss is of their logarithm's residuals.
        """
        job = self.job
        base = job.arrays.factors if len(job.arrays.factors) else np.ones_like(self.y)
        self.factors = base.copy()
        out, total, rows = self._empty(), 0.0, []
        start = job.as_start(constants)
        u = self._coordinates(start)
        assert u is not None
        components = self._targets() if self.q_shared else [np.array([b]) for b in range(len(job.arrays.blocks))]
        scratch, theta = np.zeros((2, len(self.y))), np.zeros(self.p + self.q_own + self.q_shared)
        names = {name: i for i, name in enumerate(job.structure.constants)}
        ends: list[tuple[Floats, Floats, Floats]] = []
        for members in components:
            own = np.ascontiguousarray(u[members, : self.q_own])
            shared = u[members, self.q_own :].mean(axis=0) if self.q_shared else np.empty(0)
            blocks = [job.arrays.blocks[m] for m in members]
            c = np.array([[constants[g, t, names[n]] for n in self.program.linear] for g, t in blocks])
            c = c.reshape(len(members), self.p)
            state = kernel.lm_state(len(members), self.p, self.q_own, self.q_shared)
            cost, code, used = kernel.robust_search(
                self.raw, self.data(), self.work, state, members, own, shared, self.logs, self.u_lo, self.u_hi,
                c, self.c_lo, self.c_hi, _KINDS[recipe.loss], recipe.scale, int(link), base, scratch, theta,
                (own.copy(), shared.copy(), c.copy()),
                max(job.effort.tolerance, 1e-13), 40 if job.effort.tolerance > 1e-10 else 400,
            )  # fmt: skip
            total += cost
            rows.append([cost, code, used, 1, 1])
            ends.append((own, shared, c))
            self._constants(own, shared, c, blocks, out)
        all_own = np.vstack([e[0] for e in ends])
        diagnostics = self._diagnostics(np.array(rows), all_own, ends[0][1], np.vstack([e[2] for e in ends]))
        return out, float(total), diagnostics

    def _diagnostics(self, report: Floats, own: Floats, shared: Floats, c: Floats) -> Diagnostics:
        q = self.q_own
        at_bound: set[str] = set()
        for names, values, lower, upper in (
            (self.program.own, own, self.u_lo[:q], self.u_hi[:q]),
            (self.program.shared, shared[None, :], self.u_lo[q:], self.u_hi[q:]),
            (self.program.linear, c, self.c_lo, self.c_hi),
        ):
            if names and values.size:
                hits = np.flatnonzero(((values <= lower) | (values >= upper)).any(axis=0))
                at_bound.update(names[i] for i in hits)
        return Diagnostics(
            outcomes=tuple(Outcome(int(code)) for code in report[:, 1]),
            iterations=int(report[:, 2].sum()),
            searches=float(report[:, 3].sum()) / len(report),
            agreed=float((report[:, 4] / np.maximum(report[:, 3], 1)).sum()) / len(report),
            at_bound=tuple(sorted(at_bound)),
        )


def _coordinate(bound: float, domain: Domain) -> float:
    """A bound of a constant as a bound of its coordinate; logarithms stay within exp(+-460)."""
    if not domain.log:
        return bound
    if not bound > 0.0:
        return -460.0
    return min(max(math.log(bound), -460.0), 460.0)
