"""The answer of `discover allocate` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discover.plain_data import counted, number, table

if TYPE_CHECKING:
    from rich.table import Table as Printed

    from discover.decisions import Allocation, Optimum, Quantity
    from discover.forecasts import Forecast


MOST_PLACES = 4  # named in a warning


def describe(found: Allocation, by_name: bool) -> list[str | Printed]:
    """The answer for people; `by_name` where nobody said what to minimise."""
    lines: list[str | Printed] = [*_question(found, by_name), ""]
    if len(found.optima) == 1 and not found.refused:
        return [*lines, _one(found.optima[0], found), *_meaning(found), *_notes(found.optima)]
    refused = [f"No answer for {group}: {why}" for group, why in found.refused.items()]
    lines += [_several(found), *_exponent_lines(found), *_alone(found), *_meaning(found), *_notes(found.optima)]
    return [*lines, *(["", *refused] if refused else [])]


def _question(found: Allocation, by_name: bool) -> list[str]:
    held = ", ".join(f"{name} = {value:g}" for name, value in found.fixed.items())
    largest = found.minimised.removeprefix("-")
    if by_name and largest != found.minimised:
        lines = [
            f"largest {largest} under {found.law}",
            f"(better when larger, by its name; --minimise {largest} if not)",
        ]
    else:
        lines = [f"least {found.minimised} under {found.law}"]
    lines[0] += f" and {counted(found.laws - 1, 'near-tied law')}" if found.laws > 1 else ""
    lines += [f"cost {found.cost}"] if found.cost is not None else []
    return lines + ([f"with {held}"] if held else [])


def _one(best: Optimum, found: Allocation) -> Printed:
    rows = [(name, quantity) for name, quantity in best.features.items()]
    rows += [("cost", best.cost)] if best.cost is not None else []
    if found.minimised.removeprefix("-") not in ("cost", *best.forecasts):
        rows.append((found.minimised, best.objective))
    cells = [(name, number(q.value), span(q.interval), _of_law(q), span(q.laws)) for name, q in rows]
    for target, forecast in best.forecasts.items():
        expected = _forecast(forecast)
        cells.append((f"{target}, forecast", number(expected.value), span(expected.interval), "", ""))
    head = ("", "best", "90 % interval", "chosen law alone", f"range of {best.laws} laws")
    shown = len(head) if best.laws > 1 else len(head) - 2
    return table(head[:shown], [row[:shown] for row in cells], (1,))


def _forecast(found: Forecast) -> Quantity:
    """The value of a forecast with its 90 % interval."""
    from discover.decisions import Quantity

    ends = (float(found.lower[0.9][0]), float(found.upper[0.9][0])) if found.lower else None
    return Quantity(float(found.value[0]), ends)


def _several(found: Allocation) -> Printed:
    grouped = any(best.group is not None for best in found.optima)
    swept = any(best.budget is not None for best in found.optima)
    names = list(found.optima[0].features)
    targets = list(found.optima[0].forecasts)
    head = [*(["group"] if grouped else []), *(["budget"] if swept else [])]
    head += [*names, *(["cost"] if found.cost is not None and not swept else []), *targets]
    rows = []
    for best in found.optima:
        row = [best.group or "-"] if grouped else []
        row += [number(best.budget)] if swept else []
        row += [_with_interval(best.features[name]) for name in names]
        row += [_with_interval(best.cost)] if best.cost is not None and not swept else []
        row += [_with_interval(_forecast(forecast)) for forecast in best.forecasts.values()]
        rows.append(row)
    return table(head, rows)


def _alone(found: Allocation) -> list[str]:
    """The optima of the chosen law alone, where they are few and other laws have a part in the answer."""
    if found.laws == 1 or len(found.optima) > MOST_PLACES:
        return []
    of = [
        f"{_place(best).removeprefix(' at ')}: {', '.join(f'{name} {_of_law(q)}' for name, q in best.features.items())}"
        for best in found.optima
    ]
    return ["", f"the chosen law alone, at {'; '.join(of)}"]


def _meaning(found: Allocation) -> list[str]:
    """What the numbers are."""
    if not found.draws:
        return []
    several = found.laws > 1
    best = f"Best values are the average over {found.laws} laws that the data cannot tell apart. " if several else ""
    own = "these laws" if several else "the law"
    return [
        "",
        f"{best}Their 90 % intervals hold those under {found.draws} plausible sets of constants of {own}; "
        f"that of {' and '.join(found.optima[0].forecasts)} is of a new run's result.",
    ]


def _of_law(quantity: Quantity) -> str:
    return "-" if quantity.law is None else number(quantity.law)


def _exponent_lines(found: Allocation) -> list[str]:
    lines = []
    for group, of in found.exponents.items():
        powers = ", ".join(f"{name} ~ budget^{_with_interval(q, 3)}" for name, q in of.items())
        lines.append(f"{f'{group}: ' if group else ''}{powers}")
    return ["", *lines] if lines else []


def _notes(optima: tuple[Optimum, ...]) -> list[str]:
    """Warnings, each once with the places where it holds; of the optima beyond the data the last of every group."""
    last = {best.group: best for best in optima}
    where: dict[str, list[str]] = {}
    for best in last.values():
        if best.beyond:
            where.setdefault(f"beyond the data: {'; '.join(best.beyond)}", []).append(_place(best))
    lines = [_warning(text, places, len(optima)) for text, places in where.items()]
    where = {}
    for best in optima:
        for text in best.warnings:
            where.setdefault(text, []).append(_place(best))
    lines += [_warning(text, places, len(optima)) for text, places in where.items()]
    return ["", *lines] if lines else []


def _warning(text: str, places: list[str], of: int) -> str:
    """A warning with the places where it holds, unless it holds everywhere or in many."""
    if len(places) == of:
        return f"Warning: {text}"
    shown = ",".join(places[:MOST_PLACES]) + (
        f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    )
    return f"Warning{shown}: {text}"


def _place(best: Optimum) -> str:
    """Group and budget of an optimum, as the end of a phrase."""
    parts = [best.group or "", number(best.budget) if best.budget is not None else ""]
    named = ", ".join(part for part in parts if part)
    return f" at {named}" if named else ""


def span(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else f"{number(ends[0], 3)} to {number(ends[1], 3)}"


def _with_interval(quantity: Quantity, digits: int = 4) -> str:
    text = number(quantity.value, digits)
    return text if quantity.interval is None else f"{text} ({span(quantity.interval)})"
