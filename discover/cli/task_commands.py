"""`discover tasks`: what there is to discover; `discover task new`: a table of your own as a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli import table_options as own
from discover.cli.completion import task_names
from discover.cli.options import spread
from discover.cli.output import print_json, print_lines, stdout, tell_notes, tell_problems
from discover.errors import InputError
from discover.plain_data import number, quoted, table

if TYPE_CHECKING:
    from discover.data.cards import Column
    from discover.data.tasks import Facts, Task

Name = Annotated[
    str | None, typer.Argument(help="Name of a shipped task, or a task file (.toml).", autocompletion=task_names)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
TableFile = Annotated[Path, typer.Argument(metavar="TABLE", help="File with a table: CSV, JSON, Excel, Parquet, ...")]
Target = Annotated[
    str | None, typer.Option(metavar="A[,B]", help="Column to predict; guessed if one is headed like a result.")
]
TaskOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Task file to write; by default the name of TABLE with .toml."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing task file.")]


def register(app: typer.Typer) -> None:
    app.command("tasks", rich_help_panel="Look around")(tasks)
    family = typer.Typer(help="Task files: a table, and what you know about it.", no_args_is_help=True)
    family.command("new")(spread(new))
    app.add_typer(family, name="task", rich_help_panel="Find a law")


def new(
    table: TableFile,
    target: Target = None,
    about: own.TableOptions = own.TableOptions(),
    out: TaskOut = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a task file for your own table, with every guess explained, for you to edit.

    Examples: discover task new runs.csv, then discover run runs.toml
    """
    from discover.cli.kernel_note import compile_kernel
    from discover.data.guesses import guess_target, task_from_table
    from discover.data.reading import read_table
    from discover.data.task_writing import task_text
    from discover.files import write_whole
    from discover.law.matching import laws_for
    from discover.runs.inspection import inspect

    place = out or table.with_suffix(".toml")
    _check_place(place, force)
    options = about.read()
    named = options.pop("target") or guess_target(read_table(table, about.sheet, about.where))
    task = task_from_table(table, named, **options)
    compile_kernel()
    problems = inspect(task)
    largest = {name: float(values.max()) for name, values in task.train().features.items()}
    applicable = laws_for(task.features, largest=largest, heading=task.column(task.target[0]).heading, roles=task.roles)
    laws = [law.id for law in applicable if len(law.variables) == len(task.features)][:5]
    text = task_text(task, place.absolute().parent, [one.text for one in problems], laws)
    write_whole(place, text.encode())
    if json:
        keys = {"task_file": str(place), "notes": list(task.notes), "problems": [one.keys() for one in problems]}
        print_json(_summary(task, task.facts()) | keys)
        return
    tell_notes(task.notes)
    tell_problems([one.text for one in problems])
    print_lines([f"written to {place}; look through it, then:", f"  discover run {quoted(place)}"])


def _check_place(place: Path, force: bool) -> None:
    if place.suffix != ".toml":
        raise InputError(f"--out is {place}; expected a file with the suffix .toml")
    if place.is_dir():
        raise InputError(f"--out is {place}, which is a folder; expected a file")
    if not place.absolute().parent.is_dir():
        raise InputError(f"there is no folder {place.parent} for {place}")
    if place.exists() and not force:
        raise InputError(f"{place} exists; overwrite it with --force, or choose another file with --out")


def tasks(name: Name = None, json: Json = False) -> None:
    """List the shipped tasks, or show one with its ranges and split."""
    from discover.data.tasks import list_tasks, load_task

    if name is not None:
        _show(load_task(name), json)
        return
    known = [(task, task.facts()) for task in map(load_task, list_tasks())]
    if json:
        print_json({"tasks": [_summary(task, facts) for task, facts in known]})
        return
    rows = [_row(task, facts) for task, facts in known]
    headings = ("task", "asks", "from", "for", "groups", "constants", "train", "sealed")
    more = "`discover tasks NAME` shows one, `discover run NAME` finds its law."
    print_lines([table(headings, rows, right=range(4, 8)), more])


