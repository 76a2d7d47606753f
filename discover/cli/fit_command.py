"""`discover fit`: one law, one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discover.cli.completion import law_names
from discover.cli.options import names, pairs
from discover.cli.table_options import Sheet, Where
from discover.errors import InputError
from discover.plain_data import counted

if TYPE_CHECKING:
    from discover.data.reading import RawTable
    from discover.data.table import Table
    from discover.data.tasks import Task
    from discover.fitting import FitResult, Recipe, Structure
    from discover.law import Law
    from discover.law.document import LawDocument

LawArgument = Annotated[
    str,
    typer.Argument(
        metavar="LAW",
        help="A law of the library, or a formula such as 'E + A*params**(-alpha)'.",
        autocompletion=law_names,
    ),
]
DataArgument = Annotated[Path, typer.Argument(metavar="DATA", help="File with a table: CSV, JSON, Excel, Parquet, ...")]
Target = Annotated[str | None, typer.Option(help="Column to predict; by default that of the law, or guessed.")]
Group = Annotated[
    str | None,
    typer.Option("--group", "--groups", metavar="COLUMN", help="Column whose values get their own constants."),
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="NAME=COLUMN,..", help="Columns of the law's variables, if their names differ."),
]
Loss = Annotated[
    str | None, typer.Option(help="squared, huber or soft_l1, then -value or -log; by default that of the law's paper.")
]
Scale = Annotated[float | None, typer.Option(help="Residual at which a robust loss becomes linear.")]
Weights = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the weight of each row.")]
Errors = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the target's standard error.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the starting points.")]
Resamples = Annotated[
    int, typer.Option(min=0, metavar="N", help="Number of bootstrap refits, for 90 % intervals; 200 is usual.")
]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the fitted law to this file, as JSON.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command("fit", rich_help_panel="Find a law")(fit)


def fit(
    law: LawArgument,
    data: DataArgument,
    target: Target = None,
    group: Group = None,
    columns: Columns = None,
    loss: Loss = None,
    scale: Scale = None,
    weights: Weights = None,
    errors: Errors = None,
    sheet: Sheet = None,
    where: Where = None,
    seed: Seed = 0,
    bootstrap: Resamples = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Fit one law to a table; print its constants and every reason to doubt them.

    Examples: discover fit chinchilla runs.csv --group mix, or
    discover fit "E + A*params**(-alpha)" runs.csv --target loss --bootstrap 200
    """
    from discover.cli.kernel_note import compile_kernel
    from discover.cli.law_text import fit_summary
    from discover.cli.output import print_json, print_lines
    from discover.fitting import bootstrap as resampled
    from discover.fitting import report
    from discover.law.storage import write

    job = _job(law, data, target, pairs(columns, "--columns"), group, weights, errors, sheet, where)
    recipe = _recipe(job.recipe, loss, scale)
    compile_kernel()
    result, document = job.fitted(recipe, seed)
    resamples = resampled(result, job.table, bootstrap, seed=seed) if bootstrap else None
    if out is not None:
        write(_with_forecasts(job, result, document, seed), out)
    # What a search would assume of the target plays no part in a fit.
    notes = [*(text for text in job.task.notes if not text.startswith("assuming")), *job.notes]
    if json:
        found = fit_summary(document, result, job.table, resamples)
        print_json({"law": job.law_id, **found, "notes": notes})
        return
    print_lines(report(result, job.table, resamples=resamples).splitlines())
    print_lines([*(f"  note: {text}" for text in notes), *([] if out is None else [f"  written to {out}"])])


def _with_forecasts(job: _Job, result: FitResult, document: LawDocument, seed: int) -> LawDocument:
    """The document with what intervals of its forecasts need: this law alone, so no other law has a share in them."""
    from discover.forecasts import with_uncertainty
    from discover.scoring import problem_of

    return with_uncertainty(problem_of(job.task, job.table), document, [result], seed=seed)


@dataclass(frozen=True)
class _Job:
    """What is fitted to what."""

    task: Task
    table: Table
    structure: Structure
    recipe: Recipe
    law_id: str | None
    notes: tuple[str, ...]

    def fitted(self, recipe: Recipe, seed: int) -> tuple[FitResult, LawDocument]:
        """The fit and its document.

        Raises:
            InputError: there is no fit; the message gives the reason.
        """
        from discover.fitting import THOROUGH, FitFailure, covariance, fit
        from discover.fitting.document import from_fit
        from discover.scoring import problem_of
        from discover.scoring.score import FOLD_EFFORT

        some = problem_of(self.task, self.table).table
        result = fit(self.structure, some, recipe, seed=seed, effort=THOROUGH)
        if len(some) < len(self.table) and not isinstance(result, FitFailure):  # the best of many starts, for all rows
            result = fit(self.structure, self.table, recipe, effort=FOLD_EFFORT, warm=[result.by_name])
        if isinstance(result, FitFailure):
            raise InputError(f"{self.task.table}: no fit of {self.structure.text}: {result.text}")
        columns = [self.task.column(name) for name in self.table.features]
        document = from_fit(
            result,
            self.table,
            task=self.task.name,
            columns=columns,
            group_column=self.task.group,
            errors=covariance(result, self.table).errors,
            seed=seed,
        )
        return result, document


