"""What the code of forecasts has in common: the weighted mean of a run's laws, as `discover.averages` takes it.

Every language gets a function per law, the weights, and the mean; intervals need draws and stay in law.json.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from discover.averages import HALF, TINY
from discover.export.identifiers import one_line, safe_names
from discover.export.layout import Layout
from discover.forecasts import Ensemble
from discover.law.document import LawDocument
from discover.rules import RULES

OWN_NAMES = frozenset((
    "average", "said", "known", "shares", "order", "passed", "laws", "columns", "names", "law", "inward", "restrained",
    "disagreement", "edge", "inside", "times", "value",
))  # fmt: skip

INF = float("inf")


def laid_out(
    ensemble: Ensemble, lay: Callable[[LawDocument], Layout], reserved: Collection[str]
) -> tuple[list[Layout], list[str]]:
    """The laws in a language, and identifiers of all columns that any of them reads."""
    names = safe_names(ensemble.inputs, reserved)
    return [lay(law.document) for law in ensemble.laws], [names[name] for name in ensemble.inputs]


def filled(ensemble: Ensemble, mark: str, infinity: str, false_true: tuple[str, str]) -> dict[str, object]:
    """What the templates of all languages need.

    Args:
        mark: begins a comment.
        infinity: how the language writes it.
        false_true: the same of truth values.
    """
    low, high = ensemble.bounds
    return {
        "heading": forecast_heading(ensemble, mark), "weights": ", ".join(map(repr, ensemble.weights.tolist())),
        "logs": false_true[ensemble.logs], "low": f"-{infinity}" if low == -INF else repr(low),
        "high": infinity if high == INF else repr(high), "quantiles": ", ".join(map(str, HALF)),
        **rules(),
    }  # fmt: skip


def rules() -> dict[str, float]:
    """By which numbers the mean is taken."""
    found = RULES.average
    return {"reach": found.reach, "upper_part": found.upper_part, "yielding": found.yielding, "tiny": TINY}


def ends_of(ensemble: Ensemble) -> tuple[list[bool], list[list[float]], list[list[float]]]:
    """Where the data end, for every input of the laws.

    Returns:
        Whether it is measured by its logarithm; its largest value of every group, infinite for one that is no axis; the
        width of its values. The latter two of shape (groups, inputs).
    """
    reach, groups = ensemble.drift.reach, len(ensemble.document.groups)
    axes = [name if name in reach.axes else None for name in ensemble.inputs]
    logged = [name in reach.logged for name in axes]
    highs = [[INF if name is None else float(reach.ends[name][g, 1]) for name in axes] for g in range(groups)]
    widths = [[1.0 if name is None else float(reach.widths(name)[g]) for name in axes] for g in range(groups)]
    return logged, highs, widths


def places_of(ensemble: Ensemble, layout: Layout) -> str:
    """Where the inputs of a law stand among those of all."""
    return str([ensemble.inputs.index(name) for name in layout.inputs])


def forecast_heading(ensemble: Ensemble, mark: str) -> str:
    """The comment at the top of the file."""
    document = ensemble.document
    targets = ", ".join(document.targets)
    kind = "logarithms" if ensemble.logs else "values"
    text = [
        f"Forecast of task {document.task}: {targets}",
        f"The mean of the {kind} of {len(ensemble.laws)} laws that the data cannot tell apart. The first explains it:",
        f"{targets} = {document.formula}",
        f"Made by discover {document.versions.get('discover', '')}".rstrip(),
    ]
    return "\n".join(f"{mark} {one_line(line)}" for line in text)
