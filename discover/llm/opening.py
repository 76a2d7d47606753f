"""Opens a session: live, resumed or replayed, from what a user asked for and what a run folder holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from discover.errors import InputError
from discover.llm.budget import Budget, Caps, Price, find_price, load_prices
from discover.llm.client import OpenAIProvider, find_endpoint
from discover.llm.prompt import VERSION
from discover.llm.provider import Provider
from discover.llm.replay import Journal, Record, ReplayProvider, load_record
from discover.llm.session import Session, Settings
from discover.llm.worker import Worker


@dataclass(frozen=True, slots=True)
class Options:
    """What a user asks for; holds no secret.

    Attributes:
        model: name of the model.
        url: address of the server; None for OPENAI_BASE_URL, else OpenAI.
        key_variable: environment variable with the key; None for the default.
        deadline_s: longest time of a call in seconds.
        prices: the user's price table.
        settings: how the model is asked.
        caps: what may be spent.
    """

    model: str
    url: str | None = None
    key_variable: str | None = None
    deadline_s: float = 180.0
    prices: Path | None = None
    settings: Settings = field(default_factory=Settings)
    caps: Caps = field(default_factory=Caps)


def open_live(
    options: Options, folder: Path, *, environ: Mapping[str, str], steps_done: int = 0
) -> tuple[Session, tuple[str, ...]]:
    """A session with the endpoint of the options, and what the user should know about it.

    A folder with a record is resumed, with the settings and caps of the record.

    Raises:
        InputError, UnavailableError: see `find_endpoint`, `load_prices`, `load_record`.
    """
    endpoint = find_endpoint(
        options.model,
        options.url,
        key_variable=options.key_variable,
        environ=environ,
        deadline_s=options.deadline_s,
    )
    price = find_price(load_prices(options.prices), options.model)
    provider = OpenAIProvider(endpoint)
    session = open_session(
        provider,
        folder,
        settings=options.settings,
        caps=options.caps,
        price=price,
        mask=provider.mask,
        head={"endpoint": endpoint.shown, "prompt": VERSION},
        steps_done=steps_done,
    )
    return session, _notes(options, price, endpoint.shown)


def _notes(options: Options, price: Price | None, shown: str) -> tuple[str, ...]:
    notes = [f"asking {shown}"]
    if price is None:
        cap = "" if options.caps.cost is None else "; the cap on cost has no effect, those on calls and tokens have"
        notes.append(f"no price is known for {options.model}: tokens are counted, money is not{cap}")
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
    """
    record = load_record(folder)
    facts = dict(head) | _facts(settings, caps, price)
    if record.head:
        facts |= {key: record.head[key] for key in _facts(settings, caps, price) if key in record.head}
    until = max(steps_done, record.steps)
    return _open(ReplayProvider(record, provider), folder, record, until, mask, facts)


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
) -> Session:
    try:
        settings = Settings(**facts["settings"])
        budget = Budget(Caps(**facts["caps"]), Price(**facts["price"]) if facts["price"] else None)
    except (KeyError, TypeError) as error:
        raise InputError(f"the head of the record (llm.jsonl) is not complete: {error}") from error
    journal = Journal(folder, mask, facts)
    worker = Worker(provider, slots=settings.slots, journal=journal, record=record, until=until)
    return Session(worker, budget, settings, journal)
