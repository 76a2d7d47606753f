"""Kinds of law in words, and what became of the laws of each kind."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from discover.expressions import Call, Constant, Expr, Feature, Number, features_in, walk
from discover.llm.prompt import Family
from discover.proposers.base import Told
from discover.scoring import Refused

LEAST = 3  # laws of a family that make a failure
MUCH = 1.5  # times the best error, from which a family is one that failed


def family_of(expr: Expr) -> str:
    """Columns and building blocks of a law, such as "params, tokens: power, exponential"."""
    blocks: dict[str, None] = {}
    for node in walk(expr):
        if isinstance(node, Call) and node.op not in ("add", "mul"):
            blocks.setdefault(_block(node))
    columns = ", ".join(sorted(features_in(expr)))
    return f"{columns}: {', '.join(sorted(blocks)) or 'sums and products'}"


def _block(node: Call) -> str:
    if node.op == "log":
        return "logarithm"
    if node.op == "exp":
        return "exponential"
    if node.op != "pow":
        return node.op
    base, exponent = node.args
    if isinstance(exponent, Number):
        return "quotient" if exponent.value < 0 else f"{exponent.value:g}th power"
    if not isinstance(exponent, Constant) and any(isinstance(part, Feature) for part in walk(exponent)):
        return "power with an exponent that varies"
    return "power of a sum" if isinstance(base, Call) and base.op == "add" else "power"


@dataclass
class _Tally:
    tried: int = 0
    best: float = math.inf
    reasons: Counter[str] = field(default_factory=Counter)


class Families:
    """What was tried so far, by family."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def hear(self, told: Told, error: float) -> None:
        """A law was scored."""
        tally = self._tallies.setdefault(family_of(told.candidate.structure.expr), _Tally())
        tally.tried += 1
        tally.best = min(tally.best, error)
        if isinstance(told.score, Refused):
            tally.reasons[told.score.reason] += 1

    def failed(self, most: int) -> tuple[Family, ...]:
        """Families that were tried and stay far behind the best law, those tried most first."""
        best = min((tally.best for tally in self._tallies.values()), default=math.inf)
        behind = [
            (name, tally) for name, tally in self._tallies.items() if tally.tried >= LEAST and tally.best > MUCH * best
        ]
        behind.sort(key=lambda item: (-item[1].tried, item[0]))
        return tuple(_shown(name, tally) for name, tally in behind[:most])


def _shown(name: str, tally: _Tally) -> Family:
    often = tally.reasons.most_common(1)
    reason = often[0][0] if often and 2 * often[0][1] >= tally.tried else ""
    return Family(name, tally.tried, tally.best if math.isfinite(tally.best) else None, reason)
