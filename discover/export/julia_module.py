"""Julia: a module with one function, for numbers and arrays."""

from __future__ import annotations

from collections.abc import Sequence

from discover.export.forecast_code import INF, OWN_NAMES, ends_of, filled, laid_out
from discover.export.identifiers import JULIA, listed, quoted
from discover.export.layout import Layout, exact_literal, lay_out, real_literal, template
from discover.forecasts import Ensemble
from discover.law.document import LawDocument

_MODULE = template("law.jl.tmpl")

_RESERVED = JULIA | {"GROUPS", "TARGETS", "CONSTANTS", "place", "ScalingLaw", "only"}


def julia_module(document: LawDocument) -> str:
    """Source of a module that exports `predict`."""
    layout = lay_out(document, "julia", _RESERVED, power="^", number=number_text)
    return _MODULE.substitute(
        heading=layout.heading("#"),
        groups=listed(document.groups),
        targets=listed(document.targets),
        constants="\n".join(f"    {entry}," for entry in matrices(layout)),
        arguments=", ".join(layout.arguments),
        lookups="\n".join(
            f"    {layout.names[name]} = CONSTANTS[{quoted(name)}][rows, column]" for name in layout.constants
        ),
        text=layout.text,
    )


def number_text(value: float) -> str:
    """Small whole numbers stay whole, as exponents; larger ones would be integers that overflow."""
    return exact_literal(value) if abs(value) < 100 else real_literal(value)


def matrices(layout: Layout) -> list[str]:
    """Entries of a dictionary of matrices, one row per group, one column per target."""
    entries = []
    for name in layout.constants:
        rows = "; ".join(" ".join(real_literal(value) for value in row) for row in layout.values(name))
        shape = f"{len(layout.document.groups)}, {len(layout.document.targets)}"
        entries.append(f"{quoted(name)} => reshape(Float64[{rows}], {shape})")
    return entries


_FORECAST = template("forecast.jl.tmpl")


def julia_forecast(document: LawDocument) -> str:
    """Source of a module that exports `predict`."""
    ensemble = Ensemble.from_document(document)
    own = {
        "GROUPS", "TARGETS", "CONSTANTS", "WEIGHTS", "LOGGED", "HIGHS", "WIDTHS", "place", "point", "ScalingForecast",
        "only", "clamp", "at", "back", "defined",
    }  # fmt: skip
    reserved = JULIA | OWN_NAMES | own

    layouts, arguments = laid_out(
        ensemble, lambda one: lay_out(one, "julia", reserved, power="^", number=number_text), reserved
    )
    constants, functions, calls = [], [], []
    for i, layout in enumerate(layouts):
        constants.append(f"    Dict{{String,Matrix{{Float64}}}}({', '.join(matrices(layout))}),")
        found = [f"    {layout.names[name]} = CONSTANTS[{i + 1}][{quoted(name)}][rows, column]"
                 for name in layout.constants]  # fmt: skip
        head = ", ".join([*layout.arguments, "rows", "column"])
        functions.append(f"function law_{i + 1}({head})\n" + "\n".join([*found, f"    return {layout.text}"]) + "\nend")
        given = [arguments[ensemble.inputs.index(one)] for one in layout.inputs]
        calls.append(f"defined({', '.join([f'law_{i + 1}', *given, 'rows', 'column'])})")
    logged, highs, widths = ends_of(ensemble)
    return _FORECAST.substitute(
        filled(ensemble, "#", "Inf", ("false", "true")), groups=listed(document.groups),
        logged=", ".join("true" if one else "false" for one in logged), highs=_table(highs), widths=_table(widths),
        targets=listed(document.targets), constants="\n".join(constants),
        functions="\n\n".join(functions), arguments=", ".join(arguments), calls=", ".join(calls),
    )  # fmt: skip


def _table(numbers: Sequence[Sequence[float]]) -> str:
    rows = "; ".join(" ".join(real_literal(n) if n < INF else "Inf" for n in row) for row in numbers)
    return f"reshape(Float64[{rows}], {len(numbers)}, {len(numbers[0])})"
