"""All that a report says, gathered from a run's folder and the table it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from discover.data.table import Table
from discover.errors import InputError
from discover.expressions import complexity
from discover.fitting import Diagnosis, Diagnostics, FitResult, Recipe, Structure, diagnose
from discover.forecasts import Ensemble
from discover.law.document import LawDocument
from discover.law.storage import read
from discover.plain_data import quoted
from discover.report.steps import StepFacts, step_facts
from discover.report.texts import size
from discover.runs.human import human_laws
from discover.runs.journal import Record
from discover.runs.outcome import evaluate_again
from discover.runs.records import STEP, figures_of, fit_of, law_of
from discover.runs.result import Result, RunnerUp, groups_asked
from discover.runs.sealed_rows import remembered
from discover.runs.session import Session, reopen
from discover.runs.verdict import short_names
from discover.scoring import inner_error


@dataclass(frozen=True)
class Rival:
    """A law beside the chosen one.

    Attributes:
        name: for legends and tables.
        human: of the laws that the run was compared with; otherwise a runner-up of the search.
        published: identifier in the library; empty for a law that nobody published.
        fit: its constants, fitted to the train rows.
        inner_error: on the inner folds, in variances of the target; None if unknown.
        sealed_r2: on the sealed rows; None if unknown.
        close: the data hardly tell it from the chosen law.
        complexity: weighted nodes of the formula.
    """

    name: str
    human: bool
    published: str
    fit: FitResult
    inner_error: float | None
    sealed_r2: float | None
    close: bool
    complexity: int


@dataclass(frozen=True)
class Content:
    """What a report shows.

    Attributes:
        session: the run, its task and its train rows.
        document, fit: the law.
        diagnosis: how far its constants can be trusted.
        result: what the run found.
        ensemble: intervals of forecasts; None for a law without them.
        sealed: the sealed rows, if the run has opened them.
        rivals: runners-up and human laws.
        steps: what the search tried.
        asked: groups of which plots were asked for; empty where none were named.
    """

    session: Session
    document: LawDocument
    fit: FitResult
    diagnosis: Diagnosis
    result: Result
    ensemble: Ensemble | None
    sealed: Table | None
    rivals: tuple[Rival, ...]
    steps: tuple[StepFacts, ...]
    asked: frozenset[str] = frozenset()

    @property
    def train(self) -> Table:
        return self.session.train

    @property
    def folder(self) -> Path:
        return self.session.folder.path

    def size(self, name: str, value: float, digits: int = 3, plain: bool = False) -> str:
        """The value of a column as people write it: 7 in a column of 10^9 parameters is 7B."""
        return size(value * self.document.multiple(name), digits, plain)

    def counted(self, name: str) -> str:
        """What the sizes of a column count: 7B are of no params_M but of parameters; elsewhere its name."""
        unit = self.session.task.column(name).unit
        return unit.partition(" ")[2] if self.document.multiple(name) > 1 else name

    def settings(self, values: Mapping[str, float], digits: int = 3) -> str:
        """Columns with their values, as the label of a row or a curve."""
        return ", ".join(f"{name} {self.size(name, value, digits)}" for name, value in values.items())

    @property
    def human(self) -> list[Rival]:
        return [rival for rival in self.rivals if rival.human]

    @property
    def runners_up(self) -> list[Rival]:
        return [rival for rival in self.rivals if not rival.human]


def gather(path: Path, *, open_sealed: bool = False, groups: str = "") -> Content:
    """The content of a run's report.

    Args:
        path: the run's folder.
        open_sealed: opens the sealed rows if the run has not opened them yet; the journal counts it.
        groups: of which plots are asked for, see `Result.of_groups`; empty for all, or the most telling of very many.

    Raises:
        InputError: no run, a run without an end, its table is gone or changed, or it has no such group.
    """
    session = reopen(path)
    folder = session.folder
    result = folder.found()
    if result is None or not folder.law_path.is_file():
        raise InputError(f"{path} has no result yet; continue it with: discover resume {quoted(path)}")
    sealed = remembered(path, session.train)
    if sealed is None and open_sealed:
        result = evaluate_again(session)
        sealed = remembered(path, session.train)
    document = read(folder.law_path)
    records = [record for record in folder.records() if record["kind"] == STEP]
    fit = _chosen(document, _fit_of(result, records, session))
    fits = [_fit_of(entry, records, session) for entry in result.runners_up]
    return Content(
        session=session,
        document=document,
        fit=fit,
        diagnosis=diagnose(fit, session.train),
        result=result,
        ensemble=Ensemble.from_document(document) if document.forecasts else None,
        sealed=sealed,
        rivals=tuple(_briefly_named(result, (*_runners_up(result, fits), *_human(session, result, fit)))),
        steps=step_facts(session.problem, records),
        asked=frozenset(groups_asked(document.groups, groups)) if groups else frozenset(),
    )


def _chosen(document: LawDocument, found: FitResult | None) -> FitResult:
    """The law of the document as a fit; domains, and how the search for constants went, are of the fit that was found.

    The latter are unknown without one.
    """
    shape = (len(document.groups), len(document.targets), len(document.constant_names))
    values = [[entry.values[name] for name in document.constant_names] for entry in document.constants]
    return FitResult(
        Structure(document.expr, frozenset(document.shared), found.structure.domains if found else {}),
        Recipe(**document.recipe),
        np.array(values, dtype=np.float64).reshape(shape),
        float("nan"),
        document.groups,
        document.targets,
        found.diagnostics if found else Diagnostics(),
    )


def _runners_up(result: Result, fits: Sequence[FitResult | None]) -> list[Rival]:
    return [
        Rival(
            name=f"runner-up {number}",
            human=False,
            published=entry.published,
            fit=fit,
            inner_error=entry.inner_error,
            sealed_r2=None,
            close=entry.close,
            complexity=complexity(fit.structure.expr),
        )
        for number, (entry, fit) in enumerate(zip(result.runners_up, fits, strict=True), start=1)
        if fit is not None
    ]


def _briefly_named(result: Result, rivals: Sequence[Rival]) -> Iterator[Rival]:
    names = short_names(result)
    for one in rivals:
        yield replace(one, name=names.get(one.name, one.name), published=names.get(one.published, one.published))


def _fit_of(law: Result | RunnerUp, records: Sequence[Record], session: Session) -> FitResult | None:
    """The fit of a law of the result; of older runs the fit in the journal whose inner error is nearest to the law's.

    The journal's are the quick fits of the search.
    """
    train = session.train
    labels = (tuple(train.features), train.group_names, train.target_names)
    written = law_of(law.model_dump(), *labels)
    if written is not None or law.inner_error is None:
        return written
    recipe = astuple(Recipe(**law.recipe)) if law.recipe else None
    own = [
        record
        for record in records
        if record["formula"] == law.formula
        and law.shared in (None, tuple(record["shared"]))
        and (recipe is None or tuple(record["recipe"]) == recipe)
        and record["score"]["fit"]
        and not record["score"]["refused"]
    ]
    weights = session.problem.fold_weights
    aim = law.inner_error
    nearest = min(own, key=lambda record: abs(inner_error(figures_of(record), weights) - aim), default=None)
    return None if nearest is None else fit_of(nearest, *labels)


def _human(session: Session, result: Result, chosen: FitResult) -> list[Rival]:
    """The human laws that the run was compared with, refitted to the train rows."""
    entries = {one.law: one for one in result.human if one.variant == "refitted"}
    same = _key(chosen)
    rivals = []
    for law in human_laws(list(entries), session.train, session.config.seed, published=False):
        if _key(law.fit) == same:
            continue
        entry = entries[law.law]
        rivals.append(
            Rival(
                name=law.law,
                human=True,
                published=law.law,
                fit=law.fit,
                inner_error=entry.inner_error,
                sealed_r2=entry.r2,
                close=False,
                complexity=complexity(law.fit.structure.expr),
            )
        )
    return rivals


def _key(fit: FitResult) -> str:
    from discover.proposers.candidate import Candidate

    return Candidate(fit.structure, fit.recipe, "").law_key
