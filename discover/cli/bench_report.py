"""The figures of a benchmark for people: tables on a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from discover.plain_data import table

if TYPE_CHECKING:
    from rich.table import Table

Summary = Mapping[str, Any]

HEADINGS = (
    "task", "mean R2", "sd", "worst", "best", "seeds", "forecast", "sd", "worst", "human", "refitted", "record",
    "best run", "laws", "wall s", "cpu s",
)  # fmt: skip
OVERALL = "all tasks"
ARMS = ("task", "seeds", "R2 alone", "model", "random", "inner error alone", "model", "random", "laws of the model")
ARMS_SAID = (
    "random: with random formulas of the grammar in place of the model's laws, as many and at the same times; "
    "laws of the model: seeds whose law it proposed, or whose law descends from one that it proposed"
)


def describe_summary(summary: Summary) -> list[str | Table]:
    """The content of `summary.json` as lines and tables."""
    if not summary["tasks"]:
        return [f"no run is finished yet in {summary['bench_dir']}"]
    lines: list[str | Table] = [
        table(HEADINGS, _rows(summary), range(1, len(HEADINGS))),
        "",
        *_headline(summary),
        "",
        *_legend(summary),
        "",
        *_account(summary),
    ]
    if arms := _arms(summary):
        lines += ["", f"With {summary['llm']['model']}:", table(ARMS, arms, range(1, len(ARMS))), "", ARMS_SAID]
    return lines


def markdown_of(summary: Summary) -> str:
    """The tables, every single run and how they were made, as Markdown."""
    runs = [
        (name, str(run["seed"]), r2(run["r2_raw"]), f"`{run['formula'] or run.get('error', '')}`".replace("|", "\\|"))
        for name, task in summary["tasks"].items()
        for run in task["runs"]
    ]
    notes = [f"- {name}: {task['note']}" for name, task in summary["tasks"].items() if task["note"]]
    parts = [
        "# Benchmark",
        "",
        f"Made with `{command(summary)}`, begun {summary['started']}.",
        "",
        *_markdown_table(HEADINGS, _rows(summary)),
        "",
        *[f"- {line}" for line in _headline(summary)],
        "",
        *[f"- {line}" for line in _legend(summary)],
        *notes,
        "",
        *_account(summary),
        "",
        *(
            [f"## With {summary['llm']['model']}", "", *_markdown_table(ARMS, arms), "", ARMS_SAID, ""]
            if (arms := _arms(summary))
            else []
        ),
        "## Every run",
        "",
        *_markdown_table(("task", "seed", "R2, not clipped", "law"), runs, right=(1, 2)),
    ]
    return "\n".join(parts) + "\n"


def command(summary: Summary) -> str:
    """The command line that makes these runs."""
    parts = ["discover bench", *summary["tasks"], f"--seeds {summary['seeds']}"]
    if summary["budget_s"] is not None:
        parts.append(f"--budget {summary['budget_s']:g}s")
    if summary["evaluations_per_run"] is not None:
        parts.append(f"--evaluations {summary['evaluations_per_run']}")
    return " ".join([*parts, f"--workers {summary['workers']}"])


def _rows(summary: Summary) -> list[tuple[str, ...]]:
    rows = [_row(name, task, len(task["runs"])) for name, task in summary["tasks"].items()]
    means = {key: summary[f"{key}_mean"] for key in ("worst", "best", "human", "human_refitted")}
    return [*rows, _row(OVERALL, {**summary, **means}, None)]


def _arms(summary: Summary) -> list[tuple[str, ...]]:
    """What a model changes, task by task."""
    rows = []
    for name, task in (summary.get("llm") or {}).get("tasks", {}).items():
        arms = [task[arm] for arm in ("alone", "model", "random")]
        errors = [f"{arm['inner_error']:.3g}" for arm in arms]
        rows.append((name, str(task["seeds"]), *(r2(arm["r2"]) for arm in arms), *errors, str(task["won"])))
    return rows


def _row(name: str, figures: Mapping[str, Any], seeds: int | None) -> tuple[str, ...]:
    return (
        name,
        *(r2(figures[key]) for key in ("mean", "sd", "worst", "best")),
        "" if seeds is None else str(seeds),
        *(r2(figures[key]) for key in ("forecast", "forecast_sd", "forecast_worst")),
        *(r2(figures[key]) for key in ("human", "human_refitted", "record_mean", "record_run")),
        str(figures["evaluations"]),
        *(f"{figures[key]:.0f}" for key in ("seconds", "cpu_seconds")),
    )


def _headline(summary: Summary) -> list[str]:
    lines = [
        f"Mean over {len(summary['tasks'])} tasks: {_with_sd(summary['mean'], summary['sd'])}; "
        f"mean of the tasks' worst seeds: {r2(summary['worst_mean'])}; of their best: {r2(summary['best_mean'])}"
    ]
    lines.append(
        f"Forecasts, the average of each run's laws: {_with_sd(summary['forecast'], summary['forecast_sd'])}; "
        f"mean of the tasks' worst seeds: {r2(summary['forecast_worst'])}"
    )
    for standing in summary["standings"]:
        published = [f"{item['label']} {_with_sd(item['mean'], item['sd'], 3)}" for item in standing["overall"]]
        lines.append(f"Published on {standing['title']}: {'; '.join(published)}")
        lines.append(standing["source"])
    return lines


def _legend(summary: Summary) -> list[str]:
    low, high = summary["clipped"]
    lines = [
        f"R2 on the sealed rows, clipped to [{low:g}, {high:g}] as the benchmark does, before any mean; each run "
        "opened them once, after its law was chosen",
        "sd: sample standard deviation between seeds; in the last row between the seeds' means over all tasks",
        "human: published constants; refitted: the same law fitted to the train rows by discover; record: the best "
        "mean of any one published system on that task; best run: the best single run of any system",
        "wall and cpu: search, human laws and judgement; cpu with worker processes",
    ]
    if not summary["complete"]:
        lines.append("Not all runs are finished.")
    if not summary["same_versions"]:
        lines.append("The runs were made with different versions of the software.")
    return lines


def _account(summary: Summary) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    return [
        f"{summary['evaluations']} laws scored in {summary['seconds']:.0f} s ({summary['cpu_seconds']:.0f} s of "
        f"processors, {summary['workers']} workers); {versions}; runs in {summary['bench_dir']}"
    ]


def r2(value: float | None) -> str:
    """An R2 or a spread of it, four digits after the point; fewer where it is far below zero."""
    if value is None:
        return "-"
    return f"{value:.4f}" if value > -10 else f"{value:.4g}"


def _with_sd(mean: float, sd: float | None, digits: int = 4) -> str:
    return f"{mean:.{digits}f}" if sd is None else f"{mean:.{digits}f} ± {sd:.{digits}f}"


def _markdown_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] | None = None
) -> list[str]:
    """Lines of a table; `right` are the places of columns aligned at the right, all but the first by default."""
    aligned = range(1, len(headings)) if right is None else right
    rule = ["---:" if place in aligned else "---" for place in range(len(headings))]
    return [f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows)]
