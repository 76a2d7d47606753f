"""Texts of options into values: lists, `name=value` pairs; and options that several commands have, as one value."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from discover.errors import InputError
from discover.plain_data import number_in

if TYPE_CHECKING:
    from discover.law.document import LawDocument


def names(text: str | None) -> tuple[str, ...] | None:
    """The parts of a comma-separated list; None stays None, an empty text is an empty list."""
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def pairs(text: str | None, option: str) -> dict[str, str]:
    """`a=x,b=y` as a mapping. A name may hold commas, as headings do: `params, total=7B`.

    Raises:
        InputError: a part without `=`, or a name given twice.
    """
    result: dict[str, str] = {}
    held = ""
    for part in names(text) or ():
        if "=" not in part and part[:1].isalpha():
            held += f"{part}, "
            continue
        name, sign, value = (piece.strip() for piece in f"{held}{part}".partition("="))
        held = ""
        if not (name and sign and value):
            raise InputError(f"{option} has the part {part!r}; expected name=value")
        if name in result:
            raise InputError(f"{option} names {name!r} twice")
        result[name] = value
    if held:
        raise InputError(f"{option} has the part {held.removesuffix(', ')!r}; expected name=value")
    return result


Multiple = Callable[[str], float]
"""So many a column of this name counts as one, see `LawDocument.multiple`."""


def numbers(text: str | None, option: str, multiple: Multiple = lambda name: 1.0) -> dict[str, float]:
    """`a=1e9,b=7B` as a mapping of finite numbers.

    Raises:
        InputError: a part that is not `name=number`.
    """
    result = {}
    for name, value in pairs(text, option).items():
        result[name] = number_or_nan(value, multiple(name))
        if not math.isfinite(result[name]):
            raise InputError(f"{option} gives {name!r} the value {value!r}; expected a finite number")
    return result


def share(text: str, option: str) -> float:
    """The share of the rows in a text such as `0.2` or `20%`.

    Raises:
        InputError: not such a text, or not above 0 and below 1.
    """
    value = number_or_nan(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    if not 0 < value < 1:
        raise InputError(f"{option} is {text}; expected a share of the rows above 0 and below 1, such as 0.2 or 20%")
    return value


def number_or_nan(text: str, multiple: float = 1.0) -> float:
    """The number that a text says, see `number_in`; NaN where it says none, as no option takes that."""
    try:
        return number_in(text, multiple)
    except ValueError:
        return math.nan


def bounds_of(texts: Sequence[str] | None, multiple: Multiple) -> dict[str, tuple[float | None, float | None]]:
    """`NAME=LOW:HIGH,...` as name -> ends, either of which may be left out.

    Raises:
        InputError: the text is not of this form.
    """
    out = {}
    for name, span in pairs(",".join(texts or ()), "--bounds").items():
        low, sign, high = span.partition(":")
        ends = [_end(end, multiple(name)) for end in (low, high)]
        if not sign or any(end is not None and math.isnan(end) for end in ends):
            raise InputError(f"--bounds gives {name!r} the range {span!r}; expected LOW:HIGH such as 1e8:1e12")
        out[name] = (ends[0], ends[1])
    return out


def numbers_for(document: LawDocument, text: str | None, option: str) -> dict[str, float]:
    """`numbers` of the columns of a law, under whatever names, in the units of these columns."""
    from discover.forecasts.points import in_columns, letters

    return in_columns(document, numbers(text, option, letters(document)))


def bounds_for(document: LawDocument, texts: Sequence[str] | None) -> dict[str, tuple[float | None, float | None]]:
    """`bounds_of` the columns of a law, under whatever names, in the units of these columns."""
    from discover.forecasts.points import bounds_in, letters

    return bounds_in(document, bounds_of(texts, letters(document)))


def _end(text: str, multiple: float) -> float | None:
    if not text.strip():
        return None
    value = number_or_nan(text, multiple)
    return value if math.isfinite(value) else math.nan


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """A command as the command line sees it: a parameter that is a dataclass of options stands for all of them.

    An option that the command itself names, too, is the command's; its value goes to both.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in own.items() if is_dataclass(one.annotation)}
    seen: list[inspect.Parameter] = []
    for name, parameter in own.items():
        hints = get_type_hints(groups[name], include_extras=True) if name in groups else {}
        seen += [
            inspect.Parameter(field.name, parameter.kind, default=field.default, annotation=hints[field.name])
            for field in (fields(groups[name]) if name in groups else ())
            if field.name not in own
        ] or ([] if name in groups else [parameter])

    def called(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given[field.name] for field in fields(group)})
        command(**{name: given[name] for name in own})

    called.__name__, called.__doc__, called.__module__ = command.__name__, command.__doc__, command.__module__
    called.__annotations__ = {one.name: one.annotation for one in seen}
    called.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]
    return called
