"""The PySR proposer: symbolic regression in Julia (Cranmer 2023, arXiv 2305.01582).

Only the engine's process imports PySR; here are its questions and the reading of its answers. The whole front is
taken, not PySR's pick, which goes by the training error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from discover.errors import FormulaError, InputError
from discover.expressions import Call, Constant, Expr, Feature, Number, add, evaluate, mul, substitute
from discover.fitting import Structure
from discover.proposers.base import Told
from discover.proposers.engine_proposer import Circumstances, EngineProposer
from discover.proposers.engines.julia import environment, find_julia
from discover.proposers.equations import is_template, read_equation, read_template, untangle
from discover.proposers.hall_of_fame import read_hall_of_fame
from discover.proposers.logbook import Row
from discover.proposers.views import LABELS, TEMPLATE, View
from discover.proposers.worker import Worker, python_command
from discover.scoring import Problem

NO_PACKAGE = "pysr needs the package pysr, which is not installed; install it with: pip install pysr"
NO_JULIA = "pysr needs Julia, which is not installed here; fetch it with: discover engines --install pysr"
START_S = 300.0  # the first start after an installation compiles Julia's packages, for two to three minutes
TIMEOUT_S = 8.0  # of a search; the first one in a process compiles for some 15 s more
SLACK_S = 60.0
ITERATIONS = 6  # where the answer must not depend on the clock
POPULATIONS = 8
MAXSIZE = 25
GUESSES = 3
OPERATORS = {"add": "+", "mul": "*", "pow": "^"}
FUNCTIONS = ("exp", "log")
FACTOR, OFFSET = "group_factor", "group_offset"


def missing() -> str | None:
    """Why PySR cannot be used, or None; whether Julia starts is seen only when it is started."""
    if find_spec("pysr") is None:
        return NO_PACKAGE
    return None if find_julia() else NO_JULIA


def command() -> tuple[str, ...]:
    """What starts PySR's process."""
    return python_command("discover.proposers.engines.pysr")


class PySR(EngineProposer):
    """Asks PySR.

    Args:
        start: command of the engine's process; replaced in tests.

    Raises:
        InputError: the package or Julia is missing.
    """

    name = "pysr"
    views = (*LABELS, TEMPLATE)

    def __init__(self, problem: Problem, circumstances: Circumstances, start: Sequence[str] = ()) -> None:
        super().__init__(problem, circumstances)
        self.start = tuple(start)
        self.repeatable = self.patient  # in a budget of time it searches for a number of seconds
        self.limit_s = 600.0 if self.patient else TIMEOUT_S + SLACK_S
        reason = None if start else missing()
        if reason is not None:
            raise InputError(reason)

    def worker(self) -> Worker:
        return Worker(
            self.start or command(),
            environ=environment(),
            start_s=START_S,
            on_event=lambda text: self.logbook.note(self.name, text),
            rescue=lambda folder, job: read_hall_of_fame(folder / f"job{job}"),
        )

    def question(self, view: View, seed: int) -> dict[str, Any]:
        job: dict[str, Any] = {
            "x": view.x.tolist(), "y": view.y.tolist(), "seed": seed, "maxsize": MAXSIZE,
            "populations": POPULATIONS, "deterministic": self.patient,
            "niterations": ITERATIONS if self.patient else 1_000_000,
            "timeout_s": None if self.patient else TIMEOUT_S,
        }  # fmt: skip
        if view.label.startswith(TEMPLATE):
            groups = int(view.codes.max()) + 1
            job["x"] = np.column_stack([view.x, view.codes + 1.0]).tolist()
            job["template"] = {
                "combine": f"c[g] * f({', '.join(view.names)}) + e[g]", "expressions": ["f"],
                "variables": [*view.names, "g"], "parameters": {"c": groups, "e": groups},
            }  # fmt: skip
        else:
            job["guesses"] = guesses(self._elites, view)
        return job

    def structures(self, row: Row, view: View) -> list[Structure]:
        if not is_template(row.equation):
            return super().structures(row, view)
        law = untangle(template_law(row.equation, view), self.positive)
        parameters = read_template(row.equation).parameters
        known = {FACTOR: _middle(parameters["c"]), OFFSET: _middle(parameters["e"])}
        return self.laws(law, replace(view, known={**view.known, **known}))


def _middle(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 1.0


def template_law(text: str, view: View) -> Expr:
    """The law of a template ``c[g]*f(x) + e[g]`` found on a view.

    Raises:
        FormulaError: the text cannot be read, or is not of this template.
    """
    template = read_template(text)
    if set(template.functions) != {"f"} or not {"c", "e"} <= set(template.parameters):
        raise FormulaError("the template is not the one that was asked for")
    columns = {f"#{i + 1}": meaning for i, meaning in enumerate(view.meaning.values())}
    body = read_equation(template.functions["f"], columns)
    return view.law(add(Constant(OFFSET), mul(Constant(FACTOR), body)))


def guesses(elites: Sequence[Told], view: View) -> list[str]:
    """The best elites in the columns of a view, as starting points; for versions of PySR that take them."""
    out: list[str] = []
    if not view.label.startswith("table") or view.pooled:
        return out
    columns = column_texts(view)
    if columns is None:
        return out
    for told in elites:
        if len(out) == GUESSES:
            break
        fit = told.score.fit
        if fit is None:
            continue
        numbers: dict[str, Expr] = {n: Number(v) for n, v in fit.named().items() if np.isfinite(v)}
        text = julia_text(substitute(told.candidate.structure.expr, numbers), columns)
        if text is not None:
            offset, scale = law_scale(view)
            out.append(f"(({text} + {-offset!r}) * {1.0 / scale!r})")
    return out


def law_scale(view: View) -> tuple[float, float]:
    """Mean and width of the target that the view standardises away."""
    zero, one = (float(evaluate(view.law(Number(v)), dict(view.known))) for v in (0.0, 1.0))
    return zero, one - zero


def column_texts(view: View) -> dict[str, str] | None:
    """The table's columns in Julia, by the view's: ``(x0 * 5e8)`` for a scaled one; None for other meanings."""
    out: dict[str, str] = {}
    for name, meaning in view.meaning.items():
        if isinstance(meaning, Feature):
            out[meaning.name] = name
            continue
        if not (isinstance(meaning, Call) and meaning.op == "mul" and len(meaning.args) == 2):
            return None
        scale, column = meaning.args
        if not (isinstance(scale, Number) and isinstance(column, Feature)):
            return None
        out[column.name] = f"({name} * {1.0 / scale.value!r})"
    return out


def julia_text(expr: Expr, columns: dict[str, str]) -> str | None:
    """A tree with every operation in parentheses and without signs, which an operator set may lack; None if it
    has an operator that the engine is not given."""
    if isinstance(expr, Number):
        return repr(expr.value) if expr.value >= 0 else f"({expr.value!r})"
    if isinstance(expr, Feature):
        return columns.get(expr.name)
    if not isinstance(expr, Call):
        return None
    args = [julia_text(arg, columns) for arg in expr.args]
    known = [arg for arg in args if arg is not None]
    if len(known) < len(args):
        return None
    if expr.op in FUNCTIONS:
        return f"{expr.op}({known[0]})"
    sign = OPERATORS.get(expr.op)
    return None if sign is None else _joined(sign, known)


def _joined(sign: str, args: list[str]) -> str:
    text = args[0]
    for arg in args[1:]:
        text = f"({text} {sign} {arg})"
    return text
