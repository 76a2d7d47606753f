"""LaTeX: the formula as an equation and its constants as a table (packages amsmath, booktabs, longtable)."""

from __future__ import annotations

from discover.export.identifiers import one_line
from discover.export.layout import inputs, meaning_of
from discover.expressions import Number, to_latex, walk
from discover.expressions.printing import latex_name
from discover.law.document import LawDocument

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
}  # fmt: skip
_MOST_ROWS = 35  # of a table that fits on a page


def latex(document: LawDocument) -> str:
    """An equation, and one row per constant, group and target with its standard error."""
    targets = ", ".join(_mathematical(name) for name in document.targets)
    parts = [
        f"% Scaling law of task {one_line(document.task)}; needs amsmath, booktabs and longtable.",
        rf"\begin{{equation}}{chr(10)}  {targets} = {equation(document)}{chr(10)}\end{{equation}}",
        _where(document),
    ]
    if document.constant_names:
        parts.append(_table(document))
    return "\n\n".join(parts) + "\n"


def equation(document: LawDocument) -> str:
    """The formula with named constants; literals keep all their digits."""
    literals = [node.value for node in walk(document.expr) if isinstance(node, Number)]
    return to_latex(document.expr, digits=max(map(_digits, literals), default=6))


def _digits(value: float) -> int:
    return next((d for d in range(1, 17) if float(f"{value:.{d}g}") == value), 17)


def number(value: float) -> str:
    """A number in mathematics with all its digits."""
    mantissa, e, exponent = repr(float(value)).partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else mantissa


def escaped(text: str) -> str:
    """Text with LaTeX's special characters taken literally."""
    return "".join(_SPECIAL.get(character, character) for character in one_line(text))


def _mathematical(name: str) -> str:
    """A target's name, which need not be an identifier."""
    return latex_name(name) if name.isidentifier() and name.isascii() else rf"\text{{{escaped(name)}}}"


def _where(document: LawDocument) -> str:
    about = {feature.name: feature for feature in document.features}
    items = []
    for name in inputs(document):
        unit = f" ({escaped(about[name].unit)})" if about[name].unit not in ("", "1") else ""
        said = meaning_of(about[name])
        meaning = f": {escaped(said)}{unit}" if said else ""
        items.append(f"${latex_name(name)}${meaning}")
    return "Where " + "; ".join(items) + "."


def _table(document: LawDocument) -> str:
    grouped, several = len(document.groups) > 1, len(document.targets) > 1
    heads = ["Group"] * grouped + ["Target"] * several + ["Constant", "Value", "Standard error"]
    rows = []
    for entry in document.constants:
        labels = [escaped(entry.group)] * grouped + [escaped(entry.target)] * several
        for name in document.constant_names:
            error = entry.errors.get(name)
            cells = [*labels, f"${latex_name(name)}$", f"${number(entry.values[name])}$"]
            rows.append(" & ".join([*cells, "--" if error is None else f"${number(float(f'{error:.3g}'))}$"]))
            labels = [""] * len(labels)  # a label stands on the first of its rows
    environment = "longtable" if len(rows) > _MOST_ROWS else "tabular"
    columns = "l" * (len(heads) - 2) + "rr"
    head = " & ".join(heads)
    body = "".join(f"  {row} \\\\\n" for row in rows)
    repeat = "\\endhead\n" if environment == "longtable" else ""
    return (
        f"\\begin{{{environment}}}{{{columns}}}\n\\toprule\n  {head} \\\\\n\\midrule\n{repeat}{body}"
        f"\\bottomrule\n\\end{{{environment}}}"
    )
