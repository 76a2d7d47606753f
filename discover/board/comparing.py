"""Several laws at one point and along one column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from discover.arrays import Floats
from discover.errors import DiscoverError, InputError
from discover.export import FittedLaw
from discover.forecasts import Ensemble
from discover.forecasts.points import excesses
from discover.law.document import LawDocument
from discover.law.storage import read
from discover.plain_data import number_in

INTERVAL = 0.9
POINTS = 80
REACH = 10.0
"""How far beyond the data a curve goes, as a factor, where the point does not lie further out."""


@dataclass(frozen=True)
class Side:
    """One of the runs that are compared.

    Attributes:
        key: of the run.
        law: its law.
        ensemble: the average of laws with its intervals; None for a law without.
    """

    key: str
    law: FittedLaw
    ensemble: Ensemble | None

    @classmethod
    def of(cls, key: str, law_path: Path) -> Side:
        """The law of a run.

        Raises:
            InputError: there is no law.
        """
        document = read(law_path)
        return cls(key, FittedLaw(document), Ensemble.from_document(document) if document.forecasts else None)

    @property
    def document(self) -> LawDocument:
        return self.law.document

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that a forecast needs."""
        return self.law.features if self.ensemble is None else self.ensemble.inputs


@dataclass(frozen=True)
class Asked:
    """What to compare.

    Attributes:
        at: column -> value.
        group: of the laws that know it; "" for the first of each law.
        target: of the laws that know it; "" for the first of each law.
        along: column of the plot.
    """

    at: Mapping[str, float]
    group: str
    target: str
    along: str

    @classmethod
    def of(cls, given: Mapping[str, Any], sides: Sequence[Side]) -> Asked:
        """From the values of a form, with numbers as people write them; empty fields are what the data end at.

        Raises:
            InputError: a value is no number.
        """
        typed = given.get("at") or {}
        if not isinstance(typed, dict):
            raise InputError("at must be an object of columns and numbers")
        at = dict(usual_point(sides))
        for name, text in typed.items():
            if str(text).strip() and name in at:
                at[name] = _number(name, str(text), multiple(name, sides))
        along = str(given.get("along") or "")
        if along not in at:
            along = next(iter(at), "")
        return cls(at, str(given.get("group") or ""), str(given.get("target") or ""), along)


def usual_point(sides: Sequence[Side]) -> dict[str, float]:
    """Every column that a law needs, at the largest value that any run has seen."""
    found: dict[str, float] = {}
    for side in sides:
        for name in side.needed:
            if name in side.document.domain:
                found[name] = max(side.document.domain[name][1], found.get(name, -math.inf))
    return found


def multiple(name: str, sides: Sequence[Side]) -> float:
    """How many of its unit a column counts as one, by the first law that has it."""
    return next((side.document.multiple(name) for side in sides if name in side.document.feature_names), 1.0)


def compare(sides: Sequence[Side], asked: Asked) -> dict[str, Any]:
    """Forecasts at the point and curves along a column, one of each for every run."""
    grid, log = _grid(sides, asked)
    return {
        "at": dict(asked.at),
        "along": asked.along,
        "log": log,
        "multiple": multiple(asked.along, sides),
        "runs": [_told(side, asked, grid) for side in sides],
    }


def _told(side: Side, asked: Asked, grid: Floats) -> dict[str, Any]:
    group = asked.group if asked.group in side.law.groups else side.law.groups[0]
    target = asked.target if asked.target in side.law.targets else side.law.targets[0]
    told: dict[str, Any] = {"run": side.key, "group": group if len(side.law.groups) > 1 else "", "target": target}
    point = {name: asked.at[name] for name in side.needed if name in asked.at}
    try:
        told |= {key: values[0] for key, values in _forecast(side, point, group, target, 1).items()}
        told["beyond"] = [excess.text for excess in excesses(side.document, point)]
    except DiscoverError as problem:
        told["trouble"] = str(problem)
        return told
    if asked.along in side.needed:
        along = point | {asked.along: grid}
        told["curve"] = {"x": grid.tolist(), **_forecast(side, along, group, target, len(grid))}
        told["ends"] = list(side.document.domain.get(asked.along, ()))
    return told


def _forecast(side: Side, columns: Mapping[str, Any], group: str, target: str, n: int) -> dict[str, list[Any]]:
    wide = {name: np.broadcast_to(np.asarray(values, float), (n,)) for name, values in columns.items()}
    if side.ensemble is not None:
        found = side.ensemble.intervals(wide, [group] * n, levels=(INTERVAL,), target=target)
        lower, upper = found.lower[INTERVAL], found.upper[INTERVAL]
        values = {"value": found.value, "law": found.law, "lower": lower, "upper": upper}
    else:
        said = np.asarray(side.law(wide, group=group)).reshape(n, -1)[:, side.law.targets.index(target)]
        values = {"value": said, "law": said}
    return {key: [float(v) if math.isfinite(v) else None for v in array] for key, array in values.items()}


def _grid(sides: Sequence[Side], asked: Asked) -> tuple[Floats, bool]:
    """Values of the column of the plot, from the smallest that was seen to beyond the largest; whether by factors."""
    ends = [side.document.domain[asked.along] for side in sides if asked.along in side.document.domain]
    if not ends:
        return np.zeros(0), False
    low, high, point = min(low for low, _ in ends), max(high for _, high in ends), asked.at[asked.along]
    if low > 0 and high > 0 and point > 0:
        return np.geomspace(min(low, point), max(high * REACH, point * 2.0), POINTS), True
    wide = high - low or 1.0
    return np.linspace(min(low, point), max(high + 0.2 * wide, point), POINTS), False


def _number(name: str, text: str, multiple: float) -> float:
    try:
        value = number_in(text.strip(), multiple)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name} is {text!r}; expected a number such as 7e9, 7B or 1.4T")
    return value
