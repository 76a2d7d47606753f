"""The train rows in words: what somebody would read off a plot before writing a formula.

Where runs differ in one column only, they are a sweep of it, and its curve is that of the column alone. Elsewhere
the rows are averaged over ranges of the column, whatever the others do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from discover.arrays import Floats, Ints
from discover.scoring import Problem
from discover.scoring.sweeps import best_rows, excess_of, sizes_of

ROWS = 4_000  # of a longer table that are looked at
COLUMNS = 10  # that are described, those of scale first
POINTS = 6  # of a curve that is shown, or means of as many parts where it has more than twice as many
RANGES = 5  # of a column without sweeps
LEAST = 3  # different values that make a sweep
SURE = 2.0  # standard deviations of repeated runs, below which a difference is none


def sketch(problem: Problem) -> tuple[str, ...]:
    """Sentences on the train rows, the most telling first; no longer table costs more than one of `ROWS` rows."""
    sight = _Sight(problem)
    order = [*problem.axes, *(name for name in problem.kinds if name not in problem.axes)]
    lines = [*_groups(sight), sight.noise_said, *_settings(problem)]
    for name in order[:COLUMNS]:
        lines += _column(sight, name)
    return tuple(lines)


def noise_floor(problem: Problem) -> float | None:
    """The mean squared error of a perfect law, in variances of the target, where runs were repeated."""
    sight = _Sight(problem)
    if sight.noise is None:
        return None
    return float(np.mean(sight.noise**2 / np.maximum(sight.table.targets.var(axis=0), 1e-300)))


class _Sight:
    """The rows that are looked at, and the noise between those of equal settings."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.table = problem.table.take(problem.some_rows(ROWS))
        self.noise, self.noise_said = self._noise()

    def settings(self, without: str = "") -> Ints:
        """A number for every row, equal for rows of one group that agree in all columns but one."""
        return sizes_of(self.problem, (without,), self.table)

    @property
    def group_means(self) -> Floats:
        """Means of the targets of every group, shape (n_groups, T); 0 of a group without rows."""
        counts = np.maximum(np.bincount(self.table.group, minlength=self.table.n_groups), 1)
        return np.column_stack([np.bincount(self.table.group, y, len(counts)) / counts for y in self.table.targets.T])

    def _noise(self) -> tuple[Floats | None, str]:
        codes = self.settings()
        counts = np.bincount(codes)
        repeated = counts[codes] > 1
        if not repeated.any():
            return None, "No run is repeated, so the noise is not known from the rows."
        mean = np.column_stack([np.bincount(codes, y) / counts for y in self.table.targets.T])
        free = int(repeated.sum() - (counts > 1).sum())
        noise: Floats = np.sqrt(((self.table.targets - mean[codes])[repeated] ** 2).sum(axis=0) / free)
        each = ", ".join(_size(v) for v in noise)
        return noise, f"{int((counts > 1).sum())} settings are repeated; runs of one setting differ by {each} (sd)."


def _groups(sight: _Sight) -> Iterator[str]:
    if sight.table.n_groups < 2:
        return
    means = sight.group_means
    share = means[sight.table.group].var(axis=0).sum() / max(float(sight.table.targets.var(axis=0).sum()), 1e-300)
    low, high = means.mean(axis=1).min(), means.mean(axis=1).max()
    yield f"Group means lie between {_size(low)} and {_size(high)}: {share:.0%} of the variance is between groups."


def _settings(problem: Problem) -> Iterator[str]:
    """Where the best value of a swept column lies, and with what it moves."""
    for name in problem.swept:
        others = [c for c in problem.of_kind("scale") if c not in problem.swept]
        sizes = sizes_of(problem, problem.swept, problem.table)
        best = best_rows(sizes, excess_of(problem, sizes, problem.table))
        values = problem.coordinate(name)[best]
        moves = ""
        if others and problem.kinds[name] == "scale" and len(best) > len(others) + 2:
            size = np.column_stack([*(problem.coordinate(c)[best] for c in others), np.ones(len(best))])
            slopes = np.linalg.lstsq(size, values, rcond=None)[0][:-1]
            moves = ", about as " + " * ".join(f"{c}**{s:.2f}" for c, s in zip(others, slopes, strict=True))
        shown = problem.table.features[name][best]
        yield (
            f"{name} was swept at each of {len(best)} sizes: the best value lies inside, between "
            f"{_size(shown.min())} and {_size(shown.max())}{moves}."
        )


def _column(sight: _Sight, name: str) -> Iterator[str]:
    values = sight.table.features[name]
    if len(np.unique(values)) < 2:
        return
    curves = list(_sweeps(sight, name))
    zeros = f" (zero in {np.mean(values == 0):.0%} of the rows)" if np.any(values == 0) else ""
    if curves:
        yield f"{name}{zeros}: " + _swept(sight, name, curves)
    else:
        yield f"{name}{zeros}: " + _ranged(sight, name)


