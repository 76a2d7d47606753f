"""SymPy: a script that builds the formula, and each group's law with the constants in place."""

from __future__ import annotations

from discover.export.identifiers import PYTHON, quoted
from discover.export.layout import exact_literal, lay_out, template
from discover.export.numpy_module import tuple_text
from discover.expressions import OPERATORS
from discover.law.document import LawDocument

_SCRIPT = template("law_sympy.py.tmpl")

_FUNCTIONS = sorted({row.spellings["sympy"] for row in OPERATORS.values() if row.spellings and row.written})
_RESERVED = PYTHON | {"Symbol", "Float", "Integer", "FORMULA", "VALUES", "LAWS", "GROUPS", "TARGETS", "law", "key"}


def sympy_script(document: LawDocument) -> str:
    """Source of a script that defines FORMULA, VALUES and LAWS."""
    layout = lay_out(document, "sympy", _RESERVED | set(_FUNCTIONS), number=_number)
    symbols = []
    for name in layout.inputs:
        low = document.domain.get(name, (0.0, 0.0))[0]  # a symbol is positive only if the data are
        assumption = "positive" if low > 0 else "real"
        symbols.append(f"{layout.names[name]} = Symbol({name!r}, {assumption}=True)")
    symbols += [f"{layout.names[name]} = Symbol({name!r}, real=True)" for name in layout.constants]
    return _SCRIPT.substitute(
        heading=layout.heading("#"),
        functions=", ".join(["Float", "Integer", "Symbol", *_FUNCTIONS]),
        groups=tuple_text(document.groups),
        targets=tuple_text(document.targets),
        symbols="\n".join(symbols),
        text=layout.text,
        values="\n".join(_values(document)),
    )


def _number(value: float) -> str:
    text = exact_literal(value)
    return f"Integer({text})" if value.is_integer() and "e" not in text else f"Float({text!r}, 17)"


def _values(document: LawDocument) -> list[str]:
    rows = []
    for entry in document.constants:
        values = ", ".join(f"{name!r}: {exact_literal(entry.values[name])!r}" for name in document.constant_names)
        key = f"({quoted(entry.group, 'python')}, {quoted(entry.target, 'python')})"
        rows.append(f"    {key}: {{{values}}},")
    return rows
