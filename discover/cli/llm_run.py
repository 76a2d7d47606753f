"""Options of commands that let a language model propose laws, as groups."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from discover.llm import defaults

_option = partial(typer.Option, rich_help_panel="Language model")

Model = Annotated[
    str | None,
    _option(
        "--llm",
        metavar="MODEL",
        help="Let this model propose laws, too: ollama/qwen3, openai/gpt-5-mini, or llamacpp for a server's only "
        "model; none ignores `discover llm use`.",
    ),
]
Url = Annotated[
    str | None,
    _option(
        "--llm-url",
        metavar="URL",
        help="Address of an OpenAI-compatible server, such as localhost:8080; by default the usual address of the "
        "server in --llm, else OPENAI_BASE_URL, else OpenAI.",
    ),
]
KeyVariable = Annotated[
    str | None,
    _option(
        "--llm-key-env",
        metavar="NAME",
        help="Environment variable that holds the key; by default that of the known service at the address, such "
        "as OPENAI_API_KEY, else none.",
    ),
]
Calls = Annotated[
    int | None,
    _option("--llm-calls", min=0, metavar="N", help=f"Cap on calls; {defaults.CALLS}."),
]
Tokens = Annotated[
    int | None,
    _option("--llm-tokens", min=0, metavar="N", help=f"Cap on tokens, prompts included; {defaults.TOKENS}."),
]
Cost = Annotated[
    float | None,
    _option(
        "--llm-cost",
        min=0,
        metavar="DOLLARS",
        help=f"Cap on cost in US dollars, if the model has a price; {defaults.COST:g}.",
    ),
]
PriceText = Annotated[
    str | None,
    _option("--llm-price", metavar="IN,OUT", help="Price in US dollars of a million tokens of prompt and of answer."),
]
Prices = Annotated[
    Path | None,
    _option("--llm-prices", metavar="FILE", help="Your own table of prices (TOML)."),
]
Context = Annotated[
    int | None,
    _option(
        "--llm-context",
        metavar="TOKENS",
        help=f"Largest sum of prompt and answer; {defaults.CONTEXT}, or twice the longest answer.",
    ),
]
AnswerTokens = Annotated[
    int | None,
    _option(
        "--llm-answer-tokens",
        metavar="TOKENS",
        help=f"Longest answer, with the model's thoughts; {defaults.ANSWER_TOKENS}, and more if thoughts use it up.",
    ),
]
Timeout = Annotated[
    float | None,
    _option("--llm-timeout", metavar="SECONDS", help=f"Longest call; {defaults.TIMEOUT_S:g}."),
]
Parallel = Annotated[
    int | None,
    _option("--llm-parallel", min=1, max=16, metavar="N", help=f"Calls in flight; {defaults.PARALLEL}."),
]
Proposals = Annotated[
    int | None,
    _option("--llm-proposals", min=1, max=16, metavar="N", help=f"Laws per call; {defaults.PROPOSALS}."),
]
Temperature = Annotated[
    float | None,
    _option("--llm-temperature", min=0, max=2, metavar="T", help="Sampling temperature; by default the server's."),
]
Patterns = Annotated[
    bool | None,
    _option(
        "--llm-patterns",
        help="Restrict the model's decoder to formulas, on servers that obey patterns.",
        show_default=False,
    ),
]
Replay = Annotated[
    Path | None,
    _option("--llm-replay", metavar="DIR", help="Use the recorded answers of this run instead of a model."),
]


@dataclass(frozen=True)
class Few:
    """The model and its caps. `spread` makes options of it; None where one is not given."""

    llm: Model = None
    llm_url: Url = None
    llm_key_env: KeyVariable = None
    llm_calls: Calls = None
    llm_cost: Cost = None

    @property
    def given(self) -> dict[str, Any]:
        """As `discover.runs.models.config_of` takes them: by their names without "llm_", the model as "model"."""
        names = (field.name for field in fields(self))
        return {name.removeprefix("llm").lstrip("_") or "model": getattr(self, name) for name in names}


@dataclass(frozen=True)
class Every(Few):
    """All that can be said of a model."""

    llm_tokens: Tokens = None
    llm_price: PriceText = None
    llm_prices: Prices = None
    llm_context: Context = None
    llm_answer_tokens: AnswerTokens = None
    llm_timeout: Timeout = None
    llm_parallel: Parallel = None
    llm_proposals: Proposals = None
    llm_temperature: Temperature = None
    llm_patterns: Patterns = None
    llm_replay: Replay = None
