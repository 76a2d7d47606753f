"""The engine's side of PySR: the only place that imports it, in a process that may be killed.

PySR 1.5 and 2.x. Importing it starts Julia. An exception of any type may come from there.
"""

from __future__ import annotations

import math
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from discover.proposers.engines.serve import Job, Work, serve


def main() -> None:
    """Serves jobs until standard input ends."""
    serve(_start)


def _start() -> tuple[dict[str, Any], Work]:
    from importlib.metadata import version

    warnings.simplefilter("ignore")
    import pysr

    facts: dict[str, Any] = {"pysr": version("pysr"), "julia": str(pysr.jl.seval("string(VERSION)"))}
    return facts, Engine(pysr, facts["pysr"]).work


class Engine:
    """Fits with the installed version of PySR.

    Args:
        pysr: the module.
        version: of the package, such as "1.5.10".
    """

    def __init__(self, pysr: Any, version: str) -> None:
        self.pysr = pysr
        self.major = int(re.match(r"\d+", version).group()) if re.match(r"\d+", version) else 2  # type: ignore[union-attr]

    def work(self, job: Job) -> list[list[Any]]:
        """The front of a job; of a fit that failed after it wrote one, what it wrote."""
        run = Path(job["folder"]) / f"job{job['id']}"
        try:
            model = self.pysr.PySRRegressor(**self.settings(job, run))
            x = np.asarray(job["x"], dtype=np.float64)
            model.fit(x, np.asarray(job["y"], dtype=np.float64))
            return equations(model.equations_)
        except Exception:
            from discover.proposers.hall_of_fame import read_hall_of_fame

            rows = read_hall_of_fame(run)
            if not rows:
                raise
            return [[row.complexity, row.loss, row.equation] for row in rows]
        finally:
            shutil.rmtree(run, ignore_errors=True)

    def settings(self, job: Job, run: Path) -> dict[str, Any]:
        """Arguments of the regressor. `deterministic` needs one thread; 32 bit would overflow in powers."""
        out: dict[str, Any] = {
            "binary_operators": ["+", "-", "*", "/", "^"],
            "unary_operators": ["exp", "log"],
            "constraints": {"^": (-1, 1)},
            "nested_constraints": {"exp": {"exp": 1, "log": 1}, "log": {"log": 0, "exp": 1}},
            "maxsize": max(7, int(job["maxsize"])),
            "niterations": int(job["niterations"]),
            "populations": int(job["populations"]),
            "precision": 64,
            "random_state": int(job["seed"]),
            "parallelism": "serial" if job["deterministic"] else "multithreading",
            "deterministic": bool(job["deterministic"]),
            "verbosity": 0,
            "progress": False,
            "input_stream": "devnull",  # jobs come on standard input
            "output_directory": str(run.parent),
            "run_id": run.name,
            "batching": False,
        }
        if job.get("timeout_s"):
            out["timeout_in_seconds"] = float(job["timeout_s"])
        if job.get("template"):
            out["expression_spec"] = self.template(job["template"])
            del out["nested_constraints"], out["constraints"]
        elif job.get("guesses") and self.major >= 2:
            out["guesses"] = list(job["guesses"])
        return out

    def template(self, parts: dict[str, Any]) -> Any:
        """One function shared by all groups, and parameters by the number of the group."""
        return self.pysr.TemplateExpressionSpec(
            combine=parts["combine"],
            expressions=list(parts["expressions"]),
            variable_names=list(parts["variables"]),
            parameters=dict(parts["parameters"]),
        )


def equations(table: Any) -> list[list[Any]]:
    """Rows of the table `equations_`: complexity, loss, text."""
    return [
        [int(complexity), float(loss), str(text)]
        for complexity, loss, text in zip(table["complexity"], table["loss"], table["equation"], strict=True)
        if math.isfinite(float(loss))
    ]


if __name__ == "__main__":
    main()
