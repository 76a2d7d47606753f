"""Several tasks with several seeds, one run folder each, so that an interrupted benchmark can go on.

- `bench.toml`: what was asked
- `TASK/seedS/`: a run as `discover run` makes it
- `TASK/seedS-model/`, `TASK/seedS-random/`: where a language model is measured, the same run with it, and with random
  formulas of the grammar in place of the model's laws
- `TASK/seedS/spent.json`: wall and processor seconds of the run, over all sessions
- `summary.json`: figures over all finished runs
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated

from pydantic import Field

from discover.data.toml_text import to_toml
from discover.data.tomls import Strict, build_model, read_toml
from discover.errors import InputError
from discover.files import write_whole
from discover.law.document import current_versions
from discover.llm.config import ModelConfig
from discover.proposers.random_formulas import RandomFormulas
from discover.runs.config import TaskSource
from discover.runs.folder import RunFolder, open_folder
from discover.runs.records import STEP
from discover.runs.result import Result
from discover.runs.session import INTERRUPTED, Budget, Session, begin, reopen

FORMAT = 1
DEFAULT_SEEDS = 5
DEFAULT_BUDGET_S = 120.0
REAP_S = 10.0
ALONE, MODEL, RANDOM = "", "model", "random"


class BenchConfig(Strict):
    """The content of `bench.toml`.

    Attributes:
        format: version of the folder.
        tasks: shipped tasks, or absolute paths of task files.
        seeds: runs of every task, with the seeds 0 to seeds - 1.
        budget_s, evaluations, workers: of every run, see `RunConfig`.
        llm: the language model that is measured.
        started: when the benchmark began, ISO 8601.
        versions: software that began it.
    """

    format: int = FORMAT
    tasks: tuple[str, ...]
    seeds: Annotated[int, Field(ge=1)]
    budget_s: Annotated[float, Field(gt=0)] | None = None
    evaluations: Annotated[int, Field(ge=1)] | None = None
    workers: Annotated[int, Field(ge=1)] = 1
    llm: ModelConfig | None = None
    started: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What the user asked for; None and () leave it to the folder's `bench.toml`, or to the defaults."""

    tasks: tuple[str, ...] = ()
    seeds: int | None = None
    budget_s: float | None = None
    evaluations: int | None = None
    workers: int | None = None
    llm: ModelConfig | None = None


@dataclass(frozen=True)
class Place:
    """One run of a benchmark.

    Attributes:
        task: name of the task.
        source: where it comes from.
        seed: of the run.
        path: its folder.
        arm: who joins the search: nobody (ALONE), the language model, or random formulas in its place.
    """

    task: str
    source: TaskSource
    seed: int
    path: Path
    arm: str = ALONE

    @property
    def label(self) -> str:
        return f"{self.task} seed {self.seed}{f' {self.arm}' if self.arm else ''}"

    def beside(self, arm: str) -> Place:
        """The run of the same task and seed in another arm."""
        name = f"seed{self.seed}-{arm}" if arm else f"seed{self.seed}"
        return replace(self, path=self.path.parent / name, arm=arm)


