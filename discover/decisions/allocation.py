"""Best values of a law's features for a budget, or the least cost of a result, with what is known of them.

The optimum is, as a forecast is, the average over the laws that the data cannot tell apart, by their weights. How sure
it is, is told by the optima of all these laws under other plausible constants (an interval), and by how far the laws
are apart (a range).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from discover.decisions.answer import Allocation, Optimum, Quantity
from discover.decisions.asked import Asked
from discover.decisions.averaging import Reading, assumption, exponents_over
from discover.decisions.belief import doubted, failure
from discover.decisions.questions import Ends, Question, plan
from discover.errors import InputError
from discover.export.law import FittedLaw
from discover.forecasts import Draws, Ensemble
from discover.law.document import LawDocument
from discover.law.storage import read

MOST_BUDGETS = 60
COVERED = 0.95  # of the weight of all laws: the lightest ones beyond that are not asked


def allocate(
    law: FittedLaw | LawDocument | Ensemble | str | Path,
    *,
    minimise: str = "",
    cost: str | None = None,
    budget: float | Sequence[float] | None = None,
    subject_to: str | Sequence[str] = (),
    bounds: Mapping[str, Ends] | None = None,
    fix: Mapping[str, float] | None = None,
    group: str | None = None,
    seed: int = 0,
) -> Allocation:
    """Finds the values of a law's features that are best for a budget, or cheapest for a result.

    It searches positive features in the logarithm, from many starts and with exact derivatives; the optimum of one law
    is exact to about ten digits. The optimum of several laws is the weighted mean of theirs, in logarithms, moved to
    the nearest point that meets the conditions. For E + A*N**-a + B*D**-b under 6*N*D = C it equals that of Hoffmann et
    al. (2022, arXiv:2203.15556, equation 4).

    Args:
        law: a loaded law, a law document, an ensemble, a run folder or a law.json.
        minimise: a formula over targets, features and `cost`. "" minimises the law's only target, or maximises it if
            its name says that larger is better, as for an accuracy.
        cost: a formula over features and the names in `fix`, such as "6*params*tokens".
        budget: upper limit of the cost; several for a sweep.
        subject_to: conditions such as "loss <= 2.1".
        bounds: feature -> (lower, upper); None for no limit.
        fix: feature -> value.
        group: name of a group; by default every group gets its own optimum.
        seed: seed of the starting points.

    Raises:
        InputError: a name is unknown; or no group has a point that meets the conditions and a bounded optimum.
        FormulaError: a text is not a formula.
    """
    document, ensemble = _source(law)
    budgets = _budgets(budget)
    conditions = (subject_to,) if isinstance(subject_to, str) else tuple(subject_to)
    question = Question(minimise, cost, bool(budgets), conditions, dict(bounds or {}), dict(fix or {}))
    laws = _heaviest(ensemble.laws) if ensemble is not None else (Draws(document, 1.0, {}),)
    asked = _asked(question, laws)
    bounds_of_target = ensemble.bounds if ensemble is not None else (-math.inf, math.inf)
    optima: list[Optimum] = []
    exponents: dict[str | None, Mapping[str, Quantity]] = {}
    refused: dict[str | None, str] = {}
    for name in document.groups if group is None else (group,):
        label = name if document.group_column is not None else None
        code = document.group_code(name)
        chosen = asked[0].path(code, budgets, seed)
        paths = [chosen, *(one.path(code, budgets, seed, guide=(asked[0], chosen)) for one in asked[1:])]
        why = failure(asked[0], paths[0], budgets, label)
        if why is not None:
            refused[label] = why
            continue
        paths = [doubted(one, path, asked[0], paths[0], bounds_of_target, code, budgets)
                 for one, path in zip(asked, paths, strict=True)]  # fmt: skip
        assumed = assumption(asked, paths, budgets, code)
        readings = [
            Reading(ensemble, asked, paths, place, label, code, limit, assumed)
            for place, limit in enumerate(budgets or (None,))
        ]
        optima += [reading.optimum() for reading in readings]
        if len(budgets) > 1:
            exponents[label] = exponents_over(readings, budgets)
    if not optima:
        raise InputError(next(iter(refused.values())))
    draws = sum(map(len, laws)) if ensemble is not None else 0
    return Allocation(
        document.formula, asked[0].plan.minimised, cost, question.fixed, tuple(optima), exponents, len(laws), draws,
        refused,
    )  # fmt: skip


def _source(law: FittedLaw | LawDocument | Ensemble | str | Path) -> tuple[LawDocument, Ensemble | None]:
    """The chosen law, and the ensemble where the law has one beside it."""
    if isinstance(law, Ensemble):
        return law.document, law
    if isinstance(law, FittedLaw):
        law = law.document
    document = law if isinstance(law, LawDocument) else read(law)
    return document, Ensemble.from_document(document) if document.forecasts else None


def _heaviest(laws: Sequence[Draws]) -> tuple[Draws, ...]:
    """The chosen law, which is the first, and the heaviest of the others that together make up nearly all weight."""
    order = [0, *sorted(range(1, len(laws)), key=lambda i: -laws[i].weight)]
    before = np.cumsum([0.0, *(laws[i].weight for i in order)])
    return tuple(laws[i] for i, passed in zip(order, before[:-1], strict=True) if passed < COVERED * before[-1])


def _asked(question: Question, laws: Sequence[Draws]) -> list[Asked]:
    """The question to every law; another than the chosen one that it cannot be put to is left out.

    That is one that reads a column which is not positive and has no bounds.
    """
    out = [Asked(laws[0], plan(question, laws[0].document))]
    for one in laws[1:]:
        try:
            out.append(Asked(one, plan(question, one.document)))
        except InputError:
            continue
    return out


def _budgets(budget: float | Sequence[float] | None) -> tuple[float, ...]:
    if budget is None:
        return ()
    found = tuple(sorted(float(b) for b in np.atleast_1d(np.asarray(budget, np.float64))))
    if not all(math.isfinite(b) and b > 0 for b in found):
        raise InputError(f"the budget is {', '.join(f'{b:g}' for b in found)}; expected numbers above zero")
    if len(found) > MOST_BUDGETS:
        raise InputError(f"a sweep over {len(found)} budgets; expected at most {MOST_BUDGETS}")
    return found
