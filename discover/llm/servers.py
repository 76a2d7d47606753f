"""Servers that are known by a short name, and whose key goes where.

`--llm ollama/qwen3` says address, key and manners in one word; a row of `SERVERS` is all that it takes. Every
server here speaks the wire format of OpenAI's chat completions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from discover.errors import InputError
from discover.llm.secrets import shown_url


@dataclass(frozen=True, slots=True)
class Server:
    """A server, or a service, that is known by name.

    Attributes:
        name: what stands before the slash in `--llm NAME/MODEL`.
        url: its usual address; "" when every user has one of their own.
        key: environment variable with its key; "" for servers that need none.
        hosts: hosts to which that key belongs, with all below them; none for a server on the user's machine.
        address: environment variable in which its users keep the address; "" for none.
        path: what an address in that variable lacks.
        key_header: header field that carries the key.
        token_limit: name of the limit of an answer.
        example: a model of it.
    """

    name: str
    url: str
    key: str = ""
    hosts: tuple[str, ...] = ()
    address: str = ""
    path: str = ""
    key_header: str = "authorization"
    token_limit: str = "max_tokens"
    example: str = "qwen3"

    @property
    def local(self) -> bool:
        """It runs on the user's machine, and its answers cost nothing."""
        return not self.hosts

    def owns(self, host: str) -> bool:
        """The server's key may go to this host."""
        return any(host == own or host.endswith("." + own) for own in self.hosts)


OPENAI = Server(
    "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", ("api.openai.com",), "OPENAI_BASE_URL",
    token_limit="max_completion_tokens", example="gpt-5-mini",
)  # fmt: skip
SERVERS = (
    Server("ollama", "http://127.0.0.1:11434/v1"),
    Server("lmstudio", "http://127.0.0.1:1234/v1"),
    Server("vllm", "http://127.0.0.1:8000/v1"),
    Server("llamacpp", "http://127.0.0.1:8080/v1"),
    OPENAI,
    Server(
        "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", ("api.anthropic.com",),
        example="claude-haiku-4-5",
    ),
    Server(
        "gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY",
        ("generativelanguage.googleapis.com",), example="gemini-2.5-flash",
    ),
    Server(
        "openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", ("openrouter.ai",),
        example="qwen/qwen3-32b",
    ),
    Server(
        "groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", ("api.groq.com",), example="openai/gpt-oss-20b"
    ),
    Server(
        "azure", "", "AZURE_OPENAI_API_KEY",
        ("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"), "AZURE_OPENAI_ENDPOINT",
        path="/openai/v1", key_header="api-key", token_limit="max_completion_tokens", example="my-deployment",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is.

    Attributes:
        model: its name there; "" for the only one that the server has.
        url: base address, with whatever query it needs.
        server: the known server, if it is one.
        shared_variable: variable of the key that the environment names together with the address; "" for none.
    """

    model: str
    url: str
    server: Server | None = None
    shared_variable: str = ""


def find_place(model: str, url: str | None, environ: Mapping[str, str]) -> Place:
    """Which server a model's name and address mean.

    A known name before a slash is a server. With an address besides, a hosted service's name is part of the
    model's name unless the address is that service's: vLLM serves a model called openai/gpt-oss-20b.

    Raises:
        InputError: no server is known by that name, no address is known, or it is none.
    """
    model = model.strip()
    first, slash, rest = model.partition("/")
    named = next((server for server in SERVERS if server.name == first.lower()), None)
    if url:
        url = with_scheme(url)
        owner = owner_of(url)
        if named is not None and (named.local or named is owner):
            return Place(rest, url, owner or named)
        return Place(model, url, owner)
    if named is None and slash and not environ.get(OPENAI.address):
        known = ", ".join(server.name for server in SERVERS)
        raise InputError(f"no server is known as {first!r}; known are {known}; give another's address with --llm-url")
    server = named or OPENAI
    name = rest if named else model
    if not name and not server.local:
        raise InputError(f"{server.name} has many models: name one, such as --llm {server.name}/{server.example}")
    own = environ.get(server.address, "") if server.address else ""
    if not own and not server.url:
        raise InputError(f"the address of {server.name} is not known: give it with --llm-url, or set {server.address}")
    if not own:
        return Place(name, server.url, server)
    own = with_scheme(own)
    if server.path and not urlsplit(own).path.strip("/"):
        own = own.rstrip("/") + server.path
    return Place(name, own, owner_of(own), shared_variable=server.key)


def owner_of(url: str) -> Server | None:
    """The known service at an address."""
    host = (urlsplit(url).hostname or "").lower()
    return next((server for server in SERVERS if server.owns(host)), None)


# --- addresses -----------------------------------------------------------------------------------------

_VERSIONED = re.compile(r"/v\d\w*(/openai)?$|/openai/deployments/[^/]+$")


def with_scheme(url: str) -> str:
    """An address as the client needs it: with http:// or https://, without the path of a single call.

    Raises:
        InputError: it is no address, or holds a user or a password.
    """
    url = url.strip()
    if "://" not in url:
        host = urlsplit(f"//{url}").hostname or ""
        url = f"{'http' if is_private(host) else 'https'}://{url}"
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"a model's address starts with http:// or https://, not {shown_url(url)[:60]!r}")
    if parts.username or parts.password:
        raise InputError("a model's address holds no user or password: put the key into a variable")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InputError(f"a model's address that cannot be read: {error}") from error
    return parts


def bases(url: str) -> tuple[str, ...]:
    """The addresses to try in turn, without the query: most servers want the /v1 that users leave out."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not path:
        paths: tuple[str, ...] = ("/v1", "")
    else:
        paths = (path,) if _VERSIONED.search(path) else (path, f"{path}/v1")
    return tuple(urlunsplit((parts.scheme, parts.netloc, one, "", "")) for one in paths)


def is_loopback(host: str) -> bool:
    """The host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_private(host: str) -> bool:
    """The host is this machine or in its private network."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".lan", ".internal"))
