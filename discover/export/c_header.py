"""C99: a header with the constants and a function, of a law or a forecast; needs the mathematical library (-lm)."""

from __future__ import annotations

from string import Template

from discover.data.names import to_identifier
from discover.export.forecast_code import INF, filled, laid_out
from discover.export.identifiers import C, quoted
from discover.export.layout import Layout, lay_out, real_literal
from discover.forecasts import Ensemble
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
    body = ",\n".join(f"    {{{sets}}}" for sets in layout.sets(real_literal, "{", "}"))
    return f"\n// {', '.join(names)}\nstatic const double {prefix}_constants{size} = {{\n{body}\n}};\n"


_FORECAST = Template(
    """\
$heading

#ifndef ${guard}_FORECAST_H
#define ${guard}_FORECAST_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#define ${guard}_N_GROUPS $n_groups
#define ${guard}_N_TARGETS $n_targets
#define ${guard}_N_LAWS $n_laws

"""
    + NAMES
    + """\

static const double ${prefix}_weights[${guard}_N_LAWS] = {$weights};

$functions

"""
    + PLACE
    + """\

/* Weighted mean of values, or of their logarithms; one far from the median counts as less far. */
static inline double ${prefix}_average(const double *said, int logs)
{
    const double quantiles[3] = {$quantiles};
    double value[${guard}_N_LAWS], share[${guard}_N_LAWS], ends[3];
    double total = 0.0, mean = 0.0;
    size_t n = 0;
    for (size_t i = 0; i < ${guard}_N_LAWS; i++) {
        const double moved = logs ? (said[i] > 0.0 ? log(said[i]) : NAN) : said[i];
        size_t place = n;
        if (!isfinite(moved)) {
            continue;
        }
        for (; place > 0 && value[place - 1] > moved; place--) {
            value[place] = value[place - 1];
            share[place] = share[place - 1];
        }
        value[place] = moved;
        share[place] = ${prefix}_weights[i];
        total += share[place];
        n++;
    }
    if (n == 0) {
        return logs ? ${prefix}_average(said, 0) : NAN;
    }
    for (size_t k = 0; k < 3; k++) {
        size_t i = 0;
        double passed = share[0];
        while (i + 1 < n && passed / total < quantiles[k] - 1e-12) {
            passed += share[++i];
        }
        ends[k] = value[i];
    }
    const double reach = $reach * (ends[2] - ends[0]) / 2.0;
    for (size_t i = 0; i < n; i++) {
        mean += share[i] / total * fmin(fmax(value[i], ends[1] - reach), ends[1] + reach);
    }
    return logs ? exp(mean) : mean;
}

/* The average of the laws for one target; NaN if there is no such group or target. */
static inline double ${prefix}_forecast(size_t group, size_t target, $arguments)
{
    if (group >= ${guard}_N_GROUPS || target >= ${guard}_N_TARGETS) {
        return NAN;
    }
    const double said[${guard}_N_LAWS] = {
$calls
    };
    const double mean = ${prefix}_average(said, $logs);
    return $bounded;
}

#endif
"""
)


def c_forecast(document: LawDocument) -> str:
    """Source of a header with a function PREFIX_forecast; its names begin with the task's name."""
    ensemble = Ensemble.from_document(document)
    prefix = to_identifier(document.task or "law").lower().strip("_") or "law"
    reserved = C | {prefix, "said", "mean"}
    layouts, arguments = laid_out(
        ensemble, lambda one: lay_out(one, "c", reserved, power="pow(", number=real_literal), reserved
    )
    functions, calls = [], []
    for i, layout in enumerate(layouts):
        name = f"{prefix}_law_{i + 1}"
        functions.append(_law(layout, name))
        given = [arguments[ensemble.inputs.index(one)] for one in layout.inputs]
        calls.append(f"        {name}({', '.join(['group', 'target', *given])})")
    low, high = ensemble.bounds
    bounded = "mean" if low == -INF else f"fmax(mean, {low!r})"
    return _FORECAST.substitute(
        filled(ensemble, "//", "INFINITY", ("0", "1")), guard=prefix.upper(), prefix=prefix,
        n_groups=len(document.groups), n_targets=len(document.targets), n_laws=len(layouts),
        groups=string_lines(document.groups),
        targets=string_lines(document.targets),
        functions="\n".join(functions),
        arguments=", ".join(f"double {name}" for name in arguments), calls=",\n".join(calls),
        bounded=bounded if high == INF else f"fmin({bounded}, {high!r})",
    )  # fmt: skip


def _law(layout: Layout, name: str) -> str:
    document, constants = layout.document, layout.constants
    table = f"    static const double known[{len(document.groups)}][{len(document.targets)}][{len(constants)}] = {{\n"
    table += ",\n".join(f"        {{{sets}}}" for sets in layout.sets(real_literal, "{", "}")) + "\n    };\n"
    found = [f"    const double {layout.names[c]} = known[group][target][{i}];" for i, c in enumerate(constants)]
    body = table + "\n".join(found) if constants else "    (void)group;\n    (void)target;"
    head = ", ".join(["size_t group", "size_t target", *(f"double {one}" for one in layout.arguments)])
    return f"static inline double {name}({head})\n{{\n{body}\n    return {layout.text};\n}}\n"
