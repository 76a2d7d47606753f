"""The report's sections, from its content."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from discover.export.layout import meaning_of
from discover.expressions import Constant, Feature, Number, substitute
from discover.plain_data import counted, with_error
from discover.report import outlook, plots
from discover.report.blocks import Block, Cell, Fact, Formula, Maths, Plots, Points, Report, Section, TableBlock, Text
from discover.report.calculator import calculator
from discover.report.checklist import checklist
from discover.report.content import Content, Rival
from discover.report.figures import Figure, gallery
from discover.report.reading import reading
from discover.report.steps import by_proposer
from discover.report.texts import FIXED, NONE, listed, percent, quantity, settings, size
from discover.runs.result import Judged, Result
from discover.runs.verdict import CLOSE_SAID, verdict_of

BARE_NAMES = frozenset(("train", "test", "data", "table", "runs", "results", "result", "all", "main", "export"))
FEW_SETS = 8
LEVEL = 0.9
FEW_SEALED = 5  # rows below which nothing is said of their side
BY_CHANCE = 0.01  # what happens more rarely is told as a doubt
MOST_CORRELATED = 10  # constants in a table of correlations
LOOSE = 3.0  # an interval whose ends differ by more than this factor leaves a constant undetermined


def report_of(content: Content) -> Report:
    """The report of a run."""
    task = content.session.task
    config = content.session.config
    spending, next_runs = tuple(_spending(content)), tuple(_next_runs(content))
    sections = (
        Section("forecast", "Forecast", tuple(_forecasts(content))),
        Section("law", "The law", tuple(_law(content))),
        *((Section("budget", "Spending a budget", spending),) if spending else ()),
        *((Section("next", "Runs to do next", next_runs),) if next_runs else ()),
        Section("beyond", "Where the laws part", tuple(_beyond(content))),
        Section("fit", "Fit", tuple(_fit(content))),
        Section("residuals", "Residuals", tuple(_residuals(content))),
        Section("front", "Error against complexity", tuple(_front(content))),
        Section("search", "The search", tuple(_search(content))),
        Section("doubts", "Reasons to doubt", tuple(_doubts(content))),
        Section("checklist", "Reporting checklist", (checklist(content),)),
    )
    begun = config.started.partition("T")[0]
    return Report(
        title=task.title or _table_name(content),
        summary=task.summary,
        verdict=verdict(content.result),
        made=f"discover {content.document.versions.get('discover', '')}, seed {config.seed}, {begun}",
        facts=tuple(_facts(content)),
        sections=sections,
        headline=outlook.headline(content),
        calculator=calculator(content, plots.run_at(content, 0, plots.farthest(content, 0))),
    )


def _table_name(content: Content) -> str:
    """The task's name; where that is as bare as `train`, with the folder of the table before it."""
    task = content.session.task
    folder = task.table.resolve().parent.name
    return f"{folder} {task.name}" if task.name.lower() in BARE_NAMES and folder else task.name


def verdict(result: Result) -> str:
    """What came out, in a sentence or two."""
    found = verdict_of(result)
    said = {
        "untried": "No law was tried yet; these are the means of the groups.",
        "no law": "No law was found that forecasts larger scales better than the means of the groups.",
        "imported": "An imported law, fitted to this table.",
        "published": f"No law that was found is better than a published one, {found.law}, by more than chance.",
        "discovered": f"The law that extrapolates best among {counted(result.evaluations, 'law')} tried.",
    }
    tied = f" The data hardly tell it from {counted(len(found.close), 'other law')}." if found.close else ""
    return said[found.kind] + (tied if found.kind not in ("untried", "no law") else "")


def _facts(content: Content) -> Iterator[Fact]:
    result = content.result
    sealed = result.sealed
    if sealed is not None:
        times = "once" if result.opened == 1 else f"{result.opened} times"
        yield Fact(quantity(sealed.r2), "R² on sealed rows", f"{counted(sealed.n or 0, 'row')}, opened {times}")
        known = [(one.r2, one) for one in result.human if one.r2 is not None]
        if known:
            r2, best = max(known, key=lambda pair: pair[0])
            yield Fact(quantity(r2), "best human law there", f"{best.law}, {best.variant}")
    yield Fact(
        quantity(content.document.inner_error, 3), "inner error", "of the target's variance, larger scales held out"
    )
    groups = f" for each of {len(content.document.groups)} groups" if len(content.document.groups) > 1 else ""
    yield Fact(str(content.document.n_constants), "constants", groups.strip())
    yield Fact(f"{len(content.train):,}", "train rows")
    yield Fact(f"{result.evaluations:,}", "laws scored", f"in {result.seconds:.0f} s")


# --- the law


def _law(content: Content) -> Iterator[Block]:
    document = content.document
    left = document.targets[0] if len(document.targets) == 1 else f"each of {listed(document.targets)}"
    yield Formula(left, document.expr)
    if len(document.constants) == 1 and document.constant_names:
        numbers = {name: Number(float(f"{v:.4g}")) for name, v in document.constants[0].values.items()}
        yield Formula(left, substitute(document.expr, numbers), 4)
    said = reading(content)
    if said:
        many = len(document.constants) > 1
        of = f" ({plots.units(content)[0].label})" if many else ""
        yield Text(f"In words{of}, by values of the law itself:")
        yield Points(tuple(said))
    yield _columns(content)
    yield from _constants(content)
    yield from _precision(content)