def _row(task: Task, facts: Facts) -> tuple[str, ...]:
    return (
        task.name,
        task.title,
        ", ".join(task.features),
        ", ".join(task.target),
        str(len(facts.group_rows)) if task.group else "-",
        "any" if task.constants is None else str(task.constants),
        str(facts.n_train),
        str(facts.n_test),
    )


def _summary(task: Task, facts: Facts) -> dict[str, Any]:
    return {
        "task": task.name,
        "title": task.title,
        "target": task.target,
        "features": task.features,
        "group": task.group,
        "groups": list(facts.group_rows),
        "constants": task.constants,
        "extrapolate": task.extrapolate,
        "train_rows": facts.n_train,
        "test_rows": facts.n_test,
        "baselines": task.baselines,
    }


def _show(task: Task, json: bool) -> None:
    facts = task.facts()
    if json:
        print_json(_details(task, facts))
        return
    stdout().print(f"{task.name}: {task.title}", style="bold", markup=False)
    said = [task.summary] if task.summary else []
    if task.card is not None:
        said.append(f"Study: {task.card.study} (arXiv {task.card.arxiv}), licence: {task.card.licence}")
    ranges = facts.feature_ranges | facts.target_ranges
    rows = [_column_row(task.column(name), role, ranges[name]) for role, name in _columns(task)]
    columns = table(("column", "role", "unit", "from", "to", "meaning"), rows, right=(3, 4))
    print_lines([*said, "", columns, *_facts_lines(task, facts)])


def _columns(task: Task) -> list[tuple[str, str]]:
    return [("feature", name) for name in task.features] + [("target", name) for name in task.target]


def _column_row(column: Column, role: str, values: tuple[float, float]) -> tuple[str, ...]:
    low, high = values
    return (column.name, role, column.unit, number(low), number(high), column.meaning)


def _facts_lines(task: Task, facts: Facts) -> list[str]:
    lines = [f"Rows: {facts.n_train} to train on, {facts.n_test} sealed (ranges above are of train rows)"]
    if task.split.rule:
        lines.append(f"Sealed: {task.split.rule}")
    if task.group:
        counts = sorted(facts.group_rows.values())
        span = str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
        lines.append(f"Groups: {len(facts.group_rows)} of {task.group}, {span} train rows each")
    budget = "no limit" if task.constants is None else str(task.constants)
    lines.append(f"Constants per group: {budget}")
    lines.append(f"Extrapolates along: {', '.join(task.extrapolate) or 'no scale; sealed rows lie within'}")
    lines += [f"Known: {_knowledge(item)}" for item in task.knowledge]
    if task.baselines:
        lines.append(f"Human laws: {', '.join(task.baselines)} (`discover laws ID` explains one)")
    lines += [f"Note: {text}" for text in (*(task.card.oddities if task.card else ()), *task.notes)]
    return lines


def _knowledge(item: Any) -> str:
    if item.kind == "monotone":
        text = f"{'eventually ' if item.eventually else ''}{item.direction} in {item.feature}"
    else:
        ends = [f"at least {item.lower:g}" if item.lower is not None else ""]
        ends += [f"at most {item.upper:g}" if item.upper is not None else ""]
        text = f"the target is {' and '.join(filter(None, ends))}"
    return f"{text} ({item.reason})" if item.reason else text


def _details(task: Task, facts: Facts) -> dict[str, Any]:
    return _summary(task, facts) | {
        "columns": [
            {
                "name": name,
                "role": role,
                "unit": task.column(name).unit,
                "meaning": task.column(name).meaning,
                "range": (facts.feature_ranges | facts.target_ranges)[name],
            }
            for role, name in _columns(task)
        ],
        "group_rows": facts.group_rows,
        "split": task.split.rule,
        "knowledge": [item.model_dump() for item in task.knowledge],
        "notes": task.notes,
    }
