"""The line between a search and an engine's process: one JSON object per line, over a socket of their own.

Standard input and output would not do. Julia makes descriptor 0 non-blocking, for all who share it, so that
"nothing yet" looks like the end of the input; and engines print to descriptor 1 whatever they like. So the socket is
another one, it is non-blocking from the beginning, and both sides wait for it explicitly.

On POSIX the engine inherits its end. Elsewhere it connects to a port of this machine and shows a secret. This module
imports nothing of the package, so that a process can load it alone.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import selectors
import socket
import time
from collections.abc import Mapping
from typing import Any

ADDRESS = "DISCOVER_ENGINE_CHANNEL"
"""The environment variable that tells an engine's process where its end is."""
SEND_S = 20.0  # that the other side may take to read
HELLO_S = 2.0  # that a caller may take to show the secret
MOST_BYTES = 1 << 26  # of one message; a table of 1500 rows and 20 columns has less than a megabyte
CHUNK = 1 << 16


class ChannelError(Exception):
    """The other side is gone, does not read, or wrote what is no message."""


class Channel:
    """One end of the line.

    Args:
        end: a connected socket, which belongs to the channel from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.setblocking(False)
        self._read = bytearray()

    def send(self, message: Mapping[str, Any], limit_s: float = SEND_S) -> None:
        """Writes a message.

        Raises:
            ChannelError: the other side is gone, or did not read in time.
        """
        rest = memoryview(json.dumps(message).encode() + b"\n")
        until = time.monotonic() + limit_s
        while rest:
            try:
                rest = rest[self._end.send(rest) :]
            except (BlockingIOError, InterruptedError):
                if time.monotonic() > until:
                    raise ChannelError("does not read what it is sent") from None
                time.sleep(0.005)  # the buffer is full; that is rare, and soon over
            except OSError:
                raise ChannelError("closed its end of the line") from None

    def receive(self, wait_s: float | None) -> dict[str, Any] | None:
        """The next message, or None if none came within so many seconds; None waits for ever.

        Raises:
            ChannelError: no more will come, or this is none.
        """
        until = None if wait_s is None else time.monotonic() + wait_s
        while b"\n" not in self._read:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not _readable(self._end, left):
                return None
            try:
                chunk = self._end.recv(CHUNK)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                chunk = b""
            if not chunk:
                raise ChannelError("closed its end of the line")
            self._read += chunk
            if len(self._read) > MOST_BYTES:
                raise ChannelError("wrote something that is no answer")
        line, _, rest = self._read.partition(b"\n")
        self._read = rest
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise ChannelError("wrote something that is no answer")
        return message

    def close(self) -> None:
        """The other side sees the end."""
        self._end.close()


def _readable(end: socket.socket, wait_s: float | None) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(end, selectors.EVENT_READ)
        return bool(selector.select(wait_s))


class Offer:
    """The search's side before the engine's process is there.

    Args:
        inherited: the process inherits its end; without it, it connects.
    """

    def __init__(self, inherited: bool = os.name == "posix") -> None:
        self._own: socket.socket | None = None
        self._theirs: socket.socket | None = None
        self._listener: socket.socket | None = None
        if inherited:
            self._own, self._theirs = socket.socketpair()
            self.pass_fds: tuple[int, ...] = (self._theirs.fileno(),)
            self.environ = {ADDRESS: f"fd:{self._theirs.fileno()}"}
        else:
            self._secret = secrets.token_hex(32)
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.pass_fds = ()
            self.environ = {ADDRESS: f"port:{self._listener.getsockname()[1]}:{self._secret}"}

    def started(self) -> None:
        """The process has been started and has its end."""
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None

    def accept(self, wait_s: float) -> Channel | None:
        """The channel, or None if the process has not connected within so many seconds."""
        if self._own is not None:
            own, self._own = self._own, None
            return Channel(own)
        assert self._listener is not None
        if not _readable(self._listener, wait_s):
            return None
        caller, _ = self._listener.accept()
        if self._knows(caller):
            self._listener.close()
            return Channel(caller)
        caller.close()
        return None

    def close(self) -> None:
        """Nobody will come any more."""
        for end in (self._own, self._theirs, self._listener):
            if end is not None:
                end.close()

    def _knows(self, caller: socket.socket) -> bool:
        said = b""
        caller.settimeout(HELLO_S)
        with contextlib.suppress(OSError):
            while len(said) < len(self._secret) and (more := caller.recv(len(self._secret) - len(said))):
                said += more
        return hmac.compare_digest(said, self._secret.encode())


def connect() -> Channel:
    """The engine's end, as the environment says.

    Raises:
        ChannelError: nobody offered one.
    """
    kind, _, where = os.environ.pop(ADDRESS, "").partition(":")
    try:
        if kind == "fd":
            os.set_inheritable(int(where), False)
            return Channel(socket.socket(fileno=int(where)))
        if kind == "port":
            port, _, secret = where.partition(":")
            end = socket.create_connection(("127.0.0.1", int(port)))
            end.sendall(secret.encode())
            return Channel(end)
    except (OSError, ValueError) as problem:
        raise ChannelError(f"cannot be reached: {problem}") from None
    raise ChannelError(f"an engine's process is started by a search, which sets {ADDRESS}")
