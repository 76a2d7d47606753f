"""The section on the reasons to doubt a law."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from discover.plain_data import counted, sentence
from discover.report.axes import units
from discover.report.blocks import Block, Points, Text
from discover.report.content import Content
from discover.report.law_section import LEVEL, LOOSE, intervals, loose
from discover.report.texts import listed, quantity
from discover.runs.verdict import CLOSE_SAID, verdict_of
from discover.scoring.metrics import r_squared

FEW_SEALED = 5  # rows below which nothing is said of their side
BY_CHANCE = 0.01  # what happens more rarely is told as a doubt


def doubt_blocks(content: Content, doubts: tuple[str, ...]) -> Iterator[Block]:
    """Reasons to doubt the law, see `reasons`, and notes on the table."""
    if doubts:
        yield Points(doubts, warning=True)
    else:
        yield Text(
            "Nothing was found that speaks against this law: the search converged, the rows determine each of "
            "its constants, and no other law fits them as well."
        )
    notes = [one.text for one in content.result.problems]
    notes += content.result.notes
    if notes:
        yield Text("Notes on the table:")
        yield Points(tuple(notes))


def reasons(content: Content, sealed: Sequence[str]) -> Iterator[str]:
    """Reasons to doubt the law, the gravest first.

    Args:
        sealed: those of `on_sealed_rows`.
    """
    yield from sealed
    yield from map(sentence, content.result.warnings)
    if content.result.sealed_error:
        yield sentence(f"the sealed rows could not be read: {content.result.sealed_error}")
    names = _undetermined(content)
    if names:
        yield names
    close = [rival.name for rival in content.runners_up if rival.close]
    named, tied = listed(close), alike(content)
    if content.ensemble is not None and tied > len(close):
        nearest = f" ({named} by inner error: {CLOSE_SAID})" if named else ""
        yield (
            f"The data hardly tell the law from {counted(tied, 'other law')}{nearest}: intervals are those of all of "
            "them, and the constants are those of one."
        )
    elif named:
        yield f"The data hardly tell the law from {named} ({CLOSE_SAID})."
    lower = verdict_of(content.result).lower
    if lower:
        yield lower


def alike(content: Content) -> int:
    """So many other laws the data hardly tell from the chosen one."""
    close = sum(rival.close for rival in content.runners_up)
    return max(close, 0 if content.ensemble is None else len(content.ensemble.laws) - 1)


def sealed_r2(content: Content) -> dict[str, float]:
    """Target -> R2 of the forecast on the sealed rows, or of the law where there is no other forecast."""
    if content.sealed is None:
        return {}
    rows, targets = content.sealed, content.document.targets
    if content.ensemble is None:
        said = content.fit.predict(rows.features, rows.group)
    else:
        names = [rows.group_names[code] for code in rows.group]
        said = np.column_stack([content.ensemble.central(rows.features, names, target=target) for target in targets])
    return {target: r_squared(said[:, [t]], rows.targets[:, [t]]) for t, target in enumerate(targets)}


def on_sealed_rows(content: Content) -> Iterator[str]:
    """Whether the forecast fails on the sealed rows; whether they lie to one side of the law or out of intervals."""
    if content.sealed is None:
        return
    for target, r2 in sealed_r2(content).items():
        if r2 <= 0:
            yield f"On the sealed rows the forecast of {target} is further off than their mean (R² {quantity(r2, 2)})."
    law = content.fit.predict(content.sealed.features, content.sealed.group)
    for t, target in enumerate(content.document.targets):
        above = int(np.sum(content.sealed.targets[:, t] > law[:, t]))
        n = len(content.sealed)
        most = max(above, n - above)
        if n >= FEW_SEALED and 2.0 * _at_least(most, n, 0.5) < BY_CHANCE:
            side = "above" if above > n - above else "below"
            yield f"{most} of {n} sealed rows lie {side} the law in {target}: beyond the data it is off to one side."
        if content.ensemble is None:
            continue
        names = [content.sealed.group_names[code] for code in content.sealed.group]
        found = content.ensemble.intervals(content.sealed.features, names, levels=(LEVEL,), target=target)
        measured = content.sealed.targets[:, t]
        out = int(np.sum((measured < found.lower[LEVEL]) | (measured > found.upper[LEVEL])))
        if _at_least(out, n, 1.0 - LEVEL) < BY_CHANCE:
            yield f"{out} of {n} sealed rows lie outside of the 90 % interval in {target}: it is too narrow there."


def _at_least(hits: int, n: int, chance: float) -> float:
    """Probability of so many hits or more among n."""
    from scipy.special import bdtrc

    return float(bdtrc(hits - 1, n, chance)) if hits > 0 else 1.0


def _undetermined(content: Content) -> str:
    everything = units(content)
    counts = {name: sum(loose(*ends) for ends in intervals(content, name)) for name in content.document.constant_names}
    open_ones = {name: count for name, count in counts.items() if count}
    if not open_ones:
        return ""
    if len(everything) == 1:
        named = listed(list(open_ones))
    else:
        named = listed([f"{name} in {count} of {len(everything)}" for name, count in open_ones.items()])
    return (
        f"The rows leave open how large these constants are: {named}. Their 90 % intervals reach across zero or over "
        f"more than a factor of {LOOSE:g}; forecasts can be sharp all the same."
    )
