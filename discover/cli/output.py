"""Where the command line writes: results to stdout, progress and notes to stderr."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from discover.plain_data import json_text, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 140
"""Columns assumed where there is no terminal, so that tables in files and pipes are not folded early."""


def stdout() -> Console:
    """The console for results."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=_width(sys.stdout) or PIPED_WIDTH)


def stderr() -> Console:
    """The console for progress and notes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, width=_width(sys.stderr) or PIPED_WIDTH)


def _width(stream: TextIO) -> int | None:
    """Columns of the terminal, or COLUMNS there; None in files and pipes, whose lines are searched and pasted.

    There COLUMNS says nothing: whoever is started from a Python with readline has it, with the width of no terminal.
    """
    return shutil.get_terminal_size().columns if stream.isatty() else None


_PASTED = re.compile(r"\s+(?:.* = .*|discover .*)|[\w, ]+ = .*")
"""A law or a command on a line of its own, which is pasted elsewhere."""


def _wrapped(text: str, stream: TextIO) -> str:
    """The text in lines that end between words, where a terminal would break them anywhere."""
    width = _width(stream)
    if width is None or len(text) <= width or _PASTED.fullmatch(text):
        return text
    indent = " " * (len(text) - len(text.lstrip()))
    lines = textwrap.wrap(text, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def note(text: str) -> None:
    """One note to stderr."""
    sys.stderr.write(f"{_wrapped(printable(text), sys.stderr)}\n")
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
    """Lines and tables for people on stdout; those of a law or a command are not folded."""
    console = stdout()
    for line in lines:
        shown = _wrapped(printable(line), sys.stdout) if isinstance(line, str) else line
        console.print(shown, markup=False, soft_wrap=isinstance(line, str))


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout; numbers that JSON does not have become null."""
    sys.stdout.write(json_text(value))
