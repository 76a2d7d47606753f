"""A search sees one table, whatever the order of rows and columns in the file."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from discover.data.canonical import natural
from discover.data.guesses import task_from_table
from discover.scoring import Problem, make_folds, problem_of

ROWS = [
    (family, n, d, 1.7 + 420 * n**-0.33 + 980 * d**-0.3 + bump)
    for family, bump in (("gpt-172M", 0.1), ("gpt-19M", 0.0))
    for n in (2e7, 6e7, 2e8, 5e8)
    for d in (1e9, 3e9, 1e10, 3e10)
]
HEADINGS = ("family", "params", "tokens", "loss")


def problem(folder: Path, order: list[int], rows: list[tuple[object, ...]], unit: float = 1.0) -> Problem:
    path = folder / f"{random.random()}.csv"
    lines = [[str(row[k]) if k != 2 else repr(row[k] / unit) for k in order] for row in rows]
    path.write_text("\n".join(",".join(cells) for cells in [[HEADINGS[k] for k in order], *lines]) + "\n")
    return problem_of(task_from_table(path, "loss"))


def test_shuffled_rows_and_columns_are_the_same_problem(tmp_path: Path) -> None:
    known = problem(tmp_path, [0, 1, 2, 3], ROWS)
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    other = problem(tmp_path, [3, 2, 0, 1], shuffled)
    assert list(known.table.features) == list(other.table.features) == ["params", "tokens"]
    assert known.axes == other.axes
    for name, values in known.table.features.items():
        np.testing.assert_array_equal(values, other.table.features[name])
    np.testing.assert_array_equal(known.table.targets, other.table.targets)
    names = [[p.table.group_names[code] for code in p.table.group] for p in (known, other)]
    assert names[0] == names[1] == ["gpt-19M"] * 16 + ["gpt-172M"] * 16


def test_lines_follow_their_rows(tmp_path: Path) -> None:
    shuffled = random.Random(2).sample(ROWS, len(ROWS))
    table = problem(tmp_path, [0, 1, 2, 3], shuffled).table
    assert table.unit == "line"
    assert [shuffled[line - 2][3] for line in table.lines] == table.targets[:, 0].tolist()


def test_folds_are_the_same_in_other_units(tmp_path: Path) -> None:
    folds = [make_folds(problem(tmp_path, [0, 1, 2, 3], ROWS, unit)) for unit in (1.0, 1e6, 0.3)]
    for others in folds[1:]:
        assert [fold.judge.tolist() for fold in others] == [fold.judge.tolist() for fold in folds[0]]


def test_names_are_ordered_as_people_count() -> None:
    assert sorted(["172M", "19M", "57M", "B", "A2", "A10"], key=natural) == ["19M", "57M", "172M", "A2", "A10", "B"]
