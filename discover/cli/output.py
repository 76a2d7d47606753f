"""Where the command line writes: results to stdout, progress and notes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from discover.plain_data import json_text, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 140
"""Columns assumed where there is no terminal, so that tables in files and pipes are not folded early."""


def stdout() -> Console:
    """The console for results."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def stderr() -> Console:
    """The console for progress and notes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def note(text: str) -> None:
    """One note to stderr."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def tell_notes(texts: Iterable[str]) -> None:
    """Notes to stderr, each once."""
    for text in dict.fromkeys(texts):
        note(f"note: {text}")


def tell_problems(texts: Sequence[str]) -> None:
    """The first problems of a table to stderr, and how many more there are."""
    from discover.report.terminal import problem_lines

    for text in problem_lines(texts):
        note(f"problem: {text}")


def print_lines(lines: Iterable[str | Table]) -> None:
    """Lines and tables for people on stdout; lines are not folded."""
    console = stdout()
    for line in lines:
        shown = printable(line) if isinstance(line, str) else line
        console.print(shown, markup=False, soft_wrap=isinstance(line, str))


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout; numbers that JSON does not have become null."""
    sys.stdout.write(json_text(value))
