"""What calls may cost, and what they have cost.

Room for a call is reserved when it is asked and settled when its answer is handed over, so that calls in
flight cannot pass a cap together.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from discover.data.tomls import Strict, build_model, load_model
from discover.errors import InputError
from discover.llm import defaults
from discover.llm.provider import Request, Usage
from discover.llm.replies import CAUTIOUS_CHARACTERS, largest_usage

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    prompt: Dollars
    answer: Dollars
    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    def cost(self, usage: Usage) -> float:
        """US dollars."""
        return (usage.prompt * self.prompt + usage.answer * self.answer) / 1e6


@dataclass(frozen=True, slots=True)
class Caps:
    """Most calls, tokens (prompt and answer) and US dollars of a run; None for no cap."""

    calls: int | None = defaults.CALLS
    tokens: int | None = defaults.TOKENS
    cost: float | None = defaults.COST

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "cost"):
            cap = getattr(self, name)
            if cap is not None and not (cap >= 0 and math.isfinite(cap)):
                raise InputError(f"--llm-{name} must be a number of at least 0, got {cap}")


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls, tokens and US dollars so far.

    Attributes:
        cost: None when the model's price is not known.
        estimated: part of the tokens is an upper estimate: a server did not count, or a reply was lost.
    """

    calls: int = 0
    prompt: int = 0
    answer: int = 0
    cost: float | None = None
    estimated: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt + self.answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the caps leave no room for a call; `final` when the calls in flight cannot be the cause."""

    reason: str
    final: bool


class Budget:
    """Reserves and settles calls against the caps. Not for use from several threads."""

    def __init__(self, caps: Caps, price: Price | None) -> None:
        self.caps = caps
        self.price = price
        self.characters = CAUTIOUS_CHARACTERS
        """Of a prompt, in a token."""
        self._spent = Spent(cost=None if price is None else 0.0)
        self._free = 0
        self._reserved: dict[int, Usage] = {}

    @property
    def spent(self) -> Spent:
        return self._spent

    def refusal(self, request: Request, least: int | None = None) -> Refusal | None:
        """Why the caps leave no room for this call, None when they do.

        Args:
            request: the call, with the longest answer that it may have.
            least: a shorter answer that would do; None for none.
        """
        least = request.max_tokens if least is None else min(least, request.max_tokens)
        if self.room(request) >= least:
            return None
        alone = self._room(request, ())
        return Refusal(self._reason(request, least), final=alone < least)

    def room(self, request: Request) -> int:
        """Tokens that the caps leave to the answer of this call; below 0 if not even the prompt may be sent."""
        return self._room(request, tuple(self._reserved.values()))

    def reserve(self, request: Request) -> None:
        """Keeps room for a call that is asked now."""
        self._reserved[request.number] = largest_usage(request, self.characters)

    def settle(self, number: int, usage: Usage) -> None:
        """Replaces a reservation by what the call used; a call that took no token does not count against the cap."""
        self._reserved.pop(number, None)
        old = self._spent
        self._free += usage.total == 0
        self._spent = Spent(
            calls=old.calls + 1,
            prompt=old.prompt + usage.prompt,
            answer=old.answer + usage.answer,
            cost=None if self.price is None else (old.cost or 0.0) + self.price.cost(usage),
            estimated=old.estimated or usage.estimated,
        )

    def _room(self, request: Request, reserved: Sequence[Usage]) -> int:
        prompt = largest_usage(request, self.characters).prompt
        rooms = [request.max_tokens]
        if self.caps.calls is not None and self._spent.calls - self._free + len(reserved) >= self.caps.calls:
            return -1
        if self.caps.tokens is not None:
            rooms.append(self.caps.tokens - self._spent.tokens - sum(usage.total for usage in reserved) - prompt)
        if self.caps.cost is not None and self.price is not None:
            left = self.caps.cost - (self._spent.cost or 0.0) - sum(map(self.price.cost, reserved))
            left -= self.price.cost(Usage(prompt))
            if left < 0:
                rooms.append(-1)
            elif self.price.answer > 0:
                rooms.append(int(left * 1e6 / self.price.answer))
        return min(rooms)

    def _reason(self, request: Request, least: int) -> str:
        caps = self.caps
        expected = [*self._reserved.values(), replace(largest_usage(request, self.characters), answer=least)]
        if caps.calls is not None and self._spent.calls - self._free + len(expected) > caps.calls:
            return f"the cap of {caps.calls:,} calls is reached"
        if caps.tokens is not None and self._spent.tokens + sum(usage.total for usage in expected) > caps.tokens:
            return f"the cap of {caps.tokens:,} tokens leaves no room for another call"
        return f"the cap of {caps.cost:g} US dollars leaves no room for another call"


# --- prices --------------------------------------------------------------------------------------------

_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4,8}|latest)$")


class PriceTable(Strict):
    """A file of prices: model -> price."""

    format: int = 1
    models: dict[str, Price] = Field(default_factory=dict)


def load_prices(override: Path | None = None) -> dict[str, Price]:
    """Price by model: the rows of the package, replaced by those of the user's file.

    Raises:
        InputError: the file is missing, is no TOML, or has rows of another form.
    """
    text = files("discover.llm").joinpath("prices.toml").read_text("utf-8")
    prices = build_model(PriceTable, tomllib.loads(text), "the price table").models
    return prices if override is None else prices | load_model(PriceTable, override).models


def find_price(prices: Mapping[str, Price], model: str) -> Price | None:
    """The price of a model or of its undated name; None when it is not known."""
    return prices.get(model) or prices.get(_DATED.sub("", model))
