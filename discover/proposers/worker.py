"""A long-lived engine process that can be killed at any moment without harm to the search.

Jobs and answers are plain data over a line of their own. A process that dies is started again and given its job
again; one that hangs, or takes too much memory, is ended. Whatever happens becomes a `Reply`, never an exception.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discover.proposers.engines import warden
from discover.proposers.engines.channel import Channel, ChannelError, Offer
from discover.proposers.logbook import Row

TRIES = 3  # of a job whose process dies, and of a start
STARTS = 40  # of processes in one search
PREFIX = "discover-engine-"  # of working folders, followed by the number of the search's process
SWEEP_AFTER_S = 3600.0
STEP_S = 0.05  # between looks at the clock while waiting
GIGABYTE = 1 << 30
MOST_BYTES = 4 * GIGABYTE  # of memory that a process may hold, and no more than half of the machine's
LOG_END = 1 << 16  # bytes of its log that are searched for its last words
ERROR = re.compile(r"^\s*(fatal|error|signal \(?\d|terminate)|\w(Error|Exception)\b|out of ?memory", re.IGNORECASE)
WARNING = re.compile(r"warn", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """What became of a job: its rows, or why there are none."""

    rows: tuple[Row, ...]
    problem: str | None = None


class EngineDiedError(Exception):
    """The process ended or said nonsense."""


class EngineProcess:
    """One process and the line to it."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self.log = folder / "engine.log"
        self.offer = Offer()
        self.channel: Channel | None = None
        try:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **environ, **self.offer.environ},
                    pass_fds=self.offer.pass_fds,
                    start_new_session=True,  # an interrupt from the keyboard is the search's to handle
                )
        except BaseException:
            self.offer.close()
            raise
        self.offer.started()
        atexit.register(self.kill)

    def send(self, message: Mapping[str, Any]) -> None:
        """Writes a message; the process must have said something before.

        Raises:
            EngineDiedError: the process is gone.
        """
        assert self.channel is not None
        try:
            self.channel.send(message)
        except ChannelError as problem:
            raise EngineDiedError(self.end(str(problem))) from problem

    def receive(self, wait_s: float) -> dict[str, Any] | None:
        """The next message, or None if none came in time.

        Raises:
            EngineDiedError: no more will come.
        """
        try:
            if self.channel is None:
                self.channel = self.offer.accept(wait_s)
            if self.channel is not None:
                return self.channel.receive(wait_s)
        except ChannelError as problem:
            raise EngineDiedError(self.end(str(problem))) from problem
        if self.process.poll() is not None:
            raise EngineDiedError(self.end("ended"))
        return None

    def end(self, said: str) -> str:
        """How the process ended; what it did, if it is still there."""
        try:
            code = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return f"the engine's process {said}"
        how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"the engine's process {how}{self._last_words()}"

    def _last_words(self) -> str:
        """The last line of the log that tells of an error, or the last line."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - LOG_END))
                text = log.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        telling = [line for line in lines if ERROR.search(line) and not WARNING.search(line)]
        said = telling or [line for line in lines if not WARNING.search(line)] or lines
        return f" ({said[-1][:200]})" if said else ""

    def kill(self) -> None:
        """Ends the process and all that it started; returns when it is gone."""
        atexit.unregister(self.kill)
        if self.process.poll() is None:
            warden.end(self.process.pid)
        self.process.wait()
        self.offer.close()
        if self.channel is not None:
            self.channel.close()


class Warden:
    """A small process that ends the engine and removes its folder when this process is gone, however it went."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        """Tells it the number of the engine's process; 0 for none."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it was killed; then nobody cleans up after a kill of this process
            self.process.stdin.write(f"{pid}\n".encode())
            self.process.stdin.flush()

    def release(self) -> None:
        """It removes the folder and ends."""
        with contextlib.suppress(OSError):
            self.process.communicate()


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
        command: what to start; it must speak as `engines/serve.py` does.
        environ: environment variables to set for it.
        start_s: seconds that the process may take to say that it is ready, and to warm up.
        on_event: told what went wrong.
        on_ready: told once what the engine says of itself, and after how many seconds.
        rescue: reads what a process left in the working folder when it was ended.
        warm_up: small jobs that every new process does first; an engine compiles what they need.
        most_bytes: memory that the process may take, where the system says how much that is (Linux).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        start_s: float = 60.0,
        on_event: Callable[[str], None] = lambda text: None,
        on_ready: Callable[[Mapping[str, Any], float], None] = lambda facts, seconds: None,
        rescue: Callable[[Path, int], tuple[Row, ...]] = lambda folder, job: (),
        warm_up: Sequence[Mapping[str, Any]] = (),
        most_bytes: float = MOST_BYTES,
    ) -> None:
        self.command, self.environ, self.start_s = tuple(command), dict(environ or {}), start_s
        self.on_event, self.on_ready, self.rescue = on_event, on_ready, rescue
        self.warm_up, self.most_bytes = tuple(warm_up), min(most_bytes, _machine_bytes() / 2)
        self.facts: dict[str, Any] | None = None
        self.dead: str | None = None
        self.starts = 0
        self.folder: Path | None = None
        self._warden: Warden | None = None
        self._process: EngineProcess | None = None
        self._began = 0.0
        self._cold: list[Mapping[str, Any]] | None = None  # jobs to warm up that are not done; None: not ready yet
        self._task: _Task | None = None
        self._early: Reply | None = None  # of a job that was over at once
        self._count = 0
        self._stillborn = 0  # processes in a row that died before they were ready

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.process.pid

    @property
    def _ready(self) -> bool:
        """The present process is ready and warm."""
        return self._cold is not None and not self._cold

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
        """Starts the process, between jobs. None once it is ready and warm, else why it is not in so many seconds."""
        if self._task is None and not self._ready:
            self._task = _Task(-1, {}, wait_s, sent=True)
            until = time.monotonic() + wait_s
            while self._advance(max(0.0, min(STEP_S, until - time.monotonic()))) is None:
                if self._ready or time.monotonic() >= until:
                    break
            self._task = None
        return None if self._ready else self.dead or f"the engine was not ready after {wait_s:g} s"

    def close(self) -> None:
        """Ends the process and removes its folder."""
        self._stop()
        self._task = None
        if self._warden is not None:
            self._warden.release()
            self._warden = None
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
                self._process.send(self._addressed(task.job, task.number))
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
        if self._warden is None:
            self._warden = Warden(self.folder)
        self.starts += 1
        self._process = EngineProcess(self.command, self.environ, self.folder)
        self._warden.watch(self._process.process.pid)
        self._began = time.monotonic()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
            if self._warden is not None:
                self._warden.watch(0)
        self._cold = None
        if self._task is not None and self._task.number >= 0:
            self._task.sent = False

    def _addressed(self, job: Mapping[str, Any], number: int) -> dict[str, Any]:
        return {**job, "id": number, "folder": str(self.folder)}

    def _heard(self, task: _Task, message: dict[str, Any]) -> Reply | None:
        if self._cold is None:
            return self._introduced(message)
        if self._cold:
            self._cold.pop()
            if "error" in message:
                self.on_event(f"a job to warm up failed: {message['error']}")
            self._warm()
            return None
        if message.get("id") != task.number:
            raise EngineDiedError("the engine's process answered another question")
        if "error" in message:
            self.on_event(f"a job failed: {message['error']}")
            return Reply((), str(message["error"]))
        notes = message.get("notes")
        for note in notes if isinstance(notes, list) else ():
            self.on_event(str(note))
        return Reply(rows_of(message.get("rows")))

    def _introduced(self, message: dict[str, Any]) -> Reply | None:
        """The first message: who the engine is, or why it does not start."""
        if "failed" in message:
            return self._given_up(str(message["failed"]))
        if not isinstance(message.get("ready"), dict):
            raise EngineDiedError("the engine's process wrote something that is no answer")
        first, self.facts = self.facts is None, message["ready"]
        self._cold = list(reversed(self.warm_up))
        if first:
            self.on_ready(message["ready"], time.monotonic() - self._began)
        self._warm()
        return None

    def _warm(self) -> None:
        """Gives it the next job to warm up, if there is one."""
        if self._cold:
            assert self._process is not None
            self._process.send(self._addressed(self._cold[-1], -len(self._cold)))

    def _overdue(self, task: _Task) -> Reply | None:
        now = time.monotonic()
        if not self._ready:
            if now - self._began > self.start_s:
                return self._given_up(f"the engine was not ready after {self.start_s:g} s")
            return None
        if now - task.since > task.limit_s:
            return self._ended(task, f"the engine did not answer within {task.limit_s:g} s")
        taken = _memory(self.pid)
        if taken > self.most_bytes and task.number >= 0:
            return self._ended(task, f"the engine took {taken / GIGABYTE:.1f} GB of memory")
        return None

    def _ended(self, task: _Task, reason: str) -> Reply:
        """Ends the process; what it had written counts."""
        number, folder = task.number, self.folder
        self._stop()
        rows = self.rescue(folder, number) if folder is not None else ()
        left = f"; {len(rows)} equations that it had written were kept" if rows else ""
        text = f"{reason} and was ended{left}"
        self.on_event(text)
        return Reply(rows, text)

    def _died(self, task: _Task, reason: str) -> Reply | None:
        if self._ready:
            self._stillborn, task.tries = 0, task.tries + 1
        else:
            self._stillborn += 1
        self._stop()
        if self.starts >= STARTS or self._stillborn >= TRIES:
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


def _memory(pid: int | None) -> float:
    """Bytes of memory that a process holds; 0 where the system does not say."""
    try:
        resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return float(resident) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def _machine_bytes() -> float:
    """Bytes of memory of this machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return float("inf")


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
