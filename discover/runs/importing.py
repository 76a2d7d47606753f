"""Laws found elsewhere: a formula, or the front of a PySR run, fitted to a table and kept as a run folder.

The folder holds what a run's folder holds, so that every command that takes a run takes it.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.data.formula_names import names_in
from discover.data.names import listed
from discover.data.table import Table
from discover.errors import FormulaError, InputError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    Feature,
    constant_names,
    evaluate,
    feature_names,
    neg,
    plain_notation,
    substitute,
    walk,
)
from discover.fitting import NORMAL, Recipe, Structure
from discover.law.intake import NameTakenError, intake
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.equations import is_template, read_equation
from discover.proposers.literals import law_of, simple_exponents
from discover.proposers.untangling import untangle
from discover.runs.config import TaskSource
from discover.runs.folder import Progress
from discover.runs.inspection import inspect, save
from discover.runs.journal import Journal
from discover.runs.outcome import conclude
from discover.runs.records import step_record
from discover.runs.result import Result
from discover.runs.session import Budget, Session, begin
from discover.scoring import Problem, Refused, Scored, Scorer, inner_error, r_squared
from discover.scoring.stacking import Stack
from discover.search import AddStatus, SearchResult
from discover.search.verdict import choose, weigh

IMPORT = "import"
IMPORTED = "imported"
LAST = 1e3  # penalty of a law that our own search would have refused


@dataclass(frozen=True)
class Formula:
    """A formula to import.

    Attributes:
        text: as given.
        complexity, loss: as the engine printed them; None for a formula of the user's.
    """

    text: str
    complexity: int | None = None
    loss: float | None = None


@dataclass(frozen=True)
class Attempt:
    """What became of a formula.

    Attributes:
        formula: as given.
        problem: why it could not be read or fitted, or None.
        told: the law with its score, if it was fitted.
        r2_given: R2 on the rows with the numbers as given; None for a formula with named constants.
        r2: R2 on the rows after the fit.
        simple: what became of exponents that look simple, in words; empty where there are none.
    """

    formula: Formula
    problem: str | None = None
    told: Told | None = None
    r2_given: float | None = None
    r2: float | None = None
    simple: str = ""


# --- formulas


def structures_of(
    text: str, columns: Mapping[str, str], table: Table, engine: bool = False
) -> tuple[list[Structure], Expr, tuple[float, ...]]:
    """A formula as structures to fit, as it was given, and what tells the structures apart.

    A formula of numbers alone gets a constant for every number that is not part of its form (signs, whole and
    simple exponents, the one in ``1 + k*x`` inside of it), starting there. In a formula with named constants
    numbers stay as they are. Where simple exponents may as well be rounded, as 1.5 may in what an engine prints, a
    second structure has constants for them.

    Args:
        text: of the formula language, or of PySR or Operon.
        columns: name in the formula -> feature of the table.
        table: the train rows.
        engine: it is of a front, and may be brought into a plainer form.

    Raises:
        FormulaError: the text cannot be read, or does not depend on any column.
    """
    text = plain_notation(text)
    if is_template(text):
        raise FormulaError("it is a template, which only the run that made it can read")
    expr, own = _read(text, columns)
    if not feature_names(expr):
        raise FormulaError("it does not depend on any column")
    if constant_names(expr):
        return [Structure(expr)], expr, ()
    positive = frozenset(name for name, values in table.features.items() if (values > 0).all())
    # What a person wrote keeps its form, so that a number which stands there once is one constant.
    ones = own and not engine
    form = expr if ones else untangle(expr, positive)
    simple = simple_exponents(form)
    found = [law_of(form, table.features, ones=ones, free=free) for free in ((False, True) if simple else (False,))]
    return [_falling(one) for one in found], expr, simple


def _read(text: str, columns: Mapping[str, str]) -> tuple[Expr, bool]:
    """The tree of a formula, and whether it is of the formula language."""
    try:
        return intake(text, columns)[0].expr, True
    except NameTakenError:
        raise
    except FormulaError as problem:
        meaning: dict[str, Expr] = {name: Constant(name) for name in names_in([text])}
        meaning |= {name: Feature(column) for name, column in columns.items()}
        try:
            return read_equation(text, meaning), False
        except FormulaError as other:
            raise (other if "function" in str(problem) else problem) from None


def _falling(structure: Structure) -> Structure:
    """Exponents that start below zero are written as such: x**(-alpha) with alpha above zero."""
    exponents = [n.args[1] for n in walk(structure.expr) if isinstance(n, Call) and n.op == "pow"]
    names = [node.name for node in walk(structure.expr) if isinstance(node, Constant)]
    turned = [
        node.name
        for node in exponents
        if isinstance(node, Constant) and names.count(node.name) == 1 and structure.guess.get(node.name, 0.0) < 0
    ]
    if not turned:
        return structure
    expr = substitute(structure.expr, {name: neg(Constant(name)) for name in turned})
    guess = {name: -value if name in turned else value for name, value in structure.guess.items()}
    domains = {name: domain for name, domain in structure.domains.items() if name not in turned}
    return Structure(expr, structure.shared, domains, guess)


# --- fits and the choice


def attempt(
    formula: Formula, index: int, columns: Mapping[str, str], scorer: Scorer, recipe: Recipe, shared: Collection[str]
) -> Attempt:
    """Reads, fits and scores a formula.

    Raises:
        InputError: a shared constant is not in it.
    """
    table = scorer.problem.table
    try:
        structures, given, simple = structures_of(formula.text, columns, table, formula.complexity is not None)
    except FormulaError as problem:
        return Attempt(formula, str(problem))
    tried = [_fitted(formula, index, one, scorer, recipe, shared) for one in structures]
    told = [one for one in tried if isinstance(one, Told)]
    if not told:
        return Attempt(formula, next(one for one in tried if isinstance(one, str)))
    kept = min(told, key=lambda one: (isinstance(one.score, Refused), one.penalty))
    fit = kept.score.fit
    assert fit is not None
    fitted = fit.predict(table.features, table.group)
    said = _said(simple, kept is not tried[0], len(told)) if simple else ""
    return Attempt(formula, None, kept, _r2_given(given, table), r_squared(fitted, table.targets), said)


def _said(simple: Sequence[float], free: bool, tried: int) -> str:
    what = f"{'exponent' if len(simple) == 1 else 'exponents'} {listed([f'{value:g}' for value in simple])}"
    if tried == 1:
        return f"the {what} could be tried {'as constants' if free else 'as given'} only"
    were = "was" if len(simple) == 1 else "were"
    return f"the {what} {were} tried as given and fitted; kept {'fitted' if free else 'as given'}"


def _fitted(
    formula: Formula, index: int, structure: Structure, scorer: Scorer, recipe: Recipe, shared: Collection[str]
) -> Told | str:
    """A structure with its score, or why it has none."""
    unknown = [name for name in shared if name not in structure.constants]
    if unknown:
        raise InputError(f"no constant {unknown[0]!r} to share; the law has {', '.join(structure.constants)}")
    structure = replace(structure, shared=frozenset(shared))
    score = scorer.score(structure, recipe, published=True, effort=NORMAL, keep=True)
    if isinstance(score, Refused) and score.fit is None:
        return f"no fit: {score.reason}"
    value = scorer.penalty(score)
    candidate = Candidate(structure, recipe, f"{IMPORT}:{formula.complexity or 'formula'}")
    return Told(index, candidate, score, value if math.isfinite(value) else LAST + score.train, added=True)


def _r2_given(given: Expr, table: Table) -> float | None:
    if constant_names(given):
        return None
    with np.errstate(all="ignore"):
        values = np.broadcast_to(evaluate(given, dict(table.features)), len(table))
    r2 = r_squared(np.repeat(values[:, None], table.n_targets, axis=1), table.targets)
    return r2 if math.isfinite(r2) else None


def import_laws(
    formulas: Sequence[Formula],
    columns: Mapping[str, str],
    source: TaskSource,
    *,
    recipe: Recipe,
    shared: Collection[str] = (),
    seed: int = 0,
    out: Path | None = None,
) -> Result:
    """Fits formulas to a table, chooses among them as a search would, and writes a run folder.

    Args:
        formulas: one, or a front.
        columns: name in the formulas -> feature of the task.
        source: where the table is.
        recipe: loss and space of the residuals.
        shared: constants with one value for all groups.
        seed: noted in the folder; the fits do not depend on it.
        out: the folder; None for a new one below `runs`.

    Returns:
        What was found, with what became of every formula in `imported`.

    Raises:
        InputError: no formula could be fitted, or the folder cannot be written. Nothing is left behind then.
    """
    from discover.scoring import problem_of

    start = time.monotonic()
    task = source.load()
    # The user wants this law, whatever number of constants a search would be allowed.
    problem = replace(problem_of(task), constants=None)
    scorer = Scorer(problem)
    attempts = [attempt(f, i, columns, scorer, recipe, shared) for i, f in enumerate(formulas)]
    imported = [one.told for one in attempts if one.told is not None]
    if not imported:
        first = attempts[0]
        raise InputError(
            f"the formula {first.formula.text[:60]!r} cannot be imported: {first.problem}"
            if len(attempts) == 1
            else f"none of the {len(attempts)} formulas can be imported; of the first: {first.problem}"
        )
    ranked, stack = _ranked(imported, problem)
    problems = inspect(task, problem)
    session = begin(source, seed, Budget(None, len(formulas), 1), out, False, None, (IMPORT,))
    try:
        save(session.folder.path, problems)
        return _written(session, ranked, stack, attempts, time.monotonic() - start)
    except BaseException:
        shutil.rmtree(session.folder.path, ignore_errors=True)
        raise


def _ranked(told: Sequence[Told], problem: Problem) -> tuple[list[Told], Stack]:
    """The chosen law first, then the others by penalty; and the average of those that a search would not refuse."""
    finalists = sorted(told, key=lambda one: (one.penalty, one.index))
    sound = [one for one in finalists if isinstance(one.score, Scored)]
    if not sound:
        return finalists, Stack(np.eye(len(finalists))[0], ())
    stack = weigh(sound, problem)
    place = choose(sound, stack.weights, problem)
    others = [one for one in finalists if one is not sound[place]]
    weights = {id(one): weight for one, weight in zip(sound, stack.weights, strict=True)}
    ranked = [sound[place], *others]
    return ranked, replace(stack, weights=np.array([weights.get(id(one), 0.0) for one in ranked]))


def _written(
    session: Session, ranked: Sequence[Told], stack: Stack, attempts: Sequence[Attempt], seconds: float
) -> Result:
    """Journal, law and result of an import."""
    with Journal(session.folder.journal_path) as journal:
        for one in sorted(ranked, key=lambda told: told.index):
            journal.append(step_record(one, AddStatus.NEW))
        journal.sync()
    found = SearchResult(ranked[0], tuple(ranked), stack, len(attempts), seconds, IMPORTED)
    keys = conclude(session, found).keys()
    weights = session.problem.fold_weights
    chosen = ranked[0].score
    if isinstance(chosen, Refused):
        keys["warnings"] = [f"a search would have refused this law: {chosen.reason}", *keys["warnings"]]
    result = Result.of(keys | {"imported": [_attempt_keys(one, ranked[0], weights) for one in attempts]})
    session.folder.write_result(result)
    session.folder.write_progress(Progress(seconds, len(attempts), IMPORTED))
    return result


def _attempt_keys(one: Attempt, chosen: Told, weights: Floats) -> dict[str, Any]:
    score = None if one.told is None else one.told.score
    return {
        "text": one.formula.text,
        "complexity": one.formula.complexity,
        "loss": one.formula.loss,
        "formula": None if one.told is None else one.told.candidate.structure.text,
        "r2_given": one.r2_given,
        "r2": one.r2,
        "inner_error": math.inf if score is None else inner_error(score, weights),
        "simple_exponents": one.simple or None,
        "problem": score.reason if isinstance(score, Refused) else one.problem,
        "chosen": one.told is chosen,
    }
