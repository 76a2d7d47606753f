"""What an answer must look like, and what can be read from one.

The schema is sent to the server, but no server is trusted to obey it: what comes back is read leniently,
proposal by proposal, so that one bad proposal does not void its siblings, and validated strictly.

The schema keeps to what every known server understands: all properties required, no others allowed, no
open-ended objects, no recursion. Patterns are optional, anchored, bounded and free of backslashes, because
some servers refuse, ignore or crash on more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_FORMULA = 1_000
MAX_RATIONALE = 500
MAX_SHARED, _SHARED_ASKED = 12, 8
MAX_HINTS, MAX_HINT = 12, 60
MAX_TEXT = 100_000
_LONGEST = {"formula": 240, "rationale": 140, "insight": 160, "shared": 16, "constant": 24, "recipe": 20}
"""Characters that a decoder may write; a small model repeats itself up to the token limit where nothing ends it."""
_MAX_STARTS = 200

_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,39}")
Name = Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]


class Proposal(BaseModel):
    """One formula in the formula language, why it might extrapolate, and how it is best fitted.

    Attributes:
        shared: constants with one value for all groups.
        constants: starts and limits, such as "alpha = 0.3" and "0 < E < 2"; read by `discover.proposers.hints`.
        recipe: loss, space and emphasis, such as "huber-log 1"; "" for the usual.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    formula: Annotated[str, Field(min_length=1, max_length=MAX_FORMULA)]
    shared: tuple[Name, ...] = ()
    rationale: str = ""
    constants: tuple[str, ...] = ()
    recipe: str = ""


class Proposals(BaseModel):
    """A whole answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A proposal that is not one: its text (clipped) and the reason."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer holds."""

    proposals: tuple[Proposal, ...] = ()
    refused: tuple[Refused, ...] = ()
    insight: str = ""


# --- the schema that is sent ---------------------------------------------------------------------------


def answer_schema(
    count: int, patterns: Mapping[str, str] | None = None, *, groups: bool = True, hints: bool = False
) -> dict[str, Any]:
    """JSON schema of an answer with one to `count` proposals.

    Args:
        count: most proposals in one answer.
        patterns: regular expression by property ("formula", "rationale", "shared"), see `formula_pattern`.
        groups: the data have groups, so constants may be shared by them.
        hints: an answer holds an insight, and its proposals starts and limits of constants, and recipes.
    """
    patterns = patterns or {}

    def text(name: str, description: str) -> dict[str, Any]:
        row = {"type": "string", "description": description}
        return row | ({"pattern": patterns[name]} if name in patterns else {"maxLength": _LONGEST[name]})

    properties: dict[str, Any] = {
        "rationale": text("rationale", "one sentence: why this form should extrapolate"),
        "formula": text("formula", "the right-hand side in the formula language"),
    }
    if groups:
        properties["shared"] = {
            "type": "array",
            "description": "constants with one value for all groups; usually empty",
            "items": text("shared", "name of a constant"),
            "maxItems": _SHARED_ASKED,
        }
    insight: dict[str, Any] = {}
    if hints:
        insight["insight"] = text("insight", "one sentence on what the rows and errors tell")
        start = text("constant", "a start or limits of a constant, such as alpha = 0.3 or 0 < E < 2")
        properties["constants"] = {"type": "array", "items": start, "maxItems": MAX_HINTS}
        properties["recipe"] = text("recipe", "how to fit, such as huber-log 1; usually empty")
    proposals = {"type": "array", "items": _closed(properties), "minItems": 1, "maxItems": count}
    return _closed(insight | {"proposals": proposals})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def without_patterns(schema: Any) -> Any:
    """The schema without limits on texts and their form, for servers that do not take them."""
    if isinstance(schema, Mapping):
        kept = {key: value for key, value in schema.items() if not _confines(key, value)}
        return {key: without_patterns(value) for key, value in kept.items()}
    return [without_patterns(v) for v in schema] if isinstance(schema, list) else schema


def _confines(key: str, value: Any) -> bool:
    return (key == "pattern" and isinstance(value, str)) or (key == "maxLength" and isinstance(value, int))


