"""What calls may cost, and what they have cost.

Room for a call is reserved when it is asked and settled when its answer is handed over, so that calls in
flight cannot pass a cap together.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.llm.provider import Request, Usage
from discover.llm.replies import largest_usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    prompt: float
    answer: float

    def cost(self, usage: Usage) -> float:
        """US dollars."""
        return (usage.prompt * self.prompt + usage.answer * self.answer) / 1e6


@dataclass(frozen=True, slots=True)
class Caps:
    """Most calls, tokens (prompt and answer) and US dollars of a run; None for no cap."""

    calls: int | None = 100
    tokens: int | None = 1_000_000
    cost: float | None = 1.0

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


class Budget:
    """Reserves and settles calls against the caps. Not for use from several threads."""

    def __init__(self, caps: Caps, price: Price | None) -> None:
        self.caps = caps
        self.price = price
        self._spent = Spent(cost=None if price is None else 0.0)
        self._reserved: dict[int, Usage] = {}

    @property
    def spent(self) -> Spent:
        return self._spent

    def refusal(self, request: Request) -> str | None:
        """Why the caps leave no room for this call, None when they do."""
        expected = [*self._reserved.values(), largest_usage(request)]
        calls = self._spent.calls + len(expected)
        tokens = self._spent.tokens + sum(usage.total for usage in expected)
        if self.caps.calls is not None and calls > self.caps.calls:
            return f"the cap of {self.caps.calls:,} calls is reached"
        if self.caps.tokens is not None and tokens > self.caps.tokens:
            return f"the cap of {self.caps.tokens:,} tokens leaves no room for another call"
        if self.caps.cost is not None and self.price is not None and self._spent.cost is not None:
            cost = self._spent.cost + sum(map(self.price.cost, expected))
            if cost > self.caps.cost:
                return f"the cap of {self.caps.cost:g} US dollars leaves no room for another call"
        return None

    def reserve(self, request: Request) -> None:
        """Keeps room for a call that is asked now."""
        self._reserved[request.number] = largest_usage(request)

    def settle(self, number: int, usage: Usage) -> None:
        """Replaces a reservation by what the call used."""
        self._reserved.pop(number, None)
        old = self._spent
        self._spent = Spent(
            calls=old.calls + 1,
            prompt=old.prompt + usage.prompt,
            answer=old.answer + usage.answer,
            cost=None if self.price is None else (old.cost or 0.0) + self.price.cost(usage),
            estimated=old.estimated or usage.estimated,
        )


# --- prices --------------------------------------------------------------------------------------------

_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4,8}|latest)$")


def load_prices(override: Path | None = None) -> dict[str, Price]:
    """Price by model: the rows of the package, replaced by those of the user's file.

    Raises:
        InputError: the file is missing, is no TOML, or has rows of another form.
    """
    text = files("discover.llm").joinpath("prices.toml").read_text("utf-8")
    prices = _rows(tomllib.loads(text), "the price table")
    if override is None:
        return prices
    try:
        table = tomllib.loads(override.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{override}: cannot be read as a price table: {error}") from error
    return prices | _rows(table, str(override))


def find_price(prices: Mapping[str, Price], model: str) -> Price | None:
    """The price of a model or of its undated name; None when it is not known."""
    return prices.get(model) or prices.get(_DATED.sub("", model))


def _rows(table: Mapping[str, Any], where: str) -> dict[str, Price]:
    unknown = set(table) - {"format", "models"}
    models = table.get("models", {})
    if unknown or not isinstance(models, dict):
        raise InputError(f'{where}: expected tables [models."name"], found {", ".join(sorted(unknown))}')
    return {name: _row(row, f'{where}, model "{name}"') for name, row in models.items()}


def _row(row: Any, where: str) -> Price:
    if not isinstance(row, dict) or set(row) != {"prompt", "answer"}:
        raise InputError(f"{where}: expected the keys prompt and answer, dollars for a million tokens")
    for key, value in row.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value >= 0):
            raise InputError(f"{where}: {key} must be a number of at least 0, got {value!r}")
    return Price(float(row["prompt"]), float(row["answer"]))
