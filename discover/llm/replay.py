"""The record of every question and answer of a run, and the provider that answers from it.

`llm.jsonl` is append-only, one JSON object per line:

    {"kind": "head", "format": 1, ...}                                once, says what was asked whom
    {"kind": "asked", "number": n, "step": k, "digest": ..., ...}     a question, when it is sent
    {"kind": "answered", "number": n, "text": ..., "usage": ..., ...} its answer, when it arrives
    {"kind": "used", "number": n, "step": k}                          when it is handed to the search
    {"kind": "proposal", "number": n, "place": i, "formula": ..., "refused": ..., ...}  each formula in it
    {"kind": "dropped", "number": n, "place": i, "refused": ...}      one that the search did not try
    {"kind": "paused", "step": k, "paused": true, "reason": ...}      from this step on nothing is asked, or again

An answer that was paid for is on disk before anything else happens with it. Which answers the search had at
which step is decided by the "used" lines, so a replay does not depend on how long anything takes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.llm.provider import Completion, Problem, Provider, Reason, Request, Usage

FORMAT = 1
FILE_NAME = "llm.jsonl"


@dataclass(frozen=True, slots=True)
class Asked:
    """A recorded question: the step at which it was asked, and its digest."""

    step: int
    digest: str


@dataclass(frozen=True)
class Record:
    """What a run asked and was answered, by number of the call."""

    head: dict[str, Any] = field(default_factory=dict)
    asked: dict[int, Asked] = field(default_factory=dict)
    answered: dict[int, Completion] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    pauses: dict[int, bool] = field(default_factory=dict)
    notes: set[tuple[str, int, int]] = field(default_factory=set)

    @property
    def steps(self) -> int:
        """Steps whose questions, answers and pauses are recorded."""
        last = (*self.used.values(), *(asked.step for asked in self.asked.values()), *self.pauses)
        return max(last, default=-1) + 1

    def paused(self, step: int) -> bool:
        """Whether nothing was asked at a step because of a pause."""
        changes = [change for change in self.pauses if change <= step]
        return self.pauses[max(changes)] if changes else False


def load_record(folder: Path) -> Record:
    """The record in a run folder; empty when there is none. A torn last line is dropped.

    Raises:
        InputError: a whole line is damaged, or the format is not known.
    """
    path = folder / FILE_NAME
    record = Record()
    if not path.exists():
        return record
    *lines, _torn = path.read_bytes().split(b"\n")  # a writer that was stopped leaves no newline
    for i, line in enumerate(lines):
        try:
            _read(record, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}, line {i + 1}: not a line of format {FORMAT}: {error}") from error
    return record


def _read(record: Record, row: dict[str, Any]) -> None:
    match row["kind"]:
        case "head":
            if row["format"] != FORMAT:
                raise ValueError(f"format {row['format']} is not known")
            record.head.update(row)
        case "asked":
            record.asked[row["number"]] = Asked(row["step"], row["digest"])
        case "answered":
            record.answered[row["number"]] = _completion(row)
        case "used":
            record.used[row["number"]] = row["step"]
        case "paused":
            record.pauses[row["step"]] = row["paused"]
        case "proposal" | "dropped" as kind:
            record.notes.add((kind, row["number"], row["place"]))
        case other:
            raise ValueError(f"kind {other!r} is not known")


def _completion(row: dict[str, Any]) -> Completion:
    problem = row["problem"]
    if problem is not None:
        named = Reason[problem["reason"]]
        problem = Problem(named, problem["detail"], problem["retry_after_s"], problem.get("context"))
    usage = Usage(**row["usage"])
    plain = {key: row[key] for key in ("text", "seconds", "attempts", "mode", "model")}
    return Completion(problem=problem, usage=usage, refusals=tuple(row.get("refusals", ())), **plain)


class Journal:
    """Appends to `llm.jsonl`. What is there already is not written again; usable from several threads.

    Args:
        folder: the run folder; exists.
        mask: applied to every text before it is written.
        head: facts for the first line, such as model and version of the prompt.
    """

    def __init__(self, folder: Path, mask: Callable[[str], str], head: dict[str, Any]) -> None:
        record = load_record(folder)
        self._known: set[tuple[str, int, int]] = {
            *(("asked", n, 0) for n in record.asked),
            *(("answered", n, 0) for n in record.answered),
            *(("used", n, 0) for n in record.used),
            *(("paused", step, 0) for step in record.pauses),
            *record.notes,
        }
        self._mask = mask
        self._lock = threading.Lock()
        path = folder / FILE_NAME
        _drop_torn_line(path)
        self._file = path.open("ab")
        if not record.head:
            self._write({"kind": "head", "format": FORMAT, **head})

    def asked(self, request: Request, step: int) -> None:
        """A question is sent at a step of the search."""
        row = {"step": step, "digest": request.digest, **request.asked()}
        self._append("asked", request.number, row)

    def answered(self, number: int, completion: Completion) -> None:
        """The answer to a question has arrived."""
        row = asdict(completion)
        if completion.problem is not None:
            row["problem"]["reason"] = completion.problem.reason.name
        self._append("answered", number, row)

    def used(self, number: int, step: int) -> None:
        """An answer is handed to the search at a step."""
        self._append("used", number, {"step": step})

    def proposed(self, number: int, place: int, row: dict[str, Any]) -> None:
        """What became of a formula in an answer when it was read."""
        self._append("proposal", number, {"place": place, **row}, place)

    def dropped(self, number: int, place: int, reason: str) -> None:
        """A formula that was fine but not tried."""
        self._append("dropped", number, {"place": place, "refused": reason}, place)

    def paused(self, step: int, paused: bool, reason: str) -> None:
        """A pause begins or ends at a step."""
        with self._lock:
            if ("paused", step, 0) in self._known or self._file.closed:
                return
            self._known.add(("paused", step, 0))
            self._write({"kind": "paused", "step": step, "paused": paused, "reason": reason})

    def close(self) -> None:
        """No line is written afterwards."""
        with self._lock:
            self._file.close()

    def _append(self, kind: str, number: int, row: dict[str, Any], place: int = 0) -> None:
        with self._lock:
            if (kind, number, place) in self._known or self._file.closed:
                return
            self._known.add((kind, number, place))
            self._write({"kind": kind, "number": number, **row})

    def _write(self, row: dict[str, Any]) -> None:
        masked = _map_text(row, self._mask)
        self._file.write(json.dumps(masked, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self._file.flush()


def _map_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_text(item, change) for item in value]
    return value


def _drop_torn_line(path: Path) -> None:
    """Cuts what a stopped writer left after the last newline, so that the next line starts clean."""
    if not path.exists():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole != len(data):
        with path.open("r+b") as file:
            file.truncate(whole)


class ReplayProvider:
    """Answers from a record; what is not recorded goes to another provider, if there is one.

    Raises (from `complete`):
        InputError: a recorded question differs from the one that is asked, so the run is not the same run.
    """

    def __init__(self, record: Record, otherwise: Provider | None = None) -> None:
        self._record = record
        self._otherwise = otherwise

    @property
    def heard(self) -> str:
        return "" if self._otherwise is None else self._otherwise.heard

    async def complete(self, request: Request) -> Completion:
        """The recorded answer to the question of this number."""
        check_same_question(self._record, request)
        recorded = self._record.answered.get(request.number)
        if recorded is not None:
            return recorded
        if self._otherwise is not None:
            return await self._otherwise.complete(request)
        return Completion(problem=Problem(Reason.NOT_RECORDED))


def check_same_question(record: Record, request: Request) -> None:
    """Refuses a question that differs from the recorded one of the same number.

    Raises:
        InputError: it differs.
    """
    asked = record.asked.get(request.number)
    if asked is not None and asked.digest != request.digest:
        raise InputError(
            f"call {request.number} of the recorded run asked something else: the task, the options, the "
            "seed or the version differ, so its answers cannot be replayed"
        )