def answer_patterns(features: Sequence[str], constants: Sequence[str]) -> dict[str, str]:
    """Patterns that confine a decoder to formulas of a task's columns and of the named constants."""
    return {
        "formula": formula_pattern(features, constants),
        "rationale": "^[a-zA-Z0-9 ,.]{1,80}$",
        "shared": "^(" + "|".join(constants) + ")$",
    }


def formula_pattern(features: Sequence[str], constants: Sequence[str]) -> str:
    """An anchored, bounded regular expression, without backslashes, whose every match is a formula with a column.

    It covers sums of up to four terms of up to four factors each, not the whole language; numbers stand as
    exponents only, because a number elsewhere usually ties a law to the units of the table.
    """
    column = f"({'|'.join(features)})"
    name = f"({'|'.join([*features, *constants])})"
    exponent = f"({'|'.join([*features, *constants])}|[1-9]([.][0-9])?)"

    def factor(base: str) -> str:
        power = f"{base}([*][*]([(][-]{exponent}[)]|{exponent}))?"
        return f"({power}|(exp|log|sqrt|tanh)[(]{power}([+]{name})?[)])"

    def term(base: str) -> str:
        return f"{factor(base)}([*/]{factor(name)}){{0,2}}"

    sign = "[ ]?[+-][ ]?"
    return f"^({term(name)}{sign}){{0,2}}({factor(name)}[*])?{term(column)}({sign}{term(name)})?$"


# --- reading what comes back ---------------------------------------------------------------------------


def read_answer(text: str, limit: int = 16) -> Reading:
    """The proposals in an answer, however it is wrapped; never raises, and takes bounded time.

    Think-blocks, fences and prose around the JSON are skipped, proposals that are complete in a cut
    answer are kept. At most `limit` proposals are read.
    """
    proposals: list[Proposal] = []
    refused: list[Refused] = []
    items = list(islice(_items(strip_wrapping(text[:MAX_TEXT])), limit))
    for item in items:
        outcome = _proposal(item)
        if isinstance(outcome, Proposal):
            proposals.append(outcome)
        else:
            refused.append(outcome)
    if not items:
        refused.append(Refused(clip(text, 200), "no proposals found in the answer"))
    return Reading(tuple(proposals), tuple(refused), _insight(text))


def answer_in_thoughts(text: str) -> str:
    """The last whole answer among a model's thoughts, as JSON; "" if there is none."""
    found = [value for value in _json_values(text[:MAX_TEXT]) if isinstance(value, dict) and "proposals" in value]
    return json.dumps(found[-1]) if found else ""


_THOUGHT = "(?:think|thinking|thought|thoughts|reasoning|reflection|seed:think|begin_of_thought|end_of_thought)"
_MARKS = (
    (rf"<{_THOUGHT}(?: [^<>]{{0,40}})?>", f"</{_THOUGHT}>"),
    (r"\[think\]", r"\[/think\]"),
    ("◁think▷", "◁/think▷"),
    (r"<\|(?:start_thinking|begin_of_thought)\|>", r"<\|(?:end_thinking|end_of_thought)\|>"),
)
"""How models mark their thoughts."""
_THOUGHT_START = re.compile("|".join(start for start, _ in _MARKS), re.IGNORECASE)
_THOUGHT_END = re.compile("|".join(end for _, end in _MARKS), re.IGNORECASE)


def strip_wrapping(text: str) -> str:
    """What comes after the last thought, else before the first; of an unfinished thought nothing is kept."""
    ends = [match.end() for match in _THOUGHT_END.finditer(text)]
    rest = _before_thought(text[ends[-1] :]) if ends else ""
    rest = rest or _before_thought(text[: ends[0]] if ends else text)
    return rest.rpartition("<|message|>")[2].strip()


def _before_thought(text: str) -> str:
    start = _THOUGHT_START.search(text)
    if start is None and _THOUGHT_END.search(text):
        return ""  # the start was in the part that the server kept
    return (text[: start.start()] if start else text).strip()


