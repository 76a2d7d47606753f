"""`discover import`: a law found elsewhere, fitted to a table and kept like the result of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli import table_options as own
from discover.cli.options import names, pairs, spread
from discover.errors import InputError

if TYPE_CHECKING:
    from discover.runs.config import TaskSource
    from discover.runs.importing import Formula
    from discover.runs.result import Result

FRONTS = (".csv", ".bak")
FRONT_ROWS = 500

Subject = Annotated[
    str,
    typer.Argument(
        metavar="FORMULA|FRONT.csv",
        help="A formula such as 'E + A/params**alpha' or '1.7 + 400/x0^0.34', or the hall of fame of a PySR run.",
    ),
]
Data = Annotated[
    str, typer.Option("--data", metavar="TABLE|TASK", help="The table to fit it to, or a task with a table.")
]
Features = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Columns that the formula calls x0, x1, ..., in this order."),
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="NAME=COLUMN,..", help="Columns of the formula's variables, if their names differ."),
]
Group = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column whose values get their own constants; by default none.")
]
Shared = Annotated[str | None, typer.Option(metavar="A,B", help="Constants with one value for all groups.")]
Loss = Annotated[str, typer.Option(help="Loss of the fit: squared, huber or soft_l1, then -value or -log.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Run folder; by default a new one, runs/TABLE-seed0-N.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command("import", rich_help_panel="Find a law")(spread(import_law))


def import_law(
    subject: Subject,
    data: Data,
    features: Features = None,
    columns: Columns = None,
    group: Group = None,
    shared: Shared = None,
    loss: Loss = "squared",
    about: own.TableOptions = own.TableOptions(),
    out: Out = None,
    json: Json = False,
) -> None:
    """Fit a law from elsewhere to a table, and keep it as a run folder.

    Numbers become constants; signs stay. Whole and simple exponents are tried as given and as constants, and the output
    says which was kept. If the formula names its constants, its numbers stay. Of a hall of fame it fits every
    formula and chooses the one that a search would choose.

    Examples: discover import "E + A/params**alpha" --data runs.csv --target loss, or
    discover import hall_of_fame.csv --data runs.csv --target loss --features params,tokens
    """
    from discover.cli.kernel_note import compile_kernel
    from discover.cli.output import print_json, print_lines, tell_notes, tell_problems
    from discover.fitting import recipe_from_text
    from discover.report.terminal import describe_result
    from discover.runs.importing import import_laws

    recipe = recipe_from_text(loss)
    formulas = _formulas(subject, about.target)
    options = about.read()
    plan = _plan(formulas, data, options, pairs(columns, "--columns"), _left_side(subject))
    compile_kernel()
    result = import_laws(formulas, plan.columns, plan.source, recipe=recipe, shared=names(shared) or (), out=out)
    tell_notes(plan.notes)
    tell_problems([one.text for one in result.problems])
    if json:
        print_json(result.keys())
        return
    print_lines([*_front(result), *describe_result(result.model_copy(update={"problems": ()}))])


def _left_side(subject: str) -> str:
    """The name before the sign of equality of a formula; "" where there is none."""
    left, sign, _ = subject.partition("=")
    return left.strip() if sign and left.strip().isidentifier() else ""


def _formulas(subject: str, target: str | None) -> list[Formula]:
    """The formulas of a text or of a file."""
    from discover.proposers.hall_of_fame import parse_hall_of_fame
    from discover.runs.importing import Formula

    if not subject.lower().endswith(FRONTS):
        left, sign, right = subject.partition("=")
        if sign and left.strip() == (target or left.strip()) and left.strip().isidentifier():
            subject = right
        if not subject.strip():
            raise InputError("the formula is empty; expected one such as 'E + A/params**alpha', or a CSV file")
        return [Formula(subject.strip())]
    rows = parse_hall_of_fame(_content(Path(subject)))
    if not rows:
        raise InputError(f"{subject} has no formulas; expected the columns Complexity, Loss and Equation")
    if len(rows) > FRONT_ROWS:
        raise InputError(f"{subject} has {len(rows)} formulas; at most {FRONT_ROWS} are imported at a time")
    return [Formula(row.equation, row.complexity, row.loss) for row in rows]


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        raise InputError(f"no such file: {path}; expected a hall of fame, or a formula") from None
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None


@dataclass(frozen=True)
class _Plan:
    """Where the table is, and which of its features each name in the formulas is."""

    source: TaskSource
    columns: dict[str, str]
    notes: tuple[str, ...]


def _plan(formulas: list[Formula], data: str, options: dict[str, Any], mapping: dict[str, str], left: str) -> _Plan:
    """Where everything is.

    Args:
        left: the name before the sign of equality of a formula, which may be the target.
    """
    from discover.data.formula_names import places_of, usable_names
    from discover.data.names import near
    from discover.runs.config import TABLE_SUFFIXES

    texts = _readable(formulas)
    if not data.lower().endswith(TABLE_SUFFIXES):
        source = own.source_of(data, options | {"features": None})
        task = source.load()
        usable = {task.column(name).heading: name for name in task.features} | {name: name for name in task.features}
        given = options["features"] or []
        unknown = [name for name in given if name not in usable]
        if unknown:
            raise InputError(
                f"--features names {unknown[0]!r}, which is no feature of {data}{near(unknown[0], usable)} "
                f"({', '.join(task.features)})"
            )
        places = places_of(texts, usable, mapping, [usable[name] for name in given])
        return _Plan(source, places.columns, places.notes)
    from discover.data.exports import short_names
    from discover.data.guesses import NO_GROUP, guess_target, heading_of
    from discover.data.names import to_identifier
    from discover.data.reading import read_table

    raw = read_table(Path(data), options["sheet"], options["where"])
    if not options["target"]:
        options = options | {"target": [left if left in raw.columns else guess_target(raw)]}
    told = []
    if left and left not in (*options["target"], *map(to_identifier, options["target"])):
        told = [f"{left} of the formula is the column {options['target'][0]!r}; --target names another"]
    given = options["features"] and [heading_of(raw, name) for name in options["features"]]
    short = short_names(raw.columns) if raw.export else {}
    usable = {to_identifier(short.get(heading, heading)): heading for heading in raw.columns}
    usable |= usable_names(raw.columns)
    predicted = [heading_of(raw, name) for name in options["target"]]
    places = places_of(texts, usable, {name: heading_of(raw, h) for name, h in mapping.items()}, given, predicted)
    found = places.columns
    headings = given or list(dict.fromkeys(found.values()))
    missing = [name for name, heading in found.items() if heading not in headings]
    if missing:
        raise InputError(f"the formula uses the column {found[missing[0]]!r}, which --features does not name")
    source = own.source_of(data, options | {"features": headings, "group": options["group"] or NO_GROUP})
    task = source.load()
    feature = dict(zip(headings, task.features, strict=True))
    columns = {name: feature[heading] for name, heading in found.items()}
    return _Plan(source, columns, (*told, *places.notes, *task.reading))


def _readable(formulas: list[Formula]) -> list[str]:
    """The formulas in plain notation, without those that have none: `import_laws` says why."""
    from discover.errors import FormulaError
    from discover.expressions import plain_notation

    found = []
    for formula in formulas:
        try:
            found.append(plain_notation(formula.text))
        except FormulaError:
            if len(formulas) == 1:
                raise
    return found


def _front(result: Result) -> list[Any]:
    """What became of every formula of a front; of a single one only what its numbers said before the fit."""
    from discover.plain_data import number, table

    attempts = result.imported
    if len(attempts) == 1:
        r2, said = attempts[0]["r2_given"], attempts[0]["simple_exponents"]
        lines = [f"{said[0].upper()}{said[1:]}"] if said else []
        if r2 is not None:
            lines.append(f"R2 of the rows: {r2:.6g} with the numbers as given, {attempts[0]['r2']:.6g} fitted")
        return lines
    rows = [
        (
            "*" if one["chosen"] else "",
            number(one["complexity"]),
            number(one["loss"], 3),
            number(one["r2_given"], 5),
            number(one["r2"], 5),
            number(one["inner_error"], 3),
            one["formula"] or one["text"][:60],
            one["problem"] or "",
        )
        for one in attempts
    ]
    heads = ("", "size", "loss", "R2 as given", "R2 fitted", "inner error", "law", "problem")
    said = [f"  size {one['complexity']}: {one['simple_exponents']}" for one in attempts if one["simple_exponents"]]
    return [table(heads, rows, range(1, 6)), "* chosen", *said, ""]
