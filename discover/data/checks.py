"""Problems of a table that a fit cannot mend: each with its rows and what to do about it.

Nothing is changed or left out here. All checks look at train rows only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from discover.arrays import Floats, Ints, Mask
from discover.data.names import listed
from discover.data.table import Table
from discover.errors import InputError
from discover.plain_data import counted

Kind = Literal[
    "duplicate", "contradiction", "against_known", "non_positive", "constant", "collinear", "few_rows", "narrow",
    "few_levels", "warm_up", "far_off", "schedule",
]  # fmt: skip

CONTRADICTION = 0.25  # of the group's standard deviation: equal settings whose targets differ by more
MOST_AGAINST = 0.05  # share of rows, and one of the fewest: if more stand against what is known, that is in doubt
MOST_COMPARED = 2000  # rows, each with every other; of more, a single one matters little
TOGETHER = 0.01  # smallest eigenvalue of the correlations below which columns count as moving together
LEAST_POWER = 0.005  # what is smaller is rounding
MEMBER = 0.2  # share of the largest weight from which a column takes part in such a relation
DECADE = 10.0
FEWEST_LEVELS = 4  # a power with a floor has three constants
OUTLIER = 10.0  # robust standard deviations
VISIBLE = 0.02  # of the target's standard deviation: what is closer to the law is never far off
MOST_OFF = 0.2  # share of rows; if more are off, it is the law that is off
EARLY = 0.25  # share of the rows with the smallest amount of data
BETTER = 2.0  # factor by which the other rows are fitted better without rows that are in warm-up
HIGH = 0.1  # of the target's standard deviation: rows in warm-up lie farther above the law


@dataclass(frozen=True)
class Finding:
    """A problem of a table.

    Attributes:
        kind: which check found it.
        text: what is the matter, without the rows.
        advice: what to do.
        rows: rows of the train table that it is about, from 0; empty if it is about columns.
        columns: columns that it is about.
        apart: hardly any other row lies between these and the rest, as with mistakes; heavy tails have such rows.
    """

    kind: Kind
    text: str
    advice: str
    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    apart: bool = False


@dataclass(frozen=True)
class Columns:
    """What the checks know of the columns.

    Attributes:
        scales: features with positive values, whose ratios matter.
        logged: features whose values are decimal logarithms.
        axes: features along which the law must reach further.
        steps: those of them that count the steps of a run.
        monotone: features along which the target is known to fall or rise over the rows, with the direction.
        target_scale: feature -> value at which the law will be used.
    """

    scales: tuple[str, ...]
    logged: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    monotone: Mapping[str, str] = field(default_factory=dict)
    target_scale: Mapping[str, float] | None = None


def check_table(table: Table, columns: Columns) -> list[Finding]:
    """The problems that can be seen without a law, in the order in which they should be mended."""
    return [
        *_repeated(table),
        *_against_known(table, columns),
        *_non_positive(table, columns),
        *_constant(table),
        *_collinear(table, columns),
        *_few_rows(table),
        *_narrow(table, columns),
        *_one_course(columns),
    ]


def check_varies(table: Table, where: str) -> None:
    """Refuses a table with a target that never changes.

    Args:
        where: head of the message.

    Raises:
        InputError: there is one.
    """
    for place, name in enumerate(table.target_names):
        if np.ptp(table.targets[:, place]) == 0:
            raise InputError(
                f"{where}: {name} is {table.targets[0, place]:g} on all {len(table)} train rows, so there is no law to "
                "find; expected a target that varies"
            )


# --- rows


def _repeated(table: Table) -> Iterator[Finding]:
    """Rows with equal features and group."""
    keys = np.column_stack([*table.features.values(), table.group])
    _, setting, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    setting = setting.ravel()
    again, against = [], []
    largest = 0.0
    for code in np.flatnonzero(counts > 1):
        rows = np.flatnonzero(setting == code)
        spread = np.ptp(table.targets[rows], axis=0)
        if not spread.any():
            again += rows[1:].tolist()
            continue
        usual = table.targets[table.group == table.group[rows[0]]].std(axis=0)
        share = float(np.max(spread / np.where(usual > 0, usual, 1.0)))
        if share > CONTRADICTION:
            against += rows.tolist()
            largest = max(largest, float(spread.max()))
    if again:
        repeat = "row repeats" if len(again) == 1 else "rows repeat"
        text = f"{len(again)} {repeat} an earlier row exactly, so that it counts more than once"
        yield Finding("duplicate", text, "keep one row of each run", tuple(sorted(again)))
    if against:
        what = "/".join(table.target_names)
        text = f"{len(against)} rows have equal features but {what} that differ by up to {largest:.3g}"
        advice = "check them, or add the column that tells them apart to the features"
        yield Finding("contradiction", text, advice, tuple(sorted(against)))


def _against_known(table: Table, columns: Columns) -> Iterator[Finding]:
    """Rows that stand against what is known of the directions, where all others keep to it: failed runs mostly."""
    if not columns.monotone or len(table) > MOST_COMPARED:
        return
    rows, left = _blamed(_worse_for_more(table, columns.monotone))
    # Noise has pairs of every size, and noise and a wrong assumption both have many.
    if not rows or len(rows) > max(1, MOST_AGAINST * len(table)) or left > CONTRADICTION / 2:
        return
    known = " nor ".join(
        f"{turns} with {listed(names)}"
        for way, turns in (("decreasing", "rises"), ("increasing", "falls"))
        if (names := [name for name, direction in columns.monotone.items() if direction == way])
    )
    stands, it, they_are = ("row stands", "it", "it is") if len(rows) == 1 else ("rows stand", "them", "they are")
    text = f"{len(rows)} {stands} against the assumption that {'/'.join(table.target_names)} never {known}"
    advice = (
        f'if a run failed there, leave {it} out: --where "{table.unit} != NUMBER"; if {they_are} right, take the '
        "assumption out of the task file that `discover task new` writes"
    )
    yield Finding("against_known", text, advice, tuple(sorted(rows)))


def _blamed(worse: Floats) -> tuple[list[int], float]:
    """The fewest rows, about, without which no row is far worse than one that it should not be, and what is left.

    Of a single pair the larger run is meant: long runs fail more.
    """
    broken, kept, rows = worse > CONTRADICTION, np.ones(len(worse), bool), list[int]()
    above, below = broken.sum(axis=1), broken.sum(axis=0)  # pairs in which a row is the worse, or the better
    while above.any():
        row = int(np.argmax(below + 1.01 * above))
        above -= broken[:, row]
        below -= broken[row]
        broken[row], broken[:, row], above[row], below[row], kept[row] = False, False, 0, 0, False
        rows.append(row)
    return rows, float(worse[np.ix_(kept, kept)].max(initial=0.0))


def _worse_for_more(table: Table, monotone: Mapping[str, str]) -> Floats:
    """How far the target of row i lies on the wrong side of that of row j, which has less of what moves it one way.

    All else is equal. Shape (n, n), in standard deviations of the group's target, of the worst target; 0 for other
    pairs.
    """
    usual = np.array(
        [table.targets[own].std(axis=0) if len(own) else np.ones(table.n_targets) for own in table.members]
    )
    usual = np.where(usual > 0, usual, np.inf)[table.group]
    out = np.zeros((len(table), len(table)))
    for direction, sign in (("decreasing", 1.0), ("increasing", -1.0)):
        more = table.group[:, None] == table.group[None, :]
        equal = more.copy()
        for name, values in table.features.items():
            alike = values[:, None] == values[None, :]
            equal &= alike
            more &= values[:, None] >= values[None, :] if monotone.get(name) == direction else alike
        gaps = sign * (table.targets[:, None, :] - table.targets[None, :, :]) / usual[:, None, :]
        out = np.where(more & ~equal, np.maximum(out, gaps.max(axis=2)), out)
    return out


def _few_rows(table: Table) -> Iterator[Finding]:
    """Groups with fewer different settings than a power of every column and a floor have constants."""
    keys = np.column_stack(list(table.features.values()))
    varying = sum(np.ptp(values) > 0 for values in table.features.values())
    needed = 2 * int(varying) + 1
    few = []
    for code, name in enumerate(table.group_names):
        settings = len(np.unique(keys[table.group == code], axis=0))
        if settings <= needed:
            few.append((name, settings))
    if not few:
        return
    law = f"a floor and a power of each of {counted(int(varying), 'column')} have {needed} constants"
    if table.n_groups == 1:
        text, advice = f"there are {few[0][1]} different settings; {law}", "add runs, or use fewer features"
    else:
        groups = listed([f"{name} ({n})" for name, n in few])
        text = f"{len(few)} of {table.n_groups} groups have few different settings: {groups}; {law}"
        advice = "add runs to these groups, or share constants between groups"
    codes = [table.group_names.index(name) for name, _ in few]
    rows = np.flatnonzero(np.isin(table.group, codes)) if table.n_groups > 1 else ()
    yield Finding("few_rows", text, advice, tuple(int(row) for row in rows))


# --- columns


def _non_positive(table: Table, columns: Columns) -> Iterator[Finding]:
    for name in columns.axes:
        rows = np.flatnonzero(table.features[name] <= 0)
        if name not in columns.logged and len(rows):
            text = (
                f"the law is to reach further along {name}, which is not above 0 in some rows and has no powers there"
            )
            advice = f"leave these rows out, or {name} out of --extrapolate"
            yield Finding("non_positive", text, advice, tuple(rows.tolist()), (name,))


def _constant(table: Table) -> Iterator[Finding]:
    for place, name in enumerate(table.target_names):
        if np.ptp(table.targets[:, place]) == 0:
            yield Finding("constant", f"{name} never changes; there is no law to find", "check the target", (), (name,))
    for name, values in table.features.items():
        if np.ptp(values) == 0:
            text = f"{name} never changes; nothing can be said about its effect"
            yield Finding("constant", text, f"take {name} out of the features", (), (name,))
        elif table.n_groups > 1 and not _within(values, table).any():
            text = f"{name} has one value in every group, where the group's own constants take up its effect"
            yield Finding("constant", text, f"take {name} out of the features, or do not group", (), (name,))


def _within(values: Floats, table: Table) -> Floats:
    """Differences from the group's mean; exact zeros where the group has one value."""
    out = np.zeros(len(values))
    for own in table.members:
        if len(own) and np.ptp(values[own]) > 0:
            out[own] = values[own] - values[own].mean()
    return out


