"""The PySR proposer: symbolic regression in Julia (Cranmer 2023, arXiv 2305.01582).

Only the engine's process imports PySR; here are its questions and the reading of its answers. The whole front is
taken, not PySR's pick, which goes by the training error.
"""

from __future__ import annotations

import re
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
from discover.proposers.engines.probe import known_table
from discover.proposers.equations import is_template, read_equation, read_template
from discover.proposers.hall_of_fame import read_hall_of_fame
from discover.proposers.logbook import Row
from discover.proposers.untangling import untangle
from discover.proposers.views import LABELS, MOST_GROUPS, PLAIN, TEMPLATE, View, make_view, medians
from discover.proposers.worker import Worker, python_command
from discover.scoring import Problem

NO_PACKAGE = "pysr needs the package pysr, which is not installed; install it with: pip install pysr"
NO_JULIA = "pysr needs Julia, which is not installed here; fetch it with: discover engines --install pysr"
START_S = 300.0  # the first start after an installation compiles Julia's packages, for two to three minutes
TIME_SHARE = 1 / 12  # of a budget of time, for one question,
LEAST_S, MOST_S = 4.0, 60.0  # within these bounds
SLACK_S = 60.0
WORK = 9000  # rows times iterations of a question where the answer must not depend on the clock; one to three seconds
LEAST_ITERATIONS, MOST_ITERATIONS = 6, 40
POPULATIONS = 8
MAXSIZE = 25
GUESSES = 3
TEST_S = 2.0  # of the self-test
WARM_ROWS = 60
WARM_UP_S = 120.0
OPERATORS = {"add": "+", "mul": "*", "pow": "^"}
FUNCTIONS = ("exp", "log")
FACTOR, OFFSET = "group_factor", "group_offset"


def missing() -> str | None:
    """Why PySR cannot be used, or None; whether Julia starts is seen only when it is started."""
    if find_spec("pysr") is None:
        return NO_PACKAGE
    return None if find_julia() else NO_JULIA


