"""The text that a model sees: built from plain data, measured, and cut to fit. Pure.

Only what is known of train rows goes in; nothing here has access to a table. The wording is data, in
`templates/`, and has a version.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Literal

from discover.errors import InputError
from discover.expressions import FUNCTIONS, OPERATORS, Operator
from discover.llm import defaults
from discover.llm.provider import Message
from discover.llm.replies import estimate_tokens
from discover.llm.schema import clip

VERSION = 2
MOST_TOKENS = 3_000  # of a prompt, whatever the context has room for
_ALIASES = frozenset({"min", "max", "ln"})
_MARGIN = 200  # tokens for the chat template and the schema, which servers add to the prompt

JobKind = Literal["fresh", "whole", "edit", "cross", "repair"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column on train rows.

    Attributes:
        name: as in formulas.
        meaning: in words.
        unit: "" when it has none.
        low: smallest value.
        high: largest value.
        levels: number of different values, None to leave it out.
        judged_beyond: the law is judged at values larger than `high`.
    """

    name: str
    meaning: str
    unit: str
    low: float
    high: float
    levels: int | None = None
    judged_beyond: bool = False


@dataclass(frozen=True, slots=True)
class TaskCard:
    """What is to be predicted, from what.

    Attributes:
        title: of the task.
        summary: one or two sentences.
        targets: columns to predict; one formula serves all, with constants of its own for each.
        features: columns that formulas may use.
        n_rows: train rows.
        groups: number of groups and what a group is, "" without groups.
        constants: most constants in a formula, None for no limit.
        knowledge: what is known of the law, one sentence each.
    """

    title: str
    summary: str
    targets: tuple[Column, ...]
    features: tuple[Column, ...]
    n_rows: int
    groups: str = ""
    constants: int | None = None
    knowledge: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """Where a law goes wrong: mean of predicted minus measured over the rows of a range of a column.

    Attributes:
        target: which of several targets; "" where there is one.
    """

    column: str
    low: float
    high: float
    rows: int
    excess: float
    target: str = ""


@dataclass(frozen=True, slots=True)
class Elite:
    """A law that was fitted.

    Attributes:
        label: short name by which a job refers to it, such as "A".
        formula: in the formula language.
        error: its extrapolation error inside the train rows.
        constants: name with smallest and largest fitted value over groups and targets.
        shared: constants with one value for all groups.
        patterns: where it goes wrong, most telling first.
        parts: the terms of its sum, or the factors of its product; none where it has but one.
        held_out: the patterns are of rows that its constants were not fitted to.
    """

    label: str
    formula: str
    error: float
    constants: tuple[tuple[str, float, float], ...] = ()
    shared: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    parts: tuple[str, ...] = ()
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """Laws of one kind that stay behind: how many were tried, their best error, and why most were refused."""

    name: str
    tried: int
    best: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A formula that was refused, or did not fit, and why."""

    formula: str
    reason: str


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for.

    Attributes:
        kind: laws from scratch, whole laws that may be like the best, an edit of one law, a crossing of two, or the
            repair of a formula that was refused.
        elites: labels of the laws that it names: one to edit, two to cross.
        failure: what is to be repaired.
        part: number of the part to edit, from 1; 0 to add one.
    """

    kind: JobKind
    elites: tuple[str, ...] = ()
    failure: Failure | None = None
    part: int = 0

    def __post_init__(self) -> None:
        needed = {"fresh": 0, "whole": 0, "edit": 1, "cross": 2, "repair": 0}[self.kind]
        if len(self.elites) != needed or (self.kind == "repair") != (self.failure is not None):
            raise ValueError(f"a job of kind {self.kind!r} names {needed} elites; only repair has a failure")


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything that a prompt is made of.

    Attributes:
        elites: best first.
        failures: formulas that were refused or did not fit, newest first.
        count: formulas asked for.
        sketch: sentences on the train rows, most telling first.
        references: what an error may be compared with, by name.
        families: kinds of law that stay behind.
        insights: what the model noted in earlier answers, newest first.
        hints: an answer may hold an insight, starts and limits of constants, and recipes.
    """

    card: TaskCard
    job: Job
    elites: tuple[Elite, ...] = ()
    failures: tuple[Failure, ...] = ()
    count: int = 4
    sketch: tuple[str, ...] = ()
    references: tuple[tuple[str, float], ...] = ()
    families: tuple[Family, ...] = ()
    insights: tuple[str, ...] = ()
    hints: bool = True


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages, a cautious count of their tokens, and what was left out to make them fit."""

    messages: tuple[Message, ...]
    tokens: int
    left_out: str


