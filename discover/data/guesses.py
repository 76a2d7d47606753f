"""A task from a bare table: what the user does not say is guessed from headings and values, with a note.

No guess looks at the value of a sealed target; a target that is guessed itself must hold numbers, sealed or not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from discover.data.aliases import (
    BOOKKEEPING_NAMES,
    CLOCK_NAMES,
    COST_WORDS,
    FALLING_WORDS,
    GROUP_NAMES,
    RISING_SHARES,
    STEP_NAMES,
    SURE_GROUP_NAMES,
    TRACKER_NAMES,
    Quantity,
    is_logged,
    is_result,
    is_uncertainty,
    multiple_of,
    recognise,
    squash,
    words,
)
from discover.data.cells import is_empty
from discover.data.conditions import parse_conditions
from discover.data.exports import RESULTS, is_book, path_of, short_names
from discover.data.names import excerpt, listed, to_identifier
from discover.data.reading import RawTable, read_table
from discover.data.splits import hold_out
from discover.data.states import is_state
from discover.data.table import Floats, Ints
from discover.data.task_files import Bounds, ErrorScale, Knowledge, Monotone, Split, TaskFile
from discover.data.tasks import Task, resolve
from discover.data.tomls import build_model
from discover.errors import InputError

DECADE = 10.0
ROUNDED = 0.02  # what the shares of a mixture may lack of one
HELD_OUT_WORDS = frozenset(("val", "valid", "validation", "eval", "test", "heldout"))
UNITS = ("nats", "bits")
SPARSE = "more than half of the rows have no value there"
CLOCK = "it tells the time of a run"
NUMBERED = "it numbers runs"
RESULT = "it is a result, not a cause"
CERTAINTY = "it tells how sure a result is, or how many runs it stands for"
CONSTANT = "its value never changes"
STATE = "it tells the states of runs"
TIME_STAMP = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ,].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}([ ,].*)?"
    r"|((\d+ ?d(ays?)?,? ?)?\d{1,3}:\d{2}(:\d{2})?(\.\d+)?)"
    r"|(\d+([.,]\d+)? ?(d|days?|h|hrs?|hours?|m|min|mins|minutes?|s|secs?|seconds?|ms)[, ]*)+"
)
"""Dates, times of day and durations, such as 2024-05-01 09:12, 1:02:33 and 3h 12m."""
NUMBER_LIKE = re.compile(r"[+-]?[0-9][0-9.,'’ \u00a0\u202f]*( ?%)?")
COPY = 1e-4  # by how much of its value a copy of another column may be off, from rounding
STEPS = "it counts steps of a run"
SPARE = (STEPS, CERTAINTY, RESULT)
"""Reasons against a column that count only while another is left to predict from."""
MOST_FEATURES = 20  # of more columns only those are features whose names say that they scale or are tuned
FEWEST = 3  # rows of each value of a column that is guessed as the group
NO_GROUP = ""
"""Value of `group` that means: one set of constants, whatever text columns there are."""


def task_from_table(
    path: str | Path,
    target: str | Sequence[str],
    features: Sequence[str] | None = None,
    group: str | None = None,
    extrapolate: Sequence[str] | None = None,
    target_scale: Mapping[str, float] | None = None,
    constants: int | None = None,
    holdout: float | None = None,
    test_rows: str | Path | None = None,
    weights: str | None = None,
    errors: str | Sequence[str] | None = None,
    run: str | None = None,
    sheet: str | None = None,
    where: str | None = None,
    error_scale: ErrorScale | None = None,
    roles: Mapping[str, str] | None = None,
) -> Task:
    """A task on the user's own table.

    All columns are given by their headings, or by the last levels of them where these are unique. A heading that a
    formula cannot use gets another name, with a
    note in `Task.guesses`. A column `split` that holds only `train` and `test` is used when
    neither `holdout` nor `test_rows` is given; without any of the three all rows are train rows.

    Args:
        path: file with a table, see `discover.data.files`.
        target: heading or headings to predict.
        features: headings to predict from; guessed: the numeric columns that vary.
        group: heading whose values each get their own constants; guessed: the only text column; "" for none.
        extrapolate: features along which the law must reach further; guessed: those that name a scale, or
            else those that span a decade.
        target_scale: feature -> value at which the law will be used.
        constants: most constants per group; None for no limit.
        holdout: share of the rows with the largest scale to seal, above 0 and below 1.
        test_rows: a second table with the same columns, all of whose rows are sealed.
        weights: heading of the rows' weights in the fit.
        errors: heading or headings of the targets' standard errors.
        run: heading of the column that tells which training run a row is a point of.
        sheet: of a spreadsheet; the first with rows if not given.
        where: conditions on the rows that count, such as "status == finished and params >= 1e8".
        error_scale: what errors are counted in; guessed from the train rows.
        roles: feature -> the variable of the law library that it is.

    Raises:
        InputError: file, heading, cell or option not as expected.
    """
    path = Path(path)
    raw = read_table(path, sheet, where).with_columns([*_tuple(target), *(features or ())])
    targets = tuple(heading_of(raw, name) for name in _tuple(target))
    errors = tuple(heading_of(raw, name) for name in _tuple(errors))
    features = None if features is None else [heading_of(raw, name) for name in features]
    extrapolate = None if extrapolate is None else [heading_of(raw, name) for name in extrapolate]
    target_scale = {heading_of(raw, name): value for name, value in (target_scale or {}).items()}
    roles = {heading_of(raw, name): role for name, role in (roles or {}).items()}
    group = heading_of(raw, group) if group else group
    weights = None if weights is None else heading_of(raw, weights)
    run = None if run is None else heading_of(raw, run)
    draft = _Draft(raw, targets, weights, errors, run)
    draft.choose_split(holdout, test_rows)
    _check_where(raw, where, targets, draft.split)
    draft.choose_group(group)
    draft.choose_features(features, extrapolate)
    draft.choose_axes(extrapolate)
    scale = {draft.name(heading): value for heading, value in target_scale.items()}
    told = {
        "constants": constants,
        "target_scale": scale,
        "sheet": sheet,
        "where": where,
        "error_scale": error_scale,
        "roles": {draft.name(heading): role for heading, role in roles.items()},
    }
    file = build_model(TaskFile, draft.keys() | told, str(path))

    def resolved(file: TaskFile) -> Task:
        return resolve(
            file, table=path, card=None, name=path.stem, folder=Path(), where=str(path), guesses=draft.notes,
            group_guessed=group is None and draft.group is not None,
        )  # fmt: skip

    # The bound on the target needs the train rows, which the first task reads.
    first = resolved(file)
    knowledge = _knowledge(first, draft.notes)
    return resolved(file.model_copy(update={"knowledge": knowledge}))


def scale_axes(columns: Mapping[str, Floats]) -> tuple[str, ...]:
    """The columns that a law is likely to be extended along.

    Those whose headings name a main scale of training; else those that name a lesser one; else those of unknown
    meaning that are positive, span a decade and exceed one, as shares do not; else those of shares.

    Args:
        columns: heading -> values, shape (n,).
    """
    by_rank: dict[int, list[str]] = {1: [], 2: [], 3: [], 4: []}
    for heading, values in columns.items():
        quantity = recognise(heading, values.max(initial=0.0))
        if quantity is not None and quantity.rank:
            by_rank[quantity.rank].append(heading)
        elif quantity is None and _span(values[values != 0]) >= DECADE:  # zero-shot runs have no examples
            by_rank[3 if values.max() > 1.0 else 4].append(heading)
    return tuple(next((found for found in by_rank.values() if found), ()))


def _span(values: Floats) -> float:
    """Largest over smallest value of an all-positive column; 0 for others."""
    if not len(values) or not np.isfinite(values).all() or values.min() <= 0:
        return 0.0
    return float(values.max() / values.min())


def _are_shares(columns: Sequence[Floats]) -> bool:
    """Whether these columns are the parts of a mixture: none is negative, and together they make one."""
    if len(columns) < 2 or len({len(values) for values in columns}) > 1:
        return False
    stacked = np.vstack(columns)
    whole = np.abs(stacked.sum(axis=0) - 1.0).max() <= ROUNDED
    return bool(whole and np.isfinite(stacked).all() and stacked.min() >= 0)


def heading_of(raw: RawTable, name: str) -> str:
    """The heading that a user means, see `RawTable.heading`.

    Raises:
        InputError: there is no such heading, or several.
    """
    return raw.heading(name)


def guess_target(raw: RawTable) -> str:
    """The heading of the result to predict: one that names a loss or a score, of held-out data if it can be told.

    Raises:
        InputError: no heading does, or several do.
    """
    found = [heading for heading in raw.columns if heading in raw.results or is_result(heading)]
    found = [heading for heading in found if not words(heading) & COST_WORDS and recognise(heading) is None]
    found = [heading for heading in found if _numeric_share(raw, heading) >= 0.5]
    for wanted in (HELD_OUT_WORDS, FALLING_WORDS):
        found = [heading for heading in found if words(heading) & wanted] or found
    if len(found) == 1:
        return found[0]
    what = f"several columns may be the result: {listed(found)}" if found else "no column is named like a result"
    columns = listed(list(raw.columns), 12)
    raise InputError(f"{raw.path}: {what}; say with --target which one to predict (columns: {columns})")


def _numeric_share(raw: RawTable, heading: str) -> float:
    return 1 - sum(found is None for found in raw.read(heading).others.values()) / len(raw)


def _check_where(raw: RawTable, where: str | None, targets: Sequence[str], split: Split) -> None:
    """Refuses to choose rows by their results where some results are sealed."""
    sealed = split.column is not None or split.holdout is not None or split.test_rows is not None
    if where is None or not sealed:
        return
    for one in parse_conditions(where):
        if raw.heading(one.column) in targets:
            raise InputError(
                f"--where asks about {one.column!r}, which is the target; "
                "with sealed rows, no row is chosen by its result"
            )


def _tuple(names: str | Sequence[str] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


@dataclass
class _Draft:
    """The choices made so far, by heading; each `choose_` takes what the user said or guesses it."""

    raw: RawTable
    targets: tuple[str, ...]
    weights: str | None
    errors: tuple[str, ...]
    run: str | None = None
    split: Split = field(default_factory=Split)
    group: str | None = None
    features: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    shares: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    short: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.targets:
            raise InputError(f"{self.raw.path}: no target given; expected one of {listed(list(self.raw.columns), 12)}")
        self.short = short_names(self.raw.columns) if self.raw.export else {}

    def name(self, heading: str) -> str:
        """The name in formulas."""
        if heading not in self.names:
            name = to_identifier(self.short.get(heading, heading), self.names.values())
            if name != heading:
                self.notes.append(f"the column {heading!r} is called {name} in formulas")
            self.names[heading] = name
        return self.names[heading]

    def choose_split(self, holdout: float | None, test_rows: str | Path | None) -> None:
        keys: dict[str, Any] = {
            "holdout": holdout,
            "test_rows": None if test_rows is None else str(test_rows),
        }
        if holdout is None and test_rows is None and self._has_split_column():
            keys["column"] = "split"
            self.notes.append("rows with 'test' in the column 'split' are sealed")
        self.split = build_model(Split, keys, str(self.raw.path))

    def _has_split_column(self) -> bool:
        # A blank label is an error of the split, not a sign that there is none: the test rows would be opened.
        labels = {str(cell).strip() for cell in self.raw.columns.get("split", ()) if not is_empty(cell)}
        return bool(labels) and labels <= {"train", "test"} and "train" in labels

    def open_rows(self) -> list[int]:
        """Rows that guesses may look at: all but the labelled test rows."""
        if self.split.column is None:
            return list(range(len(self.raw)))
        labels = self.raw.cells(self.split.column)
        return [row for row, label in enumerate(labels) if str(label).strip() == self.split.train]

    def open_cells(self, heading: str) -> list[object]:
        """The cells of a column that guesses may look at."""
        return [self.raw.columns[heading][row] for row in self.open_rows()]

    def unused(self) -> list[str]:
        taken = {*self.targets, *self.errors, self.weights, self.run, self.split.column, self.group}
        return [heading for heading in self.raw.columns if heading not in taken and not self.is_bookkeeping(heading)]

    def is_bookkeeping(self, heading: str) -> bool:
        """Whether a tracker keeps its books there."""
        last = squash(path_of(heading)[-1])
        return self.raw.export and (is_book(heading) or last in TRACKER_NAMES - GROUP_NAMES)

    def values(self, heading: str) -> Floats:
        """The open cells that are numbers, shape (n,): rows without one are left out."""
        values = self._column_of(heading, self.open_rows())
        return values[np.isfinite(values)]

    def is_sparse(self, heading: str) -> bool:
        """Whether most open rows have no value there, and would be left out with it."""
        rows = self.open_rows()
        return bool(2 * self.raw.missing(heading)[rows].sum() > len(rows))

    def is_numeric(self, heading: str) -> bool:
        """Whether the open cells are mostly numbers."""
        return self.raw.is_numeric(heading, self.open_rows())

    def choose_group(self, group: str | None) -> None:
        if group is not None:
            self.group = group or None
            return
        found: dict[str, list[str]] = {}
        for heading in self.unused():
            if self.is_numeric(heading) and not self._numbers_groups(heading):
                continue
            rows = [row for row in self.open_rows() if not self.raw.is_nameless(heading, row)]
            cells = [str(self.raw.columns[heading][row]).strip() for row in rows]
            reason = self._reason_against_group(heading, cells)
            if reason:
                self.notes.append(reason)
            else:
                found[heading] = cells
        if not found:
            return
        best = min(found, key=lambda heading: self._rank_as_group(heading, found[heading]))
        others = [heading for heading in found if heading != best]
        self.group = best
        self.notes.append(f"each value of {best!r} gets its own constants")
        if others:
            what = f"the text column {others[0]!r} is" if len(others) == 1 else f"the text columns {listed(others)} are"
            self.notes.append(f"{what} ignored; --group takes another column than {best!r}, --group '' none")

    def _numbers_groups(self, heading: str) -> bool:
        """Whether a column of numbers, such as 100M and 25M, is headed as one of groups and has enough rows of each."""
        if squash(path_of(heading)[-1]) not in SURE_GROUP_NAMES:
            return False
        counts = np.unique(self.values(heading), return_counts=True)[1]
        return bool(len(counts) and counts.min() >= FEWEST)

    def _reason_against_group(self, heading: str, cells: Sequence[str]) -> str:
        """Why a text column is no group; "" if it may be one."""
        last = squash(path_of(heading)[-1])
        if 2 * len(cells) < len(self.open_rows()):
            return _left_out_note([heading], SPARSE)
        if last in CLOCK_NAMES or all(map(TIME_STAMP.fullmatch, cells)):
            return _left_out_note([heading], CLOCK)
        if last in BOOKKEEPING_NAMES and heading not in self._names_of_curves():
            return _left_out_note([heading], NUMBERED)
        if is_state(heading, cells):
            return _left_out_note([heading], STATE)
        like = [cell for cell in cells if NUMBER_LIKE.fullmatch(cell)]
        if 2 * len(like) > len(cells) and not self.is_numeric(heading):
            return _left_out_note(
                [heading], f"its cells look like numbers, but {excerpt(like[0])!r} cannot be read as one"
            )
        if 2 * len(set(cells)) > len(cells):
            return f"the text column {heading!r} is left out: its values hardly repeat"
        return "" if len(set(cells)) > 1 else _left_out_note([heading], CONSTANT)

    def _names_of_curves(self) -> list[str]:
        """In a table of curves the column that names the run is the group; it stands first."""
        return list(self.raw.columns)[:1] if self.raw.results and self.raw.wide is not None else []

    def _rank_as_group(self, heading: str, cells: Sequence[str]) -> tuple[bool, bool, int]:
        """Of several text columns the likeliest group: named like one, enough rows for each value, few values."""
        counts = Counter(cells)
        return squash(path_of(heading)[-1]) not in GROUP_NAMES, min(counts.values()) < FEWEST, len(counts)

    def choose_features(self, features: Sequence[str] | None, axes: Sequence[str] | None) -> None:
        if features is not None:
            self.features = tuple(features)
            return
        given = dict.fromkeys(self.errors, "standard errors") | ({self.weights: "weights"} if self.weights else {})
        self.notes += [f"the column {heading!r} holds {what} and is no feature" for heading, what in given.items()]
        found: list[str] = []
        spare: dict[str, list[str]] = {}
        left: dict[str, list[str]] = {}
        for heading in self.unused():
            reason = self._reason_against(heading)
            if reason == "":
                found.append(heading)
            elif reason in SPARE:
                spare.setdefault(reason, []).append(heading)
            elif reason:
                left.setdefault(reason, []).append(heading)
        books = [heading for heading in self.raw.columns if self.is_bookkeeping(heading)]
        if books:
            self.notes.append(f"left out, as the tracker keeps its books there: {listed(books, 8)}")
        found = self._without_results(self._without_copies(found), axes)
        found = self.of_scale(found) if self.raw.export or self._too_many(found) else found
        chosen = found or next((spare[reason] for reason in SPARE if reason in spare), [])
        left |= {reason: headings for reason, headings in spare.items() if headings is not chosen}
        self.notes += [_left_out_note(headings, reason) for reason, headings in left.items()]
        if not chosen:
            raise InputError(f"{self.raw.path} has no numeric column that varies beside the target; name the features")
        self.features = tuple(chosen)
        self.notes.append(f"predicting {', '.join(self.targets)} from {listed(chosen, MOST_FEATURES)}")

    def _reason_against(self, heading: str) -> str | None:
        """Why a column is no feature: "" if it is one, None for text."""
        if not self.is_numeric(heading):
            return None
        last = squash(path_of(heading)[-1])
        if last in BOOKKEEPING_NAMES:
            return NUMBERED
        if heading in self.raw.results or (is_result(heading) and not self._known_cause(heading)):
            return RESULT
        if last in CLOCK_NAMES:
            return CLOCK
        if self.is_sparse(heading):
            return SPARSE
        values = self.values(heading)
        if (not len(values) or np.ptp(values) == 0) and not self.raw.is_in_doubt(heading):
            return CONSTANT
        if is_uncertainty(heading):
            return CERTAINTY
        return STEPS if last in STEP_NAMES else ""

    def _known_cause(self, heading: str) -> bool:
        """Whether a heading that could be a result names a quantity that one sets. Hours of a machine are measured."""
        return recognise(heading) is not None and squash(path_of(heading)[-1]) not in COST_WORDS

    def _without_copies(self, found: list[str]) -> list[str]:
        """The columns without those that hold the numbers of another one in another unit."""
        rows, kept = self.open_rows(), dict[str, Floats]()
        for heading in sorted(found, key=lambda heading: recognise(heading) is None):  # a known name goes first
            values = self._column_of(heading, rows)
            twin = next((other for other, others in kept.items() if _is_copy(values, others)), None)
            if twin is None:
                kept[heading] = values
            else:
                self.notes.append(f"the column {heading!r} is left out: it is {twin!r} again, up to a factor")
        return [heading for heading in found if heading in kept]

    def _without_results(self, found: list[str], axes: Sequence[str] | None) -> list[str]:
        """The columns without those of unknown names from which the target can be computed, as from a copy of it."""
        rows = self._never_sealed(found, axes)
        rows = self._filled(rows, self.targets)
        targets = {heading: self._column_of(heading, rows) for heading in self.targets}
        kept = []
        for heading in found:
            values = self._column_of(heading, rows)
            known = recognise(heading) is not None
            told = next((name for name, target in targets.items() if not known and _tells(values, target)), None)
            if told is None:
                kept.append(heading)
            else:
                self.notes.append(f"the column {heading!r} is left out: it determines {told!r}, as a copy of it does")
        return kept or found

    def _never_sealed(self, found: list[str], axes: Sequence[str] | None) -> list[int]:
        """Open rows whose targets no hold-out can seal, whichever of these features are chosen in the end."""
        rows = self.open_rows()
        if self.split.holdout is None:
            return rows
        axes = axes or scale_axes({heading: self.values(heading) for heading in found})
        if not axes or any(recognise(heading) is None for heading in axes):
            return []
        rows = self._filled(rows, axes)
        stacked = np.column_stack([self._column_of(heading, rows) for heading in axes])
        held = hold_out(stacked, self._group_codes(rows), min(0.9, 2 * self.split.holdout))
        return [row for row, sealed in zip(rows, held, strict=True) if not sealed]

    def _group_codes(self, rows: Sequence[int]) -> Ints:
        names = (
            [""] * len(rows) if self.group is None else [str(self.raw.cells(self.group)[row]).strip() for row in rows]
        )
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    def _filled(self, rows: Sequence[int], headings: Sequence[str]) -> list[int]:
        """The rows that have a number in all of these columns."""
        left = np.asarray(rows, dtype=np.int64)
        for heading in headings:
            left = left[np.isfinite(self.raw.read(heading).values[left])]
        found: list[int] = left.tolist()
        return found

    def _column_of(self, heading: str, rows: Sequence[int]) -> Floats:
        """Numbers of these rows, NaN where there is none, shape (n,)."""
        values: Floats = self.raw.read(heading).values[np.asarray(rows, dtype=np.int64)]
        return values

    def _too_many(self, found: list[str]) -> bool:
        """Whether no law has so many columns, as far as they are not the shares of a mixture."""
        parts = [self.values(heading) for heading in found if recognise(heading) is None]
        return len(found) > MOST_FEATURES and not _are_shares(parts)

    def of_scale(self, found: list[str]) -> list[str]:
        """Of many columns those whose names say that they scale or are tuned, each quantity once."""
        known = {heading: quantity for heading in found if (quantity := recognise(heading)) is not None}
        if not any(quantity.rank for quantity in known.values()):
            return [heading for heading in found if path_of(heading)[0].lower() not in RESULTS]
        main = any(quantity.rank == 1 and quantity.kind == "size" for quantity in known.values())
        kept: dict[str, str] = {}
        for heading, quantity in known.items():
            if not (main and quantity.rank == 2 and quantity.name in ("width", "depth")):
                kept.setdefault(quantity.name, heading)
        left = [heading for heading in found if heading not in kept.values()]
        if left:
            self.notes.append(
                f"the columns {listed(left, 8)} are left out: by its name each of them is neither a scale nor a "
                "setting, or one of a kind that another column is; --features takes them in"
            )
        return list(kept.values())

    def choose_axes(self, axes: Sequence[str] | None) -> None:
        self.shares = self._parts_of_a_mixture()
        if axes is not None:
            self.axes = tuple(axes)
            return
        others = [heading for heading in self.features if heading not in self.shares]
        self.axes = scale_axes({heading: self.values(heading) for heading in others})
        if self.shares:
            self.notes.append(f"{listed(self.shares)} are the shares of a mixture: together they make one")
        self.notes.append(
            f"extrapolating along {', '.join(self.axes)}"
            if self.axes
            else "no column was recognised as a scale, so laws are judged within the rows; --extrapolate names one"
        )

    def _parts_of_a_mixture(self) -> list[str]:
        """The features that are parts of a mixture: all of unknown meaning, if together they make one."""
        parts = [heading for heading in self.features if recognise(heading) is None]
        parts = [heading for heading in parts if 0.0 < self.values(heading).max(initial=0.0) <= 1.0]
        return parts if _are_shares([self.values(heading) for heading in parts]) else []

    def keys(self) -> dict[str, Any]:
        """The choices as the keys of a task file."""
        columns = [self._column(heading, "feature") for heading in self.features]
        columns += [self._column(heading, "target") for heading in self.targets]
        return {
            "dataset": str(self.raw.path),
            "features": tuple(self.name(heading) for heading in self.features),
            "target": tuple(self.name(heading) for heading in self.targets),
            "group": self.group,
            "extrapolate": tuple(self.name(heading) for heading in self.axes),
            "weights": self.weights,
            "run": self.run,
            "errors": self.errors,
            "split": self.split,
            "columns": columns,
        }

    def _column(self, heading: str, role: str) -> dict[str, str]:
        values = self.values(heading) if role == "feature" else np.empty(0)  # of a target some may be sealed
        quantity = recognise(heading, values.max(initial=0.0)) if role == "feature" else None
        logged = quantity is not None and is_logged(heading)
        # Settings and unknown columns may hold zeros, and so may data, of which a run can have none; sizes may not.
        may_be_zero = quantity is None or quantity.kind == "setting" or (quantity.kind == "data" and not values.all())
        scaled = not may_be_zero and not logged
        share = heading in self.shares
        positive = scaled or (not logged and not share and _span(values) >= DECADE)
        return {
            "name": self.name(heading),
            "source": "" if self.name(heading) == heading else heading,
            "role": role,
            "meaning": "" if quantity is None else ("log10 of " if logged else "") + quantity.meaning,
            "unit": _unit(heading, quantity, logged),
            "domain": "fraction" if share else "positive" if scaled else "real",
            "scale": "log10" if logged else "log" if positive else "linear",
        }


def _is_copy(values: Floats, others: Floats) -> bool:
    """Whether one column is the other times a factor on the rows that have both, which are most."""
    both = np.isfinite(values) & np.isfinite(others)
    if 2 * both.sum() <= len(values) or both.sum() < 3:
        return False
    a, b = values[both], others[both]
    if np.ptp(a) == 0 or not np.array_equal(a == 0, b == 0):
        return False
    ratios = a[b != 0] / b[b != 0]
    return bool(len(ratios) and np.ptp(ratios) <= COPY * np.abs(ratios).max())


def _tells(values: Floats, target: Floats) -> bool:
    """Whether a target can be computed from a column alone, as its multiple, 1 minus it, or its logarithm."""
    both = np.isfinite(values) & np.isfinite(target)
    if both.sum() < 4 or np.ptp(target[both]) == 0:
        return False
    a, b = values[both], target[both]
    if _is_copy(a, b) or _is_copy(1 - a, b) or _is_copy(100 - a, b):
        return True
    with np.errstate(over="ignore"):
        positive = a.min() > 0
        return (positive and _is_copy(np.log(a), b)) or (b.min() > 0 and _is_copy(a, np.log(b)))


def _left_out_note(headings: list[str], reason: str) -> str:
    if len(headings) == 1:
        return f"the column {headings[0]!r} is left out: {reason}"
    each = re.sub(r"^it\b", "each of them", reason).replace("its value", "the value of each")
    return f"the columns {listed([repr(h) for h in headings], 8)} are left out: {each}"


def _unit(heading: str, quantity: Quantity | None, logged: bool) -> str:
    if quantity is None:
        named = [unit for unit in UNITS if unit in words(heading)]
        return named[0] if len(named) == 1 else ""
    multiple = multiple_of(heading)
    return ("log10 of " if logged else "") + (f"10^{multiple} " if multiple else "") + quantity.unit


def _knowledge(task: Task, notes: list[str]) -> tuple[Knowledge, ...]:
    """What can be said of a loss without further knowledge of the experiment."""
    items: list[Knowledge] = []
    if all(words(task.column(name).heading) & FALLING_WORDS for name in task.target):
        items += [Monotone(feature=name, direction="decreasing") for name in _falling(task)]
    ceiling = _ceiling(task)
    lowest = task.train().targets.min()
    if lowest > 0 or (ceiling is not None and lowest == 0):  # a share of nothing is a share, a loss of zero is odd
        items.append(Bounds(lower=0, upper=ceiling))
    if any(isinstance(item, Monotone) for item in items):
        along = ", ".join(item.feature for item in items if isinstance(item, Monotone))
        notes.append(f"assuming that {', '.join(task.target)} does not rise with {along}")
    for item in items:
        if isinstance(item, Bounds):
            rest = "" if item.upper is None else f" and up to {item.upper:g}"
            above = "at or above" if lowest == 0 else "above"
            notes.append(f"assuming that {', '.join(task.target)} stays {above} 0{rest}, as on every train row")
    return tuple(items)


def _ceiling(task: Task) -> float | None:
    """The most that a share can be: 1, or 100 where it is counted in per cent."""
    if not all(words(task.column(name).heading) & RISING_SHARES for name in task.target):
        return None
    highest = float(task.train().targets.max())
    return next((ceiling for ceiling in (1.0, 100.0) if highest <= ceiling), None)


def _falling(task: Task) -> list[str]:
    """Features with which a loss does not rise while all others stay fixed."""
    table = task.train()
    known = {name: recognise(task.column(name).heading, table.features[name].max()) for name in task.features}
    found = {name: quantity for name, quantity in known.items() if quantity is not None}
    names = {quantity.name for quantity in found.values()}
    if names & {"lr", "batch_size", "weight_decay"}:
        return []  # the best setting moves with scale, so at a fixed setting more scale may do worse
    if "unique_tokens" in names:
        # repeating a fixed set longer, or with a larger model, may over-fit
        return [name for name, quantity in found.items() if quantity.name == "unique_tokens"]
    compute = [name for name, quantity in found.items() if quantity.kind == "compute"]
    if compute:
        return compute  # at fixed compute a larger model sees less data, and the loss has a minimum
    return [name for name, quantity in found.items() if quantity.kind in ("size", "data")]
