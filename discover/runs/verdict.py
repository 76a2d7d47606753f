"""What a run came to, decided once from its result; reports and the command line only word it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

CLOSE = 1.1
"""Laws whose inner error is within this factor of the best count as close."""
CLOSE_BY = f"{100 * (CLOSE - 1):.0f} %"
CLOSE_SAID = f"inner errors lower, or at most {CLOSE_BY} higher"
LUCK_SAID = "Errors this much lower than a published law's are what chance gives the best of so many laws tried."
FAR = 2.5
"""A published law is told from laws whose errors are lower by more than this factor by more than luck."""
FAR_SAID = (
    "Some of these errors are far lower. The published law was kept, as a new law must beat it by a margin on merit, "
    "which counts constants and the worst cuts; judge both on rows that neither was fitted to."
)

Kind = Literal["untried", "no law", "imported", "published", "discovered"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a run.

    Attributes:
        kind: nothing was tried but the group means; nothing forecasts better than they do; or where the law comes from.
        law: identifier of a published law; otherwise empty.
        close: the runners-up, as in the result, that the data hardly tell from the law.
        lower: what to say where a close runner-up that nobody published has a lower inner error than the published law
            that was chosen; empty elsewhere.
    """

    kind: Kind
    law: str
    close: tuple[Mapping[str, Any], ...]
    lower: str


def verdict_of(result: Mapping[str, Any]) -> Verdict:
    """The verdict in the content of a `result.json`, of older versions too."""
    proposer, _, law = str(result.get("origin", "")).partition(":")
    kind: Kind = "discovered"
    if result.get("no_law"):
        kind = "no law" if result["evaluations"] > 1 else "untried"  # the group means are scored first
    elif proposer == "import":
        kind = "imported"
    elif proposer == "library":
        kind = "published"
    close = tuple(item for item in result.get("runners_up", ()) if item["close"])
    new = [item["inner_error"] for item in close if not published_name(item)]
    chosen = result["inner_error"] if kind == "published" else None
    lower = ""
    if chosen is not None and new and min(new) < chosen:
        lower = LUCK_SAID if min(new) * FAR >= chosen else FAR_SAID
    return Verdict(kind, law if kind == "published" else "", close, lower)


def published_name(runner_up: Mapping[str, Any]) -> str:
    """The identifier of a runner-up that people published; empty for others, and where it was not recorded."""
    proposer, _, law = str(runner_up.get("origin", "")).partition(":")
    return law if proposer == "library" else ""
