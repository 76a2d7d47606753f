"""Reads the files that PySR writes while it searches; needs no Julia."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from typing import Protocol

from discover.proposers.logbook import Row

NAMES = ("hall_of_fame.csv", "hall_of_fame.csv.bak")
HEADER = ["complexity", "loss", "equation"]


class Folder(Protocol):
    """A path, as far as it is needed here."""

    def __truediv__(self, name: str) -> Folder: ...

    def read_bytes(self) -> bytes: ...


def read_hall_of_fame(folder: Folder) -> tuple[Row, ...]:
    """The front in a run's folder. PySR writes the file and then its copy, neither at one stroke: of the two the
    one with more readable rows counts. Empty if there is none."""
    best: tuple[Row, ...] = ()
    for name in NAMES:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        rows = parse_hall_of_fame(content.decode("utf-8", errors="replace"))
        if len(rows) > len(best):
            best = rows
    return best


def parse_hall_of_fame(text: str) -> tuple[Row, ...]:
    """The rows of a file with the columns `Complexity,Loss,Equation`, in any case and among others; a line that is cut
    off or damaged is left out."""
    try:
        return tuple(_rows(csv.reader(text.replace("\0", "").splitlines(keepends=True), strict=True)))
    except csv.Error:
        return tuple(_rows(_lines(text)))


def _lines(text: str) -> Iterable[list[str]]:
    """Line by line, where the file as a whole cannot be read."""
    for line in text.replace("\0", "").splitlines():
        try:
            yield from csv.reader([line], strict=True)
        except csv.Error:
            continue


def _rows(lines: Iterable[list[str]]) -> Iterable[Row]:
    places: list[int] = []
    width = 0
    for i, cells in enumerate(lines):
        if i == 0:
            names = [cell.strip().lower() for cell in cells]
            if any(names.count(name) != 1 for name in HEADER):
                return
            places, width = [names.index(name) for name in HEADER], len(names)
            continue
        if len(cells) != width:
            continue
        size, loss, equation = (cells[place] for place in places)
        try:
            row = Row(int(size), float(loss), equation)
        except ValueError:
            continue
        if math.isfinite(row.loss) and row.equation.strip():
            yield row
