"""Small problems, and laws with constants put in by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import FitResult, Recipe, Structure
from discover.fitting.result import Diagnostics
from discover.scoring import Problem


def problem_from(
    features: Mapping[str, Any], targets: Any, kinds: Mapping[str, Any] | None = None, group: Any = None, **more: Any
) -> Problem:
    """A problem whose columns are scales unless said otherwise."""
    y = np.asarray(targets, float)
    y = y[:, None] if y.ndim == 1 else y
    codes = np.zeros(len(y), np.int64) if group is None else np.asarray(group, np.int64)
    table = Table(
        {name: np.asarray(values, float) for name, values in features.items()},
        y,
        tuple(f"y{t}" for t in range(y.shape[1])),
        codes,
        tuple(f"g{g}" for g in range(int(codes.max()) + 1)),
    )
    return Problem(table, {name: (kinds or {}).get(name, "scale") for name in features}, **more)


def law_with(problem: Problem, text: str, **constants: Any) -> FitResult:
    """A law whose constants are these, in every group and for every target unless arrays are given."""
    structure = Structure(parse(text, list(problem.kinds)))
    table = problem.table
    values = np.empty((table.n_groups, table.n_targets, len(structure.constants)))
    for i, name in enumerate(structure.constants):
        values[:, :, i] = constants[name]
    return FitResult(structure, Recipe(), values, 0.0, table.group_names, table.target_names, Diagnostics())


def chinchilla(n: int = 40, noise: float = 0.0, seed: int = 0, **more: Any) -> Problem:
    """Loss of parameters N and tokens D on a random design."""
    rng = np.random.default_rng(seed)
    N, D = 10 ** rng.uniform(7, 9.5, n), 10 ** rng.uniform(9, 11, n)
    y = 1.8 + 480 * N**-0.35 + 2000 * D**-0.37 + noise * rng.standard_normal(n)
    return problem_from({"N": N, "D": D}, y, **{"axes": ("N", "D"), **more})
