"""The end of a run: the law document, the judgement on the sealed rows, and what is printed of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.data.table import Table
from discover.errors import InputError
from discover.fitting import FitFailure, covariance, diagnose, fit
from discover.fitting.document import from_fit
from discover.forecasts import Ensemble, with_uncertainty
from discover.law.document import LawDocument
from discover.law.storage import law_keys, read, write
from discover.plain_data import quoted
from discover.proposers.base import Told
from discover.proposers.candidate import NO_LAW
from discover.proposers.library import short_of_rows
from discover.rules import RULES
from discover.runs.human import HumanLaw, human_laws
from discover.runs.inspection import saved
from discover.runs.records import law_record
from discover.runs.result import Result
from discover.runs.sealed_rows import remember
from discover.runs.session import INTERRUPTED, Session, note_opening, openings
from discover.runs.verdict import CLOSE
from discover.scoring import Problem, Refused, Scorer, inner_error, metrics
from discover.scoring.problem import whole_problem
from discover.scoring.score import FOLD_EFFORT
from discover.search import SearchResult
from discover.search.loop import BY_EVALUATIONS, BY_TIME
from discover.search.tally import Tally

LLM = "llm"  # name of the proposer that asks a language model
RUNNERS_UP = 4
COMPARED = 2
TWICE_DOUBLED = 4  # times what a search had that has not settled


def conclude(
    session: Session,
    found: SearchResult,
    library: Sequence[str] = (),
    llm: Mapping[str, Any] | None = None,
) -> Result:
    """Writes the law and the result of a search.

    Args:
        session: the run.
        found: what the search found.
        library: human laws to compare with where the task names none.
        llm: what a language model was asked and proposed, if there was one.

    Raises:
        InputError: a file cannot be written.
    """
    weights = session.problem.fold_weights
    found, train = _on_all_rows(session, found)
    document = law_document(session, found, weights, train)
    document = with_uncertainty(session.problem, document, found.fits, found.stack, seed=session.config.seed)
    write(document, session.folder.law_path)
    keys: dict[str, Any] = {
        **law_keys(document),
        "fit": law_record(found.fit)["fit"],
        "origin": found.best.candidate.origin,
        "no_law": found.best.candidate.origin == NO_LAW,
        "warnings": _warnings(session, found),
        "runners_up": _runners_up(found, weights),
        "error_scale": session.problem.error_scale,
        "not_judged": list(short_of_rows(session.problem)),
        "evaluations": found.evaluations,
        "seconds": round(found.seconds, 3),
        "stopped": found.stopped,
        "settled": None if found.settled is None else {**asdict(found.settled), "more": _more(found)},
        "run_dir": str(session.folder.path),
        "notes": list(session.notes),
        "problems": saved(session.folder.path),
    }
    keys["proposers"] = [_proposer(tally, llm) for tally in found.proposers]
    if llm is not None:
        keys["llm"] = dict(llm)
    compared = session.task.baselines or tuple(library)[:COMPARED]
    over = found.stopped != INTERRUPTED  # a search that may go on must not have seen the sealed rows
    keys |= judge(session, document, compared, "run" if session.config.open_sealed and over else None)
    result = Result.of(keys)
    session.folder.write_result(result)
    return result


def _on_all_rows(session: Session, found: SearchResult) -> tuple[SearchResult, Problem]:
    """The best law fitted to all train rows, where the search had a part of them, and the problem with all rows."""
    if session.problem.rows is None:
        return found, session.problem
    whole = whole_problem(session.task)
    best, part = found.best, found.fit
    again = fit(part.structure, whole.table, part.recipe, effort=FOLD_EFFORT, warm=[part.by_name])
    if isinstance(again, FitFailure):
        return found, session.problem
    best = replace(best, score=replace(best.score, fit=again))
    return replace(found, best=best, finalists=(best, *found.finalists[1:])), whole


def _more(found: SearchResult) -> str:
    """What to give a search that has not settled: enough to double its laws twice, and to tell."""
    if found.settled is None or found.settled.yes:
        return ""
    laws = max(found.evaluations * TWICE_DOUBLED, 2 * RULES.settling.least)
    if found.stopped == BY_EVALUATIONS:
        return f"{laws:,} evaluations"
    minutes = math.ceil(found.seconds * laws / max(found.evaluations, 1) / 60)
    return f"a budget of {minutes}m" if found.stopped == BY_TIME else ""


def law_document(session: Session, found: SearchResult, weights: Floats, problem: Problem | None = None) -> LawDocument:
    """The best law of a search, with the standard errors of its constants.

    Args:
        problem: of the rows that it was fitted to; by default those that laws are judged on.
    """
    problem = problem or session.problem
    return from_fit(
        found.fit,
        problem.table,
        errors=covariance(found.fit, problem.table).errors,
        task=session.task.name,
        columns=[session.task.column(name) for name in session.train.features],
        group_column=session.task.group,
        inner_error=inner_error(found.best.score, weights),
        seed=session.config.seed,
        versions=session.config.versions,
    )


def _proposer(tally: Tally, llm: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a proposer brought; of a language model the questions are its calls."""
    keys = asdict(tally)
    if tally.name == LLM and llm is not None:
        keys |= {"asked": llm["calls"], "answered": max(0, llm["calls"] - sum(llm["failed_calls"].values()))}
    return keys


