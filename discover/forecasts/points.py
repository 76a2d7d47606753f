"""Points to forecast, and by how many times they exceed the data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from discover.data.aliases import counts_steps, multiple_of, squash
from discover.data.exports import ending_in
from discover.data.formula_names import by_meaning
from discover.expressions import feature_names
from discover.law.document import LawDocument
from discover.plain_data import lettered, number_or_nan

ROUNDING = 1e-9
LARGE = 1e6


@dataclass(frozen=True)
class Excess:
    """A column by which a point lies outside of the data.

    Attributes:
        column: name.
        value: of the point.
        end: the nearest value of the data.
        times: factor between the two, above 1, for columns of positive sizes; None for others.
        steps: whether the column says how far a run has come.
    """

    column: str
    value: float
    end: float
    times: float | None
    steps: bool = False

    @property
    def text(self) -> str:
        """One phrase, such as "params = 70B is 17.9 times the largest in the data (3.9B)"."""
        above = self.value > self.end
        place, end = f"{self.column} = {shown(self.value)}", f"in the data ({shown(self.end)})"
        if self.times is None:
            return f"{place} is {'above' if above else 'below'} what is {end}"
        return f"{place} is {self.times:.3g} times {'the largest' if above else 'below the smallest'} {end}"

    @property
    def course(self) -> str:
        """What a column that counts steps cannot tell; "" for other columns."""
        if self.value <= self.end or not self.steps:
            return ""
        return (
            f"{self.column} counts the steps of a run: what its schedule does beyond {shown(self.end)}, such as a "
            "decay of the learning rate, is in no row, and no interval covers it"
        )


def positive_columns(document: LawDocument) -> frozenset[str]:
    """Columns all of whose train values are above zero."""
    return frozenset(name for name, (low, _) in document.domain.items() if low > 0)


def headings(document: LawDocument, columns: Collection[str]) -> dict[str, str]:
    """Feature of the law -> heading under which a table has it: its name, or its heading in the law's own table."""
    found = {}
    for feature in document.features:
        heading = feature.name if feature.name in columns else feature.source
        if heading and heading in columns:
            found[feature.name] = heading
    return found


def group_heading(document: LawDocument, columns: Collection[str]) -> str | None:
    """The heading of a table's groups: the law's own, or the only one that differs in signs and capitals alone."""
    own = document.group_column
    if own is None or own in columns:
        return own
    features = headings(document, columns).values()
    alike = [name for name in columns if squash(str(name)) == squash(own) and name not in features]
    return alike[0] if len(alike) == 1 else None


def meant(document: LawDocument, name: str) -> tuple[str, float]:
    """The feature that a name means, and what divides a value that is given under that name: a million for `N` and
    for `params` where the column is `params (M)`. A name that means none stays.
    """
    if name in document.feature_names:
        return name, 1.0
    if group_heading(document, [name]) is not None:
        return str(document.group_column), 1.0
    sources = {feature.source or feature.name: feature.name for feature in document.features}
    alike = [heading for heading in (*sources, *sources.values()) if squash(heading) == squash(name)]
    found = {sources.get(heading, heading) for heading in alike or ending_in(name, sources)}
    if name in sources:
        return sources[name], 1.0
    if len(found) == 1:
        return found.pop(), _times(alike[0], name) if alike else 1.0
    known = by_meaning([name], sources).get(name)
    if known is None:
        return name, 1.0
    return sources[known], document.multiple(sources[known]) / 10.0 ** multiple_of(name)


def _times(heading: str, name: str) -> float:
    """How many of what a name counts make one of what a heading counts, by what the two say."""
    return 10.0 ** (multiple_of(heading) - multiple_of(name))


def reader(document: LawDocument, name: str) -> tuple[str, Callable[[str], float]]:
    """The feature that a name means, and what reads a value that is given under it, in the unit of its column.

    13B is 13000 under `params (M)`, and under `N`, which counts each, 13e9 is; NaN for a text that says no number.
    """
    column, factor = meant(document, name)
    multiple = document.multiple(column) if factor == 1 else 1.0
    return column, lambda text: number_or_nan(text, multiple) / factor


def original(document: LawDocument, name: str) -> str:
    """What to add to the name of a feature that a table lacks: its heading in the law's own table."""
    source = next((feature.source for feature in document.features if feature.name == name), "")
    return f", nor {source!r} as in the law's own table" if source else ""


def why_needed(document: LawDocument, name: str) -> str:
    """What to add where a point lacks a column that the law itself does not read."""
    if name in used_columns(document):
        return ""
    return "; the law itself does not use it, laws near-tied with it do, and the interval is that of all of them"


def shown(value: float) -> str:
    """A value of a column as people write it: 13B, 1.4T, 13000."""
    return (lettered(value, 4) if abs(value) >= LARGE else "") or f"{value:g}"


def excesses(document: LawDocument, point: Mapping[str, float]) -> list[Excess]:
    """The columns by which a point lies outside of the rows that the law was fitted to."""
    found = []
    positive = positive_columns(document)
    sources = {feature.name: feature.source or feature.name for feature in document.features}
    for name, value in point.items():
        if name not in document.domain:
            continue
        low, high = document.domain[name]
        end = min(max(value, low), high)
        if abs(value - end) <= ROUNDING * max(abs(low), abs(high)):
            continue
        times = max(value / end, end / value) if name in positive and value > 0 else None
        steps = counts_steps(sources[name], sources.values())
        found.append(Excess(name, float(value), end, times, steps))
    return found


def impossible(document: LawDocument, point: Mapping[str, float]) -> list[str]:
    """Sentences on columns that exceed others in a point although they are parts of them."""
    return [
        f"{part} = {shown(point[part])} exceeds {whole} = {shown(point[whole])}, which it does in no row of the law's "
        "table; there can hardly be such a run"
        for part, whole in document.parts
        if part in point and whole in point and point[part] > point[whole] * (1 + ROUNDING)
    ]


def used_columns(*documents: LawDocument) -> tuple[str, ...]:
    """Columns that at least one of these laws reads, in the order of the first's features; all if none does."""
    used = {name for document in documents for name in feature_names(document.expr)}
    return tuple(name for name in documents[0].feature_names if name in used) or documents[0].feature_names
