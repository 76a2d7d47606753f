"""Tables in narrow terminals: folded between words or parted, never inside a name or a number."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from discover.plain_data import table
from discover.word_tables import WordTable


def shown(made: WordTable, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(made)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


CONSTANTS = table(
    ("optimizer", "E", "A", "alpha", "B", "beta"),
    [("adamw_decoupled", *["1.6900 ± 0.0012"] * 5), ("lion", *["-4.06e+06 ± 30000"] * 5)],
)
LAWS = table(
    ("law", "sealed R2", "relative error", "says"),
    [("data_constrained, refitted", "0.9735", "0.03376", "what repeated tokens are worth, epoch by epoch")],
    right=(1, 2),
)


@pytest.mark.parametrize("width", [120, 80, 60, 40])
@pytest.mark.parametrize("made", [CONSTANTS, LAWS])
def test_no_line_is_longer_than_the_terminal_and_no_word_is_folded(made: WordTable, width: int) -> None:
    text = shown(made, width)
    assert max(map(len, text.splitlines())) <= width
    words = {word for column in made.columns for cell in (column.header, *column.cells) for word in str(cell).split()}
    assert words <= set(text.split())
    assert set(text.split()) <= words | {line for line in text.split() if set(line) == {"─"}}


def test_a_table_that_is_too_wide_is_parted_and_each_part_names_its_rows() -> None:
    text = shown(CONSTANTS, 80)
    assert text.count("adamw_decoupled") == 2
    assert text.count("1.6900 ± 0.0012") == 5
    assert shown(CONSTANTS, 200).count("adamw_decoupled") == 1


def test_a_name_longer_than_the_terminal_is_still_shown_whole() -> None:
    text = shown(table(("law", "error"), [("x" * 50, "1")]), 30)
    assert "".join(text.split()).count("x") == 50


def test_a_text_of_two_lines_is_as_wide_as_the_longer_one() -> None:
    made = table(("law", "error"), [("loss_chain_sigmoid, shared\n  exponents", "0.1")])
    assert shown(made, 120).splitlines()[0].rstrip() == f"law{' ' * 26}error"
