"""Values as JSON takes them; numbers, durations and tables as people write and read them."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from discover.errors import InputError

if TYPE_CHECKING:
    from discover.word_tables import WordTable

COUNTS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12, "万": 1e4, "亿": 1e8, "mt": 1e6, "bt": 1e9, "x": 1.0, "×": 1.0}
"""What the letter behind a count stands for, as in models of 70M, 7B or 70亿 parameters and data of 1.4T tokens."""

_COUNT = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)) ?([mb]t|[kmbt万亿x×])", re.IGNORECASE)

OPEN = 1e6
"""An end of an interval so many times the value is open: it is of refits that ran away."""

_DURATION = re.compile(r"(?P<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)\s*(?P<unit>s|sec|m|min|h)?")
_SECONDS = {None: 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}

_NUMBERS = re.compile(r'\[\n(?:[-+0-9.e,\s]|"-?inf"|"nan"|true|false|null)+\]')
# a text holds no line break, so that no such list is part of one

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with a question mark for what a terminal obeys instead of showing it, and for halves of characters.

    Escape codes of a heading could otherwise rewrite what stands on the screen.
    """
    return _CONTROLS.sub("?", text)


def multiple_of(unit: str) -> float:
    """How many of its unit a column counts as one: a million for 10^6 parameters, as in params_M."""
    found = re.match(r"10\^([0-9]+) ", unit)
    return 10.0 ** int(found[1]) if found else 1.0


def number_in(text: str, multiple: float = 1.0) -> float:
    """A number as people write it: what `float` takes, or a count such as 70M, 7b or 1.4T.

    Args:
        multiple: so many a column counts as one; in a column of millions, 7B is 7000.

    Raises:
        ValueError: it is neither.
    """
    # float() also takes "1_000" and digits of other scripts, which are slips of the pen.
    count = _COUNT.fullmatch(text.strip())
    if count:
        return float(count[1]) * COUNTS[count[2].lower()] / multiple
    if "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def number_or_nan(text: str, multiple: float = 1.0) -> float:
    """As `number_in`; NaN for a text that says no number, where none may be given."""
    try:
        return number_in(text, multiple)
    except ValueError:
        return math.nan


def share_in(text: str) -> float:
    """The share in a text such as 0.2 or 20%; NaN for one that is none above 0 and below 1."""
    value = number_or_nan(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    return value if 0 < value < 1 else math.nan


def duration_s(text: str, option: str = "--budget") -> float:
    """Seconds of a text such as `60s`, `5m`, `1.5h` or `90`.

    Raises:
        InputError: not such a text, or not above zero.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else math.nan
    if not seconds > 0:
        raise InputError(f"{option} is {text!r}; expected a duration above zero such as 60s, 5m or 1h")
    return seconds


def plain(value: Any) -> Any:
    """The value with NaN and infinities as None, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(value: Any) -> str:
    """The value as indented JSON with every list of numbers on one line; NaN and infinities as null."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text) + "\n"


def rounded(value: float, digits: int) -> str:
    """A number with so many digits, with an exponent only where it is very large or small."""
    shown = f"{value:.{digits}g}"
    return f"{float(shown):.15g}" if 1e-4 <= abs(value) < 1e6 else shown


def lettered(value: float, digits: int) -> str:
    """A size as people write it: 70B, 1.4T, 500M; empty for numbers that are written without a letter."""
    shown = float(f"{value:.{digits}g}")
    for letter, step in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if step <= abs(shown) < 1000 * step and not (letter == "k" and abs(shown) < 1e4):
            return f"{shown / step:.15g}{letter}"
    return ""


def padded(text: str, place: int) -> str:
    """A number with zeros up to so many decimals, so that it looks as exact as it is: 0.2 to the third is 0.200."""
    whole, _, part = text.partition(".")
    if place < 1 or not (whole.lstrip("-−") + part).isdigit():
        return text
    return f"{whole}.{part.ljust(place, '0')}"


def with_error(
    value: float, error: float | None, write: Callable[[float, int], str] = rounded, space: str = " "
) -> str:
    """A constant with its standard error: two digits of the error, and of the value as many as it supports (2 to 7).

    Args:
        value, error: in the same unit; without a known error the value has six digits.
        write: writes a number with so many digits.
        space: around the sign.
    """
    if error is None or not math.isfinite(error) or error <= 0 or value == 0 or not math.isfinite(value):
        return write(value, 6)
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 2
    place = 1 - math.floor(math.log10(error)) if digits <= 7 else 0
    return f"{padded(write(value, min(max(digits, 2), 7)), place)}{space}±{space}{padded(write(error, 2), place)}"


def with_interval(value: float, low: float, high: float) -> str:
    """A constant with the ends of its interval, all to two digits of half its width: `1.703 [1.677, 1.729]`.

    An end that is not finite, or a million times the value, is open and shown as a dash.
    """
    ends = [None if not math.isfinite(end) or abs(end) > OPEN * abs(value) > 0 else end for end in (low, high)]
    reach = max((abs(end - value) for end in ends if end is not None), default=0.0)
    last = math.floor(math.log10(reach)) - 1 if reach > 0 else None

    def shown(number: float | None) -> str:
        if number is None:
            return "-"
        if last is None or number == 0:
            return rounded(number, 6)
        digits = math.floor(math.log10(abs(number))) - last + 1
        return padded(rounded(number, min(max(digits, 2), 7)), -last if digits <= 7 else 0)

    return f"{shown(value)} [{shown(ends[0])}, {shown(ends[1])}]"


_PER_DECADE = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
_NARROW = 3.0  # ends that differ by less than this factor have even steps between them


def round_numbers(low: float, high: float, most: int, by_factors: bool = False) -> list[float]:
    """So many round numbers at most from one end to the other, for the labels of an axis.

    Args:
        by_factors: of a logarithmic axis, whose ends are above zero.
    """
    return _by_factors(low, high, most) if by_factors and high / low >= _NARROW else _even(low, high, most)


def _even(low: float, high: float, most: int) -> list[float]:
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def _by_factors(low: float, high: float, most: int) -> list[float]:
    """Round numbers, evenly on a logarithmic axis as far as that goes; powers of ten alone where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in _PER_DECADE:
        found = [float(f"{step}e{power}") for power in powers for step in steps]
        inside = [value for value in found if low <= value <= high]
        if len(inside) <= most:
            return inside
    return inside[:: math.ceil(len(inside) / most)]


def quoted(path: object) -> str:
    """A path as a word of a command that can be pasted into a shell, whatever characters it has."""
    return shlex.quote(str(path))


def sentence(text: str) -> str:
    """A phrase with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def counted(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def number(value: float | None, digits: int = 4) -> str:
    """A number for people: few digits, an exponent where it is very large or small, a dash for none."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.{digits}g}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = (), keys: int = 1) -> WordTable:
    """A plain table, as wide as it must be. Cells are folded between words, never cut.

    Args:
        right: places of columns to align at the right.
        keys: how many columns stand in each part of a table that is too wide.
    """
    from rich.text import Text

    from discover.word_tables import WordTable

    result = WordTable(keys)
    aligned = set(right)
    for place, heading in enumerate(columns):
        result.add_column(heading, justify="right" if place in aligned else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text(printable(cell)) for cell in row))
    return result
