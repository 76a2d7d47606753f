"""Names that the field gives to columns of a table of training experiments; used for guesses only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from discover.data.exports import path_of

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


QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "params",
        "size",
        "parameters",
        "model parameters",
        1,
        "N params param model nparams numparams parameters nparameters numparameters paramcount "
        "parametercount modelsize modelparams nonembeddingparams nonembeddingparameters "
        "nonembeddingparamsize nonvocabparameters nonvocabparams denseparams "
        "denseparametercount totalparams studentparams studentsize ns",
    ),
    Quantity(
        "active_params",
        "size",
        "parameters",
        "parameters active per token",
        1,
        "activeparams activeparameters nactive numactiveparams activatedparams activatedparameters",
    ),
    Quantity(
        "tokens",
        "data",
        "tokens",
        "training tokens",
        1,
        "D tokens ntokens numtokens traintokens trainingtokens tokencount tokensseen seentokens totaltokens "
        "trainedtokens tokenstrained consumedtokens pretraintokens pretrainingtokens distilltokens distillationtokens "
        "datasize datasetsize ndata ds",
    ),
    Quantity(
        "examples",
        "data",
        "examples",
        "training examples",
        1,
        "examples nexamples numexamples samples nsamples numsamples sftdatasize trainsize "
        "trainingsize ntrain images nimages numimages samplesseen finetuneexamples finetuningexamples",
    ),
    Quantity(
        "characters",
        "data",
        "characters",
        "training characters",
        1,
        "characters ncharacters numcharacters chars nchars bytes nbytes",
    ),
    Quantity(
        "flops",
        "compute",
        "FLOP",
        "training compute",
        1,
        "C flops flop nflops compute trainflops trainingflops pretrainflops trainingcompute traincompute "
        "pretraincompute petaflopdays gpuhours",
    ),
    Quantity(
        "unique_tokens",
        "data",
        "tokens",
        "distinct training tokens",
        1,
        "U uniquetokens nunique uniquedata distincttokens",
    ),
    Quantity(
        "streams",
        "inference",
        "streams",
        "parallel streams",
        1,
        "P streams nstreams parallelsize parallelstreams",
    ),
    Quantity(
        "vocab_size",
        "setting",
        "token types",
        "entries of the vocabulary",
        2,
        "V vocab vocabsize vocabulary vocabularysize",
    ),
    Quantity(
        "experts",
        "size",
        "experts",
        "experts per routed layer",
        2,
        "experts nexperts numexperts expertcount",
    ),
    Quantity(
        "width",
        "size",
        "units",
        "width of the model",
        2,
        "width dmodel hiddensize hiddendim embeddim modelwidth modeldim",
    ),
    Quantity(
        "depth",
        "size",
        "layers",
        "layers of the model",
        2,
        "depth layers nlayers numlayers nlayer",
    ),
    Quantity(
        "teacher_loss",
        "setting",
        "nats per token",
        "validation loss of the teacher",
        0,
        "teacherloss teachercrossentropy teacherce lt",
    ),
    Quantity(
        "sparsity",
        "setting",
        "1",
        "share of the parameters that are zero or inactive",
        0,
        "sparsity sparsityratio pruningratio",
    ),
    Quantity(
        "bits",
        "setting",
        "bits",
        "bits per weight",
        0,
        "bits nbits numbits weightbits bitsperweight bitwidth precision quantbits",
    ),
    Quantity(
        "lr",
        "setting",
        "1",
        "peak learning rate",
        0,
        "lr learningrate peaklr maxlr eta",
    ),
    Quantity(
        "batch_size",
        "setting",
        "sequences",
        "batch size",
        0,
        "B bs bsz batch batchsize globalbatchsize batchtokens",
    ),
    Quantity(
        "weight_decay",
        "setting",
        "1",
        "weight decay",
        0,
        "wd weightdecay",
    ),
)

STEP_NAMES = frozenset(("step", "steps", "iteration", "iterations", "iter", "iters", "epoch"))
"""Headings of progress within a run: kept only when nothing else is left to predict from."""

BOOKKEEPING_NAMES = frozenset(
    (
        "seed",
        "id",
        "index",
        "idx",
        "run",
        "runid",
        "runname",
        "row",
        "trial",
        "trialid",
        "unnamed0",
        "rank",
        "job",
    )
)
"""Headings that number runs instead of describing them."""

CLOCK_NAMES = frozenset(
    (
        "runtime",
        "walltime",
        "timestamp",
        "time",
        "elapsed",
        "duration",
        "seconds",
        "created",
        "createdat",
        "updated",
        "starttime",
        "endtime",
        "relativetime",
    )
)
"""Headings that tell when and how long a run ran."""

TRACKER_NAMES = frozenset(
    (
        "name",
        "displayname",
        "state",
        "status",
        "notes",
        "user",
        "username",
        "tags",
        "sweep",
        "group",
        "jobtype",
        "host",
        "hostname",
        "commit",
        "entity",
        "project",
        "description",
        "url",
        "path",
        "os",
        "python",
        "program",
        "gpucount",
        "gputype",
        "gpu",
        "device",
        "outputdir",
        "logdir",
    )
)
"""Headings by which a tracker's export keeps its books."""

