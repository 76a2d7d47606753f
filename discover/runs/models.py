"""The language model of a run: its settings, and the proposer that they make."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discover.data.names import listed, near
from discover.errors import InputError
from discover.llm import defaults
from discover.llm.config import ModelConfig

if TYPE_CHECKING:
    from discover.proposers.llm import LanguageModel
    from discover.runs.config import RunConfig
    from discover.runs.session import Session
    from discover.search import SearchResult

SETTINGS = (
    "model", "url", "key_env", "price", "prices", "temperature", "replay", "timeout", "context", "answer_tokens",
    "parallel", "proposals", "patterns", "calls", "tokens", "cost",
)  # fmt: skip
"""Of a model, as `discover run` names them behind `--llm-`."""
IN_FILE = {"timeout": "deadline_s", "answer_tokens": "max_tokens", "parallel": "slots", "key_env": "key_variable"}
"""Those that `ModelConfig`, and so `run.toml`, calls otherwise."""


def model_of(llm: str | Mapping[str, Any] | ModelConfig | None) -> ModelConfig | None:
    """The model that a user of Python names: by its name, or by settings as in `config_of`.

    Raises:
        InputError: see `config_of`; or a setting that there is not.
    """
    if llm is None or isinstance(llm, ModelConfig):
        return llm
    if isinstance(llm, str):
        return config_of({"model": llm})
    for key in llm:
        if key not in SETTINGS:
            raise InputError(
                f"a language model has no setting {key!r}{near(key, SETTINGS)} (it has {listed(SETTINGS)})"
            )
    return config_of(llm)


def config_of(given: Mapping[str, Any]) -> ModelConfig | None:
    """The model that these options, or `discover llm use`, name; None without one. Nothing secret is in it.

    Args:
        given: value by option without "--llm-" (the model is "model"); None for options not given.

    Raises:
        InputError: options that do not belong together, or with values that cannot be.
    """
    named = {key: value for key, value in given.items() if value is not None}
    if named.get("model") == "none":
        if other := [key for key in named if key != "model"]:
            raise InputError(f"--llm-{other[0].replace('_', '-')} does not go with --llm none")
        return None
    if "replay" in named:
        return _replayed(named)
    if "model" not in named and "url" not in named:
        from discover.llm.saved import load_default

        saved = load_default(os.environ)
        if saved is None and named:
            option = next(iter(named)).replace("_", "-")
            raise InputError(f"--llm-{option} needs a model: name it with --llm")
        if saved is None:
            return None
        named = saved.options() | named
    from discover.llm.opening import caps_of, endpoint_of, price_of, settings_of
    from discover.llm.secrets import shown_url
    from discover.llm.servers import with_scheme

    url = named.get("url")
    usual = {
        "context": max(defaults.CONTEXT, 2 * named.get("answer_tokens", 0)),
        "answer_tokens": min(defaults.ANSWER_TOKENS, named.get("context", defaults.CONTEXT) // 2),
    }
    if "url" in named:
        named["url"] = shown_url(with_scheme(named["url"]))
    if "prices" in named:
        named["prices"] = str(Path(named["prices"]).absolute())
    if "price" in named:
        named["price"] = _price(named["price"])
    values = {IN_FILE.get(name, name): value for name, value in {**usual, **named}.items()}
    config = ModelConfig(**values, fixed=tuple(key for key in usual if key in named))
    settings_of(config), caps_of(config)  # say now what is wrong, before a folder is made
    endpoint = endpoint_of(config, os.environ, url)
    if price_of(config, endpoint) is None and "cost" in named:
        raise InputError(
            f"--llm-cost caps nothing without a price, and none is known for {endpoint.model or 'this model'}: "
            "give it with --llm-price IN,OUT, in US dollars for a million tokens"
        )
    return config


def _price(text: str) -> tuple[float, float]:
    try:
        prompt, answer = (float(part) for part in text.split(","))
    except ValueError:
        prompt = answer = math.nan
    if not (0 <= prompt < math.inf and 0 <= answer < math.inf):
        raise InputError(
            f"--llm-price takes two numbers, dollars for a million tokens of prompt and of answer, such as 0.25,2; "
            f"got {text!r}"
        )
    return prompt, answer


def _replayed(named: Mapping[str, Any]) -> ModelConfig:
    from discover.llm.replay import load_record

    if other := [key for key in named if key not in ("replay", "model")]:
        option = other[0].replace("_", "-")
        raise InputError(f"--llm-{option} does not go with --llm-replay: the recorded run says it")
    folder = Path(named["replay"]).absolute()
    if not load_record(folder).head:
        raise InputError(f"{folder} holds no record of a model's answers (llm.jsonl), so nothing can be replayed")
    return ModelConfig(replay=str(folder))


@dataclass(frozen=True)
class OpenModel:
    """The model of a run that is under way.

    Attributes:
        proposer: what the search asks.
        shown: name and address.
        notes: what the user should know.
        replayed: its answers are those of a recorded run.
    """

    proposer: LanguageModel
    shown: str
    notes: tuple[str, ...]
    replayed: bool = False

    def summary(self, found: SearchResult) -> dict[str, Any]:
        """For `result.json`."""
        return {"model": self.shown, **self.proposer.summary(), **self.proposer.share(found.finalists)}


def recorded(folder: Path) -> RunConfig:
    """What a replay of this run repeats unless told otherwise: its seed, team and islands, and the laws it scored.

    Raises:
        InputError: no run in the folder.
    """
    from discover.runs.folder import open_folder
    from discover.runs.records import own_steps

    opened = open_folder(folder)
    return opened.config().model_copy(update={"evaluations": max(1, own_steps(opened.records()))})


def open_model(session: Session, url: str | None, environ: Mapping[str, str]) -> OpenModel | None:
    """The model of a run as a proposer; None for a run without one.

    Args:
        session: the run.
        url: the address of the model with everything that the configuration leaves out.
        environ: holds the key.
    """
    config = session.config.llm
    if config is None:
        return None
    from discover.llm.opening import endpoint_of, open_live, open_replay
    from discover.proposers.brief import task_card
    from discover.proposers.llm import LanguageModel
    from discover.runs.records import batches

    folder = session.folder
    notes: tuple[str, ...]
    if config.replay:
        asked, shown = open_replay(Path(config.replay), folder.path), f"answers recorded in {config.replay}"
        notes = (shown,)
    else:
        shown = endpoint_of(config, environ, url).shown
        asked, notes = open_live(config, folder.path, environ=environ, url=url, steps_done=batches(folder.records()))
    try:
        proposer = LanguageModel(session.problem, task_card(session.task, session.problem), asked, session.config.seed)
    except BaseException:
        asked.close()
        raise
    return OpenModel(proposer, shown, notes, replayed=bool(config.replay))


@contextmanager
def keys_hidden(config: ModelConfig | None, environ: MutableMapping[str, str]) -> Iterator[dict[str, str]]:
    """Takes the key of a model, and those of all known services, out of an environment for a while.

    No process that is started meanwhile inherits one.

    Yields:
        The environment as it was.
    """
    from discover.llm.servers import SERVERS

    before = dict(environ)
    variables = {config.key_variable, *(server.key for server in SERVERS)} if config is not None else set()
    taken = {name: environ.pop(name) for name in variables if name in environ}
    try:
        yield before
    finally:
        environ.update(taken)
