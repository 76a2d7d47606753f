"""What a model says about the fit of its formula: starts and limits of constants, and the recipe.

Advice is checked and, where it is of no use, left out: it never voids a formula.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from discover.errors import InputError
from discover.expressions import (
    Call,
    Constant,
    Expr,
    Number,
    constant_names,
    constant_uses,
    evaluate,
    feature_names,
    mul,
    simplify,
    walk,
)
from discover.fitting import Domain, Recipe, Structure
from discover.law.structure import recipe_from_text
from discover.proposers.grammar import positive
from discover.scoring import Problem

MOST_EMPHASIS = 2.0
RELATIONS = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # signs and powers
MOST_COMBINED = 4096  # relations of all constants that are tried together

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_NAME = r"([A-Za-z_][A-Za-z0-9_]*)"
_START = re.compile(rf"{_NAME}\s*[=~]\s*{_NUMBER}")
_BETWEEN = re.compile(rf"{_NUMBER}\s*<=?\s*{_NAME}\s*<=?\s*{_NUMBER}")
_ABOVE = re.compile(rf"{_NAME}\s*>=?\s*{_NUMBER}")
_BELOW = re.compile(rf"{_NAME}\s*<=?\s*{_NUMBER}")


@dataclass(frozen=True)
class Meant:
    """What a constant of the formula as it was written has become: sign * value**power of a constant of the structure.

    Attributes:
        name: of the structure's constant.
        sign: 1 or -1.
        power: 1, or -1 for its reciprocal.
    """

    name: str
    sign: int
    power: int = 1

    def value(self, written: float) -> float | None:
        """The structure's value for one as it was written; None for the reciprocal of zero."""
        if self.power > 0:
            return self.sign * written
        return self.sign / written if written else None

    def limits(self, lower: float | None, upper: float | None) -> tuple[float | None, float | None] | None:
        """The structure's limits; None where a reciprocal has none of the kind."""
        if self.power < 0:
            if lower is None or lower < 0.0:
                return None
            lower, upper = (1.0 / upper if upper else 0.0), (1.0 / lower if lower else None)
        if self.sign > 0:
            return lower, upper
        return (None if upper is None else -upper), (None if lower is None else -lower)


def meant(written: Expr, reduced: Expr, names: Mapping[str, str]) -> dict[str, Meant]:
    """The constants that say the same after constants and numbers were merged, apart from a sign or a reciprocal.

    All do if these are all that was taken in, as where E - A*x**(-a) became E + A*x**a with negative A and a. Else the
    exponents do that are in both formulas.

    Args:
        names: the structure's name of every constant that `reduced` has.
    """
    found = _relations(written, reduced)
    if found is None:
        before, after = _exponents(simplify(written)), _exponents(reduced)
        found = {name: (before[name] * after[name], 1) for name in before.keys() & after.keys()}
    return {name: Meant(names[name], sign, power) for name, (sign, power) in found.items() if name in names}


def _exponents(expr: Expr) -> dict[str, int]:
    """The sign of every constant that is an exponent, and nothing else."""
    found: dict[str, int] = {}
    for node in walk(expr):
        if isinstance(node, Call) and node.op == "pow":
            exponent, sign = node.args[1], 1
            if isinstance(exponent, Call) and exponent.op == "mul" and exponent.args[0] == Number(-1.0):
                exponent, sign = mul(*exponent.args[1:]), -1
            if isinstance(exponent, Constant):
                found[exponent.name] = sign
    uses = constant_uses(expr)
    return {name: sign for name, sign in found.items() if uses[name] == 1}