def _warnings(session: Session, found: SearchResult) -> list[str]:
    """Reasons to doubt the constants of the law."""
    doubts = diagnose(found.fit, session.train)
    return [f"{concern.value}: {what}" for concern, what in doubts.concerns]


def judge(session: Session, document: LawDocument, compared: Sequence[str], opener: str | None) -> dict[str, Any]:
    """The law, the forecast and the human laws on the sealed rows, opened once for all of them.

    Args:
        session: the run.
        document: the law.
        compared: identifiers of human laws.
        opener: command to note in the journal; None leaves the sealed rows closed.
    """
    human = human_laws(compared, session.train, session.config.seed, published=bool(session.task.baselines))
    keys: dict[str, Any] = {"sealed": None, "forecast": None, "human": _human_keys(session.problem, human)}
    n_sealed = session.task.facts().n_test
    if opener is not None and n_sealed:
        note_opening(session.folder, opener)
        try:
            rows = session.task.sealed()
        except InputError as problem:
            # The law stands; only the judgement is missing, and the message says why.
            keys["sealed_error"] = str(problem)
        else:
            remember(session.folder.path, rows)
            known = session.config.sealed
            keys["sealed_changed"] = bool(known) and known != session.task.sealed_print()
            keys["sealed"] = asdict(metrics(predict(document, rows), rows.targets))
            if document.forecasts:
                keys["forecast"] = asdict(metrics(forecast(document, rows), rows.targets))
            for entry, item in zip(keys["human"], human, strict=True):
                entry |= asdict(metrics(item.fit.predict(rows.features, rows.group), rows.targets))
    return keys | {"opened": openings(session.folder), "sealed_rows": n_sealed}


def predict(document: LawDocument, rows: Table) -> Floats:
    """Values of a law on rows whose groups are the law's, shape (n, T)."""
    codes = np.array([document.group_code(name) for name in rows.group_names])[rows.group]
    out = np.empty((len(rows), len(document.targets)))
    for t in range(len(document.targets)):
        out[:, t] = document.values(rows.features, codes, t)
    return out


def forecast(document: LawDocument, rows: Table) -> Floats:
    """The average of the laws of a document on rows whose groups are the law's, shape (n, T); of a lone law its own."""
    if not document.forecasts:
        return predict(document, rows)
    ensemble = Ensemble.from_document(document)
    groups = [rows.group_names[g] for g in rows.group]
    return np.stack([ensemble.central(rows.features, groups, target=t) for t in document.targets], axis=-1)


def evaluate_again(session: Session) -> Result:
    """Opens the sealed rows once more and judges the law of a run on them.

    Raises:
        InputError: the run has no law yet, or the task has no sealed rows.
    """
    folder = session.folder
    if not folder.law_path.is_file():
        raise InputError(f"{folder.path} has no law yet; continue it with: discover resume {quoted(folder.path)}")
    before = folder.found()
    if before is None:
        raise InputError(f"{folder.path} has no result yet; continue it with: discover resume {quoted(folder.path)}")
    compared = session.task.baselines or tuple(dict.fromkeys(one.law for one in before.human))
    document = read(folder.law_path)
    if not session.task.facts().n_test:
        session.task.sealed()  # says why there are none
    keys = {**before.keys(), **law_keys(document), "run_dir": str(folder.path)}
    keys.pop("sealed_error", None)
    keys |= judge(session, document, compared, "evaluate")
    if "sealed_error" in keys:
        raise InputError(keys["sealed_error"])
    result = Result.of(keys)
    folder.write_result(result)
    return result


def _human_keys(problem: Problem, laws: Sequence[HumanLaw]) -> list[dict[str, Any]]:
    """Human laws with the inner errors of the refitted ones, or why there is none; not yet judged on sealed rows."""
    # people chose these laws, not a search: neither their number of constants nor their units speak against them
    scorer, weights = Scorer(replace(problem, constants=None)), problem.fold_weights
    result = []
    for item in laws:
        entry: dict[str, Any] = {"law": item.law, "variant": item.variant, "r2": None, "rmse": None, "mare": None}
        entry |= {"inner_error": None, "refused": None}
        if item.variant == "refitted":
            score = scorer.score(item.fit.structure, item.fit.recipe, published=True)
            found = inner_error(score, weights)
            entry["inner_error"] = found if math.isfinite(found) else None
            entry["refused"] = score.reason if isinstance(score, Refused) else None
        result.append(entry)
    return result


def _runners_up(found: SearchResult, weights: Floats) -> list[dict[str, Any]]:
    """The best other laws: each with its best recipe, in the order of their penalty."""
    best: dict[str, Told] = {}
    for told in found.finalists:
        best.setdefault(told.candidate.law_key, told)
    others = [told for told in best.values() if told.candidate.law_key != found.best.candidate.law_key]
    near = CLOSE * inner_error(found.best.score, weights)
    return [
        {
            "origin": told.candidate.origin,
            "n_constants": told.score.n_constants,
            "inner_error": inner_error(told.score, weights),
            "close": math.isfinite(near) and inner_error(told.score, weights) <= near,
            **law_record(told.score.fit),
        }
        for told in others[:RUNNERS_UP]
        if told.score.fit is not None
    ]
