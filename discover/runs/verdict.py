"""What a run came to, decided once from its result; reports and the command line only word it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from discover.plain_data import counted, sentence
from discover.runs.result import Result, RunnerUp

CLOSE = 1.1
"""Laws whose inner error is within this factor of the best count as close."""
CLOSE_BY = f"{100 * (CLOSE - 1):.0f} %"
CLOSE_SAID = f"inner errors lower, or at most {CLOSE_BY} higher"
LUCK_SAID = "Errors this much lower than a published law's are what chance gives the best of so many laws tried."
FAR = 2.5
"""A published law is told from laws whose errors are lower by more than this factor by more than luck."""
FAR_SAID = (
    "Some of these errors are far lower. The run kept the published law, because a new law must beat it by a margin in "
    "penalty, which counts constants and the worst cuts. Judge both on rows that neither was fitted to."
)

Kind = Literal["untried", "no law", "imported", "published", "discovered"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a run.

    Attributes:
        kind: nothing was tried but the group means; nothing forecasts better than they do; or where the law comes from.
        law: name of a published law, see `short_names`; otherwise empty.
        close: the runners-up that the data hardly tell from the law.
        lower: what to say where a close runner-up that nobody published has a lower inner error than the published law
            that was chosen; empty elsewhere.
    """

    kind: Kind
    law: str
    close: tuple[RunnerUp, ...]
    lower: str


def short_names(result: Result) -> dict[str, str]:
    """Published laws of a result -> their names without the columns that they are applied to, where these differ."""
    names = {one.law for one in result.human} | {one.published for one in result.runners_up} | {result.published}
    bare = [name.partition("(")[0] for name in names]
    return {name: name.partition("(")[0] if bare.count(name.partition("(")[0]) == 1 else name for name in names}


def doubts_of(result: Result) -> tuple[str, ...]:
    """Sentences on what speaks against the law of a result, the gravest first; the report has more."""
    verdict, judged = verdict_of(result), result.forecast or result.sealed
    found = []
    if judged is not None and judged.r2 is not None and judged.r2 <= 0:
        found.append(
            f"On the sealed rows the forecast is further off than their mean (R² {judged.r2:.2g}).".replace("-", "−")
        )
    found += map(sentence, result.warnings)
    if verdict.close:
        others = counted(len(verdict.close), "other law")
        found.append(f"The data hardly tell the law from {others} ({CLOSE_SAID}).")
    return tuple(filter(None, (*found, verdict.lower)))


def verdict_of(result: Result) -> Verdict:
    """The verdict on a result, of older versions too."""
    kind: Kind = "discovered"
    if result.no_law:
        kind = "no law" if result.evaluations > 1 else "untried"  # the group means are scored first
    elif result.proposer == "import":
        kind = "imported"
    elif result.published:
        kind = "published"
    close = tuple(one for one in result.runners_up if one.close)
    new = [one.inner_error for one in close if not one.published and one.inner_error is not None]
    chosen = result.inner_error if kind == "published" else None
    lower = ""
    if chosen is not None and new and min(new) < chosen:
        lower = LUCK_SAID if min(new) * FAR >= chosen else FAR_SAID
    return Verdict(kind, short_names(result)[result.published] if kind == "published" else "", close, lower)
