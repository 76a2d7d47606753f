"""JavaScript: an ES module without dependencies, for Node, Deno and browsers."""

from __future__ import annotations

from collections.abc import Sequence

from discover.export.forecast_code import ends_of, filled, laid_out
from discover.export.identifiers import JAVASCRIPT, listed
from discover.export.layout import Layout, exact_literal, lay_out, template
from discover.expressions import walk
from discover.expressions.tree import Call
from discover.forecasts import Ensemble
from discover.law.document import LawDocument

STEP = "const step = x => (x > 0 ? 1 : x < 0 ? 0 : x === 0 ? 0.5 : NaN);\n"


_MODULE = template("law.mjs.tmpl")


def javascript_module(document: LawDocument) -> str:
    """Source of a module with a function `predict`."""
    layout = javascript_layout(document)
    return _MODULE.substitute(
        heading=layout.heading("//"),
        groups=strings(document.groups),
        targets=strings(document.targets),
        features=strings(layout.inputs),
        order=", ".join(layout.constants) or "no constants",
        constants=",\n".join(f"  {sets}" for sets in constant_sets(layout)),
        step=f"{STEP}\n" if needs_step(layout) else "",
        arguments=", ".join(layout.arguments),
        names=", ".join(layout.names[name] for name in layout.constants),
        text=layout.text,
    )


def javascript_layout(document: LawDocument) -> Layout:
    """The law in JavaScript."""
    return lay_out(document, "javascript", JAVASCRIPT, power="Math.pow(")


def needs_step(layout: Layout) -> bool:
    """Whether the formula has the step function, which JavaScript lacks."""
    return any(isinstance(node, Call) and node.op == "step" for node in walk(layout.document.expr))


def strings(names: Sequence[str]) -> str:
    """A list of strings."""
    return f"[{listed(names, 'javascript')}]"


def constant_sets(layout: Layout) -> list[str]:
    """The constants of every group, those of a target in a list of their own."""
    return [f"[{sets}]" for sets in layout.sets(exact_literal, "[", "]")]


_FORECAST = template("forecast.mjs.tmpl")


def javascript_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict`."""
    ensemble = Ensemble.from_document(document)
    layouts, _ = laid_out(ensemble, javascript_layout, JAVASCRIPT)
    logged, highs, widths = ends_of(ensemble)
    return _FORECAST.substitute(
        filled(ensemble, "//", "Infinity", ("false", "true")),
        groups=strings(document.groups), targets=strings(document.targets), features=strings(ensemble.inputs),
        step=f"{STEP}\n" if any(map(needs_step, layouts)) else "", laws=",\n".join(map(_law, layouts)),
        logged=", ".join("true" if one else "false" for one in logged), highs=_rows(highs), widths=_rows(widths),
    )  # fmt: skip


def _rows(numbers: Sequence[Sequence[float]]) -> str:
    return ", ".join("[" + ", ".join(repr(n).replace("inf", "Infinity") for n in row) + "]" for row in numbers)


def _law(layout: Layout) -> str:
    names = ", ".join(layout.names[name] for name in layout.constants)
    constants = ", ".join(constant_sets(layout))
    return (f"  {{ inputs: {strings(layout.inputs)},\n    constants: [{constants}],\n"
            f"    value: ([{', '.join(layout.arguments)}], [{names}]) => {layout.text} }}")  # fmt: skip
