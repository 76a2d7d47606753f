"""What is fitted and how: a structure (formula and its constants' domains) and a recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.aliases import by_quantity, is_logged
from discover.errors import InputError
from discover.expressions import Call, Constant, Expr, Number, constant_names, evaluate, feature_names, to_text, walk


@dataclass(frozen=True)
class Domain:
    """Where a constant may lie; `log` searches its logarithm (positive constants that span decades)."""

    lower: float = -math.inf
    upper: float = math.inf
    log: bool = False

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise InputError(f"the domain of a constant is empty: {self.lower} to {self.upper}")


REAL = Domain()
POSITIVE = Domain(0.0, math.inf, log=True)
NONNEGATIVE = Domain(0.0, math.inf)


@dataclass(frozen=True)
class Structure:
    """A law without its numbers.

    Attributes:
        expr: the formula over features and constants.
        shared: constants with one value for all groups; the others have one per group.
        domains: where constants may lie; the others get `default_domains`.
        guess: a starting value of some or all constants.
    """

    expr: Expr
    shared: frozenset[str] = frozenset()
    domains: Mapping[str, Domain] = field(default_factory=dict)
    guess: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def constants(self) -> tuple[str, ...]:
        return constant_names(self.expr)

    @cached_property
    def features(self) -> tuple[str, ...]:
        return feature_names(self.expr)

    @cached_property
    def text(self) -> str:
        return to_text(self.expr)

    @cached_property
    def known_text(self) -> str:
        """The formula with columns under the names of their quantities, so that `n_params` and `params` are one."""
        found = by_quantity(name for name in self.features if not is_logged(name))
        names = {alike[0]: quantity for quantity, alike in found.items() if len(alike) == 1}
        free = {name: quantity for name, quantity in names.items() if quantity not in (*self.features, *self.constants)}
        return re.sub(r"(?<!\w)[^\W\d]\w*", lambda word: free.get(word[0], word[0]), self.text) if free else self.text

    @cached_property
    def _defaults(self) -> dict[str, Domain]:
        return default_domains(self.expr)

    def domain(self, name: str) -> Domain:
        known = self.domains.get(name)
        return known if known is not None else self._defaults.get(name, REAL)


def values_of(
    expr: Expr, constants: Mapping[str, Floats], features: Mapping[str, Any], codes: Ints, target: int
) -> Any:
    """What a law says of a target at points.

    Args:
        constants: by name, shape (..., groups, targets); the axes before the groups, as of draws, stay.
        features: columns, of shapes that go together with that of `codes`.
        codes: place of every point's group.
    """
    return evaluate(expr, {**features, **{name: values[..., codes, target] for name, values in constants.items()}})


def default_domains(expr: Expr) -> dict[str, Domain]:
    """Positive for constants that scale or shift the base of a fitted power or a logarithm.

    Such a base must stay positive for the formula to have a value, and its constants are sizes
    (a data size, a reference scale), which vary over decades. All other constants are real.
    """
    domains: dict[str, Domain] = {}
    for node in walk(expr):
        if not isinstance(node, Call):
            continue
        if (node.op == "pow" and not _literal(node.args[1])) or node.op == "log":
            for name in _sizes(node.args[0]):
                domains[name] = POSITIVE
    return domains


def signed_domains(expr: Expr, start: Mapping[str, Floats | float]) -> dict[str, Domain]:
    """Either sign for constants that are positive by default and start otherwise."""
    return {name: REAL for name in default_domains(expr) if not np.all(np.asarray(start.get(name, 1.0)) > 0.0)}


def _literal(node: Expr) -> bool:
    return isinstance(node, Number) and node.value.is_integer()


def _sizes(base: Expr) -> list[str]:
    """Constants that are factors or terms of a base, through reciprocals; not exponents, not signed."""
    if isinstance(base, Constant):
        return [base.name]
    if not isinstance(base, Call):
        return []
    if base.op in ("add", "mul"):
        if any(isinstance(arg, Number) and arg.value < 0 for arg in base.args):
            return []
        return [name for arg in base.args for name in _sizes(arg)]
    if base.op == "pow":
        return _sizes(base.args[0])
    return []


@dataclass(frozen=True)
class Recipe:
    """How a structure is fitted.

    Attributes:
        loss: squared, Huber or soft-L1 of the residual. The objective is a sum over rows, not a mean.
        space: residual of the value, or of its logarithm.
        scale: residual at which the robust losses turn from quadratic to linear, in units of the residual.
        emphasis: rows of the largest scale weigh 10**emphasis times those of the smallest, where the task names
            axes of scale; 0 for equal weights.
    """

    loss: Literal["squared", "huber", "soft_l1"] = "squared"
    space: Literal["value", "log"] = "value"
    scale: float = 1e-3
    emphasis: float = 0.0

    def __post_init__(self) -> None:
        if self.loss not in ("squared", "huber", "soft_l1"):
            raise InputError(f"unknown loss {self.loss!r}; expected squared, huber or soft_l1")
        if self.space not in ("value", "log"):
            raise InputError(f"unknown space {self.space!r}; expected value or log")
        if not self.scale > 0:
            raise InputError(f"the scale of a robust loss must be positive, not {self.scale}")

    @property
    def text(self) -> str:
        """Short name such as "huber-log"."""
        return f"{self.loss}-{self.space}"


def recipe_from_text(text: str, scale: float | None = None) -> Recipe:
    """The recipe of a name such as "squared", "huber-log", "soft_l1-value"."""
    loss, _, space = text.replace("soft-l1", "soft_l1").partition("-")
    if loss == "log":
        loss, space = "squared", "log"
    if loss not in ("squared", "huber", "soft_l1") or space not in ("", "value", "log"):
        raise InputError(
            f"unknown loss {text!r}; expected squared, huber or soft_l1, followed by -value or -log, as in huber-log"
        )
    recipe = Recipe(loss, "log" if space == "log" else "value")  # type: ignore[arg-type]
    return recipe if scale is None else Recipe(recipe.loss, recipe.space, scale)