def _items(text: str) -> Iterator[Any]:
    """Candidates for a proposal: JSON anywhere in the text, else what follows a 'formula:', else formulas in print."""
    text = _unpacked(text)
    strict, loose = (list(islice(_rows_in(form), _MAX_STARTS)) for form in (text, _loosened(text)))
    rows = iter(loose if len(loose) > len(strict) else strict)
    prose = (_found(pattern, text) for pattern in (_LABELLED, _RETURNED, _PRINTED))
    for source in (rows, _rows_in(text.translate(_QUOTES)), *prose):
        first = next(source, None)
        if first is not None:
            yield first
            yield from source
            return


def _rows_in(text: str) -> Iterator[Any]:
    for value in _json_values(text):
        yield from _rows(value)


def _found(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for match in pattern.finditer(text):
        yield next(filter(None, match.groups()), "")


def _unpacked(text: str) -> str:
    """The text inside, where an answer is JSON packed into a JSON string."""
    if not text.startswith('"'):
        return text
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return inner if isinstance(inner, str) else text


def _rows(value: Any, depth: int = 0) -> Iterator[Any]:
    key = _key(value, _CONTAINERS)
    if key is not None and depth < 3:
        yield from _rows(_loaded(value[key]), depth + 1)
    elif isinstance(value, dict) and depth and _is_numbered(value):
        yield from value.values()
    elif isinstance(value, list) and depth < 3:
        for item in value:
            yield from _rows(item, depth + 1)
    else:
        yield value


# Keys below which servers and models put the proposals, and a formula.
_CONTAINERS = ("proposals", "formulas", "expressions", "equations", "laws")
_FORMULA_KEYS = ("formula", "expression", "equation", "law", "expr")


def _key(value: Any, names: Sequence[str]) -> str | None:
    keys = {key.lower(): key for key in value} if isinstance(value, dict) else {}
    return next((keys[name] for name in names if name in keys), None)


def _is_numbered(value: dict[str, Any]) -> bool:
    """Proposals that have names or numbers instead of places in a list."""
    return bool(value) and (all(map(str.isdigit, value)) or all(isinstance(inner, dict) for inner in value.values()))


def _loaded(value: Any) -> Any:
    """A list that was packed into a string."""
    if not (isinstance(value, str) and value.lstrip().startswith(("[", "{"))):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


_LOOSE = re.compile(r"(\"(?:[^\"\\]|\\.)*\")|//[^\n]*|/\*.{0,500}?\*/|,(?=\s*[}\]])", re.DOTALL)


def _loosened(text: str) -> str:
    """JSON without the comments and last commas that models write into it, and that JSON does not have."""
    for _ in range(2):  # a comment may stand between a last comma and its bracket
        text = _LOOSE.sub(lambda found: found[1] or "", text)
    return text


_LABELLED = re.compile(
    r"[\"'`*]{0,3}\b(?:formula|expression|equation)[\"'`*]{0,3}[ \t]{0,5}[:=>][ \t*]{0,5}"
    r"(?:\"([^\"\n]{1,1000})\"|[`']([^`'\n]{1,1000})[`']|([^\"'`\s<][^\"'`\n<]{0,999}))",
    re.IGNORECASE,
)
_RETURNED = re.compile(r"^[ \t]*def [^\n]{1,300}:[ \t]*\n?[ \t]*return[ \t]+([^\n]{1,1000})$", re.MULTILINE)
"""A function in Python of one line; what others calculate before that would be taken for constants."""
_PRINTED = re.compile(
    r"\$\$([^$]{1,1000})\$\$|\\\[(.{1,1000}?)\\\]|(?<!`)`([^`\n]{1,1000}[*/^][^`\n]{1,1000})`(?!`)", re.DOTALL
)
"""Formulas in prose without any label: set off, or as code."""
_QUOTES = str.maketrans("“”„‟«»", '""""""')
_START = re.compile(r"[\[{]")
_BACKSLASH = re.compile(
    r"(?<!\\)((?:\\\\){0,9})\\(?=[^\"\\/bfnrtu]|"
    r"(?:bar|beta|big|frac|forall|nabla|neq|nu|rho|right|tan|tanh|tau|text|theta|tilde|times|underline|up)(?![a-z]))"
)
"""A backslash of LaTeX that JSON has no escape for, or would take for another character."""


def _json_values(text: str) -> Iterator[Any]:
    """Complete JSON objects and arrays in the text, outermost first; the number of tries is bounded."""
    text = _BACKSLASH.sub(r"\1\\\\", text)
    decoder = json.JSONDecoder(strict=False)  # small models break lines inside of texts
    position = 0
    for _ in range(_MAX_STARTS):
        start = _START.search(text, position)
        if start is None:
            return
        try:
            value, position = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            position = start.end()
            continue
        if _holds_formula(value):
            yield value
        else:  # what it wraps may hold one
            position = start.end()


def _holds_formula(value: Any) -> bool:
    if isinstance(value, dict):
        return _key(value, _CONTAINERS) is not None or _key(value, _FORMULA_KEYS) is not None
    return isinstance(value, list) and any(map(_is_formula, value[:100]))


def _is_formula(value: Any) -> bool:
    """An object with a formula, or a bare one; names of constants in a list are none."""
    if isinstance(value, str):
        return any(sign in value for sign in "*^/")
    return isinstance(value, dict) and _holds_formula(value)


def _proposal(item: Any) -> Proposal | Refused:
    shown = clip(item if isinstance(item, str) else json.dumps(item, default=str), 200)
    if isinstance(item, str):
        item = {"formula": item}
    if not isinstance(item, dict):
        return Refused(shown, "a proposal is an object with a formula")
    item = {key.lower(): value for key, value in item.items()}
    formula = next((item[key] for key in _FORMULA_KEYS if key in item), None)
    if not isinstance(formula, str):
        return Refused(shown, "the formula is missing or is not text")
    try:
        return Proposal(
            formula=tidy_formula(formula),
            shared=_names(item.get("shared")),
            rationale=clip(item.get("rationale"), MAX_RATIONALE),
            constants=_hints(item.get("constants")),
            recipe=clip(item.get("recipe"), MAX_HINT),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Refused(shown, f"{where}: {first['msg']}")


def _hints(value: Any) -> tuple[str, ...]:
    """Short texts; whatever else a model gives for them is left out."""
    if not isinstance(value, list | tuple):
        return ()
    return tuple(filter(None, (clip(text, MAX_HINT) for text in value[:MAX_HINTS])))


_INSIGHT = re.compile(r'"insight"\s{0,5}:\s{0,5}("(?:[^"\\\n]|\\.){1,1000}")')


def _insight(text: str) -> str:
    found = _INSIGHT.search(text[:MAX_TEXT])
    try:
        return clip(json.loads(found[1]), MAX_RATIONALE) if found else ""
    except ValueError:
        return ""


def _names(value: Any) -> tuple[str, ...]:
    """Names in what a model gives for them; what cannot be the name of a constant is left out."""
    if isinstance(value, str):
        value = re.split(r"[,\s]+", value.strip()) if value.strip() else []
    if not isinstance(value, list | tuple):
        return ()
    names = (str(name).strip() for name in value[: 4 * MAX_SHARED])
    return tuple(dict.fromkeys(name for name in names if _NAME.fullmatch(name)))[:MAX_SHARED]


_SYMBOLS = str.maketrans({"−": "-", "–": "-", "×": "*", "∗": "*", "÷": "/"})
_TIMES = re.compile("(?<![⁰¹²³⁴⁵⁶⁷⁸⁹])[·⋅]")  # a dot among raised digits is that of a number
_LEFT_SIDE = re.compile(
    r"^(?:return\b|(?:\\(?:hat|text|mathrm|mathcal|tilde|bar)\{)?[A-Za-z_]\w{0,40}\}?"
    r"(?:\([\w, ]{0,100}\))?\s{0,5}(?:=(?!=)|≈|:=))"
)
_AROUND = re.compile(r"^\\[(\[]|\\[)\]]$|[.,;]$|\s#.*$")


def tidy_formula(text: str) -> str:
    """The formula without fences, a left-hand side, a comment, or typographic signs."""
    text = _AROUND.sub("", text.strip().strip("`$").strip()).strip().translate(_SYMBOLS)
    return _TIMES.sub("*", _LEFT_SIDE.sub("", text, count=1)).strip()


def clip(value: Any, length: int) -> str:
    """Text on one line, without control characters, at most `length` characters."""
    if not isinstance(value, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in value[: 4 * length]).split())
    return line if len(line) <= length else line[: length - 1] + "…"
