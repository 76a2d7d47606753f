"""An example of a package that adds to discover: a proposer of laws, and an export target.

The entry points in `pyproject.toml` name both. Once the package is installed, `discover run --proposers auto` asks the
proposer, `discover engines` lists it, and `discover export --to constants` writes the file.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Sequence

import numpy as np

from discover.export import LawDocument, Target
from discover.law.intake import intake
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.scoring import Problem


class Stretched:
    """A stretched exponential in each column."""

    name = "stretched"

    def __init__(self, problem: Problem) -> None:
        columns = {name: name for name in problem.table.features}
        self._laws = deque(
            Candidate(*intake(f"E + A*exp(-k*{name}**beta)", columns), f"stretched:{name}") for name in columns
        )

    def ask(self, n: int, elites: Sequence[Told], rng: np.random.Generator) -> list[Candidate]:
        return [self._laws.popleft() for _ in range(min(n, len(self._laws)))]

    def tell(self, results: Sequence[Told]) -> None:
        """A proposer that learns would look at the scores here."""

    def drop(self, candidate: Candidate, reason: str) -> None:
        """It was proposed before."""

    def close(self) -> None:
        """There is nothing to end."""


def constants(document: LawDocument) -> str:
    """Every constant on a line, with its standard error."""
    held = io.StringIO()
    table = csv.writer(held)
    table.writerow(("group", "target", "constant", "value", "error"))
    for entry in document.constants:
        table.writerows(
            (entry.group, entry.target, name, v, entry.errors.get(name)) for name, v in entry.values.items()
        )
    return held.getvalue()


CONSTANTS = Target("constants", "_constants.csv", "every constant with its standard error, one per line", constants)
