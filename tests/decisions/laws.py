"""Laws with known constants, and ensembles of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from discover.expressions import constant_names, parse
from discover.forecasts import Draws, Ensemble, Noise
from discover.forecasts.drift import Drift
from discover.law.document import ConstantSet, FeatureInfo, LawDocument
from discover.scoring.reach import Reach

CHINCHILLA = "E + A*params**(-a) + B*tokens**(-b)"
PUBLISHED = {"E": 1.69, "A": 406.4, "B": 410.7, "a": 0.34, "b": 0.28}
FLOPS = "6*params*tokens"
SEEN = {"params": (1e7, 1e9), "tokens": (1e9, 1e11)}


def document(
    formula: str = CHINCHILLA,
    constants: Mapping[str, float] | Sequence[Mapping[str, float]] = PUBLISHED,
    domain: Mapping[str, tuple[float, float]] = SEEN,
    targets: tuple[str, ...] = ("loss",),
    groups: tuple[str, ...] = (),
) -> LawDocument:
    """A law; constants for every group and target, or one set for all."""
    names = groups or ("all",)
    used = constant_names(parse(formula, tuple(domain)))
    places = [(group, target) for group in names for target in targets]
    sets = [constants] * len(places) if isinstance(constants, Mapping) else constants
    return LawDocument(
        task="made",
        formula=formula,
        features=tuple(FeatureInfo(name) for name in domain),
        targets=targets,
        group_column="family" if groups else None,
        groups=names,
        constants=tuple(ConstantSet(g, t, {n: c[n] for n in used}) for (g, t), c in zip(places, sets, strict=True)),
        domain=dict(domain),
    )


def ensemble(
    laws: Sequence[LawDocument], draws: int = 60, spread: float = 0.02, noise: float = 0.01, seed: int = 0
) -> Ensemble:
    """Laws with constants that vary independently by so much."""
    rng = np.random.default_rng(seed)
    first = laws[0]
    size = (len(first.groups), len(first.targets))
    members = []
    for law in laws:
        best = np.array([[s.values[n] for n in law.constant_names] for s in law.constants]).reshape(*size, -1)
        drawn = best * (1 + spread * rng.standard_normal((draws, *best.shape)))
        values = {name: drawn[..., i] for i, name in enumerate(law.constant_names)}
        members.append(Draws(law, 1 / len(laws), values))
    ends = {name: np.tile(np.log10(pair), (size[0], 1)) for name, pair in first.domain.items()}
    base = np.full(size, noise)
    drift = Drift(Reach.box(ends, frozenset(first.domain)), base, 0.0)
    return Ensemble(tuple(members), Noise(base, (False,) * size[1]), drift)
