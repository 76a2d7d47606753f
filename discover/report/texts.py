"""Numbers and names as a reader wants them: few digits, powers of ten, a real minus sign."""

from __future__ import annotations

import math
from collections.abc import Sequence

from discover.plain_data import lettered, padded

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NONE = "–"
FIXED = "\u00a0"  # a space at which no line breaks


def quantity(value: float | None, digits: int = 4) -> str:
    """A number with so many digits; a dash for none, a word for what is not finite."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if 0 < abs(value) < 1e-99:
        return "≈" + FIXED + "0"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{float(f'{value:.{digits}g}'):.15g}".replace("-", "−")
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    raised = "10" + raised_digits(int(exponent))
    whole = raised if mantissa == "1" else f"{mantissa}{FIXED}×{FIXED}{raised}"
    return whole.replace("-", "−")


def to_place(value: float, place: int) -> str:
    """A number to so many decimals, zeros at its end kept; below none to tens, hundreds and so on."""
    if not math.isfinite(value) or value == 0:
        return quantity(value)
    digits = math.floor(math.log10(abs(value))) + 1 + place
    return padded(quantity(value, max(digits, 1)), place)


def significant(value: float | None, digits: int) -> str:
    """A number with so many digits, zeros at its end kept."""
    if value is None or not math.isfinite(value) or value == 0:
        return quantity(value, digits)
    rounded = float(f"{value:.{digits}g}")
    return to_place(rounded, digits - 1 - math.floor(math.log10(abs(rounded))))


def r_squared(value: float | None) -> str:
    """R2 with four decimals."""
    return quantity(value) if value is None or abs(value) >= 100 else to_place(value, 4)


def size(value: float, digits: int = 3, plain: bool = False) -> str:
    """A size as people write it: 70B, 1.4T, 500M; other numbers as `quantity` does.

    Args:
        plain: as it can be typed: without powers of ten and other signs.
    """
    if written := lettered(value, digits):
        return written if plain else written.replace("-", "−")
    return f"{value:.{digits}g}".replace("e+", "e") if plain else quantity(value, digits)


def raised_digits(number: int) -> str:
    """A whole number as a superscript."""
    return str(number).translate(_RAISED)


def percent(share: float | None) -> str:
    """A share as a signed percentage."""
    if share is None or not math.isfinite(share):
        return NONE
    text = f"{100 * share:+.2g}"
    if "e" in text:
        text = f"{100 * share:+,.0f}"
    return text.replace("-", "−") + f"{FIXED}%"


def listed(names: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
