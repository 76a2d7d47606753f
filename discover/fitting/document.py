"""The law document of a fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from discover.arrays import Floats
from discover.data.orders import parts_of
from discover.fitting.result import FitResult
from discover.law.document import ConstantSet, FeatureInfo, LawDocument, current_versions

if TYPE_CHECKING:
    from discover.data.cards import Column
    from discover.data.table import Table


def from_fit(
    fit: FitResult,
    table: Table,
    *,
    task: str,
    columns: Sequence[Column] = (),
    group_column: str | None = None,
    errors: Floats | None = None,
    inner_error: float | None = None,
    seed: int | None = None,
    versions: Mapping[str, str] | None = None,
) -> LawDocument:
    """The document of a fit.

    Args:
        fit: structure, recipe and constants.
        table: the train rows it was fitted to; gives the features, their order and all ranges.
        task: name of the task.
        columns: meaning and unit of features; columns of other names are passed over.
        group_column: column that names the groups, or None for a table without groups.
        errors: standard errors of the constants, shape (n_groups, n_targets, n_constants), NaN where unknown.
        inner_error: error on the extrapolation folds.
        seed: of the run.
        versions: software versions; by default those of `current_versions`.

    Raises:
        InputError: a constant is not finite, as for a group without rows.
    """
    names = fit.structure.constants
    about = {column.name: column for column in columns}
    sets = tuple(
        ConstantSet(
            group=group,
            target=target,
            values=fit.named(g, t),
            errors={name: _known(None if errors is None else errors[g, t, i]) for i, name in enumerate(names)},
        )
        for g, group in enumerate(fit.group_names)
        for t, target in enumerate(fit.target_names)
    )
    return LawDocument(
        task=task,
        formula=fit.structure.text,
        features=tuple(
            FeatureInfo(name, column.meaning, column.unit, column.source)
            if (column := about.get(name))
            else FeatureInfo(name)
            for name in table.features
        ),
        targets=tuple(fit.target_names),
        group_column=group_column,
        groups=tuple(fit.group_names),
        constants=sets,
        shared=tuple(name for name in names if name in fit.structure.shared),
        recipe=asdict(fit.recipe),
        n_constants=len(names) * len(fit.target_names),
        inner_error=_known(inner_error),
        domain={name: (float(v.min()), float(v.max())) for name, v in table.features.items()},
        target_range={
            name: (float(v.min()), float(v.max())) for name, v in zip(table.target_names, table.targets.T, strict=True)
        },
        parts=parts_of(
            {name: values for name, values in table.features.items() if (values > 0).all()},
            {name: column.unit for name, column in about.items()},
        ),
        seed=seed,
        versions=dict(current_versions() if versions is None else versions),
    )


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
