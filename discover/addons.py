"""What other packages add, found by their entry points and loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from discover.errors import InputError

PROPOSERS = "discover.proposers"
"""Group of entry points: each is called with a problem and gives a proposer."""
EXPORT_TARGETS = "discover.export_targets"
"""Group of entry points: each is an export target."""


def added(group: str, own: Collection[str]) -> dict[str, EntryPoint]:
    """Name -> what a package adds to a group; the names of the program's own parts stay theirs."""
    found = sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    return {point.name: point for point in found if point.name not in own}


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that adds it."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module


def loaded(point: EntryPoint) -> Any:
    """What an entry point names.

    Raises:
        InputError: it cannot be imported.
    """
    try:
        return point.load()
    except (Exception, SystemExit) as problem:
        raise failure(point, problem) from problem


def failure(point: EntryPoint, problem: BaseException | str) -> InputError:
    """A sentence on what a package does wrong."""
    said = problem if isinstance(problem, str) else f"{type(problem).__name__}: {problem}".rstrip(": ")
    return InputError(f"{point.name}, which the package {package_of(point)} adds, fails: {' '.join(said.split())}")