OUTCOME_WORDS = frozenset(
    (
        "loss",
        "losses",
        "error",
        "err",
        "perplexity",
        "ppl",
        "accuracy",
        "acc",
        "score",
        "bpb",
        "nll",
        "stderr",
        "std",
    )
)
"""Words of results and their errors: never a feature by guess."""

GIVEN_WORDS = frozenset(("teacher", "draft", "proxy", "reference", "base", "pretrain", "pretrained", "upstream"))
"""Words of models that were there before the run: their results are causes."""

FALLING_WORDS = frozenset(("loss", "losses", "error", "perplexity", "ppl", "bpb", "nll"))
"""Words of results that are better when smaller."""

RISING_SHARES = frozenset(("accuracy", "acc", "pass", "match", "mmlu", "winrate"))
"""Words of results that are shares, of one or in per cent."""

_MULTIPLES = {
    "k": 3, "thousand": 3, "thousands": 3, "m": 6, "mn": 6, "million": 6, "millions": 6,
    "b": 9, "bn": 9, "g": 9, "billion": 9, "billions": 9, "t": 12, "tn": 12, "trillion": 12, "trillions": 12,
}  # fmt: skip
_SUFFIX = re.compile(r"[ _-](?P<bare>[A-Za-z]+)$|[(\[]\s*(?P<inner>[A-Za-z]+)\s*[)\]]$")

_BY_HEADING = {heading: quantity for quantity in QUANTITIES for heading in quantity.headings.split()}
MANY = 1000.0
_IF_LARGE = {"P": _BY_HEADING["params"]}
"""Capitals that stand for something else where the values are large."""
_LOG_PREFIX = re.compile(r"^(log10|lg|log)[ _-]+(?=\w)", re.IGNORECASE)


def squash(heading: str) -> str:
    """The heading in lower case without separators and without a unit in brackets; capitals alone stay."""
    bare = re.sub(r"[(\[].*?[)\]]", "", heading).strip()
    return bare if len(bare) == 1 else re.sub(r"[^a-z0-9]", "", bare.lower())


def words(heading: str) -> set[str]:
    """The words of a heading in lower case, parted at separators and inner capitals."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", heading)}


def is_logged(heading: str) -> bool:
    """Whether the heading says that its values are decimal logarithms (`log_flops`, `log10 N`)."""
    return _LOG_PREFIX.match(heading.strip()) is not None


def recognise(heading: str, largest: float = 0.0) -> Quantity | None:
    """The quantity that a heading names, or None.

    A prefix `log` or `log10` is looked through, a multiple at the end (`params_M`), and the levels before the last
    of a nested heading (`config.model.n_params`).

    Args:
        largest: value of the column, where it is known: a `P` in the thousands is no number of streams.
    """
    last = _LOG_PREFIX.sub("", path_of(heading.strip())[-1])
    known = _BY_HEADING.get(squash(last))
    if known is None and multiple_of(last):
        known = _BY_HEADING.get(squash(_SUFFIX.sub("", last)))
    return _IF_LARGE.get(squash(last), known) if largest > MANY else known


def by_quantity(headings: Iterable[str], largest: Mapping[str, float] | None = None) -> dict[str, list[str]]:
    """Name of a quantity -> the headings that name it; active parameters are those of a table that has no others.

    Args:
        largest: heading -> largest value of the column, where it is known.
    """
    found: dict[str, list[str]] = {}
    for heading in headings:
        quantity = recognise(heading, (largest or {}).get(heading, 0.0))
        if quantity is not None:
            found.setdefault(quantity.name, []).append(heading)
    if "active_params" in found:
        found.setdefault("params", found["active_params"])
    return found


def multiple_of(heading: str) -> int:
    """The power of ten by which a heading says its numbers must be multiplied: 6 for `params (M)`, else 0."""
    found = _SUFFIX.search(heading.strip())
    return _MULTIPLES.get((found["bare"] or found["inner"]).lower(), 0) if found else 0
