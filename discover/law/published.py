"""Values of the library: a human-derived law, its columns, its constants and the constants that studies reported."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, ClassVar, Literal

from discover.errors import InputError
from discover.expressions import Expr, parse, simplify, to_text

Domain = Literal["real", "positive", "nonnegative", "negative", "nonpositive"]
Role = Literal[
    "params", "data", "unique_data", "compute", "multiplicity", "batch", "lr", "steps", "proportion", "loss",
    "scale", "log_scale", "ratio", "other",
]  # fmt: skip
Confidence = Literal["code", "text", "second-hand", "variant"]

GENERIC = {"x": "scale", "z": "log_scale"}
"""Variables of laws that hold for any column of a kind: name -> role."""

FOLLOWS = {
    "tokens": ("params*tokens_per_param", "unique_tokens*epochs", "compute/6/params", "batch_size*steps", "steps"),
    "examples": ("unique_examples*epochs", "batch_size*steps", "steps"),
    "params": ("tokens/tokens_per_param", "12*depth*width*width", "compute/6/tokens"),
}
"""What sizes of a run tell of another; compute is that of dense transformers (Kaplan et al. 2020, arXiv 2001.08361,
section 2.1). A batch counts sequences as a rule, and is the same for all rows where there is no column of it: what
follows from steps are tokens up to a factor."""

ANY_SIZE = (1.0, 1e30)
_STRICT = {"extra": "forbid"}
_LIMITS: dict[str, tuple[float, float]] = {
    "real": (-math.inf, math.inf),
    "positive": (0.0, math.inf),
    "nonnegative": (0.0, math.inf),
    "negative": (-math.inf, 0.0),
    "nonpositive": (-math.inf, 0.0),
}
IDENTIFIER = re.compile(r"(?<![0-9.A-Za-z_])[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Variable:
    """A column that a law reads.

    Attributes:
        meaning: what is counted or measured.
        unit: its unit; "count", "ratio" and "1" are without dimension.
        role: what part it plays in training.
        range: smallest and largest value for which the law is meant, in the unit.
    """

    meaning: str
    unit: str
    role: Role
    range: tuple[float, float]
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT


@dataclass(frozen=True)
class ConstantSpec:
    """A constant of a law: where it may lie and where to start.

    Attributes:
        domain: sign that the constant must have.
        guess: typical value, in the units of the formula.
        meaning: what it stands for.
        lower: closer lower limit, or None.
        upper: closer upper limit, or None.
    """

    domain: Domain
    guess: float
    meaning: str
    lower: float | None = None
    upper: float | None = None
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT

    @property
    def bounds(self) -> tuple[float, float]:
        """Closed interval of the constant; a zero end is excluded for "positive" and "negative"."""
        lower, upper = _LIMITS[self.domain]
        return (
            lower if self.lower is None else max(lower, self.lower),
            upper if self.upper is None else min(upper, self.upper),
        )

    def contains(self, value: float) -> bool:
        """Whether a value is allowed."""
        lower, upper = self.bounds
        strict = self.domain in ("positive", "negative") and value == 0.0
        return lower <= value <= upper and not strict


@dataclass(frozen=True)
class Published:
    """A complete set of constants that somebody reported.

    Attributes:
        label: which fit it is; the name of the group where a task has groups.
        constants: name -> value, in the units of the formula.
        note: where the values come from, if not from the law's own paper.
    """

    label: str
    constants: Mapping[str, float] = field(hash=False)
    note: str = ""
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT


@dataclass(frozen=True)
class RecipeHint:
    """How the law is usually fitted.

    Attributes:
        loss: shape of the penalty on residuals.
        space: residuals of the value or of its logarithm (positive targets only).
        scale: residual at which a robust loss turns linear; None for the squared loss.
    """

    loss: Literal["squared", "huber", "soft_l1"]
    space: Literal["value", "log"]
    scale: float | None = None
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT


@dataclass(frozen=True)
class Law:
    """One human-derived law.

    Attributes:
        id: name in the library; a law bound to another column is written ``power_law(params)``.
        title: the law in a few words.
        source: title of the paper it comes from.
        year: year of the paper.
        confidence: how the formula was confirmed: in the authors' code, in the paper's text, at second hand,
            or not at all because it is a "variant" of the source's law made from known parts.
        target: what is predicted; "any" for shapes of learning curves.
        formula: the right-hand side, in the formula language.
        recipe: how the law is usually fitted; our refits follow it unless told otherwise.
        identifiable: True, or a sentence on which constants the data hardly determine.
        notes: validity, conventions, reported exponents.
        variables: columns by name.
        constants: constants by name.
        arxiv: arXiv number of the source, or None.
        shared: constants that are common to all groups.
        published: complete reported sets of constants, maybe none.
        surface: its shape suits any sizes; it is also tried on as many of which no law speaks.
    """

    id: str
    title: str
    source: str
    year: int
    confidence: Confidence
    target: str
    formula: str
    recipe: RecipeHint
    identifiable: bool | str
    notes: str
    variables: Mapping[str, Variable] = field(hash=False)
    constants: Mapping[str, ConstantSpec] = field(hash=False)
    arxiv: str | None = None
    shared: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    surface: bool = False
    __pydantic_config__: ClassVar[Mapping[str, str]] = _STRICT

    @cached_property
    def expr(self) -> Expr:
        """The parsed formula.

        Raises:
            FormulaError: the formula cannot be read.
        """
        return parse(self.formula, tuple(self.variables))

    @property
    def guess(self) -> dict[str, float]:
        """Typical constants: a start for fits and a truth for tests."""
        return {name: spec.guess for name, spec in self.constants.items()}

    @property
    def generic(self) -> str | None:
        """The variable that stands for any column of its kind, or None."""
        return next((name for name in self.variables if name in GENERIC), None)

    def bind(self, names: Mapping[str, str]) -> Law:
        """The same law over renamed variables, such as ``{"x": "params"}``, or over what columns tell of them.

        A renamed variable takes meaning, unit and role from the glossary if the new name is known there. A
        constant whose name the new column takes gets an underscore. ``{"tokens": "params*tokens_per_param"}`` puts
        a product or a ratio of columns in the place of a variable, see `FOLLOWS`.

        Raises:
            InputError: a name is not a variable of the law, or two variables would share a name.
        """
        unknown = sorted(set(names) - set(self.variables))
        if unknown:
            raise InputError(f"law {self.id}: no variable {unknown[0]!r}; it has {', '.join(self.variables)}")
        renamed = {name: names.get(name, name) for name in self.variables}
        if len(set(renamed.values())) < len(renamed):
            raise InputError(f"law {self.id}: two variables would share a name in {dict(names)}")
        variables: dict[str, Variable] = {}
        for name, variable in self.variables.items():
            if IDENTIFIER.fullmatch(renamed[name]):
                variables[renamed[name]] = _described(variable, name, renamed[name])
        for text in renamed.values():
            for column in IDENTIFIER.findall(text):
                variables.setdefault(column, _read(column))
        renamed |= _free_names(self.constants, set(variables))
        formula = IDENTIFIER.sub(lambda match: _factor(renamed.get(match[0], match[0])), self.formula)
        if not all(map(IDENTIFIER.fullmatch, renamed.values())):
            formula = to_text(simplify(parse(formula, tuple(variables))))  # unique_tokens*epochs/unique_tokens
        return replace(
            self,
            id=f"{self.id}({','.join(renamed[name] for name in self.variables)})",
            formula=formula,
            variables=variables,
            constants={renamed[name]: spec for name, spec in self.constants.items()},
            shared=tuple(renamed[name] for name in self.shared),
            published=tuple(
                replace(fit, constants={renamed[name]: value for name, value in fit.constants.items()})
                for fit in self.published
            ),
        )


def _free_names(constants: Iterable[str], taken: set[str]) -> dict[str, str]:
    result: dict[str, str] = {}
    used = taken | set(constants)
    for name in constants:
        new = name
        while new in taken or (new != name and new in used):
            new += "_"
        used.add(new)
        result[name] = new
    return result


def _described(variable: Variable, old: str, new: str) -> Variable:
    known = glossary().get(new)
    if known is None or old == new:
        return variable
    return replace(variable, **known)


def _factor(text: str) -> str:
    """A name as it is; a product or a ratio in parentheses."""
    return text if IDENTIFIER.fullmatch(text) else f"({text})"


def _read(column: str) -> Variable:
    """A column that a law reads only within a product or a ratio."""
    known = glossary().get(column, {"meaning": column, "unit": "1", "role": "other"})
    return Variable(**known, range=ANY_SIZE)


@lru_cache(maxsize=1)
def glossary() -> dict[str, dict[str, Any]]:
    """Meaning, unit and role of the column names that the field shares."""
    text = (files("discover.law") / "variables.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
