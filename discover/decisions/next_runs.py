"""The runs to do next for a law: candidates and the target scale put together, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.data.reading import read_table
from discover.decisions.candidates import costs_of, grid, points_ahead, points_named
from discover.decisions.questions import Ends
from discover.decisions.suggestion import Points, suggest
from discover.errors import InputError
from discover.forecasts import Ensemble
from discover.forecasts.reading import points_of_file
from discover.scoring import Problem


@dataclass(frozen=True)
class NextRun:
    """A run to do.

    Attributes:
        place: among the candidates, from 0.
        at: column -> value.
        group: its group; None for a law without groups.
        cost: its cost, or None.
        sd: target -> standard deviation of the forecast at the target scale that is to be expected after this run and
            those before it.
    """

    place: int
    at: Mapping[str, float]
    group: str | None
    cost: float | None
    sd: Mapping[str, float]


@dataclass(frozen=True)
class NextRuns:
    """The runs that would narrow the forecast at the target scale most, in the order in which they were chosen.

    Attributes:
        law: formula of the chosen law.
        runs: what to do.
        before: target -> standard deviation of the forecast at the target scale now, without the noise of a new
            measurement.
        candidates: number of runs that could be done.
        target_scale: points at which the forecast is wanted.
    """

    law: str
    runs: tuple[NextRun, ...]
    before: Mapping[str, float]
    candidates: int
    target_scale: Points

    @property
    def cost(self) -> float | None:
        """Of all runs together."""
        costs = [run.cost for run in self.runs if run.cost is not None]
        return sum(costs) if costs else None

    def plain(self) -> dict[str, Any]:
        """The answer as JSON has it."""
        return {
            "law": self.law,
            "candidates": self.candidates,
            "target_scale": {name: values.tolist() for name, values in self.target_scale.features.items()},
            "sd_before": dict(self.before),
            "cost": self.cost,
            "runs": [
                {
                    "candidate": run.place + 1,
                    "at": dict(run.at),
                    "group": run.group,
                    "cost": run.cost,
                    "sd_after": dict(run.sd),
                }
                for run in self.runs
            ],
        }


def next_runs(
    ensemble: Ensemble,
    problem: Problem | None,
    *,
    n: int,
    candidates: Path | None,
    cost: str | None,
    cost_limit: float | None,
    target_scale: Mapping[str, float],
    bounds: Mapping[str, Ends],
    fix: Mapping[str, float],
    group: str | None,
) -> NextRuns:
    """The runs to do next, see `discover.suggest`; `problem` is that of the law's run, where it is of a run.

    Raises:
        InputError: an option is not as expected, no candidate can be paid for, or the law forecasts nothing there.
    """
    document = ensemble.document
    groups = document.groups if group is None else (document.groups[document.group_code(group)],)
    if cost_limit is not None and not cost_limit > 0:
        raise InputError(f"--cost-limit is {cost_limit:g}; expected a number above zero")
    if candidates is not None:
        if bounds:
            raise InputError("--bounds is for the grid; with --candidates the file says which runs could be done")
        points, costs = _in_file(ensemble, candidates, cost, cost_limit, fix, group)
    else:
        if cost_limit is not None and cost is None:
            raise InputError('--cost-limit needs a cost; say with --cost what a run costs, such as "6*params*tokens"')
        points = grid(ensemble, bounds, fix, groups, None if problem is None else problem.table)
        points, costs = _affordable(
            points, None if cost is None else costs_of(points, cost, fix, ensemble.document), cost_limit
        )
    at = (
        points_named(ensemble, target_scale, groups)
        if problem is None
        else points_ahead(problem, document, target_scale, group)
    )
    found = suggest(ensemble, points, at, n, costs=costs, limit=cost_limit)
    runs = (
        NextRun(
            pick.place,
            {name: float(values[pick.place]) for name, values in points.features.items()},
            points.groups[pick.place] if document.group_column is not None else None,
            pick.cost,
            pick.sd,
        )
        for pick in found.picks
    )
    return NextRuns(document.formula, tuple(runs), found.before, len(points), at)


def _in_file(
    ensemble: Ensemble, file: Path, cost: str | None, limit: float | None, fix: Mapping[str, float], group: str | None
) -> tuple[Points, Floats | None]:
    """The candidates of a table with their costs: by the formula, or of a column."""
    columns, groups, _ = points_of_file(ensemble.document, ensemble.inputs, group, file)
    points = Points({name: np.array(values, dtype=np.float64) for name, values in columns.items()}, tuple(groups))
    if cost is not None:
        return points, costs_of(points, cost, fix, ensemble.document)
    raw = read_table(file)
    if "cost" in raw.columns:
        return points, raw.numbers("cost", range(len(raw)), "positive")
    if limit is not None:
        raise InputError(f"--cost-limit needs a cost: a column 'cost' in {file}, or --cost")
    return points, None


def _affordable(points: Points, costs: Floats | None, limit: float | None) -> tuple[Points, Floats | None]:
    """The points of a grid that one could pay for."""
    if costs is None or limit is None or not (costs <= limit).any():
        return points, costs
    kept = costs <= limit
    groups = tuple(name for name, keep in zip(points.groups, kept.tolist(), strict=True) if keep)
    return Points({name: values[kept] for name, values in points.features.items()}, groups), costs[kept]