@dataclass(frozen=True)
class _Curve:
    """A sweep: different values of one column, smallest first, the mean of one target at each, and of how many rows."""

    x: Floats
    y: Floats
    rows: float
    target: int

    def shape(self, noise: float) -> str:
        """Which way it goes; a turn is one by more than the noise."""
        sure = noise / self.rows**0.5
        low = high = self.y[0]
        turns: list[bool] = []  # whether it rises, from turn to turn
        for value in self.y[1:]:
            low, high = min(low, value), max(high, value)
            if value - low > sure and turns[-1:] != [True]:
                turns.append(True)
                high = value
            elif high - value > sure and turns[-1:] != [False]:
                turns.append(False)
                low = value
        words = {(): "is flat", (False,): "falls", (True,): "rises", (False, True): "is U-shaped",
                 (True, False): "rises, then falls"}  # fmt: skip
        return words.get(tuple(turns), "goes up and down")


def _sweeps(sight: _Sight, name: str) -> Iterator[_Curve]:
    codes, values = sight.settings(name), sight.table.features[name]
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(rows) < LEAST:
            continue
        x, place = np.unique(values[rows], return_inverse=True)
        if len(x) < LEAST:
            continue
        parts = np.array_split(np.arange(len(x)), POINTS if len(x) > 2 * POINTS else len(x))
        part_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])[place]
        counts = np.bincount(part_of)
        middle = np.array([float(np.median(x[part])) for part in parts])
        for t in range(sight.table.targets.shape[1]):
            mean = np.bincount(part_of, sight.table.targets[rows, t]) / counts
            yield _Curve(middle, mean, float(np.median(counts)), t)


def _swept(sight: _Sight, name: str, curves: Sequence[_Curve]) -> str:
    noise = np.zeros(len(sight.table.target_names)) if sight.noise is None else SURE * sight.noise
    shapes = [curve.shape(float(noise[curve.target])) for curve in curves]
    counts = {shape: shapes.count(shape) for shape in sorted(set(shapes), key=lambda s: (-shapes.count(s), s))}
    target = "the target" if len(sight.table.target_names) > 1 else sight.table.target_names[0]
    said = ", ".join(f"{shape} in {n}" for shape, n in itertools.islice(counts.items(), 3))
    text = f"{len(curves)} curves with all else equal; {target} {said}"
    most = [curve for curve, shape in zip(curves, shapes, strict=True) if shape == next(iter(counts))]
    slopes = [_slopes(sight.problem, name, curve) for curve in most]
    known = [pair for pair in slopes if pair is not None]
    if known:
        first, last = np.median(np.array(known), axis=0)
        word = "log-log slope" if sight.problem.kinds[name] == "scale" else "slope of the logarithm"
        bend = "steady" if abs(last - first) < 0.1 * max(abs(first), abs(last)) else _bend(first, last)
        text += f"; {word} {first:.3g} at the small end, {last:.3g} at the large end ({bend})"
    longest = max(most, key=lambda curve: (len(curve.x), float(np.ptp(curve.y))))
    return f"{text}. One: {_points(longest.x, longest.y)}"


def _bend(first: float, last: float) -> str:
    if np.sign(first) != np.sign(last):
        return "it turns"
    return "it flattens" if abs(last) < abs(first) else "it steepens"


def _slopes(problem: Problem, name: str, curve: _Curve) -> tuple[float, float] | None:
    """Slopes of log(target) at both ends: over log(x) of a scale, else over x."""
    if np.any(curve.y <= 0):
        return None
    u = np.log(curve.x) if problem.kinds[name] == "scale" else curve.x
    slope = np.diff(np.log(curve.y)) / np.diff(u)
    return float(slope[0]), float(slope[-1])


def _ranged(sight: _Sight, name: str) -> str:
    """The mean of the target, less that of its group, over ranges of the column."""
    values = sight.table.features[name]
    centred = sight.table.targets - sight.group_means[sight.table.group]
    ranks = np.argsort(np.argsort(values)).astype(float)
    strength = [_correlation(ranks, y) for y in centred.T]
    strongest = int(np.argmax(np.abs(strength)))
    levels = np.unique(values)
    nothing, levels = levels[levels == 0.0], levels[levels != 0.0]  # zero is a range of its own
    cuts = [part for part in (nothing, *np.array_split(levels, RANGES)) if len(part)]
    means = [float(centred[(values >= part[0]) & (values <= part[-1]), strongest].mean()) for part in cuts]
    where = [f"{_size(part[0])}-{_size(part[-1])}" if len(part) > 1 else _size(part[0]) for part in cuts]
    said = ", ".join(f"{place}: {mean:+.3g}" for place, mean in zip(where, means, strict=True))
    text = f"never varied alone. {sight.table.target_names[strongest]} less its group's mean, by range: {said}"
    others = [(n, r) for n, r in zip(sight.table.target_names, strength, strict=True) if abs(r) > 0.3]
    if len(sight.table.target_names) > 1 and others:
        text += ". Correlations: " + ", ".join(f"{n} {r:+.2f}" for n, r in others)
    return text


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0


def _points(x: Floats, y: Floats) -> str:
    picks = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).round().astype(int))
    return ", ".join(f"{_size(x[i])}: {y[i]:.4g}" for i in picks)


def _size(value: float) -> str:
    return f"{value:.3g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
