"""Small problems, and laws with constants put in by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import FitResult, Recipe, Structure
from discover.fitting.result import Diagnostics
from discover.rules import RULES
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


def with_cuts(problem: Problem, cuts: int) -> Problem:
    """The same problem with so many cuts of a family of folds."""
    return replace(problem, rules=RULES.with_value("folds", "cuts", cuts))


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


def two_families(seed: int) -> Problem:
    """Losses of two families of models by the constants of Hoffmann et al.; one has few and large sizes."""
    rng = np.random.default_rng(seed)
    sizes = (10 ** rng.uniform(7.5, 9.7, rng.integers(6, 9)), 10 ** rng.uniform(8.5, 10, rng.integers(2, 5)))
    repeats = (int(rng.integers(5, 8)), int(rng.integers(4, 6)))
    rows = [(g, n, n * r) for g in (0, 1) for n in sizes[g] for r in 10 ** rng.uniform(0.3, 2.3, repeats[g])]
    kept = np.sort(rng.permutation(len(rows))[: rng.integers(53, 64)])
    group, params, tokens = np.array(rows)[kept].T
    loss = np.where(group == 0, 1.69, 1.8) + 406.4 * params**-0.34 + 410.7 * tokens**-0.28
    loss *= np.exp(0.003 * rng.standard_normal(len(loss)))
    falls: Any = {"params": "decreasing", "tokens": "decreasing"}
    columns = {"params": params, "tokens": tokens}
    return problem_from(columns, loss, group=group, axes=("params", "tokens"), monotone=falls)
