"""Fits a structure to a table: from values to the kernel's arrays and back."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.table import Table
from discover.fitting import kernel
from discover.fitting.compilation import ensure_compiled
from discover.fitting.layout import Layout
from discover.fitting.program import Program, compile_program, log_formula
from discover.fitting.result import Diagnostics, FitFailure, FitResult, Outcome, Reason
from discover.fitting.starts import draw
from discover.fitting.zeros import kept_finite
from discover.law.structure import Domain, Recipe, Structure

Start = Mapping[str, Floats | float]
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


def fit(
    structure: Structure,
    table: Table,
    recipe: Recipe = Recipe(),
    *,
    seed: int = 0,
    effort: Effort = NORMAL,
    warm: Sequence[Start] = (),
) -> FitResult | FitFailure:
    """Constants of a structure that best fit a table.

    The objective is the sum over rows and targets of the recipe's loss. Constants that enter linearly are
    eliminated, the others searched from several starts; constants in `structure.shared` have one value for
    all groups (of one target), the others one per group and target.

    Args:
        structure: formula, domains and shared constants.
        table: n rows; features of shape (n,), targets (n, T); rows weigh by `Table.fit_weights`.
        recipe: loss and space of the residual.
        seed: of the drawn starting points; equal arguments give equal results.
        warm: starting points besides the drawn ones: per constant a number or an array (n_groups, T); constants
            that one does not name are drawn.

    Returns:
        A FitResult, or a FitFailure that names the reason.
    """
    ensure_compiled()
    reason = _refusal(structure, table, recipe)
    if reason is not None:
        return FitFailure(structure, recipe, *reason)
    starts: list[Start] = [*warm]
    if structure.guess:
        starts.append(structure.guess)
    job = _Job(kept_finite(structure, Layout.of(table)), table, recipe, seed, effort)
    found = job.value_fit(recipe, starts) if recipe.space == "value" else job.log_fit(recipe, starts)
    if found is None:
        return FitFailure(structure, recipe, Reason.NOT_FINITE)
    names = table.group_names, table.target_names
    result = FitResult(structure, recipe, found.constants, found.cost, *names, found.diagnostics())
    if job.guarded and not np.all(np.isfinite(result.predict(table.features, table.group))):
        return FitFailure(structure, recipe, Reason.NOT_FINITE, diagnostics=result.diagnostics)
    return result


def _refusal(structure: Structure, table: Table, recipe: Recipe) -> tuple[Reason, str] | None:
    missing = [name for name in structure.features if name not in table.features]
    if missing:
        return Reason.MISSING_FEATURE, ", ".join(missing)
    if len(table) == 0:
        return Reason.NO_ROWS, ""
    layout = Layout.of(table)
    broken = [name for name in structure.features if name in layout.unusable]
    if broken or not layout.finite:
        return Reason.BAD_DATA, broken[0] if broken else "the target"
    weights = table.weights
    if weights is not None and not (np.all(weights >= 0) and np.any(weights > 0) and np.isfinite(weights).all()):
        return Reason.BAD_WEIGHTS, "weights"
    if table.errors is not None and not (np.all(table.errors > 0) and np.isfinite(table.errors).all()):
        return Reason.BAD_WEIGHTS, "errors"
    if recipe.space == "log" and not layout.positive:
        row = int(np.argwhere((table.targets <= 0).any(axis=1))[0, 0])
        return Reason.NOT_POSITIVE, f"row {row} has {table.targets[row].min():g}"
    if not has_rows_for(structure, table):
        counts = layout.counts
        fewest = int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
        what = f"group {table.group_names[fewest]} has {counts[fewest]} rows for {_own(structure)} constants"
        return Reason.TOO_FEW_ROWS, what
    return None


def has_rows_for(structure: Structure, table: Table) -> bool:
    """Whether every group that has rows has as many as it has constants of its own, and the table as many as all."""
    own, counts = _own(structure), Layout.of(table).counts
    present = counts[counts > 0]
    shared = len(structure.constants) - own
    return bool(len(present)) and present.min() >= own and len(table) >= own * len(present) + shared


def _own(structure: Structure) -> int:
    """Constants that every group has for itself."""
    return len(structure.constants) - len(structure.shared & set(structure.constants))


@dataclass(frozen=True)
class _Found:
    """What a stage of a fit ends with: constants as in `FitResult`, their cost, and how the search went."""

    constants: Floats
    cost: float
    diagnostics: Callable[[], Diagnostics]  # of most stages nobody asks


class _Job:
    """One call of `fit`: the rows and the stages that work on them."""

    def __init__(self, structure: Structure, table: Table, recipe: Recipe, seed: int, effort: Effort) -> None:
        self.structure, self.table, self.layout = structure, table, Layout.of(table)
        self.factors = self.layout.factors(table, recipe.emphasis)
        self.seed, self.effort = seed, effort
        self.shared = structure.shared & frozenset(structure.constants)
        self.guarded = False

    def value_fit(self, recipe: Recipe, starts: list[Start]) -> _Found | None:
        bounded = [n for n in self.structure.constants if np.isfinite(self.structure.domain(n).upper)]
        program = compile_program(self.structure.expr, self.shared, bounded if self.shared else ())
        solver = _Solver(self, program, self.layout.y, self.factors)
        logged = self.logarithmic_start(program, starts)
        if logged is not None:
            return self.staged(solver, recipe, [logged, *starts], draws=False)
        return self.staged(solver, recipe, starts)

    def logarithmic_start(self, program: Program, starts: list[Start]) -> dict[str, Floats | float] | None:
        """Constants of a squared fit of the logarithm, where that has more linear constants than the value."""
        if len(program.linear) == len(program.constants) or not self.layout.positive:
            return None
        logged = compile_program(log_formula(self.structure.expr), self.shared)
        if len(logged.linear) <= len(program.linear):
            return None
        base = self.factors if len(self.factors) else np.ones_like(self.layout.y)
        found = _Solver(self, logged, self.layout.log_y, base * self.layout.y).search(starts, draws=True)
        return None if found is None else self.as_start(found.constants)

    def staged(self, solver: _Solver, recipe: Recipe, starts: list[Start], *, draws: bool = True) -> _Found | None:
        """Squared loss from many starts; then the robust loss from there, and once more from its weights."""
        found = solver.search(starts, draws=draws)
        if found is None and not draws:
            found = solver.search(starts, draws=True)
        if found is None or recipe.loss == "squared":
            return found
        best = solver.robust(found.constants, recipe)
        again = solver.search([self.as_start(best.constants), *starts], draws=draws, keep_factors=True)
        if again is not None:
            other = solver.robust(again.constants, recipe)
            best = min(best, other, key=_cost)
        return best

    def log_fit(self, recipe: Recipe, starts: list[Start]) -> _Found | None:
        """In the logarithm. Sums are not linear there, so the start comes from a relative fit of the value."""
        logged = log_formula(self.structure.expr)
        y = self.layout.log_y
        program = compile_program(logged, self.shared)
        solver = _Solver(self, program, y, self.factors)
        value_program = compile_program(self.structure.expr, self.shared)
        if len(value_program.linear) <= len(program.linear):
            return self.staged(solver, recipe, starts)
        base = self.factors if len(self.factors) else np.ones_like(self.layout.y)
        relative = _Solver(self, value_program, self.layout.y, base / self.layout.y)
        first = relative.search(starts, draws=True)
        if first is None:
            return None
        nearby = relative.robust(first.constants, recipe, link=True)
        candidates = [self.as_start(c) for c in (nearby.constants, first.constants)] + starts
        found = solver.search(candidates, draws=False)
        if found is None:
            found = solver.search(starts, draws=True)
        if found is None or recipe.loss == "squared":
            return found
        best = min((relative.robust(found.constants, recipe, link=True), nearby), key=_cost)
        relative.robust(best.constants, recipe, link=True)
        again = relative.search([self.as_start(best.constants)], draws=True, keep_factors=True)
        if again is not None:
            best = min(best, relative.robust(again.constants, recipe, link=True), key=_cost)
        polished = solver.robust(best.constants, recipe)
        return polished if polished.cost <= best.cost * (1.0 + 1e-12) else best

    def as_start(self, constants: Floats) -> dict[str, Floats | float]:
        return {name: constants[:, :, i] for i, name in enumerate(self.structure.constants)}


def _cost(found: _Found) -> float:
    return found.cost


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
        self.x, guarded = job.layout.design(program.columns)
        job.guarded |= guarded
        self.raw = (program.code, program.bounds, program.outputs, self.p, self.q_own + self.q_shared)
        self.work = kernel.workspace(len(program.scalars), program.n_vectors, self.p, self.q_own + self.q_shared)
        self.work[0][:] = program.scalars
        place = {name: i for i, name in enumerate(job.structure.constants)}
        self.linear_places = [place[name] for name in program.linear]
        self.searched_places = [place[name] for name in self.searched]
        self._drawn: dict[int, Floats] = {}

    def data(self, spans: Ints | None = None) -> tuple[Any, ...]:
        return (self.x, self.y, self.factors, self.job.layout.spans if spans is None else spans)

    # -- coordinates ------------------------------------------------------------------------------------

    def _coordinates(self, start: Start, drawn: Floats | None = None) -> Floats | None:
        """Coordinates of a start for every block, (nb, q).

        Args:
            drawn: coordinates, (q,), of constants that the start does not name or not where they may lie; without
                them such a start is none.
        """
        groups, targets = self.job.layout.places
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

    def _given(self, starts: Sequence[Start]) -> Floats:
        """Coordinates of the starts, (n, nb, q); those that name some of the constants only, as a child of another
        law does, are completed by draws, more than once."""
        found: list[Floats | None] = []
        for start in starts:
            known = sum(name in start for name in self.searched)
            if known == len(self.searched):
                found.append(self._coordinates(start))
            elif known:
                found += [self._coordinates(start, drawn) for drawn in self._draws(COMPLETIONS)]
        usable = [u for u in found if u is not None]
        return np.array(usable).reshape(len(usable), len(self.job.layout.spans), len(self.searched))

    def _draws(self, n: int) -> Floats:
        """Coordinates of drawn starts, (n, q)."""
        job = self.job
        if not self.searched:
            return np.zeros((1, 0))
        if n == 0:
            return np.empty((0, len(self.searched)))
        if n not in self._drawn:
            level = float(np.median(np.abs(self.y))) or 1.0
            seed = zlib.crc32(job.structure.known_text.encode()) ^ job.seed
            values = draw(job.structure, self.searched, job.layout.sample, level, n, seed)
            with np.errstate(divide="ignore"):
                u = np.where(self.logs[None, :], np.log(np.maximum(np.abs(values), 1e-300)), values)
            self._drawn[n] = np.clip(u, self.u_lo, self.u_hi)
        return self._drawn[n]

    def _constants(self, own: Floats, shared: Floats, c: Floats, blocks: Ints | slice, out: Floats) -> None:
        """Writes the constants of these blocks, from coordinates own (nb, q_own) and shared (q_shared,), c (nb, p)."""
        groups, targets = (codes[blocks] for codes in self.job.layout.places)
        u = np.hstack([own, np.broadcast_to(shared, (len(own), self.q_shared))])
        values = np.where(self.logs, np.exp(np.minimum(u, 700.0)), u)
        out[groups[:, None], targets[:, None], self.searched_places] = values
        out[groups[:, None], targets[:, None], self.linear_places] = c

    def _empty(self) -> Floats:
        table = self.job.table
        return np.full((table.n_groups, table.n_targets, len(self.job.structure.constants)), np.nan)

    # -- searches ---------------------------------------------------------------------------------------

    def search(self, starts: Sequence[Start], *, draws: bool, keep_factors: bool = False) -> _Found | None:
        """Squared loss (with the current row factors) from given and drawn starts."""
        if not keep_factors:
            self.factors = self.base
        given, drawn = self._given(starts), self._draws(self.job.effort.draws if draws else 0)
        if not len(given) and not len(drawn):
            return None
        return self._search_shared(given, drawn) if self.q_shared else self._search_blocks(given, drawn)

    def _search_blocks(self, given: Floats, drawn: Floats) -> _Found | None:
        effort, nb = self.job.effort, len(self.job.layout.spans)
        u, c, report = np.zeros((nb, self.q_own)), np.zeros((nb, self.p)), np.zeros((nb, 5))
        alike = not np.any(given != given[:, :1])  # else every block has a start of its own
        kernel.multi_start(
            self.raw, self.data(), self.work, kernel.lm_state(1, self.p, self.q_own, 0), given, drawn, alike,
            self.logs, self.u_lo, self.u_hi, self.c_lo, self.c_hi, effort.agree, effort.tolerance,
            max(effort.iterations // 4, 20), effort.iterations, u, c, report,
        )  # fmt: skip
        if not np.all(np.isfinite(report[:, 0])):
            return None
        constants, shared = self._empty(), np.empty(0)
        self._constants(u, shared, c, slice(None), constants)
        return _Found(constants, float(report[:, 0].sum()), partial(self._diagnostics, report, u, shared, c))

    def _targets(self) -> list[Ints]:
        """Blocks that share constants: those of one target."""
        targets = self.job.layout.places[1]
        return [np.flatnonzero(targets == t) for t in range(self.job.table.n_targets)]

    def _search_shared(self, given: Floats, drawn: Floats) -> _Found | None:
        effort = self.job.effort
        constants, total, reports = self._empty(), 0.0, []
        at_bound: set[str] = set()
        for members in self._targets():
            nb = len(members)
            starts = np.concatenate([given[:, members], np.repeat(drawn[:, None], nb, axis=1)])
            common = [start[members, self.q_own :].mean(axis=0) for start in given]
            shared_starts = np.array([*common, *drawn[:, self.q_own :]])
            own, shared, c = np.zeros((nb, self.q_own)), np.zeros(self.q_shared), np.zeros((nb, self.p))
            report = np.zeros(5)
            kernel.multi_start_shared(
                self.raw, self.data(np.ascontiguousarray(self.job.layout.spans[members])), self.work,
                kernel.lm_state(nb, self.p, self.q_own, self.q_shared),
                np.ascontiguousarray(starts[:, :, : self.q_own]), shared_starts, len(drawn), self.logs,
                self.u_lo, self.u_hi, self.c_lo, self.c_hi, effort.agree, effort.tolerance,
                max(effort.iterations // 4, 20), effort.iterations, own, shared, c, report,
            )  # fmt: skip
            if not np.isfinite(report[0]):
                return None
            total += float(report[0])
            reports.append(report)
            self._constants(own, shared, c, members, constants)
            at_bound |= self._at_bound(own, shared, c)
        return _Found(constants, total, partial(self._summary, np.array(reports), at_bound))

    def robust(self, constants: Floats, recipe: Recipe, *, link: bool = False) -> _Found:
        """The robust loss from these constants; leaves the row factors of its reweighted squares.

        With `link` the program gives values while the loss is of their logarithm's residuals.
        """
        job = self.job
        base = job.factors if len(job.factors) else np.ones_like(self.y)
        self.factors = base.copy()
        u = self._coordinates(job.as_start(constants))
        assert u is not None
        groups, targets = job.layout.places
        own = np.ascontiguousarray(u[:, : self.q_own])
        c = np.ascontiguousarray(constants[groups, targets][:, self.linear_places])
        out, report, at_bound = self._empty(), np.zeros((len(u), 5)), set[str]()
        settings = (
            _KINDS[recipe.loss], recipe.scale, int(link), base, np.zeros((2, len(self.y))),
            np.zeros(self.p + self.q_own + self.q_shared),
        )  # fmt: skip
        limits = max(job.effort.tolerance, 1e-13), 40 if job.effort.tolerance > 1e-10 else 400
        if not self.q_shared:
            shared = np.empty(0)
            kernel.robust_blocks(
                self.raw, self.data(), self.work, kernel.lm_state(1, self.p, self.q_own, 0), own, self.logs,
                self.u_lo, self.u_hi, c, self.c_lo, self.c_hi, *settings, *limits, report,
            )  # fmt: skip
            self._constants(own, shared, c, slice(None), out)
            return _Found(out, _total(report), partial(self._diagnostics, report, own, shared, c))
        report = np.zeros((job.table.n_targets, 5))
        for row, members in zip(report, self._targets(), strict=True):
            own_part, c_part = own[members], c[members]
            shared = u[members, self.q_own :].mean(axis=0)
            cost, code, used = kernel.robust_search(
                self.raw, self.data(), self.work, kernel.lm_state(len(members), self.p, self.q_own, self.q_shared),
                members, own_part, shared, self.logs, self.u_lo, self.u_hi, c_part, self.c_lo, self.c_hi, *settings,
                (own_part.copy(), shared.copy(), c_part.copy()), *limits,
            )  # fmt: skip
            row[:] = cost, code, used, 1, 1
            self._constants(own_part, shared, c_part, members, out)
            at_bound |= self._at_bound(own_part, shared, c_part)
        return _Found(out, _total(report), partial(self._summary, report, at_bound))

    def _diagnostics(self, report: Floats, own: Floats, shared: Floats, c: Floats) -> Diagnostics:
        return self._summary(report, self._at_bound(own, shared, c))

    def _at_bound(self, own: Floats, shared: Floats, c: Floats) -> set[str]:
        """Constants at a bound in some block."""
        q = self.q_own
        found: set[str] = set()
        for names, values, lower, upper in (
            (self.program.own, own, self.u_lo[:q], self.u_hi[:q]),
            (self.program.shared, shared[None, :], self.u_lo[q:], self.u_hi[q:]),
            (self.program.linear, c, self.c_lo, self.c_hi),
        ):
            if names and values.size:
                hits = np.flatnonzero(((values <= lower) | (values >= upper)).any(axis=0))
                found.update(names[i] for i in hits)
        return found

    def _summary(self, report: Floats, at_bound: set[str]) -> Diagnostics:
        return Diagnostics(
            outcomes=tuple(Outcome(int(code)) for code in report[:, 1]),
            iterations=int(report[:, 2].sum()),
            searches=float(report[:, 3].sum()) / len(report),
            agreed=float((report[:, 4] / np.maximum(report[:, 3], 1)).sum()) / len(report),
            at_bound=tuple(sorted(at_bound)),
        )


def _total(report: Floats) -> float:
    """The cost of all blocks, added one after the other."""
    return float(np.cumsum(report[:, 0])[-1])


def _coordinate(bound: float, domain: Domain) -> float:
    """A bound of a constant as a bound of its coordinate; logarithms stay within exp(+-460)."""
    if not domain.log:
        return bound
    if not bound > 0.0:
        return -460.0
    return min(max(math.log(bound), -460.0), 460.0)
