"""JAX: a module with a pure function of features and constants, for `jit`, `grad` and `vmap`."""

from __future__ import annotations

from string import Template

from discover.export.identifiers import PYTHON
from discover.export.layout import lay_out
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

_MODULE = Template('''\
$heading
#
# Values are as exact as JAX's floating point type: 32 bit unless jax_enable_x64 is set.

import jax.numpy as jnp
import numpy as np

GROUPS = $groups
TARGETS = $targets

# Constant -> value, [group][target]; kept in 64 bit until it is used.
CONSTANTS = {
$constants
}


def predict($arguments, *, group=None, constants=None):
    """Predicted values.

    Features are numbers or arrays that broadcast together. `group` is one of GROUPS, or an integer array
    of places in GROUPS; it may be left out if there is a single group. `constants` replaces CONSTANTS, for
    derivatives with respect to them. With several TARGETS the values have one more axis at the end.
    """
    table = {name: jnp.asarray(entry, dtype=float) for name, entry in (constants or CONSTANTS).items()}
$features
    rows = _rows(group)
    shape = jnp.broadcast_shapes($shapes, rows.shape)
    values = []
    for column in range(len(TARGETS)):
$lookups
        value = $text
        values.append(jnp.broadcast_to(value, shape))
    return jnp.stack(values, axis=-1) if len(TARGETS) > 1 else values[0]


$rows
''')

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
