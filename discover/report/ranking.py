"""The ranking of a comparison for people, and as one JSON object."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from discover.plain_data import counted, number, table, with_error, with_interval
from discover.report.terminal import Lines, error_unit, html_of, not_judged, text_of
from discover.runs.comparison import Comparison, Standing, keys, resamples
from discover.runs.inspection import Located
from discover.runs.verdict import CLOSE_BY

if TYPE_CHECKING:
    from rich.table import Table

SHOWN_LAWS = 10
SHOWN_CONSTANTS = 3
SHOWN_SETS = 6
SHOWN_UNNAMED = 4
WIDTH = 100
NAME_WIDTH = 34
LEVEL = 0.9
RESAMPLES = 200
LARGE = 1000  # rows beyond which fewer resamples are drawn
PATIENCE_S = 8.0  # for intervals, all laws together


@dataclass(frozen=True)
class Ranking:
    """The laws of a comparison, the best first. `print` shows the leaders.

    Attributes:
        found: the comparison.
        problems: of the table.
        seed: of the resamples for intervals.
    """

    found: Comparison
    problems: Sequence[Located]
    seed: int = 0

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Laws that have an error, best first."""
        return self.found.standings

    @property
    def tied(self) -> tuple[Standing, ...]:
        """The best law, and those that the data do not tell from it."""
        return self.found.tied

    @cached_property
    def keys(self) -> dict[str, Any]:
        """The ranking as one JSON object."""
        return {**_keys(self.found, self.seed), "problems": [one.keys() for one in self.problems]}

    def lines(self, everything: bool = False) -> Lines:
        """The ranking for people: the leaders, or all laws with their constants."""
        return _lines(self.keys, everything)

    def __repr__(self) -> str:
        best = self.standings[0].name if self.standings else "none"
        return f"<Ranking of {len(self.standings)} laws on {self.found.task.name}, best: {best}>"

    def __str__(self) -> str:
        return text_of(self.lines(), WIDTH)

    def _repr_html_(self) -> str:
        return html_of(self.lines())


def _keys(found: Comparison, seed: int) -> dict[str, Any]:
    """The comparison as one JSON object; intervals for the first of the tied laws."""
    train = found.problem.table
    draws = RESAMPLES if len(train) <= LARGE else RESAMPLES // 2
    laws, end = [], time.monotonic() + PATIENCE_S
    for place, one in enumerate(found.standings):
        wanted = place < SHOWN_CONSTANTS and one.tied and time.monotonic() < end
        drawn = resamples(found.problem, one, draws, seed) if wanted else None
        laws.append(keys(found.problem, one, drawn, LEVEL))
    return {
        "task": found.task.name,
        "table": str(found.task.table),
        "targets": list(found.task.target),
        "features": list(found.task.features),
        "group_column": found.task.group,
        "rows": len(train),
        "all_rows": found.problem.rows or len(train),
        "cuts": [{"label": fold.label, "weight": fold.weight} for fold in found.folds],
        "laws": laws,
        "refused": [{"law": name, "reason": reason} for name, reason in found.refused],
        "not_judged": list(found.short_of_rows),
        "nameable": {law: dict(names) for law, names in found.nameable.items()},
        "error_scale": found.problem.error_scale,
        "tied": [one.name for one in found.tied],
        "apart": found.apart,
        "level": LEVEL,
        "seed": seed,
        "seconds": round(found.seconds, 3),
        "notes": [*found.task.notes, *found.problem.notes],
    }


# --- for people


def _lines(shown: Mapping[str, Any], everything: bool) -> list[str | Table]:
    laws = shown["laws"]
    if not laws:
        return ["No law could be judged on this table.", *_refused(shown, everything=True)]
    head = f"{shown['task']}: {', '.join(shown['targets'])} from {', '.join(shown['features'])}; "
    head += f"{_rows(shown)}, {len(shown['cuts'])} cuts{not_judged(shown['not_judged'])}"
    unit = error_unit(shown["error_scale"])
    of = "all" if shown["rows"] == shown["all_rows"] else "these"
    return [
        *textwrap.wrap(head, WIDTH),
        "",
        _ranking(laws if everything else _leaders(laws)),
        "",
        f"error: squared error on the largest scales held out of the rows, in variances of {unit}",
        f"R2: of the fit to {of} rows; fit: loss and space of its residuals, large: larger scales weigh more",
        "",
        *_verdict(shown),
        "",
        *_constants(laws if everything else laws[:SHOWN_CONSTANTS], shown, everything),
        *_refused(shown, everything),
        *_nameable(shown, everything),
        *_next(shown),
    ]


