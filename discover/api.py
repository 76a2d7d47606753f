"""The fitter for use from Python, without tasks, runs or search: `discover.fit(law, table, ...)`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from discover.arrays import Floats
from discover.data.frames import columns_of, is_frame
from discover.data.names import listed
from discover.data.table import Table, check_errors
from discover.errors import InputError
from discover.fitting import NORMAL, THOROUGH, FitFailure, FitResult, Recipe, Structure, recipe_from_text
from discover.fitting import fit as fit_structure
from discover.fitting import report as fit_report

if TYPE_CHECKING:
    import pandas as pd

    from discover.law.published import Law

__all__ = ["as_table", "fit", "fit_report"]


def fit(
    law: str | Structure | Law,
    table: pd.DataFrame | Mapping[str, Any] | Table | str | Path,
    *,
    target: str | Sequence[str] | None = None,
    group: str | None = None,
    loss: str | Recipe | None = None,
    scale: float | None = None,
    shared: Sequence[str] = (),
    weights: str | Floats | None = None,
    errors: str | None = None,
    starts: Sequence[Mapping[str, float]] = (),
    thorough: bool = False,
    seed: int = 0,
) -> FitResult | FitFailure:
    """Fits one law to one table.

    The fitter eliminates linear constants and searches the others from several starts, by a Gauss-Newton method
    with Levenberg-Marquardt damping (variable projection: Golub and Pereyra 1973, SIAM J. Numer. Anal. 10, 413).
    The objective is the sum, not the mean, of the loss over rows.

    Args:
        law: id of a law of the library ("chinchilla"), whose variables are the columns of their names or the only
            ones that the field calls so (`N` for `params`); the text of a formula over the table's columns
            ("E + A*params**(-alpha)"; other names are constants), or a Structure.
        table: a data frame, a mapping of column names to n values, the path of a table, or a Table.
            Constants come out in the units of the columns.
        target: the column or columns to predict; may be omitted if the law names one that the table has.
        group: column whose values each get their own constants.
        loss: "squared", "huber" or "soft_l1", with "-log" for the residual of the logarithm, or a Recipe; by
            default the loss of the law's paper, else squared.
        scale: residual at which a robust loss becomes linear, in units of the residual.
        shared: constants with one value for all groups, besides those of the law.
        weights: column with, or array (n,) of, the weight of each row.
        errors: column with the standard error of each measurement of a single target.
        starts: starting values besides the drawn ones, constant -> value.
        thorough: uses more starts and a tighter convergence.
        seed: seed of the drawn starts; equal arguments give equal results.

    Returns:
        A FitResult: `result.named()` gives the constants of a group, `result.predict(columns)` values of shape
        (n, targets). If no constants can be found, a FitFailure with the reason. `discover.diagnose`,
        `discover.covariance`, `discover.bootstrap` and `discover.fit_report` say how far to trust a result; they
        take the Table that `discover.as_table` makes of the same arguments. A warning names a constant that looks like
        a mistyped column.

    Raises:
        InputError: a column, constant or law does not exist, a column is not numeric, or the formula uses no column.
        FormulaError: the text is neither a law's id nor a formula.
    """
    structure, usual, target_of_law = _structure(law, table, target)
    unknown = sorted(set(shared) - set(structure.constants))
    if unknown:
        raise InputError(f"no constant {unknown[0]!r} to share; the law has {', '.join(structure.constants)}")
    if shared:
        structure = Structure(structure.expr, structure.shared | frozenset(shared), structure.domains, structure.guess)
    target = target or target_of_law
    rows = as_table(table, structure.features, target=target, group=group, weights=weights, errors=errors)
    return fit_structure(
        structure,
        rows,
        _recipe(loss, scale, usual),
        seed=seed,
        effort=THOROUGH if thorough else NORMAL,
        warm=tuple(starts),
    )


def as_table(
    table: pd.DataFrame | Mapping[str, Any] | Table | str | Path,
    features: Sequence[str],
    *,
    target: str | Sequence[str] | None = None,
    group: str | None = None,
    weights: str | Floats | None = None,
    errors: str | None = None,
) -> Table:
    """Turns columns of a file, a data frame or a mapping into the arrays that a fit works on.

    Arguments as of `fit`; a Table has columns of its own, and takes weights as an array alone.

    Returns:
        A Table: features of shape (n,), targets (n, T), groups as codes of shape (n,).

    Raises:
        InputError: a column is missing, not numeric, or of another length; or standard errors exceed the range of
            the target.
    """
    given = None if weights is None or isinstance(weights, str) else np.asarray(weights, np.float64)
    if isinstance(table, Table):
        return table if given is None else replace(table, weights=given)
    columns = _columns(table)
    targets = [target] if isinstance(target, str) else list(target or ())
    if not targets:
        raise InputError(f"say with target= which column to predict (columns: {', '.join(columns)})")
    y = np.stack([_numbers(columns, name) for name in targets], axis=1)
    names, codes = ("all",), np.zeros(len(y), np.int64)
    if group is not None:
        labels, inverse = np.unique(np.asarray(_column(columns, group)).astype(str), return_inverse=True)
        names, codes = tuple(labels.tolist()), inverse.astype(np.int64)
    values = {name: _numbers(columns, name) for name in features}
    for name, column in values.items():
        if len(column) != len(y):
            raise InputError(f"column {name!r} has {len(column)} values, the target {len(y)}")
    made = Table(
        features=values,
        targets=y,
        target_names=tuple(targets),
        group=codes,
        group_names=names,
        weights=_numbers(columns, weights) if isinstance(weights, str) else given,
        errors=None if errors is None else _numbers(columns, errors)[:, None],
    )
    check_errors(made, f"column {errors!r}")
    return made


def _structure(
    law: str | Structure | Law, table: Any, target: str | Sequence[str] | None
) -> tuple[Structure, Recipe, str | None]:
    """The structure, the loss that is usual for it, and the law's own target if the table has it."""
    if isinstance(law, Structure):
        return law, Recipe(), None
    from discover.law.intake import intake, named_law
    from discover.law.matching import over_columns

    found = named_law(law) if isinstance(law, str) else law
    if found is None:
        assert isinstance(law, str)
        places = _places(law, table, [target] if isinstance(target, str) else target or ())
        return *intake(law, places), None
    columns = list(table.features if isinstance(table, Table) else _columns(table))
    usual = found.target if found.target in columns and not isinstance(table, Table) else None
    predicted = target or usual
    names = [name for name in columns if name not in ([predicted] if isinstance(predicted, str) else predicted or ())]
    found = over_columns(found, names)
    return *intake(found, _places_of_law(found, names)), usual


