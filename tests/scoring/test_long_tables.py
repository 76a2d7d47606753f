"""A long table is judged by a part of it that stands for all rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from discover.data.guesses import task_from_table
from discover.scoring import problem
from discover.scoring.problem import problem_of, whole_problem


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A task of 900 rows in three groups of unlike size, which count as a long table here."""
    monkeypatch.setattr(problem, "MOST_ROWS", 200)
    rng = np.random.default_rng(3)
    params, group = 10 ** rng.uniform(6, 9, 900), np.repeat(["a", "b", "c"], [600, 295, 5])
    loss = 2 + 100 * params**-0.3 + rng.normal(0, 0.01, 900)
    path = tmp_path / "runs.csv"
    rows = [f"{p:.6g},{g},{y:.6g}" for p, g, y in zip(params, group, loss, strict=True)]
    path.write_text("\n".join(["params,corpus,loss", *rows]) + "\n")
    return task_from_table(path, "loss")


def test_the_part_holds_every_group_the_largest_scales_and_the_ends_of_all_columns(task) -> None:
    part, whole = problem_of(task), whole_problem(task)
    assert part.rows == len(whole.table) == 900
    assert 200 <= len(part.table) < 260
    assert (np.bincount(part.table.group) >= [100, 50, 5]).all()
    largest = np.sort(whole.table.features["params"])[-10:]
    assert np.isin(largest, part.table.features["params"]).all()
    for some, all_ in ((part.table.features["params"], whole.table.features["params"]),
                       (part.table.targets, whole.table.targets)):  # fmt: skip
        assert (some.min(), some.max()) == (all_.min(), all_.max())
    assert part.table.lines is not None
    assert any(text.startswith("of 900 rows") for text in part.notes)


def test_the_part_is_the_same_whatever_the_order_of_the_rows(task, tmp_path) -> None:
    head, *rows = task.table.read_text().splitlines()
    (tmp_path / "runs2.csv").write_text("\n".join([head, *rows[::-1]]) + "\n")
    again = problem_of(task_from_table(tmp_path / "runs2.csv", "loss"))
    assert again.table.targets.tolist() == problem_of(task).table.targets.tolist()


def test_a_table_of_usual_length_is_used_whole(task, monkeypatch) -> None:
    monkeypatch.setattr(problem, "MOST_ROWS", 600)
    assert problem_of(task).rows is None
    assert len(problem_of(task).table) == 900


def test_of_very_many_groups_all_rows_judge_and_what_they_cost_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(problem, "MOST_ROWS", 100)
    monkeypatch.setattr(problem, "MANY_GROUPS", 50)
    params = 10 ** np.random.default_rng(3).uniform(6, 9, 400)
    rows = [f"{p:.6g},lab{i % 50},{2 + 100 * p**-0.3:.6g}" for i, p in enumerate(params)]
    (tmp_path / "runs.csv").write_text("\n".join(["params,lab,loss", *rows]) + "\n")
    found = problem_of(task_from_table(tmp_path / "runs.csv", "loss", group="lab"))
    assert (found.rows, len(found.table)) == (None, 400)  # eight of every group are all
    assert [text for text in found.notes if text.startswith("50 groups have constants of their own")]


def test_the_range_of_every_group_is_that_of_its_rows(task) -> None:
    found = whole_problem(task)
    low, high, width = found.ranges
    for g in range(3):
        own = found.on_scale(found.table.targets)[found.table.group == g]
        assert found.table.members[g].tolist() == np.flatnonzero(found.table.group == g).tolist()
        assert (low[g], high[g]) == (own.min(), own.max())
        assert width[g] >= high[g] - low[g]
