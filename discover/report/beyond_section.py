"""The section on where the laws part beyond the data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from discover.report.beyond_plots import Beyond, beyond
from discover.report.blocks import Block, Cell, Formula, Plots, TableBlock, Text
from discover.report.content import Content, Rival
from discover.report.outlook import told
from discover.report.texts import NONE, listed, percent, quantity, r_squared


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
    said = told(content, found.at)
    start = f"At {far} ({content.settings(found.at)})"
    if content.ensemble is None:
        return f"{start} this law says {said.number(found.value)}."
    alone = f"the chosen law alone says {said.number(found.value)}"
    return f"{start} the forecast is {said.number(said.value)} (90 % interval {said.most}); {alone}."


def _error_table(rivals: Sequence[Rival]) -> TableBlock:
    rows = [
        (
            rival.name,
            str(len(rival.fit.structure.constants)),
            quantity(rival.inner_error, 3),
            r_squared(rival.sealed_r2),
        )
        for rival in rivals
    ]
    return TableBlock(("law", "constants", "inner error", "sealed R²"), tuple(rows), frozenset((1, 2, 3)))


def _formulas(content: Content) -> Iterator[Formula]:
    left = content.document.targets[0] if len(content.document.targets) == 1 else "target"
    alike: dict[tuple[str, str], list[Rival]] = {}
    for rival in content.rivals:
        alike.setdefault((rival.fit.structure.text, _shared(content, rival)), []).append(rival)
    for (_, shared), rivals in alike.items():
        yield Formula(left, rivals[0].fit.structure.expr, name=f"{_names(rivals)}{shared}")


def _names(rivals: Sequence[Rival]) -> str:
    """Laws of one formula, which differ by their constants alone: a runner-up may be a published law fitted anew."""
    names = [rival.name for rival in rivals]
    published = dict.fromkeys(r.published for r in rivals if r.published not in ("", *names))
    refitted = listed(
        [f"{r.name} with the loss of its study" if r.human and len(rivals) > 1 else r.name for r in rivals]
    )
    return f"{refitted}{f', published as {listed(list(published))}' if published else ''}"


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
                r_squared(rival.sealed_r2),
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
