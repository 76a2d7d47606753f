"""Laws found elsewhere: a formula, or the front of a PySR run, fitted to a table and kept as a run folder.

The folder holds what a run's folder holds, so that every command that takes a run takes it.
"""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from discover.data.aliases import by_quantity, recognise
from discover.data.names import listed, mistyped, near
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
    parse,
    substitute,
    walk,
)
from discover.fitting import NORMAL, Recipe, Structure
from discover.plain_data import plain
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.equations import is_template, law_of, read_equation, untangle
from discover.runs.config import TaskSource
from discover.runs.folder import Progress
from discover.runs.inspection import inspect, save
from discover.runs.journal import Journal
from discover.runs.outcome import conclude, inner_error
from discover.runs.records import step_record
from discover.runs.session import Budget, Session, begin
from discover.scoring import Problem, Score, Scorer, fold_weights, merit, r_squared
from discover.scoring.stacking import Stack
from discover.search import AddStatus, SearchResult, Step
from discover.search.verdict import choose, weigh

IMPORT = "import"
IMPORTED = "imported"
LAST = 1e3  # merit of a law that our own search would have refused
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*(?!\w|\s*\()")
_POSITIONAL = re.compile(r"(?P<letter>[xX])_?(?P<number>[0-9]{1,3})")
_COLUMN_LETTERS = frozenset("NDC")


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
    """

    formula: Formula
    problem: str | None = None
    told: Told | None = None
    r2_given: float | None = None
    r2: float | None = None


# --- names


def names_in(texts: Iterable[str]) -> list[str]:
    """Names of columns and constants in formulas, each once, without functions."""
    return list(dict.fromkeys(name for text in texts for name in _NAME.findall(text)))


def places_of(
    names: Sequence[str], usable: Mapping[str, str], mapping: Mapping[str, str], features: Sequence[str] | None
) -> tuple[dict[str, str], list[str]]:
    """Which column of the table each name in the formulas stands for; the other names are constants.

    Args:
        names: in the formulas.
        usable: names by which the columns may be called -> heading; every heading is one of its own names.
        mapping: name -> heading, as the user says.
        features: headings in the order in which an engine was given them, or None.

    Returns:
        Name -> heading, and notes on what was guessed.

    Raises:
        InputError: a name or heading is unknown, or no name stands for a column.
    """
    for name, column in mapping.items():
        if name not in names:
            raise InputError(f"--columns names {name!r}, which is not in the formula{near(name, names)}")
        if column not in usable:
            raise InputError(
                f"--columns names the column {column!r}, which the table does not have{near(column, usable)}"
            )
    found = {name: usable[mapping.get(name, name)] for name in names if mapping.get(name, name) in usable}
    notes: list[str] = []
    numbered = [name for name in names if name not in found and _POSITIONAL.fullmatch(name)]
    if numbered:
        found |= _by_number(numbered, features)
        notes += [f"{name} of the formula is the column {found[name]!r}" for name in numbered]
    if not found:
        found = by_meaning(names, set(usable.values()))
        notes += [f"{name} of the formula is the column {heading!r}" for name, heading in found.items()]
    if not found:
        raise InputError(
            f"no name in the formula ({', '.join(names) or 'there is none'}) is a column of the table "
            f"({listed(list(dict.fromkeys(usable.values())), 12)}); say which is which with --columns NAME=COLUMN"
        )
    unused = [name for name, heading in usable.items() if heading not in found.values()]
    return found, notes + mistyped((name for name in names if name not in found), unused)


def _by_number(names: Sequence[str], features: Sequence[str] | None) -> dict[str, str]:
    """Columns by place: PySR counts x0, x1, ... from zero, Operon X1, X2, ... from one."""
    if not features:
        raise InputError(
            f"the formula counts its columns ({', '.join(names)}); say which they are with --columns "
            f"{names[0]}=COLUMN, or with --features A,B in the order in which the engine was given them"
        )
    found = {}
    for name in names:
        match = _POSITIONAL.fullmatch(name)
        assert match is not None
        place = int(match["number"]) - (match["letter"] == "X")
        if not 0 <= place < len(features):
            raise InputError(f"the formula names {name}, but --features names {len(features)} column(s)")
        found[name] = features[place]
    return found


def by_meaning(names: Sequence[str], headings: Collection[str]) -> dict[str, str]:
    """Names by which the field knows the quantity of exactly one column; of single letters only N, D and C."""
    found, known = {}, by_quantity(headings)
    for name in names:
        quantity = recognise(name) if len(name) > 1 or name in _COLUMN_LETTERS else None
        alike = known.get(quantity.name, []) if quantity is not None else []
        if len(alike) == 1:
            found[name] = alike[0]
    return found if len(set(found.values())) == len(found) else {}


# --- formulas


def structure_of(text: str, columns: Mapping[str, str], table: Table, engine: bool = False) -> tuple[Structure, Expr]:
    """A formula as a structure to fit, and as it was given.

    A formula of numbers alone gets a constant for every number that is not part of its form (signs, whole and
    simple exponents, the one in ``1 + k*x`` inside of it), starting there. In a formula with named constants
    numbers stay as they are.

    Args:
        text: of the formula language, or of PySR or Operon.
        columns: name in the formula -> feature of the table.
        table: the train rows.
        engine: it is of a front, and may be brought into a plainer form.

    Raises:
        FormulaError: the text cannot be read, or does not depend on any column.
    """
    if is_template(text):
        raise FormulaError("it is a template, which only the run that made it can read")
    expr, own = _read(text, columns)
    if not feature_names(expr):
        raise FormulaError("it does not depend on any column")
    if constant_names(expr):
        return Structure(expr), expr
    positive = frozenset(name for name, values in table.features.items() if (values > 0).all())
    if own and not engine:
        # What a person wrote keeps its form, so that a number which stands there once is one constant.
        return _falling(law_of(expr, table.features, ones=True)), expr
    return _falling(law_of(untangle(expr, positive), table.features)), expr


def _read(text: str, columns: Mapping[str, str]) -> tuple[Expr, bool]:
    """The tree of a formula, and whether it is of the formula language."""
    try:
        own = parse(text, tuple(columns))
    except FormulaError as problem:
        meaning: dict[str, Expr] = {name: Constant(name) for name in names_in([text])}
        meaning |= {name: Feature(column) for name, column in columns.items()}
        try:
            return read_equation(text, meaning), False
        except FormulaError as other:
            raise (other if "function" in str(problem) else problem) from None
    clash = [name for name in constant_names(own) if name in columns.values()]
    if clash:
        raise FormulaError(f"the name {clash[0]!r} is a column of the table; rename the constant")
    renamed: dict[str, Expr] = {name: Feature(column) for name, column in columns.items() if name != column}
    return (substitute(own, renamed) if renamed else own), True


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
        structure, given = structure_of(formula.text, columns, table, formula.complexity is not None)
    except FormulaError as problem:
        return Attempt(formula, str(problem))
    unknown = [name for name in shared if name not in structure.constants]
    if unknown:
        raise InputError(f"no constant {unknown[0]!r} to share; the law has {', '.join(structure.constants)}")
    structure = replace(structure, shared=frozenset(shared))
    score = scorer.score(structure, recipe, published=True, effort=NORMAL, keep=True)
    if score.fit is None:
        return Attempt(formula, f"no fit: {score.refused}")
    value = merit(score, scorer.weights)
    candidate = Candidate(structure, recipe, f"{IMPORT}:{formula.complexity or 'formula'}")
    told = Told(index, candidate, score, value if math.isfinite(value) else LAST + score.train, added=True)
    fitted = score.fit.predict(table.features, table.group)
    return Attempt(formula, None, told, _r2_given(given, table), r_squared(fitted, table.targets))


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
) -> dict[str, Any]:
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
        The content of `result.json`, with what became of every formula in the key `imported`.

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
    """The chosen law first, then the others by merit; and the average of those that a search would not refuse."""
    finalists = sorted(told, key=lambda one: (one.merit, one.index))
    sound = [one for one in finalists if one.score.refused is None]
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
) -> dict[str, Any]:
    """Journal, law and result of an import."""
    with Journal(session.folder.journal_path) as journal:
        for one in sorted(ranked, key=lambda told: told.index):
            journal.append(step_record(Step(one, AddStatus.NEW)))
        journal.sync()
    found = SearchResult(ranked[0], tuple(ranked), stack, (), len(attempts), seconds, IMPORTED)
    result = conclude(session, found)
    weights = fold_weights(session.problem)
    refused = ranked[0].score.refused
    if refused is not None:
        result["warnings"] = [f"a search would have refused this law: {refused}", *result["warnings"]]
    result["imported"] = [_attempt_keys(one, ranked[0], weights) for one in attempts]
    session.folder.write_result(plain(result))
    session.folder.write_progress(Progress(seconds, len(attempts), IMPORTED))
    return result


def _attempt_keys(one: Attempt, chosen: Told, weights: Sequence[float]) -> dict[str, Any]:
    score = one.told.score if one.told is not None else Score()
    return {
        "text": one.formula.text,
        "complexity": one.formula.complexity,
        "loss": one.formula.loss,
        "formula": None if one.told is None else one.told.candidate.structure.text,
        "r2_given": one.r2_given,
        "r2": one.r2,
        "inner_error": inner_error(score, weights),
        "problem": one.problem if one.problem is not None else score.refused,
        "chosen": one.told is chosen,
    }
