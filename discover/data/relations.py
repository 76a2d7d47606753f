"""Relations of columns by their values: copies, parts of a mixture, products, scales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations, product

import numpy as np

from discover.arrays import Floats, Ints, Mask
from discover.data.aliases import STEP_NAMES, of_one_sample, recognise, squash
from discover.data.exports import path_of

DECADE = 10.0
ROUNDED = 0.02  # what the shares of a mixture may lack of one
COPY = 1e-4  # by how much of its value a copy of another column may be off, from rounding
LEVELS = 6  # different values by which a line through a column is told from chance
PRODUCT = 0.05  # by how much a product of other columns may be off, such as compute that was measured


def scale_axes(columns: Mapping[str, Floats]) -> tuple[str, ...]:
    """The columns that a law is likely to be extended along.

    Those whose headings name a main scale of training, with width, depth or experts where none tells the size of
    the model, and tokens per parameter where none tells the data; else those that name a lesser one; else those of
    unknown meaning that are positive, span a decade and exceed one, as shares do not; else those of shares. Steps
    count as data where no other column tells how long a run was trained. Beside compute, parameters without tokens
    (or tokens without parameters) are no axis: at one compute some size is best, and larger ones do worse.

    Args:
        columns: heading -> values, shape (n,).
    """
    known = [quantity for heading in columns if (quantity := recognise(heading)) is not None]
    timed = any(quantity.tells_length for quantity in known)
    by_rank: dict[int, list[str]] = {1: [], 2: [], 3: [], 4: []}
    largest = {heading: float(values.max(initial=0.0)) for heading, values in columns.items()}
    costs = of_one_sample(largest)
    meant = {heading: None if heading in costs else recognise(heading, most) for heading, most in largest.items()}
    for heading, values in columns.items():
        quantity = meant[heading]
        if quantity is not None and quantity.rank:
            by_rank[quantity.rank].append(heading)
        elif quantity is None and not timed and known and squash(path_of(heading)[-1]) in STEP_NAMES:
            by_rank[1].append(heading)
        elif quantity is None and span(values[values != 0]) >= DECADE:  # zero-shot runs have no examples
            by_rank[3 if largest[heading] > 1.0 else 4].append(heading)
    kind = {heading: "" if quantity is None else quantity.kind for heading, quantity in meant.items()}
    for missing in ("size", "data"):
        if by_rank[1] and not {missing, "compute"} & {kind[heading] for heading in by_rank[1]}:
            by_rank[1] += [heading for heading in by_rank[2] if kind[heading] == missing]
    found = next((found for found in by_rank.values() if found), [])
    kinds = {kind[heading] for heading in found}
    if "compute" in kinds and len({"size", "data"} & kinds) == 1:
        found = [heading for heading in found if kind[heading] not in ("size", "data")]
    return tuple(found)


def span(values: Floats) -> float:
    """Largest over smallest value of an all-positive column; 0 for others."""
    if not len(values) or not np.isfinite(values).all() or values.min() <= 0:
        return 0.0
    with np.errstate(over="ignore"):
        return float(values.max() / values.min())


def are_shares(columns: Sequence[Floats]) -> bool:
    """Whether these columns are the parts of a mixture: none is negative, and together they make one."""
    if len(columns) < 2 or len({len(values) for values in columns}) > 1:
        return False
    stacked = np.vstack(columns)
    whole = np.abs(stacked.sum(axis=0) - 1.0).max() <= ROUNDED
    return bool(whole and np.isfinite(stacked).all() and stacked.min() >= 0)


def ranges_of(values: Floats, most: int) -> Iterator[Mask]:
    """Rows by range of a column, at most so many: about equal counts of its levels."""
    levels = np.unique(values)
    if len(levels) < 2:
        return
    for part in np.array_split(levels, min(most, len(levels))):
        yield (values >= part[0]) & (values <= part[-1])


def is_copy(values: Floats, others: Floats) -> bool:
    """Whether one column is the other times a factor on the rows that have both, which are most."""
    both = np.isfinite(values) & np.isfinite(others)
    if 2 * both.sum() <= len(values) or both.sum() < 3:
        return False
    a, b = values[both], others[both]
    if np.ptp(a) == 0 or not np.array_equal(a == 0, b == 0):
        return False
    ratios = a[b != 0] / b[b != 0]
    return bool(len(ratios) and np.ptp(ratios) <= COPY * np.abs(ratios).max())


def tells(values: Floats, target: Floats) -> bool:
    """Whether a target can be computed from a column alone, on a line, or as its logarithm."""
    both = np.isfinite(values) & np.isfinite(target)
    if both.sum() < 4 or np.ptp(target[both]) == 0:
        return False
    a, b = values[both], target[both]
    if is_copy(a, b) or is_line(a, b):
        return True
    with np.errstate(over="ignore"):
        positive = a.min() > 0
        return (positive and is_copy(np.log(a), b)) or (b.min() > 0 and is_copy(a, np.log(b)))


def is_line(values: Floats, others: Floats) -> bool:
    """Whether one column is the other times a factor, plus a constant, as far as the decimals of both tell."""
    both = np.isfinite(values) & np.isfinite(others)
    a, b = values[both], others[both]
    if 2 * both.sum() <= len(values) or len(np.unique(a)) < LEVELS or len(np.unique(b)) < LEVELS:
        return False
    slope = np.cov(a, b, ddof=0)[0, 1] / np.var(a)
    away = b - b.mean() - slope * (a - a.mean())
    rounding = rounding_of(b) + abs(slope) * rounding_of(a)
    return bool(np.abs(away).max() <= min(1.5 * rounding + 1e-9 * np.abs(b).max(), ROUNDED * np.ptp(b)))


def rounding_of(values: Floats) -> float:
    """What the values of a column may be off by, as they are written with so many decimals."""
    for decimals in range(13):
        if np.array_equal(values, np.round(values, decimals)):
            return float(0.5 * 10.0**-decimals)
    return 0.0


def follows(values: Floats, others: Floats, *, ordered: bool = True) -> bool:
    """Whether a column only rises, or only falls, with another one, most of whose values stand in several rows.

    One that now rises and now falls, as the compute per sample of models of several shapes does, tells more than the
    other does, though each value of the other has a single one of it.

    Args:
        ordered: False where rising and falling do not matter, as along a schedule that warms up and decays.
    """
    both = np.isfinite(values) & np.isfinite(others)
    pairs = np.unique(np.column_stack([others[both], values[both]]), axis=0)  # sorted by the other column
    levels = len(np.unique(pairs[:, 0]))
    steps = np.diff(pairs[:, 1])
    fine = not ordered or bool(np.all(steps >= 0) or np.all(steps <= 0))
    return levels > 2 and 2 * levels <= both.sum() and len(pairs) == levels and fine


def joint_codes(columns: Sequence[Floats | Ints]) -> Ints:
    """A number for each combination of values, shape (n,): of a million rows much faster than `np.unique` of rows."""
    codes: Ints = np.zeros(len(columns[0]), np.int64)
    for values in columns:
        levels = np.unique(values, return_inverse=True)[1]
        codes = np.unique(codes * (1 + levels.max()) + levels, return_inverse=True)[1]
    return codes


def product_of(own: Floats, logs: Mapping[str, Floats]) -> str:
    """The product or ratio of two or three other columns, one maybe squared, that a column is, up to a factor.

    As text; "" for none.

    Args:
        own: natural logarithms of the column, shape (n,); NaN where there is none.
        logs: name -> those of the columns that may be its factors.
    """
    for name, values in logs.items():  # compute is one, where tokens go with parameters
        if _differ_by_a_constant(own, 2 * values, [name], logs):
            return f"{name} * {name}"
    for n in (2, 3):
        for names in combinations(logs, n):
            for signs in product((1.0, -1.0), repeat=n):
                said = np.sum([sign * logs[name] for sign, name in zip(signs, names, strict=True)], axis=0)
                if signs != (-1.0,) * n and _differ_by_a_constant(own, said, names, logs):
                    return _written_product(names, signs)
    for name, other in permutations(logs, 2):
        for sign in (1.0, -1.0):
            if _differ_by_a_constant(own, 2 * logs[name] + sign * logs[other], [name, other], logs):
                return _written_product([name, name, other], [1.0, 1.0, sign])
    return ""


def logs_of(values: Floats) -> Floats:
    """Natural logarithms, NaN for what is not above zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: Floats = np.where(values > 0, np.log(np.abs(values)), np.nan)
    return logs


