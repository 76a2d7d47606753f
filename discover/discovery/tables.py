"""Tables as they are given from Python: a data frame, a mapping, a path, a shipped task."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from discover.data.frames import columns_of, is_frame
from discover.data.guesses import guess_target
from discover.data.names import near
from discover.data.reading import read_table
from discover.errors import InputError
from discover.runs.config import TaskSource, source_of

if TYPE_CHECKING:
    import pandas as pd

    Rows = pd.DataFrame | Mapping[str, Any] | str | os.PathLike[str]


LISTS = ("target", "features", "extrapolate", "errors")  # options that take one heading or several
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)(:?)")
_ARGUMENTS = {"as": "roles", "run": "run_column"}  # those that differ by more than their dashes
TABLE, TEST_ROWS = "table.json", "test_rows.json"  # of a table in memory, in the run's folder


class TableOptions(TypedDict, total=False):
    """What you say about a table; `discover` guesses the rest.

    Attributes:
        features: headings to predict from.
        group: heading whose values each get their own constants; "" for none.
        extrapolate: features along which the law must reach further.
        target_scale: feature -> value at which the law will be used.
        constants: most constants per group.
        holdout: share of the rows, those with the largest scale, to seal; above 0 and below 1.
        test_rows: a second table, all of whose rows are sealed.
        weights: heading of the rows' weights.
        errors: heading or headings of the targets' standard errors.
        run_column: heading of the column that names the training run of each row.
        sheet: name of the sheet of a spreadsheet.
        where: conditions on the rows that count, such as "status == finished and params >= 1e8".
        error_scale: what errors are counted in: "value", "log" or "odds".
        roles: feature -> the variable of the law library that it is.
    """

    features: Sequence[str] | None
    group: str | None
    extrapolate: Sequence[str] | None
    target_scale: Mapping[str, float] | None
    constants: int | None
    holdout: float | None
    test_rows: Rows | None
    weights: str | None
    errors: str | Sequence[str] | None
    run_column: str | None
    sheet: str | None
    where: str | None
    error_scale: str | None
    roles: Mapping[str, str] | None


def source_of_table(
    table: Rows, target: str | Sequence[str] | None, options: Mapping[str, Any], folder: Path
) -> TaskSource:
    """Where the table is; one in memory is written into the folder of the run."""
    for name in options:
        if name not in TableOptions.__annotations__:
            known = TableOptions.__annotations__
            raise TypeError(f"a table has no option {name!r}{near(name, known)} (it has {', '.join(known)})")
    given = {"target": target, **dict.fromkeys(TableOptions.__annotations__), **options}
    given |= {key: [given[key]] for key in LISTS if isinstance(given[key], str)}
    given["run"] = given.pop("run_column")
    given["test_rows"] = _place(given["test_rows"], folder / TEST_ROWS)
    if isinstance(table, str | os.PathLike):
        return source_of(os.fspath(table), given, lambda key: f"{'run_column' if key == 'run' else key}=")
    _place(table, folder / TABLE)
    given["target"] = given["target"] or guess_target(read_table(folder / TABLE, None, given["where"]))
    return TaskSource(kind="table", place=TABLE, options={k: v for k, v in given.items() if v is not None})


@contextmanager
def named_plainly(folder: Path) -> Iterator[None]:
    """Errors speak of the table in memory, not of its file in the run's folder, and of arguments, not of options."""
    try:
        yield
    except InputError as error:
        text = _OPTION.sub(lambda found: _argument(found[1]) + (found[2] or "="), str(error))
        for name, plain in ((TABLE, "the table"), (TEST_ROWS, "the table of test rows")):
            text = text.replace(str(folder / name), plain)
        raise InputError(text) from None


def _argument(option: str) -> str:
    """The argument that says what an option of the command line says."""
    return _ARGUMENTS.get(option, option.replace("-", "_"))


def path_of(table: Rows, folder: Callable[[], Path]) -> Path:
    """Where a table is; one in memory is written into a folder that is made for it."""
    if isinstance(table, str | os.PathLike):
        return Path(table)
    made = folder()
    return made / str(_place(table, made / TABLE))


def _place(table: Rows | None, file: Path) -> str | None:
    """The path of a table; the name of the file for one in memory, which is written."""
    if table is None:
        return None
    if isinstance(table, str | os.PathLike):
        return str(Path(table).absolute())
    file.write_text(json.dumps(_columns(table), ensure_ascii=False, default=str), encoding="utf-8")
    return file.name


def _columns(table: Any) -> dict[str, list[Any]]:
    """The cells of a data frame or mapping, as JSON takes them."""
    if not (isinstance(table, Mapping) or is_frame(table)):
        raise InputError(f"a table is a data frame, a mapping of columns or a path, not {type(table).__name__}")
    given = table if isinstance(table, Mapping) else columns_of(table)
    columns = {}
    for name, cells in given.items():
        values = np.asarray(cells, dtype=object)
        if values.ndim != 1:
            raise InputError(f"column {name!r} must have one dimension, not {values.ndim}")
        columns[str(name)] = [_cell(value) for value in values]
    if len(columns) < len(given):
        raise InputError("two columns of the table have the same name")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"the columns differ in length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")
    if not any(lengths.values()):
        raise InputError("the table has no rows")
    return columns


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    # pandas has values of its own for a cell without one; none of them is equal to itself
    empty = type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))
    return None if empty else str(value) if isinstance(value, Mapping | list | tuple | np.ndarray) else value
