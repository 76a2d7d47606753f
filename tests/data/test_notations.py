"""Tables in any notation are read back equal, or refused with a cell named; none differs in silence."""

from __future__ import annotations

import random
import re
from decimal import Decimal
from pathlib import Path

import pytest

from discover.data.cells import number, written
from discover.data.reading import read_table
from discover.errors import InputError

from .notations import MISSING, NOTATIONS, STYLES, Notation, write_json, write_text
from .reading_page import text

HEADINGS = ("params", "tokens", "x", "width", "y", "depth", "score", "lr")
NAMED = re.compile(r"(line|row) \d+, column '\w+': ")


def random_value(random: random.Random) -> Decimal:
    """A number with up to six digits, of any size that tables hold, often with exactly three behind the point."""
    digits = random.randint(1, 999_999) if random.random() < 0.8 else random.randint(1, 9) * 10 ** random.randint(0, 9)
    value = Decimal(digits).scaleb(-random.choice([0, 0, 1, 2, 3, 3, 3, 4]))
    return -value if random.random() < 0.05 else value


def random_table(seed: int, folder: Path) -> tuple[Path, dict[str, list[Decimal | None]], str]:
    """A table in a random style: its file, its values, and how it is written."""
    draw = random.Random(seed)
    style = draw.choice(STYLES)
    header = draw.sample(HEADINGS, draw.randint(1, 4))
    n = draw.randint(2, 6)
    values: dict[str, list[Decimal | None]] = {}
    columns = []
    for heading in header:
        own: list[Decimal | None] = [random_value(draw) for _ in range(n)]
        fitting = [one for one in NOTATIONS if all(v is None or one.fits(v) for v in own)]
        notation: Notation = draw.choice(fitting) if draw.random() < 0.4 else NOTATIONS[0]
        if draw.random() < 0.2:
            own[draw.randrange(n)] = None
        values[heading] = own
        columns.append([draw.choice(MISSING) if v is None else notation.write(v, style) for v in own])
    rows = [list(row) for row in zip(*columns, strict=True)]
    rows = [row if any(row) else ["-"] * len(row) for row in rows]
    kind = draw.choice([*style.delimiters, "json"])
    if kind == "json" and style.point == ",":
        kind = ";"
    path = folder / f"t{seed}{'.json' if kind == 'json' else '.tsv' if kind == chr(9) else '.csv'}"
    if kind == "json":
        write_json(path, header, rows)
    else:
        write_text(path, header, rows, kind)
    return path, values, f"{style.name}, {kind!r}: {rows}"


def assert_equal_or_refused(seed: int, folder: Path) -> bool:
    """Whether the table was read; fails if a cell was read as another number."""
    path, values, how = random_table(seed, folder)
    try:
        table = read_table(path)
        for heading, wanted in values.items():
            rows = [row for row, value in enumerate(wanted) if value is not None]
            missing = [row for row, value in enumerate(wanted) if value is None]
            assert table.missing(heading)[list(missing)].all(), (seed, heading, how)
            read = table.numbers(heading, rows).tolist()
            expected = [float(wanted[row]) for row in rows]  # type: ignore[arg-type]
            # Where no cell proves the sign, a column is told with an example: see `Task.notes`.
            assert read == pytest.approx(expected, rel=1e-14) or heading in table.customary, (seed, heading, how)
    except InputError as problem:
        refusal = str(problem)
    else:
        return True
    finally:
        path.unlink()
    assert NAMED.search(refusal), (seed, how, refusal)
    return False


def test_random_tables_in_random_notations(tmp_path: Path) -> None:
    read = sum(assert_equal_or_refused(seed, tmp_path) for seed in range(400))
    assert read > 300


@pytest.mark.slow
def test_ten_thousand_random_tables(tmp_path: Path) -> None:
    read = sum(assert_equal_or_refused(seed, tmp_path) for seed in range(1000, 11000))
    assert read > 8000


@pytest.mark.parametrize("notation", NOTATIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("style", STYLES[:3], ids=lambda one: one.name)
def test_every_example_means_its_value(notation: Notation, style) -> None:
    text = notation.write(notation.sample, style)
    assert number(text, style.point) == pytest.approx(float(notation.sample), rel=1e-15)
    assert number(text, "?") in (None, pytest.approx(float(notation.sample), rel=1e-15))


def test_what_stands_behind_a_number_is_kept() -> None:
    assert written("5,34 ± 0,01", ",") == written("5.34 +/- 0.01")
    assert written("5.34 ± 0.01 nats").error == 0.01  # type: ignore[union-attr]
    assert [written(text).unit for text in ("5.34 nats", "25.1 %", "300B tokens", "1.2 EFLOPs")] == [  # type: ignore[union-attr]
        "nats", "%", "tokens", "FLOP",
    ]  # fmt: skip
    assert number("1.2 EFLOPs") == 1.2e18
    assert number("2^20") == 1048576


def test_the_page_of_notations_is_true() -> None:
    page = Path(__file__).parents[2] / "docs" / "reading.md"
    assert page.read_text(encoding="utf-8") == text(), "run scripts/reading_page"
