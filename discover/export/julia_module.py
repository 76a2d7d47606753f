"""Julia: a module with one function, for numbers and arrays."""

from __future__ import annotations

from string import Template

from discover.export.identifiers import JULIA, quoted
from discover.export.layout import Layout, exact_literal, lay_out, real_literal
from discover.law.document import LawDocument

PLACES = """\
    column = place(target, TARGETS, "target")
    rows = group isa AbstractString ? place(group, GROUPS, "group") : [place(g, GROUPS, "group") for g in group]"""
"""The places of a target and of one or many groups."""

PLACE = """\
function place(name, known, kind)
    found = findfirst(==(String(name)), known)
    found === nothing && throw(ArgumentError("unknown $kind $name; known: $known"))
    return found
end"""
"""The place of a group or target by its name, as a function of a module."""

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
$places
$lookups
    return @. $text
end

$place

end
""")

_RESERVED = JULIA | {"GROUPS", "TARGETS", "CONSTANTS", "place", "ScalingLaw", "only"}


def julia_module(document: LawDocument) -> str:
    """Source of a module that exports `predict`."""
    layout = lay_out(document, "julia", _RESERVED, power="^", number=number_text)
    return _MODULE.substitute(
        heading=layout.heading("#"),
        groups=", ".join(quoted(name) for name in document.groups),
        targets=", ".join(quoted(name) for name in document.targets),
        constants="\n".join(f"    {entry}," for entry in matrices(layout)),
        arguments=", ".join(layout.arguments),
        lookups="\n".join(
            f"    {layout.names[name]} = CONSTANTS[{quoted(name)}][rows, column]" for name in layout.constants
        ),
        text=layout.text,
        places=PLACES,
        place=PLACE,
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
