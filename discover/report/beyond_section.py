"""The section on where the laws part beyond the data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from discover.report.beyond_plots import Beyond, beyond
from discover.report.blocks import Block, Cell, Formula, Plots, TableBlock, Text
from discover.report.content import Content, Rival
from discover.report.texts import NONE, listed, percent, quantity, settings


def beyond_blocks(content: Content) -> Iterator[Block]:
    """The law against its rivals from the largest runs on."""
    if not content.rivals:
        yield Text("There is no other law to compare with.")
        return
    found = beyond(content)
    if found is None:
        yield Text("The task names no axis of scale, so the laws are compared by their errors only.")
        yield from _formulas(content)
        yield _error_table(content.rivals)
        return
    yield Text(_forecast(content, found))
    yield Plots(found.plots)
    yield from _formulas(content)
    yield _parting_table(found)


def _forecast(content: Content, found: Beyond) -> str:
    far = f"{quantity(found.multiple, 3)} times the largest train run"
    if found.value is None:
        return f"Every law goes on from each group's largest train run to {far}."
    start = f"At {far} ({settings(found.at, 3)}) this law says {quantity(found.value)}"
    if found.lower is None or found.upper is None:
        return start + "."
    return f"{start}, with a 90 % interval of {quantity(found.lower)} to {quantity(found.upper)}."


def _error_table(rivals: Sequence[Rival]) -> TableBlock:
    rows = [
        (
            rival.name,
            str(len(rival.fit.structure.constants)),
            quantity(rival.inner_error, 3),
            quantity(rival.sealed_r2),
        )
        for rival in rivals
    ]
    return TableBlock(("law", "constants", "inner error", "sealed R²"), tuple(rows), frozenset((1, 2, 3)))


def _formulas(content: Content) -> Iterator[Formula]:
    left = content.document.targets[0] if len(content.document.targets) == 1 else "target"
    for rival in content.rivals:
        published = f", published as {rival.published}" if rival.published not in ("", rival.name) else ""
        yield Formula(left, rival.fit.structure.expr, name=f"{rival.name}{published}{_shared(content, rival)}")


def _shared(content: Content, rival: Rival) -> str:
    """By what a law can differ from another one of the same formula."""
    shared = sorted(rival.fit.structure.shared)
    return f"; one {listed(shared)} for all groups" if shared and len(content.document.groups) > 1 else ""


def _parting_table(found: Beyond) -> TableBlock:
    far = f"{'at' if found.value is not None else 'largest change at'} {quantity(found.multiple, 3)}×"
    rows: list[tuple[Cell, ...]] = []
    for parting in found.partings:
        rival = parting.rival
        change = percent(parting.change)
        told = change if parting.forecast is None else f"{quantity(parting.forecast)} ({change})"
        rows.append(
            (
                rival.name,
                str(len(rival.fit.structure.constants)),
                quantity(rival.inner_error, 3),
                quantity(rival.sealed_r2),
                told,
                _leaving(parting.leaves),
            )
        )
    head = ("law", "constants", "inner error", "sealed R²", far, "leaves the interval")
    return TableBlock(head, tuple(rows), frozenset((1, 2, 3, 4)))


def _leaving(leaves: Sequence[float]) -> str:
    if any(math.isnan(at) for at in leaves):
        return NONE
    gone = [at for at in leaves if math.isfinite(at)]
    if len(leaves) > 1:
        return f"in {len(gone)} of {len(leaves)}" if gone else "in none"
    if not gone:
        return "never"
    return "at once" if gone[0] <= 1.0 else f"at {quantity(gone[0], 2)}×"
