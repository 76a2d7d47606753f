"""Julia: a module with one function, for numbers and arrays."""

from __future__ import annotations

from string import Template

from discover.documents import LawDocument
from discover.export.identifiers import JULIA, quoted
from discover.export.layout import exact_literal, lay_out, real_literal

_MODULE = Template("""\
$heading

module ScalingLaw

export predict

const GROUPS = [$groups]
const TARGETS = [$targets]

# Constant -> value, one row per group, one column per target.
const CONSTANTS = Dict{String,Matrix{Float64}}(
$constants
)

# Predicted values of one target. Features are numbers or arrays of equal shape; `group` is one name, or an
# array with one name per row. Group and target may be left out where there is a single one.
function predict($arguments; group=only(GROUPS), target=only(TARGETS))
    column = place(target, TARGETS, "target")
    rows = group isa AbstractString ? place(group, GROUPS, "group") : [place(g, GROUPS, "group") for g in group]
$lookups
    return @. $text
end

function place(name, known, kind)
    found = findfirst(==(String(name)), known)
    found === nothing && throw(ArgumentError("unknown $$kind $$name; known: $$known"))
    return found
end

end
""")

_RESERVED = JULIA | {"GROUPS", "TARGETS", "CONSTANTS", "place", "ScalingLaw", "only"}


def julia_module(document: LawDocument) -> str:
    """Source of a module that exports `predict`."""
    layout = lay_out(document, "julia", _RESERVED, power="^", number=_number)
    tables = []
    for name in layout.constants:
        rows = "; ".join(" ".join(real_literal(value) for value in row) for row in layout.values(name))
        tables.append(
            f"    {quoted(name)} => reshape(Float64[{rows}], {len(document.groups)}, {len(document.targets)}),"
        )
    return _MODULE.substitute(
        heading=layout.heading("#"),
        groups=", ".join(quoted(name) for name in document.groups),
        targets=", ".join(quoted(name) for name in document.targets),
        constants="\n".join(tables),
        arguments=", ".join(layout.arguments),
        lookups="\n".join(
            f"    {layout.names[name]} = CONSTANTS[{quoted(name)}][rows, column]" for name in layout.constants
        ),
        text=layout.text,
    )


def _number(value: float) -> str:
    """Small whole numbers stay whole, as exponents; larger ones would be integers that overflow."""
    return exact_literal(value) if abs(value) < 100 else real_literal(value)
