"""Julia: a module with one function, for numbers and arrays."""

from __future__ import annotations

from string import Template

from discover.export.forecast_code import OWN_NAMES, filled, laid_out
from discover.export.identifiers import JULIA, listed, quoted
from discover.export.layout import Layout, exact_literal, lay_out, real_literal
from discover.forecasts import Ensemble
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
        groups=listed(document.groups),
        targets=listed(document.targets),
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


_FORECAST = Template("""\
$heading

module ScalingForecast

export predict

const GROUPS = [$groups]
const TARGETS = [$targets]
const WEIGHTS = [$weights]

# Of every law: constant -> value, one row per group, one column per target.
const CONSTANTS = [
$constants
]

$functions

# The average of the laws for one target. Features are numbers or arrays of equal shape; `group` is one name, or an
# array with one name per row. Group and target may be left out where there is a single one.
function predict($arguments; group=only(GROUPS), target=only(TARGETS))
$places
    return point.($arguments, rows, column)
end

function point($arguments, rows, column)
    said = [$calls]
    return clamp(average(said, $logs), $low, $high)
end

# Weighted mean of values, or of their logarithms; one far from the median counts as less far.
function average(said, logs)
    moved = logs ? [s > 0 ? log(s) : NaN for s in said] : said
    known = findall(isfinite, moved)
    isempty(known) && return logs ? average(said, false) : NaN
    known = known[sortperm(moved[known])]
    value, share = moved[known], WEIGHTS[known] ./ sum(WEIGHTS[known])
    passed = cumsum(share)
    passed[length(passed)] = 1.0
    low, middle, high = [value[findfirst(>=(q - 1e-12), passed)] for q in ($quantiles)]
    reach = $reach * (high - low) / 2
    mean = sum(share .* clamp.(value, middle - reach, middle + reach))
    return logs ? exp(mean) : mean
end

$place

end
""")


def julia_forecast(document: LawDocument) -> str:
    """Source of a module that exports `predict`."""
    ensemble = Ensemble.from_document(document)
    own = {"GROUPS", "TARGETS", "CONSTANTS", "WEIGHTS", "place", "point", "ScalingForecast", "only", "average", "clamp"}
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
        calls.append(f"law_{i + 1}({', '.join([*given, 'rows', 'column'])})")
    return _FORECAST.substitute(
        filled(ensemble, "#", "Inf", ("false", "true")), groups=listed(document.groups),
        targets=listed(document.targets), constants="\n".join(constants),
        functions="\n\n".join(functions), arguments=", ".join(arguments), calls=", ".join(calls),
        places=PLACES, place=PLACE,
    )  # fmt: skip
