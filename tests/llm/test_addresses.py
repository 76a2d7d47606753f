"""Which server a name or an address means, and how it is reached."""

from __future__ import annotations

import asyncio
import random
import ssl
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from discover.errors import InputError, UnavailableError
from discover.llm.client import Endpoint, OpenAIProvider, find_endpoint
from discover.llm.doctor import advice_for
from discover.llm.provider import Completion, Message, Reason, Request
from discover.llm.schema import answer_schema
from discover.llm.servers import SERVERS, bases, find_place, with_scheme

from .servers import ScriptedServer, Step, serve

REQUEST = Request((Message("user", "Propose."),), schema=answer_schema(2), max_tokens=77)
KEY = "a-key-of-a-test-0123456789"
CERTIFICATE = Path(__file__).parent / "certificate.pem"  # for localhost and 127.0.0.1, signed by itself
LATE = "openai/deployments/d"


def ask(endpoint: Endpoint) -> Completion:
    return asyncio.run(OpenAIProvider(endpoint, rng=random.Random(0)).complete(REQUEST))


@pytest.mark.parametrize("server", [one for one in SERVERS if one.url], ids=lambda one: one.name)
def test_a_known_name_says_address_and_key(server: object) -> None:
    assert isinstance(server, type(SERVERS[0]))
    endpoint = find_endpoint(f"{server.name}/some/model", environ={server.key: KEY} if server.key else {})
    assert (endpoint.model, endpoint.url, endpoint.server) == ("some/model", server.url, server)
    assert (endpoint.key == KEY) is bool(server.key)
    assert endpoint.free is not bool(server.key)
    if server.key:
        with pytest.raises(UnavailableError) as caught:
            find_endpoint(f"{server.name}/m", environ={"OTHER_KEY": KEY})
        assert str(caught.value) == f"the environment variable {server.key} is not set"


def test_azure_is_reached_at_the_users_own_address() -> None:
    environ = {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/"}
    endpoint = find_endpoint("azure/my-deployment", environ=environ)
    assert (endpoint.model, endpoint.url) == ("my-deployment", "https://mine.openai.azure.com/openai/v1")
    assert endpoint.key == KEY
    with pytest.raises(InputError, match="AZURE_OPENAI_ENDPOINT"):
        find_endpoint("azure/my-deployment", environ={"AZURE_OPENAI_API_KEY": KEY})


def test_with_an_address_a_name_before_the_slash_is_part_of_the_models() -> None:
    assert find_place("openai/gpt-oss-20b", "gpu:8000", {}).model == "openai/gpt-oss-20b"
    assert find_place("vllm/openai/gpt-oss-20b", "gpu:8000", {}).model == "openai/gpt-oss-20b"
    assert find_place("openai/gpt-5", "https://api.openai.com/v1", {}).model == "gpt-5"
    assert find_place("gpt-5-mini", None, {}).url == "https://api.openai.com/v1"


def test_a_name_that_no_server_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"'olama'.*known are ollama"):
        find_endpoint("olama/qwen3", environ={})
    with pytest.raises(InputError, match="openai/gpt-5-mini"):
        find_endpoint("openai", environ={"OPENAI_API_KEY": KEY})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("10.0.0.7:8000/v1/", "http://10.0.0.7:8000/v1"),
        ("models.example.org", "https://models.example.org"),
        ("https://h.example.org/v1/chat/completions?x=1", "https://h.example.org/v1?x=1"),
    ],
)
def test_an_address_is_completed(given: str, meant: str) -> None:
    assert with_scheme(given) == meant


@pytest.mark.parametrize(
    ("url", "tried"),
    [
        ("http://h", ("http://h/v1", "http://h")),
        ("http://h/api?x=1", ("http://h/api", "http://h/api/v1")),
        ("http://h/v1", ("http://h/v1",)),
        ("http://h/v1beta/openai", ("http://h/v1beta/openai",)),
        (f"http://h/{LATE}?api-version=1", (f"http://h/{LATE}",)),
    ],
)
def test_a_missing_v1_is_tried(url: str, tried: tuple[str, ...]) -> None:
    assert bases(url) == tried


@pytest.mark.parametrize("path", ["/v1", "/chat", "/api/v1"])
def test_an_address_without_v1_finds_the_server(path: str) -> None:
    with serve(ScriptedServer([], path=path)) as server:
        host = server.url.removesuffix("/v1").removeprefix("http://")
        provider = OpenAIProvider(Endpoint("m", f"{host}/api" if path == "/api/v1" else host), rng=random.Random(0))
        first = asyncio.run(provider.complete(REQUEST))
        asked = len(server.seen)
        second = asyncio.run(provider.complete(REQUEST))
    assert first.problem is second.problem is None
    assert len(server.seen) == asked + 1  # what worked is remembered
    assert asked == (1 if path == "/v1" else 2)


def test_a_server_that_is_not_there_at_all_says_so() -> None:
    with serve(ScriptedServer([], path="/elsewhere")) as server:
        problem = ask(Endpoint("m", server.url.removesuffix("/v1"))).problem
    assert problem is not None
    assert problem.reason is Reason.NOT_FOUND


def test_the_query_of_an_address_goes_with_every_call() -> None:
    with serve(ScriptedServer([])) as server:
        completion = ask(Endpoint("m", f"{server.url}/?api-key=hush%20hush&b="))
    assert completion.problem is None
    path, _, query = server.seen[0].path.partition("?")
    assert path == "/v1/chat/completions"
    assert parse_qsl(query, keep_blank_values=True) == [("api-key", "hush hush"), ("b", "")]


def test_azure_takes_its_key_in_its_own_header_and_the_version_in_the_query() -> None:
    azure = next(server for server in SERVERS if server.name == "azure")
    with serve(ScriptedServer([], path=f"/{LATE}")) as server:
        host = server.url.removesuffix("/v1")
        completion = ask(Endpoint("d", f"{host}/{LATE}?api-version=2024-10-21", KEY, server=azure))
    assert completion.problem is None
    assert server.seen[0].path == f"/{LATE}/chat/completions?api-version=2024-10-21"
    assert server.seen[0].headers["api-key"] == KEY
    assert "max_completion_tokens" in server.seen[0].body


def test_the_only_model_of_a_server_needs_no_name() -> None:
    with serve(ScriptedServer([]), [{"id": "the-one"}]) as server:
        assert ask(Endpoint("", server.url)).problem is None
    assert server.seen[-1].body["model"] == "the-one"
    with serve(ScriptedServer([]), [{"id": "one"}, {"id": "two"}]) as server:
        problem = ask(Endpoint("", server.url)).problem
    assert problem is not None
    assert problem.final
    assert "one, two" in problem.detail


# --- certificates --------------------------------------------------------------------------------------


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_a_certificate_named_in_the_environment_counts_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(ScriptedServer([]), tls=_tls()) as server:
        problem = ask(Endpoint("m", server.url)).problem
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert ask(Endpoint("m", server.url)).problem is None
    assert problem is not None
    assert problem.reason is Reason.TLS
    assert "SSL_CERT_FILE" in advice_for(problem.reason)
    assert "start the server" not in advice_for(problem.reason)


def test_a_plain_server_at_an_encrypted_address_is_not_told_to_start() -> None:
    with serve(ScriptedServer([Step(b"")])) as server:
        problem = ask(Endpoint("m", server.url.replace("http:", "https:"))).problem
    assert problem is not None
    assert problem.reason is Reason.TLS
    assert "http://" in advice_for(problem.reason)
