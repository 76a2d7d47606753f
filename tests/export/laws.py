"""Laws that every export target must carry, and points to compare at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from discover.export import FittedLaw
from discover.expressions import constant_names, parse
from discover.law.document import ConstantSet, FeatureInfo, LawDocument

N_POINTS = 200


@dataclass(frozen=True)
class Case:
    """A law: formula, feature -> range (drawn in the logarithm where positive), constant -> usual size."""

    name: str
    formula: str
    features: dict[str, tuple[float, float]]
    sizes: dict[str, float] = field(default_factory=dict)
    groups: tuple[str, ...] = ("all",)
    targets: tuple[str, ...] = ("loss",)
    shared: tuple[str, ...] = ()

    @property
    def document(self) -> LawDocument:
        rng = np.random.default_rng(len(self.formula))
        names = constant_names(parse(self.formula, self.features))
        together = {name: self.sizes.get(name, 1.0) * float(rng.uniform(0.6, 1.4)) for name in names}
        sets = []
        for group in self.groups:
            for target in self.targets:
                own = {n: self.sizes.get(n, 1.0) * float(rng.uniform(0.6, 1.4)) for n in names}
                own |= {name: together[name] for name in self.shared}
                errors = {name: None if i == 1 else abs(own[name]) / 37 for i, name in enumerate(names)}
                sets.append(ConstantSet(group, target, own, errors))
        return LawDocument(
            task=self.name,
            formula=self.formula,
            features=tuple(FeatureInfo(name, f"meaning of {name}", "count") for name in self.features),
            targets=self.targets,
            group_column=None if len(self.groups) == 1 else "family",
            groups=self.groups,
            constants=tuple(sets),
            shared=self.shared,
            recipe={"loss": "squared", "space": "value", "scale": 1e-3, "emphasis": 0.0},
            n_constants=len(names) * len(self.targets),
            inner_error=0.0123456789012345678,
            domain=self.features,
            target_range=dict.fromkeys(self.targets, (1.0, 4.0)),
            seed=3,
            versions={"discover": "0.1.0"},
        )

    def points(self) -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
        """Columns of the features and the group's name, 200 rows."""
        rng = np.random.default_rng(11)
        columns = {}
        for name, (low, high) in self.features.items():
            drawn = rng.uniform(np.log(low), np.log(high), N_POINTS) if low > 0 else rng.uniform(low, high, N_POINTS)
            columns[name] = np.exp(drawn) if low > 0 else drawn
        return columns, np.array(self.groups, dtype=object)[rng.integers(0, len(self.groups), N_POINTS)]

    def expected(self) -> np.ndarray[Any, Any]:
        """Values of the law at the points, (200, targets)."""
        columns, group = self.points()
        return np.asarray(FittedLaw(self.document)(columns, group=group)).reshape(N_POINTS, -1)


CASES = {
    case.name: case
    for case in (
        Case(
            "streams",
            "E + (A/(params*(k*log(streams) + 1)))**alpha",
            {"params": (5e8, 5e9), "streams": (1, 8)},
            {"A": 1e8, "alpha": 0.2},
            groups=("pile", "stack"),
        ),
        Case(
            "mixture",
            "c + k*exp(t1*p1 + t2*p2)",
            {"p1": (0.01, 0.9), "p2": (0.01, 0.9), "p3": (0.01, 0.9)},
            {"t1": -1.5, "t2": 0.3},
            groups=("70M", "160M", "305M"),
            targets=("loss1", "loss2"),
            shared=("t1",),
        ),
        Case(
            "operators",
            "Min(a*x, 3.1) + Max(b, tanh(c*x)) + abs(log(x) - d)*exp(-x/s) + 1/(1 + exp(-x)) + log10(1 + x)"
            " + sqrt(x)*1e-3 + 2**(-x) + Max(0.25, x) + sin(x)**2 + cos(x)**2 + atan(x) + exp(0.5)",
            {"x": (0.1, 20.0)},
        ),
        Case(
            "signs",
            "a - x**2*b - 3*(-x**3)/c + (x**2)**0.5*d - (-1)*(x - 40)**2 + 2/(x**2 + f)**2",
            {"x": (-3.0, 3.0)},
            {"a": 20.0},
            groups=('it\'s "50%" $x & C:\\_{#}~^ ?', "Größe\n2", "a*", "A*"),
        ),
        Case(
            "words",
            "E*_x**(-pow) + in*exp(-N/1e9) + T*group + c*np**(-0.3) + I/int + pi*end**for + F*double",
            {"_x": (1, 1e3), "N": (1e8, 1e10), "group": (1, 2), "np": (1, 2), "int": (1, 2), "end": (1, 2)},
            {"pow": 0.3, "for": 0.1},
            groups=("g1", "g2"),
            targets=("loss", "error rate (%)"),
        ),
        Case("constant", "E", {"params": (1e6, 1e9)}, groups=("a", "b")),
        Case("bare", "1/x + 4.7e-05*x**1.5", {"x": (1, 100)}),
        Case(
            "huge",
            "E + A*N**(-a) + B*D**(-b)",
            {"N": (1e7, 1e12), "D": (1e9, 1e13)},
            {"A": 400, "B": 2000, "a": 0.34, "b": 0.28},
        ),
    )
}
