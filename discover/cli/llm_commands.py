"""`discover llm`: which language models can be used, and which one runs use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli.output import note, print_json, stdout
from discover.errors import InputError
from discover.llm import defaults
from discover.plain_data import table

if TYPE_CHECKING:
    from discover.llm.servers import Server

_PROBE_S = 5.0
_NAME = "A model, such as ollama/qwen3, openai/gpt-5-mini, or llamacpp for the only one that a server has."
Model = Annotated[
    str | None,
    typer.Option("--llm", metavar="MODEL", help=f"{_NAME} By default the one of `discover llm use`."),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--llm-url",
        metavar="URL",
        help="Address of an OpenAI-compatible server, such as localhost:8080. By default the usual address of the "
        "named server, else OPENAI_BASE_URL, else OpenAI.",
    ),
]
KeyVariable = Annotated[
    str | None,
    typer.Option(
        "--llm-key-env",
        metavar="NAME",
        help="Environment variable that holds the key. By default that of the known service at the address, such as "
        "OPENAI_API_KEY, else none.",
    ),
]
Context = Annotated[
    int, typer.Option("--llm-context", metavar="TOKENS", help="Largest sum of prompt and answer, in tokens.")
]
AnswerTokens = Annotated[
    int,
    typer.Option(
        "--llm-answer-tokens",
        metavar="TOKENS",
        help="Longest answer in tokens; the model's thoughts count.",
    ),
]
Timeout = Annotated[float, typer.Option("--llm-timeout", metavar="SECONDS", help="Longest call, with all attempts.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True)
class Row:
    """What is known of a server: its models (None where none answers), and whether its key is set."""

    server: Server
    models: list[str] | None
    key_set: bool

    @property
    def address(self) -> str:
        """Where the server is, or what says it."""
        return self.server.url or self.server.address

    @property
    def state(self) -> str:
        """For people."""
        if self.server.key:
            return f"{self.server.key} is {'set' if self.key_set else 'not set'}"
        if self.models is None:
            return "not running"
        more = f" and {len(self.models) - 6} more" if len(self.models) > 6 else ""
        return ", ".join(self.models[:6]) + more

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        server = self.server
        return {
            "server": server.name, "url": server.url, "models": self.models, "key": server.key, "key_set": self.key_set
        }  # fmt: skip


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Language models that propose laws.", no_args_is_help=True)
    for command in (check, models, use):
        group.command(command.__name__)(command)
    app.add_typer(group, name="llm", rich_help_panel="Look around")


def check(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="The same as --llm.")] = None,
    llm: Model = None,
    llm_url: Url = None,
    llm_key_env: KeyVariable = None,
    llm_context: Context = defaults.CONTEXT,
    llm_answer_tokens: AnswerTokens = defaults.ANSWER_TOKENS,
    llm_timeout: Timeout = defaults.TIMEOUT_S,
    json: Json = False,
) -> None:
    """Check whether a model can be used: answers, JSON schema, context, speed, and one proposal.

    Example: discover llm check ollama/qwen3
    """
    import asyncio
    from dataclasses import asdict

    from discover.llm.client import OpenAIProvider, find_endpoint
    from discover.llm.doctor import examine, format_report
    from discover.llm.saved import load_default
    from discover.llm.session import Settings

    settings = Settings(context=llm_context, max_tokens=llm_answer_tokens)
    if model is not None and llm not in (None, model):
        raise InputError(f"{model} and --llm {llm} are two models; expected one")
    llm = model or llm
    saved = load_default(os.environ) if llm is None and llm_url is None else None
    if saved is not None:
        llm, llm_url, llm_key_env = saved.model, saved.url or None, llm_key_env or saved.key_env or None
    if llm is None and llm_url is None:
        raise InputError("name a model; `discover llm models` shows which there are")
    endpoint = find_endpoint(llm or "", llm_url, key_variable=llm_key_env, environ=os.environ, deadline_s=llm_timeout)
    provider = OpenAIProvider(endpoint)

    def tell(waited_for: str) -> None:
        if not json:
            note(f"asking {endpoint.shown} for {waited_for} (at most {llm_timeout:g} s)")

    report = asyncio.run(examine(provider, context=settings.context, max_tokens=settings.max_tokens, tell=tell))
    if json:
        print_json(asdict(report))
    else:
        stdout().print(format_report(report), markup=False)
    if not report.usable:
        raise typer.Exit(1)


def models(
    server: Annotated[
        str | None,
        typer.Argument(metavar="[SERVER]", help="List all models of this server: a known name or an address."),
    ] = None,
    llm_key_env: KeyVariable = None,
    json: Json = False,
) -> None:
    """List the models that you can use now: of servers on this machine, and of services whose key is set.

    It asks servers on this machine at their usual ports, and a service only if you name it.
    """
    import asyncio

    from discover.llm.servers import SERVERS

    if server is not None:
        found = asyncio.run(_models_of(server, llm_key_env))
        if json:
            print_json({"server": server, "models": found})
        else:
            stdout().print("\n".join(found) or f"{server} gives no list of models", markup=False)
        if not found:
            raise typer.Exit(1)
        return
    listed = asyncio.run(_probe([one for one in SERVERS if one.local]))
    rows = [Row(one, listed.get(one.name), bool(one.key and os.environ.get(one.key, "").strip())) for one in SERVERS]
    if json:
        print_json({"servers": [row.plain() for row in rows]})
        return
    stdout().print(table(("server", "address", "models"), [(r.server.name, r.address, r.state) for r in rows]))
    stdout().print(f"Use one: {_example(rows)}", markup=False)


def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{_NAME} none removes the default.")],
    llm_url: Url = None,
    llm_key_env: KeyVariable = None,
) -> None:
    """Make a model the default of later runs."""
    from discover.llm.client import find_endpoint
    from discover.llm.saved import Saved, save_default

    if name == "none":
        save_default(None, os.environ)
        stdout().print("Runs ask no model unless --llm names one.", markup=False)
        return
    if llm_url is not None and "?" in llm_url:
        raise InputError(
            "an address with a query may hold a secret and is not saved: give it with --llm-url to each run"
        )
    endpoint = find_endpoint(name, llm_url, key_variable=llm_key_env, environ=os.environ)
    path = save_default(Saved(name, llm_url or "", llm_key_env or ""), os.environ)
    stdout().print(f"Runs ask {endpoint.shown} from now on ({path}); --llm none leaves it out.", markup=False)


async def _models_of(server: str, key_variable: str | None) -> list[str]:
    """Names of the models of a server, by its name or address."""
    from discover.llm.client import OpenAIProvider, find_endpoint, model_names
    from discover.llm.servers import SERVERS

    known = next((one for one in SERVERS if one.name == server.lower()), None)
    name, url = (f"{known.name}/{known.example}", None) if known else ("", server)
    endpoint = find_endpoint(name, url, key_variable=key_variable, environ=os.environ)
    return model_names(await OpenAIProvider(endpoint).list_models())


async def _probe(servers: list[Server]) -> dict[str, list[str] | None]:
    """The models of servers on this machine; None where nothing answers within some seconds."""
    import asyncio

    from discover.llm.client import Endpoint, OpenAIProvider, model_names

    async def ask(server: Server) -> list[str] | None:
        rows = await OpenAIProvider(Endpoint("", server.url, server=server)).list_models(_PROBE_S)
        return model_names(rows) if rows else None

    return dict(zip((one.name for one in servers), await asyncio.gather(*map(ask, servers)), strict=True))


def _example(rows: Sequence[Row]) -> str:
    """How to use the first model that there is."""
    for row in rows:
        if row.models:
            return f"discover run TABLE --llm {row.server.name}/{row.models[0]}"
    for row in rows:
        if row.key_set:
            return f"discover run TABLE --llm {row.server.name}/{row.server.example}"
    return "start a server, or set a key; then discover run TABLE --llm SERVER/MODEL"
