"""A task from a bare table: what the user does not say is guessed from headings and values, with a note.

No guess looks at the value of a sealed target; a target that is guessed itself must hold numbers, sealed or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from discover.data.aliases import is_clock, recognise, squash, words
from discover.data.cells import text_of
from discover.data.conditions import parse_conditions
from discover.data.draft import Draft
from discover.data.draft_keys import keys_of
from discover.data.exports import path_of
from discover.data.names import excerpt, listed
from discover.data.reading import RawTable, read_table
from discover.data.results import FALLING_WORDS, LOSS_WORDS, RISING_SHARES, is_cost, is_result
from discover.data.task_files import Bounds, ErrorScale, Knowledge, Monotone, Split, TaskFile
from discover.data.tasks import Task, resolve
from discover.data.tomls import build_model
from discover.errors import InputError

HELD_OUT_WORDS = frozenset(("val", "valid", "validation", "eval", "test", "heldout"))
ATTEMPT_NAMES = frozenset(
    ("k", "n", "samples", "numsamples", "nsamples", "attempts", "nattempts", "numattempts", "generations", "tries")
)
"""Headings of how often a task was tried, beside a result such as `pass@k`."""
SOLVED_WORDS = frozenset(("pass", "coverage"))
"""Words of the share of tasks that some attempt solves."""
SAMPLES = "samples"  # what the law library calls attempts
NO_GROUP = ""
"""Value of `group` that means: one set of constants, whatever text columns there are."""

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
RATIOS = frozenset(("D/N", "D_N"))
LETTERS = frozenset("NDCUL")  # of papers: parameters, tokens, compute, unique tokens, loss


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
    raw = read_table(path, sheet, where)
    raw = raw.with_columns(raw.rejoined([*_tuple(target), *(features or ())]))
    targets = tuple(headings_of(raw, target))
    errors = tuple(headings_of(raw, errors))
    features = None if features is None else headings_of(raw, features)
    extrapolate = None if extrapolate is None else headings_of(raw, extrapolate)
    target_scale = {heading_of(raw, name): value for name, value in (target_scale or {}).items()}
    roles = {heading_of(raw, name): role for name, role in (roles or {}).items()}
    group = heading_of(raw, group) if group else group
    weights = None if weights is None else heading_of(raw, weights)
    run = None if run is None else heading_of(raw, run)
    attempts = _attempts(raw, targets)
    asked = frozenset((*target_scale, *roles, *attempts))
    draft = Draft(raw, targets, weights, errors, run, further_axes=tuple(attempts), asked=asked)
    draft.choose_split(holdout, test_rows)
    _check_where(raw, where, targets, draft.split)
    draft.choose_group(group)
    draft.choose_features(features, extrapolate)
    draft.choose_axes(extrapolate)
    attempts = {heading: role for heading, role in attempts.items() if heading in draft.features}
    scale = {draft.name(heading): value for heading, value in target_scale.items()}
    told = {
        "constants": constants,
        "target_scale": scale,
        "sheet": sheet,
        "where": where,
        "error_scale": error_scale,
        "roles": {draft.name(heading): role for heading, role in (attempts | roles).items()},
    }
    file = build_model(TaskFile, keys_of(draft) | told, str(path))

    def resolved(file: TaskFile) -> Task:
        return resolve(
            file, table=path, card=None, name=path.stem, folder=Path(), where=str(path), guesses=draft.notes,
            group_guessed=group is None and draft.group is not None,
        )  # fmt: skip

    # The bound on the target needs the train rows, which the first task reads.
    first = resolved(file)
    knowledge = _knowledge(first, draft.notes)
    return resolved(file.model_copy(update={"knowledge": knowledge}))


def heading_of(raw: RawTable, name: str) -> str:
    """The heading that a user means, see `RawTable.heading`.

    Raises:
        InputError: there is no such heading, or several.
    """
    return raw.heading(name)


def _attempts(raw: RawTable, targets: Sequence[str]) -> dict[str, str]:
    """The column of attempts of a table of pass@k, as the law library calls it."""
    if not all(words(target) & SOLVED_WORDS for target in targets):
        return {}
    found = [heading for heading in raw.columns if squash(path_of(heading)[-1]) in ATTEMPT_NAMES]
    return {found[0]: SAMPLES} if len(found) == 1 else {}


def headings_of(raw: RawTable, names: str | Sequence[str] | None) -> list[str]:
    """The headings that a user means by a list of names, which was parted at commas.

    Raises:
        InputError: there is no such heading, or several.
    """
    return [heading_of(raw, name) for name in raw.rejoined(_tuple(names))]


def guess_target(raw: RawTable) -> str:
    """The heading of the result to predict: one that names a loss or a score, of held-out data if it can be told.

    Raises:
        InputError: no heading does, or several do.
    """
    found = [heading for heading in raw.columns if heading in raw.results or is_result(heading)]
    costs = [h for h in found if is_cost(h) and not (is_clock(h) or recognise(h))]
    found = [h for h in found if h in raw.results or not (is_cost(h) or is_clock(h) or recognise(h))]
    found = found or _single_letter(raw) or costs
    found = [heading for heading in found if not _is_second(heading, found)]
    named, found = found, [heading for heading in found if _numeric_share(raw, heading) >= 0.5]
    for wanted in (HELD_OUT_WORDS, FALLING_WORDS, LOSS_WORDS):
        found = [heading for heading in found if words(heading) & wanted] or found
    if len(found) == 1:
        return found[0]
    raise InputError(f"{raw.path}: {_why_no_target(raw, named, found)}")


def _single_letter(raw: RawTable) -> list[str]:
    """`L` where only letters of papers stand beside it, as in a table with the columns N, D and L."""
    return ["L"] if "L" in raw.columns and set(raw.columns) <= LETTERS | RATIOS and len(raw.columns) > 1 else []


def _of_letters(task: Task) -> bool:
    """Whether the target is the loss `L` of papers, predicted from their letters."""
    headings = {task.column(name).heading for name in (*task.target, *task.features)}
    return [task.column(name).heading for name in task.target] == ["L"] and headings <= LETTERS | RATIOS


def _is_second(heading: str, others: Sequence[str]) -> bool:
    """Whether pandas gave this name to the second of two columns of the same name: `loss.1`."""
    first, _, number = heading.rpartition(".")
    return number.isdigit() and first in others


def _why_no_target(raw: RawTable, named: Sequence[str], found: Sequence[str]) -> str:
    """Why no column, or no single one, can be taken for the result."""
    ask = f"say with --target which one to predict (columns: {listed(list(raw.columns), 12)})"
    stems = {re.sub(r"(?<![pP])\d+(\.\d+)?[kKMBT]?", "#", heading) for heading in found}
    if len(found) > 2 and len(stems) == 1:
        return (
            f"the columns {listed(found, 3)} hold one result at several values of a setting; {ask}, or write a row for "
            "each, with that value in a column of its own, as frame.melt() of pandas makes it"
        )
    if found:
        return f"several columns may be the result: {listed(found)}; {ask}"
    for heading in named:
        if {text_of(cell) for cell in raw.cells(heading)} == {heading}:
            return (
                f"every line repeats the word {heading!r}, as those of a log do; expected a table, with a line of "
                "headings, such as step,loss, and their numbers below"
            )
        odd = [row for row, one in raw.read(heading).others.items() if one is None and not raw.missing(heading)[row]]
        if odd:
            return (
                f"{heading!r} is named like a result, but {excerpt(text_of(raw.cells(heading)[odd[0]]))!r} is no number"
            )
    alike: dict[str, list[str]] = {}
    for heading in raw.columns:
        alike.setdefault(_NUMBER.sub("#", heading), []).append(heading)
    spread = max(alike.values(), key=len)
    if len(spread) > 2:
        return (
            f"the headings {listed(spread, 3)} differ in a number, as in a table with a column per value; expected a "
            "row for each run, with a column for each setting, as frame.melt() of pandas makes it"
        )
    return f"no column is named like a result; {ask}"


def _numeric_share(raw: RawTable, heading: str) -> float:
    return 1 - sum(found is None for found in raw.read(heading).others.values()) / len(raw)


def _check_where(raw: RawTable, where: str | None, targets: Sequence[str], split: Split) -> None:
    """Refuses to choose rows by their results where some results are sealed."""
    sealed = split.column is not None or split.holdout is not None or split.test_rows is not None
    if where is None or not sealed:
        return
    for one in parse_conditions(where):
        if not raw.is_place(one.column) and raw.heading(one.column) in targets:
            raise InputError(
                f"--where asks about {one.column!r}, which is the target; "
                "with sealed rows, no row is chosen by its result"
            )


def _tuple(names: str | Sequence[str] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _knowledge(task: Task, notes: list[str]) -> tuple[Knowledge, ...]:
    """What can be said of a loss without further knowledge of the experiment."""
    items: list[Knowledge] = []
    if all(words(task.column(name).heading) & FALLING_WORDS for name in task.target) or _of_letters(task):
        items += [Monotone(feature=name, direction="decreasing") for name in _falling(task)]
    if all(words(task.column(name).heading) & SOLVED_WORDS for name in task.target):  # more attempts lose nothing
        items += [Monotone(feature=name, direction="increasing") for name, r in task.roles.items() if r == SAMPLES]
    ceiling = _ceiling(task)
    lowest = task.train().targets.min()
    if lowest > 0 or (ceiling is not None and lowest == 0):  # a share of nothing is a share, a loss of zero is odd
        items.append(Bounds(lower=0, upper=ceiling))
    for direction, verb in (("decreasing", "rise"), ("increasing", "fall")):
        along = [item.feature for item in items if isinstance(item, Monotone) and item.direction == direction]
        if along:
            notes.append(f"assuming that {', '.join(task.target)} does not {verb} with {', '.join(along)}")
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
