"""The forecast of a run as code: the weighted mean of its laws, as `discover.averages` takes it.

Every language gets a function per law, the weights, and the mean; intervals need draws and stay in law.json.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from string import Template

from discover.averages import HALF
from discover.data.names import to_identifier
from discover.export import c_header, javascript_module, jax_module, julia_module, numpy_module, r_script
from discover.export.identifiers import JAVASCRIPT, JULIA, PYTHON, C, R, one_line, quoted, safe_names
from discover.export.javascript_module import STEP, javascript_layout, needs_step, strings
from discover.export.layout import Layout, lay_out, real_literal
from discover.export.numpy_module import lines, tuple_text
from discover.forecasts import Ensemble
from discover.law.document import LawDocument
from discover.rules import RULES

OWN_NAMES = frozenset(("average", "said", "known", "shares", "order", "passed", "laws", "columns", "names", "law"))


def numpy_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict`, which needs NumPy alone."""
    return _arrays(document, "python", "np", 'np.errstate(all="ignore")')


def jax_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict` for `jit`, `grad` and `vmap`."""
    return _arrays(document, "jax", "jnp", "")


_ARRAYS = Template('''\
$heading

$imports

GROUPS = $groups
TARGETS = $targets

# Of every law: constant -> value, [group][target].
CONSTANTS = [
$constants
]
WEIGHTS = np.array($weights)


$functions


LAWS = [$laws]


${quiet}def predict($arguments, *, group=None):
    """The average of the laws.

    Features are numbers or arrays that broadcast together. `group` is one of GROUPS$codes;
    it may be left out if there is a single group. With several TARGETS the values have one more
    axis at the end, in their order.
    """
    columns = [$columns]
    rows = _rows(group)
    shape = $np.broadcast_shapes(*(one.shape for one in columns), rows.shape)
    values = []
    for column in range(len(TARGETS)):
        said = [law(*(columns[place] for place in places), rows, column) for law, places in LAWS]
        values.append($np.clip(average($np.stack([$np.broadcast_to(one, shape) for one in said])), $low, $high))
    return $np.stack(values, axis=-1) if len(TARGETS) > 1 else values[0]


def average(said$logs):
    """The weighted mean of what laws say, shape (laws, ...); a law far from the median counts as less far."""
    moved = $np.log($np.where(said > 0, said, $np.nan)) if logs else said
    known = $np.isfinite(moved)
    shares = $np.where(known, $np.reshape($np.asarray(WEIGHTS, dtype=float), (-1,) + (1,) * (said.ndim - 1)), 0.0)
    moved = $np.where(known, moved, $np.inf)
    order = $np.argsort(moved, axis=0)
    ranked = $np.take_along_axis(moved, order, axis=0)
    passed = $np.cumsum($np.take_along_axis(shares, order, axis=0), axis=0)
    passed = passed / $np.maximum(passed[-1], 1e-30)
    low, middle, high = (
        $np.take_along_axis(ranked, $np.argmax(passed >= q - $slack, axis=0)[None], axis=0)[0] for q in $quantiles
    )
    reach = $reach * (high - low) / 2
    held = $np.where(known, $np.clip(moved, middle - reach, middle + reach), 0.0)
    mean = $np.sum(shares * held, axis=0) / $np.sum(shares, axis=0)
    if not logs:
        return mean
    mean = $np.exp(mean)
    return $np.where($np.isnan(mean), average(said, False), mean)


$rows
''')


def _arrays(document: LawDocument, language: str, np: str, quiet: str) -> str:
    ensemble = Ensemble.from_document(document)
    layouts, arguments = _laid_out(ensemble, lambda one: lay_out(one, language, PYTHON | OWN_NAMES), PYTHON | OWN_NAMES)
    jax = np == "jnp"
    constants, functions, laws = [], [], []
    for i, layout in enumerate(layouts):
        entries = ", ".join(f"{name!r}: np.array({layout.values(name)})" for name in layout.constants)
        constants.append(f"    {{{entries}}},")
        table = f"CONSTANTS[{i}]"
        wide = "jnp.asarray({}, dtype=float)" if jax else "{}"
        found = [
            f"{layout.names[name]} = {wide.format(f'{table}[{name!r}]')}[rows, column]" for name in layout.constants
        ]
        head = ", ".join([*layout.arguments, "rows", "column"])
        functions.append(f"def law_{i + 1}({head}):\n{lines(found)}\n    return {layout.text}")
        laws.append(f"(law_{i + 1}, {_places(ensemble, layout)})")
    low, high = ensemble.bounds
    return _ARRAYS.substitute(
        heading=_heading(ensemble, "#"),
        imports="import jax.numpy as jnp\nimport numpy as np" if jax else "import numpy as np",
        groups=tuple_text(document.groups),
        targets=tuple_text(document.targets),
        constants="\n".join(constants),
        weights=ensemble.weights.tolist(),
        functions="\n\n\n".join(functions),
        laws=", ".join(laws),
        quiet=f"@{quiet}\n" if quiet else "",
        arguments=", ".join(arguments),
        codes=", or an integer array of places in GROUPS" if jax else ", or an array of them",
        columns=", ".join(f"{np}.asarray({name}, dtype=float)" for name in arguments),
        low="None" if low == -_INF else repr(low),
        high="None" if high == _INF else repr(high),
        np=np,
        logs=f", logs={ensemble.logs}",
        slack="1e-6" if jax else "1e-12",
        quantiles=HALF,
        reach=RULES.average.reach,
        rows=jax_module.ROWS if jax else numpy_module.ROWS,
    )


_INF = float("inf")


def _laid_out(
    ensemble: Ensemble, lay: Callable[[LawDocument], Layout], reserved: Collection[str]
) -> tuple[list[Layout], list[str]]:
    """The laws in a language, and identifiers of all columns that any of them reads."""
    names = safe_names(ensemble.inputs, reserved)
    return [lay(law.document) for law in ensemble.laws], [names[name] for name in ensemble.inputs]


def _places(ensemble: Ensemble, layout: Layout) -> str:
    """Where the inputs of a law stand among those of all."""
    return str([ensemble.inputs.index(name) for name in layout.inputs])


def _heading(ensemble: Ensemble, mark: str) -> str:
    document = ensemble.document
    targets = ", ".join(document.targets)
    kind = "logarithms" if ensemble.logs else "values"
    text = [
        f"Forecast of task {document.task}: {targets}",
        f"The mean of the {kind} of {len(ensemble.laws)} laws that the data cannot tell apart. The first explains it:",
        f"{targets} = {document.formula}",
        f"Made by discover {document.versions.get('discover', '')}".rstrip(),
    ]
    return "\n".join(f"{mark} {one_line(line)}" for line in text)


# -- languages that take one point at a time ----------------------------------------------------------------

_C = Template(
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
    + c_header.NAMES
    + """\

static const double ${prefix}_weights[${guard}_N_LAWS] = {$weights};

$functions

"""
    + c_header.PLACE
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
    layouts, arguments = _laid_out(
        ensemble, lambda one: lay_out(one, "c", reserved, power="pow(", number=real_literal), reserved
    )
    functions, calls = [], []
    for i, layout in enumerate(layouts):
        name = f"{prefix}_law_{i + 1}"
        functions.append(_c_law(layout, name))
        given = [arguments[ensemble.inputs.index(one)] for one in layout.inputs]
        calls.append(f"        {name}({', '.join(['group', 'target', *given])})")
    low, high = ensemble.bounds
    bounded = "mean" if low == -_INF else f"fmax(mean, {low!r})"
    return _C.substitute(
        heading=_heading(ensemble, "//"), guard=prefix.upper(), prefix=prefix,
        n_groups=len(document.groups), n_targets=len(document.targets), n_laws=len(layouts),
        groups=c_header.string_lines(document.groups),
        targets=c_header.string_lines(document.targets),
        weights=", ".join(map(repr, ensemble.weights.tolist())),
        functions="\n".join(functions), quantiles=", ".join(map(str, HALF)), reach=RULES.average.reach,
        arguments=", ".join(f"double {name}" for name in arguments), calls=",\n".join(calls),
        logs=int(ensemble.logs), bounded=bounded if high == _INF else f"fmin({bounded}, {high!r})",
    )  # fmt: skip


def _c_law(layout: Layout, name: str) -> str:
    document, constants = layout.document, layout.constants
    table = f"    static const double known[{len(document.groups)}][{len(document.targets)}][{len(constants)}] = {{\n"
    table += ",\n".join(f"        {{{sets}}}" for sets in c_header.constant_sets(layout)) + "\n    };\n"
    found = [f"    const double {layout.names[c]} = known[group][target][{i}];" for i, c in enumerate(constants)]
    body = table + "\n".join(found) if constants else "    (void)group;\n    (void)target;"
    head = ", ".join(["size_t group", "size_t target", *(f"double {one}" for one in layout.arguments)])
    return f"static inline double {name}({head})\n{{\n{body}\n    return {layout.text};\n}}\n"


_JAVASCRIPT = Template("""\
$heading

export const GROUPS = $groups;
export const TARGETS = $targets;
export const FEATURES = $features;
export const WEIGHTS = $weights;

$step// of every law: its columns, its constants [group][target], and its value
const LAWS = [
$laws
];

/**
 * The average of the laws at one point.
 *
 * @param {Object<string, number>} columns a number for every one of FEATURES; further ones are ignored
 * @param {{group?: string, target?: string}} [of] which of GROUPS and TARGETS; needed where there are several
 * @returns {number}
 */
export function predict(columns, of = {}) {
$checks
  const group = place(of.group, GROUPS, "group"), target = place(of.target, TARGETS, "target");
  const said = LAWS.map(law => law.value(law.inputs.map(name => columns[name]), law.constants[group][target]));
  return Math.min(Math.max(average(said, $logs), $low), $high);
}

/** Weighted mean of values, or of their logarithms; one far from the median counts as less far. */
function average(said, logs) {
  const found = said
    .map((value, i) => [logs ? (value > 0 ? Math.log(value) : NaN) : value, WEIGHTS[i]])
    .filter(([value]) => Number.isFinite(value))
    .sort((a, b) => a[0] - b[0]);
  if (!found.length) return logs ? average(said, false) : NaN;
  const total = found.reduce((sum, [, share]) => sum + share, 0);
  const [low, middle, high] = $quantiles.map(q => {
    let passed = 0;
    return (found.find(([, share]) => (passed += share) / total >= q - 1e-12) ?? found[found.length - 1])[0];
  });
  const reach = $reach * (high - low) / 2;
  const held = value => Math.min(Math.max(value, middle - reach), middle + reach);
  const mean = found.reduce((sum, [value, share]) => sum + share / total * held(value), 0);
  return logs ? Math.exp(mean) : mean;
}

$place
""")


def javascript_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict`."""
    ensemble = Ensemble.from_document(document)
    layouts, _ = _laid_out(ensemble, javascript_layout, JAVASCRIPT)
    low, high = ensemble.bounds
    return _JAVASCRIPT.substitute(
        heading=_heading(ensemble, "//"),
        groups=strings(document.groups), targets=strings(document.targets), features=strings(ensemble.inputs),
        weights=ensemble.weights.tolist(), step=f"{STEP}\n" if any(map(needs_step, layouts)) else "",
        laws=",\n".join(_javascript_law(layout) for layout in layouts), logs=str(ensemble.logs).lower(),
        low="-Infinity" if low == -_INF else repr(low), high="Infinity" if high == _INF else repr(high),
        quantiles=list(HALF), reach=RULES.average.reach, checks=javascript_module.CHECKS, place=javascript_module.PLACE,
    )  # fmt: skip


def _javascript_law(layout: Layout) -> str:
    names = ", ".join(layout.names[name] for name in layout.constants)
    constants = ", ".join(javascript_module.constant_sets(layout))
    return (f"  {{ inputs: {strings(layout.inputs)},\n    constants: [{constants}],\n"
            f"    value: ([{', '.join(layout.arguments)}], [{names}]) => {layout.text} }}")  # fmt: skip


_R = Template("""\
$heading

