"""The live provider: an OpenAI-compatible endpoint, through the `openai` package.

The package's own retries are off: it retries a used-up quota, and its timeout is per read, not per call.
Here a call has one total deadline that covers every attempt, wait and step down.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from discover.errors import InputError, UnavailableError
from discover.llm.dialects import Dialect, step_down
from discover.llm.provider import Completion, Problem, Reason, Request
from discover.llm.replies import RETRIED, Reply, largest_usage, read_reply
from discover.llm.schema import clip
from discover.llm.secrets import Masker, shown_url
from discover.llm.transport import BodyTooLargeError, connection_problem, open_client, retry_after_s

if TYPE_CHECKING:
    import openai

HOSTED_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
PLACEHOLDER_KEY = "unused"
_ANSWERED = (Reason.EMPTY, Reason.TRUNCATED, Reason.REFUSAL, Reason.FILTERED)
_MAY_BE_DIALECT = (Reason.REQUEST, Reason.SERVER)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is, and how patiently it is asked.

    Attributes:
        model: name of the model, as the server knows it.
        url: base address, such as http://127.0.0.1:8080/v1.
        key: the key; never shown.
        deadline_s: total time of one call in seconds, with all attempts and waits.
        attempts: most attempts after failures that may pass by themselves.
        backoff_s: first wait between attempts in seconds; doubles up to 8.
    """

    model: str
    url: str = HOSTED_URL
    key: str = field(default=PLACEHOLDER_KEY, repr=False)
    deadline_s: float = 180.0
    attempts: int = 4
    backoff_s: float = 0.5

    @property
    def shown(self) -> str:
        """Model and address without anything secret."""
        return f"{self.model} at {shown_url(self.url)}"

    @property
    def loopback(self) -> bool:
        return _is_loopback(urlsplit(self.url).hostname or "")

    @property
    def hosted(self) -> bool:
        return (urlsplit(self.url).hostname or "").endswith("openai.com")


def find_endpoint(
    model: str,
    url: str | None = None,
    *,
    key_variable: str | None = None,
    environ: Mapping[str, str],
    deadline_s: float = 180.0,
) -> Endpoint:
    """The endpoint that the options name, with its key from the environment.

    A key in the default variable is meant for a hosted service: it is not sent to this machine or a private
    network unless the variable is named.

    Raises:
        InputError: the address is not http(s), or the named variable is not set.
        UnavailableError: no key for a hosted service.
    """
    if not model.strip():
        raise InputError("the name of the model is empty")
    if not 0 < deadline_s < 1e6:
        raise InputError(f"--llm-timeout must be a number of seconds above 0, got {deadline_s}")
    url = url or environ.get("OPENAI_BASE_URL") or HOSTED_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"a model's address starts with http:// or https://, not {shown_url(url)[:60]!r}")
    if parts.username or parts.password:
        raise InputError("a model's address holds no user or password: put the key into a variable")
    key = environ.get(key_variable or KEY_VARIABLE, "").strip()
    if key_variable and not key:
        raise InputError(f"the environment variable {key_variable}, named as the key's place, is not set")
    if not all("!" <= character <= "~" for character in key):
        raise InputError(f"the key in {key_variable or KEY_VARIABLE} holds blanks or characters that no key has")
    if not key_variable and _is_private(parts.hostname):
        key = PLACEHOLDER_KEY
    if not key and parts.hostname.endswith("openai.com"):
        raise UnavailableError(
            f"no key for {shown_url(url)}: set the environment variable {KEY_VARIABLE}, name another one, "
            "or give the address of a local server"
        )
    return Endpoint(model, url, key or PLACEHOLDER_KEY, deadline_s)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_private(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".lan", ".internal"))