def _collinear(table: Table, columns: Columns) -> Iterator[Finding]:
    """Sets of columns whose logarithms satisfy a linear relation on the rows, within groups."""
    logs = {name: np.log10(table.features[name]) for name in columns.scales}
    logs |= {name: table.features[name] for name in columns.logged}
    centred = {name: _within(values, table) for name, values in logs.items()}
    left = [name for name, values in centred.items() if values.any()]
    if len(left) > max(1, len(table) - table.n_groups):
        text = f"{len(left)} columns and {len(table)} rows: every column goes as a product of powers of others"
        yield Finding("collinear", text, "predict from fewer columns, or add runs", (), tuple(left))
        return
    while len(left) > 1:
        scaled = np.column_stack([centred[name] / centred[name].std() for name in left])
        sizes, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
        if sizes[0] >= TOGETHER:
            return
        weights = np.abs(vectors[:, 0])
        members = [name for name, w in zip(left, weights, strict=True) if w > MEMBER * weights.max()]
        if len(members) < 2:
            return
        yield _relation(members, logs, centred, table, columns)
        left.remove(members[-1])


def _relation(
    members: list[str], logs: Mapping[str, Floats], centred: Mapping[str, Floats], table: Table, columns: Columns
) -> Finding:
    last, others = members[-1], members[:-1]
    matrix = np.column_stack([centred[name] for name in others])
    slopes = np.linalg.lstsq(matrix, centred[last], rcond=None)[0]
    off = float(np.abs(centred[last] - matrix @ slopes).max())
    within = f"within {10**off - 1:.1%}" if off < 1 else f"within a factor of {10**off:.3g}"
    plain = not set(members) & set(columns.logged) and table.n_groups == 1
    if plain and len(members) == 2 and abs(slopes[0] - 1) < 0.02:
        ratio = 10 ** float(np.median(logs[last] - logs[others[0]]))
        how = f"{last} is always about {ratio:.3g} times {others[0]}, {within}"
    else:
        powers = [
            (name, f"{slope:.2g}") for name, slope in zip(others, slopes, strict=True) if abs(slope) >= LEAST_POWER
        ]
        product = " * ".join(name if slope == "1" else f"{name}^{slope}" for name, slope in powers)
        how = f"{last} goes as {product}, {within}"
    names = f"{', '.join(others)} and {last}"
    text = f"{how}: the exponents of {names} cannot be separated"
    advice = f"add runs that break the relation, or take {last} out of the features"
    return Finding("collinear", text, advice, (), tuple(members))


