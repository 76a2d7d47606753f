"""A fitted law as a Python object: what `discover.load` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from discover.arrays import Floats, Ints
from discover.data.frames import columns_of
from discover.data.names import near
from discover.errors import InputError
from discover.export.layout import inputs
from discover.expressions import Constant, Expr, Number, substitute, to_latex, to_sympy
from discover.forecasts import Ensemble
from discover.forecasts.points import group_heading, headings, original
from discover.law.document import LawDocument
from discover.law.storage import read
from discover.plain_data import number_in


def load(path: str | Path) -> FittedLaw:
    """Reads the law of a run folder or a law.json.

    Raises:
        InputError: there is no such file, or it is not a law document.
    """
    return FittedLaw(read(path))


@dataclass(frozen=True)
class Prediction:
    """Forecasts with an interval; numbers, or arrays of the shape of the law's values.

    Attributes:
        value: the average of the laws that the data cannot tell apart.
        law: what the law itself says.
        lower, upper: ends of the interval for a new measurement.
    """

    value: Any
    law: Any
    lower: Any
    upper: Any


@dataclass(frozen=True)
class FittedLaw:
    """A law with its constants. Call it with numbers, arrays or a table; it pickles."""

    document: LawDocument

    @property
    def formula(self) -> str:
        """The formula as text."""
        return self.document.formula

    @property
    def features(self) -> tuple[str, ...]:
        """The features that a call needs."""
        return inputs(self.document)

    @property
    def targets(self) -> tuple[str, ...]:
        return self.document.targets

    @property
    def groups(self) -> tuple[str, ...]:
        return self.document.groups

    @property
    def constants(self) -> dict[str, dict[str, dict[str, float]]]:
        """group -> target -> constant -> value."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for entry in self.document.constants:
            found.setdefault(entry.group, {})[entry.target] = dict(entry.values)
        return found

    def __call__(self, data: Any = None, /, *, group: Any = None, **columns: Any) -> Any:
        """Predicted values.

        Args:
            data: a data frame or a mapping of columns, by their names in the formula or their headings in the law's
                own table; columns that the law does not need are passed over.
            group: name of the group, or one name per row; by default the group column of `data`. Not needed
                for a law with one group.
            columns: features as keywords, instead of `data`: numbers or arrays that broadcast together. Texts
                such as "7B" are numbers, too.

        Returns:
            An array of the features' common shape (a number if all are numbers); with several targets
            one more axis at the end, in the order of `targets`.

        Raises:
            InputError: a feature or group is missing, unknown, not numeric, or of another shape; or the law has no
                finite value at a point.
        """
        values, codes, shape = self._points(data, group, columns, self.features)
        said = [self.document.values(values, codes, t) for t in range(len(self.targets))]
        return self._in_shape([np.broadcast_to(one, shape) for one in said], values, shape)

    def predict(self, data: Any = None, /, *, group: Any = None, interval: float | None = None, **columns: Any) -> Any:
        """Forecasts points; with `interval`, returns a `Prediction` with the interval of a new measurement.

        The forecast of a run is the average of its law and the laws that the data cannot tell from it
        (docs/forecasts.md). The other laws may read further columns, so pass all of `forecast_features`. A law that
        comes alone forecasts the value of a call.

        Args:
            data: as in a call.
            group: as in a call.
            columns: as in a call.
            interval: probability of the interval, such as 0.9.

        Raises:
            InputError: as in a call; or `interval` is not between 0 and 1, or the law carries no uncertainty.
        """
        if interval is None and not self.document.forecasts:
            return self(data, group=group, **columns)
        values, codes, shape = self._points(data, group, columns, self.forecast_features)
        wide = {name: np.broadcast_to(values[name], shape).ravel() for name in self.forecast_features}
        groups = [self.groups[code] for code in np.broadcast_to(codes, shape).ravel()]
        if interval is None:
            central = [self._ensemble.central(wide, groups, target=t) for t in self.targets]
            return self._in_shape(central, values, shape)
        found = [self._ensemble.intervals(wide, groups, levels=(interval,), target=t) for t in self.targets]
        return Prediction(
            value=self._in_shape([f.value for f in found], values, shape),
            law=self._in_shape([f.law for f in found], values, shape),
            lower=self._in_shape([f.lower[interval] for f in found], values, shape, finite=False),
            upper=self._in_shape([f.upper[interval] for f in found], values, shape, finite=False),
        )

    def _in_shape(
        self, per_target: Sequence[Floats], values: Mapping[str, Floats], shape: tuple[int, ...], finite: bool = True
    ) -> Any:
        """Values of all targets at points, as a call gives them."""
        out = np.stack(per_target, axis=-1).reshape(*shape, len(per_target))
        if finite:
            self._check_finite(out, values, shape)
        return out if len(per_target) > 1 else out[..., 0][()]

    @property
    def forecast_features(self) -> tuple[str, ...]:
        """The features that `predict` needs.

        Raises:
            InputError: the law carries no uncertainty.
        """
        return self._ensemble.inputs

    @cached_property
    def _ensemble(self) -> Ensemble:
        return Ensemble.from_document(self.document)

    def sympy(self, group: str | None = None, target: str | None = None) -> Any:
        """The formula of a group and target as a SymPy expression, with constants as floats of 17 digits.

        Raises:
            InputError: there is no such group or target, or the law has several and you name none.
        """
        expr = substitute(self._with_constants(group, target), self._not_positive())
        return to_sympy(expr)

    def latex(self, group: str | None = None, target: str | None = None, digits: int = 6) -> str:
        """The formula in LaTeX. If you name a group or target, its constants are numbers with `digits` digits.

        Raises:
            InputError: there is no such group or target, or the law has several of one and you name only the other.
        """
        named = group is not None or target is not None
        return to_latex(self._with_constants(group, target) if named else self.document.expr, digits=digits)

    def _repr_html_(self) -> str:
        """What a notebook shows: the law typeset, its constants, and a plot of its forecast."""
        from discover.export.rich import law_html

        return law_html(self.document, self._ensemble if self.document.forecasts else None)

    def _points(
        self, data: Any, group: Any, columns: Mapping[str, Any], names: Sequence[str]
    ) -> tuple[dict[str, Floats], Ints, tuple[int, ...]]:
        """The columns of these names, the places of the groups, and their common shape."""
        if data is not None and columns:
            raise InputError("a law takes either a table or columns as keywords, not both")
        if data is None:
            self._check_keywords(columns)
            data = columns
        elif not isinstance(data, Mapping) and not hasattr(data, "columns"):
            raise InputError(f"a law takes a data frame or a mapping of columns, not {type(data).__name__}")
        elif not isinstance(data, Mapping):
            data = columns_of(data)
        if group is None and (where := group_heading(self.document, data)) is not None:
            group = data[where]
        known = headings(self.document, data)
        values = {name: self._column(data, known, name, names) for name in names}
        codes = self._codes(group)
        return values, codes, _common_shape(values, codes)

    def _with_constants(self, group: str | None, target: str | None) -> Expr:
        document = self.document
        chosen = document.constant_set(_one("group", group, self.groups), _one("target", target, self.targets))
        return substitute(document.expr, {name: Number(value) for name, value in chosen.values.items()})

    def _not_positive(self) -> dict[str, Expr]:
        """Features seen at zero or below, as real symbols: SymPy would take (x**2)**0.5 for x otherwise."""
        domain = self.document.domain
        return {name: Constant(name) for name in self.features if name not in domain or domain[name][0] <= 0}

    def _check_keywords(self, columns: Mapping[str, Any]) -> None:
        known = self.document.feature_names
        for name in columns:
            if name not in known:
                raise InputError(
                    f"the law has no feature {name!r}{near(name, known)}; it needs {', '.join(self.features)}"
                )

    def _column(self, data: Any, known: Mapping[str, str], name: str, needed: Sequence[str]) -> Floats:
        if name not in known:
            more = "" if name in self.features else " for an interval, in which laws of other columns have a share"
            lacking = f"the column {name!r} is missing{original(self.document, name)}"
            raise InputError(f"{lacking}; the law needs {', '.join(needed)}{more}")
        try:
            return _numbers(data[known[name]], self.document.multiple(name))
        except (TypeError, ValueError) as error:
            raise InputError(f"the column {name!r} does not hold numbers: {error}") from error

    def _check_finite(self, out: Floats, values: Mapping[str, Floats], shape: tuple[int, ...]) -> None:
        """Refuses points at which the law has no value; `out` has the targets as its last axis."""
        bad = np.argwhere(~np.isfinite(out))
        if len(bad):
            *place, target = bad[0]
            point = {name: np.broadcast_to(column, shape)[tuple(place)] for name, column in values.items()}
            given = ", ".join(f"{name}={value:g}" for name, value in point.items())
            raise InputError(f"the law has no finite value of {self.targets[target]} at {given}")

    def _codes(self, group: Any) -> Ints:
        groups = self.groups
        if group is None:
            if len(groups) > 1:
                where = self.document.group_column
                raise InputError(f"the law has {len(groups)} groups; name one, or one per row in the column {where!r}")
            return np.zeros((), dtype=np.int64)
        names = np.asarray(group, dtype=object)
        place = {name: code for code, name in enumerate(groups)}
        codes = np.empty(names.shape, dtype=np.int64)
        for index, name in np.ndenumerate(names):
            code = place.get(str(name))
            if code is None:
                raise InputError(
                    f"the law has no group {str(name)!r}{near(str(name), groups)} (groups: {', '.join(groups[:8])}"
                    f"{', ...' if len(groups) > 8 else ''})"
                )
            codes[index] = code
        return codes


def _numbers(values: Any, multiple: float) -> Floats:
    """Numbers, and texts of numbers as `number_in` takes them, as an array.

    Raises:
        TypeError, ValueError: they are none.
    """
    found = np.asarray(values)
    if found.dtype.kind in "OSU":
        read = np.vectorize(
            lambda cell: number_in(cell, multiple) if isinstance(cell, str) else float(cell), otypes=[np.float64]
        )
        return np.asarray(read(found))
    return np.asarray(found, dtype=np.float64)


def _one(kind: str, name: str | None, known: tuple[str, ...]) -> str:
    if name is not None:
        return name
    if len(known) > 1:
        raise InputError(f"the law has {len(known)} {kind}s; name one of {', '.join(known[:8])}")
    return known[0]


def _common_shape(values: Mapping[str, Floats], codes: Ints) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(v.shape for v in values.values()), codes.shape)
    except ValueError:
        shapes = ", ".join(f"{name} {v.shape}" for name, v in values.items())
        raise InputError(f"shapes do not go together: {shapes}, group {codes.shape}") from None