def build_prompt(
    brief: Brief,
    *,
    context: int = defaults.CONTEXT,
    max_tokens: int = defaults.ANSWER_TOKENS,
    count: Callable[[str], int] = estimate_tokens,
) -> Prompt:
    """The prompt of a brief, within `context - max_tokens` tokens, by `count`, and `MOST_TOKENS` if that can be.

    What is left out first: old failures, then residuals of laws that the job does not name, then such laws, then
    what was noted and what failed, then the end of the sketch, and at last the residuals of the laws that it names.

    Raises:
        InputError: the task card alone is too long.
    """
    room = context - max_tokens - _MARGIN
    fitting: Brief | None = brief
    smallest = 0
    while fitting is not None:
        messages = (Message("system", _system(bool(brief.card.groups), brief.hints)), Message("user", _user(fitting)))
        smallest = sum(count(message.content) for message in messages)
        smaller = _smaller(fitting)
        if smallest <= min(room, MOST_TOKENS) or (smaller is None and smallest <= room):
            return Prompt(messages, smallest, _difference(brief, fitting))
        fitting = smaller
    raise InputError(
        f"the description of the task takes about {smallest} tokens, a context of {context} leaves {room}: "
        "raise --llm-context if the model has more, or shorten the texts of the task"
    )


# --- cutting -------------------------------------------------------------------------------------------