def _narrow(table: Table, columns: Columns) -> Iterator[Finding]:
    wanted = columns.target_scale or {}
    for name in columns.axes:
        values = table.features[name]
        if name not in columns.logged and values.min() <= 0:
            continue
        low, high = float(values.min()), float(values.max())
        factor = 10 ** (high - low) if name in columns.logged else high / low
        levels = len(np.unique(values))
        if 1 < levels < FEWEST_LEVELS:
            text = f"{name} has {levels} different values; a power with a floor has three constants"
            yield Finding("few_levels", text, f"add runs at other values of {name}", (), (name,))
        elif 1 < factor < DECADE:
            text = f"{name} spans a factor of {factor:.2g}; a power hardly differs from a straight line there"
            yield Finding("narrow", text, f"add smaller or larger runs: a factor of {DECADE:.0f} or more", (), (name,))
        if name in wanted:
            yield from _far_target(name, wanted[name], high, factor, name in columns.logged)


def _one_course(columns: Columns) -> Iterator[Finding]:
    for name in columns.steps:
        text = f"{name} counts the steps of a run: what its schedule does later, such as a decay of the learning rate, "
        text += "is in no row, and no interval covers it"
        yield Finding("schedule", text, "take forecasts for what happens if nothing changes", (), (name,))


def _far_target(name: str, wanted: float, high: float, factor: float, logged: bool) -> Iterator[Finding]:
    if wanted < high:
        text = f"the target scale of {name}, {wanted:g}, lies below its largest value, {high:g}"
        yield Finding("narrow", text, "give the scale at which the law will be used", (), (name,))
        return
    ahead = 10 ** min(wanted - high, 300) if logged else wanted / high
    if ahead > max(factor, 1.0):
        text = f"the target scale of {name} is {ahead:.3g} times its largest value, but the rows span {factor:.3g}"
        yield Finding("narrow", text, f"add larger runs, or expect wide intervals along {name}", (), (name,))


