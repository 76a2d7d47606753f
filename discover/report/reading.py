"""A law in plain words: what changes the target how much, where it ends, what works together.

Everything is told by values of the law, so it holds for any formula.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from discover.export.layout import inputs
from discover.report.axes import farthest, run_at
from discover.report.content import Content
from discover.report.texts import listed, percent, quantity

ENDLESS = 1e36  # a column multiplied by this is as good as without end
SETTLED = 1e-3  # relative change over the last decades below which a value is a limit
APART = 0.02  # share of an effect below which another column does not change it
FLAT = 1e-9


def reading(content: Content) -> list[str]:
    """Sentences about the law, for the group and target that come first."""
    return [*_effects(content), *_together(content), *_limit(content)]


def _value(content: Content, at: Mapping[str, float]) -> float:
    """What the law says at a point, of the first group and target."""
    columns = {name: np.array([value]) for name, value in at.items()}
    with np.errstate(all="ignore"):
        return float(content.fit.predict(columns, np.zeros(1, dtype=np.int64))[0, 0])


def _scaled(content: Content) -> list[str]:
    kinds = content.session.problem.kinds
    return [name for name in inputs(content.document) if kinds[name] == "scale"]


def _effects(content: Content) -> Iterator[str]:
    """What doubling each size does at the largest train run, and at so many times it."""
    far = farthest(content, 0) if content.session.problem.axes else 1.0
    here, there = run_at(content, 0, 1.0), run_at(content, 0, far)
    target = content.document.targets[0]
    where = "the largest train run" if content.session.problem.axes else "the middle of the data"
    for number, name in enumerate(_scaled(content)):
        now, then = (_doubled(content, at, name) for at in (here, there))
        if now is None:
            continue
        place = f"At {where} ({content.settings(here)}) doubling" if number == 0 else "Doubling"
        if abs(now) < FLAT:
            yield f"{place} {name} changes nothing there."
            continue
        verb = "lowers" if now < 0 else "raises"
        later = "" if then is None or far == 1.0 else f"; at {quantity(far, 2)} times that run by {_size(then, now)}"
        yield f"{place} {name} {verb} {target} by {_plain(abs(now))}{later}."


def _doubled(content: Content, at: Mapping[str, float], name: str) -> float | None:
    before, after = _value(content, at), _value(content, {**at, name: 2.0 * at[name]})
    if not (math.isfinite(before) and math.isfinite(after)) or before == 0:
        return None
    return (after - before) / abs(before)


def _plain(share: float) -> str:
    return percent(share).lstrip("+")


def _size(then: float, now: float) -> str:
    if abs(then) < FLAT:
        return "nothing"
    return _plain(abs(then)) if then * now > 0 else f"{percent(then)} (the other way)"


def _together(content: Content) -> Iterator[str]:
    """Which sizes change what another one is worth."""
    names = _scaled(content)
    at = run_at(content, 0, 1.0)
    apart: list[tuple[str, str, float]] = []
    linked: list[tuple[str, str, float]] = []
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            mixed = _mixed(content, at, one, other)
            if mixed is not None:
                (linked if abs(mixed) > APART else apart).append((one, other, mixed))
    if apart and not linked:
        rest = "the others" if len(names) > 2 else "the other"
        how = "does not depend" if all(abs(mixed) < FLAT for _, _, mixed in apart) else "hardly depends"
        yield f"{listed(names)} add up: what one of them is worth {how} on {rest}."
        return
    for one, other, mixed in linked:
        how = f"{_plain(abs(mixed))} {'more' if mixed > 0 else 'less'}"
        yield f"{one} and {other} work together: with twice the {other}, doubling {one} does {how}."


def _mixed(content: Content, at: Mapping[str, float], one: str, other: str) -> float | None:
    """By what share the effect of doubling one column changes if another one is doubled."""
    twice = {**at, other: 2.0 * at[other]}
    alone = _value(content, {**at, one: 2.0 * at[one]}) - _value(content, at)
    joint = _value(content, {**twice, one: 2.0 * at[one]}) - _value(content, twice)
    if not (math.isfinite(alone) and math.isfinite(joint)) or abs(alone) < FLAT:
        return None
    return (joint - alone) / abs(alone) * math.copysign(1.0, alone)


def _limit(content: Content) -> Iterator[str]:
    """Where the target ends when all axes of scale grow without end."""
    axes = [name for name in content.session.problem.axes if name in _scaled(content)]
    if not axes:
        return
    at = run_at(content, 0, 1.0)
    target, grow = content.document.targets[0], listed(axes)
    values = [_value(content, at | {name: at[name] * factor for name in axes}) for factor in (1e30, 1e40)]
    verb = "grows" if len(axes) == 1 else "grow"
    if not all(map(math.isfinite, values)):
        yield f"With {grow} without end the law has no finite value: it cannot hold so far out."
        return
    start = _value(content, at)
    if abs(values[1] - values[0]) > SETTLED * max(abs(start), FLAT):
        yield f"As {grow} {verb}, {target} goes on without a limit."
        return
    if abs(values[1]) < SETTLED * abs(start):
        yield f"As {grow} {verb} without end, {target} falls towards zero: the law has no floor."
        return
    side = "floor" if values[1] < start else "ceiling"
    yield f"As {grow} {verb} without end, {target} ends at {quantity(values[1])}, its {side} by this law."
    one_by_one = []
    for name in axes if len(axes) > 1 else ():
        alone = _value(content, {**at, name: at[name] * ENDLESS})
        if math.isfinite(alone):
            one_by_one.append(f"{name} alone brings it to {quantity(alone)}")
    if one_by_one:
        yield f"From the largest train run on, {listed(one_by_one)}."
