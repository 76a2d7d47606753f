"""The problems of a task's table, told before a search: checks of the table alone, and rows far off every law.

problems.json    in the run folder: what was told, with the rows as they are numbered in the file
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discover.data.aliases import STEP_NAMES, recognise, squash
from discover.data.checks import Columns, Finding, check_residuals, check_table
from discover.data.names import listed
from discover.data.tasks import Task
from discover.documents import write_whole
from discover.fitting import QUICK, FitResult, Recipe, fit
from discover.proposers.library import Library
from discover.scoring import Problem, problem_of

Floats = NDArray[np.float64]

FILE = "problems.json"
LAWS = 3  # a row is far off only if it is so for the best of these
FEWEST_LAWS = 2
ROBUST = Recipe("huber", "log", 1e-3)


@dataclass(frozen=True)
class Located:
    """A finding with its rows as the file numbers them.

    Attributes:
        finding: what was found.
        unit: what is counted, "line" or "row".
        places: numbers of the rows in the file.
    """

    finding: Finding
    unit: str
    places: tuple[int, ...]

    @property
    def text(self) -> str:
        """One line: what is the matter, where, and what to do."""
        many = "s" if len(self.places) > 1 else ""
        where = f" ({self.unit}{many} {listed(self.places)})" if self.places else ""
        return f"{self.finding.text}{where}; {self.finding.advice}"

    def keys(self) -> dict[str, Any]:
        """The finding as the keys of a JSON object."""
        return {
            "kind": self.finding.kind,
            "text": self.text,
            "columns": list(self.finding.columns),
            "unit": self.unit,
            "rows": list(self.places),
        }


def inspect(task: Task, problem: Problem | None = None) -> list[Located]:
    """The problems of a task's train rows. Takes well under a second, but for compiling the kernel.

    Args:
        task: the task.
        problem: the task's problem, if it was made before.

    Raises:
        InputError: file, column or cell not as expected.
    """
    known = problem_of(task) if problem is None else problem
    found = check_table(known.table, _columns(known))
    found += check_residuals(known.table, _best_residuals(known), _growing(task))
    if not found:
        return []
    unit, places = task.train_places()
    return [Located(one, unit, tuple(places[row] for row in one.rows)) for one in found]


def save(folder: Path, found: Sequence[Located]) -> None:
    """Notes the problems in a run folder.

    Raises:
        InputError: not writable, or the disk is full.
    """
    text = json.dumps([one.keys() for one in found], indent=1, ensure_ascii=False)
    write_whole(folder / FILE, text.encode() + b"\n")


def saved(folder: Path) -> list[dict[str, Any]]:
    """The problems noted in a run folder; none for a folder without them."""
    try:
        content = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return []
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def _columns(problem: Problem) -> Columns:
    return Columns(problem.of_kind("scale"), problem.of_kind("logged"), problem.axes, problem.target_scale)


def _growing(task: Task) -> list[str]:
    """Features that grow in the course of a run."""
    found = []
    for name in task.features:
        quantity = recognise(task.column(name).heading)
        grows = quantity is not None and quantity.kind in ("data", "compute")
        if grows or squash(name) in STEP_NAMES:
            found.append(name)
    return found


def _best_residuals(problem: Problem) -> list[Floats]:
    """Measured minus fitted of the laws of the library that fit most rows best."""
    table = problem.table
    recipe = ROBUST if (table.targets > 0).all() else Recipe("huber", "value", _scale(table.targets))
    found: list[tuple[float, Floats]] = []
    tried: set[str] = set()
    for candidate in Library(problem).ask(10_000, (), np.random.default_rng(0)):
        if candidate.law_key in tried:
            continue
        tried.add(candidate.law_key)
        result = fit(candidate.structure, table, recipe, effort=QUICK)
        if isinstance(result, FitResult):
            residuals = result.residuals(table)
            found.append((float(np.median(np.abs(residuals))), residuals))
    found.sort(key=lambda pair: pair[0])
    # One law alone may be the wrong one.
    return [residuals for _, residuals in found[:LAWS]] if len(found) >= FEWEST_LAWS else []


def _scale(targets: Floats) -> float:
    return max(0.02 * float(targets.std()), 1e-12)
