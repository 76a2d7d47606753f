"""The human laws beside a discovered one: with the constants that were published, and refitted by us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from discover.data.table import Table
from discover.fitting import THOROUGH, Diagnostics, FitFailure, FitResult, fit
from discover.law import Law, get_law
from discover.law.intake import recipe_of, structure_of

Variant = Literal["published", "refitted"]


@dataclass(frozen=True)
class HumanLaw:
    """A human law with constants, ready to be judged.

    Attributes:
        law: identifier in the library.
        variant: whose constants.
        fit: the law with its constants.
    """

    law: str
    variant: Variant
    fit: FitResult


def human_laws(identifiers: Sequence[str], train: Table, seed: int = 0, published: bool = True) -> list[HumanLaw]:
    """The human laws of a task, as published where constants for all groups are recorded, and refitted.

    Sealed rows play no part: refits see the train rows only. A law that cannot be fitted is left out.

    Args:
        identifiers: of laws in the library.
        train: the train rows.
        seed: of the drawn starting points.
        published: whether the recorded constants are of the experiments in this table; those of other
            experiments would say nothing.

    Raises:
        InputError: an identifier is not in the library.
    """
    train = replace(train, sweep=None)  # as their studies fitted them
    result: list[HumanLaw] = []
    for law in map(get_law, identifiers):
        recorded = published_fit(law, train) if published else None
        if recorded is not None:
            result.append(HumanLaw(law.id, "published", recorded))
        refitted = fit(structure_of(law), train, recipe_of(law), seed=seed, effort=THOROUGH)
        if not isinstance(refitted, FitFailure):
            result.append(HumanLaw(law.id, "refitted", refitted))
    return result


def published_fit(law: Law, table: Table) -> FitResult | None:
    """The law with its recorded constants for the groups of this table; None if some are not recorded.

    Where the table has groups, the label of a recorded set is the group; otherwise the first set counts.
    """
    chosen = _recorded(law, table)
    if chosen is None:
        return None
    structure = structure_of(law)
    values = np.array([[one[name] for name in structure.constants] for one in chosen], dtype=np.float64)
    constants = np.repeat(values[:, None, :], table.n_targets, axis=1)
    return FitResult(
        structure, recipe_of(law), constants, float("nan"), table.group_names, table.target_names, Diagnostics()
    )


def _recorded(law: Law, table: Table) -> list[Mapping[str, float]] | None:
    """Recorded constants group by group."""
    if not law.published or table.n_targets > 1:
        return None
    by_label = {item.label: item.constants for item in reversed(law.published)}
    if table.n_groups == 1:
        return [by_label.get(table.group_names[0], law.published[0].constants)]
    if not set(table.group_names) <= set(by_label):
        return None
    return [by_label[name] for name in table.group_names]
