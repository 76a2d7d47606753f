"""The live provider outside of faults: endpoints, keys, what is sent, what is remembered."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from discover.errors import InputError, UnavailableError
from discover.llm.client import PLACEHOLDER_KEY, Endpoint, OpenAIProvider, find_endpoint
from discover.llm.provider import Message, Reason, Request
from discover.llm.schema import answer_schema
from discover.llm.secrets import Masker, shown_url
from discover.llm.transport import retry_after_s

from .servers import GOOD, ScriptedServer, Step, serve

REQUEST = Request((Message("user", "Propose."),), schema=answer_schema(2), max_tokens=77)
KEY = "a-key-of-a-test-0123456789"


def provider_for(url: str, key: str = PLACEHOLDER_KEY, deadline_s: float = 60.0) -> OpenAIProvider:
    return OpenAIProvider(Endpoint("m", url, key, deadline_s, backoff_s=0.02), rng=random.Random(0))


def test_a_question_carries_model_schema_limit_and_key() -> None:
    with serve(ScriptedServer([])) as server:
        completion = asyncio.run(provider_for(server.url, KEY).complete(REQUEST))
    (seen,) = server.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert set(seen.body) == {"model", "messages", "max_tokens", "response_format"}
    assert seen.body["max_tokens"] == 77
    schema = seen.body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"] == answer_schema(2)
    assert (completion.usage.prompt, completion.usage.answer) == (100, 20)
    assert completion.model == "served-model"


def test_a_dialect_that_worked_is_remembered() -> None:
    def step(body: dict[str, object]) -> Step:
        return Step(GOOD) if "response_format" not in body else Step({"error": "response_format"}, 400)

    with serve(ScriptedServer(step)) as server:
        provider = provider_for(server.url)
        first = asyncio.run(provider.complete(REQUEST))
        second = asyncio.run(provider.complete(REQUEST))
    assert (first.attempts, second.attempts) == (3, 1)
    assert provider.dialect.mode == "text"


def test_a_refusal_for_another_cause_leaves_the_dialect_alone() -> None:
    with serve(ScriptedServer([Step({"error": "disk full"}, 400)] * 3)) as server:
        provider = provider_for(server.url)
        failed = asyncio.run(provider.complete(REQUEST))
        assert failed.problem is not None
        assert failed.problem.reason is Reason.REQUEST
        assert asyncio.run(provider.complete(REQUEST)).mode == "json_schema"


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        completion = asyncio.run(provider_for(url).complete(REQUEST))
    assert completion.problem is not None
    assert completion.problem.reason is Reason.UNREACHABLE
    assert completion.usage.total == 0


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serve(ScriptedServer([])) as server:
        assert asyncio.run(provider_for(server.url).complete(REQUEST)).problem is None


def test_other_servers_are_not_told_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-a-test")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-a-test")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve(ScriptedServer([])) as server:
        asyncio.run(provider_for(server.url).complete(REQUEST))
    sent = str(server.seen)
    assert "of-a-test" not in sent
    assert KEY not in sent


def test_a_broken_environment_is_a_failed_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"nonsense://{KEY}")
    provider = provider_for("https://models.invalid/v1", KEY, deadline_s=5)
    completion = asyncio.run(provider.complete(REQUEST))
    assert completion.problem is not None
    assert KEY not in repr(completion)


def test_a_long_pause_is_handed_on() -> None:
    with serve(ScriptedServer([Step({}, 429, {"retry-after": "600"})])) as server:
        problem = asyncio.run(provider_for(server.url).complete(REQUEST)).problem
    assert problem is not None
    assert problem.retry_after_s == 600.0


def test_a_cancelled_call_leaves_nothing_open() -> None:
    async def cancel(url: str) -> None:
        task = asyncio.create_task(provider_for(url).complete(REQUEST))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with serve(ScriptedServer([Step(GOOD, delay_s=30)])) as server:
        asyncio.run(cancel(server.url))


def test_model_list_is_empty_when_the_server_has_none() -> None:
    with serve(ScriptedServer([]), models=[{"id": "a", "max_model_len": 4096}]) as server:
        assert asyncio.run(provider_for(server.url).list_models())[0]["max_model_len"] == 4096
    assert asyncio.run(provider_for("http://127.0.0.1:1/v1").list_models()) == []


# --- endpoints and keys --------------------------------------------------------------------------------

ENVIRON = {"OPENAI_API_KEY": KEY, "OTHER": "other-key-0123456789"}


def test_a_key_goes_to_the_host_that_it_belongs_to_only() -> None:
    assert find_endpoint("m", environ=ENVIRON).key == KEY
    assert find_endpoint("m", "https://eu.api.openai.com/v1", environ=ENVIRON).key == KEY
    for url in (
        "http://127.0.0.1:1/v1", "http://localhost:1", "http://[::1]:1", "http://10.0.0.7", "http://gpu:1",
        "https://models.example.org/v1", "https://evilopenai.com/v1", "https://api.openai.com.example.org/v1",
    ):  # fmt: skip
        endpoint = find_endpoint("m", url, environ=ENVIRON)
        assert (endpoint.key, endpoint.held_back) == (PLACEHOLDER_KEY, "OPENAI_API_KEY")


def test_a_key_named_with_its_address_in_the_environment_goes_there() -> None:
    named = ENVIRON | {"OPENAI_BASE_URL": "https://gateway.example.org/v1"}
    assert find_endpoint("m", environ=named).key == KEY
    assert find_endpoint("m", environ=named | {"OPENAI_BASE_URL": "http://127.0.0.1:4000"}).key == KEY
    assert find_endpoint("m", environ=named | {"OPENAI_BASE_URL": "http://10.0.0.7/v1"}).key == PLACEHOLDER_KEY


def test_no_key_travels_unencrypted() -> None:
    for url in ("http://10.0.0.7:8000/v1", "http://models.example.org/v1", "gpu:8000"):
        with pytest.raises(InputError, match="unencrypted"):
            find_endpoint("m", url, key_variable="OTHER", environ=ENVIRON)
    with pytest.raises(InputError, match="unencrypted"):
        find_endpoint("m", "http://api.openai.com/v1", environ=ENVIRON)


def test_a_refused_call_without_a_key_says_how_to_send_one() -> None:
    for variable, said in (("", "--llm-key-env"), ("OPENAI_API_KEY", "--llm-key-env OPENAI_API_KEY")):
        with serve(ScriptedServer([Step({"error": "who?"}, 401)])) as server:
            endpoint = Endpoint("m", server.url, held_back=variable)
            problem = asyncio.run(OpenAIProvider(endpoint).complete(REQUEST)).problem
        assert problem is not None
        assert said in problem.detail


def test_a_named_key_goes_where_the_user_says() -> None:
    endpoint = find_endpoint("m", "http://127.0.0.1:1/v1", key_variable="OTHER", environ=ENVIRON)
    assert endpoint.key == ENVIRON["OTHER"]
    assert endpoint.key not in repr(endpoint)


def test_an_empty_base_url_counts_as_unset() -> None:
    assert find_endpoint("m", environ=ENVIRON | {"OPENAI_BASE_URL": ""}).hosted


@pytest.mark.parametrize("url", ["ftp://x", "http://", "file:///etc/passwd", "http://me:pw@h/", "h:99999999"])
def test_an_address_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="model's address") as caught:
        find_endpoint("m", url, environ={})
    assert "pw" not in str(caught.value).replace("passwd", "")


def test_missing_and_odd_keys_are_refused_without_showing_them() -> None:
    with pytest.raises(UnavailableError, match="OPENAI_API_KEY"):
        find_endpoint("m", environ={})
    with pytest.raises(InputError, match="NOWHERE"):
        find_endpoint("m", key_variable="NOWHERE", environ=ENVIRON)
    with pytest.raises(InputError) as caught:
        find_endpoint("m", environ={"OPENAI_API_KEY": "two words-secret"})
    assert "secret" not in str(caught.value)


def test_masking() -> None:
    mask = Masker(["pass word/1"])
    text = "pass word/1 pass%20word%2F1 Bearer abcdefghijklmnopqrst sk-abcdefghijklmnopqrst http://me:pw@host/"
    assert mask(text) == "*** *** Bearer *** *** http://***@host/"
    assert mask("a basic law sk-a*x") == "a basic law sk-a*x"
    assert shown_url("https://me:pw@host:8/v1?key=1#f") == "https://host:8/v1"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=60.0) == seconds


def test_a_name_or_a_deadline_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        find_endpoint(" ", environ=ENVIRON)
    with pytest.raises(InputError, match="--llm-timeout"):
        find_endpoint("m", environ=ENVIRON, deadline_s=0)
