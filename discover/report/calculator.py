"""The calculator of the HTML report: the laws and all that forecasts need, for evaluation in the page.

`templates/forecast.js` computes from it what `discover.forecasts.Ensemble` computes in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from discover.data.aliases import recognise
from discover.data.table import Table
from discover.decisions.questions import better_when_larger
from discover.export.identifiers import quoted
from discover.export.javascript_module import STEP, javascript_layout, needs_step
from discover.forecasts import Ensemble, with_forecasts
from discover.forecasts.ensemble import NODES, normal_nodes
from discover.report.axes import drawn_groups
from discover.report.content import Content
from discover.report.texts import size

MOST_NUMBERS = 90_000  # constants of all draws in the page: 8 bytes each, a third more as text
MOST_ROWS = 1_500  # measured rows in the calculator's plot


@dataclass(frozen=True)
class Field:
    """A column to be entered.

    Attributes:
        name: of the column.
        about: its meaning and unit.
        span: its train rows.
        value: what stands there at first.
        read: whether a law reads it.
    """

    name: str
    about: str
    span: str
    value: str
    read: bool


@dataclass(frozen=True)
class Calculator:
    """What the page evaluates.

    Attributes:
        fields: the columns.
        groups, targets: to choose from.
        along: columns along which the forecast can be plotted, axes of scale first.
        cost, budget: the first question for a budget; empty where no cost can be guessed.
        thinned: of so many draws; 0 if all are in the page.
        draws: so many are in the page.
        data: constants, draws, noise, drift, rows; values as JSON has them.
        laws: JavaScript, a list of the functions of the laws.
    """

    fields: tuple[Field, ...]
    groups: tuple[str, ...]
    targets: tuple[str, ...]
    along: tuple[str, ...]
    cost: str
    budget: str
    thinned: int
    draws: int
    data: Mapping[str, Any]
    laws: str


def calculator(content: Content, start: Mapping[str, float]) -> Calculator | None:
    """The calculator of a run; None for a law without draws.

    Args:
        start: column -> value that stands in its field at first.
    """
    if content.ensemble is None:
        return None
    document = content.document
    groups = drawn_groups(content)
    some = len(groups) < len(document.groups)
    ensemble = in_page(content.ensemble.of_groups(groups) if some else content.ensemble)
    draws, every = sum(map(len, ensemble.laws)), sum(map(len, content.ensemble.laws))
    asked = {name: start.get(name, float(np.median(content.train.features[name]))) for name in document.feature_names}
    cost = usual_cost(content)
    largest = max(_costs(content)) if cost else 0.0
    return Calculator(
        fields=tuple(_field(content, ensemble, name, asked[name]) for name in document.feature_names),
        groups=ensemble.document.groups,
        targets=document.targets,
        along=_along(content, ensemble),
        cost=cost,
        budget=f"{10 * largest:.1g}".replace("e+0", "e").replace("e+", "e") if cost else "",
        thinned=every if draws < every else 0,
        draws=draws,
        data=_data(content, ensemble),
        laws=law_functions(ensemble),
    )


def _along(content: Content, ensemble: Ensemble) -> tuple[str, ...]:
    axes = content.session.problem.axes
    return tuple(sorted(ensemble.inputs, key=lambda name: name not in axes))


def in_page(ensemble: Ensemble) -> Ensemble:
    """The ensemble with as many draws as a page may hold."""
    numbers = sum(sum(values.size for values in law.values.values()) for law in ensemble.laws)
    if numbers <= MOST_NUMBERS:
        return ensemble
    return ensemble.thinned(MOST_NUMBERS / numbers, np.random.default_rng(0))


def law_functions(ensemble: Ensemble) -> str:
    """The laws as JavaScript: what each reads, the order of its constants, and its value."""
    layouts = [javascript_layout(law.document) for law in ensemble.laws]
    entries = []
    for layout in layouts:
        inputs = ", ".join(quoted(name, "javascript") for name in layout.inputs)
        constants = ", ".join(quoted(name, "javascript") for name in layout.constants)
        arguments = ", ".join(layout.arguments)
        names = ", ".join(layout.names[name] for name in layout.constants)
        value = f"([{arguments}], [{names}]) => {layout.text}"
        entries.append(f"  {{ inputs: [{inputs}], constants: [{constants}], value: {value} }},")
    step = STEP if any(map(needs_step, layouts)) else ""
    body = "\n".join(entries)
    return f"{step}const LAWS = [\n{body}\n];\n"


def ensemble_data(ensemble: Ensemble) -> dict[str, Any]:
    """What `Ensemble` in `templates/forecast.js` takes."""
    document = ensemble.document
    held = dict(with_forecasts(ensemble).forecasts)
    laws = [
        {"weight": entry["weight"], "draws": len(law), "constants": entry["constants"]}
        for entry, law in zip(held["laws"], ensemble.laws, strict=True)
    ]
    return {
        **held,
        "laws": laws,
        "groups": list(document.groups),
        "targets": list(document.targets),
        "nodes": normal_nodes(NODES).tolist(),
    }


def usual_cost(content: Content) -> str:
    """6*params*tokens in the names of the table, where it has both, in floating-point operations; else nothing."""
    kinds = content.session.problem.kinds
    names: dict[str, str] = {}
    for name in content.document.feature_names:
        known = recognise(name)
        if known is not None and kinds[name] == "scale":
            names.setdefault(known.name, name)
    model, data = names.get("active_params") or names.get("params"), names.get("tokens")
    if not (model and data):
        return ""
    each = 6.0 * content.document.multiple(model) * content.document.multiple(data)
    return f"{each:g}".replace("e+", "e") + f"*{model}*{data}"


def cost_columns(cost: str) -> list[str]:
    """The columns of a cost of `usual_cost`."""
    return cost.split("*")[1:]


def _costs(content: Content) -> list[float]:
    cost = usual_cost(content)
    product = np.prod([content.train.features[name] for name in cost_columns(cost)], axis=0)
    return [float(value) for value in float(cost.partition("*")[0]) * product]


def _field(content: Content, ensemble: Ensemble, name: str, value: float) -> Field:
    column = content.session.task.column(name)
    ends = content.document.domain.get(name)
    unit = column.unit if column.unit not in ("", "1") and column.unit != name else ""
    meaning = column.meaning if column.meaning.lower() != name.lower() else ""
    multiple = content.document.multiple(name)
    if multiple > 1:
        unit = f"1 is {size(multiple)} {unit.partition(' ')[2]}"
    about = f"{meaning} ({unit})" if meaning and unit and unit not in meaning else meaning or unit
    span = f"data: {content.size(name, ends[0])} to {content.size(name, ends[1])}" if ends else ""
    read = name in ensemble.inputs
    return Field(
        name,
        about,
        span if read else f"{span}; no law reads it".strip("; "),
        content.size(name, value, plain=True),
        read,
    )


def _data(content: Content, ensemble: Ensemble) -> dict[str, Any]:
    document = content.document
    kinds = content.session.problem.kinds
    tables = {"train": content.train, **({} if content.sealed is None else {"sealed": content.sealed})}
    return {
        **ensemble_data(ensemble),
        "columns": [
            {
                "name": name,
                "log": kinds[name] == "scale",
                "positive": document.domain.get(name, (0.0, 0.0))[0] > 0,
                "low": document.domain.get(name, (None, None))[0],
                "high": document.domain.get(name, (None, None))[1],
                "read": name in ensemble.inputs,
                "multiple": document.multiple(name),
                "counted": content.counted(name),
            }
            for name in document.feature_names
        ],
        "along": _along(content, ensemble),
        "aims": [-1 if better_when_larger(target) else 1 for target in document.targets],
        "positive": [bool((content.train.targets[:, t] > 0).all()) for t in range(len(document.targets))],
        "rows": {kind: _rows(table, drawn_groups(content)) for kind, table in tables.items()},
        "grouped": document.group_column or "",
    }


def _rows(table: Table, groups: Sequence[int]) -> dict[str, Any]:
    """Rows of these groups, which are numbered in their order."""
    own = np.flatnonzero(np.isin(table.group, groups))
    places = own[np.unique(np.linspace(0, len(own) - 1, min(len(own), MOST_ROWS)).astype(int))]
    return {
        "group": np.searchsorted(groups, table.group[places]).tolist(),
        "features": {name: _short(values[places]) for name, values in table.features.items()},
        "targets": [_short(table.targets[places, t]) for t in range(table.n_targets)],
    }


def _short(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]


__all__ = ["Calculator", "Field", "calculator", "ensemble_data", "in_page", "law_functions", "usual_cost"]
