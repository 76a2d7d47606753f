"""Makes examples/runs.csv, the table of the tutorial: training runs as a small team might have them.

    python examples/make_table.py > examples/runs.csv

The runs are made up. Their losses follow E + A*params**(-alpha) + B*tokens**(-beta), with other constants for each
data mix, and noise of 0.3 %. So whatever is found in the table can be compared with the truth.
"""

from __future__ import annotations

import sys

import numpy as np

TRUTH = {"web": (1.74, 420.0, 0.335, 1250.0, 0.325), "web+code": (1.41, 400.0, 0.335, 1000.0, 0.315)}
"""Mix -> E, A, alpha, B, beta."""

SIZES = (22e6, 47e6, 98e6, 205e6, 430e6, 880e6)
TOKENS = (1.0e9, 2.5e9, 6.3e9, 1.6e10, 4.0e10)
AFFORDABLE = 1.3e20
"""Training compute of the most expensive run, in FLOPs (6 per parameter and token)."""


def true_loss(mix: str, params: float, tokens: float) -> float:
    """The loss without noise."""
    E, A, alpha, B, beta = TRUTH[mix]
    return E + A * params**-alpha + B * tokens**-beta


def main() -> None:
    """Writes the table to stdout."""
    rng = np.random.default_rng(7)
    sys.stdout.write("run,mix,params,tokens,batch_size,loss\n")
    number = 0
    for mix in TRUTH:
        for params in SIZES:
            for tokens in TOKENS:
                if 6 * params * tokens > AFFORDABLE:
                    continue
                number += 1
                loss = true_loss(mix, params, tokens) * np.exp(0.003 * rng.standard_normal())
                sys.stdout.write(f"r{number:03d},{mix},{params:.3g},{tokens:.3g},262144,{loss:.4f}\n")


if __name__ == "__main__":
    main()
