"""Human-derived scaling laws as data."""

from discover.laws.library import (
    ConstantSpec,
    Law,
    Published,
    RecipeHint,
    Variable,
    check_law,
    get_law,
    laws_for,
    load_laws,
    load_library,
    names_law,
)

__all__ = [
    "ConstantSpec", "Law", "Published", "RecipeHint", "Variable",
    "check_law", "get_law", "laws_for", "load_laws", "load_library", "names_law",
]  # fmt: skip
