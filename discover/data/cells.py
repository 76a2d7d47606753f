"""Cells into numbers: the notations in which people write one, and which sign parts whole and fraction in a file.

The readers of pandas and polars are told a decimal sign and a thousands sign. None decides them from the cells, refuses
a cell that may mean two numbers, or reads `1.3B` and `5.34 ± 0.01`; so this is done here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from discover.arrays import Floats
from discover.data.vocabulary import word_list
from discover.plain_data import number_in

Sign = Literal[".", ",", "?"]
"""The decimal sign; "?" where the cells do not tell, so that only what can mean one number is read."""

EMPTY = word_list("empty")
"""Texts that say that there is no value."""

NAMES = frozenset(("null", "none", "-", "unknown"))
"""Those of them that may be names."""

FAILED = word_list("failed")
"""Texts that stand in place of a result that a run did not reach."""

_SPREADSHEET_ERROR = re.compile(r"#(?:N/?A|NV|N/[DV]|N/DISP|[A-ZÄÖÜÉ¡/0]+[!?])", re.IGNORECASE)
"""#N/A, #NV, #DIV/0!, #WERT!, #NOMBRE?: errors of spreadsheets in any language."""

LONGEST = 200
"""Characters of the longest text that may be a number; the patterns below would take seconds for some longer ones."""

MULTIPLES = {
    "k": 3, "thousand": 3, "thousands": 3, "tsd": 3,
    "m": 6, "mn": 6, "mln": 6, "mio": 6, "million": 6, "millions": 6, "millionen": 6,
    "b": 9, "bn": 9, "bln": 9, "mrd": 9, "billion": 9, "billions": 9, "milliarden": 9, "milliards": 9,
    "t": 12, "tn": 12, "trillion": 12, "trillions": 12, "mt": 6, "bt": 9,
    "lakh": 5, "lakhs": 5, "lac": 5, "crore": 7, "crores": 7, "cr": 7, "万": 4, "亿": 8,
}  # fmt: skip
"""Letters and words behind a number or in a heading -> the power of ten that they mean."""

SI_PREFIXES = {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24}

UNITS = {
    "nat": "nats", "nats": "nats", "nats/token": "nats", "bit": "bits", "bits": "bits", "bits/byte": "bits/byte",
    "bpb": "bits/byte", "ppl": "perplexity", "token": "tokens", "tokens": "tokens", "tok": "tokens",
    "param": "parameters", "params": "parameters", "parameter": "parameters", "parameters": "parameters",
    "flop": "FLOP", "flops": "FLOP", "step": "steps", "steps": "steps", "example": "examples", "examples": "examples",
    "sample": "samples", "samples": "samples", "sequence": "sequences", "sequences": "sequences", "layer": "layers",
    "layers": "layers", "epoch": "epochs", "epochs": "epochs", "expert": "experts", "experts": "experts",
    "-bit": "bits", "us": "µs", "µs": "µs", "ms": "ms", "s": "s", "sec": "s", "secs": "s", "seconds": "s", "min": "min",
    "mins": "min", "minutes": "min", "h": "h", "hrs": "h", "hours": "h", "tokens/s": "tokens/s", "tok/s": "tokens/s",
    "x": "times", "×": "times",
}  # fmt: skip
"""Words behind a number -> the unit that they mean."""


