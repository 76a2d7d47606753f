"""The archive: one elite per cell of (constants used, shape of the law), so that search keeps its diversity.

Beside it the leaders, from among which the law is chosen at the end."""

from __future__ import annotations

import math
from enum import IntEnum

from discover.expressions import Call, Expr, Feature, Number, walk
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate

OF_A_KIND = 3  # leaders of one shape


class AddStatus(IntEnum):
    """What the archive did with a candidate; false only when refused."""

    REFUSED = 0
    IMPROVED = 1
    NEW = 2


Cell = tuple[int, str]


def cell_of(candidate: Candidate) -> Cell:
    """Number of constants, and the shape class of the formula."""
    return len(candidate.structure.constants), shape_class(candidate.structure.expr)


def shape_class(expr: Expr) -> str:
    """Columns used, and which kinds of building block: outer powers, exponentials, logarithms, quotients."""
    traits: set[str] = set()
    columns: set[str] = set()
    for node in walk(expr):
        if isinstance(node, Feature):
            columns.add(node.name)
        elif isinstance(node, Call) and node.op not in ("add", "mul"):
            traits.add(_trait(node))
    return "+".join(sorted(columns)) + "|" + ",".join(sorted(traits))


def _trait(node: Call) -> str:
    if node.op != "pow":
        return node.op
    base, exponent = node.args
    inner = "sum" if isinstance(base, Call) and base.op == "add" else "col"
    return f"{inner}^{exponent.value:g}" if isinstance(exponent, Number) else f"{inner}^c"


class Archive:
    """Elites by cell. `add` answers with a status; the best of all is `elites()[0]`."""

    def __init__(self, breeding: int = 48) -> None:
        self.breeding = breeding
        self.cells: dict[Cell, Told] = {}
        self._sorted: list[Told] | None = None

    def __len__(self) -> int:
        return len(self.cells)

    def add(self, told: Told) -> AddStatus:
        if not math.isfinite(told.penalty):
            return AddStatus.REFUSED
        cell = cell_of(told.candidate)
        old = self.cells.get(cell)
        if old is not None and told.penalty >= old.penalty:
            return AddStatus.REFUSED
        self.cells[cell] = told
        self._sorted = None
        return AddStatus.NEW if old is None else AddStatus.IMPROVED

    def elites(self) -> list[Told]:
        """Elites from best to worst penalty."""
        if self._sorted is None:
            self._sorted = sorted(self.cells.values(), key=_rank)
        return self._sorted

    def parents(self) -> list[Told]:
        """The elites that breed: the best of all cells."""
        return self.elites()[: self.breeding]

    def front(self) -> list[Told]:
        """The Pareto front of penalty against complexity, simplest first."""
        front: list[Told] = []
        for told in sorted(self.elites(), key=lambda t: (t.score.complexity, t.penalty, t.index)):
            if not front or told.penalty < front[-1].penalty:
                front.append(told)
        return front


class Leaders:
    """The best laws of a search, few of each kind: variants of the best one would take all the places."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Told]] = {}  # shape class -> `Candidate.key` -> the best of these

    def add(self, told: Told) -> None:
        if not math.isfinite(told.penalty):
            return
        kind = self.kinds.setdefault(shape_class(told.candidate.structure.expr), {})
        old = kind.get(told.candidate.key)
        if old is None or told.penalty < old.penalty:
            kind[told.candidate.key] = told
        if len(kind) > OF_A_KIND:
            del kind[max(kind, key=lambda key: _rank(kind[key]))]

    def first(self, most: int) -> list[Told]:
        """The best of all kinds, best first."""
        return sorted((told for kind in self.kinds.values() for told in kind.values()), key=_rank)[:most]


def _rank(told: Told) -> tuple[float, int]:
    return told.penalty, told.index
