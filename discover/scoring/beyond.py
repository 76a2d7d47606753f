"""Plausibility beyond the data: what a law says where nobody has measured.

Laws are asked at points that continue the table's own rows along the axes: the rows of the largest scales,
moved up step by step to a stated multiple of the largest scale (and to the task's target scale). A law that is
not finite there, breaks declared knowledge or leaves the known bounds is refused, not merely penalised. Settings
such as a learning rate are exchanged between rows and moved a little outside of their range besides; there a law
need only be finite. At measured scales, with settings exchanged between rows, it must stay near the data as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from discover.arrays import Floats, Ints, Mask
from discover.data.table import Table
from discover.fitting import FitResult
from discover.scoring.problem import Problem
from discover.scoring.units import natural

STEPS = 4  # to the multiple of the largest scale
ROWS_PER_GROUP = 12
PER_GROUP = 40  # rows of a group from which points between and outside are made
SETTINGS = 96  # rows of all groups whose settings are exchanged, or moved along a declared direction
MIXED = 400  # points of all groups at which settings of several rows meet
SHAKEN = 1e-14  # relative change of the constants, some fifty times that of rounding
ALL = "all axes"


@dataclass(frozen=True)
class Beyond:
    """Points beyond the data.

    Attributes:
        features: columns of shape (steps, m): row 0 are measured points, the others continue them.
        group: group codes, shape (m,).
        axis: the axis along which each of the m points is continued.
        settings: of the columns that stay as they are, one good one is enough for a forecast that is not too high.
    """

    features: dict[str, Floats]
    group: Ints
    axis: tuple[str, ...]
    settings: bool = False


def points_beyond(problem: Problem, multiple: float | None = None) -> Beyond:
    """Continuations of the largest rows of every group along every axis and all axes at once.

    Without an axis: points between the rows, and a step outwards from the rows. Columns of scale besides the axes, such
    as a learning rate, stay as they were measured; what is best for small runs may ruin one of hundreds of times the
    size. So beyond the nearer multiple one good setting of them is enough.

    Args:
        multiple: of the largest scale of an axis, up to which it is continued, by default the nearer one; an axis that
            is neither a scale nor the logarithm of one goes on by half of its range instead.
    """
    if not problem.axes:
        return _between_and_outside(problem)
    near = problem.rules.guards.multiple
    multiple = near if multiple is None else multiple
    parts: list[Beyond] = []
    for axis in (*problem.axes, *((ALL,) if len(problem.axes) > 1 else ())):
        moved = problem.axes if axis == ALL else (axis,)
        rows = _top_rows(problem, moved)
        columns = _at_every_step(problem.table, rows)
        for name in moved:
            columns[name] = _continued(problem, name, problem.table.features[name][rows], multiple)
        parts.append(_moved(problem, rows, columns, axis))
    settings = multiple > near and bool(set(problem.of_kind("scale")) - set(problem.axes))
    return replace(_together(parts), settings=settings)


def points_along(problem: Problem) -> Beyond | None:
    """The largest rows, moved along every feature of declared direction that is no axis, to a little above its range.

    Without an axis no rows are the largest, and some of all are moved.

    Returns:
        None where there is no such feature.
    """
    table = problem.table
    named = [name for name in problem.monotone if name not in problem.axes]
    if not named:
        return None
    rows = _top_rows(problem, problem.axes) if problem.axes else table.spread(SETTINGS)
    fraction = np.linspace(0.0, 1.0, STEPS + 1)[:, None]
    parts: list[Beyond] = []
    for name in named:
        values, start = table.features[name], table.features[name][rows]
        columns = _at_every_step(table, rows)
        if problem.kinds[name] == "scale":
            end = _aside(values, np.full(1, values.max()), np.full(1, problem.rules.guards.aside))
            columns[name] = start * (end / start) ** fraction
        else:
            columns[name] = start + fraction * (values.max() - start)
        parts.append(_moved(problem, rows, columns, name))
    return _together(parts)


def _at_every_step(table: Table, rows: Ints) -> dict[str, Floats]:
    """Columns of rows that stay where they are, shape (steps, m)."""
    return {name: np.tile(values[rows], (STEPS + 1, 1)) for name, values in table.features.items()}


def _moved(problem: Problem, rows: Ints, columns: dict[str, Floats], axis: str = ALL) -> Beyond:
    """Rows with other columns, whose parts do not exceed their wholes."""
    for part, whole in problem.parts:
        columns[part] = np.minimum(columns[part], columns[whole])
    return Beyond(columns, problem.table.group[rows], (axis,) * len(rows))


def _together(parts: Sequence[Beyond]) -> Beyond:
    return Beyond(
        {name: np.concatenate([part.features[name] for part in parts], axis=1) for name in parts[0].features},
        np.concatenate([part.group for part in parts]),
        tuple(axis for part in parts for axis in part.axis),
    )


def settings_beyond(problem: Problem) -> Beyond | None:
    """Rows with settings of other rows of their group, some moved aside by a factor, continued along all axes.

    A setting is a column of scale that is no axis, such as a learning rate or a batch. Sweeps at the next size hold
    settings that no row has together; a law that is not finite there forecasts nothing. What cannot be is not asked: a
    column of shares stays below one, and one that never exceeds another, as a part its whole, does not here.

    Returns:
        None where there are no settings or no axes.
    """
    table = problem.table
    settings = [name for name in problem.of_kind("scale") if name not in problem.axes]
    if not settings or not problem.axes:
        return None
    rng = np.random.default_rng(0)
    most = max(2, SETTINGS // table.n_groups)
    rows = _drawn(table, most, rng)
    columns = _at_every_step(table, rows)
    for axis in problem.axes:
        columns[axis] = _continued(problem, axis, table.features[axis][rows], problem.rules.guards.multiple)
    for name in settings:
        values = table.features[name]
        others = values[_drawn(table, most, rng)]
        moved = _aside(values, others, np.power(problem.rules.guards.aside, rng.integers(-1, 2, len(rows))))
        columns[name] = np.tile(moved, (STEPS + 1, 1))
    return _moved(problem, rows, columns)


def settings_mixed(problem: Problem) -> Beyond | None:
    """Measured scales with settings of other rows of their group, each setting from a row of its own.

    A setting is any column that is neither an axis nor a share. Of the points one step, which a new run may well ask.

    Returns:
        None where there are no settings or no axes.
    """
    table = problem.table
    settings = [name for name, kind in problem.kinds.items() if kind != "share" and name not in problem.axes]
    if not settings or not problem.axes:
        return None
    rng = np.random.default_rng(0)
    most = max(4, MIXED // table.n_groups)
    rows = _drawn(table, most, rng)
    columns = {name: values[rows][None, :] for name, values in table.features.items()}
    columns.update({name: table.features[name][_drawn(table, most, rng)][None, :] for name in settings})
    return _moved(problem, rows, columns)


def _drawn(table: Table, most: int, rng: np.random.Generator) -> Ints:
    """So many rows of every group, drawn with repetition; every call draws as many, in the order of the groups."""
    return np.concatenate([rng.choice(own, most) for own in table.members if len(own)])


def _aside(column: Floats, values: Floats, factor: Floats) -> Floats:
    """Values of a column moved by a factor; their odds where the column holds shares, and counts not below one."""
    moved = values * factor
    if column.max() <= 1.0:
        moved = moved / (1.0 - values + moved)
    return np.maximum(moved, 1.0) if natural(column) else moved


def _between_and_outside(problem: Problem) -> Beyond:
    """Rows (row 0), points half way to another row of the group, and points a step away from the centre."""
    table = problem.table
    names = list(table.features)
    rows = np.concatenate([_evenly(own, PER_GROUP) for own in table.members])
    partner = np.array([_partner(table.members[table.group[row]], row) for row in rows], dtype=np.int64)
    columns = {}
    for name in names:
        x = table.features[name]
        outside = x[rows] + problem.rules.guards.outwards * (x[rows] - x.mean())
        if problem.kinds[name] in ("share", "scale"):
            outside = np.clip(outside, x.min(), _ceiling(x))
        columns[name] = np.vstack([x[rows], 0.5 * (x[rows] + x[partner]), outside])
    shares = problem.of_kind("share")
    if shares and np.allclose(sum(table.features[s] for s in shares), 1.0):
        total = sum(columns[s] for s in shares)
        columns.update({s: columns[s] / total for s in shares})
    return Beyond(columns, table.group[rows], ("",) * len(rows))


def _partner(members: Ints, row: int) -> int:
    """Another row of a row's group, a fixed stride away, so that neighbours in the table are not paired."""
    place = int(np.searchsorted(members, row))
    return int(members[(place + max(1, (2 * len(members)) // 5)) % len(members)])


def _top_rows(problem: Problem, axes: tuple[str, ...]) -> Ints:
    """Rows of the largest scale of each group, spread over the other columns."""
    size = sum((problem.coordinate(axis) for axis in axes), np.zeros(len(problem.table)))
    chosen: list[int] = []
    per_group = max(2, ROWS_PER_GROUP // max(1, problem.table.n_groups // 4))
    for rows in problem.table.members:
        if len(rows) == 0:
            continue
        order = rows[np.argsort(size[rows], kind="stable")]
        top = order[-max(per_group, len(rows) // 4) :]
        chosen += list(_evenly(top, per_group))
    return np.array(chosen, dtype=np.int64)


def _evenly(rows: Ints, most: int) -> Ints:
    """So many rows at the most, spread evenly over these, which may be sorted by anything."""
    out: Ints = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int))]
    return out


def _continued(problem: Problem, axis: str, start: Floats, multiple: float) -> Floats:
    """Values from the rows' own up to the multiple of the largest (or the target scale), shape (steps + 1, m)."""
    values = problem.table.features[axis]
    fraction = np.linspace(0.0, 1.0, STEPS + 1)[:, None]
    if problem.kinds[axis] == "scale":
        end = max(values.max() * multiple, problem.target_scale.get(axis, 0.0))
        ratio: Floats = end / start[None, :]
        moved: Floats = start[None, :] * ratio**fraction
        return moved
    if problem.kinds[axis] == "logged":
        end = max(
            values.max() + problem.rules.guards.logged * np.log10(multiple), problem.target_scale.get(axis, -np.inf)
        )
    else:
        end = values.max() + 0.5 * np.ptp(values)
        end = min(end, _ceiling(values)) if problem.kinds[axis] == "share" else end
    shifted: Floats = start[None, :] + fraction * (end - start[None, :])
    return shifted


def _ceiling(values: Floats) -> float:
    """What a column of shares cannot reach unless it has: half way from its largest value to one; else no limit."""
    return 0.5 * (1.0 + float(values.max())) if values.max() <= 1.0 else np.inf


def predict_beyond(fit: FitResult, beyond: Beyond) -> Floats:
    """Predictions at the points beyond, shape (steps, m, T)."""
    steps, m = len(next(iter(beyond.features.values()))), len(beyond.group)
    flat = {name: values.ravel() for name, values in beyond.features.items()}
    return fit.predict(flat, np.tile(beyond.group, steps)).reshape(steps, m, -1)


def lost_in_rounding(fit: FitResult, beyond: Beyond, predicted: Floats, most: Floats) -> bool:
    """Whether a law's values hang on the last digits of its constants, as those of 1e14 - 1e14*x**1e-14 do.

    Args:
        predicted: at the points beyond, see `predict_beyond`.
        most: by how much measured points may move, shape (T,).
    """
    signs = np.where(np.arange(fit.constants.shape[2]) % 2, -1.0, 1.0)
    shaken = replace(fit, constants=fit.constants * (1.0 + SHAKEN * signs))
    measured = {name: values[0] for name, values in beyond.features.items()}
    with np.errstate(all="ignore"):
        moved = np.abs(shaken.predict(measured, beyond.group) - predicted[0])
    return not bool(np.all(moved < most))


def implausible(problem: Problem, beyond: Beyond, predicted: Floats) -> str | None:
    """Why predictions beyond the data cannot be believed; None if nothing speaks against them.

    In a few of many groups a good law says what cannot be, where a group's rows have not bent yet: it is refused only
    if that happens in more than a share of them. A group without any forecast is one too many.
    """
    if not np.all(np.isfinite(predicted)):
        return "not finite beyond the data"
    return _reason(problem, beyond, broken_promises(problem, beyond, predicted))


def astray(problem: Problem, beyond: Beyond, predicted: Floats) -> str | None:
    """Why predictions at measured scales cannot be believed: they are as far from the data as none may be beyond it."""
    below, above = _outside(problem, beyond, predicted, problem.rules.guards.room + STEPS)
    placeless = np.isnan(problem.on_scale(predicted))
    strays = _groups(problem, beyond, below | above | placeless)
    return _reason(problem, beyond, iter([("leaves the range of the data for other settings", strays)]))


def unbelieved_groups(problem: Problem, beyond: Beyond, fit: FitResult) -> Mask:
    """The groups in which what a law says beyond the data cannot be believed, shape (n_groups,)."""
    broken = [where for _, where in broken_promises(problem, beyond, predict_beyond(fit, beyond))]
    out: Mask = np.any(broken, axis=0)
    return out


def wrong_direction(problem: Problem, beyond: Beyond, predicted: Floats) -> str | None:
    """The feature along which predictions do not fall or rise as declared, in words; None if they do along all."""
    return _reason(problem, beyond, _wrong_directions(problem, beyond, predicted))


def broken_promises(problem: Problem, beyond: Beyond, predicted: Floats) -> Iterator[tuple[str, Mask]]:
    """Each reason not to believe predictions beyond the data, and the groups where it holds, shape (n_groups,)."""
    yield "not finite beyond the data", _groups(problem, beyond, ~np.isfinite(predicted))
    yield from _wrong_directions(problem, beyond, predicted)
    slack = problem.rules.guards.slack * np.ptp(problem.table.targets, axis=0)
    if problem.lower is not None:
        yield (
            f"falls below {problem.lower:g} beyond the data",
            _groups(problem, beyond, predicted < problem.lower - slack),
        )
    if problem.upper is not None:
        yield (
            f"rises above {problem.upper:g} beyond the data",
            _groups(problem, beyond, predicted > problem.upper + slack),
        )
    steps = np.arange(len(predicted), dtype=np.float64)[:, None, None]  # one width more with every step
    below, above = _outside(problem, beyond, predicted, problem.rules.guards.room + steps)
    if beyond.settings:
        above = _all_settings(beyond, above)
    yield "leaves the range of the data far behind", _groups(problem, beyond, below | above)


def _outside(problem: Problem, beyond: Beyond, predicted: Floats, widths: Floats | float) -> tuple[Mask, Mask]:
    """Predictions so many widths of their group's range below it, and above it; shape (steps, m, T) each."""
    low, high, width = problem.ranges
    placed, room = problem.on_scale(predicted), widths * width[beyond.group]
    return placed < low[beyond.group] - room, placed > high[beyond.group] + room


def _reason(problem: Problem, beyond: Beyond, promises: Iterator[tuple[str, Mask]]) -> str | None:
    """The reason with which too many groups have broken a promise."""
    allowed = problem.rules.guards.few_groups * len(np.unique(beyond.group))
    broken = np.zeros(problem.table.n_groups, bool)
    for reason, where in promises:
        broken |= where
        if broken.sum() > allowed:
            return reason
    return None


def _groups(problem: Problem, beyond: Beyond, points: Mask) -> Mask:
    """The groups of the points, shape (steps, m, T), that are true for any step and target."""
    out = np.zeros(problem.table.n_groups, bool)
    out[beyond.group[points.any(axis=(0, 2))]] = True
    return out


def _wrong_directions(problem: Problem, beyond: Beyond, predicted: Floats) -> Iterator[tuple[str, Mask]]:
    slack = problem.rules.guards.slack * np.ptp(problem.on_scale(problem.table.targets), axis=0)
    placed = problem.on_scale(predicted)
    for axis, direction in problem.monotone.items():
        along = [i for i, a in enumerate(beyond.axis) if a == axis]
        if not along:
            continue
        with np.errstate(invalid="ignore"):  # of two infinite values, which are refused
            steps = np.diff(placed[:, along], axis=0) * (1.0 if direction == "decreasing" else -1.0)
        if axis in problem.eventually:
            steps *= _starts_beyond(problem, beyond, axis, along)[:, :, None]
        kept = (steps.sum(axis=0) <= slack) & np.all(steps <= slack, axis=0)
        groups = np.zeros(problem.table.n_groups, bool)
        groups[beyond.group[along][~kept.all(axis=1)]] = True
        yield f"does not keep {direction} along {axis} beyond the data", groups


def _all_settings(beyond: Beyond, above: Mask) -> Mask:
    """Points that are above, shape (steps, m, T), where those of all settings of their group and axis are."""
    places: dict[tuple[int, str], list[int]] = {}
    for i, key in enumerate(zip(beyond.group.tolist(), beyond.axis, strict=True)):
        places.setdefault(key, []).append(i)
    out = np.zeros_like(above)
    for members in places.values():
        out[:, members] = above[:, members].all(axis=1, keepdims=True)
    return out


def _starts_beyond(problem: Problem, beyond: Beyond, axis: str, along: list[int]) -> Mask:
    """Which steps along an axis begin above the largest measured value of their group, shape (steps - 1, points)."""
    largest = np.full(problem.table.n_groups, -np.inf)
    np.maximum.at(largest, problem.table.group, problem.table.features[axis])
    starts: Mask = beyond.features[axis][:-1, along] > largest[beyond.group[along]]
    return starts
