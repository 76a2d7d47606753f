"""Options of commands that let a language model propose laws."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_PANEL = "Language model"

Model = Annotated[
    str | None,
    typer.Option(
        "--llm",
        metavar="MODEL",
        help="Let this model propose laws, too: ollama/qwen3, openai/gpt-5-mini, or llamacpp for a server's only "
        "model; none ignores `discover llm use`.",
        rich_help_panel=_PANEL,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--llm-url",
        metavar="URL",
        help="Address of an OpenAI-compatible server, such as localhost:8080; by default the usual address of the "
        "server in --llm, else OPENAI_BASE_URL, else OpenAI.",
        rich_help_panel=_PANEL,
    ),
]
KeyVariable = Annotated[
    str | None,
    typer.Option(
        "--llm-key-env",
        metavar="NAME",
        help="Environment variable that holds the key; by default that of the known service at the address, such "
        "as OPENAI_API_KEY, else none.",
        rich_help_panel=_PANEL,
    ),
]
Calls = Annotated[
    int | None, typer.Option("--llm-calls", min=0, metavar="N", help="Cap on calls; 100.", rich_help_panel=_PANEL)
]
Tokens = Annotated[
    int | None,
    typer.Option(
        "--llm-tokens", min=0, metavar="N", help="Cap on tokens, prompts included; 1000000.", rich_help_panel=_PANEL
    ),
]
Cost = Annotated[
    float | None,
    typer.Option(
        "--llm-cost",
        min=0,
        metavar="DOLLARS",
        help="Cap on cost in US dollars, if the model has a price; 1.",
        rich_help_panel=_PANEL,
    ),
]
PriceText = Annotated[
    str | None,
    typer.Option(
        "--llm-price",
        metavar="IN,OUT",
        help="Price in US dollars of a million tokens of prompt and of answer.",
        rich_help_panel=_PANEL,
    ),
]
Prices = Annotated[
    Path | None,
    typer.Option("--llm-prices", metavar="FILE", help="Your own table of prices (TOML).", rich_help_panel=_PANEL),
]
Context = Annotated[
    int | None,
    typer.Option(
        "--llm-context",
        metavar="TOKENS",
        help="Largest sum of prompt and answer; 8192, or twice the longest answer.",
        rich_help_panel=_PANEL,
    ),
]
AnswerTokens = Annotated[
    int | None,
    typer.Option(
        "--llm-answer-tokens",
        metavar="TOKENS",
        help="Longest answer, with the model's thoughts; 2048, and more if thoughts use it up.",
        rich_help_panel=_PANEL,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option("--llm-timeout", metavar="SECONDS", help="Longest call; 180.", rich_help_panel=_PANEL),
]
Parallel = Annotated[
    int | None,
    typer.Option("--llm-parallel", min=1, max=16, metavar="N", help="Calls in flight; 2.", rich_help_panel=_PANEL),
]
Proposals = Annotated[
    int | None,
    typer.Option("--llm-proposals", min=1, max=16, metavar="N", help="Laws per call; 4.", rich_help_panel=_PANEL),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--llm-temperature",
        min=0,
        max=2,
        metavar="T",
        help="Sampling temperature; by default the server's.",
        rich_help_panel=_PANEL,
    ),
]
Patterns = Annotated[
    bool | None,
    typer.Option(
        "--llm-patterns",
        help="Restrict the model's decoder to formulas, on servers that obey patterns.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Replay = Annotated[
    Path | None,
    typer.Option(
        "--llm-replay",
        metavar="DIR",
        help="Use the recorded answers of this run instead of a model.",
        rich_help_panel=_PANEL,
    ),
]
