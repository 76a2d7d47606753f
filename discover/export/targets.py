"""The table of export targets: one function and one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import Any, Literal

from discover.addons import EXPORT_TARGETS, added, failure, loaded
from discover.data.names import near, to_identifier
from discover.errors import DiscoverError, InputError
from discover.export.array_forecast import jax_forecast, numpy_forecast
from discover.export.c_header import c_forecast, c_header
from discover.export.javascript_module import javascript_forecast, javascript_module
from discover.export.jax_module import jax_module
from discover.export.julia_module import julia_forecast, julia_module
from discover.export.latex import latex
from discover.export.markdown import markdown
from discover.export.numpy_module import numpy_module
from discover.export.r_script import r_forecast, r_script
from discover.export.sldbench_program import sldbench_program
from discover.export.sympy_script import sympy_script
from discover.export.torch_module import torch_module
from discover.export.workbook import workbook
from discover.law.document import LawDocument
from discover.law.storage import to_json

What = Literal["law", "forecast"]


@dataclass(frozen=True)
class Target:
    """A language or format that laws are exported to.

    Attributes:
        name: what the user types.
        extension: ending of the file's name, with its dot and what goes before it.
        summary: what the file is, for help texts.
        render: the file's content; text, or bytes for binary formats.
        forecast: the same for the average of the laws, where there is one.
    """

    name: str
    extension: str
    summary: str
    render: Callable[[LawDocument], str | bytes]
    forecast: Callable[[LawDocument], str] | None = None


TARGETS: dict[str, Target] = {
    row.name: row
    for row in (
        Target("json", ".json", "the law document itself", to_json, to_json),
        Target("python", ".py", "module that needs NumPy alone, function predict", numpy_module, numpy_forecast),
        Target("sympy", "_sympy.py", "script that builds the formula for every group and target", sympy_script),
        Target("latex", ".tex", "equation and table of constants with errors", latex),
        Target("jax", "_jax.py", "module with a pure function for jit, grad and vmap", jax_module, jax_forecast),
        Target("torch", "_torch.py", "nn.Module whose parameters are the constants", torch_module),
        Target("c", ".h", "C99 header", c_header, c_forecast),
        Target("xlsx", ".xlsx", "spreadsheet with live formulas", workbook),
        Target("r", ".R", "R script, function predict_law", r_script, r_forecast),
        Target("julia", ".jl", "Julia module, function predict", julia_module, julia_forecast),
        Target(
            "javascript",
            ".mjs",
            "ES module without dependencies, function predict",
            javascript_module,
            javascript_forecast,
        ),
        Target("markdown", ".md", "formula, features and constants as tables", markdown),
        Target("sldbench", "_sldbench.py", "program with SLDBench's two functions (NumPy, SciPy)", sldbench_program),
    )
}


def targets() -> dict[str, Target]:
    """The export targets by name, those that other packages add among them."""
    return TARGETS | {name: _added(point) for name, point in added(EXPORT_TARGETS, TARGETS).items()}


def _added(point: EntryPoint) -> Target:
    """A target of another package; what it does wrong is told when it is used."""
    try:
        target = loaded(point)
        if not isinstance(target, Target):
            raise failure(point, f"it is a {type(target).__name__}; expected a Target")
    except InputError as problem:
        said = str(problem)
        return Target(point.name, "", said, lambda document: _refuse(said))
    forecast = None if target.forecast is None else _guarded(point, target.forecast)
    return replace(target, name=point.name, render=_guarded(point, target.render), forecast=forecast)


def _refuse(said: str) -> str:
    raise InputError(said)


def _guarded(point: EntryPoint, render: Callable[[LawDocument], Any]) -> Callable[[LawDocument], Any]:
    def content(document: LawDocument) -> Any:
        try:
            made = render(document)
        except DiscoverError:
            raise
        except Exception as problem:
            raise failure(point, problem) from problem
        if not isinstance(made, str | bytes):
            raise failure(point, f"it gives a {type(made).__name__}; expected text or bytes")
        return made

    return content


def target_of(name: str) -> Target:
    """The row of this name.

    Raises:
        InputError: there is no such target.
    """
    known = TARGETS if name in TARGETS else targets()
    if name not in known:
        raise InputError(f"unknown export target {name!r}{near(name, known)} (targets: {', '.join(known)})")
    return known[name]


def export(document: LawDocument, target: str, what: What = "law") -> str | bytes:
    """A law, or the forecast that is the average of several, as the content of a file.

    Args:
        document: the law.
        target: name of a row of `TARGETS`.
        what: the law alone, or the average.

    Raises:
        InputError: there is no such target, the target cannot hold this law or no average, or the document has none.
    """
    row = target_of(target)
    if what == "law":
        return row.render(document)
    if row.forecast is None:
        able = ", ".join(name for name, one in targets().items() if one.forecast is not None)
        raise InputError(f"--to {target} holds one law, not an average; forecasts go to {able}")
    return row.forecast(document)


def file_name(document: LawDocument, target: str, what: What = "law") -> str:
    """Usual name of the exported file, such as "moe_law.py"; importable where it is Python.

    Raises:
        InputError: there is no such target.
    """
    stem = to_identifier(document.task or "law").lower()
    return f"{stem}_{what}{target_of(target).extension}"
