"""C99: a header with the constants and a function; needs the mathematical library (-lm)."""

from __future__ import annotations

from string import Template

from discover.data.names import to_identifier
from discover.export.identifiers import C, quoted
from discover.export.layout import Layout, lay_out, real_literal
from discover.law.document import LawDocument

NAMES = """\
static const char *const ${prefix}_groups[${guard}_N_GROUPS] = {
$groups
};

static const char *const ${prefix}_targets[${guard}_N_TARGETS] = {
$targets
};
"""
"""The names of groups and targets, for a template."""

PLACE = """\
/* Place of a group by its name; ${guard}_N_GROUPS if there is none of that name. */
static inline size_t ${prefix}_group(const char *name)
{
    size_t place = 0;
    while (place < ${guard}_N_GROUPS && strcmp(name, ${prefix}_groups[place]) != 0) {
        place++;
    }
    return place;
}
"""
"""The function that gives the place of a group, for a template."""

_HEADER = Template(
    """\
$heading

#ifndef ${guard}_LAW_H
#define ${guard}_LAW_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#define ${guard}_N_GROUPS $n_groups
#define ${guard}_N_TARGETS $n_targets

"""
    + NAMES
    + """\
$table
"""
    + PLACE
    + """\

/* Predicted value of one target; NaN if there is no such group or target. */
static inline double ${prefix}_predict(size_t group, size_t target, $arguments)
{
    if (group >= ${guard}_N_GROUPS || target >= ${guard}_N_TARGETS) {
        return NAN;
    }
$lookups
    return $text;
}

#endif
"""
)


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
    body = ",\n".join(f"    {{{sets}}}" for sets in constant_sets(layout))
    return f"\n// {', '.join(names)}\nstatic const double {prefix}_constants{size} = {{\n{body}\n}};\n"


def constant_sets(layout: Layout) -> list[str]:
    """The constants of every group, those of a target in braces of their own."""
    document, names = layout.document, layout.constants
    groups = []
    for group in document.groups:
        sets = [document.constant_set(group, target).values for target in document.targets]
        groups.append(", ".join("{" + ", ".join(real_literal(values[name]) for name in names) + "}" for values in sets))
    return groups
