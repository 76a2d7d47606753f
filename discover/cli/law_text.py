"""A fit for `--json`: the law's keys, how well it fits its rows, and every reason for doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from discover.data.table import Table
    from discover.fitting import Bootstrap, FitResult
    from discover.law.document import LawDocument


def fit_summary(document: LawDocument, fit: FitResult, rows: Table, resamples: Bootstrap | None) -> dict[str, Any]:
    """The keys of a fit; `intervals` are 90 % bootstrap intervals, null without a bootstrap."""
    from discover.fitting import diagnose, no_freedom
    from discover.law.storage import law_keys
    from discover.scoring import metrics

    found = metrics(fit.predict(rows.features, rows.group), rows.targets)
    doubts, reason = diagnose(fit, rows), no_freedom(fit, rows) or None
    return law_keys(document) | {
        "rows": len(rows),
        "objective": fit.objective,
        "fit": {"r2": found.r2, "rmse": found.rmse, "mare": found.mare},
        "converged": fit.diagnostics.converged,
        "agreed": fit.diagnostics.agreed,
        "condition": doubts.condition,
        "identifiable": doubts.identifiable,
        "warnings": [f"{concern.value}: {what}" for concern, what in doubts.concerns],
        "intervals": None if resamples is None or reason else _intervals(document, resamples),
        "no_intervals": reason,
    }


def _intervals(document: LawDocument, resamples: Bootstrap) -> list[dict[str, Any]]:
    ends = resamples.intervals(0.9)
    names = resamples.result.structure.constants
    return [
        {
            "group": group,
            "target": target,
            "values": {name: [ends[0, g, t, i], ends[1, g, t, i]] for i, name in enumerate(names)},
        }
        for g, group in enumerate(document.groups)
        for t, target in enumerate(document.targets)
    ]