law_groups <- c($groups)
law_targets <- c($targets)
law_weights <- c($weights)

# Of every law: constant -> value, one row per group, one column per target.
law_constants <- list(
$constants
)

# The average of the laws. Features are vectors of equal length (or of length 1); `group` is one name or one per
# row. With several targets the result is a matrix with one column per target.
predict_law <- function($arguments, group = NULL) {
$rows
  points <- data.frame($points, rows)
  columns <- lapply(seq_along(law_targets), function(column) {
    said <- cbind(
$calls
    )
    pmin(pmax(apply(said, 1, law_average, logs = $logs), $low), $high)
  })
$values
}

# Weighted mean of values, or of their logarithms; one far from the median counts as less far.
law_average <- function(said, logs) {
  moved <- if (logs) log(ifelse(said > 0, said, NA)) else said
  known <- which(is.finite(moved))
  if (length(known) == 0) return(if (logs) law_average(said, FALSE) else NaN)
  known <- known[order(moved[known])]
  value <- moved[known]
  share <- law_weights[known] / sum(law_weights[known])
  ends <- sapply(c($quantiles), function(q) value[which(c(cumsum(share)[-length(share)], 1) >= q - 1e-12)[1]])
  reach <- $reach * (ends[3] - ends[1]) / 2
  mean <- sum(share * pmin(pmax(value, ends[2] - reach), ends[2] + reach))
  if (logs) exp(mean) else mean
}