# --- rows against laws


def check_residuals(table: Table, residuals: Sequence[Floats], data_axes: Sequence[str] = ()) -> list[Finding]:
    """Rows that are far off every one of some laws, told apart into early and other rows.

    Where a law leaves the range of all measured values by more than that range, it is the law that is far off.

    Args:
        table: the train rows.
        residuals: measured minus fitted of each law, shapes (n, T); the laws that fit best.
        data_axes: features that grow in the course of a run (tokens, steps, compute).
    """
    if not residuals:
        return []
    off = np.all([_outliers(r, table) & ~_astray(r, table) for r in residuals], axis=0)
    rows = np.flatnonzero(off)
    if not len(rows) or len(rows) > MOST_OFF * len(table):
        return []
    best = residuals[0]
    for name in data_axes:
        if _early(table.features[name], best, rows):
            return [_warm_up(name, rows)]
    size = float(np.min([np.abs(r[rows]).max(axis=1) for r in residuals], axis=0).max())
    are = "row is" if len(rows) == 1 else "rows are"
    text = f"{len(rows)} {are} far off all laws that fit best (the nearest by up to {size:.3g}), all others near them"
    return [
        Finding(
            "far_off",
            text,
            "check these runs; if they are right, published laws lack something there",
            tuple(rows.tolist()),
            apart=any(np.sum(_outliers(r, table, OUTLIER / 2) & ~off) <= len(rows) for r in residuals),
        )
    ]


