"""The report's sections, from its content."""

from __future__ import annotations

from collections.abc import Iterator

from discover.plain_data import counted
from discover.report import outlook
from discover.report.axes import MOST_POINTS, drawn_groups, farthest, run_at
from discover.report.beyond_section import beyond_blocks
from discover.report.blocks import Block, Fact, Plots, Report, Section, TableBlock, Text
from discover.report.calculator import calculator
from discover.report.checklist import checklist
from discover.report.content import Content
from discover.report.doubts_section import alike, doubt_blocks, on_sealed_rows, reasons, sealed_r2
from discover.report.figures import Figure, gallery
from discover.report.fit_plots import fit_gallery
from discover.report.law_section import law_blocks
from discover.report.residual_plots import parity_gallery, residual_gallery
from discover.report.search_plots import front_figure, search_figure
from discover.report.steps import by_proposer
from discover.report.texts import NONE, listed, quantity, significant
from discover.report.texts import r_squared as _r2
from discover.runs.result import Judged, Result
from discover.runs.verdict import short_names, verdict_of

BARE_NAMES = frozenset(("train", "test", "data", "table", "runs", "results", "result", "all", "main", "export"))


def report_of(content: Content) -> Report:
    """The report of a run."""
    task = content.session.task
    config = content.session.config
    sealed = tuple(on_sealed_rows(content))
    doubts = tuple(reasons(content, sealed))
    spending, next_runs = tuple(_spending(content)), tuple(_next_runs(content))
    sections = (
        Section("forecast", "Forecast", tuple(_forecasts(content))),
        Section("law", "The law", tuple(law_blocks(content))),
        *((Section("budget", "Spending a budget", spending),) if spending else ()),
        *((Section("next", "Runs to do next", next_runs),) if next_runs else ()),
        Section("beyond", "Where the laws part", tuple(beyond_blocks(content))),
        Section("fit", "Fit", tuple(_fit(content))),
        Section("residuals", "Residuals", tuple(_residuals(content))),
        Section("front", "Error against complexity", tuple(_front(content))),
        Section("search", "The search", tuple(_search(content))),
        Section(
            "doubts", f"Reasons to doubt{f' ({len(doubts)})' if doubts else ''}", tuple(doubt_blocks(content, doubts))
        ),
        Section("checklist", "Reporting checklist", (checklist(content),)),
    )
    first = drawn_groups(content)[0]
    begun = config.started.partition("T")[0]
    return Report(
        title=task.title or _table_name(content),
        summary=task.summary,
        verdict=" ".join((verdict(content.result, alike(content)), *sealed)),
        made=f"discover {content.document.versions.get('discover', '')}, seed {config.seed}, {begun}",
        facts=tuple(_facts(content)),
        sections=sections,
        headline=outlook.headline(content),
        calculator=calculator(content, run_at(content, first, farthest(content, first))),
    )


def _table_name(content: Content) -> str:
    """The task's name; where that is as bare as `train`, with the folder of the table before it."""
    task = content.session.task
    folder = task.table.resolve().parent.name
    return f"{folder} {task.name}" if task.name.lower() in BARE_NAMES and folder else task.name


def verdict(result: Result, others: int) -> str:
    """What came out, in a sentence or two.

    Args:
        others: so many laws the data hardly tell from the chosen one.
    """
    found = verdict_of(result)
    said = {
        "untried": "No law was tried yet; these are the means of the groups.",
        "no law": "No law was found that forecasts larger scales better than the means of the groups.",
        "imported": "An imported law, fitted to this table.",
        "published": f"No law that was found is better than a published one, {found.law}, by more than chance.",
        "discovered": f"The law that extrapolates best among {counted(result.evaluations, 'law')} tried.",
    }
    tied = f" The data hardly tell it from {counted(others, 'other law')}." if others else ""
    return said[found.kind] + (tied if found.kind not in ("untried", "no law") else "")


def _facts(content: Content) -> Iterator[Fact]:
    result = content.result
    sealed = result.sealed
    if sealed is not None:
        times = "once" if result.opened == 1 else f"{result.opened} times"
        seen = f"{counted(sealed.n or 0, 'row')}, opened {times}"
        if result.forecast is not None:
            yield Fact(_r2(result.forecast.r2), "R² of the forecast on sealed rows", f"{_by_target(content)}{seen}")
        else:
            yield Fact(_r2(sealed.r2), "R² of the law on sealed rows", f"{_by_target(content)}{seen}")
        known = [(one.r2, one) for one in result.human if one.r2 is not None]
        if known:
            r2, best = max(known, key=lambda pair: pair[0])
            named = short_names(result)[best.law]
            yield Fact(_r2(r2), "R² of the best human law there", f"{named}, {best.variant}")
    yield Fact(
        quantity(content.document.inner_error, 3), "inner error", "of the target's variance, larger scales held out"
    )
    groups = f" for each of {len(content.document.groups)} groups" if len(content.document.groups) > 1 else ""
    yield Fact(str(content.document.n_constants), "constants", groups.strip())
    yield Fact(f"{len(content.train):,}", "train rows")
    yield Fact(f"{result.evaluations:,}", "laws scored", f"in {result.seconds:.0f} s")