def _recipe(usual: Recipe, loss: str | None, scale: float | None) -> Recipe:
    from dataclasses import replace

    from discover.fitting import recipe_from_text

    if loss is not None:
        return recipe_from_text(loss, scale)
    return usual if scale is None else replace(usual, scale=scale)


def _job(
    text: str,
    data: Path,
    target: str | None,
    mapping: dict[str, str],
    group: str | None,
    weights: str | None,
    errors: str | None,
    sheet: str | None = None,
    where: str | None = None,
) -> _Job:
    from discover.data.canonical import in_canonical_order
    from discover.data.formula_names import places_of, usable_names
    from discover.data.guesses import NO_GROUP, guess_target, task_from_table
    from discover.data.reading import read_table
    from discover.expressions import plain_notation
    from discover.law.intake import intake, named_law
    from discover.law.matching import over_columns

    raw = read_table(data, sheet, where).with_columns([target] if target else [])
    headings = list(raw.columns)
    law = named_law(text)
    if target is None:
        target = law.target if law is not None and law.target in raw.columns else guess_target(raw)
    remarks: tuple[str, ...] = ()
    if law is None:
        predicted = [name for name in usable_names(headings) if target in (name, usable_names(headings)[name])]
        places = places_of([plain_notation(text)], usable_names(headings), mapping, None, predicted)
        variables, remarks = places.columns, places.notes
    else:
        law = law if mapping else over_columns(law, _numeric(raw))
        variables = _places(law, raw, mapping)
    task = task_from_table(
        data,
        target,
        features=list(dict.fromkeys(variables.values())),
        extrapolate=(),
        group=group or NO_GROUP,
        weights=weights,
        errors=names(errors),
        sheet=sheet,
        where=where,
    )
    table = in_canonical_order(task.train(), {name: task.column(name).heading for name in task.features})
    feature = dict(zip(dict.fromkeys(variables.values()), task.features, strict=True))
    renamed = {name: feature[heading] for name, heading in variables.items()}
    remarks += () if group else _pooled(raw, (*task.target, *variables.values()))
    structure, recipe = intake(law or text, renamed)
    if law is None:
        return _Job(task, table, structure, recipe, None, remarks)
    notes = (f"{name} of the law is the column {variables[name]!r}" for name, other in renamed.items() if name != other)
    doubts = (law.identifiable,) if isinstance(law.identifiable, str) else ()
    return _Job(task, table, structure, recipe, law.id, (*notes, *remarks, *doubts))


def _pooled(raw: RawTable, used: tuple[str, ...]) -> tuple[str, ...]:
    """A note on columns of names by which the rows fall into families that share all constants."""
    found = []
    for heading, cells in raw.columns.items():
        names = [str(cell).strip() for cell in cells]
        different = set(names) - {""}
        if (
            heading in used
            or not all(name[:1].isalpha() for name in different)
            or not 1 < len(different) <= len(names) / 3
        ):
            continue
        found.append(f"{heading!r} ({counted(len(different), 'name')})")
    if not found:
        return ()
    from discover.data.names import listed

    return (
        f"all rows share one set of constants, whatever they say in {listed(found)}; "
        "--group COLUMN gives each name its own",
    )


def _numeric(raw: RawTable) -> list[str]:
    """Headings of columns of numbers."""
    return [heading for heading in raw.columns if raw.is_numeric(heading, range(len(raw)))]


def _places(law: Law, raw: RawTable, mapping: dict[str, str]) -> dict[str, str]:
    """Variable of the law -> heading: as the user says, of the same name, or the only numbers of its meaning."""
    from discover.data.names import near
    from discover.law.matching import columns_for

    unknown = [name for name in mapping if name not in law.variables]
    if unknown:
        raise InputError(
            f"--columns names {unknown[0]!r}, which is no variable of {law.id}{near(unknown[0], law.variables)} "
            f"(its variables: {', '.join(law.variables)})"
        )
    headings = list(raw.columns)
    named = {name: name for name in law.variables if name in headings}
    places = columns_for(law, _numeric(raw)) | named | mapping
    for name in law.variables:
        if name not in places:
            raise InputError(
                f"{raw.path} has no column {name!r}, which {law.id} needs (its columns: {', '.join(headings)}); "
                f"say which one it is with --columns {name}=COLUMN"
            )
    return {name: places[name] for name in law.variables}
