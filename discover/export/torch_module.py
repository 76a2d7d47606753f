"""PyTorch: an `nn.Module` whose parameters are the constants."""

from __future__ import annotations

from string import Template

from discover.export.identifiers import PYTHON
from discover.export.layout import Layout, lay_out
from discover.export.numpy_module import filled, lines
from discover.expressions import Call, Constant, Expr, Number, call
from discover.law.document import LawDocument

_MODULE = Template('''\
$heading

import torch
from torch import nn

GROUPS = $groups
TARGETS = $targets

# Constant -> value, [group][target].
CONSTANTS = {
$constants
}


class Law(nn.Module):
    """The law; its constants are parameters of shape (groups, targets), shared ones (1, targets).

    Args:
        dtype: type of the constants.
    """

    def __init__(self, dtype=torch.float64):
        super().__init__()
        for name, entry in CONSTANTS.items():
            self.register_parameter("const_" + name, nn.Parameter(torch.tensor(entry, dtype=dtype)))

    def forward(self, $arguments, group=None):
        """Predicted values.

        Features are tensors that broadcast together. `group` is one of GROUPS, or an integer tensor of places
        in GROUPS; it may be left out if there is a single group. With several TARGETS the values have one
        more axis at the end, in their order.
        """
        rows = _rows(group, $first.device)
        shape = torch.broadcast_shapes($shapes, rows.shape)
        values = []
        for column in range(len(TARGETS)):
$lookups
            value = $text
            values.append(value.expand(shape))
        return torch.stack(values, dim=-1) if len(TARGETS) > 1 else values[0]


def _rows(group, device):
    if group is None:
        if len(GROUPS) > 1:
            raise ValueError(f"name a group: one of {GROUPS}")
        group = 0
    if isinstance(group, str):
        if group not in GROUPS:
            raise ValueError(f"unknown group {group!r}; the groups are {GROUPS}")
        group = GROUPS.index(group)
    return torch.as_tensor(group, device=device)
''')


def torch_module(document: LawDocument) -> str:
    """Source of a module with a class `Law`."""
    expr, literals = lift_literals(document.expr, "literal")
    layout = lay_out(document, "torch", PYTHON | set(literals), expr=expr)
    found = []
    for name in layout.constants:
        rows = "0" if name in document.shared else "rows"
        found.append(f"{layout.names[name]} = self.const_{name}[{rows}, column]")
    first = layout.arguments[0]
    found += [f"{name} = {first}.new_tensor({value!r})" for name, value in literals.items()]
    return _MODULE.substitute(
        filled(layout),
        constants="\n".join(_entry(layout, name) for name in layout.constants),
        first=first,
        lookups=lines(found, 12),
    )


def _entry(layout: Layout, name: str) -> str:
    """The values of a constant; a shared one has one row instead of one per group, so that training keeps it equal."""
    rows = layout.values(name)
    return f"    {name!r}: {rows[:1] if name in layout.document.shared else rows},"


def lift_literals(expr: Expr, prefix: str) -> tuple[Expr, dict[str, float]]:
    """The tree with literal arguments of functions as names, and their values.

    PyTorch's functions take tensors, not numbers; infix operators take both.
    """
    literals: dict[str, float] = {}

    def lifted(node: Expr) -> Expr:
        if not isinstance(node, Call):
            return node
        args = [lifted(arg) for arg in node.args]
        if node.op not in ("add", "mul", "pow"):
            args = [_named(arg) for arg in args]
        return call(node.op, *args)

    def _named(arg: Expr) -> Expr:
        if not isinstance(arg, Number):
            return arg
        name = f"{prefix}_{len(literals) + 1}"
        literals[name] = arg.value
        return Constant(name)

    return lifted(expr), literals
