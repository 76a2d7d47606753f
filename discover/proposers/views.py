"""Views of a problem that an engine can work on: one table of columns, one target, no groups, no scales.

An engine knows neither groups nor orders of magnitude nor what was tried before. A view says what its columns
mean in the table's own terms, and how an equation found on it becomes a law of the task:

- *table*: the target itself, from columns divided by their typical size, or from their logarithms, in which a
  power is an exponential. In a table with groups the target is centred and scaled within every group, and the
  law gets an offset and a factor per group.
- *one group*: the target in one of the larger groups.
- *residual*: what an elite leaves unexplained; the law is the elite plus the equation.
- *above floor*: the logarithm of the target above an elite's fitted floor; the law is the floor plus the
  exponential of the equation.
- *constants as columns*: the target, with constants of an elite that differ between groups as columns beside
  the others; the law has them as constants again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from discover.arrays import Floats, Ints
from discover.expressions import Call, Constant, Expr, Feature, Number, add, call, features_in, mul, sub, terms
from discover.fitting import FitResult, Recipe
from discover.proposers.base import Told
from discover.scoring import Problem

LEAST_ROWS = 5
PLAIN = Recipe()
MOST_GROUPS = 60  # of a template, which has parameters for each; of more groups, so many of the larger ones are drawn
MOST_ROWS = 1500  # more are thinned evenly: an engine's time grows with the rows


@dataclass(frozen=True)
class View:
    """What an engine is given, and how to read what it answers.

    Attributes:
        label: kind of view, for the origin of candidates.
        names: names of the engine's columns.
        meaning: what each name stands for in the table's columns and constants.
        x: values of the columns, shape (n, k).
        y: values of the target, shape (n,), mean 0 and variance 1 unless it is constant.
        law: makes an equation over the meanings a law of the task.
        known: values of constants that `law` and `meaning` bring in.
        values: columns and constants of the law, shape (n,) each, for the rows of the view.
        recipe: of the candidates.
        parents: steps that the view was made from.
        pooled: there are groups, and the equation's own constants may be shared among them.
        shared: constants among `known` that have one value for all groups.
        codes: group of every row, shape (n,).
    """

    label: str
    names: tuple[str, ...]
    meaning: Mapping[str, Expr]
    x: Floats
    y: Floats
    law: Callable[[Expr], Expr]
    values: Mapping[str, Floats]
    codes: Ints
    known: Mapping[str, float] = field(default_factory=dict)
    recipe: Recipe = PLAIN
    parents: tuple[int, ...] = ()
    pooled: bool = False
    shared: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Target:
    """Values to explain, and the way back from the engine's standardised values."""

    label: str
    values: Floats
    law: Callable[[Expr], Expr]
    rows: Ints
    known: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Floats] = field(default_factory=dict)
    recipe: Recipe = PLAIN
    parents: tuple[int, ...] = ()
    pooled: bool = False
    shared: frozenset[str] = frozenset()


LABELS = ("table", "logs", "one_group", "residual", "above_floor", "group_constants")
TEMPLATE = "template"  # the target as it is, for engines that know parameters per group


def make_view(label: str, problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> View | None:
    """A view of this kind, or None where there is none: no elite with a floor, no groups."""
    target = _TARGETS[label](problem, elites, rng)
    if target is None or len(target.rows) < LEAST_ROWS:
        return None
    logs = label in ("logs", "above_floor") or (label not in ("table", TEMPLATE) and bool(rng.random() < 0.5))
    return _view(problem, target, logs)


def _view(problem: Problem, target: _Target, logs: bool) -> View | None:
    rows, y = target.rows, target.values
    keep = np.isfinite(y)
    rows, y = rows[keep], y[keep]
    extra = {name: values[keep] for name, values in target.extra.items()}
    if len(rows) > MOST_ROWS:
        thin = np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64)
        rows, y = rows[thin], y[thin]
        extra = {name: values[thin] for name, values in extra.items()}
    middle, spread = float(y.mean()), float(y.std())
    if len(rows) < LEAST_ROWS or not spread > 1e-12 * max(1.0, abs(middle)):
        return None
    columns = {name: problem.table.features[name][rows] for name in problem.kinds}
    meaning: dict[str, Expr] = {}
    x: list[Floats] = []
    for name, values in columns.items():
        if np.ptp(values) > 0:
            expr, scaled = _coordinate(name, values, problem.kinds[name], logs)
            meaning[f"x{len(x)}"] = expr
            x.append(scaled)
    for name, values in extra.items():
        if np.ptp(values) > 0:
            centre, width = float(values.mean()), float(values.std())
            meaning[f"x{len(x)}"] = mul(Number(1.0 / width), sub(Constant(name), Number(centre)))
            x.append((values - centre) / width)
    if not x or not all(np.all(np.isfinite(column)) for column in x):
        return None

    def law(equation: Expr) -> Expr:
        return target.law(add(Number(middle), mul(Number(spread), equation)))

    return View(
        target.label + ("_of_logs" if logs and target.label != "logs" else ""), tuple(meaning), meaning,
        np.column_stack(x), (y - middle) / spread, law, {**columns, **extra}, problem.table.group[rows],
        target.known, target.recipe, target.parents, target.pooled, target.shared,
    )  # fmt: skip


