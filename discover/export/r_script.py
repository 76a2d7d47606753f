"""R: a script with one function, vectorised over rows."""

from __future__ import annotations

from collections.abc import Sequence

from discover.export.forecast_code import INF, OWN_NAMES, ends_of, filled, laid_out
from discover.export.identifiers import R, listed, quoted
from discover.export.layout import Layout, lay_out, real_literal, template
from discover.forecasts import Ensemble
from discover.law.document import LawDocument

_SCRIPT = template("law.R.tmpl")

_RESERVED = R | {"column", "columns", "law_groups", "law_targets", "law_constants", "predict_law", "values"}


def r_script(document: LawDocument) -> str:
    """Source of a script that defines `predict_law`."""
    layout = lay_out(document, "r", _RESERVED, power="^", number=real_literal)
    return _SCRIPT.substitute(
        heading=layout.heading("#"),
        groups=listed(document.groups, "r"),
        targets=listed(document.targets, "r"),
        constants=",\n".join(f"  {entry}" for entry in matrices(layout)),
        arguments=", ".join(layout.arguments),
        lookups="\n".join(
            f"    {layout.names[name]} <- law_constants[[{quoted(name)}]][rows, column]" for name in layout.constants
        ),
        text=layout.text,
    )


def matrices(layout: Layout) -> list[str]:
    """Entries of a list of matrices, one row per group, one column per target."""
    shape = f"nrow = {len(layout.document.groups)}, ncol = {len(layout.document.targets)}"
    entries = []
    for name in layout.constants:
        # R fills matrices column by column, that is target by target.
        by_target = [value for column in zip(*layout.values(name), strict=True) for value in column]
        entries.append(f"{quoted(name)} = matrix(c({', '.join(map(real_literal, by_target))}), {shape})")
    return entries


_FORECAST = template("forecast.R.tmpl")


def r_forecast(document: LawDocument) -> str:
    """Source of a script that defines `predict_law`."""
    ensemble = Ensemble.from_document(document)
    own = {
        "column", "law_groups", "law_targets", "law_constants", "law_weights", "law_logged", "law_highs", "law_widths",
        "predict_law", "values", "points", "ends",
    }  # fmt: skip
    reserved = R | OWN_NAMES | own
    layouts, arguments = laid_out(
        ensemble, lambda one: lay_out(one, "r", reserved, power="^", number=real_literal), reserved
    )
    constants, functions, calls = [], [], []
    for i, layout in enumerate(layouts):
        constants.append(f"  list({', '.join(matrices(layout))})")
        found = [f"  {layout.names[name]} <- law_constants[[{i + 1}]][[{quoted(name)}]][cbind(rows, column)]"
                 for name in layout.constants]  # fmt: skip
        head = ", ".join([*layout.arguments, "rows", "column"])
        functions.append(f"law_{i + 1} <- function({head}) {{\n" + "\n".join([*found, f"  {layout.text}"]) + "\n}\n")
        given = [f"points[[{ensemble.inputs.index(one) + 1}]]" for one in layout.inputs]
        calls.append(f"  law_{i + 1}({', '.join([*given, 'points$rows', 'column'])})")
    logged, highs, widths = ends_of(ensemble)
    return _FORECAST.substitute(
        filled(ensemble, "#", "Inf", ("FALSE", "TRUE")),
        logged=", ".join("TRUE" if one else "FALSE" for one in logged), highs=_table(highs), widths=_table(widths),
        groups=listed(document.groups, "r"),
        targets=listed(document.targets, "r"), constants=",\n".join(constants),
        arguments=", ".join(arguments), points=", ".join(arguments), calls=",\n".join(calls),
        functions="\n".join(functions),
    )  # fmt: skip


def _table(numbers: Sequence[Sequence[float]]) -> str:
    flat = ", ".join(real_literal(n) if n < INF else "Inf" for row in numbers for n in row)
    return f"matrix(c({flat}), {len(numbers)}, byrow = TRUE)"
