"""C99: a header with the constants and a function, of a law or a forecast; needs the mathematical library (-lm)."""

from __future__ import annotations

from collections.abc import Sequence

from discover.data.names import to_identifier
from discover.export.forecast_code import INF, ends_of, filled, laid_out
from discover.export.identifiers import C, quoted
from discover.export.layout import Layout, lay_out, real_literal, template
from discover.forecasts import Ensemble
from discover.law.document import LawDocument

_HEADER = template("law.h.tmpl")


def c_header(document: LawDocument) -> str:
    """Source of a header; its names begin with the task's name."""
    prefix = to_identifier(document.task or "law").lower().strip("_") or "law"
    # Names of the standard library may be macros or functions that the body calls.
    layout = lay_out(document, "c", C | {prefix, f"{prefix}_constants"}, power="pow(", number=real_literal)
    return _HEADER.substitute(
        heading=layout.heading("//"),
        guard=prefix.upper(),
        prefix=prefix,
        n_groups=len(document.groups),
        n_targets=len(document.targets),
        groups=string_lines(document.groups),
        targets=string_lines(document.targets),
        table=_table(layout, prefix),
        arguments=", ".join(f"double {name}" for name in layout.arguments),
        lookups="\n".join(
            f"    const double {layout.names[name]} = {prefix}_constants[group][target][{i}];"
            for i, name in enumerate(layout.constants)
        ),
        text=layout.text,
    )


def string_lines(names: tuple[str, ...]) -> str:
    """Strings, one a line."""
    return ",\n".join(f"    {quoted(name, 'c')}" for name in names)


def _table(layout: Layout, prefix: str) -> str:
    """The constants, [group][target][constant]; nothing for a formula without constants."""
    names = layout.constants
    if not names:
        return ""
    guard = prefix.upper()
    size = f"[{guard}_N_GROUPS][{guard}_N_TARGETS][{len(names)}]"
    body = ",\n".join(f"    {{{sets}}}" for sets in layout.sets(real_literal, "{", "}"))
    return f"\n// {', '.join(names)}\nstatic const double {prefix}_constants{size} = {{\n{body}\n}};\n"


_FORECAST = template("forecast.h.tmpl")


def c_forecast(document: LawDocument) -> str:
    """Source of a header with a function PREFIX_forecast; its names begin with the task's name."""
    ensemble = Ensemble.from_document(document)
    prefix = to_identifier(document.task or "law").lower().strip("_") or "law"
    own = {
        "group", "target", "said", "mean", "at", "edge", "inside", "steps", "way", "part", "variance", "here", "back",
        "more", "i",
    }  # fmt: skip
    reserved = C | {prefix} | own
    layouts, arguments = laid_out(
        ensemble, lambda one: lay_out(one, "c", reserved, power="pow(", number=real_literal), reserved
    )
    functions, calls = [], []
    for i, layout in enumerate(layouts):
        name = f"{prefix}_law_{i + 1}"
        functions.append(_law(layout, name))
        given = [f"at[{ensemble.inputs.index(one)}]" for one in layout.inputs]
        calls.append(f"    said[{i}] = {name}({', '.join(['group', 'target', *given])});")
    logged, highs, widths = ends_of(ensemble)
    low, high = ensemble.bounds
    bounded = "mean" if low == -INF else f"fmax(mean, {low!r})"
    return _FORECAST.substitute(
        filled(ensemble, "//", "INFINITY", ("0", "1")), guard=prefix.upper(), prefix=prefix,
        n_groups=len(document.groups), n_targets=len(document.targets), n_laws=len(layouts),
        groups=string_lines(document.groups),
        targets=string_lines(document.targets),
        functions="\n".join(functions),
        arguments=", ".join(f"double {name}" for name in arguments), calls="\n".join(calls),
        n_features=len(arguments), given=", ".join(arguments), logged=", ".join(str(int(one)) for one in logged),
        ends=",\n".join(map(_ends, highs, widths)),
        bounded=bounded if high == INF else f"fmin({bounded}, {high!r})",
    )  # fmt: skip


def _ends(highs: Sequence[float], widths: Sequence[float]) -> str:
    """Where the data of a group end."""
    pairs = (f"{{{real_literal(high) if high < INF else 'INFINITY'}, {real_literal(width)}}}"
             for high, width in zip(highs, widths, strict=True))  # fmt: skip
    return f"    {{{', '.join(pairs)}}}"


def _law(layout: Layout, name: str) -> str:
    document, constants = layout.document, layout.constants
    table = f"    static const double known[{len(document.groups)}][{len(document.targets)}][{len(constants)}] = {{\n"
    table += ",\n".join(f"        {{{sets}}}" for sets in layout.sets(real_literal, "{", "}")) + "\n    };\n"
    found = [f"    const double {layout.names[c]} = known[group][target][{i}];" for i, c in enumerate(constants)]
    body = table + "\n".join(found) if constants else "    (void)group;\n    (void)target;"
    head = ", ".join(["size_t group", "size_t target", *(f"double {one}" for one in layout.arguments)])
    return f"static inline double {name}({head})\n{{\n{body}\n    return {layout.text};\n}}\n"
