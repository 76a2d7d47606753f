"""`discover predict`: what a law says of new points, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discover.cli.completion import laws_with_constants
from discover.cli.law_source import SOURCE_HELP, read_law
from discover.cli.options import pairs
from discover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from discover.forecasts import Ensemble, Forecast
    from discover.law.document import LawDocument

MANY = 40  # points shown in full on a terminal
NOTABLE = 0.01  # of an interval's width: a value outside of the middle of the draws by less is at its end by rounding

Source = Annotated[Path, typer.Argument(metavar="DIR|LAW", help=SOURCE_HELP, autocompletion=laws_with_constants)]
At = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=NUMBER,..", help="A point, such as params=7e10,tokens=1.4e12; may be repeated."),
]
Group = Annotated[
    str | None, typer.Option(metavar="NAME", help="Group of the points that do not name one; by default all groups.")
]
PointsFile = Annotated[
    Path | None,
    typer.Option("--points", metavar="FILE", help="Table of points: CSV, JSON, Excel, Parquet, ..."),
]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write points and forecasts to this file, as CSV.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command("predict", rich_help_panel="Use a run")(predict)


def predict(
    source: Source,
    at: At = None,
    group: Group = None,
    points: PointsFile = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Forecast new points with 50 and 90 % prediction intervals.

    The intervals are for a new measurement: they include what the constants are unsure of, the disagreement of
    laws that the data cannot tell apart, the error beyond the data, and the noise.

    Example: discover predict runs/moe-seed0-1 --at params=7e9,experts=64
    """
    from discover.cli.output import note, print_json
    from discover.files import write_whole

    document, place = read_law(source)
    answer = _answered(document, at, group, points)
    if out is not None:
        write_whole(out, answer.csv().encode())
    if answer.ensemble is None:
        alone = f"{place} holds the law alone, as written before intervals were kept or by hand"
        note(f"note: no intervals: {document.no_intervals or alone}")
    if json:
        print_json({"law": place, **answer.keys()})
        return
    _show(answer, out)
    if out is not None:
        note(f"written to {out}")


def points_at(document: LawDocument, text: str) -> list[dict[str, Any]]:
    """Forecasts of a point as of `--at`, of every group that it leaves open; keys as of `--json`.

    Raises:
        InputError: the law has no such point.
    """
    answer = _answered(document, [text], None, None)
    return [answer.point(i) for i in range(len(answer.asked.groups))]


def _answered(document: LawDocument, at: Sequence[str] | None, group: str | None, points: Path | None) -> _Answer:
    from discover.forecasts import Ensemble

    ensemble = Ensemble.from_document(document) if document.forecasts else None
    asked = _asked(document, ensemble, at, group, points)
    forecasts = [] if ensemble is None else [_forecast(ensemble, asked, target) for target in document.targets]
    return _Answer(document, ensemble, asked, forecasts)


# -- what is asked --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """Points: column -> values, the group of every point, and the values as they were given, where they were texts."""

    columns: dict[str, list[float]]
    groups: list[str]
    given: list[dict[str, str]] = field(default_factory=list)

    def point(self, i: int) -> dict[str, float]:
        return {name: values[i] for name, values in self.columns.items()}


def _asked(
    document: LawDocument, ensemble: Ensemble | None, at: Sequence[str] | None, group: str | None, file: Path | None
) -> _Asked:
    from discover.forecasts.points import used_columns
    from discover.forecasts.reading import known_group, points_of_file

    if bool(at) == (file is not None):
        raise InputError("say which points to forecast: either with --at NAME=NUMBER,.. or with --points FILE")
    needed = used_columns(document) if ensemble is None else ensemble.inputs
    if group is not None:
        known_group(document, group, "--group")
    if file is not None:
        return _Asked(*points_of_file(document, needed, group, file))
    rows = [(point, name, given) for text in at or ()
            for point, names, given in [_from_text(document, needed, group, text)] for name in names]  # fmt: skip
    columns = {name: [row[0].get(name, math.nan) for row in rows] for name in document.feature_names}
    known = {name: values for name, values in columns.items() if not any(map(math.isnan, values))}
    return _Asked(known, [row[1] for row in rows], [row[2] for row in rows])


def _from_text(
    document: LawDocument, needed: Sequence[str], group: str | None, text: str
) -> tuple[dict[str, float], list[str], dict[str, str]]:
    """A point, the groups that it is asked of, and the values as they were given."""
    from discover.data.names import near
    from discover.forecasts.points import positive_columns, reader, why_needed
    from discover.forecasts.reading import groups_of
    from discover.law.matching import told_by

    texts = pairs(text, "--at")
    places = {name: reader(document, name) for name in texts}
    given = {places[name][0]: value for name, value in texts.items()}
    read = dict(places.values())
    named = given.pop(document.group_column, group) if document.group_column is not None else group
    unknown = [name for name in given if name not in document.feature_names]
    if unknown:
        expected = ", ".join([*document.feature_names, *filter(None, [document.group_column])])
        told = told_by(unknown[0], document.feature_names)
        hint = f"; {unknown[0]} is {told}" if told else near(unknown[0], document.feature_names)
        raise InputError(f"--at names {unknown[0]!r}, which is no column of the law{hint} (its columns: {expected})")
    positive = positive_columns(document)
    point = {name: _number(name, value, name in positive, read[name](value)) for name, value in given.items()}
    missing = [name for name in needed if name not in point]
    if missing:
        why = why_needed(document, missing[0])
        raise InputError(f"--at {text} has no value for {missing[0]}; expected {', '.join(needed)}{why}")
    return point, groups_of(document, named, f"--at {text}"), given


