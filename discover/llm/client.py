"""The live provider: an OpenAI-compatible endpoint, through the `openai` package.

The package's own retries are off: it retries a used-up quota, and its timeout is per read, not per call.
Here a call has one total deadline that covers every attempt, wait and step down.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from discover.errors import InputError, UnavailableError
from discover.llm import defaults
from discover.llm.dialects import Dialect, plainest, step_down
from discover.llm.provider import Completion, Problem, Reason, Request
from discover.llm.refusals import RETRIED, Reply
from discover.llm.replies import largest_usage, read_reply
from discover.llm.schema import clip
from discover.llm.secrets import Masker, shown_url
from discover.llm.servers import OPENAI, Place, Server, bases, find_place, is_loopback, owner_of, with_scheme
from discover.llm.transport import BodyTooLargeError, connection_problem, open_client, retry_after_s

if TYPE_CHECKING:
    import openai

PLACEHOLDER_KEY = "unused"
LONGEST_WAIT_S = 20.0
"""A server that asks for a longer pause is left alone by the whole session, not by one call."""
_HAVE_TOKENIZER = ("llamacpp", "vllm")
_ANSWERED = (Reason.EMPTY, Reason.TRUNCATED, Reason.REFUSAL, Reason.FILTERED)
_MAY_BE_DIALECT = (Reason.REQUEST, Reason.SERVER)
_MAY_BE_FORM = (Reason.SERVER, Reason.DROPPED, Reason.EMPTY)
"""Failures by which servers answer that stumble over the form of an answer, without saying so."""
_MAY_BE_ADDRESS = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is, and how patiently it is asked.

    Attributes:
        model: name of the model, as the server knows it; "" for the only one that the server has.
        url: base address, such as http://127.0.0.1:8080/v1.
        key: the key; never shown.
        deadline_s: total time of one call in seconds, with all attempts and waits.
        attempts: most attempts after failures that may pass by themselves.
        backoff_s: first wait between attempts in seconds; doubles up to 8.
        server: the known server that it is; None for another.
        held_back: the variable whose key is not sent, because it does not belong to this host; "" for none.
    """

    model: str
    url: str = OPENAI.url
    key: str = field(default=PLACEHOLDER_KEY, repr=False)
    deadline_s: float = defaults.TIMEOUT_S
    attempts: int = 4
    backoff_s: float = 0.5
    server: Server | None = None
    held_back: str = ""

    @property
    def shown(self) -> str:
        """Model and address without anything secret."""
        return f"{self.model or 'the only model'} at {shown_url(self.url)}"

    @property
    def loopback(self) -> bool:
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def hosted(self) -> bool:
        return OPENAI.owns(urlsplit(self.url).hostname or "")

    @property
    def free(self) -> bool:
        """Its answers cost nothing: it is a server of the kind that people run themselves."""
        return self.server is not None and self.server.local


def find_endpoint(
    model: str,
    url: str | None = None,
    *,
    key_variable: str | None = None,
    environ: Mapping[str, str],
    deadline_s: float = defaults.TIMEOUT_S,
) -> Endpoint:
    """The endpoint that the options name, with its key from the environment.

    A key goes to the host that it belongs to, or that was named with it, by an option or in the environment;
    and never over plain http to another machine.

    Raises:
        InputError: the address is none, or the named variable is not set or not to be sent there.
        UnavailableError: no key for a service that needs one.
    """
    if not model.strip() and not url:
        raise InputError("the name of the model is empty")
    if not 0 < deadline_s < 1e6:
        raise InputError(f"--llm-timeout must be a number of seconds above 0, got {deadline_s}")
    place = find_place(model, url, environ)
    key = _key(place, key_variable, environ)
    held_back = OPENAI.key if not key and environ.get(OPENAI.key, "").strip() else ""
    return Endpoint(
        place.model, place.url, key or PLACEHOLDER_KEY, deadline_s, server=place.server, held_back=held_back
    )


