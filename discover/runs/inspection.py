"""The problems of a task's table, told before a search: checks of the table alone, and rows far off all laws.

problems.json    in the run folder: what was told, with the rows as they are numbered in the file
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.data.aliases import STEP_NAMES, counts_steps, recognise, squash
from discover.data.checks import Columns, Finding, check_early, check_residuals, check_table, late_rows
from discover.data.names import listed
from discover.data.table import Table
from discover.data.tasks import Task
from discover.files import write_whole
from discover.fitting import Effort, FitResult, Recipe, Structure, fit
from discover.proposers.library import Library
from discover.scoring import Problem, problem_of

FILE = "problems.json"
LAWS = 3  # a row is far off only if it is so for the best of these
FEWEST_LAWS = 2
DESCRIBED = 0.5  # of the target's standard deviation: nine tenths of the residuals of a law that describes the rows
TRIED = 24  # laws
LEADERS = 8  # laws that are fitted again without the early rows
ROWS_EACH = 3  # rows for every constant of those
JUDGED_BY = 2  # rows for every constant of the laws by which a row is left out
MOST_ROWS = 400
CHEAP = Effort(draws=8, agree=1, tolerance=1e-7, iterations=40)
ROBUST = Recipe("huber", "log", 1e-3)


@dataclass(frozen=True)
class Located:
    """A finding with its rows as the file numbers them.

    Attributes:
        finding: what was found.
        unit: what is counted, "line" or "row".
        places: numbers of the rows in the file.
        left_out: those of the finding's rows that a search leaves out.
    """

    finding: Finding
    unit: str
    places: tuple[int, ...]
    left_out: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """One line: what is the matter, where, and what to do."""
        many = "s" if len(self.places) > 1 else ""
        where = f" ({self.unit}{many} {listed(self.places)})" if self.places else ""
        return f"{self.finding.text}{where}; {self._fate}{self.finding.advice}"

    @property
    def _fate(self) -> str:
        """What becomes of rows far off."""
        if not self.left_out:
            return ""
        kept = len(self.places) - len(self.left_out)
        which = "it" if len(self.places) == 1 else f"all but the {kept} largest" if kept else "them"
        return f"run and compare leave {which} out, unless --all-rows is given; "

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
    found = _each_once([*check_table(known.table, _columns(known, task)), *_against_laws(known, _growing(task))])
    lines = known.table.lines
    assert lines is not None  # the rows of a task stand in a file
    return [
        Located(
            one,
            known.table.unit,
            tuple(sorted(int(lines[row]) for row in one.rows)),
            _between(known, one.rows) if one.apart else (),
        )
        for one in found
    ]


def _each_once(found: Sequence[Finding]) -> list[Finding]:
    """The findings without those on rows against an assumption that are all far off laws, too, which says more."""
    off = {row for one in found if one.kind == "far_off" for row in one.rows}
    return [one for one in found if one.kind != "against_known" or not off.issuperset(one.rows)]


def judged_on(task: Task, all_rows: bool = False) -> tuple[Problem, list[Located]]:
    """The problem of a task without the rows that a search leaves out, and what is the matter with its table.

    Args:
        task: the task.
        all_rows: none is left out.

    Raises:
        InputError: file, column or cell not as expected.
    """
    problem = problem_of(task)
    found = inspect(task, problem)
    return problem if all_rows else problem.without(left_out(found)), found


def left_out(found: Sequence[Located]) -> tuple[int, ...]:
    """The train rows that a search leaves out, of the problems of a table; in order."""
    return tuple(sorted(row for one in found for row in one.left_out))


def _between(problem: Problem, rows: Sequence[int]) -> tuple[int, ...]:
    """Those of some rows that have larger runs of their group along every axis among the other rows.

    A run between others that no law comes near is a failed one, or has a wrong cell. What the largest runs do, however
    odd, may be what is to come.
    """
    asked = np.array(rows, np.intp)
    others = np.setdiff1d(np.arange(len(problem.table)), asked)
    group = problem.table.group
    inside = np.ones(len(asked), bool)
    for axis in problem.axes:
        size = problem.coordinate(axis)
        largest = np.full(problem.table.n_groups, -np.inf)
        np.maximum.at(largest, group[others], size[others])
        inside &= size[asked] < largest[group[asked]]
    return tuple(asked[inside].tolist())


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


def _columns(problem: Problem, task: Task) -> Columns:
    headings = [task.column(name).heading for name in task.features]
    steps = tuple(name for name in problem.axes if counts_steps(task.column(name).heading, headings))
    monotone = {name: way for name, way in problem.monotone.items() if name not in problem.eventually}
    scales, logged = problem.of_kind("scale"), problem.of_kind("logged")
    return Columns(scales, logged, problem.axes, steps, monotone, problem.target_scale)


def _growing(task: Task) -> list[str]:
    """Features that grow in the course of a run."""
    found = []
    for name in task.features:
        quantity = recognise(task.column(name).heading)
        grows = quantity is not None and quantity.kind in ("data", "compute")
        if grows or squash(name) in STEP_NAMES:
            found.append(name)
    return found


def _against_laws(problem: Problem, growing: Sequence[str]) -> list[Finding]:
    table = replace(problem.table, sweep=None)  # a mistake is one whether the run was set well or not
    full = _residuals(problem, _laws(problem), table)
    # One law alone may be the wrong one.
    best = [(law, residuals) for law, residuals in full if _describes(residuals, table)][:LAWS]
    best = best if len(best) >= FEWEST_LAWS else []
    found = check_residuals(table, [residuals for _, residuals in best], growing)
    if any(_needs(law, table, JUDGED_BY) > len(table) for law, _ in best):
        found = [replace(one, apart=False) for one in found]  # it is told, but too few rows judge it
    leaders = [law for law, _ in full[:LEADERS]]
    for axis in growing if not any(one.kind == "warm_up" for one in found) else ():
        kept = late_rows(table, axis)
        if len(np.unique(table.features[axis][kept])) < 2 or set(table.group[kept]) != set(table.group):
            continue
        # A law of many constants comes near few rows whatever they hold.
        few = [law for law in leaders if _needs(law, table, ROWS_EACH) <= kept.sum()]
        late = _residuals(problem, few, table.take(kept))
        early = check_early(table, axis, [r for _, r in full], [r for _, r in late])
        if early:
            return early
    return found


def _needs(law: Structure, table: Table, each: int) -> int:
    """So many rows for every constant of a law."""
    return each * len(law.constants) * table.n_groups


def _describes(residuals: Floats, table: Table) -> bool:
    """Whether a law describes nine tenths of the rows; what describes nothing tells nothing of single rows."""
    usual = np.quantile(np.abs(residuals), 0.9, axis=0)
    return bool(np.all(usual <= DESCRIBED * table.targets.std(axis=0)))


def _laws(problem: Problem) -> list[Structure]:
    """The laws of the library that use most columns, each once."""
    found = {c.law_key: c.structure for c in reversed(Library(problem).ask(10_000, (), np.random.default_rng(0)))}
    plain = [structure for structure in reversed(found.values()) if not structure.shared]
    return sorted(plain or list(found.values()), key=lambda s: -len(s.features))[:TRIED]


def _residuals(problem: Problem, laws: Sequence[Structure], rows: Table) -> list[tuple[Structure, Floats]]:
    """Laws, and measured minus fitted on all train rows after a fit to some that outliers hardly touch; best first."""
    table = problem.table
    recipe = ROBUST if (table.targets > 0).all() else Recipe("huber", "value", _scale(table.targets))
    found = []
    some = rows.take(np.sort(rows.spread(MOST_ROWS)))
    for law in laws:
        result = fit(law, some, recipe, effort=CHEAP)
        if isinstance(result, FitResult):
            with np.errstate(all="ignore"):
                residuals = result.residuals(table)
            if np.all(np.isfinite(residuals)):
                found.append((law, residuals))
    return sorted(found, key=lambda pair: float(np.median(np.abs(pair[1]))))


def _scale(targets: Floats) -> float:
    return max(0.02 * float(targets.std()), 1e-12)
