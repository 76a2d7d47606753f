"""The end of a run for people: law, constants, errors beside the human laws', doubts, and what to do next.

The same lines go to a terminal, into the text of a `RunResult` and, as HTML, into a notebook.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from discover.data.names import listed
from discover.plain_data import counted, number, printable, quoted, table, with_error
from discover.rules import RULES
from discover.runs.credit import credit_said
from discover.runs.result import ConstantSet, Judged, Result, RunnerUp, Settled
from discover.runs.verdict import CLOSE_SAID, Verdict, short_names, verdict_of

if TYPE_CHECKING:
    from rich.table import Table

SHOWN_SETS = 6
FORECAST = "forecast"  # in the column of laws

MOST_PROBLEMS = 5
"""How many problems of a table are told; who has more of them mends these first."""

Lines = list["str | Table"]


def problem_lines(texts: Sequence[str]) -> list[str]:
    """The first problems of a table, and how many more there are."""
    more = len(texts) - MOST_PROBLEMS
    return [*texts[:MOST_PROBLEMS], *([f"{more} more; --json lists all of them"] if more > 0 else [])]


def text_of(lines: Iterable[str | Table], width: int) -> str:
    """Lines and tables as one text; only tables are folded to the width."""
    from rich.console import Console

    # In a notebook rich would show the text itself instead of writing it.
    console = Console(file=io.StringIO(), width=width, highlight=False, force_jupyter=False)
    for line in lines:
        shown = printable(line) if isinstance(line, str) else line
        console.print(shown, markup=False, soft_wrap=isinstance(line, str))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def html_of(lines: Iterable[str | Table]) -> str:
    """Lines and tables as HTML."""
    return "".join(_paragraph(line) if isinstance(line, str) else _html_table(line) for line in lines)


def _paragraph(line: str) -> str:
    return f"<p>{html.escape(line)}</p>" if line else ""


def _html_table(made: Table) -> str:
    columns = [[html.escape(str(cell)) for cell in (column.header, *column.cells)] for column in made.columns]
    head, *rows = zip(*columns, strict=True)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr></thead><tbody>{body}</tbody></table>"


def describe_result(result: Result) -> Lines:
    """What a run found as lines and tables, and the commands that go on from it."""
    return [*describe_found(result), "", *_next(result)]


def describe_found(result: Result) -> Lines:
    """What a run found as lines and tables."""
    return [
        *_law(result),
        "",
        *_scores(result),
        "",
        *_doubts(result),
        *_problems(result),
        *_account(result),
        *_proposers(result),
    ]


def describe_beside_law(result: Result) -> tuple[str, Lines]:
    """What stands above a law that is shown typeset, and what stands below it."""
    return headline(result), [*_scores(result), *_doubts(result), *_problems(result), *_account(result)]


def headline(result: Result) -> str:
    """What the run came to, in one line."""
    return f"{result.task}: {_headline(verdict_of(result))}{not_judged(result.not_judged)}"


def _law(result: Result) -> Lines:
    law = f"  {result.left_side} = {result.formula}"
    return [headline(result), "", law, "", constants_table(result), *_more(result)]


def _headline(verdict: Verdict) -> str:
    said = {
        "untried": "no law was tried yet; these are the group means",
        "no law": "no law found that forecasts larger scales better than the group means",
        "imported": "an imported law, fitted to this table",
        "published": f"no new law is better than a published one, {verdict.law}, by more than chance",
        "discovered": "the law that extrapolates best",
    }
    return said[verdict.kind]


def not_judged(laws: Sequence[str]) -> str:
    """The published laws that could not be judged, as the end of a line; nothing where all could."""
    return f"; not judged, for too few rows: {listed(laws)}" if laws else ""


def error_unit(error_scale: str) -> str:
    """What errors are counted in variances of."""
    scales = {"log": "the target's logarithm", "odds": "the logarithm of the target's odds"}
    return scales.get(error_scale, "the target")


def _name(verdict: Verdict) -> str:
    if verdict.kind == "published":
        return f"{verdict.law}, chosen"
    return "group means" if verdict.kind in ("untried", "no law") else verdict.kind


def describe_constants(result: Result) -> Lines:
    """The law and all of its sets of constants."""
    return [f"  {result.left_side} = {result.formula}", "", constants_table(result, None)]


def constants_table(result: Result, most: int | None = SHOWN_SETS) -> Table:
    """Constants with standard errors: one row each, or one row per group and target if there are several."""
    sets = result.constants
    names = list(sets[0].values) if sets else []
    if len(result.groups) * len(result.targets) == 1 and sets:
        only = sets[0]
        cells = [(name, with_error(only.values[name], only.errors.get(name))) for name in names]
        return table(("constant", "value"), cells)
    rows = [
        (_label(result, item), *(with_error(item.values[n], item.errors.get(n)) for n in names)) for item in sets[:most]
    ]
    return table((result.group_column or "target", *names), rows)


def _label(result: Result, item: ConstantSet) -> str:
    parts = [item.group] if result.group_column else []
    parts += [item.target] if len(result.targets) > 1 else []
    return ", ".join(parts)


def _more(result: Result) -> list[str]:
    rest = len(result.constants) - SHOWN_SETS
    return [f"and {rest:,} more sets of constants in law.json; see: discover show DIR --groups A,B"] if rest > 0 else []


def _scores(result: Result) -> Lines:
    rows = [(_name(verdict_of(result)), result.sealed or Judged(), result.inner_error)]
    if result.forecast is not None:
        rows.append((FORECAST, result.forecast, None))
    names = short_names(result)
    rows += [(f"{names[one.law]}, {one.variant}", one, one.inner_error) for one in result.human]
    if result.sealed is None:
        lines: Lines = [table(("law", "inner error"), [(name, number(error)) for name, _, error in rows], (1,))]
    else:
        cells = [
            (name, _r2(found.r2), number(found.rmse), number(found.mare), number(error)) for name, found, error in rows
        ]
        headings = ("law", "sealed R2", "RMSE", "relative error", "inner error")
        lines = [table(headings, cells, (1, 2, 3, 4))]
    lines += ["", _sealed_line(result)]
    unit = error_unit(result.error_scale)
    lines.append(f"inner error: squared error on the largest scales held out of the train rows, in variances of {unit}")
    if result.forecast is not None:
        lines.append("forecast: the weighted mean of the laws that the data cannot tell apart, as `predict` gives it")
    refitted = [one for one in result.human if one.variant == "refitted"]
    if refitted:
        lines.append("refitted: with the loss that its study used; the search tries others, too")
    for one in refitted:
        if one.inner_error is None:
            lines.append(f"no inner error of {names[one.law]}: {one.refused or 'not known'}")
    return lines


def _r2(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _sealed_line(result: Result) -> str:
    times = result.opened
    if result.sealed_error:
        return f"The sealed rows could not be read: {result.sealed_error}"
    if result.sealed is None:
        if times:
            return f"Sealed rows opened: {times}"
        return "The sealed rows were left closed" if result.sealed_rows != 0 else "No rows were sealed for a check"
    counted = "once" if times == 1 else f"{times} times"
    changed = "; some have changed since the run began" if result.sealed_changed else ""
    return f"Sealed rows: {result.sealed.n}, never seen by the search, opened {counted} by this run{changed}"


def _doubts(result: Result) -> list[str]:
    warnings = [f"Warning: {text}" for text in result.warnings]
    verdict = verdict_of(result)
    if not verdict.close:
        return [*warnings, ""] if warnings else []
    lines = [*warnings, f"The data hardly tell these laws from the one above ({CLOSE_SAID}):"]
    lines += [f"  {one.formula}   ({_size(one)}, {number(one.inner_error)})" for one in verdict.close]
    return [*lines, verdict.lower, ""] if verdict.lower else [*lines, ""]


def _size(runner_up: RunnerUp) -> str:
    said = [runner_up.published, f"{runner_up.n_constants} constants"]
    if runner_up.shared:
        said.append(f"of all groups: {', '.join(runner_up.shared)}")
    return ", ".join(filter(None, said))


def _problems(result: Result) -> list[str]:
    texts = problem_lines([one.text for one in result.problems])
    return ["Problems of the table:", *(f"  {text}" for text in texts), ""] if texts else []


def _account(result: Result) -> list[str]:
    rate = result.evaluations / result.seconds if result.seconds else 0.0
    laws = "1 law" if result.evaluations == 1 else f"{result.evaluations} laws"
    return [
        f"{laws} scored in {result.seconds:.0f} s ({rate:.0f}/s), seed {result.seed}; {result.stopped}",
        *_settled(result),
        *_model(result.llm),
    ]


def _settled(result: Result) -> list[str]:
    """Whether the search had settled, and what to give it if it had not."""
    found = result.settled
    if found is None:
        return []
    again = "; twice the laws may move them as far again" if found.since and found.more else ""
    more = f"{again}; try {found.more}" if found.more else ""
    return [f"{'settled' if found.yes else 'not settled'}: {_rest(found)}{more}"]


def _rest(found: Settled) -> str:
    """How far the forecasts have come to rest."""
    rules, short = RULES.settling, ""
    if found.laws < rules.least:
        short = f"{counted(found.laws, 'law')} are too few to tell"
    elif not found.yes and _at_most(found.moved, rules.moved) and _at_most(found.gained, rules.gained):
        short = "the forecasts have hardly moved, but not for long enough to tell"
    if not found.since:
        return short or "nothing to compare with yet"
    said = f"from {found.since:,} to {found.laws:,} laws the forecasts beyond the data moved by "
    said += f"{number(found.moved, 2)} times the error to be expected there"
    if found.gained:
        said += f" and the least penalty fell by {number(found.gained, 2)}"
    if found.apart is not None:
        said += f"; the best laws of the search's populations (islands) differ by {number(found.apart, 2)} times it"
    return f"{short}; {said}" if short else said


def _at_most(value: float | None, most: float) -> bool:
    return value is not None and value <= most


def _proposers(result: Result) -> Lines:
    """What each proposer was asked and brought."""
    if not result.proposers:
        return []
    headings = ("proposer", "asked", "answered", "laws scored", "in the finalists", "best penalty")
    cells = [
        (one.name, *(f"{n:,}" for n in (one.asked, one.answered, one.scored, one.finalists)), number(one.best_penalty))
        for one in result.proposers
    ]
    said = "penalty: the search's score of a law, from its errors on held-out scales and its size; lower is better"
    return ["", table(headings, cells, (1, 2, 3, 4, 5)), said]


def _model(llm: Mapping[str, Any] | None) -> list[str]:
    """What a language model was asked, and what came of it."""
    if llm is None:
        return []
    about = "about " if llm["tokens_estimated"] else ""
    cost = "price unknown" if llm["cost"] is None else f"{about}${llm['cost']:.4f}"
    tokens = f"{about}{llm['prompt_tokens'] + llm['answer_tokens']:,} tokens, {cost}"
    lines = [
        f"{llm['model']}: {llm['calls']:,} calls, {tokens}; "
        f"{llm['accepted']:,} of {llm['proposed']:,} proposals entered the archive"
    ]
    lines += [f"  {said}"] if (said := credit_said(llm)) else []
    refused = [f"{count:,} {_CHECKS.get(check, check)}" for check, count in llm["refused"].items()]
    failed = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in llm["failed_calls"].items()]
    lines += [f"  refused proposals: {', '.join(refused)}"] if refused else []
    lines += [f"  failed calls: {', '.join(failed)}"] if failed else []
    lines += [f"  {text}" for text in (llm["stopped"], *llm["notes"]) if text and text != "the run has ended"]
    return lines


_CHECKS = {
    "schema": "not in the form asked for",
    "formula": "no formulas",
    "column": "without a column",
    "constants": "without a constant",
    "budget": "with too many constants",
    "size": "too large",
    "domain": "without a value on the rows",
    "duplicate": "tried before",
    "search": "refused by fit or forecast",
}


def _next(result: Result) -> list[str]:
    folder = quoted(result.run_dir)
    lines = [f"Run folder: {result.run_dir}"]
    if result.stopped == "interrupted":
        lines.append(
            f"  discover resume {folder}                 go on from here; sealed rows stay closed until the end"
        )
    return [*lines, f"  discover export {folder} --to python     the law as code"]
