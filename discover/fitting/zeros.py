"""Exponents of what is zero on some rows: below zero they give no value there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from discover.expressions import Call, Constant, Expr, Number, constants_in, evaluate, features_in, walk
from discover.fitting.layout import Layout
from discover.law.structure import Domain, Structure


def kept_finite(structure: Structure, layout: Layout) -> Structure:
    """The structure with such exponents kept from turning negative: a search would end where a row has no value."""
    if layout.zeros.isdisjoint(structure.features):
        return structure
    domains = dict(structure.domains)
    for name, sign in _exponents_of_zeros(structure.expr, layout):
        usual = domains.get(name, structure.domain(name))
        lower, upper = (max(usual.lower, 0.0), usual.upper) if sign > 0 else (usual.lower, min(usual.upper, 0.0))
        if lower < upper and (lower, upper) != (usual.lower, usual.upper):
            domains[name] = Domain(lower, upper, log=usual.log)
    return replace(structure, domains=domains)


def _exponents_of_zeros(expr: Expr, layout: Layout) -> Iterator[tuple[str, int]]:
    """Constants that are an exponent, with their sign there, of a base that columns alone decide and that is zero."""
    for node in walk(expr):
        if not (isinstance(node, Call) and node.op == "pow"):
            continue
        base, exponent = node.args
        sign = 1
        if isinstance(exponent, Call) and exponent.op == "mul" and exponent.args[0] == Number(-1.0):
            sign, exponent = -1, exponent.args[-1] if len(exponent.args) == 2 else exponent
        if not isinstance(exponent, Constant) or constants_in(base) or layout.zeros.isdisjoint(features_in(base)):
            continue
        with np.errstate(all="ignore"):
            if np.any(np.asarray(evaluate(base, layout.features)) == 0.0):
                yield exponent.name, sign
