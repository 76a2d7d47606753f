"""A law: its structure, its document in law.json, and the library of laws that people derived."""

from discover.law.library import check_law, get_law, load_laws, load_library, names_law
from discover.law.matching import laws_for
from discover.law.published import ConstantSpec, Law, Published, RecipeHint, Variable

__all__ = [
    "ConstantSpec", "Law", "Published", "RecipeHint", "Variable",
    "check_law", "get_law", "laws_for", "load_laws", "load_library", "names_law",
]  # fmt: skip
