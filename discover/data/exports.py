"""Exports of experiment trackers: one row per run, with its configuration and the summary of its results.

Weights & Biases, MLflow, Neptune, Comet, ClearML and Aim write nested settings as `config.model.n_params` or
`params.n_params`, as JSON in a cell, or as objects, and list runs that crashed beside those that finished. Such a table
becomes a plain one: a column per setting and result, a row per finished run. Known are they by their headings alone.
What is left out is told in `remarks`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

MOST_COLUMNS = 5_000
MOST_DEPTH = 8
LONGEST = 1_000_000  # characters of a cell that is taken apart
OPENERS = ("{", '"', " ")
SETTINGS = frozenset(("config", "params", "parameters", "hparams", "hyperparams", "hyperparameters", "general", "args"))
"""First levels of headings of settings."""
RESULTS = frozenset(("summary", "summarymetrics", "metrics", "lastmetrics", "last_metrics"))
"""First levels of headings of results."""
BOOKS = frozenset(("sys", "_wandb", "wandb", "mlflow", "monitoring", "source_code"))
"""Levels of headings under which a tracker keeps its books."""
_TELLING = frozenset(("config", "summary", "summarymetrics", "sys", "hparams", "hyperparams", "hyperparameters"))
"""First levels that only a tracker writes."""
_PAIRED = frozenset(("metrics", "params", "parameters", "tags", "general", "args", "lastmetrics", "last_metrics"))
"""First levels of which a tracker writes two, or one beside its books."""
TRACKED = frozenset(("_step", "_runtime", "_timestamp", "_wandb", "artifact_uri", "run.hash", "experimentkey"))
BOOK_HEADINGS = frozenset(
    (
        "runid", "runhash", "runname", "experiment", "experimentid", "experimentname", "experimentkey", "artifacturi",
        "starttime", "endtime", "starttimemillis", "endtimemillis", "durationmillis", "serverendtime", "created",
        "createdat", "creationtime", "started", "updated", "lastupdate", "runtime", "duration", "activeduration",
        "user", "owner", "tags", "notes", "sweep", "workspace", "project", "projectname", "archived", "parenttask",
        "state", "status", "number", "datetimestart", "datetimecomplete", "sourcetype", "sourcename", "jobtype",
        "hostname", "entity", "filename",
    )
)  # fmt: skip
"""Headings of which a tracker's list of runs has several."""
SECTIONS = SETTINGS | RESULTS | BOOKS | {
    "train", "eval", "val", "valid", "validation", "test", "data", "model", "trainer", "training", "optimizer",
    "optim", "global", "tags", "loss", "lm_loss",
}  # fmt: skip
"""First parts of a heading after which a slash parts levels; elsewhere it may mean a ratio."""

