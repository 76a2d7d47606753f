"""The table of export targets: one function and one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from discover.data.names import near, to_identifier
from discover.documents import LawDocument, to_json
from discover.errors import InputError
from discover.export.c_header import c_header
from discover.export.javascript_module import javascript_module
from discover.export.jax_module import jax_module
from discover.export.julia_module import julia_module
from discover.export.latex import latex
from discover.export.markdown import markdown
from discover.export.numpy_module import numpy_module
from discover.export.r_script import r_script
from discover.export.sldbench_program import sldbench_program
from discover.export.sympy_script import sympy_script
from discover.export.torch_module import torch_module
from discover.export.workbook import workbook


@dataclass(frozen=True)
class Target:
    """A language or format that laws are exported to.

    Attributes:
        name: what the user types.
        extension: ending of the file's name, with its dot and what goes before it.
        summary: what the file is, for help texts.
        render: the file's content; text, or bytes for binary formats.
    """

    name: str
    extension: str
    summary: str
    render: Callable[[LawDocument], str | bytes]


TARGETS: dict[str, Target] = {
    row.name: row
    for row in (
        Target("json", ".json", "the law document itself", to_json),
        Target("python", ".py", "module that needs NumPy alone, function predict", numpy_module),
        Target("sympy", "_sympy.py", "script that builds the formula for every group and target", sympy_script),
        Target("latex", ".tex", "equation and table of constants with errors", latex),
        Target("jax", "_jax.py", "module with a pure function for jit, grad and vmap", jax_module),
        Target("torch", "_torch.py", "nn.Module whose parameters are the constants", torch_module),
        Target("c", ".h", "C99 header", c_header),
        Target("xlsx", ".xlsx", "spreadsheet with live formulas", workbook),
        Target("r", ".R", "R script, function predict_law", r_script),
        Target("julia", ".jl", "Julia module, function predict", julia_module),
        Target("javascript", ".mjs", "ES module without dependencies, function predict", javascript_module),
        Target("markdown", ".md", "formula, features and constants as tables", markdown),
        Target("sldbench", "_sldbench.py", "program with SLDBench's two functions (NumPy, SciPy)", sldbench_program),
    )
}


def target_of(name: str) -> Target:
    """The row of this name.

    Raises:
        InputError: there is no such target.
    """
    found = TARGETS.get(name)
    if found is None:
        raise InputError(f"unknown export target {name!r}{near(name, TARGETS)} (targets: {', '.join(TARGETS)})")
    return found


def export(document: LawDocument, target: str) -> str | bytes:
    """A law as the content of a file.

    Args:
        document: the law.
        target: name of a row of `TARGETS`.

    Raises:
        InputError: there is no such target, or the target cannot hold this law.
    """
    return target_of(target).render(document)


def file_name(document: LawDocument, target: str) -> str:
    """Usual name of the exported file, such as "moe_law.py"; importable where it is Python.

    Raises:
        InputError: there is no such target.
    """
    stem = to_identifier(document.task or "law").lower()
    return f"{stem}_law{target_of(target).extension}"