def _differ_by_a_constant(own: Floats, said: Floats, names: Sequence[str], logs: Mapping[str, Floats]) -> bool:
    both = np.isfinite(own) & np.isfinite(said)
    if both.sum() < 4 or 2 * both.sum() <= len(own):
        return False
    # A factor that hardly varies, or goes with another one, is none: the rest alone is the column.
    if any(np.ptp(logs[name][both]) <= 2 * PRODUCT for name in names):
        return False
    away = own[both] - said[both]
    return bool(np.abs(away - np.median(away)).max() <= PRODUCT)


def _written_product(names: Sequence[str], signs: Sequence[float]) -> str:
    over = [name for name, sign in zip(names, signs, strict=True) if sign > 0]
    under = [name for name, sign in zip(names, signs, strict=True) if sign < 0]
    return " / ".join([" * ".join(over), *under])


def is_curve(steps: Floats, group: Sequence[object], least: int) -> bool:
    """Whether rows are points of curves: in every group steps never fall, and have at least so many values."""
    rows: dict[object, list[float]] = {}
    for step, name in zip(steps.tolist(), group, strict=True):
        rows.setdefault(name, []).append(step)
    return all(len(set(own)) >= least and bool(np.all(np.diff(own) >= 0)) for own in rows.values())


def counts_rows(values: Floats) -> bool:
    """Whether values are 0, 1, 2, ... or 1, 2, 3, ..., in this order."""
    return len(values) > 2 and values[0] in (0, 1) and bool(np.all(np.diff(values) == 1))
