"""A candidate: a law structure plus a fitting recipe, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from discover.arrays import Floats
from discover.expressions import skeleton
from discover.fitting import Recipe, Structure

LIBRARY = "library"


class Origin(NamedTuple):
    """Who proposed a law, and by which move; of the library the law's id. As text "grammar:add_term"."""

    proposer: str
    move: str = ""

    @classmethod
    def of(cls, text: str) -> Origin:
        """The origin that a candidate or the journal has as text."""
        proposer, _, move = text.partition(":")
        return cls(proposer, move)

    def __str__(self) -> str:
        return ":".join(self)


NO_LAW = str(Origin(LIBRARY, "group_means"))
"""Origin of the mean of every group, which is the forecast to beat."""


@dataclass(frozen=True)
class Candidate:
    """What a proposer suggests.

    Attributes:
        structure, recipe: what is fitted, and how.
        origin: proposer and move, such as "library:chinchilla" or "grammar:add_term".
        parents: numbers of the steps it was made from.
        inherited: values that constants had in the parents, (groups, targets) each, from which a fit sets out.
        law: the published law that it is, where another proposer than the library came upon it.
    """

    structure: Structure
    recipe: Recipe
    origin: str
    parents: tuple[int, ...] = ()
    inherited: Mapping[str, Floats | float] = field(default_factory=dict, compare=False, repr=False)
    law: str = ""

    @property
    def published(self) -> bool:
        """A law of the library, which need not prove that it survives a change of units."""
        return bool(self.law) or Origin.of(self.origin).proposer == LIBRARY

    def as_law(self, law: Candidate) -> Candidate:
        """This candidate as a published law of the same `law_key`, with what the library knows of its constants."""
        inherited = self.inherited if self.structure.constants == law.structure.constants else {}
        name = Origin.of(law.origin).move
        return replace(self, structure=law.structure, inherited=inherited, law=name)

    def attributed(self) -> Candidate:
        """With the published law as its origin, where it is one."""
        return replace(self, origin=str(Origin(LIBRARY, self.law))) if self.law else self

    def descended(self, parents: tuple[int, ...]) -> Candidate:
        """The candidate with these parents. It keeps the keys that were worked out, which `replace` would forget."""
        child = copy(self)
        object.__setattr__(child, "parents", parents)
        return child

    @cached_property
    def law_key(self) -> str:
        """Equal for structures that express the same functions with the same constants shared."""
        return skeleton(self.structure.expr, self.structure.shared) + _sharing(self.structure)

    @cached_property
    def key(self) -> str:
        """Equal for candidates that would get the same score; used to avoid duplicates."""
        r = self.recipe
        scale = "" if r.loss == "squared" else f" {r.scale:g}"
        return f"{self.law_key} | {r.text}{scale} {r.emphasis:g}"


def _sharing(structure: Structure) -> str:
    """The shared constants by their place among the constants, which survives renaming."""
    shared = [i for i, name in enumerate(structure.constants) if name in structure.shared]
    return f" shared {shared}" if shared else ""
