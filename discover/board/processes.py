"""Runs as processes of their own: begun, stopped and looked for, none of them a part of the board."""

from __future__ import annotations

import hashlib
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.plain_data import quoted
from discover.runs.folder import RunFolder
from discover.runs.session import INTERRUPTED

LOGS = ".discover-board"
"""Below the folder that is shown: what the commands wrote to stderr."""
LOCKS = Path("/proc/locks")
FRESH_S = 20.0  # a run notes its progress every second, and a journal line less often
SETTLE_S = 5.0  # from the release of the journal's lock to the note that the search is over
BEGIN_S = 120.0  # from run.toml to the first line of the journal, with the kernel to be compiled
END_S = 120.0  # from the end of the search to its result, with the uncertainty of many laws
LONGEST_END_S = 3600.0  # afterwards the number of its process may be another one's
TAIL = 4000  # characters


class Processes:
    """The commands that this board has started.

    Args:
        folder: the one that is shown; commands work in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: dict[Path, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def start(self, run: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Starts `discover` with these arguments in a session of its own.

        Args:
            run: the run's folder, to which its log belongs.

        Raises:
            InputError: a command is at work on this run, or its log cannot be written.
        """
        with self._lock:
            if self.child(run) is not None:
                raise InputError(f"a command is at work on {run.name} already")
            log = self.log_path(run)
            try:
                log.parent.mkdir(exist_ok=True)
                with log.open("wb") as file:
                    child = subprocess.Popen(
                        [sys.executable, "-m", "discover", *arguments],
                        cwd=self.folder,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=file,
                        start_new_session=True,  # neither Ctrl-C at the board nor its end reaches the run
                    )
            except OSError as problem:
                raise InputError(f"{log.parent} cannot be written to: {problem.strerror or problem}") from None
            self._children[run] = child
        return child

    def child(self, run: Path) -> subprocess.Popen[bytes] | None:
        """The command that this board has started for a run, while it is alive."""
        child = self._children.get(run)
        if child is None or child.poll() is None:
            return child
        self._children.pop(run, None)
        return None

    def stop(self, folder: RunFolder) -> None:
        """Asks the command that is at work on a run to end with the law it has.

        Raises:
            InputError: none is at work, or it cannot be reached from here.
        """
        child = self.child(folder.path)
        pid = child.pid if child is not None else holder(folder.journal_path)
        if pid is None:
            if folder.progress().stopped or not at_work(folder):
                raise InputError(f"no command is at work on {folder.path.name}, or it is ending already")
            raise InputError(f"{folder.path.name} was started elsewhere; stop it there with Ctrl-C")
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError as problem:
            raise InputError(f"process {pid} cannot be stopped: {problem.strerror}") from None

    def log_path(self, run: Path) -> Path:
        """Where the messages of the last command for a run are."""
        return self.folder / LOGS / f"{hashlib.sha256(os.fsencode(run)).hexdigest()[:24]}.log"

    def said(self, run: Path) -> str:
        """The end of the messages of the last command for a run; "" if there was none."""
        try:
            return self.log_path(run).read_text(errors="replace")[-TAIL:]
        except OSError:
            return ""

    def failure(self, run: Path) -> str:
        """The error that the last command for a run ended with; "" without one, or where it was stopped."""
        errors = [line for line in self.said(run).splitlines() if line.startswith("error: ")]
        last = errors[-1].removeprefix("error: ") if errors else ""
        return "" if last.startswith(INTERRUPTED) else last

    def wait(self, folder: RunFolder, seconds: float) -> None:
        """Waits until the command for a run has written what was asked.

        Raises:
            InputError: it ended before.
        """
        deadline = time.monotonic() + seconds
        while not folder.config_path.is_file():
            if self.child(folder.path) is None:
                raise InputError(self.failure(folder.path) or "the command ended without a word")
            if time.monotonic() > deadline:
                raise InputError(f"the run does not begin; see {quoted(self.log_path(folder.path))}")
            time.sleep(0.05)


def at_work(folder: RunFolder) -> bool:
    """Whether a process is at work on a run that has no end yet."""
    if holder(folder.journal_path) is not None:
        return True
    noted, judged = _age(folder.progress_path), _age(folder.result_path)
    if folder.result_path.exists() and judged <= noted:
        return False
    if (progress := folder.progress()).stopped:
        if progress.machine == platform.node() and os.name == "posix":
            return noted < LONGEST_END_S and _is_alive(progress.pid)
        return noted < END_S
    if not folder.journal_path.exists():
        return _age(folder.config_path) < BEGIN_S
    listed = LOCKS.is_file()
    grown = min(noted, _age(folder.journal_path)) < (SETTLE_S if listed else FRESH_S)
    return grown or (not listed and _is_locked(folder.journal_path))


def holder(journal: Path) -> int | None:
    """The process that holds the lock of a journal; None if none does, or the system does not tell."""
    try:
        found = journal.stat()
        locks = LOCKS.read_text()
    except OSError:
        return None
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in locks.splitlines():
        words = line.split()
        if len(words) >= 6 and words[1] == "FLOCK" and words[5] == place:
            return int(words[4])
    return None


def _is_alive(pid: Any) -> bool:
    """Whether this machine has a process of this number."""
    try:
        os.kill(pid, 0)
    except PermissionError:  # somebody else's
        return True
    except (OSError, OverflowError, TypeError):
        return False
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _is_locked(journal: Path) -> bool:
    """Tries the lock; only of journals that have not grown for a while, whose run may have died."""
    try:
        import fcntl

        with journal.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except ImportError:
        return False
    except OSError:
        return True
    return False