_POINT = re.compile(r"\.(?!\s)(?![^(\[]*[)\]])")
"""A point, but not that of `(Mio.)` or `err. (%)`."""
_STUDY = re.compile(r"^(params|user_attrs|system_attrs|values)_")
_OBJECTIVE = re.compile(r"value|values[._]\w+")
_LITERAL = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|\b(nan|NaN|inf|Infinity)\b""")

Cells = dict[str, list[object]]


def path_of(heading: str) -> tuple[str, ...]:
    """The levels of a heading: `summary/eval.loss` has three, `tokens/param` one."""
    parts = [part for part in _POINT.split(heading) if part]
    levels: list[str] = []
    for part in parts:
        pieces = [piece for piece in part.split("/") if piece]
        slashed = len(pieces) > 1 and (levels or pieces[0].lower() in SECTIONS)
        levels += pieces if slashed else [part]
    return tuple(levels) or (heading,)


def short_names(headings: Collection[str]) -> dict[str, str]:
    """heading -> its last levels, as many as tell it from all others, joined by dots."""
    paths = {heading: path_of(heading) for heading in headings}
    ends: dict[tuple[str, ...], int] = {}
    for path in paths.values():
        for n in range(1, len(path) + 1):
            ends[path[-n:]] = ends.get(path[-n:], 0) + 1
    short = {}
    for heading, path in paths.items():
        n = next((n for n in range(1, len(path) + 1) if ends[path[-n:]] == 1), len(path))
        short[heading] = ".".join(path[-n:]) if n < len(path) else heading
    return short


def ending_in(name: str, headings: Collection[str]) -> list[str]:
    """The headings whose last levels are those of a name."""
    wanted = path_of(name)
    return [heading for heading in headings if path_of(heading)[-len(wanted) :] == wanted]


def of_study(columns: Mapping[str, list[object]]) -> Cells | None:
    """The columns of a study of Optuna with its levels parted by points, `params.lr`; None for other tables.

    A column of numbers of trials, one of states and one of values tell it.
    """
    plain = {heading.lower() for heading in columns}
    if not {"number", "state"} <= plain or not any(_OBJECTIVE.fullmatch(name) for name in plain):
        return None
    return {_STUDY.sub(r"\1.", heading): cells for heading, cells in columns.items()}


def objectives(columns: Collection[str]) -> frozenset[str]:
    """The columns of a study that hold what was optimised."""
    return frozenset(heading for heading in columns if _OBJECTIVE.fullmatch(heading.lower()))


def is_export(columns: Collection[str]) -> bool:
    """Whether the headings are those of a tracker's export."""
    heads = {path_of(heading)[0].lower() for heading in columns if len(path_of(heading)) > 1}
    books = {squashed for heading in columns if (squashed := _squashed(heading)) in BOOK_HEADINGS}
    return (
        bool(heads & _TELLING)
        or any(heading.lower() in TRACKED for heading in columns)
        or len(heads & _PAIRED) + min(len(books), 1) > 1
        or (len(books) > 3 and bool(books & {"state", "status", "runid", "experimentid", "runtime", "duration"}))
    )


def _squashed(heading: str) -> str:
    return re.sub(r"[^a-z]", "", path_of(heading)[-1].lower())


def is_book(heading: str) -> bool:
    """Whether a tracker keeps its books under this heading, by its first levels."""
    return any(level.lower() in BOOKS for level in path_of(heading)[:2])


def taken_apart(columns: Mapping[str, Sequence[object]]) -> Cells | None:
    """The columns with those that hold objects replaced by one column per entry; None if there are too many."""
    out: Cells = {}
    for heading, cells in columns.items():
        if all(type(cell) is str and cell[:1] not in OPENERS for cell in cells):
            out.setdefault(heading, list(cells))
            continue
        objects = [_object(cell) for cell in cells]
        if not any(objects):
            out.setdefault(heading, [_unquoted(cell) for cell in cells])
            continue
        if len(out) > MOST_COLUMNS:
            return None
        for row, entries in enumerate(objects):
            for name, value in _leaves(entries or {}, heading, 0):
                out.setdefault(name, [None] * len(cells))[row] = value
    return out if len(out) <= MOST_COLUMNS else None


def _object(cell: object) -> Mapping[object, object] | None:
    """The object that a cell is, or that its text spells in JSON or as Python prints it."""
    if isinstance(cell, Mapping):
        return cell
    if not isinstance(cell, str) or not cell.lstrip().startswith("{") or len(cell) > LONGEST:
        return None
    for read in (json.loads, _python_literal):
        try:
            value = read(cell.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if isinstance(value, Mapping):
            return value
    return None


def _python_literal(text: str) -> object:
    return ast.literal_eval(_LITERAL.sub(lambda found: found[1] or "None", text))


def _leaves(entries: Mapping[object, object], path: str, depth: int) -> Iterator[tuple[str, object]]:
    # A setting may be wrapped together with a description.
    if "value" in entries and set(entries) <= {"value", "desc"} and depth:
        value = entries["value"]
        if isinstance(value, Mapping) and depth < MOST_DEPTH:
            yield from _leaves(value, path, depth + 1)
        else:
            yield path, _unquoted(value)
        return
    for key, value in entries.items():
        name = f"{path}.{key}"
        if isinstance(value, Mapping) and depth < MOST_DEPTH:
            yield from _leaves(value, name, depth + 1)
        else:
            yield name, _unquoted(value)


def _unquoted(cell: object) -> object:
    """The text of a cell that holds a JSON string with its quotes."""
    if isinstance(cell, str) and len(cell) > 1 and cell[0] == cell[-1] == '"':
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    return cell