def _by_target(content: Content) -> str:
    """R2 of each target, where there are several."""
    found = sealed_r2(content)
    return f"{listed([f'{target} {quantity(r2, 3)}' for target, r2 in found.items()])}; " if len(found) > 1 else ""


def _forecasts(content: Content) -> Iterator[Block]:
    if content.sealed is not None:
        yield Text("Open diamonds are sealed rows: neither the search nor the fit has seen them.", remark=True)
    elif content.session.task.facts().n_test:
        yield Text("The sealed rows are still closed and are not shown.", remark=True)
    if content.ensemble is None:
        reason = content.document.no_intervals or "this law was saved without draws of its constants"
        yield Text(f"Curves have no intervals: {reason}.", remark=True)
    yield from _left_out(content)
    made = fit_gallery(content)
    if made is not None:
        yield Plots(made)
    table = outlook.forecast_rows(content)
    if table is not None:
        head, rows, labels = table
        yield TableBlock(head, tuple(rows), frozenset(range(labels, len(head) - 1)))
        if len(content.document.constants) > len(rows) > 1:
            yield Text(f"{len(rows)} of {len(content.document.constants)} groups and targets are shown.", remark=True)


def _left_out(content: Content) -> Iterator[Block]:
    """What a table of many groups or rows leaves out of the page, and where the rest is."""
    shown, every = len(drawn_groups(content)), len(content.document.groups)
    why = "" if shown == len(content.asked) else ", half with the largest runs, half those that the law fits worst"
    if shown < every:
        yield Text(
            f"Plots and the calculator are of {shown} of the {every:,} groups{why}. `discover report --groups` draws "
            "others, `discover predict` forecasts each, and `discover export --to xlsx` writes the constants of all.",
            remark=True,
        )
    if len(content.train) > MOST_POINTS:
        rows = f"{MOST_POINTS:,} of the {len(content.train):,} rows"
        yield Text(f"A plot has at most {rows}, evenly over the table.", remark=True)


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
        (
            quantity(budget, 3),
            *(content.size(name, best.at[name]) for name in found.names),
            best.number(best.value),
            best.most,
        )
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
    made = parity_gallery(content)
    if made is not None:
        yield Plots(made)


def _residuals(content: Content) -> Iterator[Block]:
    yield Text("A good law leaves nothing over that still depends on a column.", remark=True)
    made = residual_gallery(content)
    if made is not None:
        yield Plots(made)


def _one(figure: Figure | None) -> Iterator[Block]:
    made = gallery(figure.key, [figure]) if figure is not None else None
    if made is not None:
        yield Plots(made)


def _front(content: Content) -> Iterator[Block]:
    yield from _one(front_figure(content))
    names = short_names(content.result)
    rows = [_judged(f"{names[one.law]}, {one.variant}", one, one.inner_error) for one in content.result.human]
    own = _judged("this law", content.result.sealed or Judged(), content.document.inner_error)
    average = [_judged("forecast", content.result.forecast, None)] if content.result.forecast else []
    head = ("law", "sealed R²", "RMSE", "relative error", "inner error")
    yield TableBlock(head, (own, *average, *rows), frozenset((1, 2, 3, 4)))
    if average:
        yield Text("Forecast: the weighted mean of the laws that the data hardly tell apart.", remark=True)


def _judged(name: str, found: Judged, inner_error: float | None) -> tuple[str, ...]:
    return (name, _r2(found.r2), *(significant(value, 4) for value in (found.rmse, found.mare, inner_error)))


def _search(content: Content) -> Iterator[Block]:
    yield from _one(search_figure(content))
    finalists = {one.name: f"{one.finalists:,}" for one in content.result.proposers}
    found = by_proposer(content.steps)
    rows = [
        (f.name, *(f"{n:,}" for n in (f.scored, f.usable, f.entered, f.leads)), finalists.get(f.name, NONE))
        for f in found
    ]
    silent = [name for name in finalists if name not in {f.name for f in found}]
    rows += [(name, "0", *[NONE] * 3, finalists[name]) for name in silent]
    head = ("proposer", "laws scored", "not refused", "entered the archive", "best so far", "in the finalists")
    yield TableBlock(head, tuple(rows), frozenset(range(1, 6)))
