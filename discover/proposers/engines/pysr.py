"""The engine's side of PySR: the only place that imports it, in a process that may be killed.

Importing it starts Julia. An exception of any type may come from there. `pysr_versions` says what differs between the
versions.
"""

from __future__ import annotations

import math
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from discover.proposers.engines.pysr_versions import manners
from discover.proposers.engines.serve import Job, Work, serve
from discover.proposers.hall_of_fame import read_hall_of_fame


def main() -> None:
    """Serves jobs until the search is over."""
    serve(_start)


def _start() -> tuple[dict[str, Any], Work]:
    from importlib.metadata import version

    warnings.simplefilter("ignore")
    facts: dict[str, Any] = {"pysr": version("pysr")}
    manners(facts["pysr"])
    import pysr

    facts["julia"] = str(pysr.jl.seval("string(VERSION)"))
    facts["SymbolicRegression"] = str(pysr.jl.seval("string(pkgversion(SymbolicRegression))"))
    return facts, Engine(pysr, facts["pysr"]).work


class Engine:
    """Fits with the installed version of PySR.

    Args:
        pysr: the module.
        version: of the package, such as "1.5.10".
    """

    def __init__(self, pysr: Any, version: str) -> None:
        self.pysr, self.manners = pysr, manners(version)

    def work(self, job: Job) -> list[list[Any]]:
        """The front of a job; of a fit that failed after it wrote one, what it wrote.

        A guess that the version does not read costs the guess and not the answer.
        """
        try:
            return self.fit(job)
        except Exception as problem:
            if not job.get("guesses"):
                raise
            said = f"{type(problem).__name__}: {problem}".partition("\n")[0][:200]
            job["notes"] = [f"a job was done without its guesses, which PySR refused: {said}"]
            return self.fit({**job, "guesses": []})

    def fit(self, job: Job) -> list[list[Any]]:
        """The front of a job, in a folder of its own that is gone afterwards."""
        run = Path(job["folder"]) / f"job{job['id']}"
        try:
            self.seed(int(job["seed"]))
            model = self.pysr.PySRRegressor(**self.settings(job, run))
            x = np.asarray(job["x"], dtype=np.float64)
            model.fit(x, np.asarray(job["y"], dtype=np.float64))
            return equations(model.equations_)
        except Exception:
            rows = read_hall_of_fame(run)
            if not rows:
                raise
            return [[row.complexity, row.loss, row.equation] for row in rows]
        finally:
            shutil.rmtree(run, ignore_errors=True)

    def seed(self, seed: int) -> None:
        """Seeds Julia's own generator, from which templates draw their parameters, whatever `random_state` says."""
        self.pysr.jl.seval("using Random: Random")
        self.pysr.jl.seval(f"Random.seed!({seed})")

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
            "input_stream": "devnull",
            "output_directory": str(run.parent),
            "run_id": run.name,
            "batching": False,
        }
        if job.get("timeout_s"):
            out["timeout_in_seconds"] = float(job["timeout_s"])
        if job.get("template"):
            out["expression_spec"] = self.template(job["template"])
            del out["nested_constraints"], out["constraints"]
        takes = self.manners.template_guesses if job.get("template") else self.manners.guesses
        if job.get("guesses") and takes:
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
