"""The forecasts' part of law.json: key `forecasts`.

laws         the chosen law first; formula, shared constants, recipe, weight, and `constants`: 64-bit numbers,
             little-endian, base64, shape (1 + draws, groups, targets, constants), row 0 the best constants,
             the constants in the order of their first appearance in the formula
noise        scale per group and target; whether it multiplies, per target
drift        reach of the data per column and group, logged columns, base, growth, start
bounds       known lower and upper bound of the targets, null for none
mean         "log" or "value": what is averaged over the laws; in files that do not say, the values
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from discover.arrays import Floats
from discover.errors import DiscoverError, InputError
from discover.expressions import constant_names, parse
from discover.forecasts.drift import Drift
from discover.forecasts.ensemble import Draws, Ensemble, Noise
from discover.law.document import ConstantSet, LawDocument
from discover.scoring.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Collection


def with_forecasts(ensemble: Ensemble) -> LawDocument:
    """The chosen law's document with everything that forecasts need."""
    return replace(ensemble.document, forecasts=_content(ensemble))


def _content(ensemble: Ensemble) -> dict[str, Any]:
    drift = ensemble.drift
    return {
        "laws": [_law(law) for law in ensemble.laws],
        "noise": {"scale": ensemble.noise.scale.tolist(), "log": list(ensemble.noise.log)},
        "drift": {
            "growth": drift.growth,
            "ends": {name: ends.tolist() for name, ends in drift.reach.ends.items()},
            "logged": sorted(drift.reach.logged),
            "axes": list(drift.reach.axes),
            "front": [points.tolist() for points in drift.reach.front],
        },
        "bounds": [bound if np.isfinite(bound) else None for bound in ensemble.bounds],
        "mean": "log" if ensemble.logs else "value",
    }


def _law(law: Draws) -> dict[str, Any]:
    document = law.document
    constants = [np.concatenate([best[None], law.values[name]]) for name, best in document.by_name.items()]
    stacked = np.stack(constants, axis=-1) if constants else np.empty(0)
    return {
        "formula": document.formula,
        "shared": list(document.shared),
        "recipe": dict(document.recipe),
        "weight": law.weight,
        "constants": base64.b64encode(stacked.astype("<f8").tobytes()).decode(),
    }


def restored(document: LawDocument) -> Ensemble:
    """The ensemble that a document holds.

    Raises:
        InputError: the document holds none, or it is damaged.
    """
    content = document.forecasts
    if document.no_intervals:
        raise InputError(f"this law has no intervals: {document.no_intervals}")
    if not content:
        raise InputError(
            "this law has no uncertainty beside it, so it has no intervals; "
            "expected the law.json of `discover run` or of `discover fit --out`"
        )
    try:
        return _ensemble(document, content)
    except (KeyError, TypeError, ValueError, IndexError, binascii.Error, DiscoverError) as problem:
        raise InputError(f"the key forecasts of the law is damaged: {problem}") from None


def _ensemble(document: LawDocument, content: Mapping[str, Any]) -> Ensemble:
    bare = replace(document, forecasts={})
    size = (len(document.groups), len(document.targets))
    reach = _reach(content["drift"], size[0])
    scale = _array(content["noise"]["scale"], size)
    low, high = content["bounds"]
    laws = tuple(_draws(bare, entry, first=i == 0) for i, entry in enumerate(content["laws"]))
    if not laws or set(reach.ends) != set(document.feature_names):
        raise ValueError("no law, or other columns than the law's")
    return Ensemble(
        laws=laws,
        noise=Noise(scale, _flags(content["noise"]["log"], size[1])),
        drift=Drift(reach, scale, float(content["drift"]["growth"])),
        bounds=(-np.inf if low is None else float(low), np.inf if high is None else float(high)),
        logs=content.get("mean") == "log",
    )


def _reach(content: Mapping[str, Any], groups: int) -> Reach:
    ends = {str(name): _array(pairs, (groups, 2)) for name, pairs in content["ends"].items()}
    axes = tuple(map(str, content["axes"]))
    if len(content["front"]) != groups or not set(axes) <= set(ends):
        raise ValueError("drift.front; expected points of every group, and axes among the columns")
    front = tuple(_array(points, (len(points), len(axes or ends))) for points in content["front"])
    return Reach(frozenset(map(str, content["logged"])), axes, ends, front)


def _draws(bare: LawDocument, entry: Mapping[str, Any], first: bool) -> Draws:
    formula = str(entry["formula"])
    names = constant_names(parse(formula, bare.feature_names))
    shape = (len(bare.groups), len(bare.targets), len(names))
    flat = np.frombuffer(base64.b64decode(entry["constants"], validate=True), dtype="<f8").astype(np.float64)
    values = flat.reshape(-1, *shape) if names else np.empty((2, *shape))
    document = bare if first else runner_up(bare, formula, values[0], entry["shared"], entry["recipe"])
    return Draws(document, float(entry["weight"]), {name: values[1:, :, :, i] for i, name in enumerate(names)})


def runner_up(
    chosen: LawDocument, formula: str, constants: Floats, shared: Collection[str], recipe: Mapping[str, Any]
) -> LawDocument:
    """Another law for the same task as a document; constants of shape (groups, targets, constants)."""
    names = constant_names(parse(formula, chosen.feature_names))
    sets = tuple(
        ConstantSet(entry.group, entry.target, dict(zip(names, row.tolist(), strict=True)))
        for entry, row in zip(chosen.constants, constants.reshape(len(chosen.constants), -1), strict=True)
    )
    in_order = tuple(name for name in names if name in shared)  # a set has another order in every process
    return replace(
        chosen, formula=formula, constants=sets, shared=in_order, recipe=dict(recipe),
        n_constants=len(names) * len(chosen.targets), inner_error=None, forecasts={},
    )  # fmt: skip


def _array(values: Sequence[Any], shape: tuple[int, ...]) -> Floats:
    out = np.array(values, dtype=np.float64)
    if out.shape != shape or not np.all(np.isfinite(out)):
        raise ValueError(f"numbers of shape {out.shape}; expected finite ones of shape {shape}")
    return out


def _flags(values: Sequence[Any], n: int) -> tuple[bool, ...]:
    if len(values) != n or not all(isinstance(value, bool) for value in values):
        raise ValueError("noise.log; expected true or false for every target")
    return tuple(values)
