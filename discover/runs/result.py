"""What a run found: the content of `result.json`, typed.

Keys that older versions did not write have defaults; keys of newer ones are kept when the file is written again.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Judged(_Kept):
    """How far a law is off some rows.

    Attributes:
        r2: see `discover.scoring.r_squared`.
        rmse: root mean squared error, in the target's unit.
        mare: mean absolute error as a share of the measured value.
        n: rows.
    """

    r2: float | None = None
    rmse: float | None = None
    mare: float | None = None
    n: int | None = None


class HumanLawJudged(Judged):
    """A published law beside the law that was found, judged on the sealed rows if they were opened.

    Attributes:
        law: identifier in the library.
        variant: "published" for the constants of its authors, "refitted" for ours.
        inner_error: see `Result`; None for constants of others, or a law that was refused.
        refused: why there is no inner error.
    """

    law: str
    variant: str
    inner_error: float | None = None
    refused: str | None = None


class RunnerUp(_Kept):
    """Another law that the search came to.

    Attributes:
        formula: as text.
        n_constants: per group.
        inner_error: see `Result`.
        close: the data hardly tell it from the chosen law.
        origin: who proposed it, and how.
        shared: constants with one value for all groups.
    """

    formula: str
    n_constants: int
    inner_error: float | None
    close: bool
    origin: str = ""
    shared: tuple[str, ...] = ()


class ConstantSet(_Kept):
    """Constants of a group and target, with their standard errors (None where unknown)."""

    group: str
    target: str
    values: dict[str, float]
    errors: dict[str, float | None] = {}


class Result(_Kept):
    """The content of `result.json`.

    Attributes:
        task, seed: of the run.
        formula, targets, groups, group_column, constants, n_constants, shared, recipe: the law, see `LawDocument`.
        inner_error: squared error on the largest scales held out of the train rows, in variances of the target.
        origin: who proposed the law, and how.
        no_law: no law forecasts larger scales better than the group means.
        warnings: reasons to doubt the constants.
        runners_up: other laws, best first.
        sealed, forecast: the law, and the average of the laws that the data cannot tell apart, on the sealed rows; None
            while these are closed, or where there are none.
        sealed_error: why the sealed rows could not be read.
        opened: how often they were opened.
        sealed_rows: how many there are.
        human: published laws.
        evaluations, seconds, stopped: what was spent, and why the search ended.
        run_dir: the run folder.
        notes: what was guessed of the table, and what was left out.
        problems: of the table, see `discover.runs.inspection.Located`.
        proposers: what each of them brought, see `discover.search.tally.Tally`.
        llm: what a language model was asked and brought.
    """

    task: str
    seed: int | None = None
    formula: str
    targets: tuple[str, ...]
    group_column: str | None = None
    groups: tuple[str, ...] = ()
    constants: tuple[ConstantSet, ...]
    n_constants: int
    shared: tuple[str, ...] = ()
    recipe: dict[str, Any] = {}
    inner_error: float | None = None
    origin: str = ""
    no_law: bool = False
    warnings: tuple[str, ...] = ()
    runners_up: tuple[RunnerUp, ...] = ()
    sealed: Judged | None = None
    forecast: Judged | None = None
    sealed_error: str | None = None
    opened: int = 0
    sealed_rows: int = 0
    human: tuple[HumanLawJudged, ...] = ()
    evaluations: int
    seconds: float
    stopped: str
    run_dir: str = ""
    notes: tuple[str, ...] = ()
    problems: tuple[dict[str, Any], ...] = ()
    proposers: tuple[dict[str, Any], ...] = ()
    llm: dict[str, Any] | None = None
