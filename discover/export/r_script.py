"""R: a script with one function, vectorised over rows."""

from __future__ import annotations

from string import Template

from discover.export.identifiers import R, quoted
from discover.export.layout import Layout, lay_out, real_literal
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
        groups=", ".join(quoted(name, "r") for name in document.groups),
        targets=", ".join(quoted(name, "r") for name in document.targets),
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
