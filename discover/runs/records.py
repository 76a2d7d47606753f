"""Steps of a search as records of the journal, and back.

Every number reads back to the same 64-bit float, because a resumed search must go on exactly as the
interrupted one would have. Infinities and NaN, which JSON does not have, are written as texts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from discover.errors import DiscoverError, InputError
from discover.expressions import parse
from discover.fitting import Diagnostics, Domain, FitResult, Outcome, Recipe, Structure
from discover.proposers.base import Told
from discover.proposers.candidate import Candidate
from discover.proposers.logbook import Answer, Event, Question, Ready, Row
from discover.runs.journal import FORMAT, Record, encode_part
from discover.scoring import Figures, Refused, Score, Scored
from discover.search import Step
from discover.search.archive import AddStatus

STEP, OPENED, ANSWER, EVENT = "step", "opened", "answer", "event"
QUESTION, ENGINE = "question", "engine"
STEP_LINE = b'{"v":%d,"kind":"step","index":%d,"batch":%d,"brought":false,"parents":[%b],%b}\n'
"""What `encode` makes of the record of a step, in a fifth of the time: one driver writes it for hundreds of workers."""


def opened_record(command: str) -> Record:
    """The record of one opening of the sealed rows by this command."""
    return {"kind": OPENED, "by": command}


def question_record(question: Question) -> Record:
    """The record of a question to an engine, written when it is asked."""
    keys = asdict(question)
    return {"kind": QUESTION, "by": keys.pop("proposer"), **keys}


def ready_record(ready: Ready) -> Record:
    """The record of the first start of an engine in a session."""
    return {"kind": ENGINE, "by": ready.proposer, "versions": dict(ready.versions), "seconds": round(ready.seconds, 3)}


def answer_record(answer: Answer) -> Record:
    """The record of an engine's answer, written when the search begins to use it."""
    rows = [[row.complexity, _out(row.loss), row.equation] for row in answer.rows]
    return {"kind": ANSWER, "by": answer.proposer, "job": answer.job, "asked": answer.asked, "rows": rows}


def event_record(event: Event) -> Record:
    """The record of something that befell a proposer, such as an engine that was started again."""
    return {"kind": EVENT, "by": event.proposer, "text": event.text}


def known_answers(records: Sequence[Record]) -> list[Answer]:
    """The answers of engines in these records.

    Raises:
        InputError: a record is damaged.
    """
    answers = []
    for record in records:
        if record["kind"] != ANSWER:
            continue
        try:
            rows = tuple(Row(int(size), float(loss), str(text)) for size, loss, text in record["rows"])
            answers.append(Answer(str(record["by"]), int(record["job"]), int(record["asked"]), rows))
        except (KeyError, TypeError, ValueError) as problem:
            raise InputError(f"the journal is damaged at an answer of an engine: {problem}") from None
    return answers


def step_record(told: Told, status: AddStatus, batch: int = 0) -> Record:
    """The record of a step: the candidate, its score, and the archive's answer."""
    candidate = told.candidate
    return {
        "kind": STEP,
        "index": told.index,
        "batch": batch,
        "brought": False,  # of the format: candidates beside the search's own, which older versions had
        "parents": list(candidate.parents),
        **_law_out(told, status),
    }


def step_note(told: Told, status: AddStatus) -> bytes:
    """Of the record of a step what is known where the law was scored, as text."""
    return encode_part(_law_out(told, status))


def step_line(step: Step) -> bytes:
    """The line of a step whose note is that of `step_note`."""
    parents = ",".join(map(str, step.parents)).encode()
    return STEP_LINE % (FORMAT, step.index, step.batch, parents, step.note)


def _law_out(told: Told, status: AddStatus) -> Record:
    candidate = told.candidate
    structure, recipe = candidate.structure, candidate.recipe
    return {
        "origin": candidate.origin,
        "key": candidate.key,
        "formula": structure.text,
        "shared": sorted(structure.shared),
        "domains": _domains_out(structure),
        "guess": {name: _out(float(value)) for name, value in sorted(structure.guess.items())},
        "recipe": [recipe.loss, recipe.space, recipe.scale, recipe.emphasis],
        "score": _score_out(told.score),
        "status": status.name.lower(),
    }


def known_scores(
    records: Sequence[Record], features: Collection[str], groups: tuple[str, ...], targets: tuple[str, ...]
) -> dict[int, dict[str, Score]]:
    """Scores by number of the epoch and key of the candidate, of all steps in these records.

    Args:
        records: of a journal.
        features: names that are columns in the formulas; all others are constants.
        groups, targets: labels of the constants' first two axes.

    Raises:
        InputError: a record is damaged.
    """
    result: dict[int, dict[str, Score]] = {}
    for record in records:
        if record["kind"] == STEP:
            key, score = _known(record, features, groups, targets)
            result.setdefault(record.get("batch", 0), {})[key] = score
    return result


def batches(records: Sequence[Record]) -> int:
    """Epochs of the search of which these records hold a step."""
    return max((record.get("batch", 0) for record in records if record["kind"] == STEP), default=-1) + 1


def own_steps(records: Sequence[Record]) -> int:
    """Steps that count as evaluations; older versions tried a model's laws on top of them."""
    return sum(record["kind"] == STEP and not record.get("brought") for record in records)


def _known(
    record: Record, features: Collection[str], groups: tuple[str, ...], targets: tuple[str, ...]
) -> tuple[str, Score]:
    try:
        candidate = candidate_of(record, features)
        return str(record["key"]), _score_in(record["score"], candidate, groups, targets)
    except (KeyError, TypeError, ValueError, DiscoverError) as problem:
        place = record.get("index", "?")
        raise InputError(f"the journal is damaged at step {place}: {problem}") from None


