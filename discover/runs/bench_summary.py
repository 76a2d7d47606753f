"""Figures over the finished runs of a benchmark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from discover.plain_data import plain
from discover.runs.bench import ALONE, MODEL, RANDOM, Bench, Place, finished_result, spent
from discover.runs.result import Judged, Result
from discover.runs.standings import Standing, Standings, standing_of

LIMIT = 1.0
"""R2 below -LIMIT counts as -LIMIT: one law that runs away must not hide all others in a mean."""


def clipped(r2: float | None) -> float:
    """R2 between -1 and 1; None, which stands for forecasts that are not finite, counts as -1."""
    if r2 is None or math.isnan(r2):
        return -LIMIT
    return min(max(r2, -LIMIT), LIMIT)


def summarise(bench: Bench, standings: Sequence[Standings], failures: Mapping[str, str]) -> dict[str, Any]:
    """What `discover bench --json` prints.

    Args:
        bench: the benchmark.
        standings: published figures.
        failures: label of a run -> why it ended without a law; it counts as -1.

    Raises:
        InputError: the result of a run is damaged.
    """
    runs: dict[str, list[dict[str, Any]]] = {task: [] for task in bench.tasks}
    laws: dict[str, list[Mapping[str, Any]]] = {task: [] for task in bench.tasks}
    for place in bench.places_alone():
        result = finished_result(place.path)
        if result is not None:
            runs[place.task].append(_run(place, result))
            laws[place.task] += [{**one.keys(), "seed": place.seed} for one in result.human]
        elif place.label in failures:
            runs[place.task].append(_failed(place, failures[place.label]))
    tasks = {task: _task(found, laws[task], standing_of(task, standings)) for task, found in runs.items() if found}
    whole = len(tasks) == len(bench.tasks) and all(len(found) == bench.config.seeds for found in runs.values())
    summary = {
        "tasks": tasks,
        **_overall(tasks),
        **_totals(tasks),
        "complete": whole,
        "seeds": bench.config.seeds,
        "budget_s": bench.config.budget_s,
        "evaluations_per_run": bench.config.evaluations,
        "workers": bench.config.workers,
        "started": bench.config.started,
        "versions": _versions(tasks) or bench.config.versions,
        "same_versions": len({str(run.get("versions")) for run in _all_runs(tasks) if "versions" in run}) <= 1,
        "standings": [
            {"title": s.title, "source": s.source, "overall": [item.model_dump() for item in s.overall]}
            for s in standings
            if s.tasks and set(s.tasks) <= set(tasks)
        ],
        "clipped": [-LIMIT, LIMIT],
        "llm": _arms(bench),
        "bench_dir": str(bench.path),
    }
    cleaned = plain(summary)
    assert isinstance(cleaned, dict)
    return cleaned


def _arms(bench: Bench) -> dict[str, Any] | None:
    """What a model changes, over the seeds that ended in all three arms; None where no model is measured.

    Per task and arm the mean R2 on sealed rows, clipped, and the geometric mean of the inner errors; and how often the
    law was the model's, or descends from one of its laws.
    """
    if bench.config.llm is None:
        return None
    rows: dict[str, list[list[Result]]] = {}
    for place in bench.places_alone():
        found = [finished_result(place.beside(arm).path) for arm in (ALONE, MODEL, RANDOM)]
        whole = [result for result in found if result is not None]
        if len(whole) == len(found):
            rows.setdefault(place.task, []).append(whole)
    tasks: dict[str, dict[str, Any]] = {}
    for task, runs in rows.items():
        arms = zip(*runs, strict=True)
        tasks[task] = {
            name: {
                "r2": fmean(clipped(_r2(result.sealed)) for result in results),
                "inner_error": math.exp(fmean(math.log(max(_error(result), 1e-300)) for result in results)),
            }
            for name, results in zip(("alone", MODEL, RANDOM), arms, strict=True)
        }
        tasks[task] |= {"seeds": len(runs), "won": sum(bool((run[1].llm or {}).get("law")) for run in runs)}
    return {"model": bench.config.llm.model or bench.config.llm.replay, "tasks": tasks}


def _r2(judged: Judged | None) -> float | None:
    return None if judged is None else judged.r2


def _error(result: Result) -> float:
    return math.inf if result.inner_error is None else result.inner_error


def _run(place: Place, result: Result) -> dict[str, Any]:
    cost = spent(place.path)
    raw, forecast = _r2(result.sealed), _r2(result.forecast)
    return {
        "seed": place.seed,
        "r2": clipped(raw),
        "r2_raw": raw,
        "forecast_r2": clipped(raw if forecast is None else forecast),
        "formula": result.formula,
        "origin": result.origin,
        "no_law": result.no_law,
        "n_constants": result.n_constants,
        "inner_error": result.inner_error,
        "evaluations": result.evaluations,
        "seconds": cost.seconds or result.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "opened": result.opened,
        "run_dir": str(place.path),
        "versions": _run_versions(place),
        **({} if result.sealed_error is None else {"error": result.sealed_error}),
    }


def _run_versions(place: Place) -> dict[str, str]:
    from discover.runs.folder import open_folder

    return open_folder(place.path).config().versions


def _failed(place: Place, reason: str) -> dict[str, Any]:
    cost = spent(place.path)
    return {
        "seed": place.seed, "r2": -LIMIT, "r2_raw": None, "forecast_r2": -LIMIT, "formula": None, "evaluations": 0,
        "error": reason, "seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "opened": 0,
        "run_dir": str(place.path),
    }  # fmt: skip


def _task(runs: list[dict[str, Any]], laws: Sequence[Mapping[str, Any]], standing: Standing) -> dict[str, Any]:
    scores = [run["r2"] for run in runs]
    forecasts = [run["forecast_r2"] for run in runs]
    first = laws[0]["law"] if laws else None
    published, refitted = (_human(laws, first, variant) for variant in ("published", "refitted"))
    human = standing.human if standing.human is not None else published
    return {
        "runs": runs,
        "mean": fmean(scores),
        "sd": _sd(scores),
        "best": max(scores),
        "worst": min(scores),
        "forecast": fmean(forecasts),
        "forecast_sd": _sd(forecasts),
        "forecast_worst": min(forecasts),
        "human": refitted if human is None else human,
        "human_law": first,
        "human_recorded": standing.human,
        "human_published": published,
        "human_refitted": refitted,
        "record_mean": standing.mean,
        "record_run": standing.run,
        "note": standing.note,
        "evaluations": sum(run["evaluations"] for run in runs),
        "seconds": sum(run["seconds"] for run in runs),
        "cpu_seconds": sum(run["cpu_seconds"] for run in runs),
    }


def _human(laws: Iterable[Mapping[str, Any]], law: str | None, variant: str) -> float | None:
    """Mean over the runs of a human law's clipped R2; refits differ between seeds by their starting points."""
    found = [clipped(item["r2"]) for item in laws if (item["law"], item["variant"]) == (law, variant)]
    return fmean(found) if found else None


