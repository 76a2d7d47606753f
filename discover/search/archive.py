"""The archive: one elite per cell of (constants used, shape of the law), so that search keeps its diversity.

Beside it the leaders, from among which the law is chosen at the end."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from discover.expressions import Call, Expr, Feature, Number, walk
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate

OF_A_KIND = 3  # leaders of one shape
BREEDING = 48  # elites, of all cells


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

    def __init__(self) -> None:
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
            self._sorted = sorted(self.cells.values(), key=rank)
        return self._sorted

    def parents(self) -> list[Told]:
        """The elites that breed: the best of all cells."""
        return self.elites()[:BREEDING]


class Ranked(Protocol):
    """A law, or what stands for it."""

    @property
    def penalty(self) -> float: ...

    @property
    def index(self) -> int: ...


One = TypeVar("One", bound=Ranked)


class Leaders(Generic[One]):
    """The best laws of a search, few of each kind: variants of the best one would take all the places."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[object, One]] = {}  # shape class -> key of the candidate -> the best of these

    def add(self, law: One, kind: str, key: object) -> None:
        if not math.isfinite(law.penalty):
            return
        held = self.kinds.setdefault(kind, {})
        if key not in held or law.penalty < held[key].penalty:
            held[key] = law
        if len(held) > OF_A_KIND:
            del held[max(held, key=lambda key: rank(held[key]))]

    def keep(self, most: int) -> float:
        """Lets go of all but the best so many, of which are the best so many of several islands together.

        Returns:
            The penalty above which no other law will be one of them.
        """
        best = self.all
        if len(best) < most:
            return math.inf
        last = rank(best[most - 1])
        for kind, held in list(self.kinds.items()):
            self.kinds[kind] = {key: law for key, law in held.items() if rank(law) <= last}
        return last[0]

    @property
    def all(self) -> list[One]:
        """Of all kinds, best first."""
        return sorted((law for held in self.kinds.values() for law in held.values()), key=rank)


def rank(law: Ranked) -> tuple[float, int]:
    """By which laws are sorted: the better, and of two alike the earlier, comes first."""
    return law.penalty, law.index
