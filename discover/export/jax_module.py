"""JAX: a module with a pure function of features and constants, for `jit`, `grad` and `vmap`."""

from __future__ import annotations

from discover.export.identifiers import PYTHON
from discover.export.layout import lay_out, template
from discover.export.numpy_module import constant_lines, filled, lines, lookups
from discover.law.document import LawDocument

ROWS = """\
def _rows(group):
    if group is None:
        if len(GROUPS) > 1:
            raise ValueError(f"name a group: one of {GROUPS}")
        return jnp.zeros((), dtype=int)
    if isinstance(group, str):
        if group not in GROUPS:
            raise ValueError(f"unknown group {group!r}; the groups are {GROUPS}")
        return jnp.asarray(GROUPS.index(group))
    return jnp.asarray(group)"""
"""The places of groups by their names or places, as a function of a module."""

_MODULE = template("law_jax.py.tmpl")

_RESERVED = PYTHON | {"table"}


def jax_module(document: LawDocument) -> str:
    """Source of a module with a function `predict`."""
    layout = lay_out(document, "jax", _RESERVED)
    return _MODULE.substitute(
        filled(layout),
        constants=constant_lines(layout),
        features=lines(f"{name} = jnp.asarray({name}, dtype=float)" for name in layout.arguments),
        lookups=lookups(layout, "table"),
        rows=ROWS,
    )