def _any_of(words: Mapping[str, object]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_AROUND = re.compile(r"^[~≈≃∼]\s*|(?<=[\w%)])\s*[*†‡§¶]+$")
"""What says that a number is about right, and the marks of footnotes."""
_BLANKS = " \u00a0\u2007\u2009\u202f"
_POWER = (
    r"[eE][+-]?[0-9]+|[dD][+-][0-9]{2,3}"
    r"|[ ]?(?:[xX×·⋅*]|\\times|\\cdot)[ ]?10(?:(?:\^|\*\*)[({]?[+-]?[0-9]+[)}]?|[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


def _core(point: str, comma: str) -> re.Pattern[str]:
    """A number without anything behind it. Before a group mark stands no zero: "0,500" is half of one."""
    groups = rf"(?P<grouped>[1-9][0-9]{{0,2}}(?P<mark>[{comma}'’{_BLANKS}])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*)"
    if comma == ",":  # in India only the last three digits are a group of three
        groups = rf"(?:{groups}|(?P<indian>[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}))"
    plain = rf"[0-9]+(?:[{point}][0-9]*)?|[{point}][0-9]+"
    return re.compile(rf"[+-]?(?:{groups}(?:[{point}][0-9]+)?|(?:{plain})(?P<power>{_POWER})?)(?![0-9])")


_CORES: dict[str, re.Pattern[str]] = {".": _core(".", ","), ",": _core(",", ".")}
_BARE_POWER = re.compile(r"(2|10)(?:(?:\^|\*\*)[({]?([+-]?[0-9]+)[)}]?|([⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))")
_PLUS_MINUS = re.compile(r"[ ]?(\()?(?:±|\+/-|\+-|\\pm)[ ]?")
_OPENER = re.compile(r"[ ]?([(\[])")
_BETWEEN = re.compile(r"[ ]?(?:,|;|-|–|to)[ ]?")
_MULTIPLE = re.compile(rf"[ ]?({_any_of(MULTIPLES)})\.?(?![A-Za-z/])", re.IGNORECASE)
_UNIT = re.compile(rf"[ ]?({_any_of(SI_PREFIXES)})?((?i:{_any_of(UNITS)}))")
_PERCENT = re.compile(r"[ ]?\\?%")
_NO_DIGITS = str.maketrans("", "", "0123456789.eE+-")
LONGEST_PLAIN = 40
"""Characters of a number that a program writes, at most."""
_DOUBTFUL_POINT = re.compile(r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$", re.MULTILINE)
_ODD_PERCENT = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3} ?\\?%")
"""10,000% may be ten per cent or a hundred times: nobody writes either, so it proves no sign."""
_WHOLE = re.compile(r"[+-]?[0-9]+(?:[eE][+-]?[0-9]+)?")
# A fraction that has not three digits, or has them behind a zero or four digits, needs no second look.
_SURE_POINT = re.compile(r"[+-]?(?:[0-9]*\.(?:[0-9]{1,2}|[0-9]{4,})|(?:0|[0-9]{4,})\.[0-9]*)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Written:
    """What the text of a cell means.

    Attributes:
        value: the number; NaN and infinities where the text says so.
        unit: one of the values of `UNITS`, "%" or "".
        error: what stands behind a ±, or None.
    """

    value: float
    unit: str = ""
    error: float | None = None


def text_of(cell: object) -> str:
    """The cell as text without outer blanks."""
    return "" if cell is None else str(cell).strip()


def is_empty(cell: object) -> bool:
    """Whether the cell is blank, or says in words that there is no value."""
    return text_of(cell).lower() in EMPTY


def says_failed(cell: object) -> bool:
    """Whether the cell stands for a result that was not reached (`OOM`) or is the error of a spreadsheet (`#N/A`)."""
    text = text_of(cell)
    return text.lower() in FAILED or _SPREADSHEET_ERROR.fullmatch(text) is not None


def number(cell: object, sign: Sign = ".") -> float | None:
    """The cell as a number (NaN and infinities included), or None when it is not one."""
    found = written(cell, sign)
    return None if found is None else found.value


def written(cell: object, sign: Sign = ".") -> Written | None:
    """What a cell means as a number with this decimal sign, or None when it is not one."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, (int, float, np.integer, np.floating, Decimal)):
        try:
            return Written(float(cell))
        except OverflowError:
            return Written(math.inf)
    text = text_of(cell)
    if len(text) > LONGEST:
        return None
    if sign == "." or "." not in text:
        try:
            return Written(number_in(text))
        except ValueError:
            pass
    if not any(c.isdigit() for c in text):
        return None
    if sign != "?":
        return _notation(_cleaned(text), sign)
    point, comma = written(cell, "."), written(cell, ",")
    return point if comma is None or comma == point else comma if point is None else None


def _cleaned(text: str) -> str:
    """The text without what people, spreadsheets and LaTeX put around a number, and with one kind of minus."""
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    text = text.replace("−", "-").replace("$", "").replace("{,}", ",").replace("\\,", " ").lstrip("'")
    text = _AROUND.sub("", text)
    return re.sub(" +", " ", text).strip()


def _notation(text: str, sign: str) -> Written | None:
    """A number with what may stand behind it: ± or brackets, a multiple, a unit or a percent sign."""
    bare = _BARE_POWER.fullmatch(text)
    if bare:
        return Written(_power(float(bare[1]), bare[2] or bare[3].translate(_RAISED)))
    core = _CORES[sign]
    found = core.match(text)
    if found is None:
        return None
    place, percent = _behind_percent(text, found.end())
    error, place = _behind_error(text, place, core, sign)
    place, factor, name = (place, 1.0, "") if percent else _behind_unit(text, place, multiples=not found["power"])
    if factor == 1.0 and not name:
        place, again = _behind_percent(text, place)
        percent = percent or again
    if place != len(text) or (percent and (found["grouped"] or found["power"])):
        return None
    factor, name = (0.01, "%") if percent else (factor, name)
    scaled = [
        None if one is None else float(f"{one * factor:.15g}") if factor != 1 else one
        for one in (_value(found, sign), error)
    ]
    return None if scaled[0] is None else Written(scaled[0], name, scaled[1])


def _behind_percent(text: str, place: int) -> tuple[int, bool]:
    """Where the text goes on behind a percent sign, and whether there is one."""
    found = _PERCENT.match(text, place)
    return (found.end(), True) if found else (place, False)


def _behind_error(text: str, place: int, core: re.Pattern[str], sign: str) -> tuple[float | None, int]:
    """What stands behind a ±, which may be in brackets, and where the text goes on."""
    around = _PLUS_MINUS.match(text, place)
    if not around:
        return None, _behind_brackets(text, place, core)
    found = core.match(text, around.end())
    if found is None:
        return None, place
    if not around[1]:
        return _value(found, sign), found.end()
    end, _ = _behind_percent(text, found.end())
    return (_value(found, sign), end + 1) if text[end : end + 1] == ")" else (None, place)


def _behind_unit(text: str, place: int, *, multiples: bool) -> tuple[int, float, str]:
    """Where the text goes on behind a multiple and a unit, the factor of the multiple, and the unit."""
    factor, name = 1.0, ""
    multiple = _MULTIPLE.match(text, place) if multiples else None
    if multiple:
        factor, place = 10.0 ** MULTIPLES[multiple[1].lower()], multiple.end()
    unit = _UNIT.match(text, place)
    if unit:
        factor *= 10.0 ** SI_PREFIXES[unit[1]] if unit[1] else 1.0
        name, place = UNITS[unit[2].lower()], unit.end()
    return place, factor, name


def _behind_brackets(text: str, place: int, core: re.Pattern[str]) -> int:
    """Where the text goes on behind `(0.01)` or `[5.30, 5.38]`, which say how sure a number is."""
    opener = _OPENER.match(text, place)
    if not opener:
        return place
    inner = core.match(text, opener.end())
    if inner and opener[1] == "[":
        parted = _BETWEEN.match(text, inner.end())
        inner = core.match(text, parted.end()) if parted else None
    closed = inner is not None and text[inner.end() : inner.end() + 1] == {"(": ")", "[": "]"}[opener[1]]
    return inner.end() + 1 if inner is not None and closed else place


def _value(found: re.Match[str], sign: str) -> float:
    digits, power = found[0], found["power"] or ""
    digits = digits.removesuffix(power)
    if found["grouped"]:
        digits = digits.replace(found["mark"], "")
    if sign == "." and found["indian"]:
        digits = digits.replace(",", "")
    digits = digits.replace(",", ".") if sign == "," else digits
    exponent = re.sub(r"^[eEdD]|^.*?10(\^|\*\*)?", "", power).translate(_RAISED).strip("(){}")
    return float(f"{digits}e{exponent}" if exponent else digits)


def _power(base: float, exponent: str) -> float:
    try:
        return base ** int(exponent)
    except (OverflowError, ValueError):  # also for more digits than Python makes an integer of
        return math.inf


def is_plain(cell: object, sign: Sign = ".") -> bool:
    """Whether nobody asks how a number was read: it is as programs write it, and its point is the decimal sign."""
    text = text_of(cell)
    if not isinstance(cell, str) or _WHOLE.fullmatch(text):
        return True
    return sign == "." and _is_float(text)


def marks_in(cell: object) -> int:
    """How many characters of a number are not digits: the cell with the most is the best example of a notation."""
    return sum(not c.isdigit() for c in text_of(cell))


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text and text.isascii()


# --- the decimal sign of a file


@dataclass(frozen=True)
class Signs:
    """What the cells of a column say of the decimal sign.

    Attributes:
        sure: signs that some cell proves, as 0,5 and 1.234,5 prove the comma.
        doubts: sign -> place of the first cell that means one number with it and another one without, as 2,600.
    """

    sure: frozenset[str]
    doubts: Mapping[str, int]


def floats_in(cells: Sequence[object]) -> Floats | None:
    """The values of a column whose cells are all written as programs write numbers, shape (n,); None for any other.

    A million cells take a tenth of a second this way, and some seconds one by one.
    """
    kinds = set(map(type, cells))
    texts: list[Any] = list(cells)
    if not (kinds <= {int, float} or (kinds == {str} and not "".join(texts).translate(_NO_DIGITS))):
        return None
    if kinds == {str} and max(map(len, texts)) > LONGEST_PLAIN:
        return None
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))
    except (ValueError, OverflowError):
        return None


def signs_in(cells: Sequence[object]) -> Signs:
    """What the cells of a column say."""
    if cells and isinstance(cells[0], str) and floats_in(cells) is not None:
        text = "\n".join(map(str, cells))
        if not _DOUBTFUL_POINT.search(text):
            return Signs(frozenset("." if "." in text else ()), {})
    sure: set[str] = set()
    doubts: dict[str, int] = {}
    for place, cell in enumerate(cells):
        if not isinstance(cell, str) or not ("." in cell or "," in cell):
            continue
        text = cell.strip()
        if _ODD_PERCENT.fullmatch(text):
            continue
        if len(text) <= LONGEST and _SURE_POINT.fullmatch(text):
            sure.add(".")
            continue
        point, comma = written(text, "."), written(text, ",")
        if point is not None and comma is not None:
            if point != comma:
                doubts.setdefault("." if "." in text else ",", place)
        elif point is not None:
            sure.add(".")
        elif comma is not None:
            sure.add(",")
    return Signs(frozenset(sure), doubts)


def decimal_signs(
    columns: Mapping[str, Sequence[object]],
    *,
    pointed: bool,
    small: Collection[str] = (),
    whole: Collection[str] = (),
) -> tuple[dict[str, Sign], frozenset[str]]:
    """Heading -> the decimal sign of its cells: what they prove, or else what the cells of the other columns do.

    Args:
        columns: heading -> cells.
        pointed: in this file commas part the cells, or its format writes points. A comma is no decimal sign beside
            points then ("1,2" is a list), and a point that no cell explains is one.
        small: headings of results that never reach a thousand, such as losses; they tell where no cell proves a sign.
        whole: headings of counts, where a point that no cell explains may part thousands in any file.

    Returns:
        The signs, and the headings of those columns whose sign is a custom and nothing more.
    """
    found = {heading: signs_in(cells) for heading, cells in columns.items()}
    proved = {sign for signs in found.values() for sign in signs.sure}
    doubted = {sign for signs in found.values() for sign in signs.doubts}
    told = proved or {sign for heading in small for sign in found[heading].doubts}
    odd, custom = set[str](), set[str]()
    if not proved:  # a loss of 3.412 tells nothing of 2.600 tokens
        odd = {heading for heading in whole if set(found[heading].doubts) & (told or {".", ","})}
        custom = {heading for heading, signs in found.items() if signs.doubts and heading not in small} - odd
    if not pointed or told == {","} or (not told and doubted != {"."}):
        told_by = {heading: _sign(signs.sure or told, bool(signs.doubts)) for heading, signs in found.items()}
        return {heading: "?" if heading in odd else sign for heading, sign in told_by.items()}, frozenset(custom)
    odd |= {heading for heading in small if not found[heading].sure and set(found[heading].doubts) == {","}}
    return {heading: "?" if heading in odd else "." for heading in found}, frozenset(custom)


def _sign(told: Collection[str], in_doubt: bool) -> Sign:
    if len(told) == 1:
        return "," if "," in told else "."
    return "?" if told or in_doubt else "."