def _overall(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Means over tasks; the spread is between seeds that every task has, each seed a replicate of the whole."""
    if not tasks:
        return {"mean": None}
    by_seed = [{run["seed"]: run["r2"] for run in task["runs"]} for task in tasks.values()]
    shared = sorted(set.intersection(*(set(one) for one in by_seed)))
    replicates = [fmean(one[seed] for one in by_seed) for seed in shared]
    forecasts = [{run["seed"]: run["forecast_r2"] for run in task["runs"]} for task in tasks.values()]
    return {
        "mean": fmean(task["mean"] for task in tasks.values()),
        "sd": _sd(replicates),
        "worst_mean": fmean(task["worst"] for task in tasks.values()),
        "best_mean": fmean(task["best"] for task in tasks.values()),
        "forecast": fmean(task["forecast"] for task in tasks.values()),
        "forecast_sd": _sd([fmean(one[seed] for one in forecasts) for seed in shared]),
        "forecast_worst": fmean(task["forecast_worst"] for task in tasks.values()),
        "human_mean": _mean(task["human"] for task in tasks.values()),
        "human_refitted_mean": _mean(task["human_refitted"] for task in tasks.values()),
        "record_mean": _mean(task["record_mean"] for task in tasks.values()),
        "record_run": _mean(task["record_run"] for task in tasks.values()),
    }


def _totals(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        key: round(sum(task[key] for task in tasks.values()), 3) for key in ("seconds", "cpu_seconds", "evaluations")
    }


def _all_runs(tasks: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [run for task in tasks.values() for run in task["runs"]]


def _versions(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Versions of the last run."""
    found = [run["versions"] for run in _all_runs(tasks) if "versions" in run]
    return dict(found[-1]) if found else {}


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean, or None where a task lacks the figure: a mean over other tasks could not be compared."""
    found = list(values)
    return None if None in found else fmean(value for value in found if value is not None)


def _sd(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None for a single value."""
    return stdev(values) if len(values) > 1 else None
