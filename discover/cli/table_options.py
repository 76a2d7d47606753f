"""Options of commands that take a table of one's own, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli.completion import tasks_and_tables
from discover.cli.options import names, numbers, pairs, share
from discover.errors import InputError

if TYPE_CHECKING:
    from discover.runs.config import TaskSource

_YOURS, _RARE = "Your own table", "Your own table, rarely needed"
SCALES = ("value", "log", "odds")
_LISTS = ("target", "features", "extrapolate", "errors")

Subject = Annotated[
    str,
    typer.Argument(
        metavar="TASK|TABLE",
        help="A shipped task, a task file (.toml), or a table of your own.",
        autocompletion=tasks_and_tables,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="A[,B]", help="Column to predict; guessed if one is headed like a result.", rich_help_panel=_YOURS
    ),
]
Features = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Columns to predict from; guessed if not given.", rich_help_panel=_YOURS),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column whose values get their own constants; '' for none; guessed.",
        rich_help_panel=_YOURS,
    ),
]
Extrapolate = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Extrapolation axes: columns along which the law must reach further; guessed if not given.",
        rich_help_panel=_YOURS,
    ),
]
TargetScale = Annotated[
    str | None,
    typer.Option(
        metavar="A=VALUE,..",
        help="Scale at which you will use the law: params=1e12,tokens=2e13.",
        rich_help_panel=_YOURS,
    ),
]
Constants = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Largest number of constants per group.", rich_help_panel=_RARE)
]
Holdout = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Seal this share of the rows, those with the largest scales: 0.2 or 20%.",
        rich_help_panel=_YOURS,
    ),
]
TestRows = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Second table with the sealed rows.", rich_help_panel=_RARE)
]
Weights = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column with the weight of each row.", rich_help_panel=_RARE)
]
Errors = Annotated[
    str | None,
    typer.Option(metavar="A[,B]", help="Columns with the standard errors of the targets.", rich_help_panel=_RARE),
]
Run = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="COLUMN",
        help="Column that names the training run of each row; whole runs are held out.",
        rich_help_panel=_RARE,
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Sheet of a spreadsheet; by default the first with rows.", rich_help_panel=_RARE),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="Keep only these rows: 'status == finished and params >= 1e8'.",
        rich_help_panel=_RARE,
    ),
]

ErrorScale = Annotated[
    str | None,
    typer.Option(
        metavar="SCALE",
        help="Unit of the errors: value, log or odds; by default log if the target spans decades, else value.",
        rich_help_panel=_RARE,
    ),
]
Roles = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="A=NAME,..", help="Meaning of columns in the law library: S1=lr_area.", rich_help_panel=_RARE
    ),
]


@dataclass(frozen=True)
class TableOptions:
    """What options say of a table, as texts; None where not given. `spread` makes options of it."""

    target: Target = None
    features: Features = None
    group: Group = None
    extrapolate: Extrapolate = None
    target_scale: TargetScale = None
    holdout: Holdout = None
    constants: Constants = None
    test_rows: TestRows = None
    weights: Weights = None
    errors: Errors = None
    run: Run = None
    sheet: Sheet = None
    where: Where = None
    error_scale: ErrorScale = None
    roles: Roles = None

    def read(self) -> dict[str, Any]:
        """The keyword arguments of `task_from_table`.

        Raises:
            InputError: a part of `--target-scale` is not `name=number`, `--holdout` is no share, `--error-scale` no
                scale, or a part of `--as` is not `column=name`.
        """
        from discover.data.names import listed

        if self.error_scale not in (None, *SCALES):
            raise InputError(f"--error-scale is {self.error_scale!r}; expected {listed(SCALES)}")
        return vars(self) | {
            **{name: names(getattr(self, name)) for name in _LISTS},
            "holdout": None if self.holdout is None else share(self.holdout, "--holdout"),
            "target_scale": numbers(self.target_scale, "--target-scale") or None,
            "roles": pairs(self.roles, "--as") or None,
        }


def source_of(subject: str, options: dict[str, Any]) -> TaskSource:
    """The task that is named, or that of a table with these options."""
    from discover.runs.config import source_of

    return source_of(subject, options, lambda key: "--as" if key == "roles" else f"--{key.replace('_', '-')}")
