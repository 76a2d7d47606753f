"""Tables that are brought to the board: kept in the folder, guessed about, and made into task files."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from discover.board.shelf import Shelf
from discover.data.files import suffix_of
from discover.data.guesses import NO_GROUP, guess_target, task_from_table
from discover.data.reading import RawTable, read_table
from discover.data.task_files import ErrorScale
from discover.data.task_writing import task_text
from discover.data.tasks import Task
from discover.data.tomls import Strict, build_model
from discover.errors import DiscoverError, InputError
from discover.files import write_whole
from discover.plain_data import share_in

HOME = "tables"
"""Below the folder that is shown."""
LONGEST_NAME = 120
SHOWN = 3  # cells of a column
SCALES: tuple[ErrorScale, ...] = get_args(ErrorScale)
Role = Literal["target", "feature", "group", "errors", "weights", "unused"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Heading:
    """A column of a table, and what it is for.

    Attributes:
        name: the heading.
        cells: some of its cells.
        role: one of `ROLES`.
        along: the law must reach further along it.
    """

    name: str
    cells: tuple[str, ...]
    role: str = "unused"
    along: bool = False


@dataclass(frozen=True)
class Guess:
    """What a table is taken for.

    Attributes:
        table: its name below `tables`.
        rows: their number.
        headings: in the order of the file.
        holdout: share of the rows to seal, as text.
        where: condition on the rows.
        error_scale: one of `SCALES`, or "" to be guessed.
        notes: what was guessed, one sentence each.
        trouble: why no task can be made of it; "" if one can.
    """

    table: str
    rows: int
    headings: tuple[Heading, ...]
    holdout: str = ""
    where: str = ""
    error_scale: str = ""
    notes: tuple[str, ...] = ()
    trouble: str = ""


class Wishes(Strict):
    """What the user says of a table; what is not said is guessed.

    Attributes:
        roles: heading -> role; None where nothing is said of the columns.
        along: headings that the law must reach further along.
        holdout, where, error_scale: as typed; "" for nothing.
    """

    roles: dict[str, Role] | None = None
    along: tuple[str, ...] = ()
    holdout: str = ""
    where: str = ""
    error_scale: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Wishes:
        """From the values of a form, which may hold more.

        Raises:
            InputError: a value of another kind than expected.
        """
        said = {key: value for key, value in given.items() if key in cls.model_fields and value is not None}
        return build_model(cls, said, "the form")

    def having(self, role: str) -> list[str]:
        """The headings of a role."""
        return [name for name, found in (self.roles or {}).items() if found == role]


def usual_name(name: str) -> str:
    """The name that a file is kept under: its own, without folders and signs that cannot be seen.

    Raises:
        InputError: no table is read from files of this name.
    """
    last = re.split(r"[\\/]", name)[-1]
    clean = "".join(sign for sign in last if sign.isprintable()).strip().lstrip(".")
    stem, dot, suffix = clean.partition(".")
    clean = stem[:LONGEST_NAME] + dot + suffix[:LONGEST_NAME]
    suffix_of(Path(clean))
    return clean


def keep(shelf: Shelf, name: str, content: bytes) -> str:
    """Writes a table below `tables`, beside others of the same name.

    Returns:
        The name that it has there.

    Raises:
        InputError: tables of this kind are not read, or the folder cannot be written to.
    """
    clean = usual_name(name)
    home = shelf.folder / HOME
    try:
        home.mkdir(exist_ok=True)
    except OSError as problem:
        raise InputError(f"{home} cannot be made: {problem.strerror or problem}") from None
    if home.is_symlink():
        raise InputError(f"{home} is a link; expected a folder")
    stem, dot, suffix = clean.partition(".")
    number = 1
    while True:
        place = home / (clean if number == 1 else f"{stem}-{number}{dot}{suffix}")
        if not place.exists() and not place.is_symlink():
            break
        if place.is_file() and not place.is_symlink() and place.read_bytes() == content:
            return place.name
        number += 1
    write_whole(place, content)
    return place.name


def find(shelf: Shelf, name: str) -> Path:
    """The table of this name below `tables`.

    Raises:
        InputError: there is none.
    """
    path = shelf.folder / HOME / name
    if "/" in name or "\\" in name or name.startswith(".") or "\0" in name or shelf.confined(path) != path:
        raise InputError(f"there is no table {name!r}; upload it again")
    return path


def guess(path: Path, wishes: Wishes) -> Guess:
    """What a table is taken for, given what the user says of it.

    Raises:
        InputError: the file cannot be read as a table.
    """
    raw = read_table(path, None, None)
    made = Guess(
        table=path.name,
        rows=len(raw),
        headings=tuple(Heading(name, _cells(raw, name), (wishes.roles or {}).get(name, "unused"), name in wishes.along)
                       for name in raw.columns),
        holdout=wishes.holdout,
        where=wishes.where,
        error_scale=wishes.error_scale,
        notes=raw.remarks,
    )  # fmt: skip
    try:
        task = task_of(path, wishes)
        task.train()
    except DiscoverError as problem:
        return replace(made, trouble=_without_path(str(problem), path))
    roles = {name: role for role, names in _used(task).items() for name in names}
    along = {task.column(name).heading for name in task.extrapolate}
    headings = tuple(
        Heading(heading.name, heading.cells, roles.get(heading.name, "unused"), heading.name in along)
        for heading in made.headings
    )
    notes = tuple(dict.fromkeys(_without_path(text, path) for text in task.notes))
    return replace(made, headings=headings, notes=notes)


def task_of(path: Path, wishes: Wishes) -> Task:
    """The task on a table.

    Raises:
        InputError: a value of the form, a column or a cell is not as expected.
    """
    options: dict[str, Any] = {"where": wishes.where or None, "error_scale": wishes.error_scale or None}
    if wishes.error_scale not in ("", *SCALES):
        raise InputError(f"errors count in {wishes.error_scale!r}; expected one of {', '.join(SCALES)}")
    if wishes.holdout:
        options["holdout"] = share_in(wishes.holdout)
        if math.isnan(options["holdout"]):
            raise InputError(
                f"the sealed share is {wishes.holdout!r}; expected a share above 0 and below 1, such as 0.2 or 20%"
            )
    if wishes.roles is None:
        return task_from_table(path, guess_target(read_table(path, None, wishes.where or None)), **options)
    targets, groups, weights = (wishes.having(role) for role in ("target", "group", "weights"))
    if not targets:
        raise InputError("no column is the target; choose the one to predict")
    for role, names in (("group", groups), ("weights", weights)):
        if len(names) > 1:
            raise InputError(f"{names[0]!r} and {names[1]!r} are both {role}; choose one")
    options |= {
        "features": wishes.having("feature"),
        "group": groups[0] if groups else NO_GROUP,
        "weights": weights[0] if weights else None,
        "errors": wishes.having("errors") or None,
        "extrapolate": [name for name in wishes.along if wishes.roles.get(name) == "feature"],
    }
    if not options["features"]:
        raise InputError("no column is a feature; choose at least one to predict from")
    return task_from_table(path, targets, **options)


def write_task(path: Path, wishes: Wishes) -> Path:
    """Writes the task on a table beside it, as `discover task new` does.

    Returns:
        The task file.

    Raises:
        InputError: see `task_of`; or the file cannot be written.
    """
    text = task_text(task_of(path, wishes), path.parent).encode()
    number = 1
    while True:
        stem = path.name.partition(".")[0] + ("" if number == 1 else f"-{number}")
        place = path.with_name(f"{stem}.toml")
        if not place.exists() or (not place.is_symlink() and place.read_bytes() == text):
            break
        number += 1
    write_whole(place, text)
    return place


def _used(task: Task) -> dict[str, list[str]]:
    """Role -> headings."""
    return {
        "target": [task.column(name).heading for name in task.target],
        "feature": [task.column(name).heading for name in task.features],
        "group": [] if task.group is None else [task.group],
        "errors": list(task.errors),
        "weights": [] if task.weights is None else [task.weights],
    }


def _cells(raw: RawTable, name: str) -> tuple[str, ...]:
    found = dict.fromkeys(str(cell).strip()[:24] for cell in raw.columns[name] if str(cell or "").strip())
    return tuple(list(found)[:SHOWN])


def _without_path(text: str, path: Path) -> str:
    """The page names the table already; the path of a machine tells its reader nothing."""
    return text.replace(str(path), path.name)