def _number(name: str, text: str, positive: bool, value: float) -> float:
    where, expected = f"--at gives {name} the value", "a number above 0" if positive else "a finite number"
    if math.isnan(value):
        raise InputError(f"{where} {text!r}, which is not a number; expected {expected}")
    if math.isinf(value) or (positive and value <= 0):
        raise InputError(f"{where} {text!r}, which is out of range; expected {expected}")
    return value


# -- the answer -----------------------------------------------------------------------------------------


def _forecast(ensemble: Ensemble, asked: _Asked, target: str) -> Forecast:
    found = ensemble.intervals(asked.columns, asked.groups, target=target)
    bad = [i for i, value in enumerate(found.value.tolist()) if not math.isfinite(value)]
    if bad:
        point = ", ".join(f"{name}={value:g}" for name, value in asked.point(bad[0]).items())
        raise InputError(f"the law has no finite value of {target} at {point}")
    return found


@dataclass(frozen=True)
class _Answer:
    """Forecasts of every point, target by target; without an ensemble the law's values alone."""

    document: LawDocument
    ensemble: Ensemble | None
    asked: _Asked
    forecasts: list[Forecast]

    def value(self, i: int, t: int) -> float:
        if self.forecasts:
            return float(self.forecasts[t].value[i])
        from discover.export import FittedLaw

        found = FittedLaw(self.document)(self.asked.point(i), group=self.asked.groups[i])
        return float(found[t]) if len(self.document.targets) > 1 else float(found)

    def law(self, i: int, t: int) -> float:
        """What the chosen law alone says."""
        return float(self.forecasts[t].law[i]) if self.forecasts else self.value(i, t)

    def apart(self, i: int, t: int) -> bool:
        """Whether the chosen law says something else than the forecast, by more than noise would."""
        if not self.forecasts:
            return False
        low, high = next(iter(self.ends(i, t).values()))
        return abs(self.law(i, t) - self.value(i, t)) > NOTABLE * (high - low)

    def ends(self, i: int, t: int) -> dict[float, tuple[float, float]]:
        if not self.forecasts:
            return {}
        found = self.forecasts[t]
        return {level: (float(found.lower[level][i]), float(found.upper[level][i])) for level in found.lower}

    def outside(self, i: int, t: int) -> dict[float, float]:
        """Level -> how far the value lies outside of that middle part of what all laws say, where it does notably."""
        if not self.forecasts:
            return {}
        found = {level: float(by[i]) for level, by in self.forecasts[t].outside.items()}
        widths = {level: high - low for level, (low, high) in self.ends(i, t).items()}
        return {level: by for level, by in found.items() if by > NOTABLE * widths[level]}

    def keys(self) -> dict[str, Any]:
        from discover.law.storage import law_keys

        about = law_keys(self.document)
        laws = [] if self.ensemble is None else self.ensemble.laws
        return {
            "formula": about["formula"],
            "targets": about["targets"],
            "points": [self.point(i) for i in range(len(self.asked.groups))],
            "laws": [{"formula": law.document.formula, "weight": law.weight} for law in laws],
        }

    def point(self, i: int) -> dict[str, Any]:
        from discover.forecasts.points import excesses, impossible

        point = self.asked.point(i)
        return {
            "at": point,
            "group": self.asked.groups[i] if self.document.group_column else None,
            "forecasts": [self._target(i, t) for t in range(len(self.document.targets))],
            "beyond": [
                {"column": e.column, "value": e.value, "end": e.end, "times": e.times, "course": e.course or None}
                for e in excesses(self.document, point)
            ],
            "impossible": impossible(self.document, point),
        }

    def _target(self, i: int, t: int) -> dict[str, Any]:
        shares = {k: float(v[i]) for k, v in self.forecasts[t].shares.items()} if self.forecasts else None
        ends = {f"{level:g}": list(pair) for level, pair in self.ends(i, t).items()}
        outside = {f"{level:g}": by for level, by in self.outside(i, t).items()}
        return {
            "target": self.document.targets[t], "value": self.value(i, t), "law": self.law(i, t),
            "intervals": ends or None, "outside": outside if self.forecasts else None, "shares": shares,
        }  # fmt: skip

    def csv(self) -> str:
        import csv
        import io

        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        grouped = [self.document.group_column] if self.document.group_column else []
        heads = [head for t, name in enumerate(self.document.targets) for head in self._heads(name, t)]
        writer.writerow([*self.asked.columns, *grouped, *heads])
        for i, group in enumerate(self.asked.groups):
            row: list[object] = [*self.asked.point(i).values(), *([group] if grouped else [])]
            for t in range(len(self.document.targets)):
                row += [
                    self.value(i, t),
                    *([self.law(i, t)] if self.forecasts else []),
                    *(end for pair in self.ends(i, t).values() for end in pair),
                ]
            writer.writerow(row)
        return file.getvalue()

    def _heads(self, target: str, t: int) -> list[str]:
        parts = [f"{level:.0%}".rstrip("%") for level in (self.forecasts[t].lower if self.forecasts else ())]
        law = [f"{target}_law"] if self.forecasts else []
        return [f"{target}_predicted", *law, *(f"{target}_{side}{part}" for part in parts for side in ("low", "high"))]


