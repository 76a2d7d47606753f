"""A task as a TOML file that explains itself, for the user to edit."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from discover.data.cards import Column
from discover.data.task_files import Bounds, Knowledge
from discover.data.tasks import Task
from discover.data.toml_text import toml_value

WIDTH = 110


def task_text(task: Task, folder: Path, problems: Sequence[str] = (), laws: Sequence[str] = ()) -> str:
    """The text of a task file, with a comment on every key.

    Args:
        task: made by `task_from_table`.
        folder: where the file will lie; paths are relative to it.
        problems: of the table, one line each, as comments.
        laws: identifiers of published laws that could be compared with.
    """
    parts = [
        _head(task),
        _keys(task, folder, laws),
        _scale(task),
        _split(task, folder),
        *_knowledge(task.knowledge),
        *_columns(task),
        _problems(problems),
    ]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _comment(text: str, bullet: str = "") -> list[str]:
    # A heading may hold characters that a comment may not.
    flat = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    first = f"# {bullet}"
    return textwrap.wrap(flat, WIDTH, initial_indent=first, subsequent_indent="#" + " " * (len(first) - 1)) or ["#"]


def _head(task: Task) -> Iterator[str]:
    yield from _comment(f"A task for: discover run FILE.toml. Written for {task.table.name}; edit what is wrong.")
    if task.guesses:
        yield "#"
        yield "# What was guessed:"
        for guess in task.guesses:
            yield from _comment(guess, "- ")


def _keys(task: Task, folder: Path, laws: Sequence[str]) -> Iterator[str]:
    yield f"name = {toml_value(task.name)}"
    yield f"title = {toml_value(task.title)}"
    yield "# The table: a path from the folder of this file."
    yield f"dataset = {toml_value(_relative(task.table, folder))}"
    if task.sheet is not None:
        yield f"sheet = {toml_value(task.sheet)}"
    yield "# Rows that count, as a condition; without it all runs that finished."
    yield _perhaps("where", task.where, "status == finished and seed != 3")
    yield "# What to predict; several columns as a list."
    yield f"target = {toml_value(task.target[0] if len(task.target) == 1 else task.target)}"
    yield "# What to predict it from. The names are those in formulas; [[columns]] below says which heading each has."
    yield f"features = {toml_value(task.features)}"
    yield "# Column whose values each get their own constants, such as a family of models."
    yield _perhaps("group", task.group, "family")
    yield "# Features along which the law must reach further than the rows do."
    yield f"extrapolate = {toml_value(task.extrapolate)}"
    yield "# Most constants that a law may have per group."
    yield _perhaps("constants", task.constants, 7)
    yield "# Column with the weight of each row, and columns with the standard error of each target."
    yield _perhaps("weights", task.weights, "weight")
    yield _perhaps("errors", list(task.errors) or None, ["loss_error"])
    yield "# Column that tells which training run a row is a point of."
    yield _perhaps("run", task.run, "run")
    yield "# What errors count in: value, log (for a target that spans decades) or odds; guessed from the rows."
    yield _perhaps("error_scale", task.error_scale, "log")
    yield "# What a feature is to the law library (discover laws), where its name does not say so."
    yield _perhaps("roles", dict(task.roles) or None, {task.features[0]: "params"})
    yield from _comment(
        "Published laws whose constants for these very experiments are known; their published forms are compared "
        "with. Other published laws are tried in any case" + (f": {', '.join(laws)}." if laws else ".")
    )
    yield _perhaps("baselines", list(task.baselines) or None, list(laws[:1]) or ["chinchilla"])


def _perhaps(key: str, value: object, example: object) -> str:
    return f"# {key} = {toml_value(example)}" if value is None else f"{key} = {toml_value(value)}"


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:  # on another drive
        return path.absolute().as_posix()


def _scale(task: Task) -> Iterator[str]:
    yield "# Where the law will be used: a value for each feature of the large run."
    names = task.extrapolate or task.features
    if task.target_scale:
        yield "[target_scale]"
        yield from (f"{name} = {toml_value(float(value))}" for name, value in task.target_scale.items())
    else:
        yield "# [target_scale]"
        largest = {name: float(values.max()) for name, values in task.train().features.items()}
        yield from (f"# {name} = {toml_value(_ten_times(task, name, largest[name]))}" for name in names)


def _ten_times(task: Task, name: str, value: float) -> float:
    return float(f"{task.column(name).times(value, 10.0):.4g}")


def _split(task: Task, folder: Path) -> Iterator[str]:
    yield from _comment(
        "Rows that are sealed until the law is chosen. One of: holdout = 0.2 (the fifth of the rows with the largest "
        'scales), test_rows = "other.csv" (all rows of a second table), column = "split" (a column that says train or '
        "test). Without any of them all rows are used for the search."
    )
    yield "[split]"
    split = task.split
    if split.column is not None:
        yield f"column = {toml_value(split.column)}"
    elif split.holdout is not None:
        yield f"holdout = {toml_value(split.holdout)}"
    elif task.test_table is not None:
        yield f"test_rows = {toml_value(_relative(task.test_table, folder))}"
    else:
        yield "# holdout = 0.2"


def _knowledge(known: Iterable[Knowledge]) -> Iterator[list[str]]:
    yield _comment(
        "What is known before seeing any row. Laws that break it beyond the data are refused, so leave out what is "
        'doubtful. Kinds: "monotone" (feature, direction "decreasing" or "increasing", eventually = true if only '
        'beyond the rows) and "bounds" of the target (lower, upper, or both).'
    )
    for item in known:
        lines = ["[[knowledge]]", f"kind = {toml_value(item.kind)}"]
        if isinstance(item, Bounds):
            lines += [
                f"{key} = {toml_value(end)}" for key in ("lower", "upper") if (end := getattr(item, key)) is not None
            ]
            reason = item.reason or "guessed: every train row keeps it"
        else:
            lines += [f"feature = {toml_value(item.feature)}", f"direction = {toml_value(item.direction)}"]
            lines += ["eventually = true"] if item.eventually else []
            reason = item.reason or "guessed from the names: more of it does not hurt while all else stays"
        yield [*lines, f"reason = {toml_value(reason)}"]


def _columns(task: Task) -> Iterator[list[str]]:
    yield _comment(
        "Columns. source: heading in the table, where it differs from the name. domain: positive, fraction (0 to 1) "
        "or real; a cell outside it is an error. scale: log where ratios matter, log10 where the values are decimal "
        "logarithms already, else linear."
    )
    for name in (*task.features, *task.target):
        yield list(_column(task.column(name)))


def _column(column: Column) -> Iterator[str]:
    yield "[[columns]]"
    yield f"name = {toml_value(column.name)}"
    if column.source:
        yield f"source = {toml_value(column.source)}"
    yield f"role = {toml_value(column.role)}"
    yield f"meaning = {toml_value(column.meaning)}" if column.meaning else '# meaning = ""'
    yield f"unit = {toml_value(column.unit)}" if column.unit else '# unit = ""  (not known from the heading)'
    yield f"domain = {toml_value(column.domain)}"
    yield f"scale = {toml_value(column.scale)}"


def _problems(problems: Sequence[str]) -> Iterator[str]:
    if problems:
        yield "# Problems of the table when this file was written:"
        for text in problems:
            yield from _comment(text, "- ")