def _relations(written: Expr, reduced: Expr) -> dict[str, tuple[int, int]] | None:
    """Signs and powers of constants with which a formula says what another does; None if these do not suffice.

    Compared at two places that are nothing special, for all combinations at once.
    """
    constants = constant_names(reduced)
    if set(constant_names(written)) != set(constants):
        return None
    names = sorted({*constants, *feature_names(written)})
    places = [{name: 1.1 + 0.37 * math.sin(turn * (i + 1.0)) for i, name in enumerate(names)} for turn in (1.0, 2.0)]
    for relations in (RELATIONS[:2], RELATIONS):
        if len(relations) ** len(constants) > MOST_COMBINED:
            return None
        tried = np.array(list(itertools.product(relations, repeat=len(constants)))).reshape(-1, len(constants), 2)
        fits = np.ones(len(tried), dtype=np.bool_)
        for place in places:
            there = place | {
                name: tried[:, i, 0] * place[name] ** tried[:, i, 1].astype(float) for i, name in enumerate(constants)
            }
            fits &= np.isclose(evaluate(reduced, there), evaluate(written, place), rtol=1e-9, atol=0.0)
        if fits.any():
            first = tried[int(np.argmax(fits))]
            return {name: (int(sign), int(power)) for name, (sign, power) in zip(constants, first, strict=True)}
    return None


def with_hints(structure: Structure, texts: Iterable[str], names: Mapping[str, Meant]) -> tuple[Structure, list[str]]:
    """The structure with starts and limits of its constants.

    Args:
        texts: such as "alpha = 0.3", "0 < E < 2", "k > 0"; of two that say the same the later counts.
        names: the constants of the formula as it was written, see `meant`.

    Returns:
        The structure, and the texts that are of no use: not of these forms, of constants that are not in the
        formula or were merged with others, with empty limits, or with a start outside of the limits.
    """
    lower: dict[str, float] = {}
    upper: dict[str, float] = {}
    start: dict[str, float] = {}
    said: dict[str, str] = {}
    useless: list[str] = []
    for text in texts:
        read = _read(text.strip())
        if read is None or read[0] not in names:
            useless.append(text)
            continue
        said[read[0]] = text
        for kept, value in zip((lower, start, upper), read[1:], strict=True):
            if value is not None:
                kept[read[0]] = value
    domains, guess = dict(structure.domains), dict(structure.guess)
    for written, text in said.items():
        constant = names[written]
        limited = written in lower or written in upper
        limits = constant.limits(lower.get(written), upper.get(written)) if limited else (None, None)
        domain = None if limits is None else _domain(structure.domain(constant.name), *limits)
        value = constant.value(start[written]) if written in start else None
        if domain is None or not domain.lower <= (domain.lower if value is None else value) <= domain.upper:
            useless.append(text)
            continue
        if limited:
            domains[constant.name] = domain
        if value is not None:
            guess[constant.name] = value
    return replace(structure, domains=domains, guess=guess), useless


def _read(text: str) -> tuple[str, float | None, float | None, float | None] | None:
    """Name, lower limit, start and upper limit."""
    if found := _START.fullmatch(text):
        return found[1], None, float(found[2]), None
    if found := _BETWEEN.fullmatch(text):
        return found[2], float(found[1]), None, float(found[3])
    if found := _ABOVE.fullmatch(text):
        return found[1], float(found[2]), None, None
    if found := _BELOW.fullmatch(text):
        return found[1], None, None, float(found[2])
    return None


def _domain(usual: Domain, lower: float | None, upper: float | None) -> Domain | None:
    low = usual.lower if lower is None else max(lower, usual.lower)
    high = usual.upper if upper is None else min(upper, usual.upper)
    return Domain(low, high, log=usual.log and low >= 0.0) if low < high else None


def recipe_of(problem: Problem, text: str) -> Recipe | None:
    """The recipe of a text such as "huber-log 1"; None for one that the problem does not allow, or for none."""
    name, _, emphasis = text.strip().partition(" ")
    try:
        recipe = recipe_from_text(name)
        weight = float(emphasis) if emphasis else 0.0
    except (InputError, ValueError):
        return None
    if recipe.space == "log" and not positive(problem):
        return None
    if not 0.0 <= weight <= MOST_EMPHASIS or (weight and not problem.axes):
        return None
    if recipe.loss != "squared" and recipe.space == "value":  # a residual in units of the target
        recipe = replace(recipe, scale=max(0.02 * float(problem.table.targets.std(axis=0).mean()), 1e-12))
    return replace(recipe, emphasis=weight)
