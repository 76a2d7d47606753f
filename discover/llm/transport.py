"""One HTTP exchange: the connection, its bounds, and the server's advice on when to come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from discover.llm.provider import Problem, Reason
from discover.llm.schema import clip

if TYPE_CHECKING:
    import openai

MAX_BODY_BYTES = 4_000_000
_PACKED = 100  # a compressed body may be this much smaller, so that it cannot unpack into gigabytes
_CONNECT_S = 10.0
_TLS_WORDS = ("ssl", "tls", "certificate")


@asynccontextmanager
async def open_client(
    url: str, key: str, *, header: str, query: Mapping[str, str], direct: bool, hosted: bool, read_s: float
) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client for one call, closed with it, so that nothing outlives a cancelled call.

    Args:
        url: base address, without its query.
        key: sent as the bearer token, and in `header` if that is another field.
        header: field that carries the key, in lower case.
        query: goes with every call.
        direct: ignore the proxies of the environment; its certificates count all the same.
        hosted: the address is OpenAI's; other servers are not told the account's organization and project.
        read_s: longest silence of the server in seconds.
    """
    import httpx2
    import openai

    transport = openai.DefaultAsyncHttpxClient(
        trust_env=not direct,
        verify=httpx2.create_ssl_context() if url.startswith("https:") else False,  # http has nothing to verify
        follow_redirects=False,  # the key goes nowhere but to the address that the user gave
        event_hooks={"response": [_bound_body]},
        timeout=openai.Timeout(read_s, connect=_CONNECT_S),
    )
    fields = {} if header == "authorization" else {header: key}
    async with openai.AsyncOpenAI(
        api_key=key,
        base_url=url,
        max_retries=0,
        http_client=transport,
        default_query=dict(query),
        default_headers=fields,
    ) as client:
        if not hosted:
            client.organization = client.project = None
        yield client


class BodyTooLargeError(Exception):
    """The body of a reply passed the limit."""


async def _bound_body(response: Any) -> None:
    """Makes the body of a reply fail once it is larger than any answer can be."""
    import httpx2

    stream = response.stream
    packed = response.headers.get("content-encoding", "identity") != "identity"
    limit = MAX_BODY_BYTES // _PACKED if packed else MAX_BODY_BYTES

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in stream:
                size += len(chunk)
                if size > limit:
                    raise BodyTooLargeError(f"more than {limit:,} bytes")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    response.stream = Bounded()


def connection_problem(error: BaseException) -> Problem:
    """What went wrong between here and the server."""
    import httpx2

    if isinstance(error, BodyTooLargeError):
        return Problem(Reason.TOO_LARGE, str(error))
    detail = clip(f"{type(error).__name__}: {error}", 300)
    if isinstance(error, httpx2.ConnectError) and any(word in str(error).lower() for word in _TLS_WORDS):
        return Problem(Reason.TLS, detail)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return Problem(Reason.UNREACHABLE, detail)
    return Problem(Reason.DROPPED, detail)


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks to wait, from its header fields; None when it does not say.

    Args:
        headers: names in lower case.
        now: seconds since 1970, for headers that give a date.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        try:
            seconds = float(text.removesuffix("s")) * unit
        except ValueError:
            seconds = _seconds_until(text, now)
        if 0.0 < seconds < 1e6:
            return seconds
    return None


def _seconds_until(date: str, now: float) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return 0.0
