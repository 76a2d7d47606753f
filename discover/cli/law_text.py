"""A fitted law for people and for `--json`: formula, constants with errors, how well it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discover.cli.output import number, table, with_error

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from discover.data.table import Table
    from discover.documents import LawDocument
    from discover.fitting import FitResult

SHOWN_GROUPS = 6

Lines = list["str | RichTable"]


def law_summary(document: LawDocument) -> dict[str, Any]:
    """The keys that every command uses for a law."""
    return {
        "task": document.task,
        "seed": document.seed,
        "formula": document.formula,
        "targets": document.targets,
        "groups": document.groups,
        "constants": [
            {"group": item.group, "target": item.target, "values": item.values, "errors": item.errors}
            for item in document.constants
        ],
        "n_constants": document.n_constants,
        "shared": document.shared,
        "recipe": document.recipe,
        "inner_error": document.inner_error,
    }


def describe_law(document: LawDocument) -> Lines:
    """Formula and constants, the first few groups of many."""
    return [f"{_targets(document)} = {document.formula}", "", constants_table(document), *_hidden(document)]


def _targets(document: LawDocument) -> str:
    return document.targets[0] if len(document.targets) == 1 else f"each of {', '.join(document.targets)}"


def constants_table(document: LawDocument) -> RichTable:
    """Constants as rows; one column per group and target, or one row per group and target if these are many."""
    shown = document.constants[:SHOWN_GROUPS]
    names = document.constant_names
    labels = [_label(document, item.group, item.target) for item in shown]
    if len(document.constants) == 1:
        cells = [(name, with_error(shown[0].values[name], shown[0].errors.get(name))) for name in names]
        return table(("constant", "value"), cells)
    rows = [
        (label, *(with_error(item.values[name], item.errors.get(name)) for name in names))
        for label, item in zip(labels, shown, strict=True)
    ]
    return table((document.group_column or "target", *names), rows)


def _label(document: LawDocument, group: str, target: str) -> str:
    parts = [group] if document.group_column else []
    parts += [target] if len(document.targets) > 1 else []
    return ", ".join(parts)


def _hidden(document: LawDocument) -> list[str]:
    rest = len(document.constants) - SHOWN_GROUPS
    return [f"and {rest} more sets of constants in law.json"] if rest > 0 else []


def fit_summary(document: LawDocument, fit: FitResult, rows: Table) -> dict[str, Any]:
    """The law's keys, and how well it fits these rows."""
    from discover.scoring import metrics

    found = metrics(fit.predict(rows.features, rows.group), rows.targets)
    state = fit.diagnostics
    return law_summary(document) | {
        "rows": len(rows),
        "objective": fit.objective,
        "fit": {"r2": found.r2, "rmse": found.rmse, "mare": found.mare},
        "converged": state.converged,
        "outcomes": sorted({outcome.text for outcome in state.outcomes}),
        "agreed": state.agreed,
        "at_bound": state.at_bound,
    }


def describe_fit(document: LawDocument, fit: FitResult, rows: Table, notes: list[str]) -> Lines:
    """A report of one fit, bad news included."""
    values = fit_summary(document, fit, rows)
    measured = values["fit"]
    lines = describe_law(document)
    lines += [
        "",
        f"{len(rows)} rows, {document.n_constants} constants"
        + (f" for each of {len(document.groups)} groups" if document.group_column else "")
        + f", {fit.recipe.loss} loss of the {fit.recipe.space}, objective {number(fit.objective)}",
        f"on these rows: R2 {measured['r2']:.5f}, RMSE {number(measured['rmse'])}, "
        f"mean relative error {number(measured['mare'])}",
        f"{'; '.join(values['outcomes'])}; {values['agreed']:.0%} of the starts reached this optimum",
    ]
    if values["at_bound"]:
        lines.append(f"Warning: at a bound of their domain: {', '.join(values['at_bound'])}")
    return lines + [f"Note: {text}" for text in notes]
