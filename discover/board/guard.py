"""Who may ask the board: this machine by default, with the token of the link, from the board's own pages."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = ("/static/board.css", "/static/report.css")
"""What the page shows that says the link is wrong; they tell nothing."""
SAFE = ("GET", "HEAD")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A report is a file of a run's folder, of whoever's making: its scripts run apart from the board and load nothing."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


WELCOME = """<!doctype html><html lang="en"><title>discover</title><link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0; url=/">
"""


@dataclass(frozen=True)
class Guard:
    """Stands before the application and answers what must not reach it.

    Args:
        app: the application.
        token: of the link.
        cookie: name of the cookie that keeps the token; boards on other ports share the browser's store.
        allowed: host names besides those of loopback, in lower case.
        refused: makes the page that says why nothing is shown.
    """

    app: ASGIApp
    token: str
    cookie: str
    allowed: frozenset[str] = frozenset()
    refused: Callable[[str], str] = field(default=lambda text: text)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        answer = self._answer(request)
        if answer is not None:
            await answer(scope, receive, _with_headers(send))
            return
        await self.app(scope, receive, _with_headers(send))

    def _answer(self, request: Request) -> Response | None:
        """What to say at once; None for a request that may pass."""
        host = request.headers.get("host", "")
        if not self._may_name(host):
            return PlainTextResponse("This board is not reached under that host name; see --allow.\n", 421)
        if request.method not in SAFE and not self._is_own(request, host):
            return PlainTextResponse("This request comes from another page than the board's.\n", 403)
        given = parse_qs(request.url.query).get("token", [""])[0]
        if request.method == "GET" and request.url.path == "/" and self._knows(given):
            return self._welcome()
        if self._knows(request.cookies.get(self.cookie, "")) or request.url.path in OPEN_PATHS:
            return None
        text = "Open the link that the board has printed where it was started: it carries the key to this page."
        return HTMLResponse(self.refused(text), 403)

    def _knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())

    def _may_name(self, host: str) -> bool:
        """A page elsewhere can make its own name point to this machine; then the browser sends that name."""
        name = _without_port(host)
        return name in self.allowed or is_loopback(name)

    def _is_own(self, request: Request, host: str) -> bool:
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        own = f"{request.url.scheme}://{host.lower()}"
        return origin is not None and origin.lower() == own and site == "same-origin"

    def _welcome(self) -> Response:
        """Keeps the token and goes on without it in the address.

        A page that goes on by itself, not a redirect: a browser that follows a link from another site would not send
        the cookie with the redirected request.
        """
        answer = HTMLResponse(WELCOME)
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
        return answer


def is_loopback(name: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def link(host: str, port: int, token: str) -> str:
    """The address to open first."""
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}/?token={quote(token)}"


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    found = name if colon and port.isdigit() and (name.endswith("]") or ":" not in name) else host
    return found.lower().rstrip(".")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given: Mapping[bytes, bytes] = dict(message.get("headers", ()))
            more = {"content-security-policy": PAGE_POLICY, "cache-control": "no-store", **HEADERS}
            message["headers"] = [
                *message.get("headers", ()),
                *((name.encode(), value.encode()) for name, value in more.items() if name.encode() not in given),
            ]
        await send(message)

    return sending
