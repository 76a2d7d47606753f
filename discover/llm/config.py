"""The language model that a run asks: a part of `run.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from discover.data.tomls import Strict
from discover.llm import defaults


class ModelConfig(Strict):
    """The language model that a run asks; holds no secret.

    Attributes:
        model: its name; "" for a replay.
        url: its address without user, password and query; "" for the default one.
        key_variable: name of the environment variable with the key; "" for the default one.
        replay: absolute path of the run whose recorded answers are used instead of a model; "" for none.
        prices: absolute path of the user's price table; "" for none.
        price: US dollars for a million tokens of prompt and of answer; None to look it up.
        fixed: which of "context" and "answer_tokens" the user named, so that they do not grow by themselves.
        deadline_s: longest time of a call.
        context, max_tokens: tokens of prompt and answer together, and of the answer.
        slots: calls in flight at a time.
        proposals: formulas asked for in one call.
        patterns: the model's decoder is confined to the formula language.
        temperature: of the sampling; None leaves it to the server.
        calls, tokens, cost: caps; cost in US dollars.
    """

    model: str = ""
    url: str = ""
    key_variable: str = ""
    replay: str = ""
    prices: str = ""
    price: tuple[float, float] | None = None
    fixed: tuple[str, ...] = ()
    deadline_s: Annotated[float, Field(gt=0)] = defaults.TIMEOUT_S
    context: int = defaults.CONTEXT
    max_tokens: int = defaults.ANSWER_TOKENS
    slots: int = defaults.PARALLEL
    proposals: int = defaults.PROPOSALS
    patterns: bool = False
    temperature: float | None = None
    calls: int = defaults.CALLS
    tokens: int = defaults.TOKENS
    cost: float = defaults.COST