def _rows(shown: Mapping[str, Any]) -> str:
    """How many rows judge the laws, and of how many."""
    some, everything = shown["rows"], shown["all_rows"]
    return f"{some} rows" if some == everything else f"{some:,} of {everything:,} rows"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _leaders(laws: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first laws, and what must not be missed: discovered laws and the group means."""
    return [law for place, law in enumerate(laws) if place < SHOWN_LAWS or law["kind"] != "published"]


def _ranking(laws: Iterable[Mapping[str, Any]]) -> Table:
    rows = []
    best = None
    for law in laws:
        best = law["inner_error"] if best is None else best
        times = law["inner_error"] / best if best else 1.0
        rows.append(
            (
                "=" if law["tied"] else "",
                _folded(law["law"]),
                number(law["inner_error"], 3),
                f"{times:.2f}" if times < 1000 else number(times, 2),
                _r2(law["r2"]),
                str(law["n_constants"]),
                _recipe(law["recipe"]),
            )
        )
    return table(("", "law", "error", "ratio", "R2", "constants", "fit"), rows, (2, 3, 4, 5))


def _folded(name: str) -> str:
    """A name in lines that fit the column, parted at its brackets, commas and blanks."""
    if len(name) <= NAME_WIDTH:
        return name
    parted = re.sub(r"(?<=[(,])(?! )", "\N{ZERO WIDTH SPACE} ", name)
    lines = textwrap.wrap(parted, NAME_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(line.replace("\N{ZERO WIDTH SPACE} ", "").rstrip("\N{ZERO WIDTH SPACE}") for line in lines)


def _r2(value: float) -> str:
    return f"{value:.4f}"


def _recipe(recipe: Mapping[str, Any]) -> str:
    return f"{recipe['loss']}-{recipe['space']}" + (", large" if recipe["emphasis"] else "")


def _verdict(shown: Mapping[str, Any]) -> list[str]:
    laws, tied = shown["laws"], shown["tied"]
    if laws[0]["kind"] == "baseline":
        return _wrapped("No law forecasts the larger scales of this table better than the mean of each group.")
    if len(tied) == 1:
        rest = f"; {laws[1]['law']} comes next" if len(laws) > 1 else ""
        return _wrapped(f"{laws[0]['law']} forecasts larger scales best{rest}.")
    text = f"The data cannot separate the {len(tied)} laws marked with =: their errors differ by less than {CLOSE_BY}, "
    text += "or one is better at some cuts and another at others."
    if shown["apart"] is not None:
        text += (
            f" Beyond the data, at 8 times the largest scale, their forecasts lie {shown['apart']:.2g} apart (median)."
        )
    means = next((law for law in laws if law["kind"] == "baseline"), None)
    if means is not None and means["tied"]:
        text += " The mean of each group is one of them: there is hardly a law to see."
    return _wrapped(text)


def _constants(laws: Iterable[Mapping[str, Any]], shown: Mapping[str, Any], everything: bool) -> list[str]:
    lines: list[str] = []
    for law in laws:
        if not (law["tied"] or everything):
            continue
        also = f" (also {', '.join(law['also'])})" if law["also"] else ""
        lines += _wrapped(f"{law['law']}{also}")
        left = shown["targets"][0] if len(shown["targets"]) == 1 else "each target"
        lines += _wrapped(f"{left} = {law['formula']}", "  ")
        sets = law["constants"]
        for one in sets if everything else sets[:SHOWN_SETS]:
            lines += _one_set(one, shown)
        if len(sets) > SHOWN_SETS and not everything:
            lines.append(f"  and {len(sets) - SHOWN_SETS} more sets with --all")
        lines.append("")
    return lines


def _one_set(one: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    label = [one["group"]] if shown["group_column"] else []
    label += [one["target"]] if len(shown["targets"]) > 1 else []
    parts = [_constant(name, value, one) for name, value in one["values"].items()]
    lines = _wrapped(", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts), "    ")
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
    return [f"  {', '.join(label)}:", *lines] if label else lines


def _constant(name: str, value: float, one: Mapping[str, Any]) -> str:
    ends = (one["intervals"] or {}).get(name)
    if ends is None:
        return f"{name} = {with_error(value, one['errors'][name])}"
    return f"{name} = {with_interval(value, ends[0], ends[1])}"


def _refused(shown: Mapping[str, Any], everything: bool) -> list[str]:
    refused = shown["refused"]
    if not refused:
        return []
    if not everything:
        have = "has" if len(refused) == 1 else "have"
        return [f"{counted(len(refused), 'law')} {have} no forecast to judge; --all says why."]
    return [line for item in refused for line in _wrapped(f"{item['law']}: {item['reason']}", "  ")]


def _nameable(shown: Mapping[str, Any], everything: bool) -> list[str]:
    """Published laws for columns whose names say nothing, and how to name them."""
    laws: Mapping[str, Mapping[str, str]] = shown["nameable"]
    if not laws:
        return []
    unknown = ", ".join(next(iter(laws.values())))
    some = list(laws.items())[: None if everything else SHOWN_UNNAMED]
    lines = _wrapped(f"The library does not know what {unknown} may be. Named as these, more laws apply:")
    for law, names in some:
        lines += _wrapped(f"{law}: --as {','.join(f'{column}={name}' for column, name in names.items())}", "  ")
    return [*lines, f"  and {len(laws) - len(some)} more with --all"] if len(laws) > len(some) else lines


def _next(shown: Mapping[str, Any]) -> list[str]:
    level = f"{shown['level']:.0%}".replace("%", " %")
    searched = any(law["kind"] == "discovered" for law in shown["laws"])
    lines = [f"In brackets: {level} bootstrap intervals, - for an end that is open. {shown['seconds']:.0f} s."]
    return lines if searched else [*lines, "Further laws: --discover 60s"]
