"""Headings of results, of what a run costs, and of how sure either is: none of them is a cause."""

from __future__ import annotations

import re

from discover.data.aliases import MACHINES, recognise, squash, words
from discover.data.exports import path_of
from discover.data.names import folded
from discover.data.vocabulary import word_list

OUTCOME_WORDS = word_list("outcomes")
"""Words of the commonest results and their errors."""

SCORE_WORDS = word_list("scores")
"""Words of benchmarks and of further results."""

COST_WORDS = word_list("costs")
"""Words and headings of what a run takes and what becomes of it: measured of it as results are."""

_MACHINE_TIME = re.compile(rf"(?:{MACHINES}|tpuv\d)(?:hours?|hrs|h|days)$")
RATES = ("persecond", "persec", "runtime", "episodiclength", "episodelength", "eplength", "eplen", "eplenmean")
"""Ends of headings of such."""

AGGREGATES = word_list("aggregates")
"""Last levels of a heading that say how a result was summed up; what it is stands before them."""

SPREAD_WORDS = word_list("spreads")
"""Words of uncertainties, wherever they stand in a heading."""

END_WORDS = word_list("ends")
"""Words of an uncertainty beside those of a result: `loss_low`, but not `min_lr`."""

COUNT_NAMES = word_list("counts")
"""Headings of weights and of how many runs were averaged."""

GIVEN_WORDS = frozenset(("teacher", "draft", "proxy", "reference", "base", "pretrain", "pretrained", "upstream"))
"""Words of models that were there before the run: their results are causes."""

SHARE_WORDS = word_list("shares")
"""Words beside `err` by which it is a share of wrong answers, not how sure a result is."""

BIT_WORDS = frozenset(("weight", "weights", "activation", "activations", "act", "kv", "cache", "gradient", "bit"))
"""Words beside `precision` by which it counts bits."""

PARTED = (
    "bitsperbyte", "bitspercharacter", "bitsperchar", "winrate", "exactmatch", "crossentropy", "gradnorm", "totarget",
    "toreach",
)  # fmt: skip
"""Results that are parted otherwise than into words: `bits per byte`, `win rate`, `steps to target`."""

LOSS_WORDS = frozenset(("loss", "losses", "verlust", "perte", "perdida", "perdita", "损失"))
FALLING_WORDS = LOSS_WORDS | {"error", "perplexity", "ppl", "bpb", "nll", "fehler", "erreur", "困惑度"}
"""Words of results that are better when smaller."""

RISING_SHARES = word_list("rising_shares")
"""Words of results that are shares, of one or in per cent."""


def is_result(heading: str) -> bool:
    """Whether a heading names a result or a cost, of the run itself and not of a model that it was given."""
    level = _last_level(heading)
    found = words(level)
    given = found & GIVEN_WORDS or _is_aim(found) or ("precision" in found and found & BIT_WORDS)
    return _names_result(level) and not given and not is_uncertainty(heading)


def _is_aim(found: set[str]) -> bool:
    """Whether these words name the result that a run had to reach: `target loss`, beside `steps to target`."""
    return bool(found & {"target", "goal"}) and found <= {"target", "goal"} | OUTCOME_WORDS | _SPLITS


def name_in_letters(heading: str) -> str:
    """What formulas call a column whose heading has no letter or digit that they can use; "" for any other."""
    if re.search(r"[A-Za-z0-9]", folded(heading)):
        return ""
    quantity = recognise(heading)
    return quantity.name if quantity is not None else "loss" if words(heading) & LOSS_WORDS else ""


def is_cost(heading: str) -> bool:
    """Whether a heading names what a run takes, not what it reaches."""
    return _names_cost(_last_level(heading))


def is_uncertainty(heading: str) -> bool:
    """Whether a heading names how sure a result is, the weight of a row, or how many runs were averaged."""
    last = path_of(heading.strip())[-1]
    if re.search(r"__(MIN|MAX)$", heading) or squash(last) in COUNT_NAMES:
        return True
    found = words(last)
    spread = found & SPREAD_WORDS
    if (spread and not (spread == {"err"} and found & SHARE_WORDS)) or squash(last) in SPREAD_WORDS:
        return True
    if "precision" in found:
        return False
    if found & {"count", "counts", "weight", "weights", "seeds", "runs"} and recognise(heading) is None:
        return "decay" not in found
    whole = words(heading)
    rest = whole - END_WORDS
    return bool(found & END_WORDS) and bool(rest & (OUTCOME_WORDS | SCORE_WORDS))


def is_small(heading: str) -> bool:
    """Whether a heading names a result that never reaches a thousand: a loss, or bits per byte."""
    return bool(words(_last_level(heading)) & (LOSS_WORDS | {"bpb", "nll"}))


def _names_result(level: str) -> bool:
    known = OUTCOME_WORDS | SCORE_WORDS
    squashed = squash(level)
    named = bool(words(level) & known) or squashed in known or any(part in squashed for part in PARTED)
    return named or _names_cost(level)


def _names_cost(level: str) -> bool:
    bare = squash(level)
    named = bool(words(level) & COST_WORDS) or bare in COST_WORDS
    return named or bare.endswith(RATES) or _MACHINE_TIME.search(bare) is not None


def _last_level(heading: str) -> str:
    """The last level of a heading that is no mere summary: `loss` of `loss.mean` and of `loss.validation`."""
    levels = path_of(heading.strip())
    while len(levels) > 1 and (squash(levels[-1]) in AGGREGATES | _SPLITS or levels[-1].isdigit()):
        levels = levels[:-1]  # pandas writes `loss.1` where a file has two columns `loss`
    return levels[-1]


_SPLITS = frozenset(("val", "valid", "validation", "eval", "test", "train", "training", "heldout"))
