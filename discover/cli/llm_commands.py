"""`discover llm`: whether a language model can be used."""

from __future__ import annotations

from typing import Annotated

import typer

from discover.cli.output import print_json, stdout

Model = Annotated[str, typer.Option("--llm", metavar="MODEL", help="Name of the model, as served.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--llm-url",
        metavar="URL",
        help="Address of an OpenAI-compatible server, such as http://localhost:11434/v1. "
        "Without it: OPENAI_BASE_URL, else OpenAI.",
    ),
]
KeyVariable = Annotated[
    str | None,
    typer.Option(
        "--llm-key-env",
        metavar="NAME",
        help="Environment variable that holds the key. Without it: OPENAI_API_KEY for servers on the "
        "internet, no key for servers on this machine or network.",
    ),
]
Context = Annotated[int, typer.Option("--llm-context", metavar="TOKENS", help="Tokens of prompt and answer together.")]
AnswerTokens = Annotated[
    int,
    typer.Option(
        "--llm-answer-tokens",
        metavar="TOKENS",
        help="Tokens that an answer may have; thoughts of the model count.",
    ),
]
Timeout = Annotated[
    float, typer.Option("--llm-timeout", metavar="SECONDS", help="Longest time of a call, with all attempts.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    group = typer.Typer(help="Language models that propose laws.", no_args_is_help=True)
    group.command("check")(check)
    app.add_typer(group, name="llm", rich_help_panel="Look around")


def check(
    llm: Model,
    llm_url: Url = None,
    llm_key_env: KeyVariable = None,
    llm_context: Context = 8192,
    llm_answer_tokens: AnswerTokens = 2048,
    llm_timeout: Timeout = 180.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether a model can be used: answers, structure, context, speed, and one proposal."""
    import asyncio
    import os
    from dataclasses import asdict

    from discover.llm.client import OpenAIProvider, find_endpoint
    from discover.llm.doctor import examine, format_report
    from discover.llm.session import Settings

    settings = Settings(context=llm_context, max_tokens=llm_answer_tokens)
    endpoint = find_endpoint(llm, llm_url, key_variable=llm_key_env, environ=os.environ, deadline_s=llm_timeout)
    provider = OpenAIProvider(endpoint)
    report = asyncio.run(examine(provider, context=settings.context, max_tokens=settings.max_tokens))
    if json:
        print_json(asdict(report))
    else:
        stdout().print(format_report(report), markup=False)
    if not report.usable:
        raise typer.Exit(1)
