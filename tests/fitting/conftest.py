"""Small tables made from known laws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from discover.data.table import Table
from discover.expressions import parse
from discover.fitting import Structure

Floats = NDArray[np.float64]


def make_table(
    features: Mapping[str, Any], targets: Any, *, group: Any = None, groups: tuple[str, ...] = ("all",), **more: Any
) -> Table:
    y = np.asarray(targets, float)
    y = y[:, None] if y.ndim == 1 else y
    codes = np.zeros(len(y), np.int64) if group is None else np.asarray(group, np.int64)
    names = tuple(f"y{t}" for t in range(y.shape[1]))
    return Table({k: np.asarray(v, float) for k, v in features.items()}, y, names, codes, groups, **more)


def chinchilla(n: int = 120, noise: float = 0.0, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    N, D = np.exp(rng.uniform(17, 23, n)), np.exp(rng.uniform(20, 26, n))
    y = (1.8 + 480 * N**-0.35 + 2000 * D**-0.37) * np.exp(noise * rng.standard_normal(n))
    return make_table({"N": N, "D": D}, y)


@pytest.fixture
def table_of() -> Callable[..., Table]:
    return make_table


@pytest.fixture
def chinchilla_rows() -> Callable[..., Table]:
    return chinchilla


@pytest.fixture
def law() -> Structure:
    return Structure(parse("E + A*N**(-alpha) + B*D**(-beta)", ["N", "D"]))
