"""A long-lived engine process that can be killed at any moment without harm to the search.

Jobs and answers are plain data, one JSON object per line. A process that dies is started again and given its job
again; one that hangs is killed. Whatever happens becomes a `Reply`, never an exception.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discover.proposers.logbook import Row

TRIES = 3  # of a job whose process dies
STARTS = 40  # of processes in one search
PREFIX = "discover-engine-"  # of working folders, followed by the number of the search's process
SWEEP_AFTER_S = 3600.0
STEP_S = 0.05  # between looks at the clock while waiting


@dataclass(frozen=True)
class Reply:
    """What became of a job: its rows, or why there are none."""

    rows: tuple[Row, ...]
    problem: str | None = None


class EngineDiedError(Exception):
    """The process ended or said nonsense."""


class EngineProcess:
    """One process and the threads that listen to it."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self.log = folder / "engine.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **environ},
                start_new_session=True,  # an interrupt from the keyboard is the search's to handle
            )
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self.reader = threading.Thread(target=self._listen, daemon=True)
        self.reader.start()
        atexit.register(self.kill)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def send(self, message: Mapping[str, Any]) -> None:
        """Writes a message.

        Raises:
            EngineDiedError: the process is gone.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError) as problem:
            raise EngineDiedError(self.end()) from problem

    def receive(self, wait_s: float) -> dict[str, Any] | None:
        """The next message, or None if none came in time.

        Raises:
            EngineDiedError: no more will come.
        """
        try:
            line = self.lines.get(timeout=wait_s) if wait_s > 0 else self.lines.get_nowait()
        except queue.Empty:
            return None
        if line is None:
            raise EngineDiedError(self.end())
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise EngineDiedError("the engine's process wrote something that is no answer")
        return message

    def end(self) -> str:
        """How the process ended."""
        try:
            code = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "the engine's process closed its pipe"
        how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"the engine's process {how}{self._last_words()}"

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return f" ({lines[-1].strip()[:200]})" if lines else ""

    def kill(self) -> None:
        """Ends the process and all that it started; returns when it is gone."""
        atexit.unregister(self.kill)
        if self.process.poll() is None:
            try:
                if hasattr(os, "killpg"):
                    os.killpg(self.process.pid, signal.SIGKILL)
                else:
                    self.process.kill()
            except (ProcessLookupError, PermissionError):
                pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # unsent bytes to a process that is gone
                    pipe.close()
        self.reader.join(timeout=2)


@dataclass
class _Task:
    number: int
    job: Mapping[str, Any]
    limit_s: float
    tries: int = 0
    sent: bool = False
    since: float = 0.0


class Worker:
    """Runs jobs one at a time in a process that is started when the first comes.

    Args:
        command: what to start; it must speak the lines of `engines/serve.py`.
        environ: environment variables to set for it.
        start_s: seconds that the process may take to say that it is ready.
        on_event: told what went wrong.
        rescue: reads what a process left in the working folder when it was killed for taking too long.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        start_s: float = 60.0,
        on_event: Callable[[str], None] = lambda text: None,
        rescue: Callable[[Path, int], tuple[Row, ...]] = lambda folder, job: (),
    ) -> None:
        self.command, self.environ, self.start_s = tuple(command), dict(environ or {}), start_s
        self.on_event, self.rescue = on_event, rescue
        self.facts: dict[str, Any] | None = None
        self.dead: str | None = None
        self.starts = 0
        self.folder: Path | None = None
        self._process: EngineProcess | None = None
        self._began = 0.0
        self._ready = False  # the present process said so
        self._task: _Task | None = None
        self._early: Reply | None = None  # of a job that was over at once
        self._count = 0

    @property
    def busy(self) -> bool:
        return self._task is not None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.process.pid

    def submit(self, job: Mapping[str, Any], limit_s: float) -> None:
        """Begins a job; `limit_s` seconds after it reached the engine it is given up."""
        assert self._task is None, "one job at a time"
        self._task = _Task(self._count, job, limit_s)
        self._count += 1
        self._early = self._advance(0.0)

    def reply(self, wait_s: float = 0.0) -> Reply | None:
        """What became of the job, or None if it is still under way after this many seconds."""
        until = time.monotonic() + wait_s
        while self._task is not None:
            answer = self._early or self._advance(max(0.0, min(STEP_S, until - time.monotonic())))
            if answer is not None:
                self._task = self._early = None
                return answer
            if time.monotonic() >= until:
                return None
        return Reply((), "there is no job")

    def ready(self, wait_s: float) -> str | None:
        """Starts the process without a job. None once it said that it is ready, else why it did not."""
        assert self._task is None, "it works already"
        self._task = _Task(-1, {}, wait_s, sent=True)
        until = time.monotonic() + wait_s
        while not self._ready and time.monotonic() < until:
            answer = self._advance(STEP_S)
            if answer is not None:
                break
        self._task = None
        return None if self._ready else self.dead or f"the engine was not ready after {wait_s:g} s"

    def close(self) -> None:
        """Ends the process and removes its folder."""
        self._stop()
        self._task = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    # -- inside ---------------------------------------------------------------------------------------------

    def _advance(self, wait_s: float) -> Reply | None:
        """One look at the process; a reply if the job is over."""
        task = self._task
        assert task is not None
        if self.dead is not None:
            return Reply((), self.dead)
        try:
            if self._process is None:
                self._start()
            assert self._process is not None
            if self._ready and not task.sent:
                self._process.send({**task.job, "id": task.number, "folder": str(self.folder)})
                task.sent, task.since = True, time.monotonic()
            message = self._process.receive(wait_s)
            return self._overdue(task) if message is None else self._heard(task, message)
        except EngineDiedError as problem:
            return self._died(task, str(problem))
        except OSError as problem:
            return self._given_up(f"the engine's process cannot be started: {problem}")

    def _start(self) -> None:
        if self.folder is None:
            sweep(Path(tempfile.gettempdir()))
            self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.folder.mkdir(exist_ok=True)
        self.starts += 1
        self._ready = False
        self._process = EngineProcess(self.command, self.environ, self.folder)
        self._began = time.monotonic()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
        self._ready = False
        if self._task is not None and self._task.number >= 0:
            self._task.sent = False

    def _heard(self, task: _Task, message: dict[str, Any]) -> Reply | None:
        if not self._ready:
            if "failed" in message:
                return self._given_up(str(message["failed"]))
            if not isinstance(message.get("ready"), dict):
                raise EngineDiedError("the engine's process wrote something that is no answer")
            self.facts, self._ready = message["ready"], True
            return None
        if message.get("id") != task.number:
            raise EngineDiedError("the engine's process answered another question")
        if "error" in message:
            self.on_event(f"a job failed: {message['error']}")
            return Reply((), str(message["error"]))
        return Reply(rows_of(message.get("rows")))

    def _overdue(self, task: _Task) -> Reply | None:
        now = time.monotonic()
        if not self._ready:
            if now - self._began > self.start_s:
                return self._given_up(f"the engine was not ready after {self.start_s:g} s")
            return None
        if now - task.since <= task.limit_s:
            return None
        number, folder = task.number, self.folder
        self._stop()
        rows = self.rescue(folder, number) if folder is not None else ()
        left = f"; {len(rows)} equations that it had written were kept" if rows else ""
        text = f"the engine did not answer within {task.limit_s:g} s and was ended{left}"
        self.on_event(text)
        return Reply(rows, text)

    def _died(self, task: _Task, reason: str) -> Reply | None:
        before_ready = not self._ready
        self._stop()
        task.tries += 1
        if self.starts >= STARTS or (before_ready and task.tries >= TRIES):
            return self._given_up(reason)
        if task.tries >= TRIES:
            self.on_event(f"{reason}; the job is given up after {TRIES} tries")
            return Reply((), reason)
        self.on_event(f"{reason}; it is started again")
        return None

    def _given_up(self, reason: str) -> Reply:
        self._stop()
        self.dead = reason
        self.on_event(f"{reason}; the search goes on without this engine")
        return Reply((), reason)


def sweep(place: Path) -> None:
    """Removes working folders of searches that were killed with their engines and are gone for an hour."""
    if os.name != "posix":  # elsewhere a process cannot be asked for without harm
        return
    for folder in place.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        try:
            if not pid.isdigit() or time.time() - folder.stat().st_mtime < SWEEP_AFTER_S:
                continue
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another user's
            continue


def rows_of(value: object) -> tuple[Row, ...]:
    """The rows of a message; what is no row is left out."""
    out = []
    for item in value if isinstance(value, list) else ():
        try:
            complexity, loss, equation = item
            out.append(Row(int(complexity), float(loss), str(equation)))
        except (TypeError, ValueError):
            continue
    return tuple(out)


def python_command(module: str) -> tuple[str, ...]:
    """What starts a module of this package in a new interpreter, wherever the package lies."""
    package = Path(__file__).resolve().parents[2]
    program = f"import sys; sys.path.insert(0, {str(package)!r}); from {module} import main; main()"
    return (sys.executable, "-c", program)