@dataclass(frozen=True)
class Spent:
    """Wall and processor seconds of a run; processor seconds include worker processes that have ended."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Bench:
    """A benchmark that is open in this process.

    Attributes:
        path: its folder.
        config: what was asked.
        tasks: name of every task -> where it comes from.
    """

    path: Path
    config: BenchConfig
    tasks: dict[str, TaskSource]

    @property
    def budget(self) -> Budget:
        """Of every run."""
        return Budget(self.config.budget_s, self.config.evaluations, self.config.workers)

    def places(self) -> Iterator[Place]:
        """All runs, every task with the first seed before any with the second; those of a model after each."""
        for place in self.places_alone():
            yield place
            if self.config.llm is not None:
                yield place.beside(MODEL)
                yield place.beside(RANDOM)

    def places_alone(self) -> Iterator[Place]:
        """The runs without a model."""
        for seed in range(self.config.seeds):
            for task, source in self.tasks.items():
                yield Place(task, source, seed, self.path / task / f"seed{seed}")

    def session(self, place: Place) -> Session:
        """The run of this place: a new one, or the one that was interrupted.

        Raises:
            InputError: its folder holds something else, or a run with another budget.
        """
        config = self.config
        if not (place.path / "run.toml").is_file():
            return begin(
                place.source, place.seed, self.budget, place.path, llm=config.llm if place.arm == MODEL else None
            )
        session = reopen(place.path, config.workers)
        found = session.config
        if (found.seed, found.budget_s, found.evaluations) != (place.seed, config.budget_s, config.evaluations):
            raise InputError(f"{place.path} holds a run with another seed or budget; choose another folder with --out")
        return session


def random_formulas(place: Place, session: Session) -> RandomFormulas:
    """The control of a model: as many laws as it had tried in the run beside this one, batch by batch.

    Raises:
        InputError: there is no such run.
    """
    records = open_folder(place.beside(MODEL).path).records()
    tried = Counter(r["batch"] for r in records if r["kind"] == STEP and r["origin"].startswith("llm:"))
    return RandomFormulas(session.problem, tried, place.seed)


def finished_result(path: Path) -> Result | None:
    """What the run in this folder found; None for a run that has not come to its end.

    Raises:
        InputError: the result is damaged.
    """
    folder = RunFolder(path)
    if folder.progress().stopped in ("", INTERRUPTED):
        return None
    result = folder.found()
    return None if result is None or result.stopped == INTERRUPTED else result


def open_bench(path: Path, asked: Asked, all_tasks: Sequence[str], workers: int) -> Bench:
    """A new benchmark, or the one in this folder, to which tasks and seeds may be added.

    Args:
        path: the folder.
        asked: what the user said.
        all_tasks: tasks of a new benchmark that names none.
        workers: of a benchmark that does not say.

    Raises:
        InputError: an unknown task, one without sealed rows, two of the same name, or a benchmark with
            another budget in the folder.
    """
    file = path / "bench.toml"
    before = build_model(BenchConfig, read_toml(file), str(file)) if file.is_file() else None
    config = _new(asked, all_tasks, workers) if before is None else _continued(before, asked, file)
    tasks = _sources(config.tasks)
    if config != before:
        path.mkdir(parents=True, exist_ok=True)
        write_whole(file, to_toml(config.model_dump()).encode())
    return Bench(path, config, tasks)


def _new(asked: Asked, all_tasks: Sequence[str], workers: int) -> BenchConfig:
    budget = asked.budget_s
    if budget is None and asked.evaluations is None:
        budget = DEFAULT_BUDGET_S
    return BenchConfig(
        tasks=_named(asked.tasks or all_tasks),
        seeds=asked.seeds or DEFAULT_SEEDS,
        budget_s=budget,
        evaluations=asked.evaluations,
        workers=asked.workers or workers,
        llm=asked.llm,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=current_versions(),
    )


def _continued(before: BenchConfig, asked: Asked, file: Path) -> BenchConfig:
    if before.format > FORMAT:
        raise InputError(f"{file} was written by a newer discover; update discover")
    given = asked.budget_s is not None or asked.evaluations is not None
    if given and (asked.budget_s, asked.evaluations) != (before.budget_s, before.evaluations):
        raise InputError(f"{file}: the runs there have another budget; choose another folder with --out")
    if asked.llm is not None and before.llm not in (None, asked.llm):
        raise InputError(f"{file}: the runs there ask another model, or otherwise; choose another folder with --out")
    if asked.seeds is not None and asked.seeds < before.seeds:
        raise InputError(
            f"{file}: --seeds {asked.seeds}, but the benchmark there has {before.seeds}; seeds can be added, not taken "
            "away; choose another folder with --out"
        )
    return before.model_copy(
        update={
            "tasks": tuple(dict.fromkeys((*before.tasks, *_named(asked.tasks)))),
            "seeds": asked.seeds or before.seeds,
            "workers": asked.workers or before.workers,
            "llm": asked.llm or before.llm,
        }
    )


def _named(tasks: Sequence[str]) -> tuple[str, ...]:
    """Names of shipped tasks as they are, files with their absolute paths."""
    sources = map(TaskSource.of_task, tasks)
    return tuple(dict.fromkeys(source.place for source in sources))


def _sources(names: Sequence[str]) -> dict[str, TaskSource]:
    """The tasks by their own names, each looked at before the first run begins."""
    result: dict[str, TaskSource] = {}
    for name in names:
        source = TaskSource.of_task(name)
        task = source.load()
        if not task.facts().n_test:
            raise InputError(f"{name} has no sealed rows, so a benchmark cannot judge its law")
        if task.name in result or Path(task.name).name != task.name:
            raise InputError(f"two tasks, or a folder, would be named {task.name!r}; expected a name of its own")
        result[task.name] = source
    return result


class Meter:
    """Counts wall and processor seconds of a run, and adds them to what its earlier sessions spent.

    The seconds of a session that is killed are not counted.

    Args:
        path: folder of the run.
        beside: other runs go on in other threads, so only the seconds of this one count.
    """

    def __init__(self, path: Path, beside: bool = False) -> None:
        self.path = path
        self.used = time.thread_time if beside else _cpu_seconds

    def __enter__(self) -> Meter:
        self.wall, self.cpu = time.monotonic(), self.used()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        _wait_for_children()
        wall = time.monotonic() - self.wall
        before = spent(self.path)
        now = Spent(round(before.seconds + wall, 3), round(before.cpu_seconds + self.used() - self.cpu, 3))
        if self.path.is_dir():
            write_whole(self.path / "spent.json", json.dumps(asdict(now)).encode())


def spent(path: Path) -> Spent:
    """What the run in this folder has spent."""
    try:
        return Spent(**json.loads((path / "spent.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return Spent()


def _cpu_seconds() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _wait_for_children() -> None:
    """Workers count once they have ended, and must not take the processors from the next run."""
    deadline = time.monotonic() + REAP_S
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.02)
