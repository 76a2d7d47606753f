"""A run is a folder.

- `run.toml`: what was asked: task, seed, budget, versions; written once
- `steps.jsonl`: the journal: a line per candidate, and per opening of the sealed rows; only appended to
- `llm.jsonl`: with a language model: every question, answer and proposal; only appended to
- `problems.json`: problems of the table that were told before the search
- `progress.json`: seconds spent so far and why the search stopped
- `law.json`: the law found, full precision
- `result.json`: what the end of the run printed, as `--json` prints it
- `sealed.json`: the sealed rows as they were when they were opened last
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from discover.errors import InputError
from discover.files import write_whole
from discover.law.storage import read
from discover.plain_data import json_text, quoted
from discover.runs.config import RunConfig, read_config
from discover.runs.journal import Record, read_journal
from discover.runs.result import Result

RUNS = Path("runs")


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        seconds: time spent searching, over all sessions.
        evaluations: candidates scored.
        stopped: why the search ended, in words, "interrupted" if it may go on; "" while it has not ended.
        machine, pid: of the process that works out the result of a search that has ended; it holds no lock.
    """

    seconds: float = 0.0
    evaluations: int = 0
    stopped: str = ""
    machine: str = ""
    pid: int = 0


@dataclass(frozen=True)
class RunFolder:
    """The files of a run. Writing raises an `InputError` where the disk is full, or nobody may write.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def config_path(self) -> Path:
        return self.path / "run.toml"

    @property
    def journal_path(self) -> Path:
        return self.path / "steps.jsonl"

    @property
    def law_path(self) -> Path:
        return self.path / "law.json"

    @property
    def result_path(self) -> Path:
        return self.path / "result.json"

    @property
    def progress_path(self) -> Path:
        return self.path / "progress.json"

    def config(self) -> RunConfig:
        """What was asked.

        Raises:
            InputError: see `read_config`.
        """
        return read_config(self.config_path)

    def write_config(self, config: RunConfig) -> None:
        """Writes `run.toml`."""
        write_whole(self.config_path, config.to_toml().encode())

    def records(self) -> list[Record]:
        """The journal's whole lines.

        Raises:
            InputError: see `read_journal`.
        """
        return read_journal(self.journal_path)

    def progress(self) -> Progress:
        """How far the run has come; nothing if that is not known."""
        try:
            return Progress(**json.loads(self.progress_path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return Progress()

    def write_progress(self, progress: Progress) -> None:
        """Notes how far the run has come."""
        write_whole(self.progress_path, json.dumps(asdict(progress)).encode())

    def result(self) -> dict[str, Any] | None:
        """The content of `result.json`, or None for a run without an end; see `found`.

        Raises:
            InputError: the file is damaged.
        """
        try:
            content = json.loads(self.result_path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            raise InputError(f"{self.result_path} cannot be read: {problem}") from None
        if not isinstance(content, dict):
            raise InputError(f"{self.result_path} is damaged; expected a JSON object")
        return content

    def found(self) -> Result | None:
        """What the run found, or None for a run without an end.

        Raises:
            InputError: the file is damaged.
        """
        content = self.result()
        try:
            return None if content is None else Result.of(content)
        except ValidationError as problem:
            first = problem.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(f"{self.result_path} is damaged: key {place}: {first['msg']}") from None

    def doubts(self) -> list[str]:
        """What was changed or lost in the folder since the run ended, one sentence each.

        Raises:
            InputError: a file is damaged.
        """
        found, result = [], self.result()
        if self.law_path.is_file() and read(self.law_path).edited:
            found.append(f"{self.law_path} was changed after discover wrote it; what follows is of the changed law")
        if result is not None:
            journal = self.journal_path.read_bytes() if self.journal_path.is_file() else b""
            counts = {"step": result.get("evaluations", 0), "opened": result.get("opened", 0)}
            for kind, known in counts.items():
                held = journal.count(f'"kind":"{kind}"'.encode())
                if held < known:
                    what = "laws scored" if kind == "step" else "openings of the sealed rows"
                    found.append(f"{self.journal_path} was cut: it holds {held} of {known} {what}")
        return found

    def write_result(self, result: Result) -> None:
        """Writes what the end of the run prints."""
        write_whole(self.result_path, json_text(result.keys()).encode())


def new_folder(wanted: Path | None, task: str, seed: int) -> RunFolder:
    """A new empty run folder.

    Args:
        wanted: the folder; None for the first free `runs/<task>-seed<seed>-<n>` in the working directory.
        task, seed: for the name.

    Raises:
        InputError: the wanted folder holds something, or the folder cannot be made or written to.
    """
    if wanted is None:
        return RunFolder(_first_free(RUNS, f"{task}-seed{seed}"))
    if wanted.is_dir() and any(wanted.iterdir()):
        if (wanted / "run.toml").is_file():
            raise InputError(f"{wanted} holds a run already; continue it with: discover resume {quoted(wanted)}")
        raise InputError(f"the folder {wanted} is not empty; expected a new or an empty one")
    make_folder(wanted, exist_ok=True)
    return RunFolder(wanted)


def _first_free(parent: Path, stem: str) -> Path:
    taken = {entry.name for entry in parent.iterdir()} if parent.is_dir() else set()
    number = 1
    while True:
        name = f"{stem}-{number}"
        if name not in taken and make_folder(parent / name, exist_ok=False):
            return parent / name
        number += 1


def make_folder(path: Path, exist_ok: bool) -> bool:
    """Makes the folder; False when another process was faster.

    Raises:
        InputError: it is a file, or cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        if path.is_dir():
            return False
        raise InputError(f"{path} is a file; expected a folder") from None
    except OSError as problem:
        raise InputError(f"the folder {path} cannot be made: {problem.strerror}; choose another with --out") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(f"the folder {path} cannot be written to; choose another with --out")
    return True


def open_folder(path: Path) -> RunFolder:
    """The run in this folder.

    Raises:
        InputError: no such folder, no run in it, or a run of a newer version.
    """
    if not path.exists():
        raise InputError(f"there is no folder {path}; expected the folder of a run")
    if not path.is_dir():
        raise InputError(f"{path} is a file; expected the folder of a run")
    folder = RunFolder(path)
    if not folder.config_path.is_file():
        raise InputError(f"{path} is no run: it has no run.toml")
    folder.config()
    return folder
