"""The server of the board: a free port, a token, and uvicorn until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from discover.board.app import application
from discover.board.guard import is_loopback, link
from discover.errors import InputError

PORT = 8460
TRIED = 20  # ports


@dataclass(frozen=True)
class Serving:
    """A board that is about to be served.

    Attributes:
        link: the address to open first.
        serve: serves until it is interrupted.
    """

    link: str
    serve: Callable[[], None]


def prepare(folder: Path, host: str, port: int | None, allowed: Sequence[str]) -> Serving:
    """A board of the runs below a folder.

    Args:
        host: address to listen at; others than loopback need at least one allowed name.
        port: None for the first free one from `PORT` on.
        allowed: names under which browsers may reach the board, besides loopback's.

    Raises:
        InputError: no such folder, another host without a name for it, or the port is taken.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}" if not folder.exists() else f"{folder} is a file, not a folder")
    if not is_loopback(host) and not allowed:
        raise InputError(
            f"--host {host} lets other machines in; say with --allow NAME under which name they may, "
            "or leave both out and use a tunnel: ssh -L"
        )
    found = _listen(host, port)
    token, cookie = secrets.token_urlsafe(32), f"discover_board_{secrets.token_hex(4)}"
    app = application(folder, token, cookie, frozenset(name.lower() for name in allowed))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses hold the token once
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    shown = allowed[0] if allowed and not is_loopback(host) else host

    def serve() -> None:
        with found:
            uvicorn.Server(config).run(sockets=[found])

    return Serving(link(shown, found.getsockname()[1], token), serve)


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket at this port, or at the first free one.

    Raises:
        InputError: the port is taken, or the host is not this machine's.
    """
    wanted = [port] if port is not None else [*range(PORT, PORT + TRIED), 0]
    for number in wanted:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        except OSError:
            raise InputError(f"--host {host} is no host name or address that is known here") from None
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen()
        except OSError as problem:
            found.close()
            reason = problem.strerror or str(problem)
            continue
        return found
    raise InputError(f"port {port} of {host} cannot be used: {reason}; choose another with --port")
