"""The rules by which laws are judged, chosen and averaged: every threshold and weight, what it means, and why it is so.

`docs/rules.md` is made from this module by `scripts/rules_page`; `scripts/bench_selection compare` measures what
forecasts are without each rule, with the value that its field names as `without`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

Value = TypeVar("Value")


def _rule(value: Value, meaning: str, why: str, without: Value | None = None, unit: str = "") -> Value:
    """A field of a class of rules.

    Args:
        without: the value with which the rule asks for nothing; None where there is none, as of a number of points.
    """
    return field(default=value, metadata={"meaning": meaning, "why": why, "without": without, "unit": unit})


@dataclass(frozen=True)
class Folds:
    """Which rows are held out to judge laws on, see `discover.scoring.folds`."""

    cuts: int = _rule(3, "cuts of a family of folds", "near and far forecasts differ", 1, "cuts")
    smallest_share: float = _rule(
        0.02, "a cut holds out at least this", "one odd row should not judge", 0.0, "share of the rows"
    )
    largest_share: float = _rule(
        0.65, "a cut holds out at most this", "the rest must determine the constants", 1.0, "share of the rows"
    )
    left_over: int = _rule(
        2, "a cut leaves a group as many rows as a floor and a power of every column have constants, and so many more",
        "otherwise published laws are refused for want of rows, and an odd law wins without a comparison", 0, "rows",
    )  # fmt: skip
    decay: float = _rule(
        0.3, "weight of a cut relative to the next nearer one",
        "fitting on nearly all rows and forecasting a little further resembles what will be asked most", 1.0,
    )  # fmt: skip
    few_folds: int = _rule(
        3, "with fewer cuts, interleaved parts of the design are judged as well", "one or two cuts are luck", 0, "cuts"
    )


@dataclass(frozen=True)
class Guards:
    """What no law may say, see `discover.scoring.beyond` and `discover.scoring.units`; a law that does is out."""

    multiple: float = _rule(
        8.0, "how far beyond the data forecasts must be plausible", "questions are mostly about the next few sizes",
        unit="times the largest scale",
    )  # fmt: skip
    far_multiple: float = _rule(
        256.0, "the same, for at least one setting of the columns that are no axis",
        "few people ask that far, but it tells wild laws from others", 8.0, "times the largest scale",
    )  # fmt: skip
    logged: float = _rule(
        0.4, "share of a multiple's logarithm by which a column of logarithms goes on",
        "scores cross their range in a few steps of it", 1.0,
    )  # fmt: skip
    room: float = _rule(
        0.5, "how far forecasts may leave the range of their group's data; with every step one range more",
        "a law that leaves it far behind is wild", 1e9, "ranges of the group",
    )  # fmt: skip
    least_range: float = _rule(
        0.25, "a group's range counts as at least this", "a group of alike values says little of its range", 0.0,
        "ranges of all groups",
    )  # fmt: skip
    slack: float = _rule(
        0.01, "a law may go in the wrong direction, or beyond a bound, by this much",
        "a flat law ripples", 0.0, "ranges of the target",
    )  # fmt: skip
    few_groups: float = _rule(
        0.25, "share of the groups in which a law may say the impossible",
        "rows of a group that have not bent yet do not determine its constants", 0.0,
    )  # fmt: skip
    aside: float = _rule(
        2.0, "factor by which a setting leaves its range", "sweeps at the next size hold other settings", 1.0
    )
    outwards: float = _rule(
        0.3, "how far points lie outside of a design that has no axis", "mixtures are asked for outside, too", 0.0,
        "distances from the centre",
    )  # fmt: skip
    moved_by_rounding: float = _rule(
        0.01, "how far constants changed by 1e-14 of themselves may move a measured point",
        "terms of 4e13 that cancel fit a fold by luck", math.inf, "standard deviations of the target",
    )  # fmt: skip
    unit_bound: float = _rule(
        0.005, "share of a change of unit that the constants may fail to absorb",
        "a law that holds in one unit only is fitted to how the table writes its numbers", math.inf,
    )  # fmt: skip
    run_off: float = _rule(
        1e40, "a constant larger than this says nothing", "raw counts to a power reach only 1e20", math.inf
    )
    far_off: float = _rule(
        10.0, "a forecast without a place on the error scale, such as a cost below zero, counts as that far off",
        "it has to count as something",
        unit="ranges of the target",
    )  # fmt: skip


@dataclass(frozen=True)
class Sweeps:
    """Which columns were swept at every size, and what rows weigh there, see `discover.scoring.sweeps`."""

    least_runs: int = _rule(5, "runs of one size that make a sweep", "fewer show no best value", 1, "runs")
    sure: float = _rule(
        2.0, "how surely runs must get worse with the distance from the best value, on either side",
        "a column such as the seed, which makes no difference, is no sweep", -math.inf, "standard errors",
    )  # fmt: skip
    far: float = _rule(
        2.0, "a row that misses the best run by this much has lost half of the weight that it can lose",
        "most runs of a sweep are set badly",
        unit="median misses",
    )  # fmt: skip
    least_weight: float = _rule(0.3, "weight of the worst rows", "forecasts of bad runs count, too", 1.0)
    best: float = _rule(
        0.3, "extra weight of the best run of a size", "it tells the level that larger runs will reach", 0.0,
        "weights of its whole size",
    )  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """When errors count in logarithms, see `discover.scoring.scales`."""

    span: float = _rule(
        10.0, "ratio of large to small values from which on errors count in logarithms",
        "otherwise the largest rows, or the group with the largest values, rule the squared errors", math.inf,
    )  # fmt: skip
    small: float = _rule(0.05, "quantile of a small value; a large one is as far from the top",
                         "one odd row should not decide", 0.0)  # fmt: skip


@dataclass(frozen=True)
class Penalty:
    """What ranks laws: a sum, of which lower is better.

    mean over folds of log(error + floor)  (the log of a geometric mean error; folds by their weights)
    + train * log(error of the fit to all train rows + floor)
    + description * description length per value
    + novelty, if nobody published the law
    """

    train: float = _rule(1.0, "weight of the fit to all train rows", "one more fold, at distance zero", 0.0)
    description: float = _rule(
        1.0, "weight of the description length", "fitting by chance lowers the logarithm of an error by about this", 0.0
    )
    novelty: float = _rule(
        1.0,
        "what a law costs extra if nobody published it",
        "the best of thousands owes part of its lead to chance",
        0.0,
    )
    floor: float = _rule(
        1e-6, "errors below this count as equal", "they are rounding", 1e-12, "variances of the target"
    )
    ceiling: float = _rule(
        4.0, "errors above this count as equal", "a forecast that far off is of no use, however far", math.inf,
        "variances of the target",
    )  # fmt: skip
    prior: float = _rule(
        2.0, "held-out values that the noise of the fit counts as", "of a thousand laws some are lucky on every fold",
        0.0, "values",
    )  # fmt: skip
    symbols: float = _rule(
        8.0, "a node of a formula is one of so many symbols", "there are more long formulas to be deceived by", 1.0
    )
    published: float = _rule(
        150.0, "a published law is one of so many", "nobody picked its nodes to fit this table", math.inf
    )


@dataclass(frozen=True)
class Choice:
    """Which law explains the forecast, see `discover.search.verdict`."""

    tie: float = _rule(
        1.0, "penalties closer than this to the least count as near-tied", "a penalty sums two logarithms of errors",
        0.0,
    )  # fmt: skip
    alike: float = _rule(
        0.02, "forecasts, or fits, closer than this are the same", "the simplest of them explains best", 0.0,
        "shares of the error to be expected",
    )  # fmt: skip
    twins: float = _rule(
        1e-3, "laws that differ by less everywhere are one", "one function in other words would count twice", -1.0,
        "standard deviations of the target",
    )  # fmt: skip


@dataclass(frozen=True)
class Average:
    """How much each law counts in the forecast, see `discover.scoring.stacking` and `discover.averages`."""

    prior_rows: float = _rule(
        120.0, "so many held-out rows count as much as the penalties", "few rows should not decide", 1e-9, "rows"
    )
    most_trust: float = _rule(3.0, "largest weight of the penalties", "few rows still tell something", math.inf)
    far_off: float = _rule(
        3.0, "a larger error counts as this much", "how far off does not matter", 1e9,
        "logarithms, or standard deviations",
    )  # fmt: skip
    reach: float = _rule(
        2.0, "a law farther from the median counts as that far", "one that diverges should not rule the mean", 1e9,
        "half widths of the middle two thirds",
    )  # fmt: skip
    upper_part: float = _rule(
        0.5, "beyond the data the forecast is no steeper than over this part of them, next to their end",
        "losses flatten; laws of many constants may fall by decades in a step", unit="of the group's range",
    )  # fmt: skip
    yielding: float = _rule(
        4.0, "unless the laws agree: the variance of what they say, times this, against the square of the change",
        "what the data tell, such as a bend after the first epoch, is not held back", 0.0,
    )  # fmt: skip
    unbelieved: float = _rule(
        10.0, "fall of the logarithm of a weight, times the share of groups in which the law says the impossible",
        "a few such groups do not refuse the law, but it would spoil their forecasts", 0.0, "logarithms",
    )  # fmt: skip
    least_weight: float = _rule(0.005, "a law that weighs less is left out", "it changes no forecast", 0.0)
    rows: int = _rule(2000, "most rows of a fold by which laws are weighed", "more tell no more", unit="rows")


@dataclass(frozen=True)
class Drift:
    """How far off all laws may be together beyond the data, see `discover.forecasts.drift`."""

    growth: float = _rule(
        1.8, "standard deviation at a distance d, over sqrt(d + d**2), if the folds do not show more",
        "on tables whose larger scales were known, the laws were off by about that", 0.0, "noise",
    )  # fmt: skip
    from_folds: float = _rule(
        0.7, "the same, as a share of what the inner folds show",
        "laws fitted to a fold know fewer rows, so they are off by more", 0.0,
    )  # fmt: skip
    floor: float = _rule(
        0.25,
        "least error that a fold can show",
        "a fold that a law met by luck tells nothing",
        0.0,
        "variances of the noise",
    )


@dataclass(frozen=True)
class Settling:
    """When a search counts as settled, see `discover.search.settling`; no law depends on it."""

    moved: float = _rule(
        0.25, "over a doubling of laws the forecast beyond the data moves by no more",
        "this adds hardly anything to the error to be expected anyway", unit="errors to be expected there",
    )  # fmt: skip
    gained: float = _rule(
        0.1,
        "over a doubling of laws the least penalty falls by no more",
        "a much better law may still change the forecast",
    )
    least: int = _rule(256, "fewer laws do not settle", "the search is still trying the library", unit="laws")


@dataclass(frozen=True)
class Rules:
    """All rules."""

    folds: Folds = Folds()
    guards: Guards = Guards()
    sweeps: Sweeps = Sweeps()
    scale: Scale = Scale()
    penalty: Penalty = Penalty()
    choice: Choice = Choice()
    average: Average = Average()
    drift: Drift = Drift()
    settling: Settling = Settling()

    def names(self) -> Iterator[tuple[str, str]]:
        """Group and name of every rule."""
        for group in fields(self):
            for one in fields(getattr(self, group.name)):
                yield group.name, one.name

    def about(self, group: str, name: str) -> dict[str, Any]:
        """What is said of a rule: `meaning`, `why`, `without`, `unit`."""
        found = next(one for one in fields(getattr(self, group)) if one.name == name)
        return dict(found.metadata)

    def with_value(self, group: str, name: str, value: Any) -> Rules:
        """These rules, one of them changed."""
        return replace(self, **{group: replace(getattr(self, group), **{name: value})})


RULES = Rules()