def _key(place: Place, named: str | None, environ: Mapping[str, str]) -> str:
    """The key for a place; "" for none."""
    owner = owner_of(place.url)
    variable = named or (owner.key if owner else place.shared_variable)
    key = environ.get(variable, "").strip() if variable else ""
    if named and not key:
        raise InputError(f"the environment variable {named}, named as the key's place, is not set")
    if owner is not None and not key:
        raise UnavailableError(f"the environment variable {owner.key} is not set")
    if not all("!" <= character <= "~" for character in key):
        raise InputError(f"the key in {variable} holds blanks or characters that no key has")
    parts = urlsplit(place.url)
    if key and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        if named or owner is not None:
            raise InputError(
                f"the key in {variable} would travel unencrypted to {parts.hostname}: give an address with https://"
            )
        return ""
    return key


class OpenAIProvider:
    """Asks a chat-completions endpoint; remembers the dialect that worked."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        url = with_scheme(endpoint.url)
        owner = endpoint.server or owner_of(url)
        self.endpoint = endpoint
        self.model = endpoint.model
        self.dialect = Dialect(token_limit=owner.token_limit if owner else "max_tokens")
        self.bases = bases(url)
        self.base: str | None = None
        query = urlsplit(url).query
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        own = [] if endpoint.key == PLACEHOLDER_KEY else [endpoint.key]
        self.mask = Masker([*own, *filter(None, (query, *self.query.values()))])
        self._header = owner.key_header if owner else "authorization"
        self._rng = rng or random.Random()
        self._clock, self._sleep = clock, sleep
        self._not_before = -float("inf")
        self.proven = False
        """An answer came in this dialect."""
        self.heard = ""

    async def complete(self, request: Request) -> Completion:
        """The answer of the endpoint; failures are `Completion.problem`, never exceptions."""
        started = self._clock()
        pause = self._not_before - started
        if pause > min(LONGEST_WAIT_S, self.endpoint.deadline_s):
            problem = Problem(Reason.RATE_LIMIT, f"the server asked for a pause of {pause:.0f} s", pause)
            return Completion(problem=problem, attempts=0)
        call = _Call(self, request, started + self.endpoint.deadline_s)
        try:
            async with asyncio.timeout(self.endpoint.deadline_s):
                await self._sleep(max(0.0, pause))
                completion = await call.run()
        except TimeoutError:
            detail = call.last or f"{self.endpoint.deadline_s:g} s"
            completion = Completion(problem=Problem(Reason.DEADLINE, detail), usage=largest_usage(request))
        except Exception as error:  # such as a proxy in the environment that is no address
            completion = Completion(problem=Problem(Reason.INTERNAL, f"{type(error).__name__}: {error}"))
        if completion.problem and completion.problem.retry_after_s:
            self._not_before = self._clock() + completion.problem.retry_after_s
        seconds = self._clock() - started
        completion = replace(
            completion, seconds=seconds, attempts=call.sent, mode=call.dialect.mode, refusals=tuple(call.refusals)
        )
        return self._masked(completion)

    async def list_models(self, seconds: float = 15.0) -> list[dict[str, Any]]:
        """Rows of the endpoint's model list, empty when it has none; within the seconds given."""
        import openai  # noqa: F401  takes its time, which is not the server's

        try:
            async with asyncio.timeout(seconds):
                for base in (self.base,) if self.base else self.bases:
                    if rows := await self._models_at(base):
                        return rows
        except Exception:  # the list is a courtesy of the server: any failure means that there is none
            return []
        return []

    async def _models_at(self, base: str) -> list[dict[str, Any]]:
        import openai

        async with self.connect(base) as client:
            try:
                raw = await client.models.with_raw_response.list()
            except openai.APIStatusError:
                return []
            payload = json.loads(raw.http_response.content)
        rows = payload.get("data") if isinstance(payload, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    async def characters_per_token(self, text: str, seconds: float = 3.0) -> float | None:
        """How many characters of this text the server's tokenizer takes for a token; None if it offers none.

        llama.cpp and vLLM, which their lists of models tell, have an address /tokenize beside /v1.
        """
        rows = await self.list_models(seconds)
        if not any(row.get("owned_by") in _HAVE_TOKENIZER for row in rows):
            return None
        root = self.bases[0].removesuffix("/v1")
        names = model_names(rows)
        body = {"content": text, "prompt": text, "model": self.model or names[0]}
        try:
            async with asyncio.timeout(seconds), self.connect(root) as client:
                raw = await client.post("/tokenize", body=body, cast_to=object)
        except Exception:  # a courtesy, too
            return None
        tokens = raw.get("tokens") if isinstance(raw, dict) else None
        return len(text) / len(tokens) if isinstance(tokens, list) and tokens else None

    def connect(self, base: str | None = None) -> AbstractAsyncContextManager[openai.AsyncOpenAI]:
        """A client for one call; a proxy cannot reach this machine, so it is not asked to."""
        end = self.endpoint
        return open_client(
            base or self.base or self.bases[0],
            end.key,
            header=self._header,
            query=self.query,
            direct=end.loopback,
            hosted=end.hosted,
            read_s=end.deadline_s,
        )

    async def name_model(self) -> Problem | None:
        """Finds the only model of a server whose model was not named; a problem if it has none or several."""
        if self.model:
            return None
        names = model_names(await self.list_models())
        if len(names) == 1:
            self.model = names[0]
            return None
        if not names:
            shown = shown_url(self.endpoint.url)
            return Problem(Reason.UNREACHABLE, f"no list of models at {shown}, and none was named")
        return Problem(Reason.NOT_FOUND, f"name one of its models with --llm: {', '.join(names[:20])}")

    def _masked(self, completion: Completion) -> Completion:
        problem = completion.problem
        if problem is not None:
            said = self.mask(problem.detail)
            if problem.reason is Reason.CREDENTIALS and self.endpoint.key == PLACEHOLDER_KEY:
                said += f"; {self._no_key()}"
            problem = replace(problem, detail=clip(said, 500))
        text = completion.text.encode("utf-8", "replace").decode()  # half characters cannot be stored
        refusals = tuple(self.mask(refusal) for refusal in completion.refusals)
        return replace(completion, text=self.mask(text), problem=problem, refusals=refusals)

    def _no_key(self) -> str:
        variable = self.endpoint.held_back
        if not variable:
            return "no key was sent: name the variable that holds it with --llm-key-env"
        return f"no key was sent, since {variable} belongs to another host: --llm-key-env {variable} sends it here"


def model_names(rows: list[dict[str, Any]]) -> list[str]:
    """Names in a server's list of models."""
    return [clip(row["id"], 120) for row in rows if isinstance(row.get("id"), str) and row["id"].strip()]


class _Call:
    """One question: attempts, waits and steps down until an answer or a lasting problem."""

    def __init__(self, provider: OpenAIProvider, request: Request, deadline: float) -> None:
        self.provider = provider
        self.request = request
        self.deadline = deadline
        self.dialect = provider.dialect
        self.sent = 0
        self.last = ""
        self.refusals: list[str] = []
        self.first_refusal: Completion | None = None

    async def run(self) -> Completion:
        """Asks at every address that the user's may mean, until one answers like a model."""
        if (problem := await self.provider.name_model()) is not None:
            return Completion(problem=problem)
        first: Completion | None = None
        for base in (self.provider.base,) if self.provider.base else self.provider.bases:
            completion, strange = await self._run_at(base)
            if not strange:
                self.provider.base = base if completion.problem is None or completion.text else self.provider.base
                return completion
            first = first or completion
        assert first is not None
        return first

    async def _run_at(self, base: str) -> tuple[Completion, bool]:
        """The answer at an address, and whether it looks as if the address were wrong."""
        failures = 0
        async with self.provider.connect(base) as client:
            while True:
                reply = await self._send(client)
                completion = self._read(reply)
                problem = completion.problem
                if problem is None or problem.reason in _ANSWERED:
                    self._keep_dialect(completion)
                    return completion, False
                self.last = str(problem)
                self.refusals.append(clip(self.last, 300))
                self.provider.heard = self.provider.mask(self.last)
                if self._is_no_model(reply, problem) and base != self.provider.bases[-1]:
                    return completion, True
                if self._step_down(reply, completion):
                    continue
                failures += 1
                wait = self._wait(problem, reply, failures)
                if wait is not None:
                    await self.provider._sleep(wait)
                elif self._may_be_form(problem) and _advice(reply) != "false":
                    self.first_refusal = self.first_refusal or completion
                    self.dialect = plainest(self.dialect)
                else:
                    return self._failed(completion, problem, reply), self._is_no_model(reply, problem)

    def _keep_dialect(self, completion: Completion) -> None:
        """Keeps the dialect in which an answer came; after an empty one the next question is put plainly."""
        problem = completion.problem
        self.provider.heard = ""
        empty = problem is not None and self._may_be_form(problem) and not completion.text
        self.provider.dialect = plainest(self.dialect) if empty else self.dialect
        self.provider.proven = self.provider.proven or bool(completion.text)

    def _may_be_form(self, problem: Problem) -> bool:
        """Whether the server may have stumbled over the form of an answer: none has come in it yet."""
        if self.provider.proven or self.request.schema is None or self.dialect.mode == "text":
            return False
        return problem.reason in _MAY_BE_FORM

    def _is_no_model(self, reply: Reply | Problem, problem: Problem) -> bool:
        """Whether this address answers like something else than a model: not there, or a page for people."""
        if isinstance(reply, Problem) or self.provider.base is not None or len(self.provider.bases) == 1:
            return False
        page = problem.reason is Reason.MALFORMED and "html" in reply.headers.get("content-type", "")
        return page or (reply.status in _MAY_BE_ADDRESS and "model" not in reply.text.lower())

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
        return replace(completion, problem=replace(problem, retry_after_s=_pause(problem, reply)))

    async def _send(self, client: openai.AsyncOpenAI) -> Reply | Problem:
        import httpx2
        import openai

        self.sent += 1
        body = self.dialect.body(self.provider.model, self.request)
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
            return read_reply(reply, self.request, time.time())
        if reply.reason in (Reason.DROPPED, Reason.TOO_LARGE):  # the server may have done the work
            return Completion(problem=reply, usage=largest_usage(self.request))
        return Completion(problem=reply)

    def _wait(self, problem: Problem, reply: Reply | Problem, failures: int) -> float | None:
        """Seconds until the next attempt, None for no other attempt."""
        advice = _advice(reply)
        retried = problem.reason in RETRIED if advice not in ("true", "false") else advice == "true"
        if not retried or problem.final or failures >= self.provider.endpoint.attempts:
            return None
        backoff = min(8.0, self.provider.endpoint.backoff_s * 2 ** (failures - 1))
        backoff *= 1.0 - 0.25 * self.provider._rng.random()
        wait = _pause(problem, reply) or backoff
        patient = wait <= LONGEST_WAIT_S and self.provider._clock() + wait < self.deadline
        return wait if patient else None


def _advice(reply: Reply | Problem) -> str | None:
    """Whether the server says that the same call is worth another attempt."""
    return reply.headers.get("x-should-retry") if isinstance(reply, Reply) else None


def _pause(problem: Problem, reply: Reply | Problem) -> float | None:
    """Seconds for which the server asks to be left alone, in words or in a header field."""
    headers = reply.headers if isinstance(reply, Reply) else {}
    return problem.retry_after_s or retry_after_s(headers, time.time())
