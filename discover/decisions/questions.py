"""What is asked of an allocation, and the question as a minimisation for one law."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

import numpy as np

from discover.data.aliases import words
from discover.data.names import near
from discover.data.results import FALLING_WORDS, RISING_SHARES
from discover.decisions.optimum import Condition, Minimisation
from discover.decisions.smooth import Known, Smooth, Variable, natural
from discover.errors import FormulaError, InputError
from discover.expressions import (
    Constant,
    Expr,
    Feature,
    Number,
    call,
    constant_names,
    evaluate,
    feature_names,
    mul,
    sub,
    substitute,
    walk,
)  # fmt: skip
from discover.expressions import read_formula as read_expression
from discover.forecasts.points import meant
from discover.law.document import LawDocument
from discover.law.matching import told_by

COST = "cost"
BUDGET = "log budget"  # the known value of the budget's condition; no name of a formula has a space
WITHIN = "cost <= budget"
FARTHEST_DOWN, FARTHEST_UP = 1e-9, 1e18  # how far beyond the data a feature is searched that nobody bounded
MOST_CORNERS = 729
_RELATION = re.compile(r"<=|>=|==|=|<|>")

Ends = tuple[float | None, float | None]


@dataclass(frozen=True)
class Question:
    """What is to be chosen.

    Attributes:
        minimise: a formula over targets, features and `cost`; "" for the law's only target, or minus it where its name
            says that it is better when larger.
        cost: a formula over the features.
        budget: whether the cost is limited.
        subject_to: conditions such as "loss <= 2.1", over the same names as `minimise`.
        bounds: feature -> lower and upper limit, either of them None for no limit.
        fixed: feature (or another name in the formulas) -> value.
    """

    minimise: str = ""
    cost: str | None = None
    budget: bool = False
    subject_to: tuple[str, ...] = ()
    bounds: Mapping[str, Ends] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A question put to one law.

    Attributes:
        problem: the minimisation; its formulas take the constant c of the target t as "t.c".
        cost: the cost over features, or None.
        targets: target -> its law.
        objective: what is minimised, as the user wrote it.
        fixed: what the question holds at a value.
        minimised: text of what is minimised.
        sides: text of a condition -> its two sides, for messages.
    """

    problem: Minimisation
    cost: Expr | None
    targets: Mapping[str, Expr]
    objective: Expr
    fixed: Mapping[str, float]
    minimised: str
    sides: Mapping[str, tuple[Expr, Expr]]


def plan(question: Question, document: LawDocument) -> Plan:
    """The minimisation that a question is for this law.

    Raises:
        InputError: an unknown name, an option without its partner, an empty range, or a cost that may be negative.
        FormulaError: a text is not a formula.
    """
    _check_options(question, document)
    names = {*document.feature_names, *question.fixed}
    cost = None if question.cost is None else read_formula(question.cost, "--cost", names, (), document)
    targets = {t: substitute(document.expr, _own_constants(document, t)) for t in document.targets}
    # A formula over targets and cost becomes one over features and constants.
    meaning = dict(targets) if cost is None else {COST: cost} | targets
    first = document.targets[0]
    wanted = question.minimise or (f"-{first}" if better_when_larger(first) else first)
    objective = read_formula(wanted, "--minimise", names, meaning, document)
    sides = {text: _sides(text, names, meaning, document) for text in question.subject_to}
    trees = [
        objective,
        *(side for pair in sides.values() for side in pair),
        *([cost] if question.budget and cost else []),
    ]
    used = {name for tree in trees for name in feature_names(substitute(tree, meaning))}
    variables = tuple(
        _variable(name, question, document) for name in document.feature_names if name in used - set(question.fixed)
    )
    conditions = [_condition(text, *pair, meaning, variables, question.fixed) for text, pair in sides.items()]
    if question.budget and cost is not None:
        if not _positive(cost, variables, question.fixed):
            raise InputError(f"--cost {question.cost} is not above zero everywhere; expected a cost, to be limited")
        within = Smooth(sub(call("log", cost), Constant(BUDGET)), variables)
        conditions.append(Condition(within, False, WITHIN))
    whole = substitute(objective, meaning)
    # Costs span decades, so that their logarithm is what is minimised.
    searched = call("log", whole) if _positive(whole, variables, question.fixed) else whole
    problem = Minimisation(variables, Smooth(searched, variables), tuple(conditions))
    meant = {text: (substitute(left, meaning), substitute(right, meaning)) for text, (left, right) in sides.items()}
    return Plan(problem, cost, targets, whole, question.fixed, wanted, meant)


def better_when_larger(target: str) -> bool:
    """Whether a target is made large, as an accuracy is, by the words of its name."""
    named = words(target)
    return bool(named & RISING_SHARES) and not named & FALLING_WORDS


def _own_constants(document: LawDocument, target: str) -> dict[str, Expr]:
    return {name: Constant(f"{target}.{name}") for name in document.constant_names}


# --- what was asked


