"""The library proposer: published laws that fit the table's columns, under each recipe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from discover.expressions import Constant, substitute
from discover.fitting import Structure, has_rows_for
from discover.law.intake import structure_of
from discover.law.matching import laws_for, predicts
from discover.law.published import Law
from discover.proposers.base import Told
from discover.proposers.candidate import NO_LAW, Candidate, Origin
from discover.proposers.grammar import recipes
from discover.proposers.surgery import exponents, well_named
from discover.scoring import Problem

SHAPE = "shape"  # origin of laws of something else than the target


class Library:
    """Proposes the laws of the library that are applicable to the columns, the fullest first, once each.

    A law of something else than the target is, such as a learning rate, is proposed as a shape that nobody published
    for it.

    Attributes:
        laws: every published law as it is first proposed, by `Candidate.law_key`.
    """

    name = "library"

    def __init__(self, problem: Problem, laws: Iterable[Law] | None = None) -> None:
        chosen = laws_for(list(problem.kinds), largest=problem.largest, roles=problem.roles) if laws is None else laws
        self.queue = list(_candidates(problem, chosen))
        self.laws: dict[str, Candidate] = {}
        for candidate in self.queue:
            if candidate.published:
                self.laws.setdefault(candidate.law_key, candidate)

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        out, self.queue = self.queue[:n], self.queue[n:]
        return out

    def tell(self, results: Sequence[Told]) -> None:
        """Nothing to learn: every law is proposed once."""

    def drop(self, candidate: Candidate, reason: str) -> None:
        """Several studies use the same law; one is enough."""

    def close(self) -> None:
        """Nothing to end."""


def short_of_rows(problem: Problem) -> tuple[str, ...]:
    """Identifiers of published laws that fit the columns but have, in every form, more constants than some group rows,
    in the table or in what a fold leaves of it to fit on. Nothing can be said of how they forecast."""
    tables = [problem.table, *(problem.table.take(fold.fit) for fold in problem.folds)]
    fits: dict[str, bool] = {}
    for candidate in Library(problem).queue:
        if candidate.published:
            name = Origin.of(candidate.origin).move
            fits[name] = fits.get(name, False) or all(has_rows_for(candidate.structure, table) for table in tables)
    return tuple(name for name, enough in fits.items() if not enough)


def group_means(problem: Problem) -> Candidate:
    """No law at all: the mean of every group."""
    constant, _ = well_named(Constant("E"), problem.table.features.keys())
    return Candidate(Structure(constant), recipes(problem)[0], NO_LAW)


def _candidates(problem: Problem, laws: Iterable[Law]) -> Iterable[Candidate]:
    """First every law with the plain recipe, then with exponents shared by groups, then the other recipes."""
    heading = problem.table.target_names[0]
    structures = [
        (
            f"{'library' if predicts(law, heading) else SHAPE}:{law.id}",
            _apart(structure_of(law), problem.table.features),
        )
        for law in laws
    ]
    structures = [(i, s) for i, s in structures if problem.constants is None or len(s.constants) <= problem.constants]
    if problem.table.n_groups > 1:
        structures += [(i, replace(s, shared=frozenset(e))) for i, s in structures if (e := exponents(s.expr))]
    for recipe in recipes(problem):
        for origin, structure in structures:
            yield Candidate(structure, recipe, origin)


def _apart(structure: Structure, columns: Collection[str]) -> Structure:
    """The structure with constants that are not named like a column of the table, whether it uses it or not."""
    new: dict[str, str] = {}
    taken = {*columns, *structure.constants}
    for name in structure.constants:
        if name in columns:
            fresh = name + "_"
            while fresh in taken:
                fresh += "_"
            new[name] = fresh
            taken.add(fresh)
    if not new:
        return structure
    return Structure(
        substitute(structure.expr, {old: Constant(fresh) for old, fresh in new.items()}),
        frozenset(new.get(name, name) for name in structure.shared),
        {new.get(name, name): domain for name, domain in structure.domains.items()},
        {new.get(name, name): value for name, value in structure.guess.items()},
    )
