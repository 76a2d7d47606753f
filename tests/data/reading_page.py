# ruff: noqa: E501 - the lines are those of a Markdown page
"""The page `What we read`, made from the table of notations that the tests write."""

from __future__ import annotations

import textwrap
from decimal import Decimal

from discover.data.aliases import multiple_of
from discover.data.cells import FAILED, number
from discover.data.files import READERS, SPREADSHEETS

from .notations import HEADINGS, MISSING, NOTATIONS, STYLES

WIDTH = 120
HEAD = """# What we read

This page is made by `scripts/reading_page` from the table of notations that the tests write in random tables and read
back.

## Files

{files}, and text files with `.gz` behind the suffix. Text is UTF-8, UTF-16, or what charset-normalizer makes of it,
which is said. Of a spreadsheet the first sheet with rows is read; `--sheet NAME` takes another. JSON may hold a list of
objects, an object with a list per column, or one of the shapes that pandas writes. Pickles are refused, since opening one
can run any program: save the table with `frame.to_csv("runs.csv")`. Of a text in Markdown or LaTeX the first table
counts; its markup, such as `\\textbf` and `\\multicolumn`, is looked through.

Commas, semicolons, tabs or bars part the cells of a text file, whichever makes lines of equal length; in `.txt` and
`.dat` also blanks. A first line `sep=;` says it. Lines that begin with `#`, `%` or `//` are comments, told with their
numbers; the last one before the rows is the heading line where there is no other (`# N,D,loss`). Lines that only draw a
table (`+-----+-----+`, as of reStructuredText and databases) are looked through. A title above the headings is left out. Several heading lines, as pandas and spreadsheets write them, are joined: `loss` above `mean` is
`loss.mean`, which `--target loss` finds, and `(M)` below `params` is `params (M)`. Rows at the end that a column of names
calls `Mean`, `Total`, `Std` or the like are left out and told. Where a first column names blocks of rows in their first rows
alone, as merged cells do, the blank cells below mean the same name, which is said.

## Numbers

The decimal sign is found for each file from all of its cells: `5,34` and `19.000.000` prove a comma, `5.34` and
`19,000,000` a point. A cell such as `2.600` then has one meaning. Where no cell decides, the table is refused and a cell
named, but for two customs: where commas part the cells, a point is the decimal sign, except in counts such as tokens; and a
loss is never in the thousands, which tells of other columns, but not of counts. Either is said of each column. Notes show how a number of each column was read.
"""

TAIL = """
Two units in one column, or `25.1%` beside `25.1`, are an error that names both cells. What stands behind ± becomes a
column of its own, `loss_error`, for `--errors`.

## Units in headings

{headings}

## Cells without a value

{missing}, every other error of a spreadsheet, and words for a run that gave no result: {failed}. Such rows are left out with
their count, their lines and what stood there.

## Runs that did not finish

A column of states is known by its words: `finished`, `COMPLETED`, `done`, `success`, `ok` and the like are kept, all
others are left out and counted, also words that are not known. `--where "status == running"` asks for others. Conditions
compare columns with `==`, `!=`, `<`, `<=`, `>`, `>=`, joined by `and`. `line` means the line of the file (`row` in
files without lines): `--where "line != 11"` leaves out one run. With sealed rows, none may ask about the target.

A run far off every published law that fits best, by ten robust deviations, is told. `run` and `compare` leave it out if
hardly any other run lies half as far off and larger runs do not: a wrong cell, or a run that failed. `--all-rows` keeps it.

## Trackers

A tracker is known by these headings:

- Weights & Biases, runs: `State`, `Created`, `Runtime`, `config.`, `summary.`, `_step`
- Weights & Biases, line charts: `RUN - METRIC`, `__MIN`, `__MAX`. They give rows of run and step;
  `--target "RUN - METRIC"` takes one run.
- Optuna, studies: `number`, `state`, `value`, `params_`
- MLflow, `search_runs`: `metrics.`, `params.`, `tags.`, `artifact_uri`
- Neptune, Comet, ClearML, Aim: `sys/`, `experimentKey`, `hyperparams`, `hparams.`, or four headings of books such as
  owner and creation time
- TensorBoard, scalars: `Wall time,Step,Value`
- lists of logged values: `tag`, `step`, `value`. They give one column per tag.

## Columns that are no features

By guess no column is a feature that names a result (`mmlu`, `bits per byte`, `pass@1`, `throughput`, `gpu_hours`), an
uncertainty, weight or count (`sigma`, `ci_low`, `n_seeds`), a number or time of a run; nor one that is another times a
factor, or its logarithm, or a product or ratio of others (`flops` beside `params` and `tokens`), or from which the target
can be computed (`ppl` of `loss`, or 3.5 minus it, whatever it is called). A setting or shape that all rows of one size
share (a `d_model` or `lr` for each `params`) is none, since its effect is that of the size; nor is a setting that all rows
of one number of tokens share, as along a schedule. Steps count as data where no column of tokens, examples or compute does; a
learning rate that follows a schedule along them is none. Each is said. `--features` takes any of them in.

A text column is no group where each of its names has a single value of a scale (`pythia-70m` beside `params`), where
three names or more stand one to one for a size (`ViT-B`, `ViT-L`, `ViT-H` beside `width`), or where names are missing; `--group` takes it. In a table of curves the column that names the run is the group.

A column of yes and no, in words or as True and False, is a group as one of names is; one of 0 and 1 is a number. Either is
said. In tables without another result a cost is the result, such as `latency` or `TTFT`.

Words around a quantity are looked through: `Anzahl Tokens`, `non-zero params`, `images seen`, `A100 GPU hours`. Beside
`pass@k` a column `k` counts attempts.

## Libraries

Spreadsheets are read by calamine, Parquet and Arrow by pyarrow (extra `parquet`), encodings told by charset-normalizer.
clevercsv needs 37 s to find the delimiter of a table of 20,000 rows, and knows no comments; pandas and polars are told the
decimal sign and the header line. So these are decided here.
"""


def text() -> str:
    """The page as Markdown."""
    files = ", ".join(f"`{suffix}`" for suffix in (*READERS, *SPREADSHEETS))
    lines = [HEAD.format(files=files), "| numbers | example | read as |", "|---|---|---|"]
    large = Decimal("1234567.5")
    for style in STYLES:
        shown = style.number(large)
        lines.append(f"| {style.name} | `{shown}` | {number(shown, style.point):.15g} |")  # type: ignore[arg-type]
    lines += ["", "| cells | example | read as |", "|---|---|---|"]
    for notation in NOTATIONS:
        shown = notation.write(notation.sample, STYLES[0])
        lines.append(f"| {notation.name} | `{shown}` | {number(shown):.15g} |")
    headings = ", ".join(f"`{heading}` (10^{multiple_of(heading)})" for heading in HEADINGS if multiple_of(heading))
    missing = ", ".join(f"`{cell}`" if cell else "a blank" for cell in MISSING)
    failed = ", ".join(f"`{word}`" for word in sorted(FAILED) if " " not in word)
    page = "\n".join(lines) + "\n" + TAIL.format(headings=headings, missing=missing, failed=failed)
    return "\n\n".join(_wrapped(part) for part in page.split("\n\n"))


def _wrapped(paragraph: str) -> str:
    """The paragraph without long lines; tables and lists are as they were."""
    lines = paragraph.splitlines()
    if paragraph.startswith(("|", "-")) or all(len(line) <= WIDTH for line in lines):
        return paragraph
    return textwrap.fill(" ".join(lines), WIDTH, break_long_words=False, break_on_hyphens=False)
