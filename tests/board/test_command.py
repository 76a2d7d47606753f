"""`discover board`: how it begins, and what it says when it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .conftest import Client, close, command


def test_a_taken_port_is_told_and_another_one_is_found(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command("board", ".", "--port", str(port), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: port {port} of 127.0.0.1 cannot be used")
    assert "choose another with --port" in done.stderr


def test_another_host_needs_a_name_for_it(tmp_path: Path, opened: Callable[..., Client]) -> None:
    done = command("board", ".", "--host", "0.0.0.0", folder=tmp_path)
    assert done.returncode == 1
    assert "--allow NAME" in done.stderr
    client = opened(tmp_path, "--host", "0.0.0.0", "--allow", "Lab.example")
    assert client.link.startswith("http://Lab.example:")
    assert "No run" in client.page("/")
    assert client.ask("GET", "/", Host="other.example")[0] == 421


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "error: there is no folder none" in command("board", "none", folder=tmp_path).stderr
    assert "is a file, not a folder" in command("board", "file", folder=tmp_path).stderr


def test_without_its_extra_one_sentence_names_the_command(tmp_path: Path) -> None:
    code = "import sys; sys.modules['starlette'] = None; from discover.cli import main; sys.exit(main(['board']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: the board needs the extra `board`: pip install 'scaling-discover[board]'\n"


def test_an_empty_folder_says_how_to_begin_and_ctrl_c_is_a_good_end(
    tmp_path: Path, opened: Callable[..., Client]
) -> None:
    client = opened(tmp_path)
    assert "No run lies below this folder yet" in client.page("/")
    close(client)
    assert client.process.returncode == 0
