"""What a run came to, and that a report words the same verdict as the command line."""

from __future__ import annotations

from typing import Any

import pytest

from discover.report.sections import verdict as sentence
from discover.report.terminal import describe_result
from discover.runs.result import Result
from discover.runs.verdict import FAR_SAID, LUCK_SAID, doubts_of, short_names, verdict_of


def keys(origin: str, **other: Any) -> dict[str, Any]:
    return {
        "task": "runs", "origin": origin, "no_law": origin == "library:group_means", "targets": ["loss"],
        "formula": "E", "n_constants": 1, "constants": [], "inner_error": 0.1, "runners_up": [],
        "evaluations": 9, "seconds": 1.0,
        "seed": 0, "stopped": "done", "run_dir": "runs/a", **other,
    }  # fmt: skip


def result(origin: str, **other: Any) -> Result:
    return Result.of(keys(origin, **other))


def rival(error: float, **other: Any) -> dict[str, Any]:
    return {"formula": "E + A*x", "n_constants": 2, "inner_error": error, "close": error <= 0.11, **other}


@pytest.mark.parametrize(
    ("found", "kind", "said"),
    [
        (result("library:group_means", evaluations=1), "untried", "tried yet"),
        (result("library:group_means"), "no law", "forecasts larger scales better than"),
        (result("import:user"), "imported", "imported law, fitted to this table"),
        (result("library:power_law(x)"), "published", "better than a published one, power_law, by more than chance"),
        (result("grammar:drop"), "discovered", "law that extrapolates best"),
    ],
)
def test_both_views_word_the_same_verdict(found: Result, kind: str, said: str) -> None:
    assert verdict_of(found).kind == kind
    assert said in sentence(found, 0)
    assert said in str(describe_result(found)[0])


def test_luck_is_of_laws_that_nobody_published_only() -> None:
    chosen = "library:power_law(x)"
    assert verdict_of(result(chosen, runners_up=[rival(0.05)])).lower == LUCK_SAID
    assert verdict_of(result(chosen, runners_up=[rival(0.01)])).lower == FAR_SAID
    assert not verdict_of(result(chosen, runners_up=[rival(0.05, origin="library:log_law(x)")])).lower
    assert not verdict_of(result(chosen, runners_up=[rival(0.105)])).lower
    assert not verdict_of(result("grammar:drop", runners_up=[rival(0.05)])).lower


def test_a_result_of_an_older_version_has_a_verdict() -> None:
    old = keys("")
    del old["origin"], old["no_law"], old["runners_up"]
    old = Result.of(old)
    assert verdict_of(old).kind == "discovered"
    assert verdict_of(old).close == ()


def test_a_law_is_named_without_its_columns_where_no_other_one_has_its_name() -> None:
    human = [{"law": law, "variant": "refitted"} for law in ("hill(x)", "log_law(x)", "log_law(y)")]
    names = short_names(result("library:power_law(x)", human=human))
    assert names["hill(x)"] == "hill"
    assert names["power_law(x)"] == "power_law"
    assert {names["log_law(x)"], names["log_law(y)"]} == {"log_law(x)", "log_law(y)"}


def test_a_forecast_that_fails_on_the_sealed_rows_is_the_first_doubt() -> None:
    failed = result("grammar:drop", sealed={"r2": 0.3}, forecast={"r2": -1.3}, warnings=["A is at a bound"],
                    runners_up=[rival(0.1), rival(0.5)])  # fmt: skip
    first, second, third = doubts_of(failed)
    assert "R² −1.3" in first
    assert second == "A is at a bound."
    assert "1 other law" in third
    assert doubts_of(result("grammar:drop", forecast={"r2": 0.9})) == ()