def _places_of_law(law: Law, columns: Sequence[str]) -> Mapping[str, str]:
    """Which columns hold the variables of a law, with a warning of those that are called otherwise."""
    from discover.law.matching import columns_for

    places = columns_for(law, columns)
    absent = [name for name in law.variables if name not in places]
    if absent:
        raise InputError(
            f"the table has no column {absent[0]!r}, which {law.id} needs (its columns: {listed(columns, 12)}); "
            "give that name to the one that holds it"
        )
    for name, column in places.items():
        if name != column:
            warnings.warn(f"{name} of {law.id} is the column {column!r}", stacklevel=4)
    return places


def _places(formula: str, table: Any, targets: Sequence[str]) -> Mapping[str, str]:
    """Which columns of the table a formula names, with a warning of names that are nearly columns."""
    from discover.data.formula_names import places_of
    from discover.expressions import plain_notation

    columns = list(table.features if isinstance(table, Table) else _columns(table))
    places = places_of([plain_notation(formula)], {name: name for name in columns}, target=targets)
    for note in places.notes:
        warnings.warn(note, stacklevel=4)
    return places.columns


def _recipe(loss: str | Recipe | None, scale: float | None, usual: Recipe) -> Recipe:
    recipe = usual if loss is None else recipe_from_text(loss) if isinstance(loss, str) else loss
    if scale is None:
        return recipe
    if not (math.isfinite(scale) and scale > 0):
        raise InputError(f"scale must be a positive number, not {scale}")
    return Recipe(recipe.loss, recipe.space, scale, recipe.emphasis)


def _columns(table: Any) -> Mapping[str, Any]:
    if isinstance(table, str | Path):
        from discover.data.reading import read_table

        raw = read_table(Path(table))
        for remark in raw.remarks:
            warnings.warn(f"{table}: {remark}", stacklevel=2)
        columns: dict[str, Any] = dict(raw.columns)
        for name in columns:
            read = raw.written(name)
            if raw.signs.get(name) == "," and None not in read:
                columns[name] = [found.value for found in read if found is not None]
        return columns
    if is_frame(table):
        return columns_of(table)
    if isinstance(table, Mapping):
        return table
    raise InputError(f"a table is a data frame, a mapping, a path or a Table, not {type(table).__name__}")


def _column(columns: Mapping[str, Any], name: str) -> Any:
    if name not in columns:
        from discover.data.names import near

        raise InputError(f"no column {name!r}{near(name, columns)} (columns: {', '.join(columns)})")
    return columns[name]


def _as_written(name: str, values: Any) -> Floats:
    """Cells in the notations of tables: 680M, 5.34 nats."""
    from discover.data.cells import number

    cells = np.asarray(values, dtype=object).ravel().tolist()
    read = [number(cell) for cell in cells]
    if None in read:
        odd = cells[read.index(None)]
        raise InputError(f"column {name!r} holds something that is not a number: {odd!r}")
    return np.array(read, dtype=np.float64)


def _numbers(columns: Mapping[str, Any], name: str) -> Floats:
    values = _column(columns, name)
    try:
        out = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        out = _as_written(name, values)
    if out.ndim != 1:
        raise InputError(f"column {name!r} must have one dimension, not {out.ndim}")
    return np.ascontiguousarray(out)
