"""R: a script with one function, vectorised over rows."""

from __future__ import annotations

from string import Template

from discover.export.forecast_code import OWN_NAMES, filled, laid_out
from discover.export.identifiers import R, listed, quoted
from discover.export.layout import Layout, lay_out, real_literal
from discover.forecasts import Ensemble
from discover.law.document import LawDocument

ROWS = """\
  if (is.null(group)) {
    if (length(law_groups) > 1) stop("name a group: one of ", paste(law_groups, collapse = ", "))
    group <- law_groups
  }
  rows <- match(as.character(group), law_groups)
  if (anyNA(rows)) stop("unknown group: ", group[is.na(rows)][1])"""
"""The rows of matrices of constants for a vector of groups."""

VALUES = """\
  if (length(law_targets) == 1) return(columns[[1]])
  values <- do.call(cbind, columns)
  colnames(values) <- law_targets
  values"""
"""What is returned of a list with the values of every target."""

_SCRIPT = Template("""\
$heading

law_groups <- c($groups)
law_targets <- c($targets)

# Constant -> value, one row per group, one column per target.
law_constants <- list(
$constants
)

# Predicted values. Features are vectors of equal length (or of length 1); `group` is one name or one per
# row. With several targets the result is a matrix with one column per target.
predict_law <- function($arguments, group = NULL) {
$rows
  columns <- lapply(seq_along(law_targets), function(column) {
$lookups
    $text
  })
$values
}
""")

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
        rows=ROWS,
        values=VALUES,
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


_FORECAST = Template("""\
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
        calls.append(f"      law_{i + 1}({', '.join([*given, 'points$rows', 'column'])})")
    return _FORECAST.substitute(
        filled(ensemble, "#", "Inf", ("FALSE", "TRUE")),
        groups=listed(document.groups, "r"),
        targets=listed(document.targets, "r"), constants=",\n".join(constants),
        arguments=", ".join(arguments), points=", ".join(arguments), calls=",\n".join(calls),
        functions="\n".join(functions), rows=ROWS, values=VALUES,
    )  # fmt: skip
