"""From a formula that somebody wrote to a structure to fit, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from discover.errors import DiscoverError, FormulaError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    complexity,
    constant_names,
    evaluate,
    feature_names,
    parse,
    reduce_constants,
    to_text,
    walk,
)
from discover.fitting import Structure
from discover.proposers.grammar import MAX_COMPLEXITY, renamed
from discover.proposers.hints import meant, with_hints
from discover.scoring import Problem

_LARGEST = 4 * MAX_COMPLEXITY  # before constants are merged; larger trees are not worked on


class RefusedError(DiscoverError):
    """Why a proposed formula is no candidate.

    Attributes:
        kind: the check that refused it: "formula", "column", "constants", "budget", "size" or "domain".
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def structure_of_text(
    problem: Problem, formula: str, shared: Sequence[str] = (), constants: Sequence[str] = ()
) -> tuple[Structure, list[str]]:
    """The structure of a formula, with constants merged and named in our way.

    Args:
        problem: columns, budget of constants and train rows.
        formula: in the formula language; names that are no columns are constants.
        shared: constants with one value for all groups; names that the formula does not have are ignored.
        constants: starts and limits, see `with_hints`.

    Returns:
        The structure, and the starts and limits that are of no use.

    Raises:
        RefusedError: not a formula, no column in it, too large, too many constants, or without a value on
            the train rows whatever the constants are.
    """
    expr = _parsed(problem, formula)
    if (size := complexity(expr)) > _LARGEST:
        raise RefusedError("size", _too_large(size))
    try:
        reduced = reduce_constants(expr)
        found = renamed(problem, expr, frozenset(shared) if problem.table.n_groups > 1 else frozenset())
    except FormulaError as error:
        raise RefusedError("formula", str(error)) from None
    if found is None:
        raise _why_not(problem, reduced)
    structure, names = found
    if not structure.constants:
        raise RefusedError("constants", "no constant in it, so there is nothing to fit")
    for part in _without_constants(reduced):
        _check_values(problem, part)
    return with_hints(structure, constants, meant(expr, reduced, names) if constants else {})


def _parsed(problem: Problem, formula: str) -> Expr:
    try:
        return parse(formula, tuple(problem.kinds))
    except FormulaError as error:
        raise RefusedError("formula", str(error)) from None


def _why_not(problem: Problem, reduced: Expr) -> RefusedError:
    """Why `finished` makes no structure of it."""
    used = len(constant_names(reduced))
    if not feature_names(reduced):
        return RefusedError("column", f"no column in it; the columns are {', '.join(problem.kinds)}")
    if problem.constants is not None and used > problem.constants:
        return RefusedError("budget", f"{used} constants; the task allows {problem.constants}")
    return RefusedError("size", _too_large(complexity(reduced)))


def _too_large(size: int) -> str:
    return f"too large: its complexity is {size}, at most {MAX_COMPLEXITY} is allowed"


def _without_constants(expr: Expr) -> Iterator[Expr]:
    """The largest parts that columns and numbers alone decide."""
    if not isinstance(expr, Call):
        return
    if not any(isinstance(node, Constant) for node in walk(expr)):
        yield expr
        return
    for arg in expr.args:
        yield from _without_constants(arg)


def _check_values(problem: Problem, part: Expr) -> None:
    with np.errstate(all="ignore"):
        values = evaluate(part, problem.table.features)
    if not np.all(np.isfinite(values)):
        reason = f"{to_text(part)} has no finite value on some rows, whatever the constants are"
        raise RefusedError("domain", reason)
