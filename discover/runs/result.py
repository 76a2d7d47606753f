"""What a run found: the content of `result.json`, typed.

Keys that older versions did not write have defaults; keys of newer ones are kept when the file is written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict

from discover.errors import InputError
from discover.plain_data import plain

LIBRARY = "library"  # the proposer of published laws


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    def keys(self) -> dict[str, Any]:
        """As a JSON object, with the keys that were given."""
        return self.model_dump(exclude_unset=True)


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
        recipe, fit: how it was fitted, and the constants, see `discover.runs.records.law_record`.
    """

    formula: str
    n_constants: int
    inner_error: float | None
    close: bool
    origin: str = ""
    shared: tuple[str, ...] | None = None
    recipe: dict[str, Any] | None = None
    fit: dict[str, Any] | None = None

    @property
    def published(self) -> str:
        """The identifier of a law that people published; empty for others, and where it was not recorded."""
        return _published(self.origin)


class Brought(_Kept):
    """What a proposer brought, see `discover.search.tally.Tally`; without a law its best penalty is None."""

    name: str
    asked: int
    answered: int
    scored: int
    finalists: int
    best_penalty: float | None = None


class Settled(_Kept):
    """How far the search had settled, see `discover.search.settling.Settled`.

    Attributes:
        more: what to give a search that had not, as words after "try"; "" where no budget ended it.
    """

    yes: bool
    laws: int
    since: int = 0
    moved: float | None = None
    gained: float | None = None
    apart: float | None = None
    more: str = ""


class TableProblem(_Kept):
    """What is the matter with the table, see `discover.runs.inspection.Located`."""

    text: str


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
        fit: as of `RunnerUp`.
        error_scale: what errors are counted in: "value", "log" or "odds".
        origin: who proposed the law, and how.
        no_law: no law forecasts larger scales better than the group means.
        warnings: reasons to doubt the constants.
        runners_up: other laws, best first.
        not_judged: published laws that have too few rows to be judged on.
        sealed, forecast: the law, and the average of the laws that the data cannot tell apart, on the sealed rows; None
            while these are closed, or where there are none.
        sealed_error: why the sealed rows could not be read.
        sealed_changed: some of them have changed since the run began.
        opened: how often they were opened.
        sealed_rows: how many there are; None where an older version did not say.
        human: published laws.
        evaluations, seconds, stopped: what was spent, and why the search ended.
        settled: how far the search had settled; None where nothing was searched, or an older version did not say.
        run_dir: the run folder.
        notes: what was guessed of the table, and what was left out.
        problems: of the table.
        proposers: what each of them brought.
        llm: what a language model was asked and brought, see `discover.proposers.llm.LanguageModel.summary`.
        imported: of an import, what became of every formula.
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
    fit: dict[str, Any] | None = None
    error_scale: str = "value"
    origin: str = ""
    no_law: bool = False
    warnings: tuple[str, ...] = ()
    runners_up: tuple[RunnerUp, ...] = ()
    not_judged: tuple[str, ...] = ()
    sealed: Judged | None = None
    forecast: Judged | None = None
    sealed_error: str | None = None
    sealed_changed: bool = False
    opened: int = 0
    sealed_rows: int | None = None
    human: tuple[HumanLawJudged, ...] = ()
    evaluations: int
    seconds: float
    stopped: str
    settled: Settled | None = None
    run_dir: str = ""
    notes: tuple[str, ...] = ()
    problems: tuple[TableProblem, ...] = ()
    proposers: tuple[Brought, ...] = ()
    llm: dict[str, Any] | None = None
    imported: tuple[dict[str, Any], ...] = ()

    @staticmethod
    def of(keys: Mapping[str, Any]) -> Result:
        """The result with these keys; numbers that JSON does not have become None."""
        return Result.model_validate(plain(keys))

    def of_groups(self, asked: str) -> Result:
        """The result with the constants of some groups alone.

        Args:
            asked: names of groups, separated by commas; * and ? stand for any letters.

        Raises:
            InputError: a name is of no group.
        """
        kept = set(groups_asked([one.group for one in self.constants], asked))
        return self.model_copy(update={"constants": tuple(one for one in self.constants if one.group in kept)})

    @property
    def proposer(self) -> str:
        """Who proposed the law."""
        return self.origin.partition(":")[0]

    @property
    def published(self) -> str:
        """The identifier of the law if people published it; empty for others."""
        return _published(self.origin)

    @property
    def left_side(self) -> str:
        """The targets, as they stand before the formula."""
        return self.targets[0] if len(self.targets) == 1 else f"each of {', '.join(self.targets)}"


def groups_asked(names: Sequence[str], asked: str) -> list[str]:
    """The groups that `asked` names, see `Result.of_groups`."""
    patterns = [asked] if asked in names else [part.strip() for part in asked.split(",")]
    for pattern in patterns:
        if pattern not in names and not any(fnmatchcase(name, pattern) for name in names):
            some = ", ".join(list(dict.fromkeys(names))[:3])
            raise InputError(f"--groups {pattern}: the run has no such group; it has {some}, ...")
    return [n for n in names if n in patterns or any(fnmatchcase(n, pattern) for pattern in patterns)]


def _published(origin: str) -> str:
    proposer, _, law = origin.partition(":")
    return law if proposer == LIBRARY else ""
