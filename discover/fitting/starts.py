"""Starting points drawn from what the data allow.

A constant is drawn by its place in the formula and by the size of what it acts on, measured on the table's
rows: a scale so that the term it multiplies is comparable with its neighbours, a shift so that it falls in
the range of the column, an exponent between 0.03 and 2. The draws are a low-discrepancy sequence with a
seeded shift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.expressions import OPERATORS, Call, Constant, Expr, Feature, Number, constant_names
from discover.law.structure import Structure

_ROWS = 24  # rows on which sizes are measured


def draw(
    structure: Structure, names: tuple[str, ...], sample: Mapping[str, Floats], level: float, n: int, seed: int
) -> Floats:
    """Starting values of these constants, shape (n, len(names)); NaN-free, inside their domains.

    Args:
        sample: columns on a few rows, see `sample_rows`.
        level: size of the target, for terms that no linear constant scales.
        seed: of the shift of the sequence.
    """
    if not names:
        return np.empty((n, 0))
    quantiles = iter(np.clip(_uniform(len(constant_names(structure.expr)), n, seed), 1e-9, 1 - 1e-9).T)
    drawing = _Drawing(sample, level, lambda: next(quantiles), n, structure)
    with np.errstate(all="ignore"):
        drawing.value(structure.expr, "target")
    out = np.empty((n, len(names)))
    for i, name in enumerate(names):
        values = np.broadcast_to(drawing.drawn[name][:, 0], (n,))
        domain = structure.domain(name)
        values = np.where(np.isfinite(values), values, 1.0)
        if domain.log:
            values = np.abs(values) + 1e-300
        out[:, i] = np.clip(values, domain.lower, domain.upper)
    return out


@lru_cache(maxsize=256)
def _uniform(dimension: int, n: int, seed: int) -> Floats:
    """Points (n, dimension) of a Kronecker sequence, shifted at random.

    The steps are powers of the generalised golden ratio, the root of x**(d+1) = x + 1 (Roberts 2018, The
    unreasonable effectiveness of quasirandom sequences); such a sequence needs no tables and no SciPy.
    """
    ratio = 2.0
    for _ in range(60):
        ratio = (1.0 + ratio) ** (1.0 / (dimension + 1))
    steps = ratio ** -np.arange(1.0, dimension + 1.0)
    shift = np.random.default_rng(seed).random(dimension)
    points: Floats = (shift + np.arange(1.0, n + 1.0)[:, None] * steps) % 1.0
    return points


def sample_rows(features: Mapping[str, Floats]) -> dict[str, Floats]:
    """Columns on some rows spread over all sizes, each of shape (1, rows)."""
    length = len(next(iter(features.values()))) if features else 0
    rows = np.unique(np.linspace(0, length - 1, min(length, _ROWS)).astype(int)) if length else np.empty(0, int)
    order = np.argsort(sum((np.argsort(np.argsort(v)) for v in features.values()), np.zeros(length)))
    return {name: values[order][rows][None, :] for name, values in features.items()}


def _median(values: Any) -> Floats:
    """Median size of the columns of a grid, one per row; 1 where it is zero or not finite."""
    sizes = np.sort(np.abs(np.atleast_2d(values)), axis=1)  # NaN comes last
    m = sizes.shape[1]
    out = sizes[:, m // 2 : m // 2 + 1]
    if m % 2 == 0:
        out = (sizes[:, m // 2 - 1 : m // 2] + out) / 2.0
    return np.where(np.isfinite(sizes[:, -1:]) & np.isfinite(out) & (out > 0), out, 1.0)


def _spread(values: Any) -> Floats:
    grid = np.atleast_2d(values)
    grid = np.where(np.isfinite(grid), grid, 0.0)
    out = grid.max(axis=1, keepdims=True) - grid.min(axis=1, keepdims=True)
    return np.where(out > 0, out, 1.0)


class _Drawing:
    """Values of subtrees over (draws, sample rows), drawing constants when they are met."""

    def __init__(
        self,
        sample: Mapping[str, Floats],
        level: float,
        quantile: Callable[[], Floats],
        n: int,
        structure: Structure,
    ) -> None:
        self.sample, self.level, self.n, self.structure = sample, level, n, structure
        self.quantile = quantile
        self.drawn: dict[str, Floats] = {}

    def value(self, node: Expr, context: str) -> Any:
        if isinstance(node, Number):
            return np.full((1, 1), node.value)
        if isinstance(node, Feature):
            return self.sample[node.name]
        if isinstance(node, Constant):
            if node.name not in self.drawn:
                self.drawn[node.name] = self.lone(context)
            return self.drawn[node.name]
        if node.op == "mul":
            return self.product(node, context)
        if node.op == "add":
            return self.total(node, context)
        if node.op == "pow":
            return self.power(node, context)
        inner = "argument" if node.op in ("exp", "tanh", "sin", "cos", "atan") else "inside"
        return OPERATORS[node.op].value(*(self.value(arg, inner) for arg in node.args))

    def q(self) -> Floats:
        return self.quantile()[:, None]

    def lone(self, context: str) -> Floats:
        """A constant that nothing else in its neighbourhood gives a size."""
        u = self.q()
        if context == "exponent":
            return self.exponent(u)
        if context == "argument":
            return 4.0 * u - 2.0
        if context == "target":
            return self.level * (0.2 + u)
        return 10.0 ** (3.0 * u - 1.5)

    @staticmethod
    def exponent(u: Floats) -> Floats:
        """Log-uniform from 0.03 to 2; one in eight negative."""
        negative = u > 0.875
        v = np.where(negative, (u - 0.875) / 0.125, u / 0.875)
        size = 0.03 * (2.0 / 0.03) ** v
        return np.where(negative, -size, size)

    def product(self, node: Call, context: str) -> Any:
        fresh, rest = self.split(node)
        value: Any = np.ones((1, 1))
        for arg in rest:
            value = value * self.value(arg, "exponent" if context == "exponent" else "inside")
        for i, (name, inverse) in enumerate(fresh):
            if name not in self.drawn:  # the other factors may have drawn it
                self.drawn[name] = self.scale(value, context, inverse, first=i == 0)
            c = self.drawn[name]
            value = value / c if inverse else value * c
        return value

    def split(self, node: Call) -> tuple[list[tuple[str, bool]], list[Expr]]:
        """Direct factors c and 1/c that are not drawn yet, and the other factors."""
        fresh: list[tuple[str, bool]] = []
        rest: list[Expr] = []
        for arg in node.args:
            base, inverse = arg, False
            if isinstance(arg, Call) and arg.op == "pow" and arg.args[1] == Number(-1.0):
                base, inverse = arg.args[0], True
            if isinstance(base, Constant) and base.name not in self.drawn and base.name not in dict(fresh):
                fresh.append((base.name, inverse))
            else:
                rest.append(arg)
        return fresh, rest

    def scale(self, value: Any, context: str, inverse: bool, first: bool) -> Floats:
        """A factor that brings `value` to the size that the context expects."""
        u = self.q()
        if context == "exponent":
            wanted = self.exponent(u)
            return wanted / np.where(np.ptp(np.atleast_2d(value), axis=1, keepdims=True) > 0, _median(value), 1.0)
        if context == "argument":
            wanted = np.where(u < 0.5, -1.0, 1.0) * 10.0 ** (2.0 * np.abs(2.0 * u - 1.0) - 1.0)
            size = _spread(value) if np.ptp(np.atleast_2d(value)) > 0 else np.ones((1, 1))
            return wanted / size if not inverse else size / wanted
        far = u > 0.7
        decades = np.where(far, (u - 0.7) / 0.3 * 10.0 - 5.0, u / 0.7 * 2.0 - 1.0)
        wanted = (self.level if context == "target" else 1.0) * 10.0**decades
        if not first:
            return 10.0**decades
        return wanted / _median(value) if not inverse else _median(value) / wanted

    def total(self, node: Call, context: str) -> Any:
        lone = [a for a in node.args if isinstance(a, Constant) and a.name not in self.drawn]
        signed = [a for a in node.args if _negated(a) is not None and _negated(a).name not in self.drawn]  # type: ignore[union-attr]
        inner = context if context in ("exponent", "argument", "target") else "inside"
        value: Any = np.zeros((1, 1))
        for arg in node.args:
            if arg not in lone and arg not in signed:
                value = value + self.value(arg, inner)
        for arg in lone + signed:
            constant = arg if isinstance(arg, Constant) else _negated(arg)
            assert constant is not None
            sign = 1.0 if isinstance(arg, Constant) else -1.0
            if constant.name not in self.drawn:
                self.drawn[constant.name] = self.shift(value, context, sign, constant.name)
            value = value + sign * self.drawn[constant.name]
        return value

    def shift(self, value: Any, context: str, sign: float, name: str) -> Floats:
        """A term: a size comparable with its neighbours if positive, else a centre within their range."""
        u = self.q()
        if context == "exponent":
            return self.exponent(u)
        grid = np.atleast_2d(value)
        varies = np.ptp(grid) > 0
        if (self.structure.domain(name).lower >= 0.0 and sign > 0) or (context == "inside" and not varies):
            return _median(value) * 10.0 ** (4.0 * u - 3.0)
        low, high = grid.min(axis=1, keepdims=True), grid.max(axis=1, keepdims=True)
        centre: Floats = low + (1.4 * u - 0.2) * np.where(high > low, high - low, np.abs(high) + 1.0)
        return -sign * centre

    def power(self, node: Call, context: str) -> Any:
        base, exponent = node.args
        if not isinstance(exponent, Number):
            e = self.value(exponent, "exponent")
            b = self.value(base, "inside")
            return np.power(np.abs(b) + 1e-300, e)
        inner = "argument" if context == "argument" else "inside"
        return self.value(base, inner) ** exponent.value


def _negated(node: Expr) -> Constant | None:
    if isinstance(node, Call) and node.op == "mul" and len(node.args) == 2 and node.args[0] == Number(-1.0):
        return node.args[1] if isinstance(node.args[1], Constant) else None
    return None