# -- for people -----------------------------------------------------------------------------------------

CAUSES = {"constants": "constants", "laws": "which law", "drift": "beyond the data", "noise": "noise"}


def _show(answer: _Answer, out: Path | None) -> None:
    from discover.cli.output import note, print_lines
    from discover.forecasts.points import excesses, impossible
    from discover.plain_data import number, table
    from discover.report.terminal import Lines

    document, asked = answer.document, answer.asked
    shown = min(len(asked.groups), MANY)
    several = len(document.targets) > 1
    heads = [*asked.columns, *([document.group_column] if document.group_column else [])]
    apart = any(answer.apart(i, t) for i in range(shown) for t in range(len(document.targets)))
    heads += [
        *(["target"] if several else []),
        "forecast",
        *(["law"] if apart else []),
        "50 %",
        "90 %",
        "unsure because of",
    ]
    rows = []
    for i in range(shown):
        for t, target in enumerate(document.targets):
            row = [_as_given(asked, i, name, value) for name, value in asked.point(i).items()]
            row += [asked.groups[i]] if document.group_column else []
            row += [target] if several else []
            ends = [f"{number(low)} to {number(high)}" for low, high in answer.ends(i, t).values()] or ["-", "-"]
            law = [number(answer.law(i, t), 5)] if apart else []
            rows.append([*row, number(answer.value(i, t), 5), *law, *ends, _causes(answer, i, t)])
    keys = len(asked.columns) + bool(document.group_column) + several
    shown_table = table(heads, rows, right=range(len(asked.columns)), keys=keys)
    lines: Lines = [f"{', '.join(document.targets)} = {document.formula}", shown_table]
    if shown < len(asked.groups):
        more = len(asked.groups) - shown
        rest = "--out FILE writes all of them" if out is None else f"all of them are in {out}"
        lines.append(f"and {more} more point{'s' if more > 1 else ''}; {rest}")
    if answer.ensemble is not None and len(answer.ensemble.laws) > 1:
        lines.append(
            f"The forecast is the weighted mean of {len(answer.ensemble.laws)} laws that the data cannot tell apart."
        )
        if apart:
            lines.append("law: the value of the formula above, which is one of them")
    print_lines(lines)
    for text in _outside(answer):
        note(f"note: {text}")
    odd = dict.fromkeys(text for i in range(len(asked.groups)) for text in impossible(document, asked.point(i)))
    for text in list(odd)[:MANY]:
        note(f"warning: {text}")
    beyond = [e for i in range(len(asked.groups)) for e in excesses(document, asked.point(i))]
    warned = dict.fromkeys([*(e.text for e in beyond), *(e.course for e in beyond if e.course)])
    for text in list(warned)[:MANY]:
        note(f"warning: {text}")


def _as_given(asked: _Asked, i: int, name: str, value: float) -> str:
    """13B where 13B was asked."""
    from discover.plain_data import number

    text = asked.given[i].get(name, "") if asked.given else ""
    return text if text[-1:].isalpha() and text[:1].isdigit() else number(value, 6)


def _outside(answer: _Answer) -> list[str]:
    """A sentence for every level whose interval was drawn out to hold a forecast."""
    places = [(i, t) for i in range(len(answer.asked.groups)) for t in range(len(answer.document.targets))]
    found: dict[float, int] = {}
    for i, t in places:
        for level in answer.outside(i, t):
            found[level] = found.get(level, 0) + 1
    several = answer.ensemble is not None and len(answer.ensemble.laws) > 1
    why = "the laws that the data cannot tell apart disagree" if several else "it is skewed"
    return [
        f"{'the forecast lies' if len(places) == 1 else f'{n} of {len(places)} forecasts lie'} outside of the middle "
        f"{100 * level:g} % of the distribution, since {why}; the {100 * level:g} % interval is drawn out to hold it"
        for level, n in found.items()
    ]


def _causes(answer: _Answer, i: int, t: int) -> str:
    """The contributions to the variance of a forecast, largest first; those below a twentieth are left out."""
    if not answer.forecasts:
        return "-"
    shares: Mapping[str, Any] = answer.forecasts[t].shares
    found = sorted(((float(values[i]), CAUSES[name]) for name, values in shares.items()), reverse=True)
    return ", ".join(f"{name} {share:.0%}" for share, name in found if share >= 0.05)
