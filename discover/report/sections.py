"""The report's sections, from its content."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from discover.expressions import Constant, Feature, Number, substitute
from discover.plain_data import counted, with_error
from discover.report import plots
from discover.report.blocks import Block, Cell, Fact, Formula, Maths, Plots, Points, Report, Section, TableBlock, Text
from discover.report.checklist import checklist
from discover.report.content import Content, Rival
from discover.report.figures import Figure, gallery
from discover.report.steps import by_proposer
from discover.report.texts import FIXED, NONE, listed, percent, quantity, settings
from discover.runs.verdict import CLOSE_SAID, LUCK_SAID, verdict_of

FEW_SETS = 8
LEVEL = 0.9
LOOSE = 3.0  # an interval whose ends differ by more than this factor leaves a constant undetermined


def report_of(content: Content) -> Report:
    """The report of a run."""
    task = content.session.task
    config = content.session.config
    sections = (
        Section("law", "The law", tuple(_law(content))),
        Section("fit", "Fit and extrapolation", tuple(_fit(content))),
        Section("beyond", "Where the laws part", tuple(_beyond(content))),
        Section("residuals", "Residuals", tuple(_residuals(content))),
        Section("front", "Error against complexity", tuple(_front(content))),
        Section("search", "The search", tuple(_search(content))),
        Section("doubts", "Reasons to doubt", tuple(_doubts(content))),
        Section("checklist", "Reporting checklist", (checklist(content),)),
    )
    begun = config.started.partition("T")[0]
    return Report(
        title=task.title or task.name,
        summary=task.summary,
        verdict=verdict(content.result),
        made=f"discover {content.document.versions.get('discover', '')}, seed {config.seed}, {begun}",
        facts=tuple(_facts(content)),
        sections=sections,
    )


def verdict(result: Mapping[str, Any]) -> str:
    """What came out, in a sentence or two."""
    found = verdict_of(result)
    said = {
        "untried": "No law was tried yet; these are the means of the groups.",
        "no law": "No law was found that forecasts larger scales better than the means of the groups.",
        "imported": "An imported law, fitted to this table.",
        "published": f"No law that was found is better than a published one, {found.law}, by more than chance.",
        "discovered": f"The law that extrapolates best among {counted(result['evaluations'], 'law')} tried.",
    }
    tied = f" The data hardly tell it from {counted(len(found.close), 'other law')}." if found.close else ""
    return said[found.kind] + (tied if found.kind not in ("untried", "no law") else "")


def _facts(content: Content) -> Iterator[Fact]:
    result = content.result
    sealed = result.get("sealed")
    if sealed is not None:
        opened = result.get("opened", 0)
        times = "once" if opened == 1 else f"{opened} times"
        yield Fact(quantity(sealed["r2"]), "R² on sealed rows", f"{counted(sealed['n'], 'row')}, opened {times}")
        known = [item for item in result.get("human", ()) if item["r2"] is not None]
        if known:
            best = max(known, key=lambda item: item["r2"])
            yield Fact(quantity(best["r2"]), "best human law there", f"{best['law']}, {best['variant']}")
    yield Fact(
        quantity(content.document.inner_error, 3), "inner error", "of the target's variance, larger scales held out"
    )
    groups = f" for each of {len(content.document.groups)} groups" if len(content.document.groups) > 1 else ""
    yield Fact(str(content.document.n_constants), "constants", groups.strip())
    yield Fact(f"{len(content.train):,}", "train rows")
    yield Fact(f"{result['evaluations']:,}", "laws scored", f"in {result['seconds']:.0f} s")


# --- the law


def _law(content: Content) -> Iterator[Block]:
    document = content.document
    left = document.targets[0] if len(document.targets) == 1 else f"each of {listed(document.targets)}"
    yield Formula(left, document.expr)
    if len(document.constants) == 1 and document.constant_names:
        numbers = {name: Number(float(f"{v:.4g}")) for name, v in document.constants[0].values.items()}
        yield Formula(left, substitute(document.expr, numbers), 4)
    yield _columns(content)
    yield from _constants(content)


def _columns(content: Content) -> TableBlock:
    task, document = content.session.task, content.document
    rows: list[tuple[Cell, ...]] = []
    for name in document.feature_names:
        column, ends = task.column(name), document.domain.get(name)
        shown = f"{quantity(ends[0])} to {quantity(ends[1])}" if ends else NONE
        unit = "" if column.unit == "1" else column.unit
        rows.append((Maths(Feature(name)), column.meaning or NONE, unit or NONE, shown))
    for name in document.targets:
        column, ends = task.column(name), document.target_range.get(name)
        shown = f"{quantity(ends[0])} to {quantity(ends[1])}" if ends else NONE
        unit = "" if column.unit == "1" else column.unit
        rows.append((name, column.meaning or "the target", unit or NONE, shown))
    return TableBlock(("column", "meaning", "unit", "train rows"), tuple(rows))


def _constants(content: Content) -> Iterator[Block]:
    document = content.document
    if not document.constant_names:
        yield Text("The law has no constants.")
        return
    if len(document.constants) == 1:
        yield TableBlock(("constant", "value", "90 % interval", ""), tuple(_single(content)), frozenset((1, 2)))
        yield Text("Values ± standard errors. " + _interval_note(content), remark=True)
        return
    many = len(document.constants) > FEW_SETS
    if many:
        yield _over_groups(content)
    heads = ["group"] * (len(document.groups) > 1) + ["target"] * (len(document.targets) > 1)
    rows = []
    for unit in plots.units(content):
        entry = document.constant_set(document.groups[unit.group], document.targets[unit.target])
        labels = [entry.group] * (len(document.groups) > 1) + [entry.target] * (len(document.targets) > 1)
        cells = [_in_brackets(content, unit, name) for name in document.constant_names]
        rows.append((*labels, *cells))
    numeric = frozenset(range(len(heads), len(heads) + len(document.constant_names)))
    folded = f"Constants of all {len(rows)} groups and targets" if many else ""
    if many and len(document.targets) == 1:
        folded = f"Constants of all {len(rows)} groups"
    yield TableBlock((*heads, *document.constant_names), tuple(rows), numeric, folded)
    yield Text(_interval_note(content), remark=True)


def _interval_note(content: Content) -> str:
    exports = "All digits are in law.json."
    if content.ensemble is None:
        return f"Intervals are of the linearised law. {exports}"
    return f"90 % intervals are of refits to resampled rows. {exports}"


def _single(content: Content) -> Iterator[tuple[Cell, ...]]:
    entry = content.document.constants[0]
    unit = plots.units(content)[0]
    for name in content.document.constant_names:
        error = entry.errors.get(name)
        value = with_error(entry.values[name], error, quantity, FIXED)
        low, high = interval(content, unit, name)
        shown = NONE if math.isnan(low) else f"{quantity(low, 3)} to {quantity(high, 3)}"
        yield (Maths(Constant(name)), value, shown, "not determined alone" if loose(low, high) else "")


def interval(content: Content, unit: plots.Unit, name: str) -> tuple[float, float]:
    """The 90 % interval of a constant: of its draws, or of the linearised law; NaN where unknown."""
    if content.ensemble is not None:
        draws = content.ensemble.laws[0].values[name][:, unit.group, unit.target]
        low, high = np.quantile(draws, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
        return float(low), float(high)
    entry = content.document.constants[unit.group * len(content.document.targets) + unit.target]
    error = entry.errors.get(name)
    if error is None or not math.isfinite(error):
        return math.nan, math.nan
    return entry.values[name] - 1.645 * error, entry.values[name] + 1.645 * error


def loose(low: float, high: float) -> bool:
    """Whether an interval leaves open what a constant is: its ends differ in sign, or far in size."""
    if math.isnan(low) or low == high:
        return False
    return low * high <= 0 or max(abs(low), abs(high)) > LOOSE * min(abs(low), abs(high))


def _in_brackets(content: Content, unit: plots.Unit, name: str) -> str:
    value = content.fit.constants[unit.group, unit.target, content.document.constant_names.index(name)]
    low, high = interval(content, unit, name)
    shown = "" if math.isnan(low) else f" [{quantity(low, 3)}, {quantity(high, 3)}]"
    return f"{quantity(float(value))}{shown}"


def _over_groups(content: Content) -> TableBlock:
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(content.document.constant_names):
        values = content.fit.constants[:, :, i].ravel()
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        shared = "shared by all groups" if name in content.document.shared else ""
        rows.append((Maths(Constant(name)), quantity(middle), f"{quantity(low, 3)} to {quantity(high, 3)}", shared))
    return TableBlock(("constant", "median of groups", "middle 80 % of groups", ""), tuple(rows), frozenset((1, 2)))


# --- plots


def _fit(content: Content) -> Iterator[Block]:
    if content.sealed is not None:
        yield Text("Red diamonds are sealed rows: neither the search nor the fit has seen them.", remark=True)
    elif content.session.task.facts().n_test:
        yield Text("The sealed rows are still closed and are not shown.", remark=True)
    if content.ensemble is None:
        yield Text("This law was saved without draws of its constants, so curves have no intervals.", remark=True)
    for made in (plots.fit_gallery(content), plots.parity_gallery(content)):
        if made is not None:
            yield Plots(made)


def _beyond(content: Content) -> Iterator[Block]:
    if not content.rivals:
        yield Text("There is no other law to compare with.")
        return
    found = plots.beyond(content)
    if found is None:
        yield Text("The task names no axis of scale, so the laws are compared by their errors only.")
        yield _error_table(content.rivals)
        yield _formulas(content.rivals)
        return
    yield Text(_forecast(content, found))
    yield Plots(found.plots)
    yield _parting_table(found)
    yield _formulas(content.rivals)


def _forecast(content: Content, found: plots.Beyond) -> str:
    far = f"{quantity(found.multiple, 3)} times the largest train run"
    if found.value is None:
        return f"Every law goes on from each group's largest train run to {far}."
    start = f"At {far} ({settings(found.at, 3)}) this law says {quantity(found.value)}"
    if found.lower is None or found.upper is None:
        return start + "."
    return f"{start}, with a 90 % interval of {quantity(found.lower)} to {quantity(found.upper)}."


def _error_table(rivals: Sequence[Rival]) -> TableBlock:
    rows = [
        (
            rival.name,
            str(len(rival.fit.structure.constants)),
            quantity(rival.inner_error, 3),
            quantity(rival.sealed_r2),
        )
        for rival in rivals
    ]
    return TableBlock(("law", "constants", "inner error", "sealed R²"), tuple(rows), frozenset((1, 2, 3)))


def _formulas(rivals: Sequence[Rival]) -> TableBlock:
    rows = tuple((rival.name, rival.published or NONE, Maths(rival.fit.structure.expr)) for rival in rivals)
    return TableBlock(("law", "published as", "formula"), rows)


def _parting_table(found: plots.Beyond) -> TableBlock:
    far = f"{'at' if found.value is not None else 'largest change at'} {quantity(found.multiple, 3)}×"
    rows: list[tuple[Cell, ...]] = []
    for parting in found.partings:
        rival = parting.rival
        change = percent(parting.change)
        told = change if parting.forecast is None else f"{quantity(parting.forecast)} ({change})"
        rows.append(
            (
                rival.name,
                str(len(rival.fit.structure.constants)),
                quantity(rival.inner_error, 3),
                quantity(rival.sealed_r2),
                told,
                _leaving(parting.leaves),
            )
        )
    head = ("law", "constants", "inner error", "sealed R²", far, "leaves the interval")
    return TableBlock(head, tuple(rows), frozenset((1, 2, 3, 4)))


def _leaving(leaves: Sequence[float]) -> str:
    if any(math.isnan(at) for at in leaves):
        return NONE
    gone = [at for at in leaves if math.isfinite(at)]
    if len(leaves) > 1:
        return f"in {len(gone)} of {len(leaves)}" if gone else "in none"
    if not gone:
        return "never"
    return "at once" if gone[0] <= 1.0 else f"at {quantity(gone[0], 2)}×"


def _residuals(content: Content) -> Iterator[Block]:
    yield Text("A good law leaves nothing over that still depends on a column.", remark=True)
    made = plots.residual_gallery(content)
    if made is not None:
        yield Plots(made)


def _one(figure: Figure | None) -> Iterator[Block]:
    made = gallery(figure.key, [figure]) if figure is not None else None
    if made is not None:
        yield Plots(made)


def _front(content: Content) -> Iterator[Block]:
    yield from _one(plots.front_figure(content))
    rows = []
    for item in content.result.get("human", ()):
        cells = (item["r2"], item["rmse"], item["mare"], item["inner_error"])
        rows.append((f"{item['law']}, {item['variant']}", *(quantity(value) for value in cells)))
    sealed = content.result.get("sealed") or {}
    own = tuple(quantity(sealed.get(key)) for key in ("r2", "rmse", "mare"))
    head = ("law", "sealed R²", "RMSE", "relative error", "inner error")
    everything = (("this law", *own, quantity(content.document.inner_error)), *rows)
    yield TableBlock(head, everything, frozenset((1, 2, 3, 4)))


def _search(content: Content) -> Iterator[Block]:
    yield from _one(plots.search_figure(content))
    rows = tuple(
        (f.name, f"{f.scored:,}", f"{f.usable:,}", f"{f.entered:,}", f"{f.leads:,}") for f in by_proposer(content.steps)
    )
    head = ("proposer", "laws scored", "not refused", "entered the archive", "best so far")
    yield TableBlock(head, rows, frozenset((1, 2, 3, 4)))
    brought = content.result.get("proposers")
    if brought:
        head = ("proposer", "asked", "answered", "in the finalists", "best penalty")
        keys = ("asked", "answered", "finalists")
        rows = tuple(
            (item["name"], *(f"{item[key]:,}" for key in keys), quantity(item["best_penalty"])) for item in brought
        )
        yield TableBlock(head, rows, frozenset((1, 2, 3, 4)))


# --- doubts


def _doubts(content: Content) -> Iterator[Block]:
    found = tuple(_reasons(content))
    if found:
        yield Points(found, warning=True)
    else:
        yield Text("Nothing speaks against the constants: the search converged, and the rows determine each of them.")
    notes = [str(item["text"]) for item in content.result.get("problems", ())]
    notes += [str(text) for text in content.result.get("notes", ())]
    if notes:
        yield Text("Notes on the table:")
        yield Points(tuple(notes))


def _reasons(content: Content) -> Iterator[str]:
    for text in content.result.get("warnings", ()):
        yield _sentence(str(text))
    if content.result.get("sealed_error"):
        yield _sentence(f"the sealed rows could not be read: {content.result['sealed_error']}")
    names = _undetermined(content)
    if names:
        yield names
    close = [rival for rival in content.runners_up if rival.close]
    if close:
        named = listed([rival.name for rival in close])
        yield f"The data hardly tell the law from {named} ({CLOSE_SAID})."
    if verdict_of(content.result).lucky:
        yield LUCK_SAID


def _undetermined(content: Content) -> str:
    everything = plots.units(content)
    counts = {
        name: sum(loose(*interval(content, unit, name)) for unit in everything)
        for name in content.document.constant_names
    }
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


def _sentence(text: str) -> str:
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith(".") else whole + "."
