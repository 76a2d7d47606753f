"""A run while it is under way, read from its journals as they grow."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from discover.errors import DiscoverError
from discover.llm.budget import Price
from discover.llm.provider import Usage
from discover.llm.replay import FILE_NAME
from discover.report.steps import StepFacts, front, step_facts
from discover.runs.folder import RunFolder
from discover.runs.records import STEP
from discover.runs.session import reopen
from discover.scoring import Problem

CHUNK = 8 << 20  # bytes of a journal that are read at a time
MOST_POINTS = 400  # of the curve of the best error


NOTHING: Mapping[str, Any] = {
    "scored": 0, "trouble": "", "best": [], "front": [], "leader": None, "proposers": {}, "model": None,
}  # fmt: skip
"""The state of a run that has not tried a law."""


@dataclass
class Tail:
    """The whole lines that a file has got since it was read last."""

    path: Path
    place: int = 0

    def records(self) -> Iterator[dict[str, Any]]:
        """New records; a line that is none is passed over."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.place)
                content = file.read(CHUNK)
        except OSError:
            return
        content = content[: content.rfind(b"\n") + 1]
        self.place += len(content)
        for line in content.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


@dataclass
class Proposer:
    """What a proposer brought: laws scored, of these not refused by the archive, and how often it took the lead."""

    scored: int = 0
    entered: int = 0
    leads: int = 0


@dataclass
class Model:
    """What a language model was asked."""

    calls: int = 0
    answers: int = 0
    failed: int = 0
    tokens: int = 0
    cost: float | None = None
    laws: int = 0


@dataclass
class Follower:
    """Follows one run. Safe for several threads.

    Attributes:
        folder: the run.
        trouble: why errors of laws cannot be told; "" where they can.
    """

    folder: RunFolder
    trouble: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _problem: Problem | None = None
    _steps: Tail = field(init=False)
    _calls: Tail = field(init=False)
    _scored: int = 0
    _lead: float = math.inf
    _leader: StepFacts | None = None
    _leads: list[tuple[int, float, str]] = field(default_factory=list)
    _by_size: dict[int, StepFacts] = field(default_factory=dict)
    _proposers: dict[str, Proposer] = field(default_factory=dict)
    _model: Model | None = None
    _price: Price | None = None

    def __post_init__(self) -> None:
        self._steps = Tail(self.folder.journal_path)
        self._calls = Tail(self.folder.path / FILE_NAME)

    def state(self) -> dict[str, Any]:
        """What is known now, as plain values.

        `best` and `front` are lists of laws with `index`, `error` and `formula`, the latter with `complexity`.
        """
        with self._lock:
            self._read()
            return {
                "scored": self._scored,
                "trouble": self.trouble,
                "best": [{"index": i, "error": error, "formula": text} for i, error, text in self._curve()],
                "front": [
                    {"complexity": s.complexity, "error": s.inner_error, "formula": s.formula, "proposer": s.proposer}
                    for s in front(tuple(self._by_size.values()))
                ],
                "leader": None if self._leader is None else self._leader.formula,
                "proposers": {name: asdict(found) for name, found in self._proposers.items()},
                "model": None if self._model is None else asdict(self._model),
            }

    def _read(self) -> None:
        while records := [record for record in self._steps.records() if record.get("kind") == STEP]:
            self._take(records)
        for record in self._calls.records():
            self._take_call(record)

    def _take(self, records: list[dict[str, Any]]) -> None:
        self._scored += len(records)
        if self._problem is None and not self.trouble:
            try:
                self._problem = reopen(self.folder.path).problem
            except DiscoverError as problem:
                self.trouble = str(problem)
        if self._problem is None:
            return
        try:
            facts = step_facts(self._problem, records)
        except (DiscoverError, KeyError, TypeError, ValueError) as problem:
            self.trouble = f"the journal is damaged: {problem}"
            return
        for step in facts:
            self._take_step(step)

    def _take_step(self, step: StepFacts) -> None:
        proposer = self._proposers.setdefault(step.proposer, Proposer())
        proposer.scored += 1
        proposer.entered += step.entered
        if step.penalty < self._lead:
            self._lead, self._leader = step.penalty, step
            proposer.leads += 1
            self._leads.append((step.index, step.inner_error, step.formula))
        known = self._by_size.get(step.complexity)
        if math.isfinite(step.inner_error) and (known is None or step.inner_error < known.inner_error):
            self._by_size[step.complexity] = step

    def _curve(self) -> list[tuple[int, float, str]]:
        """The leading laws; their errors may rise, since the search ranks by more than the error."""
        return [lead for lead in self._leads if math.isfinite(lead[1])][-MOST_POINTS:]

    def _take_call(self, record: dict[str, Any]) -> None:
        model = self._model = self._model or Model()
        with suppress(KeyError, TypeError, ValueError):  # of another version; what is counted is a help only
            self._note(model, record)

    def _note(self, model: Model, record: dict[str, Any]) -> None:
        kind = record.get("kind")
        if kind == "head" and record.get("price"):
            self._price, model.cost = Price(**record["price"]), 0.0
        elif kind == "asked":
            model.calls += 1
        elif kind == "answered":
            usage = Usage(**record["usage"])
            model.answers += record["problem"] is None
            model.failed += record["problem"] is not None
            model.tokens += usage.total
            if self._price is not None:
                model.cost = (model.cost or 0.0) + self._price.cost(usage)
        elif kind == "proposal" and record.get("refused") in (None, ""):
            model.laws += 1