def _precision(content: Content) -> Iterator[Block]:
    """How far the rows scatter, and which constants move together: what a paper states."""
    deviation = listed([f"{_scatter(content, t)}" for t in range(len(content.document.targets))])
    yield Text(f"Standard deviation of the residuals on the train rows: {deviation}.")
    names = content.document.constant_names
    if content.ensemble is None or len(content.document.constants) > 1 or not 1 < len(names) <= MOST_CORRELATED:
        return
    draws = np.array([content.ensemble.laws[0].values[name][:, 0, 0] for name in names])
    if draws.shape[1] < 3 or (draws.std(axis=1) == 0).any():
        return
    related = np.corrcoef(draws)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (Maths(Constant(name)), *(quantity(float(related[i, j]), 2) if j <= i else "" for j in range(len(names))))
        for i, name in enumerate(names)
    )
    head = ("correlation", *names)
    yield TableBlock(head, rows, frozenset(range(1, len(head))))
    yield Text(
        "Correlations of the constants over refits to resampled rows. Constants that move together are known better "
        "together than alone: quote them with all the digits that the table has.",
        remark=True,
    )


def _scatter(content: Content, target: int) -> str:
    """Standard deviation of a target's residuals, relative where all its values are positive."""
    law = content.fit.predict(content.train.features, content.train.group)[:, target]
    measured = content.train.targets[:, target]
    freedom = max(len(law) - content.document.n_constants // len(content.document.targets), 1)
    name = f" of {content.document.targets[target]}" if len(content.document.targets) > 1 else ""
    absolute = math.sqrt(float(np.sum((measured - law) ** 2)) / freedom)
    if (measured > 0).all() and (law > 0).all():
        share = math.sqrt(float(np.sum(np.log(measured / law) ** 2)) / freedom)
        return f"{quantity(absolute, 2)}{name} ({percent(share).lstrip('+')})"
    return f"{quantity(absolute, 2)}{name}"


def _columns(content: Content) -> TableBlock:
    task, document = content.session.task, content.document
    rows: list[tuple[Cell, ...]] = []
    for name in document.feature_names:
        column, ends = task.column(name), document.domain.get(name)
        shown = f"{size(ends[0])} to {size(ends[1])}" if ends else NONE
        unit = "" if column.unit == "1" else column.unit
        rows.append((Maths(Feature(name)), meaning_of(column) or NONE, unit or NONE, shown))
    for name in document.targets:
        column, ends = task.column(name), document.target_range.get(name)
        shown = f"{quantity(ends[0])} to {quantity(ends[1])}" if ends else NONE
        unit = "" if column.unit == "1" else column.unit
        rows.append((name, meaning_of(column) or "the target", unit or NONE, shown))
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


def _forecasts(content: Content) -> Iterator[Block]:
    if content.sealed is not None:
        yield Text("Open diamonds are sealed rows: neither the search nor the fit has seen them.", remark=True)
    elif content.session.task.facts().n_test:
        yield Text("The sealed rows are still closed and are not shown.", remark=True)
    if content.ensemble is None:
        reason = content.document.no_intervals or "this law was saved without draws of its constants"
        yield Text(f"Curves have no intervals: {reason}.", remark=True)
    made = plots.fit_gallery(content)
    if made is not None:
        yield Plots(made)
    table = outlook.forecast_rows(content)
    if table is not None:
        head, rows, labels = table
        yield TableBlock(head, tuple(rows), frozenset(range(labels, len(head) - 1)))
        if len(content.document.constants) > len(rows) > 1:
            yield Text(f"{len(rows)} of {len(content.document.constants)} groups and targets are shown.", remark=True)


def _spending(content: Content) -> Iterator[Block]:
    found = outlook.spending(content)
    if found is not None:
        yield from _best_sizes(content, found)


def _next_runs(content: Content) -> Iterator[Block]:
    runs = outlook.next_runs(content)
    if runs is not None:
        head, rows, text = runs
        yield Text(text)
        yield TableBlock(head, tuple(rows), frozenset(range(len(head) - len(rows[0]) + 1, len(head))))


def _best_sizes(content: Content, found: outlook.Spending) -> Iterator[Block]:
    group = f" for {found.group}" if found.group else ""
    yield Text(
        f"The best sizes{group} if a run costs {found.cost}, at 1, 10 and 100 times the largest train run's cost:"
    )
    rows = [
        (quantity(budget, 3), *(size(best.at[name]) for name in found.names), best.number(best.value), best.most)
        for budget, best in zip(found.budgets, found.best, strict=True)
    ]
    head = ("budget", *found.names, content.document.targets[0], "90 % interval")
    yield TableBlock(head, tuple(rows), frozenset(range(len(head))))
    powers = listed([f"{name} ∝ budget^{power}" for name, power in found.exponents.items()])
    over = f"Over the budgets of the curves the best sizes go as {powers}. " if powers else ""
    several = content.ensemble is not None and len(content.ensemble.laws) > 1
    of = "Sizes are averages over the laws that the data cannot tell apart; " if several else ""
    yield Text(f"{over}{of}discover allocate tells how sure they are, and takes other costs and limits.", remark=True)
    yield from _one(found.figure)


def _fit(content: Content) -> Iterator[Block]:
    made = plots.parity_gallery(content)
    if made is not None:
        yield Plots(made)


def _beyond(content: Content) -> Iterator[Block]:
    if not content.rivals:
        yield Text("There is no other law to compare with.")
        return
    found = plots.beyond(content)
    if found is None:
        yield Text("The task names no axis of scale, so the laws are compared by their errors only.")
        yield from _formulas(content)
        yield _error_table(content.rivals)
        return
    yield Text(_forecast(content, found))
    yield Plots(found.plots)
    yield from _formulas(content)
    yield _parting_table(found)


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


def _formulas(content: Content) -> Iterator[Formula]:
    left = content.document.targets[0] if len(content.document.targets) == 1 else "target"
    for rival in content.rivals:
        published = f", published as {rival.published}" if rival.published not in ("", rival.name) else ""
        yield Formula(left, rival.fit.structure.expr, name=f"{rival.name}{published}")


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
    for one in content.result.human:
        cells = (one.r2, one.rmse, one.mare, one.inner_error)
        rows.append((f"{one.law}, {one.variant}", *(quantity(value) for value in cells)))
    sealed = content.result.sealed or Judged()
    own = tuple(quantity(value) for value in (sealed.r2, sealed.rmse, sealed.mare))
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
    brought = content.result.proposers
    if brought:
        head = ("proposer", "asked", "answered", "in the finalists", "best penalty")
        rows = tuple(
            (one.name, f"{one.asked:,}", f"{one.answered:,}", f"{one.finalists:,}", quantity(one.best_penalty))
            for one in brought
        )
        yield TableBlock(head, rows, frozenset((1, 2, 3, 4)))


# --- doubts


def _doubts(content: Content) -> Iterator[Block]:
    found = tuple(_reasons(content))
    if found:
        yield Points(found, warning=True)
    else:
        yield Text(
            "Nothing was found that speaks against this law: the search converged, the rows determine each of "
            "its constants, and no other law fits them as well."
        )
    notes = [one.text for one in content.result.problems]
    notes += content.result.notes
    if notes:
        yield Text("Notes on the table:")
        yield Points(tuple(notes))


def _reasons(content: Content) -> Iterator[str]:
    for text in content.result.warnings:
        yield _sentence(text)
    if content.result.sealed_error:
        yield _sentence(f"the sealed rows could not be read: {content.result.sealed_error}")
    names = _undetermined(content)
    if names:
        yield names
    close = [rival for rival in content.runners_up if rival.close]
    if close:
        named = listed([rival.name for rival in close])
        yield f"The data hardly tell the law from {named} ({CLOSE_SAID})."
    tied = 0 if content.ensemble is None else len(content.ensemble.laws) - 1
    if tied > len(close):
        yield (
            f"{counted(tied, 'other law')} {'fits' if tied == 1 else 'fit'} the rows about as well: intervals are "
            "those of all of them, and the constants are those of one."
        )
    lower = verdict_of(content.result).lower
    if lower:
        yield lower
    yield from _on_sealed_rows(content)


def _on_sealed_rows(content: Content) -> Iterator[str]:
    """Whether the sealed rows lie to one side of the law, or out of its intervals."""
    if content.sealed is None:
        return
    law = content.fit.predict(content.sealed.features, content.sealed.group)
    for t, target in enumerate(content.document.targets):
        above = int(np.sum(content.sealed.targets[:, t] > law[:, t]))
        n = len(content.sealed)
        most = max(above, n - above)
        if n >= FEW_SEALED and 2.0 * _at_least(most, n, 0.5) < BY_CHANCE:
            side = "above" if above > n - above else "below"
            yield f"{most} of {n} sealed rows lie {side} the law in {target}: beyond the data it is off to one side."
        if content.ensemble is None:
            continue
        names = [content.sealed.group_names[code] for code in content.sealed.group]
        found = content.ensemble.intervals(content.sealed.features, names, levels=(LEVEL,), target=target)
        measured = content.sealed.targets[:, t]
        out = int(np.sum((measured < found.lower[LEVEL]) | (measured > found.upper[LEVEL])))
        if _at_least(out, n, 1.0 - LEVEL) < BY_CHANCE:
            yield f"{out} of {n} sealed rows lie outside of the 90 % interval in {target}: it is too narrow there."


def _at_least(hits: int, n: int, chance: float) -> float:
    """Probability of so many hits or more among n."""
    from scipy.special import bdtrc

    return float(bdtrc(hits - 1, n, chance)) if hits > 0 else 1.0


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
