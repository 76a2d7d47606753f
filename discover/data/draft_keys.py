"""The choices of a draft as the keys of a task file."""

from __future__ import annotations

from typing import Any

import numpy as np

from discover.data.aliases import is_logged, recognise, unit_of
from discover.data.draft import Draft
from discover.data.relations import DECADE, span


def keys_of(draft: Draft) -> dict[str, Any]:
    """The choices as the keys of a task file."""
    columns = [_column(draft, heading, "feature") for heading in draft.features]
    columns += [_column(draft, heading, "target") for heading in draft.targets]
    return {
        "dataset": str(draft.raw.path),
        "features": tuple(draft.name(heading) for heading in draft.features),
        "target": tuple(draft.name(heading) for heading in draft.targets),
        "group": draft.group,
        "extrapolate": tuple(draft.name(heading) for heading in draft.axes),
        "weights": draft.weights,
        "run": draft.run,
        "errors": draft.errors,
        "split": draft.split,
        "columns": columns,
    }


def _column(draft: Draft, heading: str, role: str) -> dict[str, str]:
    values = draft.values(heading) if role == "feature" else np.empty(0)  # of a target some may be sealed
    quantity = recognise(heading, values.max(initial=0.0)) if role == "feature" else None
    logged = quantity is not None and is_logged(heading)
    # Settings and unknown columns may hold zeros, and so may data, of which a run can have none; sizes may not.
    may_be_zero = quantity is None or quantity.kind == "setting" or (quantity.kind == "data" and not values.all())
    scaled = not may_be_zero and not logged
    share = heading in draft.shares
    positive = scaled or (not logged and not share and span(values) >= DECADE)
    return {
        "name": draft.name(heading),
        "source": "" if draft.name(heading) == heading else heading,
        "role": role,
        "meaning": "" if quantity is None else ("log10 of " if logged else "") + quantity.meaning,
        "unit": unit_of(heading, quantity, logged),
        "domain": "fraction" if share else "positive" if scaled else "real",
        "scale": "log10" if logged else "log" if positive else "linear",
    }