def prober(install: bool = False, timeout_s: float = START_S) -> tuple[Worker, dict[str, Any]]:
    """A worker to see whether PySR works here, and the job of its self-test.

    Args:
        install: Julia and its packages may be fetched.
        timeout_s: seconds for the start, with a small job to warm up.
    """
    job = {
        **known_table(), "seed": 0, "maxsize": 12, "populations": POPULATIONS, "deterministic": False,
        "niterations": 1_000_000, "timeout_s": TEST_S, "guesses": [],
    }  # fmt: skip
    environ = {**environment(install=install), "PYTHONUNBUFFERED": "1"}
    return Worker(command(), environ=environ, start_s=timeout_s, warm_up=[{**job, "niterations": 1}]), job


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

    name = package = "pysr"
    views = (*LABELS, TEMPLATE)
    opening = (TEMPLATE, "table", "logs")

    def __init__(self, problem: Problem, circumstances: Circumstances, start: Sequence[str] = ()) -> None:
        super().__init__(problem, circumstances)
        self.start = tuple(start)
        self.repeatable = self.patient  # in a budget of time it searches for a number of seconds
        self.early = not self.patient
        self.timeout_s = (
            None if self.patient else min(MOST_S, max(LEAST_S, TIME_SHARE * (circumstances.seconds or 0.0)))
        )
        self.limit_s = 600.0 if self.timeout_s is None else self.timeout_s + SLACK_S
        reason = None if start else missing()
        if reason is not None:
            raise InputError(reason)

    def worker(self) -> Worker:
        groups = self.problem.table.n_groups
        if groups > MOST_GROUPS:
            self._note(f"templates are asked for {MOST_GROUPS} of the {groups} groups at a time")
        return Worker(
            self.start or command(),
            environ=environment(),
            start_s=START_S,
            on_event=self._note,
            on_ready=self._note_ready,
            warm_up=self.warm_up(),
            rescue=lambda folder, job: read_hall_of_fame(folder / f"job{job}"),
        )

    def question(self, view: View, seed: int) -> dict[str, Any]:
        iterations = min(MOST_ITERATIONS, max(LEAST_ITERATIONS, WORK // len(view.y)))
        job: dict[str, Any] = {
            "x": view.x.tolist(), "y": view.y.tolist(), "seed": seed, "maxsize": MAXSIZE,
            "populations": POPULATIONS, "deterministic": self.patient,
            "niterations": iterations if self.patient else 1_000_000, "timeout_s": self.timeout_s,
        }  # fmt: skip
        starts: list[Any] = [*guesses(self._elites, view)]
        if view.label.startswith(TEMPLATE):
            present, codes = np.unique(view.codes, return_inverse=True)
            job["x"] = np.column_stack([view.x, codes + 1.0]).tolist()
            job["template"] = {
                "combine": f"c[g] * f({', '.join(view.names)}) + e[g]", "expressions": ["f"],
                "variables": [*view.names, "g"], "parameters": {"c": len(present), "e": len(present)},
            }  # fmt: skip
            one, zero = [1.0] * len(present), [0.0] * len(present)
            starts = [{"f": _with_arguments(text, view.names), "c": one, "e": zero} for text in starts]
        return {**job, "guesses": starts}

    def warm_up(self) -> list[dict[str, Any]]:
        """Small jobs for which Julia compiles what the questions need, so that this takes no time from them."""
        jobs = []
        for label in ("table", TEMPLATE):
            view = make_view(label, self.problem, (), np.random.default_rng(0)) if label in self.bandit.arms else None
            if view is not None:
                job = self.question(view, 0)
                thin = max(1, len(job["y"]) // WARM_ROWS)
                few = {"x": job["x"][::thin], "y": job["y"][::thin], "niterations": 1, "timeout_s": WARM_UP_S}
                jobs.append({**job, **few, "guesses": []})
        return jobs

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
    """The best elites in the columns of a view, as starting points; for versions of PySR that take them.

    For a template, in which a factor and an offset belong to every group, with the typical constants of the groups.
    """
    out: list[str] = []
    kinds = (TEMPLATE,) if view.pooled else ("table", "logs")
    if not view.label.startswith(kinds) or view.recipe != PLAIN:
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
        numbers: dict[str, Expr] = {n: Number(v) for n, v in medians(fit).items()}
        text = julia_text(substitute(told.candidate.structure.expr, numbers), columns)
        if text is not None:
            offset, scale = law_scale(view)
            out.append(f"(({text} + {-offset!r}) * {1.0 / scale!r})")
    return out


def _with_arguments(text: str, names: Sequence[str]) -> str:
    """A text in the columns as the function of a template: its arguments are #1, #2, ..."""
    places = {name: f"#{i}" for i, name in enumerate(names, start=1)}
    return re.sub(r"\bx\d+\b", lambda found: places[found.group()], text)


def law_scale(view: View) -> tuple[float, float]:
    """Mean and width of the target that the view standardises away."""
    zero, one = (float(evaluate(view.law(Number(v)), dict(view.known))) for v in (0.0, 1.0))
    return zero, one - zero


def column_texts(view: View) -> dict[str, str] | None:
    """The table's columns in Julia, by the view's: ``(x0 * 5e8)`` of a scaled one, ``(exp(x0) * 5e8)`` of a logarithm.
    None where a column of the view is not one of the table's."""
    out: dict[str, str] = {}
    for name, meaning in view.meaning.items():
        found = _solved(meaning, name)
        if found is None:
            return None
        out[found[0]] = found[1]
    return out


def _solved(meaning: Expr, text: str) -> tuple[str, str] | None:
    """The column of which something is made that has the value of a text, and the text of the column's value."""
    if isinstance(meaning, Feature):
        return meaning.name, text
    if not isinstance(meaning, Call):
        return None
    if meaning.op == "log":
        return _solved(meaning.args[0], f"exp({text})")
    numbers = [arg.value for arg in meaning.args if isinstance(arg, Number)]
    others = [arg for arg in meaning.args if not isinstance(arg, Number)]
    if len(numbers) != 1 or len(others) != 1:
        return None
    if meaning.op == "mul":
        return _solved(others[0], f"({text} * {1.0 / numbers[0]!r})")
    return _solved(others[0], f"({text} + {-numbers[0]!r})") if meaning.op == "add" else None


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
