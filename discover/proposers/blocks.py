"""The building blocks of scaling laws: terms, effective sizes, bowls, bumps, links.

A block makes a tree with fresh constants of columns; most are told by their formula. The forms are those that published
laws are made of: powers and shifted powers (Hestness et al. 2017, arXiv 1712.00409), saturating and
broken powers (Caballero et al. 2022, arXiv 2210.14891), effective data under repetition (Muennighoff et al.
2023, arXiv 2305.16264), outer powers (Kaplan et al. 2020, arXiv 2001.08361), bilinear logarithms (Clark et al.
2022, arXiv 2202.01169), bowls around an optimum that is itself a power law (Li et al. 2025, arXiv 2503.04715).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from discover.expressions import (
    Expr,
    Feature,
    Number,
    add,
    call,
    constant_names,
    div,
    mul,
    neg,
    parse,
    power,
    sub,
    substitute,
)
from discover.expressions.tree import ONE
from discover.proposers.surgery import Names
from discover.scoring import Problem

TWO = Number(2.0)
Term = Callable[["Maker", Expr], Expr]
T = TypeVar("T")


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of them at random."""
    return options[int(rng.integers(len(options)))]


@dataclass
class Maker:
    """Makes blocks for a problem with one source of names and one of chance."""

    problem: Problem
    rng: np.random.Generator
    names: Names

    def c(self) -> Expr:
        """A fresh constant."""
        return self.names.fresh()

    def pick(self, options: Sequence[T]) -> T:
        return pick(options, self.rng)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def weighted(self, table: Sequence[tuple[float, Term]]) -> Term:
        weights = np.array([w for w, _ in table])
        return table[int(self.rng.choice(len(table), p=weights / weights.sum()))][1]

    # -- columns ----------------------------------------------------------------------------------------

    @property
    def scales(self) -> tuple[str, ...]:
        return self.problem.of_kind("scale")

    def log(self, column: str) -> Expr:
        """The logarithm of a scale, or a column that is one already."""
        x = Feature(column)
        return call("log", x) if self.problem.kinds[column] == "scale" else x

    def others(self, column: str) -> list[str]:
        return [name for name, kind in self.problem.kinds.items() if name != column and kind in ("scale", "logged")]

    # -- terms ------------------------------------------------------------------------------------------

    def term(self, column: str) -> Expr:
        """A random term in one column, with its own coefficient."""
        x: Expr = Feature(column)
        kind = self.problem.kinds[column]
        if kind == "scale":
            declared = column in self.problem.axes or column in self.problem.monotone
            table = _SCALE_TERMS if declared else _SCALE_TERMS + _BOWL_TERMS
            if self.chance(0.15) and self.others(column):
                x = self.effective(column)
            return self.weighted(table)(self, x)
        if kind == "logged":
            return self.weighted(_LOGGED_TERMS)(self, x)
        if kind == "share":
            return self.weighted(_SHARE_TERMS)(self, x)
        return self.weighted(_OTHER_TERMS)(self, x)

    def bare_power(self, column: str) -> Expr:
        """A power without a coefficient, for products."""
        if self.problem.kinds[column] == "scale":
            return power(Feature(column), neg(self.c()))
        return call("exp", mul(self.c(), Feature(column)))

    def effective(self, column: str) -> Expr:
        """An effective size in place of a scale column."""
        x = Feature(column)
        smaller = [name for name in self.scales if (name, column) in self.problem.parts]
        options: list[Callable[[], Expr]] = [lambda: add(x, self.c())]
        if len(self.scales) > 1:
            z = Feature(self.pick([name for name in self.scales if name != column]))
            options += [
                lambda: mul(x, power(z, self.c())),
                lambda: mul(x, add(ONE, mul(self.c(), call("log", z)))),
            ]
        if smaller:
            u = Feature(self.pick(smaller))
            options += 2 * [lambda: repeat_exp(self, x, u), lambda: repeat_harmonic(self, x, u)]
        return self.pick(options)()

    def centre(self, column: str) -> Expr:
        """Where a bowl in one column lies: a constant, moved by the logarithms of other columns."""
        out = self.c()
        others = self.others(column)
        growing = any(name in self.problem.axes for name in others)
        for name in others:  # the best learning rate depends on the scale, and may on the batch size
            if self.chance(0.3 if growing and name not in self.problem.axes else 0.6):
                out = add(out, mul(self.c(), self.log(name)))
        return out