def candidate_of(record: Record, features: Collection[str]) -> Candidate:
    """The candidate of a step's record."""
    loss, space, scale, emphasis = record["recipe"]
    structure = Structure(
        parse(record["formula"], features),
        shared=frozenset(record["shared"]),
        domains=_domains_in(record["domains"]),
        guess={name: float(value) for name, value in record["guess"].items()},
    )
    return Candidate(structure, Recipe(loss, space, scale, emphasis), record["origin"], tuple(record["parents"]))


def figures_of(record: Record) -> Figures | Refused:
    """The score of a step's record, without its fit.

    Raises:
        InputError: the record is damaged.
    """
    try:
        return _figures_in(record["score"])
    except (KeyError, TypeError, ValueError) as problem:
        raise InputError(f"the journal is damaged at step {record.get('index', '?')}: {problem}") from None


def fit_of(
    record: Record, features: Collection[str], groups: tuple[str, ...], targets: tuple[str, ...]
) -> FitResult | None:
    """The fit to all train rows in a step's record; None if there was none.

    Raises:
        InputError: the record is damaged.
    """
    return _known(record, features, groups, targets)[1].fit


def law_record(fit: FitResult) -> dict[str, Any]:
    """A fitted law: keys of a result.

    `fit` holds the constants by group, target and name, in one row, and how the search for them went.
    """
    return {
        "formula": fit.structure.text,
        "shared": sorted(fit.structure.shared),
        "recipe": asdict(fit.recipe),
        "fit": {"domains": _domains_out(fit.structure), **_fit_out(fit)},
    }


def law_of(
    record: Mapping[str, Any], features: Collection[str], groups: tuple[str, ...], targets: tuple[str, ...]
) -> FitResult | None:
    """The law with the keys of `law_record`; None where an older version did not write its fit.

    Raises:
        InputError: the record is damaged.
    """
    if record.get("fit") is None:
        return None
    try:
        domains = _domains_in(record["fit"]["domains"])
        structure = Structure(parse(record["formula"], features), frozenset(record["shared"]), domains)
        return _fit_in(record["fit"], Candidate(structure, Recipe(**record["recipe"]), ""), groups, targets)
    except (AttributeError, KeyError, TypeError, ValueError, DiscoverError) as problem:
        raise InputError(f"the result is damaged at the law {record.get('formula')}: {problem}") from None


def _domains_out(structure: Structure) -> dict[str, list[Any]]:
    return {name: [_out(d.lower), _out(d.upper), d.log] for name, d in sorted(structure.domains.items())}


def _domains_in(values: Mapping[str, Any]) -> dict[str, Domain]:
    return {name: Domain(float(lower), float(upper), log) for name, (lower, upper, log) in values.items()}


def _score_out(score: Score) -> dict[str, Any]:
    return {
        "refused": score.reason if isinstance(score, Refused) else None,
        "train": _out(score.train),
        "folds": [] if isinstance(score, Refused) else [_out(error) for error in score.folds],
        "n_constants": score.n_constants,
        "description": _out(score.description),
        "complexity": score.complexity,
        "published": score.published,
        "fit": None if score.fit is None else _fit_out(score.fit),
    }


def _score_in(
    values: Mapping[str, Any], candidate: Candidate, groups: tuple[str, ...], targets: tuple[str, ...]
) -> Score:
    found = None if values["fit"] is None else _fit_in(values["fit"], candidate, groups, targets)
    figures = _figures_in(values)
    if isinstance(figures, Refused):
        return replace(figures, fit=found)
    if found is None:
        raise ValueError("a law without a fit that was not refused")
    return Scored(**vars(figures), fit=found)


def _figures_in(values: Mapping[str, Any]) -> Figures | Refused:
    size = {name: values[name] for name in ("n_constants", "complexity", "published")}
    size |= {"train": float(values["train"]), "description": float(values["description"])}
    if values["refused"] is not None:
        return Refused(**size, reason=values["refused"])
    return Figures(**size, folds=tuple(float(error) for error in values["folds"]))


def _fit_out(fit: FitResult) -> dict[str, Any]:
    found = fit.diagnostics
    return {
        "constants": [_out(value) for value in fit.constants.ravel().tolist()],
        "objective": _out(fit.objective),
        "outcomes": [outcome.value for outcome in found.outcomes],
        "iterations": found.iterations,
        "searches": _out(found.searches),
        "agreed": _out(found.agreed),
        "at_bound": list(found.at_bound),
    }


def _fit_in(
    values: Mapping[str, Any], candidate: Candidate, groups: tuple[str, ...], targets: tuple[str, ...]
) -> FitResult:
    constants = np.array([float(value) for value in values["constants"]], dtype=np.float64)
    return FitResult(
        candidate.structure,
        candidate.recipe,
        constants.reshape(len(groups), len(targets), len(candidate.structure.constants)),
        float(values["objective"]),
        groups,
        targets,
        Diagnostics(
            outcomes=tuple(Outcome(code) for code in values["outcomes"]),
            iterations=values["iterations"],
            searches=float(values["searches"]),
            agreed=float(values["agreed"]),
            at_bound=tuple(values["at_bound"]),
        ),
    )


def _out(value: float) -> float | str:
    """A number for JSON; "inf", "-inf" and "nan" for those that JSON does not have."""
    return float(value) if math.isfinite(value) else str(float(value))
