"""Loopback servers that speak the wire format of chat completions.

`ScriptedServer` plays a list of steps, faults included. `serve_answers` wraps any function from a request
body to an answer, such as a grammar's sampler or an inference engine.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Step:
    """One reply: a body (object, text or bytes) with status and headers, and how it is delivered."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    dribble_s: float = 0.0  # pause before each byte of the body
    missing: int = 0  # bytes promised by content-length that never come
    reset: bool = False  # cut the connection instead of answering
    endless: bool = False  # send the body again and again

    @property
    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: Any
    time_s: float


def chat(content: Any, *, finish: str = "stop", usage: Any = (100, 20), **message: Any) -> dict[str, Any]:
    """A chat completion."""
    body: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "served-model",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
    }
    if isinstance(usage, tuple):
        body["usage"] = {
            "prompt_tokens": usage[0],
            "completion_tokens": usage[1],
            "total_tokens": sum(usage),
        }
    elif usage is not None:
        body["usage"] = usage
    return body


def formulas(*texts: str) -> str:
    """An answer in the form that the schema asks for."""
    rows = [{"rationale": "because", "formula": text, "shared": []} for text in texts]
    return json.dumps({"proposals": rows})


GOOD = chat(formulas("E + A*examples**(-alpha)"))


class ScriptedServer:
    """Plays steps in order, then the last resort for every further request.

    Args:
        steps: replies to questions.
        otherwise: the reply when they are used up.
        path: where the server answers; 404 elsewhere.
        tokens: the tokens of a text, for a server that offers its tokenizer.
    """

    def __init__(
        self,
        steps: list[Step] | Callable[[Any], Step],
        otherwise: Step | None = None,
        *,
        path: str = "",
        tokens: Callable[[str], list[int]] | None = None,
    ) -> None:
        self.seen: list[Seen] = []
        self.path = path
        self.tokens = tokens
        self._steps = steps
        self._otherwise = otherwise or Step(GOOD)
        self._lock = threading.Lock()
        self.url = ""

    def step(self, body: Any) -> Step:
        if callable(self._steps):
            return self._steps(body)
        with self._lock:
            return self._steps.pop(0) if self._steps else self._otherwise


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        raw = self.rfile.read(length)
        self._answer(json.loads(raw) if raw else None)

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, body: Any) -> None:
        script = self.server.script
        headers = {name.lower(): value for name, value in self.headers.items()}
        script.seen.append(Seen(self.path, headers, body, time.monotonic()))
        step = self._step(body)
        if step.delay_s and self.server.stopped.wait(step.delay_s):
            return
        try:
            self._deliver(step)
        except OSError:
            self.close_connection = True

    def _step(self, body: Any) -> Step:
        path = self.path.partition("?")[0]
        if not path.startswith(self.server.script.path):
            return Step({"detail": "Not Found"}, 404)
        if body is None:
            return Step({"object": "list", "data": self.server.models})
        if path.endswith("/tokenize"):
            tokens = self.server.script.tokens(body["content"]) if self.server.script.tokens else None
            return Step({"tokens": tokens}) if tokens is not None else Step({"detail": "Not Found"}, 404)
        return self.server.script.step(body)

    def _deliver(self, step: Step) -> None:
        if step.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        data = step.data
        self.send_response(step.status)
        self.send_header("content-type", step.content_type)
        length = 10**10 if step.endless else len(data) + step.missing
        self.send_header("content-length", str(length))
        for name, value in step.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._write(step, data)
        if step.missing or step.endless:
            self.close_connection = True

    def _write(self, step: Step, data: bytes) -> None:
        if step.dribble_s:
            for byte in data:
                if self.server.stopped.wait(step.dribble_s):
                    return
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            return
        self.wfile.write(data)
        while step.endless and not self.server.stopped.is_set():
            self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script: ScriptedServer, models: list[dict[str, Any]], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script = script
        self.models = models
        self.stopped = threading.Event()

    def handle_error(self, *args: Any) -> None:
        pass


@contextmanager
def serve(
    script: ScriptedServer,
    models: list[dict[str, Any]] | None = None,
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[ScriptedServer]:
    """The script on a port of this machine, a free one by default; behind TLS if a context is given."""
    server = _Server(script, [{"id": "served-model"}] if models is None else models, port)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    script.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
