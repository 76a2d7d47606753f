"""A board served by the installed command, above runs that the command has made."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from discover.board.processes import holder

COMMAND = (sys.executable, "-m", "discover")
FEW = ("--workers", "1", "--proposers", "library,grammar", "--quiet")
HOSTILE = "a b;c$(id)<script>alert(1)<|script> 'q' \"d\""
"""Name of a folder; a slash is the only sign that it cannot have."""


def table(target: str = "loss", params: str = "params") -> str:
    """Losses of 48 runs in two groups."""
    rows = [
        (family, n, d, (1.6 + 300 * n**-0.31 + 400 * d**-0.29) * (1 + 0.05 * k + 0.002 * ((i + 3 * j) % 5)))
        for k, family in enumerate(("<i>web</i>", "code"))
        for i, n in enumerate((1e7, 3e7, 1e8, 3e8, 1e9, 3e9))
        for j, d in enumerate((1e9, 5e9, 2e10, 1e11))
    ]
    lines = [f'"{family}",{n:g},{d:g},{loss:.6f}' for family, n, d, loss in rows]
    return "\n".join([f'family,"{params}",tokens,"{target}"', *lines]) + "\n"


def command(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@dataclass
class Client:
    """Asks a board as a browser would that has followed its link.

    Attributes:
        link: as it was printed.
        cookie: with the token.
        process: of the board.
    """

    link: str
    process: subprocess.Popen[str]
    cookie: str = field(default="")

    @property
    def host(self) -> str:
        return urlsplit(self.link).netloc

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content; a header of the value "" is left out."""
        usual = {"Cookie": self.cookie, "Host": self.host, "Origin": f"http://{self.host}"}
        sent = {name: value for name, value in {**usual, **headers}.items() if value}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.link).port, timeout=120)
        connection.request(method, path, content, sent)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def page(self, path: str) -> str:
        """The text of a page that is there."""
        status, _, content = self.ask("GET", path)
        assert status == 200, content
        return content.decode()

    def act(self, name: str, **given: Any) -> dict[str, Any]:
        """What an action answers."""
        status, _, content = self.ask("POST", f"/api/{name}", given)
        found: dict[str, Any] = json.loads(content)
        assert status == 200, found
        return found

    def refused(self, name: str, **given: Any) -> str:
        """Why an action is refused."""
        status, _, content = self.ask("POST", f"/api/{name}", given)
        assert status == 400, content
        error: str = json.loads(content)["error"]
        return error

    def live(self, run: str) -> dict[str, Any]:
        """How far a run has come."""
        found: dict[str, Any] = json.loads(self.page(f"/live?run={quote(run, safe='')}"))
        return found


def serve(folder: Path, *options: str) -> Client:
    """A board above this folder; its process is the client's."""
    process = subprocess.Popen(
        [*COMMAND, "board", str(folder), "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    client = Client(process.stdout.readline().strip(), process)
    assert client.link.startswith("http://"), "the board did not begin"
    _, headers, _ = client.ask("GET", "/?" + urlsplit(client.link).query, Cookie="")
    client.cookie = headers["set-cookie"].partition(";")[0]
    return client


def close(client: Client) -> None:
    """Ends a board as Ctrl-C does."""
    client.process.send_signal(signal.SIGINT)
    client.process.wait(30)
    assert client.process.stdout is not None
    client.process.stdout.close()


def end_runs(folder: Path) -> None:
    """Ends what still searches below a folder."""
    for journal in folder.rglob("steps.jsonl"):
        if (pid := holder(journal)) is not None:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def opened() -> Iterator[Callable[..., Client]]:
    """Serves boards, and ends them and the runs below their folders when the test is over, whatever its outcome."""
    clients: list[tuple[Path, Client]] = []

    def open_board(folder: Path, *options: str) -> Client:
        client = serve(folder, *options)
        clients.append((folder, client))
        return client

    yield open_board
    for folder, client in clients:
        if client.process.poll() is None:
            close(client)
        end_runs(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run; its table lies beside it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "runs.csv").write_text(table())
    done = command(
        "run", "runs.csv", "--target", "loss", "--holdout", "0.25", "--evaluations", "40", *FEW, "--out", "first",
        folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "first"


def two_runs(finished: Path, home: Path) -> Path:
    """Two copies of a run below a new folder, one of them with a hostile name."""
    shutil.copytree(finished, home / "first")
    shutil.copytree(finished, home / "more" / HOSTILE)
    return home


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A folder above two runs, to be changed."""
    return two_runs(finished, tmp_path / "runs")


@pytest.fixture(scope="module")
def home(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder above two runs that the tests of a module share."""
    return two_runs(finished, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def board(home: Path) -> Iterator[Client]:
    """A board above them."""
    client = serve(home)
    yield client
    close(client)
    end_runs(home)