# -- effective data under repetition --------------------------------------------------------------------


def repeat_exp(m: Maker, x: Expr, u: Expr) -> Expr:
    """Data seen x of unique data u, whose repeats lose value exponentially (arXiv 2305.16264, eq. 5)."""
    r = m.c()
    return mul(u, add(ONE, mul(r, sub(ONE, call("exp", div(sub(ONE, div(x, u)), r))))))


def repeat_harmonic(m: Maker, x: Expr, u: Expr) -> Expr:
    """Data seen x of unique data u, saturating as 1/(1/x + 1/(r u))."""
    return div(x, add(ONE, div(x, mul(m.c(), u))))


# -- terms in one column --------------------------------------------------------------------------------


def _term_of(formula: str) -> Term:
    """The term of a formula in which x is the column, `centre` where a bowl lies, and all else a fresh constant."""
    tree = parse(formula, ("x",))
    constants = [name for name in dict.fromkeys(re.findall(r"[A-Za-z]\w*", formula)) if name in constant_names(tree)]

    def made(m: Maker, x: Expr) -> Expr:
        found = {name: _centre(m, x) if name == "centre" else m.c() for name in constants}
        return substitute(tree, {**found, "x": x})

    made.__name__ = formula
    return made


def _centre(m: Maker, x: Expr) -> Expr:
    return m.centre(x.name) if isinstance(x, Feature) else m.c()


def _fixed_power(m: Maker, x: Expr) -> Expr:
    exponent = m.pick((-1.0, -0.5, -1.0 / 3.0, -0.25))
    return mul(m.c(), power(x, Number(exponent)))


def skewed_bowl(m: Maker, x: Expr) -> Expr:
    """A bowl with one steep side: exp(k u) - k u in the logarithm u, lowest at u = 0 whatever k is."""
    u = mul(m.c(), sub(call("log", x), _centre(m, x)))
    return mul(m.c(), sub(call("exp", u), u))


def _log_cosh_bowl(m: Maker, x: Expr) -> Expr:
    """A bowl with straight sides: sqrt(1 + u**2) in the logarithm."""
    u = sub(call("log", x), _centre(m, x))
    return mul(m.c(), power(add(power(u, TWO), m.c()), Number(0.5)))


def _terms(*rows: tuple[float, str | Term]) -> list[tuple[float, Term]]:
    return [(weight, _term_of(term) if isinstance(term, str) else term) for weight, term in rows]


# Of a scale: falling, levelling, rising.
_SCALE_TERMS = _terms(
    (6.0, "A*x**(-a)"), (1.5, "A*(x + B)**(-a)"), (1.5, "A/(1 + (x/B)**a)"), (1.5, "A*log(x)"),
    (0.7, "A*exp(-(x/B)**a)"), (0.7, _fixed_power), (0.6, "A*x**(-a)*(1 + x/B)**(-b)"), (0.5, "A*log(x)**2"),
)  # fmt: skip
_BOWL_TERMS = _terms(
    (6.0, "A*(log(x) - centre)**2"), (2.0, skewed_bowl), (1.5, "A*(log(x) + B/x)"), (1.5, _log_cosh_bowl)
)
# Of a column that is a logarithm already.
_LOGGED_TERMS = _terms(
    (2.0, "A*x"), (1.5, "A*exp(a*x)"), (2.0, "A/(1 + exp(a*(x - b)))"), (2.0, "A*exp(-(a*(x - b))**2)"),
    (1.5, "A/(1 + (a*(x - b))**2)"), (1.5, "A*(x - b)**2"), (0.7, "A*tanh(a*(x - b))"),
)  # fmt: skip
# Of a share of a mixture.
_SHARE_TERMS = _terms(
    (3.0, "A*x"), (1.5, "A*exp(a*x)"), (1.5, "A*x**a"), (1.5, "A*log(x + b)"), (1.5, "A/(x + b)"), (1.0, "A*(x - b)**2")
)
_OTHER_TERMS = _terms(
    (3.0, "A*x"),
    (1.0, "A*exp(a*x)"),
    (1.0, "A*(x - b)**2"),
    (1.0, "A/(1 + exp(a*(x - b)))"),
    (0.5, "A*tanh(a*(x - b))"),
)
