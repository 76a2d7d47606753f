"""PyTorch: an `nn.Module` whose parameters are the constants."""

from __future__ import annotations

from discover.export.identifiers import PYTHON
from discover.export.layout import Layout, lay_out, template
from discover.export.numpy_module import filled, lines
from discover.expressions import Call, Constant, Expr, Number, call
from discover.law.document import LawDocument

_MODULE = template("law_torch.py.tmpl")


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
