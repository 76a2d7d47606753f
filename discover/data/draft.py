"""The choices that make a task of a bare table: each takes what the user said, or guesses it with a note.

No guess looks at the value of a sealed target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.aliases import (
    BOOKKEEPING_NAMES,
    GROUP_NAMES,
    STEP_NAMES,
    TRACKER_NAMES,
    Quantity,
    is_clock,
    is_logged,
    recognise,
    squash,
    words,
)
from discover.data.cells import is_empty, text_of
from discover.data.draft_groups import guess_group
from discover.data.exports import RESULTS, is_book, path_of, short_names
from discover.data.names import excerpt, listed, to_identifier
from discover.data.reading import RawTable
from discover.data.reasons import (
    BOOKS,
    CERTAINTY,
    CLOCK,
    CONSTANT,
    COST,
    COUNTS,
    NUMBERED,
    RESULT,
    SCHEDULE,
    SPARE,
    SPARSE,
    STEPS,
    left_out_note,
    odd_number,
)
from discover.data.relations import (
    are_shares,
    counts_rows,
    follows,
    is_copy,
    is_curve,
    is_line,
    joint_codes,
    logs_of,
    product_of,
    scale_axes,
    tells,
)
from discover.data.results import is_cost, is_result, is_uncertainty, name_in_letters
from discover.data.splits import hold_out
from discover.data.task_files import Split
from discover.data.tomls import build_model
from discover.errors import InputError
from discover.plain_data import quoted

MOST_FEATURES = 20  # of more columns only those are features whose names say that they scale or are tuned
MOST_ROWS = 1000  # by which products of columns are found
CURVE = 20  # rows of the shortest curve of a run
SHORT_CURVE = 4  # the same, where a column names the runs
FILLED = 0.9  # share of the rows with a name in a column that is guessed as the group
OPTIMAL_WORDS = frozenset(("opt", "optimal", "optimum"))
FEWEST = 3  # rows of each value of a column that is guessed as the group


@dataclass
class Draft:
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
    asked: frozenset[str] = frozenset()
    further_axes: tuple[str, ...] = ()
    short: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.targets:
            known = listed(list(self.raw.columns), 12)
            raise InputError(f"{self.raw.path}: no column to predict is given; expected one of {known}")
        self.short = short_names(self.raw.columns) if self.raw.export else {}

    def name(self, heading: str) -> str:
        """The name in formulas."""
        if heading not in self.names:
            short = self.short.get(heading, heading)
            name = to_identifier(name_in_letters(short) or short, self.names.values())
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

    def unused(self) -> list[str]:
        taken = {*self.targets, *self.errors, self.weights, self.run, self.split.column, self.group}
        return [heading for heading in self.raw.columns if heading not in taken and not self.is_bookkeeping(heading)]

    def is_bookkeeping(self, heading: str) -> bool:
        """Whether a tracker keeps its books there."""
        named = squash(path_of(heading)[-1]) in TRACKER_NAMES - GROUP_NAMES
        return self.raw.export and (named or is_book(heading))

    def values(self, heading: str) -> Floats:
        """The open cells that are numbers, shape (n,): rows without one are left out."""
        values = self.column_of(heading, self.open_rows())
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
        self.group, notes = guess_group(self)
        self.notes += notes

    def choose_features(self, features: Sequence[str] | None, axes: Sequence[str] | None) -> None:
        if features is not None:
            self.features = tuple(features)
            return
        given = dict.fromkeys(self.errors, "standard errors") | ({self.weights: "weights"} if self.weights else {})
        self.notes += [f"the column {heading!r} holds {what} and is no feature" for heading, what in given.items()]
        reasons: dict[str, list[str]] = {}
        for heading in self.unused():
            reason = self._reason_against(heading)
            if reason is not None:
                reasons.setdefault(reason, []).append(heading)
        found = reasons.pop("", [])
        if books := [heading for heading in self.raw.columns if self.is_bookkeeping(heading)]:
            self.notes.append(left_out_note(books, BOOKS))
        found = self._with_steps(found, reasons)
        found = self._without_results(self._without_copies(found), axes)
        found = self.of_scale(found) if self.raw.export or self._too_many(found) else found
        found = self._without_followers(self._without_products(found, axes), axes)
        if not found:
            found = next((reasons.pop(reason) for reason in SPARE if reason in reasons), [])
        self.notes += [left_out_note(headings, reason) for reason, headings in reasons.items()]
        if not found:
            self._no_feature()
        self.features = tuple(found)
        self._tell_yes_or_no()
        self.notes.append(f"predicting {', '.join(self.targets)} from {listed(found, MOST_FEATURES)}")

    def _tell_yes_or_no(self) -> None:
        """Notes on features that hold 0 and 1 alone, as columns of True and False in another form."""
        marks = [heading for heading in self.features if set(self.values(heading).tolist()) == {0.0, 1.0}]
        if marks and not are_shares([self.values(heading) for heading in marks]):
            one = f"{marks[0]!r} holds" if len(marks) == 1 else f"{listed(marks)} hold"
            self.notes.append(
                f"{one} 0 and 1 alone, which are taken as numbers; --group {quoted(marks[0])} gives each value "
                "its own constants"
            )

    def _no_feature(self) -> NoReturn:
        """Says why there is nothing to predict from."""
        for heading in self.unused():
            cells = list(map(text_of, self.raw.cells(heading)))
            odd = "" if self.is_numeric(heading) else odd_number([cells[row] for row in self.open_rows()])
            if odd:
                where = self.raw.where(cells.index(odd), heading)
                raise InputError(f"{where}: {excerpt(odd)!r} cannot be read as a number")
        raise InputError(
            f"{self.raw.path} has no column of numbers that varies and is no result, beside the target; "
            "--features names the columns to predict from"
        )

    def _reason_against(self, heading: str) -> str | None:
        """Why a column is no feature: "" if it is one, None for text."""
        if not self.is_numeric(heading):
            return None
        last = squash(path_of(heading)[-1])
        adapters = last == "rank" and _are_ranks_of_adapters(self.values(heading))
        if (last in BOOKKEEPING_NAMES and not adapters) or heading.lower().startswith("unnamed"):
            return NUMBERED
        if is_clock(heading):
            return CLOCK
        if heading in self.raw.results or (is_result(heading) and not self._known_cause(heading)):
            return COST if is_cost(heading) else RESULT
        if words(heading) & OPTIMAL_WORDS and all(words(target) & OPTIMAL_WORDS for target in self.targets):
            return RESULT  # the best number of tokens is found together with that of parameters
        if self.is_sparse(heading):
            return SPARSE
        values = self.values(heading)
        if (not len(values) or np.ptp(values) == 0) and not self.raw.is_in_doubt(heading):
            return CONSTANT
        if is_uncertainty(heading):
            return CERTAINTY
        if last in STEP_NAMES:
            return STEPS
        return COUNTS if recognise(heading) is None and counts_rows(values) else ""

    def _known_cause(self, heading: str) -> bool:
        """Whether a heading that could be a result names a quantity that one sets. Hours of a machine are measured."""
        known = recognise(heading, self.values(heading).max(initial=0.0))
        return known is not None and not is_cost(heading)

    def _with_steps(self, found: list[str], reasons: dict[str, list[str]]) -> list[str]:
        """The columns with that of steps, where no other tells how long a run was trained, and without schedules."""
        steps = self._steps(reasons.get(STEPS, []))
        if not steps:
            return found
        timed = any(quantity.tells_length for heading in found if (quantity := recognise(heading)) is not None)
        designed = self._crosses(steps, found)
        if timed and not designed:
            return found
        rows = self.open_rows()
        curves = is_curve(self.column_of(steps, rows), self._group_codes(rows).tolist(), CURVE)
        if not (curves or designed or all(map(recognise, found))):
            return found
        self.further_axes += (steps,) if timed else ()
        reasons[STEPS].remove(steps)
        if not reasons[STEPS]:
            del reasons[STEPS]
        scheduled = [h for h in found if curves and getattr(recognise(h), "kind", "") == "setting" and self._varies(h)]
        if scheduled:
            reasons[SCHEDULE] = scheduled
        return [*(heading for heading in found if heading not in scheduled), steps]

    def _crosses(self, steps: str, others: Sequence[str]) -> bool:
        """Whether most settings of the other columns were trained for the same several numbers of steps or epochs."""
        rows = self._filled(self.open_rows(), (steps, *others))
        if not rows:
            return False
        setting = joint_codes([self._group_codes(rows), *(self.column_of(heading, rows) for heading in others)])
        level = joint_codes([self.column_of(steps, rows)])
        settings, levels, pairs = (1 + codes.max() for codes in (setting, level, joint_codes([setting, level])))
        return bool(levels > 1 and 2 * pairs >= settings * levels)

    def _log_of(self, heading: str) -> Floats:
        """Logarithms of a column, which may hold them already, on some of the open rows; NaN where it has none."""
        rows = self.open_rows()
        values = self.column_of(heading, rows[:: 1 + len(rows) // MOST_ROWS])
        return values * np.log(10.0) if is_logged(heading) else logs_of(values)

    def _varies(self, heading: str) -> bool:
        """Whether a column changes within some group."""
        rows = self.open_rows()
        values, codes = self.column_of(heading, rows), self._group_codes(rows)
        return any(np.nanmax(values[codes == code]) > np.nanmin(values[codes == code]) for code in np.unique(codes))

    def _steps(self, headings: Sequence[str]) -> str:
        """Of the columns that count steps the finest, rather than epochs, which are rounded; "" if there is none."""
        fine = [heading for heading in headings if "epoch" not in squash(heading)] or headings
        return max(fine, key=lambda heading: len(np.unique(self.values(heading))), default="")

    def _without_products(self, found: list[str], axes: Sequence[str] | None) -> list[str]:
        """The columns without products and ratios of others, such as compute beside parameters and tokens."""
        kept = {heading: self._log_of(heading) for heading in found}
        for heading in sorted(found, key=lambda heading: recognise(heading) is not None):
            quantity = recognise(heading)
            if heading in self.asked | set(axes or ()) or not _may_be_product(quantity):
                continue
            others = {other: logs for other, logs in kept.items() if other != heading and recognise(other) is not None}
            said = product_of(kept[heading], others)
            if is_logged(heading):
                said = said.replace(" * ", " + ").replace(" / ", " - ")
            if said:
                del kept[heading]
                self.notes.append(f"the column {heading!r} is left out: it goes as {said}; --features takes it in")
        return [heading for heading in found if heading in kept]

    def _without_copies(self, found: list[str]) -> list[str]:
        """The columns without those that hold the numbers of another one in another unit."""
        rows, kept = self.open_rows(), dict[str, Floats]()
        # A known name goes first, and a size before its logarithm.
        for heading in sorted(found, key=lambda heading: (recognise(heading) is None, is_logged(heading))):
            values = self.column_of(heading, rows)
            twin = next((other for other, others in kept.items() if is_copy(values, others)), None)
            logged = next((other for other, others in kept.items() if is_line(values, logs_of(others))), None)
            if twin is None and logged is None:
                kept[heading] = values
            else:
                what = f"it is {twin!r} again, up to a factor" if twin else f"it is the logarithm of {logged!r}"
                self.notes.append(f"the column {heading!r} is left out: {what}")
        return [heading for heading in found if heading in kept]

    def _without_followers(self, found: list[str], axes: Sequence[str] | None) -> list[str]:
        """The columns without settings and shapes that each size has one value of, whose effect it takes up."""
        rows, known = self.open_rows(), {heading: recognise(heading) for heading in found}
        stepped = any(squash(path_of(heading)[-1]) in STEP_NAMES for heading in found)
        for axis in ("params", "tokens"):
            size = next((h for h, quantity in known.items() if quantity is not None and quantity.name == axis), None)
            if size is None:
                continue
            told, sizes = self.asked | set(axes or ()), self.column_of(size, rows)
            followers = [
                heading
                for heading, quantity in known.items()
                if heading != size and heading not in told and heading in found
                if not (stepped and quantity is not None and quantity.name == "batch_size")  # together they tell tokens
                if _may_follow(quantity, axis)
                if follows(self.column_of(heading, rows), sizes, ordered=axis == "params")
            ]
            for heading in followers:
                text = f"all rows of one {size!r} share its value, so that its effect cannot be told"
                self.notes.append(f"the column {heading!r} is left out: {text}; --features takes it in")
            found = [heading for heading in found if heading not in followers]
        return found

    def _without_results(self, found: list[str], axes: Sequence[str] | None) -> list[str]:
        """The columns without those of unknown names from which the target can be computed, as from a copy of it."""
        rows = self._never_sealed(found, axes)
        rows = self._filled(rows, self.targets)
        targets = {heading: self.column_of(heading, rows) for heading in self.targets}
        kept = []
        for heading in found:
            values = self.column_of(heading, rows)
            known = recognise(heading) is not None
            told = next((name for name, target in targets.items() if not known and tells(values, target)), None)
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
        stacked = np.column_stack([self.column_of(heading, rows) for heading in axes])
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

    def column_of(self, heading: str, rows: Sequence[int]) -> Floats:
        """Numbers of these rows, NaN where there is none, shape (n,)."""
        values: Floats = self.raw.read(heading).values[np.asarray(rows, dtype=np.int64)]
        return values

    def _too_many(self, found: list[str]) -> bool:
        """Whether no law has so many columns, as far as they are not the shares of a mixture."""
        parts = [self.values(heading) for heading in found if recognise(heading) is None]
        return len(found) > MOST_FEATURES and not are_shares(parts)

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
            reason = "by its name it is neither a scale nor a setting, or one of a kind that another column is"
            self.notes.append(
                f"{left_out_note(left, reason)}; --features takes {'it' if len(left) == 1 else 'them'} in"
            )
        return list(kept.values())

    def choose_axes(self, axes: Sequence[str] | None) -> None:
        self.shares = self._parts_of_a_mixture()
        if axes is not None:
            self.axes = tuple(axes)
            return
        others = [heading for heading in self.features if heading not in self.shares]
        axes = scale_axes({heading: self.values(heading) for heading in others})
        self.axes = tuple(dict.fromkeys((*axes, *(heading for heading in self.further_axes if heading in others))))
        if self.shares:
            self.notes.append(f"{listed(self.shares)} are the shares of a mixture: together they make one")
        self.notes.append(
            f"extrapolating along {', '.join(self.axes)}"
            if self.axes
            else "no column was recognised as a scale, so laws are judged within the rows; --extrapolate names one"
        )

        logged = [h for h in self.features if is_logged(h) and recognise(h) is not None]
        if len(logged) > 1:
            self.notes.append(
                f"{listed(logged)} hold logarithms; published laws of several sizes need the sizes themselves"
            )

    def _parts_of_a_mixture(self) -> list[str]:
        """The features that are parts of a mixture: all of unknown meaning, if together they make one."""
        parts = [heading for heading in self.features if recognise(heading) is None]
        parts = [heading for heading in parts if 0.0 < self.values(heading).max(initial=0.0) <= 1.0]
        return parts if are_shares([self.values(heading) for heading in parts]) else []


def _are_ranks_of_adapters(values: Floats) -> bool:
    """Whether values are powers of two, each in several rows: no places in an order, no numbers of processes."""
    levels = np.unique(values)
    if len(levels) < 2 or levels[0] < 1 or 2 * len(levels) > len(values):
        return False
    return bool(np.all(np.log2(levels) % 1 == 0) and levels[-1] >= 4)


def _may_be_product(quantity: Quantity | None) -> bool:
    """Whether a column may be worked out from sizes: one of unknown meaning, compute, tokens per parameter."""
    return quantity is None or quantity.kind == "compute" or quantity.name == "tokens_per_param"


def _may_follow(quantity: Quantity | None, axis: str) -> bool:
    """Whether a column may be chosen by the size of a model, or by a schedule along its tokens."""
    if axis == "tokens":
        return quantity is not None and quantity.kind == "setting"
    return quantity is None or quantity.rank != 1 or quantity.name == axis
