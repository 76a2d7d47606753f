"""From what somebody gives as a law, the text of a formula or a law of the library, to a structure to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from discover.data.names import to_identifier
from discover.errors import FormulaError
from discover.expressions import Expr, Feature, constant_names, read_formula, substitute
from discover.law.library import get_law, names_law
from discover.law.published import Law
from discover.law.structure import Domain, Recipe, Structure


class NameTakenError(FormulaError):
    """A constant of a formula is named like a column that the formula calls otherwise."""


def named_law(text: str) -> Law | None:
    """The law of the library that a text names; None for a formula.

    Raises:
        InputError: an id that the library does not have.
    """
    return get_law(text) if names_law(text) else None


def intake(law: str | Law, columns: Mapping[str, str]) -> tuple[Structure, Recipe]:
    """The structure of a law over the columns of a table, and the recipe that is usual for it.

    Args:
        law: a formula in any notation that `read_formula` takes, or a law of the library.
        columns: name in the law -> column. Other names of a formula are constants; other variables of a law of the
            library keep their names.

    Raises:
        FormulaError: the text is not a formula; or, as a `NameTakenError`, a constant is named like a column.
    """
    renamed = {name: column for name, column in columns.items() if name != column}
    if isinstance(law, Law):
        plain = {name: to_identifier(column) for name, column in renamed.items()}  # the formula is read again
        bound = law.bind(plain) if plain else law
        structure = structure_of(bound)
        headings = {plain[name]: Feature(column) for name, column in renamed.items() if plain[name] != column}
        return replace(structure, expr=substitute(structure.expr, headings)), recipe_of(bound)
    tree = read_formula(law, columns)
    taken = [name for name in constant_names(tree) if name in columns.values()]
    if taken:
        raise NameTakenError(f"the name {taken[0]!r} is a column of the table; rename the constant")
    places: dict[str, Expr] = {name: Feature(column) for name, column in renamed.items()}
    return Structure(substitute(tree, places) if places else tree), Recipe()


def structure_of(law: Law) -> Structure:
    """A law of the library as a structure to fit, over its own variables."""
    domains = {
        name: Domain(*spec.bounds, log=spec.domain == "positive" and spec.bounds[0] >= 0)
        for name, spec in law.constants.items()
    }
    return Structure(law.expr, frozenset(law.shared), domains, dict(law.guess))


def recipe_of(law: Law) -> Recipe:
    """The recipe that the study used, as the law's entry hints."""
    hint = law.recipe
    return Recipe(hint.loss, hint.space, hint.scale or 1e-3)
