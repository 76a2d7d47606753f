"""Who proposes: the proposers by name, whether each can work here, and the team of a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from inspect import getdoc

from discover import addons
from discover.addons import added, loaded, package_of
from discover.errors import InputError
from discover.proposers.added import Added
from discover.proposers.base import Proposer
from discover.proposers.engine_proposer import Circumstances
from discover.proposers.grammar import Grammar
from discover.proposers.library import Library
from discover.proposers.operon import Operon
from discover.proposers.operon import missing as operon_missing
from discover.proposers.pysr import PySR
from discover.proposers.pysr import missing as pysr_missing
from discover.scoring import Problem


@dataclass(frozen=True)
class Entry:
    """A proposer of the table.

    Attributes:
        make: builds it for a problem.
        missing: why it cannot work here, with what to do about it, or None; cheap to ask.
        about: one line for lists.
        package: name and version of the package that adds it; empty for the program's own.
    """

    make: Callable[[Problem, Circumstances], Proposer]
    missing: Callable[[], str | None]
    about: str
    package: str = ""


def _nothing() -> str | None:
    return None


PROPOSERS: dict[str, Entry] = {
    "library": Entry(lambda problem, _: Library(problem), _nothing, "published laws that fit the columns"),
    "grammar": Entry(lambda problem, _: Grammar(problem), _nothing, "the field's building blocks, bred"),
    "operon": Entry(Operon, operon_missing, "symbolic regression in C++ (pyoperon)"),
    "pysr": Entry(PySR, pysr_missing, "symbolic regression in Julia (PySR)"),
}
AUTO = "auto"


def entries() -> dict[str, Entry]:
    """The proposers by name, those that other packages add among them."""
    return PROPOSERS | {name: _added(point) for name, point in added(addons.PROPOSERS, PROPOSERS).items()}


def _added(point: EntryPoint) -> Entry:
    """A proposer of another package; one that cannot be loaded cannot work here."""
    package = package_of(point)
    try:
        make = loaded(point)
    except InputError as problem:
        said = str(problem)
        return Entry(lambda problem, _: Added(point, loaded(point), problem), lambda: said, "", package)
    about = (getdoc(make) or "").partition("\n")[0]
    return Entry(lambda problem, _: Added(point, make, problem), _nothing, about.rstrip("."), package)


def chosen(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The team that a list of names stands for; `auto` is everyone who can work here.

    Returns:
        The names, and a sentence for each whom `auto` leaves out.

    Raises:
        InputError: a name is unknown or given twice, or who was named cannot work here.
    """
    known = entries()
    if not names:
        raise InputError(f"--proposers is empty; there are {', '.join(known)}, or {AUTO} for all that work here")
    team: list[str] = []
    left_out: list[str] = []
    for name in names:
        if name == AUTO:
            for other, entry in known.items():
                reason = entry.missing()
                if reason is not None:
                    left_out.append(reason)
                elif other not in names:
                    team.append(other)
            continue
        if name not in known:
            raise InputError(f"unknown proposer {name!r}; there are {', '.join(known)}, or {AUTO}")
        reason = known[name].missing()
        if reason is not None:
            raise InputError(reason)
        team.append(name)
    if len(set(team)) < len(team):
        raise InputError(f"a proposer is named twice in {','.join(names)}")
    return tuple(team), tuple(left_out)


def make_team(names: Sequence[str], problem: Problem, circumstances: Circumstances) -> list[Proposer]:
    """The proposers of a search.

    Raises:
        InputError: an unknown name, or one who cannot work here.
    """
    known = PROPOSERS if set(names) <= set(PROPOSERS) else entries()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"unknown proposer {unknown[0]!r}; there are {', '.join(known)}")
    return [known[name].make(problem, circumstances) for name in names]