def _coordinate(name: str, values: Floats, kind: str, logs: bool) -> tuple[Expr, Floats]:
    """A column at unit scale: a scale over its geometric mean or the logarithm of that, others standardised."""
    column: Expr = Feature(name)
    if kind == "scale":
        typical = float(np.exp(np.mean(np.log(values))))
        ratio = mul(Number(1.0 / typical), column)
        return (call("log", ratio), np.log(values / typical)) if logs else (ratio, values / typical)
    if kind == "share":
        return column, values
    middle, spread = float(values.mean()), float(values.std())
    return mul(Number(1.0 / spread), sub(column, Number(middle))), (values - middle) / spread


# -- targets ----------------------------------------------------------------------------------------------


def _column(problem: Problem, rng: np.random.Generator) -> int:
    """One of the targets."""
    return int(rng.integers(problem.table.n_targets))


def _table(problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> _Target | None:
    y = problem.table.targets[:, _column(problem, rng)]
    return _pooled(problem, y, "table", lambda expr: expr, Recipe(), (), {})


def _logs(problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> _Target | None:
    """From logarithms of the columns; of positive targets sometimes the logarithm, too."""
    y = problem.table.targets[:, _column(problem, rng)]
    if np.all(y > 0) and rng.random() < 0.3:
        recipe = Recipe("squared", "log")
        return _pooled(problem, np.log(y), "logs", lambda expr: call("exp", expr), recipe, (), {})
    return _pooled(problem, y, "logs", lambda expr: expr, Recipe(), (), {})


def _one_group(problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> _Target | None:
    table = problem.table
    if table.n_groups < 2:
        return None
    sizes = np.bincount(table.group, minlength=table.n_groups)
    larger = np.flatnonzero(sizes >= np.median(sizes[sizes > 0]))
    rows = np.flatnonzero(table.group == int(rng.choice(larger)))
    y = table.targets[rows, _column(problem, rng)]
    return _Target("one_group", y, lambda expr: expr, rows, pooled=True)


def _template(problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> _Target | None:
    """The target in all groups, or in as many as a template can have; the law is fitted to all of them afterwards."""
    table = problem.table
    if table.n_groups < 2:
        return None
    rows = np.arange(len(table))
    if table.n_groups > MOST_GROUPS:
        sizes = np.bincount(table.group, minlength=table.n_groups)
        larger = np.flatnonzero(sizes >= np.median(sizes))
        rows = np.flatnonzero(np.isin(table.group, rng.choice(larger, MOST_GROUPS, replace=False)))
    return _Target("template", table.targets[rows, _column(problem, rng)], lambda expr: expr, rows, pooled=True)


def _residual(problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> _Target | None:
    """What is left of an elite that has room for more constants."""
    room = 2 if problem.table.n_groups == 1 else 3
    most = math.inf if problem.constants is None else problem.constants - room
    told = _pick([t for t in elites if t.score.n_constants <= most and t.score.fit is not None], rng)
    if told is None or told.score.fit is None:
        return None
    fit, t = told.score.fit, _column(problem, rng)
    left = fit.residuals(problem.table)[:, t]
    expr = told.candidate.structure.expr
    return _pooled(
        problem, left, "residual", lambda found: add(expr, found),
        told.candidate.recipe, (told.index,), medians(fit, t), told.candidate.structure.shared,
    )  # fmt: skip


def _above_floor(problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> _Target | None:
    """The logarithm of the target above the fitted floor of an elite, below all values."""
    table = problem.table
    found: list[tuple[Told, str, Floats]] = []
    t = _column(problem, rng)
    for told in elites:
        floor = _floor(told)
        if floor is None or told.score.fit is None:
            continue
        at = told.candidate.structure.constants.index(floor)
        above = table.targets[:, t] - told.score.fit.constants[table.group, t, at]
        if np.all(above > 0):
            found.append((told, floor, above))
    told_at = _pick([told for told, _, _ in found], rng)
    if told_at is None or told_at.score.fit is None:
        return None
    _, floor, above = next(item for item in found if item[0] is told_at)
    known = {"floor": medians(told_at.score.fit, t)[floor]}
    shared = frozenset(("floor",)) if floor in told_at.candidate.structure.shared else frozenset[str]()
    return _pooled(
        problem, np.log(above), "above_floor", lambda expr: add(Constant("floor"), call("exp", expr)),
        told_at.candidate.recipe, (told_at.index,), known, shared,
    )  # fmt: skip


def _floor(told: Told) -> str | None:
    """The constant that stands alone in the outermost sum of a law."""
    expr = told.candidate.structure.expr
    alone = [term.name for term in terms(expr) if isinstance(term, Constant)]
    return alone[0] if isinstance(expr, Call) and len(alone) == 1 and features_in(expr) else None


def _group_constants(problem: Problem, elites: Sequence[Told], rng: np.random.Generator) -> _Target | None:
    """The target itself, with an elite's constants that differ between groups as columns beside the others."""
    table, t = problem.table, _column(problem, rng)
    told = _pick([e for e in elites if e.score.fit is not None], rng) if table.n_groups > 2 else None
    if told is None or told.score.fit is None:
        return None
    fit = told.score.fit
    names = [n for n in told.candidate.structure.constants if n not in told.candidate.structure.shared]
    extra: dict[str, Floats] = {}
    for name in names:
        values = fit.constants[table.group, t, told.candidate.structure.constants.index(name)]
        if np.all(np.isfinite(values)):
            extra[name] = values
    if not extra:
        return None
    known = {name: float(np.median(values)) for name, values in extra.items()}
    rows = np.arange(len(table))
    return _Target(
        "group_constants", table.targets[:, t], lambda expr: expr, rows, known, extra,
        told.candidate.recipe, (told.index,), pooled=True,
    )  # fmt: skip


_TARGETS: dict[str, Callable[[Problem, Sequence[Told], np.random.Generator], _Target | None]] = {
    "table": _table,
    "logs": _logs,
    "one_group": _one_group,
    "residual": _residual,
    "above_floor": _above_floor,
    "group_constants": _group_constants,
    TEMPLATE: _template,
}


def _pick(elites: Sequence[Told], rng: np.random.Generator) -> Told | None:
    """The best of two drawn at random."""
    if not elites:
        return None
    picks = rng.integers(len(elites), size=2)
    return min((elites[int(i)] for i in picks), key=lambda told: told.penalty)


def _pooled(
    problem: Problem,
    y: Floats,
    label: str,
    law: Callable[[Expr], Expr],
    recipe: Recipe,
    parents: tuple[int, ...],
    known: Mapping[str, float],
    shared: frozenset[str] = frozenset(),
) -> _Target | None:
    """A target on all rows; with groups centred and scaled in each, and the law with an offset and a factor."""
    table = problem.table
    rows = np.arange(len(table))
    if table.n_groups == 1:
        return _Target(label, y, law, rows, known, {}, recipe, parents, shared=shared)
    middle, spread = np.zeros(table.n_groups), np.ones(table.n_groups)
    for g, members in enumerate(table.members):
        own = y[members]
        if len(own):
            middle[g] = own.mean()
            spread[g] = own.std() or 1.0
    scaled = (y - middle[table.group]) / spread[table.group]
    offset, factor = Constant("group_offset"), Constant("group_factor")
    values = {"group_offset": float(np.median(middle)), "group_factor": float(np.median(spread))}
    return _Target(
        label, scaled, lambda expr: law(add(offset, mul(factor, expr))), rows, {**known, **values}, {},
        recipe, parents, True, shared,
    )  # fmt: skip


def medians(fit: FitResult, t: int = 0) -> dict[str, float]:
    """Constants of one target, typical over the groups."""
    with np.errstate(all="ignore"):
        middle = np.nanmedian(fit.constants[:, t, :], axis=0)
    return {
        name: float(value) for name, value in zip(fit.structure.constants, middle, strict=True) if np.isfinite(value)
    }