def _check_options(question: Question, document: LawDocument) -> None:
    if question.budget and question.cost is None:
        raise InputError('--budget needs a cost; say with --cost what a run costs, such as "6*params*tokens"')
    if not question.minimise and len(document.targets) > 1:
        raise InputError(
            f"the law has {len(document.targets)} targets; say with --minimise which one, or a formula of them such as "
            f'"{document.targets[0]} + {document.targets[1]}"'
        )
    if question.minimise == COST and COST not in document.feature_names and question.cost is None:
        raise InputError('--minimise cost needs --cost, such as --cost "6*params*tokens"')
    for name in question.bounds:
        if name not in document.feature_names:
            known = document.feature_names
            raise InputError(f"--bounds names {name!r}, which is no feature of the law{near(name, known)} "
                             f"(its features: {', '.join(known)})")  # fmt: skip
        if name in question.fixed:
            raise InputError(f"{name!r} is both in --fix and in --bounds; expected one of them")


def read_formula(
    text: str, option: str, names: Collection[str], meaning: Collection[str], document: LawDocument
) -> Expr:
    """The formula of an option, all its names features.

    Raises:
        InputError: not a formula, a name that is neither a feature nor otherwise known, or a target in a cost.
    """
    known = {*names, *meaning}
    try:
        tree = read_expression(text, known)
        others = {name: meant(document, name) for name in constant_names(tree) if name not in known}
        columns = {name: mul(Number(factor), Feature(column)) if factor != 1 else Feature(column)
                   for name, (column, factor) in others.items() if column in names}  # fmt: skip
        tree = substitute(tree, columns)
    except FormulaError as problem:
        raise InputError(f"{option} is {text!r}: {problem}") from None
    for node in walk(tree):
        if isinstance(node, Constant) and node.name in document.targets:
            raise InputError(
                f"{option} has {node.name!r}, which the law predicts, but a cost is known before a run; "
                f'`discover allocate` minimises such a formula: --minimise "{text}"'
            )
        if isinstance(node, Constant):
            told = told_by(node.name, names)
            hint, such = ("", f", as {told},") if told else (near(node.name, known), ",")
            raise InputError(
                f"{option} has the name {node.name!r}, which is no column of the law{hint} (known: "
                f"{', '.join(sorted(known))}); write it with these{such} or give it a value: --fix {node.name}=VALUE"
            )
    return tree


def _sides(text: str, names: Collection[str], meaning: Collection[str], document: LawDocument) -> tuple[Expr, Expr]:
    parts = _RELATION.split(text)
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise InputError(f'--subject-to is {text!r}; expected a condition such as "loss <= 2.1"')
    left, right = (read_formula(part, "--subject-to", names, meaning, document) for part in parts)
    return left, right


def _condition(
    text: str, left: Expr, right: Expr, meaning: Mapping[str, Expr], variables: Sequence[Variable], fixed: Known
) -> Condition:
    relation = _RELATION.findall(text)[0]
    if ">" in relation:
        left, right = right, left
    sides = [substitute(side, meaning) for side in (left, right)]
    if all(_positive(side, variables, fixed) for side in sides):
        tree = sub(call("log", sides[0]), call("log", sides[1]))
    else:
        limits = [abs(side.value) for side in sides if isinstance(side, Number) and side.value]
        tree = mul(Number(1.0 / limits[0] if limits else 1.0), sub(*sides))
    return Condition(Smooth(tree, variables), relation in ("=", "=="), text)


def _positive(tree: Expr, variables: Sequence[Variable], fixed: Known) -> bool:
    """Whether this is a formula of features alone that is positive all over the search: its logarithm is smoother."""
    if constant_names(tree):
        return False
    corners = product(*(np.linspace(*v.box, 3) for v in variables))
    z = np.array(list(islice(corners, MOST_CORNERS)), dtype=np.float64)
    values = np.asarray(evaluate(tree, natural(variables, z) | dict(fixed)))
    return bool(np.all(np.isfinite(values) & (values > 0)))


def _variable(name: str, question: Question, document: LawDocument) -> Variable:
    low, high = question.bounds.get(name, (None, None))
    seen = document.domain.get(name)
    log = (seen[0] > 0 if seen is not None else True) if low is None else low > 0
    if not log and (low is None or high is None):
        span = "" if seen is None else f" (in the data {seen[0]:g} to {seen[1]:g})"
        raise InputError(
            f"the feature {name!r} is not positive throughout{span}, so its search needs both ends: "
            f"--bounds {name}=LOW:HIGH, or --fix {name}=VALUE"
        )
    near_data = seen if seen is not None and (seen[0] > 0 or not log) else (1.0, 1e12)
    lower = low if low is not None else near_data[0] * FARTHEST_DOWN
    upper = high if high is not None else max(near_data[1], lower) * FARTHEST_UP
    if high is not None and low is None:
        lower = min(lower, high * FARTHEST_DOWN)
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise InputError(f"--bounds {name}={lower:g}:{upper:g} is empty; expected a lower and a higher number")
    start = tuple(float(end) for end in np.clip(near_data, lower, upper))
    return Variable(name, log, lower, upper, (low is not None, high is not None), (start[0], start[1]))
