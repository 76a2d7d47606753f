"""The sealed rows as they were when a run opened them, so that a report can show them without another opening."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from discover.data.table import Table
from discover.errors import InputError
from discover.files import write_whole
from discover.plain_data import quoted

NAME = "sealed.json"


def remember(folder: Path, rows: Table) -> None:
    """Writes the rows that were opened into the run's folder.

    Raises:
        InputError: not writable, or the disk is full.
    """
    content = {
        "features": {name: values.tolist() for name, values in rows.features.items()},
        "targets": dict(zip(rows.target_names, rows.targets.T.tolist(), strict=True)),
        "group": rows.group.tolist(),
        "groups": list(rows.group_names),
    }
    write_whole(folder / NAME, json.dumps(content).encode())


def remembered(folder: Path, train: Table) -> Table | None:
    """The rows that this run opened; None if it opened none.

    Args:
        folder: of the run.
        train: its train rows, whose columns and groups the rows must have.

    Raises:
        InputError: the file is damaged.
    """
    place = folder / NAME
    try:
        content = json.loads(place.read_bytes())
        targets = [content["targets"][name] for name in train.target_names]
        rows = Table(
            features={name: np.array(content["features"][name], dtype=np.float64) for name in train.features},
            targets=np.array(targets, dtype=np.float64).T,
            target_names=train.target_names,
            group=np.array(content["group"], dtype=np.int64),
            group_names=tuple(content["groups"]),
        )
        sizes = {len(rows.group), *map(len, rows.features.values())}
        if sizes != {len(rows)} or rows.group_names != train.group_names:
            raise ValueError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{place} is damaged; expected the sealed rows of the run "
            f"(discover evaluate {quoted(folder)} writes it again)"
        ) from None
    return rows
