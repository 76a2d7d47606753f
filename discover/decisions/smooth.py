"""Formulas as functions of variables to be chosen, with exact first and second derivatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from discover.arrays import Floats
from discover.expressions import Expr, Feature, call, differentiate, evaluate, substitute

Known = Mapping[str, Any]


@dataclass(frozen=True)
class Variable:
    """A feature whose value is to be chosen.

    Attributes:
        name: of the feature.
        log: its logarithm is what is searched (positive features); else the value itself.
        lower, upper: limits of the search, in the feature's own unit.
        bounded: whether the lower and the upper limit are the user's; the others only end the search.
        seen: smallest and largest value in the data; starts are drawn there.
    """

    name: str
    log: bool
    lower: float
    upper: float
    bounded: tuple[bool, bool]
    seen: tuple[float, float]

    def inside(self, value: float) -> float:
        """The value as a coordinate of the search."""
        return math.log(value) if self.log else value

    @property
    def box(self) -> tuple[float, float]:
        """Lower and upper limit as coordinates of the search."""
        return self.inside(self.lower), self.inside(self.upper)


def natural(variables: Sequence[Variable], z: Floats) -> dict[str, Floats]:
    """Coordinates, shape (..., k), as values of the features, each of shape (...)."""
    return {v.name: np.exp(z[..., i]) if v.log else z[..., i] for i, v in enumerate(variables)}


class Function(Protocol):
    """A function of coordinates of shape (n, k) with its first and second derivatives."""

    def value(self, z: Floats, known: Known) -> Floats:
        """Values, shape (n,)."""

    def gradient(self, z: Floats, known: Known) -> Floats:
        """First derivatives, shape (n, k)."""

    def hessian(self, z: Floats, known: Known) -> Floats:
        """Second derivatives, shape (n, k, k)."""


class Smooth:
    """A formula as a function of coordinates; all else in it is known.

    Points have the shape (n, k); what is known are numbers or arrays of shape (n,).
    """

    def __init__(self, expr: Expr, variables: Sequence[Variable]) -> None:
        logs = {v.name: call("exp", Feature(v.name)) for v in variables if v.log}
        self.tree = substitute(expr, logs)
        self.names = tuple(v.name for v in variables)

    @cached_property
    def _slopes(self) -> tuple[Expr, ...]:
        return tuple(differentiate(self.tree, name) for name in self.names)

    @cached_property
    def _curves(self) -> dict[tuple[int, int], Expr]:
        pairs = ((i, j) for i in range(len(self.names)) for j in range(i + 1))
        return {(i, j): differentiate(self._slopes[i], self.names[j]) for i, j in pairs}

    def _at(self, tree: Expr, z: Floats, known: Known) -> Floats:
        values = dict(known) | {name: z[:, i] for i, name in enumerate(self.names)}
        return np.broadcast_to(np.asarray(evaluate(tree, values), np.float64), (len(z),))

    def value(self, z: Floats, known: Known) -> Floats:
        """Values, shape (n,)."""
        return self._at(self.tree, z, known)

    def gradient(self, z: Floats, known: Known) -> Floats:
        """First derivatives, shape (n, k)."""
        return np.stack([self._at(slope, z, known) for slope in self._slopes], axis=1)

    def hessian(self, z: Floats, known: Known) -> Floats:
        """Second derivatives, shape (n, k, k)."""
        out = np.empty((len(z), len(self.names), len(self.names)))
        for (i, j), curve in self._curves.items():
            out[:, i, j] = out[:, j, i] = self._at(curve, z, known)
        return out
