"""A program run by hand, operand by operand, for comparison with the tree it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from discover.data.table import Table
from discover.expressions import Expr
from discover.fitting import kernel
from discover.fitting.layout import Layout
from discover.fitting.program import VECTOR, compile_program

Outputs = tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]


@pytest.fixture(scope="session")
def run_program() -> Callable[..., Outputs]:
    return _run


def _run(expr: Expr, features: Mapping[str, NDArray[np.float64]], constants: Mapping[str, float]) -> Outputs:
    """Value (n,) and derivative with respect to every constant, (n,) each, as the kernel computes them."""
    program = compile_program(expr)
    n = len(next(iter(features.values())))
    assert n <= kernel.ROWS
    table = Table(features, np.zeros((n, 1)), ("y",), np.zeros(n, dtype=np.int64), ("all",))
    p, q = len(program.linear), len(program.own)
    S, V, _, bits, twos, _ = kernel.workspace(len(program.scalars), program.n_vectors, p, q)
    S[:] = program.scalars
    S[: p + q] = [constants[name] for name in program.constants]
    V[: len(program.columns), :n] = Layout.of(table).design(program.columns)[0]
    code, ends = program.code, program.bounds
    kernel._run_scalars(code, 0, ends[0], S)
    kernel._run_scalars(code, ends[1], ends[2], S)
    kernel._run_vectors(code, ends[0], ends[1], S, V, n, bits, twos)
    kernel._run_vectors(code, ends[2], ends[3], S, V, n, bits, twos)
    out = [V[k - VECTOR, :n].copy() if k >= VECTOR else np.full(n, S[k]) for k in program.outputs]
    value = out[p] + sum(constants[name] * out[j] for j, name in enumerate(program.linear))
    return value, dict(zip(program.constants, out[:p] + out[p + 1 :], strict=True))
