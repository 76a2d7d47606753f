"""What a run says at its end, from its result."""

from __future__ import annotations

from typing import Any

import pytest

from discover.report.terminal import describe_result as describe
from discover.runs.result import Result
from discover.runs.verdict import CLOSE

CHANCE = "what chance gives the best of so many laws tried"


def result(origin: str, error: float, no_law: bool = False) -> dict[str, Any]:
    rival = {"formula": "E + A*log(x)", "shared": [], "n_constants": 2, "inner_error": error, "close": True}
    return {
        "task": "runs", "origin": origin, "no_law": no_law, "targets": ["loss"], "formula": "E",
        "n_constants": 1, "constants": [],
        "inner_error": 0.1, "runners_up": [rival], "evaluations": 9, "seconds": 1.0, "seed": 0, "stopped": "done",
        "run_dir": "runs/a",
    }  # fmt: skip


def describe_result(keys: dict[str, Any]) -> list[Any]:
    return describe(Result.of(keys))


def said(**arguments: Any) -> str:
    return "\n".join(str(line) for line in describe_result(result(**arguments)))


def test_lower_errors_than_a_chosen_published_law_are_explained() -> None:
    text = said(origin="library:power_law(x)", error=0.05)
    assert "no new law is better than a published one, power_law, by more than chance" in text
    assert CHANCE in text


@pytest.mark.parametrize(
    ("origin", "error", "no_law"),
    [("library:power_law(x)", 0.105, False), ("grammar:drop", 0.05, False), ("library:group_means", 0.05, True)],
)
def test_where_no_published_law_won_against_lower_errors_nothing_is_explained(
    origin: str, error: float, no_law: bool
) -> None:
    assert CHANCE not in said(origin=origin, error=error, no_law=no_law)


def test_a_human_law_without_an_inner_error_comes_with_the_reason() -> None:
    human = {"law": "steep(x)", "variant": "refitted", "inner_error": None, "refused": "below 0 beyond the data"}
    lines = describe_result(result("grammar:drop", 0.2) | {"human": [human]})
    assert "no inner error of steep: below 0 beyond the data" in lines


def test_a_published_runner_up_is_named_and_owes_its_lower_error_to_no_chance() -> None:
    found = result("library:power_law(x)", 0.05)
    found["runners_up"][0]["origin"] = "library:log_law(x)"
    text = "\n".join(map(str, describe_result(found)))
    assert "E + A*log(x)   (log_law(x), 2 constants, 0.05)" in text
    assert CHANCE not in text


def test_where_nothing_was_tried_no_law_is_denied() -> None:
    text = "\n".join(map(str, describe_result(result("library:group_means", 0.05, no_law=True) | {"evaluations": 1})))
    assert "no law was tried yet" in text
    assert "1 law scored" in text
    assert "no law found" not in text


def test_how_near_close_laws_are_is_said_as_it_is_reckoned() -> None:
    words = f"(inner errors lower, or at most {round(100 * (CLOSE - 1))} % higher)"
    assert words in said(origin="grammar:drop", error=0.05)


def test_what_every_proposer_brought_is_shown_with_a_dash_for_one_without_a_law() -> None:
    brought = [
        {"name": "pysr", "asked": 1200, "answered": 3, "scored": 40, "finalists": 2, "best_penalty": -9.25},
        {"name": "operon", "asked": 0, "answered": 0, "scored": 0, "finalists": 0, "best_penalty": float("inf")},
    ]
    (shown,) = (line for line in describe_result(result("pysr:table", 0.2) | {"proposers": brought})
                if not isinstance(line, str) and any("proposer" in str(c.header) for c in line.columns))  # fmt: skip
    cells = [[str(cell) for cell in column.cells] for column in shown.columns]
    assert [row[0] for row in cells] == ["pysr", "1,200", "3", "40", "2", "-9.25"]
    assert [row[1] for row in cells] == ["operon", "0", "0", "0", "0", "-"]


def settled_line(**settled: Any) -> str:
    seen = {"yes": False, "laws": 400, "since": 192, "moved": 0.42, "gained": 0.3, "apart": 0.9} | settled
    (line,) = [
        str(line) for line in describe_result(result("grammar:drop", 0.2) | {"settled": seen}) if "settled" in str(line)
    ]
    return line


def test_a_search_that_has_not_settled_says_what_to_give_it() -> None:
    assert settled_line(more="a budget of 5m") == (
        "not settled: from 192 to 400 laws the forecasts beyond the data moved by 0.42 times the error to be expected "
        "there and the least penalty fell by 0.3; the best laws of the search's populations (islands) differ by 0.9 "
        "times it; twice the laws may move them as far again; try a budget of 5m"
    )
    assert settled_line().endswith("differ by 0.9 times it")


def test_a_search_that_has_settled_asks_for_nothing() -> None:
    line = settled_line(yes=True, gained=0.0, apart=None)
    assert line.startswith("settled: from 192 to 400 laws ")
    assert line.endswith("moved by 0.42 times the error to be expected there")


def test_a_rest_that_was_seen_once_is_told() -> None:
    line = settled_line(moved=0.05, gained=0.0)
    assert line.startswith(
        "not settled: the forecasts have hardly moved, but not for long enough to tell; from 192 to 400 laws "
    )


def test_few_laws_are_too_few_to_tell() -> None:
    line = settled_line(laws=40, since=0, moved=None, gained=None, apart=None, more="512 evaluations")
    assert line == "not settled: 40 laws are too few to tell; try 512 evaluations"
    line = settled_line(laws=100, since=48)
    assert line.startswith("not settled: 100 laws are too few to tell; from 48 to 100 laws the forecasts")


def test_results_of_older_versions_say_nothing_of_it() -> None:
    assert not [line for line in describe_result(result("grammar:drop", 0.2)) if "settled" in str(line)]
