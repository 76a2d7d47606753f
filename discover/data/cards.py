"""The card of a dataset: what each column is, where the rows come from, what is odd about them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from discover.data.tomls import Strict, load_model

Domain = Literal["positive", "fraction", "real", "text"]
Scale = Literal["linear", "log", "log10"]
Role = Literal["feature", "target", "group", "split", "weight", "error"]


class Column(Strict):
    """One column of a table.

    Attributes:
        name: name in formulas and tasks.
        source: heading in the file, where it differs from the name; empty otherwise.
        original: heading in the study's or benchmark's own file; empty if unknown or the same.
        meaning: what is measured or set.
        unit: unit of the values; "1" for a pure number.
        role: what the column is used for.
        domain: what the values may be: above 0, in [0, 1], any finite number, or text.
        scale: "log" where ratios matter (parameters, tokens), "linear" where differences do (fractions),
            "log10" where the values are decimal logarithms already.
    """

    name: str
    source: str = ""
    original: str = ""
    meaning: str = ""
    unit: str = ""
    role: Role = "feature"
    domain: Domain = "real"
    scale: Scale = "linear"

    @property
    def heading(self) -> str:
        """The heading to look for in the file."""
        return self.source or self.name

    def times(self, value: float, factor: float) -> float:
        """The value of a `factor` times larger quantity, in the column's own scale."""
        return value + math.log10(factor) if self.scale == "log10" else value * factor


class Source(Strict):
    """Where rows come from: repository, commit and files, and the licence stated there."""

    repository: str
    commit: str = ""
    files: str
    licence: str
    note: str = ""


class Benchmark(Strict):
    """The benchmark that made a task of the table: its name of the task, its paper and its split."""

    name: str
    task: str
    arxiv: str
    split: str


class TableFacts(Strict):
    """What the file must hold; written by scripts/curate_datasets.py."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    train_rows: Annotated[int, Field(ge=1)]
    test_rows: Annotated[int, Field(ge=0)]
    groups: tuple[str, ...] = ()


class Card(Strict):
    """The card of a dataset.

    Attributes:
        title: name of the dataset for people.
        study: title of the study that made the experiments.
        arxiv: its arXiv number.
        licence: licence of the rows as the study states it, or "none stated".
        row: what one row is.
        sources: where the rows were taken from.
        benchmark: the benchmark whose split the table follows.
        oddities: what a user of the rows should know, one fact each.
        columns: every column of the file, in its order.
        table: row counts, groups and checksum of the file.
    """

    title: str
    study: str
    arxiv: str
    licence: str
    row: str
    sources: tuple[Source, ...]
    benchmark: Benchmark | None = None
    oddities: tuple[str, ...] = ()
    columns: tuple[Column, ...]
    table: TableFacts


def load_card(path: Path) -> Card:
    """The card in this file.

    Raises:
        InputError: no such file, not TOML, or an unknown, missing or wrong key.
    """
    return load_model(Card, path)