class OpenAIProvider:
    """Asks a chat-completions endpoint; remembers the dialect that worked."""

    def __init__(self, endpoint: Endpoint, *, rng: random.Random | None = None) -> None:
        self.endpoint = endpoint
        self.dialect = Dialect(token_limit="max_completion_tokens" if endpoint.hosted else "max_tokens")
        parts = urlsplit(endpoint.url)
        own = [] if endpoint.key == PLACEHOLDER_KEY else [endpoint.key]
        self.mask = Masker([*own, *filter(None, (parts.query,))])
        self._rng = rng or random.Random()
        self._not_before = 0.0

    async def complete(self, request: Request) -> Completion:
        """The answer of the endpoint; failures are `Completion.problem`, never exceptions."""
        started = time.monotonic()
        if self._not_before > started + self.endpoint.deadline_s:
            pause = self._not_before - started
            problem = Problem(Reason.RATE_LIMIT, f"the server asked for a pause of {pause:.0f} s", pause)
            return Completion(problem=problem, attempts=0)
        call = _Call(self, request, started + self.endpoint.deadline_s)
        try:
            async with asyncio.timeout(self.endpoint.deadline_s):
                await asyncio.sleep(max(0.0, self._not_before - started))
                completion = await call.run()
        except TimeoutError:
            detail = call.last or f"{self.endpoint.deadline_s:g} s"
            completion = Completion(problem=Problem(Reason.DEADLINE, detail), usage=largest_usage(request))
        except Exception as error:  # such as a proxy in the environment that is no address
            completion = Completion(problem=Problem(Reason.INTERNAL, f"{type(error).__name__}: {error}"))
        if completion.problem and completion.problem.retry_after_s:
            self._not_before = time.monotonic() + completion.problem.retry_after_s
        seconds = time.monotonic() - started
        return self._masked(replace(completion, seconds=seconds, attempts=call.sent, mode=call.dialect.mode))

    async def list_models(self) -> list[dict[str, Any]]:
        """Rows of the endpoint's model list, empty when it has none; within 15 s."""
        try:
            async with asyncio.timeout(15.0), self.connect() as client:
                raw = await client.models.with_raw_response.list()
                payload = json.loads(raw.http_response.content)
        except Exception:  # the list is a courtesy of the server: any failure means that there is none
            return []
        rows = payload.get("data") if isinstance(payload, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def connect(self) -> AbstractAsyncContextManager[openai.AsyncOpenAI]:
        """A client for one call; a proxy cannot reach this machine, so it is not asked to."""
        end = self.endpoint
        return open_client(end.url, end.key, direct=end.loopback, hosted=end.hosted, read_s=end.deadline_s)

    def _masked(self, completion: Completion) -> Completion:
        problem = completion.problem
        if problem is not None:
            problem = replace(problem, detail=clip(self.mask(problem.detail), 500))
        text = completion.text.encode("utf-8", "replace").decode()  # half characters cannot be stored
        return replace(completion, text=self.mask(text), problem=problem)


class _Call:
    """One question: attempts, waits and steps down until an answer or a lasting problem."""

    def __init__(self, provider: OpenAIProvider, request: Request, deadline: float) -> None:
        self.provider = provider
        self.request = request
        self.deadline = deadline
        self.dialect = provider.dialect
        self.sent = 0
        self.last = ""
        self.first_refusal: Completion | None = None

    async def run(self) -> Completion:
        failures = 0
        async with self.provider.connect() as client:
            while True:
                reply = await self._send(client)
                completion = self._read(reply)
                problem = completion.problem
                if problem is None or problem.reason in _ANSWERED:
                    self.provider.dialect = self.dialect
                    return completion
                self.last = str(problem)
                if self._step_down(reply, completion):
                    continue
                failures += 1
                wait = self._wait(problem, reply, failures)
                if wait is None:
                    return self._failed(completion, problem, reply)
                await asyncio.sleep(wait)

    def _step_down(self, reply: Reply | Problem, completion: Completion) -> bool:
        problem = completion.problem
        if isinstance(reply, Problem) or problem is None or problem.reason not in _MAY_BE_DIALECT:
            return False
        plainer = step_down(self.dialect, self.request, reply.status, reply.text)
        if plainer is None:
            return False
        self.dialect = plainer
        self.first_refusal = self.first_refusal or completion
        return True

    def _failed(self, completion: Completion, problem: Problem, reply: Reply | Problem) -> Completion:
        """The failure to report: the first refusal tells more than that of the plainest question."""
        if self.first_refusal and problem.reason in _MAY_BE_DIALECT:
            return self.first_refusal
        headers = reply.headers if isinstance(reply, Reply) else {}
        pause = retry_after_s(headers, time.time())
        return replace(completion, problem=replace(problem, retry_after_s=pause))

    async def _send(self, client: openai.AsyncOpenAI) -> Reply | Problem:
        import httpx2
        import openai

        self.sent += 1
        body = self.dialect.body(self.provider.endpoint.model, self.request)
        try:
            raw = await client.chat.completions.with_raw_response.create(**body)
            response = raw.http_response
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError as error:
            return connection_problem(error.__cause__ or error)
        except (httpx2.HTTPError, BodyTooLargeError) as error:
            return connection_problem(error)
        except (openai.OpenAIError, ValueError, TypeError) as error:
            return Problem(Reason.MALFORMED, clip(f"{type(error).__name__}: {error}", 300))
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, response.content)

    def _read(self, reply: Reply | Problem) -> Completion:
        if isinstance(reply, Reply):
            return read_reply(reply, self.request)
        if reply.reason in (Reason.DROPPED, Reason.TOO_LARGE):  # the server may have done the work
            return Completion(problem=reply, usage=largest_usage(self.request))
        return Completion(problem=reply)

    def _wait(self, problem: Problem, reply: Reply | Problem, failures: int) -> float | None:
        """Seconds until the next attempt, None for no other attempt."""
        headers = reply.headers if isinstance(reply, Reply) else {}
        advice = headers.get("x-should-retry")
        retried = problem.reason in RETRIED if advice not in ("true", "false") else advice == "true"
        if not retried or problem.final or failures >= self.provider.endpoint.attempts:
            return None
        backoff = min(8.0, self.provider.endpoint.backoff_s * 2 ** (failures - 1))
        backoff *= 1.0 - 0.25 * self.provider._rng.random()
        wait = retry_after_s(headers, time.time()) or backoff
        return wait if time.monotonic() + wait < self.deadline else None
