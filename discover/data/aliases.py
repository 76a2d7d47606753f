"""Names that the field gives to columns of a table of training experiments; used for guesses only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from discover.data.cells import MULTIPLES
from discover.data.exports import path_of
from discover.data.names import folded
from discover.data.vocabulary import vocabulary, word_list

Kind = Literal["size", "data", "compute", "inference", "setting"]


@dataclass(frozen=True)
class Quantity:
    """A quantity of the field and the headings it goes by.

    Attributes:
        name: this project's name of it.
        kind: what grows with it; a "setting" is tuned, not scaled.
        unit: unit of its values.
        meaning: what it is.
        rank: 1 for a main scale axis, 2 for one that serves when there is no main one, 0 for none.
        headings: usual headings parted by blanks, in lower case without separators; single capitals stay.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    rank: int
    headings: str

    @property
    def tells_length(self) -> bool:
        """Whether it tells how long a run was trained, as the data that it had at hand do not."""
        return self.kind == "compute" or (self.kind == "data" and self.name != "unique_tokens")


ONE_SAMPLE = (0.01, 1e5)
"""Tokens for which the FLOP of a single sample would pay."""

QUANTITIES: tuple[Quantity, ...] = tuple(Quantity(**row) for row in vocabulary()["quantity"])

STEP_NAMES = word_list("steps")
"""Headings of progress within a run: kept only when nothing else is left to predict from."""

EPOCH_NAMES = word_list("epochs")
"""Headings of passes over the data."""

BOOKKEEPING_NAMES = word_list("bookkeeping")
"""Headings that number runs instead of describing them."""

RUN_NAMES = word_list("runs")
"""Headings of such that name runs, of which a table of curves has many rows each."""

CLOCK_NAMES = word_list("clocks")
"""Headings that tell when and how long a run ran."""

SURE_GROUP_NAMES = word_list("sure_groups")
"""Headings of columns whose values have laws of their own, even where they are numbers."""

GROUP_NAMES = SURE_GROUP_NAMES | word_list("groups")
"""Headings of columns whose values are likely to have laws of their own."""

TRACKER_NAMES = word_list("trackers")
"""Headings by which a tracker's export keeps its books."""

_MULTIPLES = MULTIPLES | {"g": 9, "giga": 9, "mega": 6, "tera": 12, "peta": 15, "exa": 18, "zetta": 21}
_WORD = r"[^\W\d_]+\.?"
_PREFIX = re.compile(rf"(?:^|\bin\s+)({_WORD})\s+(?:of\s+)?(?=\w+$)")
_SUFFIX = re.compile(
    rf"(?:[ _-]|,\s*)(?:in\s+)?({_WORD})$"
    rf"|[(\[]\s*(?:in\s+|x\s*|×\s*|\*\s*)?({_WORD}|1[eE][0-9]+|10(?:\^|\*\*)[0-9]+)[^)\]]*[)\]]$"
)

_BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}
_BY_HEADING = {heading: quantity for quantity in QUANTITIES for heading in quantity.headings.split()}
MANY = 1000.0
MOST_BITS = 64
LONGEST = 60  # letters of a heading that is taken apart
UNITS = ("nats", "bits")
_IF_LARGE = {"P": _BY_NAME["params"], "size": _BY_NAME["params"], "data": _BY_NAME["tokens"]}
"""Headings that stand for such a quantity where the values are large, and else for something else or for nothing."""
MACHINES = "gpu|tpu|device|chip|accelerator|[ahv]100|h200|b200"
"""Pattern of what hours are counted of."""
_OF_MACHINES = rf"(?:{MACHINES}|tpuv[2-6])+"
_NOUNS = {
    "params": "params?|parameters?|parametern|parametres?|parametros?|parametri",
    "tokens": "tokens?|jetons",
    "examples": "examples?|exemples|samples?|images?|imgs?|stichproben|beispiele|bilder",
    "characters": "characters|chars|bytes|zeichen",
    "flops": r"(?:peta|exa|zetta|yotta|[pezy])?(?:flops?|flos)(?:s?days?)?|pfs?days?|"
    rf"{_OF_MACHINES}(?:hours?|hrs|days)",
}
_FILLERS = (
    "n|nb|num|nr|number|count|of|the|total|overall|all|in|nombre|numero|de|des|d|anzahl|zahl|der|an|gesamt|grosse|size|"
    "model|modell|train|training|trainings|trained|trainable|entrainement|pre|seen|used|consumed|processed|pass|dense|"
    "(?:non|excl|excluding|without)(?:embeddings?|embed|emb|vocab|zero)|fine|tuning|finetune|finetuning|sft|student|"
    "distill|distillation|dataset|base|backbone"
)
_QUALIFIERS = {
    "active": "active_params",
    "activated": "active_params",
    "unique": "unique_tokens",
    "distinct": "unique_tokens",
}
_SPELLED = re.compile(
    rf"(?:{_FILLERS})*(?P<qualifier>{'|'.join(_QUALIFIERS)})?(?:{_FILLERS})*"
    rf"(?:{'|'.join(f'(?P<{name}>{nouns})' for name, nouns in _NOUNS.items())})"
    rf"(?:{_FILLERS})*(?P<behind>{'|'.join(_QUALIFIERS)})?"
)
"""A noun with words around it that leave its meaning: `Anzahl Tokens`, `non-zero params`, `images seen`."""
_LOG_PREFIX = re.compile(r"^(log_?10|lg|log)(?:[ _-]+(?=\w)|\s*\((?P<inner>[^()]+)\)$)", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")


_TIMING = word_list("timing")
"""Words of headings of times: `step_time_ms`, but not `test_time_compute`."""

_JOINED = re.compile(
    r"(train(?:ing)?|val(?:id|idation)?|eval|test|dev|heldout|best|final|last|mean|avg|average)"
    r"(loss|losses|error|err|acc|accuracy|ppl|perplexity|bpb|nll|score)"
    r"|(\w+)(verlust|fehler|genauigkeit|损失|准确率|精度|困惑度)"
)
"""Words that are written together: `valloss`, `Validierungsverlust`."""


def squash(heading: str) -> str:
    """The heading in lower case without separators and without a unit in brackets; capitals alone stay."""
    bare = re.sub(r"[(\[].*?[)\]]", "", folded(heading)).strip()
    return bare if len(bare) == 1 else re.sub(r"[\W_]", "", bare.lower())


def words(heading: str) -> set[str]:
    """The words of a heading in lower case, parted at separators and inner capitals, and `valloss` as well."""
    found = {word.lower() for word in _WORDS.findall(folded(heading))}
    joined = (_JOINED.fullmatch(word) for word in found)
    return found | {part for match in joined if match for part in match.groups() if part}


def is_logged(heading: str) -> bool:
    """Whether the heading says that its values are decimal logarithms (`log_flops`, `log10(N)`)."""
    return _LOG_PREFIX.match(heading.strip()) is not None


def is_clock(heading: str) -> bool:
    """Whether a heading names a time: when a run was, or how long it took."""
    last = path_of(heading.strip())[-1]
    return squash(last) in CLOCK_NAMES or ("time" in words(last) and words(last) <= _TIMING)


def recognise(heading: str, largest: float = 0.0) -> Quantity | None:
    """The quantity that a heading names, or None.

    A prefix `log` or `log10` is looked through, a multiple at the end (`params_M`), and the levels before the last
    of a nested heading (`config.model.n_params`).

    Args:
        largest: value of the column, where it is known: a `P` in the thousands is no number of streams.
    """
    last = _LOG_PREFIX.sub(lambda found: found["inner"] or "", path_of(heading.strip())[-1])
    known = _named(last)
    multiple, rest = _scaled(last)
    if known is None and multiple:
        known = _named(rest)
    if squash(last) == "precision" and largest > 0 and not MOST_BITS >= largest > 1:
        return None  # a share of right answers
    return _IF_LARGE.get(squash(last), known) if largest > MANY else known


def _named(heading: str) -> Quantity | None:
    bare = squash(heading)
    return _BY_HEADING.get(bare) or (_spelled(bare) if 1 < len(bare) <= LONGEST else None)


@cache
def _spelled(bare: str) -> Quantity | None:
    found = _SPELLED.fullmatch(bare)
    if found is None:
        return None
    noun = next(name for name in _NOUNS if found[name])
    qualifier = found["qualifier"] or found["behind"]
    if qualifier is None:
        return _BY_NAME[noun]
    named = _QUALIFIERS[qualifier]
    return _BY_NAME[named] if named.endswith(noun) else None


def by_quantity(headings: Iterable[str], largest: Mapping[str, float] | None = None) -> dict[str, list[str]]:
    """Name of a quantity -> the headings that name it; active parameters are those of a table that has no others.

    Args:
        largest: heading -> largest value of the column, where it is known.
    """
    found: dict[str, list[str]] = {}
    headings = list(headings)
    for heading in headings:
        quantity = recognise(heading, (largest or {}).get(heading, 0.0))
        if quantity is not None:
            found.setdefault(quantity.name, []).append(heading)
    if "active_params" in found:
        found.setdefault("params", found["active_params"])
    costs = of_one_sample({heading: most for heading, most in (largest or {}).items() if heading in headings})
    if costs:
        found["flops"] = [heading for heading in found["flops"] if heading not in costs]
    return found


def of_one_sample(largest: Mapping[str, float]) -> frozenset[str]:
    """Headings of compute that pays for a sample, as FLOPs of vision models do, and not for training.

    At six FLOP per parameter and token it would train the models of the table on less than a hundred thousand tokens.
    Far less than one token is compute in another unit, of which the heading does not tell.

    Args:
        largest: heading -> largest value of its column.
    """
    known = {heading: quantity.name for heading in largest if (quantity := recognise(heading, largest[heading]))}
    sizes = [most * 10.0 ** multiple_of(h) for h, most in largest.items() if known.get(h) == "params" and most > 0]
    if not sizes:
        return frozenset()
    low, high = ONE_SAMPLE
    compute = {h: largest[h] * 10.0 ** multiple_of(h) for h, name in known.items() if name == "flops"}
    return frozenset(h for h, most in compute.items() if low < most / (6 * max(sizes)) < high and not is_logged(h))


def counts_steps(heading: str, beside: Iterable[str]) -> bool:
    """Whether a column says how far a run has come; passes over a stated amount of data say how much it was given.

    Args:
        beside: headings of the other columns.
    """
    word = squash(path_of(heading)[-1])
    return word in STEP_NAMES and not (word in EPOCH_NAMES and "unique_tokens" in by_quantity(beside))


def multiple_of(heading: str) -> int:
    """The power of ten by which a heading says its numbers must be multiplied: 6 for `params (M)`, else 0."""
    return _scaled(heading)[0]


def _scaled(heading: str) -> tuple[int, str]:
    """The power of ten that a heading says, at its end or before its noun, and the heading without it."""
    text = folded(heading).strip()
    for pattern in (_PREFIX, _SUFFIX):
        found = pattern.search(text)
        word = next((part for part in found.groups() if part), "").lower().rstrip(".") if found else ""
        power = re.fullmatch(r"1e([0-9]+)|10(?:\^|\*\*)([0-9]+)", word)
        multiple = int(power[1] or power[2]) if power else _MULTIPLES.get(word, 0)
        if multiple:
            return multiple, pattern.sub("", text)
    return 0, text


def is_count(heading: str) -> bool:
    """Whether a heading names a number of parameters, tokens or the like, counted one by one."""
    quantity = recognise(heading)
    counted = quantity is not None and quantity.kind in ("size", "data") and quantity.rank == 1
    return counted and not multiple_of(heading) and not is_logged(heading)


def unit_of(heading: str, quantity: Quantity | None, logged: bool) -> str:
    """The unit of a column, by what its heading names."""
    if quantity is None:
        named = [unit for unit in UNITS if unit in words(heading)]
        return named[0] if len(named) == 1 else ""
    multiple = multiple_of(heading)
    return ("log10 of " if logged else "") + (f"10^{multiple} " if multiple else "") + quantity.unit