$functions
""")


def r_forecast(document: LawDocument) -> str:
    """Source of a script that defines `predict_law`."""
    ensemble = Ensemble.from_document(document)
    own = {"column", "law_groups", "law_targets", "law_constants", "law_weights", "predict_law", "values", "points"}
    reserved = R | OWN_NAMES | own
    layouts, arguments = _laid_out(
        ensemble, lambda one: lay_out(one, "r", reserved, power="^", number=real_literal), reserved
    )
    constants, functions, calls = [], [], []
    for i, layout in enumerate(layouts):
        constants.append(f"  list({', '.join(r_script.matrices(layout))})")
        found = [f"  {layout.names[name]} <- law_constants[[{i + 1}]][[{quoted(name)}]][cbind(rows, column)]"
                 for name in layout.constants]  # fmt: skip
        head = ", ".join([*layout.arguments, "rows", "column"])
        functions.append(f"law_{i + 1} <- function({head}) {{\n" + "\n".join([*found, f"  {layout.text}"]) + "\n}\n")
        given = [f"points[[{ensemble.inputs.index(one) + 1}]]" for one in layout.inputs]
        calls.append(f"      law_{i + 1}({', '.join([*given, 'points$rows', 'column'])})")
    low, high = ensemble.bounds
    return _R.substitute(
        heading=_heading(ensemble, "#"),
        groups=", ".join(quoted(name, "r") for name in document.groups),
        targets=", ".join(quoted(name, "r") for name in document.targets),
        weights=", ".join(map(repr, ensemble.weights.tolist())), constants=",\n".join(constants),
        arguments=", ".join(arguments), points=", ".join(arguments), calls=",\n".join(calls),
        logs=str(ensemble.logs).upper(), low="-Inf" if low == -_INF else repr(low),
        high="Inf" if high == _INF else repr(high), quantiles=", ".join(map(str, HALF)), reach=RULES.average.reach,
        functions="\n".join(functions), rows=r_script.ROWS, values=r_script.VALUES,
    )  # fmt: skip


_JULIA = Template("""\
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

    layouts, arguments = _laid_out(
        ensemble, lambda one: lay_out(one, "julia", reserved, power="^", number=julia_module.number_text), reserved
    )
    constants, functions, calls = [], [], []
    for i, layout in enumerate(layouts):
        constants.append(f"    Dict{{String,Matrix{{Float64}}}}({', '.join(julia_module.matrices(layout))}),")
        found = [f"    {layout.names[name]} = CONSTANTS[{i + 1}][{quoted(name)}][rows, column]"
                 for name in layout.constants]  # fmt: skip
        head = ", ".join([*layout.arguments, "rows", "column"])
        functions.append(f"function law_{i + 1}({head})\n" + "\n".join([*found, f"    return {layout.text}"]) + "\nend")
        given = [arguments[ensemble.inputs.index(one)] for one in layout.inputs]
        calls.append(f"law_{i + 1}({', '.join([*given, 'rows', 'column'])})")
    low, high = ensemble.bounds
    return _JULIA.substitute(
        heading=_heading(ensemble, "#"), groups=", ".join(quoted(name) for name in document.groups),
        targets=", ".join(quoted(name) for name in document.targets),
        weights=", ".join(map(repr, ensemble.weights.tolist())), constants="\n".join(constants),
        functions="\n\n".join(functions), arguments=", ".join(arguments), calls=", ".join(calls),
        logs=str(ensemble.logs).lower(), low="-Inf" if low == -_INF else repr(low),
        high="Inf" if high == _INF else repr(high), quantiles=", ".join(map(str, HALF)), reach=RULES.average.reach,
        places=julia_module.PLACES, place=julia_module.PLACE,
    )  # fmt: skip
