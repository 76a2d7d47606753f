"""From a formula that somebody wrote to a structure to fit, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from discover.data.formula_names import by_meaning, names_in, surely_column
from discover.errors import DiscoverError, FormulaError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    complexity,
    constant_names,
    evaluate,
    feature_names,
    plain_notation,
    reduce_constants,
    to_text,
    walk,
)
from discover.law.intake import intake
from discover.law.structure import Structure
from discover.proposers.grammar import MAX_COMPLEXITY, renamed
from discover.proposers.hints import stands_for, with_hints
from discover.proposers.literals import named
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
        formula: in any notation of `plain_notation`; names are columns as in `by_meaning`, or else constants. In a
            formula without constants the numbers are constants, which start there.
        shared: constants with one value for all groups; names that the formula does not have are ignored.
        constants: starts and limits, see `with_hints`.

    Returns:
        The structure, and the starts and limits that are of no use.

    Raises:
        RefusedError: not a formula, no column in it, too large, too many constants, or without a value on
            the train rows whatever the constants are.
    """
    expr = _parsed(problem, formula)
    if not constant_names(expr):  # in a law of numbers alone all of them are constants, and where these start
        expr, starts = named(expr, free=True)
        constants = [f"{name} = {start!r}" for name, start in starts.items()]
    if (size := complexity(expr)) > _LARGEST:
        raise RefusedError("size", _too_large(size))
    try:
        reduced = reduce_constants(expr)
        common = frozenset(shared) if problem.table.n_groups > 1 else frozenset[str]()
        found = renamed(problem, expr, common)
    except FormulaError as error:
        raise RefusedError("formula", str(error)) from None
    if found is None:
        raise _why_not(problem, reduced)
    structure, names = found
    if not structure.constants:
        raise RefusedError("constants", "no constant in it, so there is nothing to fit")
    for part in _without_constants(reduced):
        _check_values(problem, part)
    return with_hints(structure, constants, stands_for(expr, common, names) if constants else {})


def _parsed(problem: Problem, formula: str) -> Expr:
    columns = tuple(problem.kinds)
    try:
        plain = plain_notation(formula)
        used = names_in([plain])
        unused = [name for name in columns if name not in used]
        unknown = [name for name in used if name not in columns and surely_column(name, [plain])]
        meaning = by_meaning(unknown, unused)
        return intake(plain, {name: name for name in columns} | meaning)[0].expr
    except FormulaError as error:
        raise RefusedError("formula", str(error)) from None


def _why_not(problem: Problem, reduced: Expr) -> RefusedError:
    """Why `renamed` makes no structure of it."""
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
