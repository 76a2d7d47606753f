"""The Operon proposer: genetic programming in C++ that needs no second runtime.

It computes in 32 bit, so its literals are starting points only. A job is bounded by generations, seeded and on one
thread: its answer is the same on every run of one machine.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from discover.errors import InputError
from discover.proposers.engine_proposer import Circumstances, EngineProposer
from discover.proposers.engines.probe import known_table
from discover.proposers.views import View
from discover.proposers.worker import Worker, python_command
from discover.scoring import Problem

MISSING = "operon needs the package pyoperon, which is not installed; install it with: pip install pyoperon"
EVALUATIONS = 1_500_000  # rows times trees of a job; about a second
GENERATIONS = 30
RAW = ("Add", "Sub", "Mul", "Div", "Pow", "Exp", "Log", "Constant", "Variable")
LOGS = ("Add", "Sub", "Mul", "Div", "Exp", "Log", "Square", "Tanh", "Constant", "Variable")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def missing() -> str | None:
    """Why Operon cannot be used, or None."""
    return None if find_spec("pyoperon") is not None else MISSING


def prober(install: bool = False) -> tuple[Worker, dict[str, Any]]:
    """A worker to see whether Operon works here, and the job of its self-test; nothing is ever fetched."""
    job = {
        "symbols": RAW, "population": 300, "generations": GENERATIONS, "max_length": 12, "max_depth": 8,
        "local_iterations": 5, "seed": 0,
    }  # fmt: skip
    return Worker(command(), environ=ONE_THREAD), {**known_table(), **job}


def command() -> tuple[str, ...]:
    """What starts Operon's process."""
    return python_command("discover.proposers.engines.operon")


class Operon(EngineProposer):
    """Asks Operon.

    Raises:
        InputError: the package is not installed.
    """

    name = "operon"
    package = "pyoperon"
    limit_s = 60.0

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        super().__init__(problem, circumstances)
        reason = missing()
        if reason is not None:
            raise InputError(reason)

    def worker(self) -> Worker:
        return Worker(command(), environ=ONE_THREAD, on_event=self._note, on_ready=self._note_ready)

    def question(self, view: View, seed: int) -> dict[str, Any]:
        population = int(min(600, max(100, EVALUATIONS / (GENERATIONS * max(len(view.y), 30)))))
        return {
            "x": view.x.tolist(), "y": view.y.tolist(),
            "symbols": LOGS if "logs" in view.label else RAW,
            "population": population, "generations": GENERATIONS,
            "max_length": (12, 20, 30)[seed % 3], "max_depth": 8, "local_iterations": 5, "seed": seed,
        }  # fmt: skip
