"""Texts of options into values: lists, `name=value` pairs; and options that several commands have, as one value."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from discover.errors import InputError
from discover.plain_data import number_or_nan, share_in

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


def numbers(text: str | None, option: str, document: LawDocument | None = None) -> dict[str, float]:
    """`a=1e9,b=7B` as a mapping of finite numbers.

    Args:
        document: a law whose columns the names mean; the numbers are then in the units of these columns.

    Raises:
        InputError: a part that is not `name=number`.
    """
    result = {}
    for name, value in pairs(text, option).items():
        column, read = _reader(document, name)
        result[column] = read(value)
        if not math.isfinite(result[column]):
            raise InputError(f"{option} gives {name!r} the value {value!r}; expected a finite number")
    return result


def _reader(document: LawDocument | None, name: str) -> tuple[str, Callable[[str], float]]:
    from discover.forecasts.points import reader

    return (name, number_or_nan) if document is None else reader(document, name)


def share(text: str, option: str) -> float:
    """The share of the rows in a text such as `0.2` or `20%`.

    Raises:
        InputError: not such a text, or not above 0 and below 1.
    """
    value = share_in(text)
    if math.isnan(value):
        raise InputError(f"{option} is {text}; expected a share of the rows above 0 and below 1, such as 0.2 or 20%")
    return value


def bounds(document: LawDocument, texts: Sequence[str] | None) -> dict[str, tuple[float | None, float | None]]:
    """`NAME=LOW:HIGH,...` as column of a law -> ends in its unit, either of which may be left out.

    Raises:
        InputError: the text is not of this form.
    """
    out = {}
    for name, span in pairs(",".join(texts or ()), "--bounds").items():
        column, read = _reader(document, name)
        low, sign, high = span.partition(":")
        ends = [read(end) if end.strip() else None for end in (low, high)]
        if not sign or any(end is not None and not math.isfinite(end) for end in ends):
            raise InputError(f"--bounds gives {name!r} the range {span!r}; expected LOW:HIGH such as 1e8:1e12")
        out[column] = (ends[0], ends[1])
    return out


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
