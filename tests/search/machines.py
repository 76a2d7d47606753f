"""A Dask cluster as people start it: a scheduler and workers, each a process that a test can do harm to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


class Machines:
    """Processes of the command `dask`, in a folder of their own."""

    def __init__(self, folder: Path, options: Sequence[str] = ("--host", "127.0.0.1"), **environment: str) -> None:
        self.folder, self.options = folder, options
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        self.started: list[subprocess.Popen[bytes]] = []
        self.port = free_port()
        self.scheduler = self.start("scheduler", "--port", str(self.port))
        until(self.answers)

    def answers(self) -> bool:
        """Whether somebody listens at the scheduler's port."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    @property
    def address(self) -> str:
        return f"{'tls' if '--tls-cert' in self.options else 'tcp'}://127.0.0.1:{self.port}"

    def start(self, *command: str, before: Sequence[str] = (), **environment: str) -> subprocess.Popen[bytes]:
        line = [*before, sys.executable, "-m", "dask", *command, "--no-dashboard", *self.options]
        with open(self.folder / f"log-{len(self.started)}", "wb") as log:
            process = subprocess.Popen(
                line, cwd=self.folder, env={**self.environment, **environment}, stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    def worker(self, *options: str, before: Sequence[str] = (), **environment: str) -> subprocess.Popen[bytes]:
        """A worker of one thread, without a nanny unless `options` say otherwise."""
        return self.start(
            "worker", self.address, "--nthreads", "1", *(options or ("--no-nanny",)), before=before, **environment
        )

    def log(self, process: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"log-{self.started.index(process)}").read_text(errors="replace")

    def stop(self) -> None:
        for process in reversed(self.started):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.started:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def machines(folder: Path, options: Sequence[str] = ("--host", "127.0.0.1"), **environment: str) -> Iterator[Machines]:
    """Processes that are ended afterwards."""
    started = Machines(folder, options, **environment)
    try:
        yield started
    finally:
        started.stop()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(true: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Waits for something to become true, and says whether it did."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


class Line:
    """A line between a driver and its scheduler, which can be cut without a word to either."""

    def __init__(self, to: int) -> None:
        self.to, self.cut = to, False
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listening.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.ends += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(1 << 16):
                if self.cut:
                    continue
                b.sendall(data)
            if not self.cut:
                b.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self) -> None:
        for end in (self.listening, *self.ends):
            end.close()
