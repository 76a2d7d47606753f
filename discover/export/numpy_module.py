"""Python: a module that needs NumPy alone."""

from __future__ import annotations

from discover.export.identifiers import PYTHON, listed
from discover.export.layout import Layout, lay_out, template
from discover.law.document import LawDocument

ROWS = """\
def _rows(group):
    if group is None:
        if len(GROUPS) > 1:
            raise ValueError(f"name a group: one of {GROUPS}")
        return np.zeros((), dtype=np.int64)
    names = np.asarray(group, dtype=object)
    unknown = {str(name) for name in names.ravel()} - set(GROUPS)
    if unknown:
        raise ValueError(f"unknown group {sorted(unknown)[0]!r}; the groups are {GROUPS}")
    return np.reshape([GROUPS.index(str(name)) for name in names.ravel()], names.shape).astype(np.int64)"""
"""The places of groups by their names, as a function of a module that exports several."""

_MODULE = template("law.py.tmpl")


def numpy_module(document: LawDocument) -> str:
    """Source of a module with a function `predict`."""
    layout = lay_out(document, "python", PYTHON)
    return _MODULE.substitute(
        filled(layout),
        constants=constant_lines(layout),
        features=lines(f"{name} = np.asarray({name}, dtype=np.float64)" for name in layout.arguments),
        lookups=lookups(layout),
        rows=ROWS,
    )


def filled(layout: Layout) -> dict[str, str]:
    """What the templates of all modules for Python need."""
    return {
        "heading": layout.heading("#"), "groups": tuple_text(layout.document.groups),
        "targets": tuple_text(layout.document.targets), "arguments": ", ".join(layout.arguments),
        "shapes": ", ".join(f"{name}.shape" for name in layout.arguments), "text": layout.text,
    }  # fmt: skip


def tuple_text(names: tuple[str, ...]) -> str:
    """A Python tuple of strings."""
    inside = listed(names, "python")
    return f"({inside},)" if len(names) == 1 else f"({inside})"


def lines(found: object, indent: int = 4) -> str:
    """Statements one below the other; an empty block is a comment."""
    texts = list(found)  # type: ignore[call-overload]
    return "\n".join(" " * indent + text for text in texts) or " " * indent + "# nothing to look up"


def constant_lines(layout: Layout) -> str:
    """Entries of a dict of arrays, [group][target]."""
    return "\n".join(f"    {name!r}: np.array({layout.values(name)})," for name in layout.constants)


def lookups(layout: Layout, table: str = "CONSTANTS") -> str:
    """Statements that bring the constants of the rows' groups into local names."""
    return lines((f"{layout.names[name]} = {table}[{name!r}][rows, column]" for name in layout.constants), 8)