def _smaller(brief: Brief) -> Brief | None:
    """The next smaller brief, None when nothing is left to cut."""
    named = [elite for elite in brief.elites if elite.label in brief.job.elites]
    others = [elite for elite in brief.elites if elite.label not in brief.job.elites]
    if len(brief.failures) > 4:
        return replace(brief, failures=brief.failures[: len(brief.failures) // 2])
    if any(elite.patterns for elite in others):
        last = [elite for elite in others if elite.patterns][-1]
        return _with_elite(brief, replace(last, patterns=()))
    if len(others) > 2 or (others and not brief.failures):
        return replace(brief, elites=tuple(e for e in brief.elites if e != others[-1]))
    if brief.insights:
        return replace(brief, insights=brief.insights[:-1])
    if brief.failures:
        return replace(brief, failures=brief.failures[:-1])
    if brief.families:
        return replace(brief, families=brief.families[:-1])
    if brief.sketch:
        return replace(brief, sketch=brief.sketch[:-1])
    if any(elite.patterns for elite in named):
        last = [elite for elite in named if elite.patterns][-1]
        return _with_elite(brief, replace(last, patterns=last.patterns[:-1]))
    return None


def _with_elite(brief: Brief, changed: Elite) -> Brief:
    return replace(brief, elites=tuple(changed if e.label == changed.label else e for e in brief.elites))


def _difference(whole: Brief, fitting: Brief) -> str:
    def counts(brief: Brief) -> tuple[int, ...]:
        patterns = sum(len(e.patterns) for e in brief.elites)
        lists = (brief.failures, brief.families, brief.insights, brief.sketch)
        return (len(brief.elites), patterns, *map(len, lists))

    lost = [a - b for a, b in zip(counts(whole), counts(fitting), strict=True)]
    names = ("laws", "residual patterns", "failures", "families", "insights", "lines of the sketch")
    return ", ".join(f"{n} {name}" for n, name in zip(lost, names, strict=True) if n)


# --- wording -------------------------------------------------------------------------------------------


@cache
def _template() -> dict[str, Any]:
    text = files("discover.llm").joinpath("templates", f"v{VERSION}.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _system(groups: bool, hints: bool) -> str:
    """The rules of the language and of the answer."""
    proposal: dict[str, Any] = {"rationale": "one sentence", "formula": "E + A*x**(-alpha)"}
    if groups:
        proposal["shared"] = ["alpha"]
    if hints:
        proposal |= {"constants": ["alpha = 0.3", "0 < E < 2"], "recipe": "huber-log 1"}
    answer = ({"insight": "one sentence"} if hints else {}) | {"proposals": [proposal]}
    fields = _template()["fields"]
    lines = [f'"{name}": {fields[name]}.' for name in (*answer, *proposal) if name in fields]
    text = Template(_template()["system"].strip())
    example = json.dumps(answer)
    return text.substitute(language=language_reference(), example=example, fields="\n".join(lines)).strip()


@cache
def language_reference() -> str:
    """The formula language in a few lines, from the operator table."""
    rows = [row for row in OPERATORS.values() if row.searchable and row.written]
    lines = [f"- {row.summary}{_domain(row)}" for row in rows if not row.spellings]
    for row in rows:
        if row.spellings:
            arguments = "(x)" if row.arity == 1 else "(a, b)"
            summary = row.summary.partition(":")[0]
            lines.append(f"- {row.spellings['text']}{arguments}: {summary}{_domain(row)}")
    named = {row.spellings["text"] for row in OPERATORS.values() if row.spellings}
    short = [f"{name}(x)" for name in FUNCTIONS if name not in named | _ALIASES]
    return "\n".join([*lines, f"- for convenience: {', '.join(short)}", "- parentheses group"])


def _domain(row: Operator) -> str:
    return "" if row.domain == "everywhere" else f" ({row.domain})"


def _user(brief: Brief) -> str:
    failures = (f"{clip(one.formula, 160)} : {clip(one.reason, 160)}" for one in brief.failures)
    parts = [
        _card(brief.card),
        _listed("What the rows show:", (clip(line, 500) for line in brief.sketch)),
        _references(brief.references),
        _laws(brief),
        _listed("Kinds of law that stay behind, as columns: building blocks.", map(_family, brief.families)),
        _listed("Tried and refused, do not repeat:", failures),
        _listed("What you noted before:", (clip(text, 250) for text in brief.insights)),
        _job(brief),
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(head: str, lines: Iterable[str]) -> str:
    """A list below its head; nothing for one that is empty."""
    found = [f"- {line}" for line in lines]
    return "\n".join([head, *found]) if found else ""


def _card(card: TaskCard) -> str:
    lines = [f"Task: {clip(card.title, 200)}. {clip(card.summary, 600)}", "Predict:"]
    lines += [_column(column) for column in card.targets]
    if len(card.targets) > 1:
        lines.append("One formula serves all targets, with constants of its own for each.")
    lines += ["Columns:", *(_column(column) for column in card.features)]
    groups = f" in {clip(card.groups, 200)}; every group has its own constants" if card.groups else ""
    lines.append(f"Data: {card.n_rows} rows{groups}.")
    if card.constants is not None:
        lines.append(f"Limit: at most {card.constants} constants in a formula.")
    if card.knowledge:
        lines += ["Known:", *(f"- {clip(text, 300)}" for text in card.knowledge)]
    return "\n".join(lines)


def _column(column: Column) -> str:
    unit = f" [{clip(column.unit, 60)}]" if column.unit else ""
    levels = f", {column.levels} levels" if column.levels else ""
    beyond = "; the law is judged beyond this range" if column.judged_beyond else ""
    values = f"{column.low:.4g} to {column.high:.4g}{levels}{beyond}"
    return f"- {column.name}: {clip(column.meaning, 200)}{unit}; {values}"


def _references(references: tuple[tuple[str, float], ...]) -> str:
    if not references:
        return ""
    named = ", ".join(f"{clip(name, 120)} {error:.3g}" for name, error in references)
    what = "Errors are squared, in variances of the target, on rows held out beyond the fitted."
    return f"{what} For comparison: {named}."


def _laws(brief: Brief) -> str:
    if not brief.elites:
        return ""
    subject = brief.job.elites if brief.job.kind == "edit" else ()
    head = "Laws so far, best first, with their errors; less is better."
    return "\n".join([head, *(line for elite in brief.elites for line in _law(elite, elite.label in subject))])


def _law(elite: Elite, in_parts: bool) -> list[str]:
    lines = [f"{elite.label}. {elite.formula}   (error {elite.error:.4g})"]
    if elite.constants:
        shared = set(elite.shared)
        values = [_constant(name, low, high, name in shared) for name, low, high in elite.constants]
        lines.append("   fitted: " + ", ".join(values))
    if in_parts and elite.parts:
        lines.append("   parts: " + "   ".join(f"({i}) {part}" for i, part in enumerate(elite.parts, 1)))
    if elite.patterns and elite.held_out:
        lines.append("   on rows that it was not fitted to,")
    lines += [f"   {_pattern(pattern)}" for pattern in elite.patterns]
    return lines


def _constant(name: str, low: float, high: float, shared: bool) -> str:
    value = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    return f"{name} = {value}{' (shared)' if shared else ''}"


def _pattern(pattern: Pattern) -> str:
    word = "high" if pattern.excess > 0 else "low"
    where = f"{pattern.column} {pattern.low:.4g}"
    where += f" to {pattern.high:.4g}" if pattern.high > pattern.low else ""
    what = f" {pattern.target}" if pattern.target else ""
    return f"for {where} ({pattern.rows} rows) it predicts{what} too {word} by {abs(pattern.excess):.3g}"


def _family(family: Family) -> str:
    best = "none could be judged" if family.best is None else f"best error {family.best:.3g}"
    reason = f", most refused: {clip(family.reason, 120)}" if family.reason else ""
    return f"{clip(family.name, 160)} ({family.tried} tried, {best}{reason})"


def _job(brief: Brief) -> str:
    job = brief.job
    words = {"count": str(brief.count)}
    words |= dict(zip(("first", "second"), job.elites, strict=False))
    if job.failure is not None:
        words |= {"formula": clip(job.failure.formula, 400), "reason": clip(job.failure.reason, 200)}
    return Template(_template()["jobs"][_wording(brief)].strip()).substitute(words, part=str(job.part))


def _wording(brief: Brief) -> str:
    """The name of the text: it depends on whether there are laws to look at, and on what is to be edited."""
    kind = brief.job.kind
    if kind == "edit":
        return "edit" if brief.job.part else "add"
    return "first" if kind in ("fresh", "whole") and not brief.elites else kind
