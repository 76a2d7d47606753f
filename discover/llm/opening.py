"""Opens a session: live, resumed or replayed, from what a user asked for and what a run folder holds."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.llm.budget import Budget, Caps, Price, find_price, load_prices
from discover.llm.client import Endpoint, OpenAIProvider, find_endpoint
from discover.llm.config import ModelConfig
from discover.llm.doctor import sample_text
from discover.llm.prompt import VERSION
from discover.llm.provider import Provider
from discover.llm.replay import Journal, Record, ReplayProvider, load_record
from discover.llm.session import Session, Settings
from discover.llm.worker import Worker


def open_live(
    config: ModelConfig, folder: Path, *, environ: Mapping[str, str], url: str | None = None, steps_done: int = 0
) -> tuple[Session, tuple[str, ...]]:
    """A session with the endpoint of a configuration, and what the user should know about it.

    Arguments as of `endpoint_of`. A folder with a record is resumed, with the settings and caps of the record.

    Raises:
        InputError, UnavailableError: see `find_endpoint`, `load_prices`, `load_record`.
    """
    endpoint = endpoint_of(config, environ, url)
    price = price_of(config, endpoint)
    provider = OpenAIProvider(endpoint)
    settings = settings_of(config)
    if not load_record(folder).head and (endpoint.server is None or endpoint.server.local):
        settings = _measured(provider, settings)
    session = open_session(
        provider,
        folder,
        settings=settings,
        caps=caps_of(config),
        price=price,
        mask=provider.mask,
        head={"endpoint": endpoint.shown, "prompt": VERSION},
        steps_done=steps_done,
    )
    return session, _notes(endpoint, price)


def endpoint_of(config: ModelConfig, environ: Mapping[str, str], url: str | None = None) -> Endpoint:
    """The endpoint that a configuration names, see `find_endpoint`.

    Args:
        url: its address with everything that the configuration leaves out.
    """
    return find_endpoint(
        config.model,
        url or config.url or None,
        key_variable=config.key_variable or None,
        environ=environ,
        deadline_s=config.deadline_s,
    )


def settings_of(config: ModelConfig) -> Settings:
    """How the model is asked. What the user named does not grow by itself.

    Raises:
        InputError: the tokens are too few, or an answer takes more than half of them.
    """
    asked = config.model_dump(include={"context", "max_tokens", "slots", "proposals", "patterns", "temperature"})
    if "context" in config.fixed:
        asked["most_context"] = config.context
    if "answer_tokens" in config.fixed:
        asked["most_tokens"] = config.max_tokens
    return Settings(**asked)


def caps_of(config: ModelConfig) -> Caps:
    """What may be spent.

    Raises:
        InputError: a cap is no number of at least 0.
    """
    return Caps(config.calls, config.tokens, config.cost)


def price_of(config: ModelConfig, endpoint: Endpoint) -> Price | None:
    """The price of the model: the user's, that of the tables, or none for a server that people run themselves.

    Raises:
        InputError: the price table is none.
    """
    prices = load_prices(Path(config.prices) if config.prices else None)
    if config.price is not None:
        return Price(*config.price)
    named = f"{endpoint.server.name}/{endpoint.model}" if endpoint.server else endpoint.model
    found = find_price(prices, named) or find_price(prices, endpoint.model)
    return found or (Price(0.0, 0.0) if endpoint.free else None)


def _measured(provider: OpenAIProvider, settings: Settings) -> Settings:
    """The settings with the characters of a token as the server's tokenizer counts them, if it offers one."""
    characters = asyncio.run(provider.characters_per_token(sample_text()))
    if characters is None:
        return settings
    return replace(settings, characters=min(4.5, max(1.0, 0.9 * characters)))


def _notes(endpoint: Endpoint, price: Price | None) -> tuple[str, ...]:
    notes = [f"asking {endpoint.shown}"]
    if price is None:
        notes.append(
            f"no price is known for {endpoint.model or 'this model'}: calls and tokens are capped, money is not "
            "counted; --llm-price IN,OUT (dollars for a million tokens) counts it"
        )
    return tuple(notes)


def open_session(
    provider: Provider,
    folder: Path,
    *,
    settings: Settings,
    caps: Caps,
    price: Price | None,
    mask: Callable[[str], str],
    head: Mapping[str, Any],
    steps_done: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> Session:
    """A session that asks a live provider and keeps its record in the run folder.

    A folder with a record is resumed: recorded answers are not asked again, and steps that were done are
    handed the answers that they had. Settings, caps and price are then those of the record.

    Args:
        provider: the live provider.
        folder: the run folder.
        mask: removes secrets from what is written.
        head: facts for the head of the record, such as the endpoint and the version of the prompt.
        steps_done: steps of the search that the run folder holds already.
        clock: seconds, for pauses.
    """
    record = load_record(folder)
    facts = dict(head) | _facts(settings, caps, price)
    if record.head:
        facts |= {key: record.head[key] for key in _facts(settings, caps, price) if key in record.head}
    until = max(steps_done, record.steps)
    return _open(ReplayProvider(record, provider), folder, record, until, mask, facts, clock)


def open_replay(recorded: Path, folder: Path) -> Session:
    """A session that answers from the record of another run, with that run's settings, caps and price.

    Raises:
        InputError: there is no record, or its head is not complete.
    """
    record = load_record(recorded)
    if not record.head:
        raise InputError(f"{recorded} holds no record of a model's answers (llm.jsonl), so nothing can be replayed")
    facts = {key: value for key, value in record.head.items() if key not in ("kind", "format")}
    return _open(ReplayProvider(record), folder, record, math.inf, str, facts)


def _facts(settings: Settings, caps: Caps, price: Price | None) -> dict[str, Any]:
    return {
        "settings": asdict(settings),
        "caps": asdict(caps),
        "price": asdict(price) if price else None,
    }


def _open(
    provider: Provider,
    folder: Path,
    record: Record,
    until: float,
    mask: Callable[[str], str],
    facts: dict[str, Any],
    clock: Callable[[], float] = time.monotonic,
) -> Session:
    try:
        settings = Settings(**facts["settings"])
        budget = Budget(Caps(**facts["caps"]), Price(**facts["price"]) if facts["price"] else None)
    except (KeyError, TypeError) as error:
        raise InputError(f"the head of the record (llm.jsonl) is not complete: {error}") from error
    journal = Journal(folder, mask, facts)
    worker = Worker(provider, slots=settings.slots, journal=journal, record=record, until=until)
    return Session(worker, budget, settings, journal, clock=clock)