def check_early(table: Table, axis: str, full: Sequence[Floats], late: Sequence[Floats]) -> list[Finding]:
    """Rows of early training that spoil the fit of all others: most of them in warm-up, so that no law leaves them out.

    Args:
        table: the train rows.
        axis: feature that grows in the course of a run.
        full, late: measured minus fitted, shapes (n, T), of laws fitted to all rows, and to `late_rows` only.
    """
    kept = late_rows(table, axis)
    if not full or not late or kept.all():
        return []
    usual = [min(_size(r[kept]) for r in residuals) for residuals in (full, late)]
    if usual[0] < BETTER * usual[1]:
        return []
    best = sorted(late, key=lambda r: _size(r[kept]))[:3]
    spread = table.targets.std(axis=0)
    above = [(r > np.maximum(OUTLIER * 1.4826 * np.median(np.abs(r[kept]), axis=0), HIGH * spread)) for r in best]
    rows = np.flatnonzero(~kept & np.all(above, axis=0).all(axis=1))
    return [_warm_up(axis, rows)] if len(rows) >= 3 else []


def late_rows(table: Table, axis: str) -> Mask:
    """All rows but those with the smallest values of a feature, mask of shape (n,)."""
    values = table.features[axis]
    out: Mask = values > np.quantile(values, EARLY)
    return out


def _size(residuals: Floats) -> float:
    """What three quarters of the residuals stay below."""
    return float(np.quantile(np.abs(residuals), 0.75))


def _warm_up(axis: str, rows: Ints) -> Finding:
    text = f"{len(rows)} rows with small {axis} lie far above the laws that fit the others, as runs in warm-up do"
    return Finding("warm_up", text, "leave out the first part of these runs", tuple(rows.tolist()), (axis,))


def _outliers(residuals: Floats, table: Table, deviations: float = OUTLIER) -> Mask:
    off = np.zeros(len(table), dtype=bool)
    for t in range(table.n_targets):
        r = residuals[:, t]
        away = np.abs(r - np.median(r))
        limit = deviations * 1.4826 * float(np.median(away))
        off |= away > max(limit, VISIBLE * float(table.targets[:, t].std()))
    return off


def _astray(residuals: Floats, table: Table) -> Mask:
    """Rows where a law says what is far from anything measured, shape (n,)."""
    low, high = table.targets.min(axis=0), table.targets.max(axis=0)
    fitted, room = table.targets - residuals, high - low
    out: Mask = np.any((fitted < low - room) | (fitted > high + room), axis=1)
    return out


def _early(values: Floats, residuals: Floats, rows: Ints) -> bool:
    """Whether several rows lie above the law and among those with the least data."""
    if len(rows) < 3:
        return False
    small = values[rows] <= np.quantile(values, EARLY)
    above = residuals[rows].mean(axis=1) > 0
    return bool(np.mean(small & above) >= 0.8)
