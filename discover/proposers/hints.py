"""What a model says about the fit of its formula: starts and limits of constants, and the recipe.

Advice is checked and, where it is of no use, left out: it never voids a formula.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from discover.arrays import Floats
from discover.errors import InputError
from discover.expressions import Expr, constant_names, evaluate, feature_names, reduction
from discover.fitting import Domain, Recipe, Structure
from discover.law.structure import recipe_from_text
from discover.proposers.grammar import positive
from discover.scoring import Problem

MOST_EMPHASIS = 2.0
_MOST_COMBINED = 6  # constants between limits that one stands for

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_NAME = r"([A-Za-z_][A-Za-z0-9_]*)"
_START = re.compile(rf"{_NAME}\s*[=~]\s*{_NUMBER}")
_BETWEEN = re.compile(rf"{_NUMBER}\s*<=?\s*{_NAME}\s*<=?\s*{_NUMBER}")
_ABOVE = re.compile(rf"{_NAME}\s*>=?\s*{_NUMBER}")
_BELOW = re.compile(rf"{_NAME}\s*<=?\s*{_NUMBER}")


def stands_for(written: Expr, shared: Iterable[str], names: Mapping[str, str]) -> dict[str, Expr]:
    """What every constant of a structure is in terms of the constants of the formula as it was written.

    Nothing is said if the two do not agree where that is tried.

    Args:
        written: the formula.
        shared: of its constants.
        names: the structure's name of every constant that is left.
    """
    reduced, meanings = reduction(written, tuple(shared))
    symbols = sorted({*constant_names(written), *feature_names(written)})
    for turn in (1.0, 2.0):
        place = {name: 1.1 + 0.37 * math.sin(turn * (i + 1.0)) for i, name in enumerate(symbols)}
        with np.errstate(all="ignore"):
            meant = {name: evaluate(meaning, place) for name, meaning in meanings.items()}
            same = np.isclose(evaluate(reduced, place | meant), evaluate(written, place), rtol=1e-9, atol=0.0)
        if not same:
            return {}
    return {names[name]: meaning for name, meaning in meanings.items()}


@dataclass
class _Said:
    """What was said of one constant."""

    text: str
    lower: float | None = None
    start: float | None = None
    upper: float | None = None

    @property
    def limits(self) -> tuple[float, float] | None:
        if self.lower is None and self.upper is None:
            return None
        return -math.inf if self.lower is None else self.lower, math.inf if self.upper is None else self.upper


def with_hints(structure: Structure, texts: Iterable[str], meanings: Mapping[str, Expr]) -> tuple[Structure, list[str]]:
    """The structure with starts and limits of its constants.

    Args:
        texts: such as "alpha = 0.3", "0 < E < 2", "k > 0"; of two that say the same the later counts.
        meanings: of the structure's constants, see `stands_for`.

    Returns:
        The structure, and the texts that are of no use: not of these forms, of constants that are not in the formula
        or were merged with others of which nothing is said, with empty limits, or with a start outside of the limits.
    """
    said, useless = _said(texts)
    domains, guess = dict(structure.domains), dict(structure.guess)
    used: set[str] = set()
    for name, meaning in meanings.items():
        of = {written: said[written] for written in constant_names(meaning) if written in said}
        if not of or len(of) < len(constant_names(meaning)):
            continue
        start, limits = _start_of(meaning, of), _limits_of(meaning, of)
        domain = _domain(structure.domain(name), *limits) if limits else structure.domain(name)
        if domain is None or (start is not None and not domain.lower <= start <= domain.upper):
            continue
        if limits:
            domains[name] = domain
        if start is not None:
            guess[name] = start
        used |= of.keys() if limits or start is not None else set()
    useless += [one.text for written, one in said.items() if written not in used]
    return replace(structure, domains=domains, guess=guess), useless


def _said(texts: Iterable[str]) -> tuple[dict[str, _Said], list[str]]:
    """What was said of every constant, and what cannot be read."""
    said: dict[str, _Said] = {}
    unread: list[str] = []
    for text in texts:
        read = _read(text.strip())
        if read is None:
            unread.append(text)
            continue
        one = said.setdefault(read[0], _Said(text))
        one.text = text
        for place, value in zip(("lower", "start", "upper"), read[1:], strict=True):
            if value is not None:
                setattr(one, place, value)
    return said, unread


def _start_of(meaning: Expr, said: Mapping[str, _Said]) -> float | None:
    """The value of a constant where those that it stands for start."""
    starts = {name: one.start for name, one in said.items() if one.start is not None}
    if len(starts) < len(said):
        return None
    with np.errstate(all="ignore"):
        value = float(evaluate(meaning, starts))
    return value if math.isfinite(value) else None


_STEPS = np.concatenate([-np.geomspace(1e9, 1e-9, 10), [0.0], np.geomspace(1e-9, 1e9, 10)])


def _limits_of(meaning: Expr, said: Mapping[str, _Said]) -> tuple[float, float] | None:
    """The limits of a constant that stands for another one, or for several between limits of their own.

    A start alone counts as the only value of a constant among others. None where there are no limits, or where they
    are not those of its values at the ends.
    """
    ranges = [one.limits or (None if one.start is None else (one.start, one.start)) for one in said.values()]
    if None in ranges or not any(one.limits for one in said.values()):
        return None
    if any(lower > upper for lower, upper in filter(None, ranges)):
        return None
    steps = [_between(*limits) for limits in ranges if limits is not None]
    if len(steps) > 1 and (len(steps) > _MOST_COMBINED or not all(np.isfinite(step).all() for step in steps)):
        return None
    grid = np.meshgrid(*(step if len(steps) == 1 else step[[0, -1]] for step in steps))
    with np.errstate(all="ignore"):
        values = np.ravel(np.broadcast_to(evaluate(meaning, dict(zip(said, grid, strict=True))), grid[0].shape))
    if len(steps) > 1:
        return (float(values.min()), float(values.max())) if np.isfinite(values).all() else None
    rises = np.diff(values[1:-1])
    if np.isnan(values).any() or not (np.all(rises >= 0.0) or np.all(rises <= 0.0)):
        return None
    return float(min(values[0], values[-1])), float(max(values[0], values[-1]))


def _between(lower: float, upper: float) -> Floats:
    """Both ends, and steps between them."""
    inner = _STEPS[(lower < _STEPS) & (upper > _STEPS)]
    if math.isfinite(upper - lower):
        inner = np.linspace(lower, upper, 9)[1:-1]
    return np.array([lower, *inner, upper])


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


def _domain(usual: Domain, lower: float, upper: float) -> Domain | None:
    low, high = max(lower, usual.lower), min(upper, usual.upper)
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
