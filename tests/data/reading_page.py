# ruff: noqa: E501 - the lines are those of a Markdown page
"""The page `Files and notations`, made from the table of notations that the tests write."""

from __future__ import annotations

import textwrap
from decimal import Decimal

from discover.data.aliases import multiple_of
from discover.data.cells import FAILED, number
from discover.data.files import READERS, SPREADSHEETS

from .notations import HEADINGS, MISSING, NOTATIONS, STYLES

WIDTH = 120
HEAD = """# Files and notations

`discover` reads tables from the files that people have, with numbers in the notations that people use. This page lists
both. `scripts/reading_page` makes it from the notations that the tests write in random tables and read back.

## Files

{files}, and text files with `.gz` behind the suffix.

- **Text** is UTF-8 or UTF-16. For any other encoding `discover` takes what charset-normalizer finds, and says so.
- **Spreadsheets**: the first sheet with rows; `--sheet NAME` takes another.
- **JSON** holds a list of objects, an object with a list per column, or one of the shapes that pandas writes.
- **Markdown and LaTeX**: the first table of the text. `discover` ignores its markup, such as `\\textbf` and
  `\\multicolumn`.
- **Pickles** are refused, because opening one can run any program. Save the table with `frame.to_csv("runs.csv")`.

`discover` finds the layout of a text file by itself:

- **Delimiter**: comma, semicolon, tab or bar, whichever makes lines of equal length; in `.txt` and `.dat` also blanks.
  A first line `sep=;` names it.
- **Comments** are lines that begin with `#`, `%` or `//`; a note gives their numbers. If there is no other heading line,
  the last comment before the rows is it (`# N,D,loss`).
- **Ignored**: a title above the headings, and lines that only draw a table (`+-----+-----+`).
- **Several heading lines**, as pandas and spreadsheets write them, become one. `loss` above `mean` is `loss.mean`, which
  `--target loss` finds; `(M)` below `params` is `params (M)`.
- **Sums at the end**: rows that a column of names calls `Mean`, `Total`, `Std` or the like are left out, with a note.
- **Merged cells**: if a first column names blocks of rows in their first rows alone, the blank cells below mean the
  same name; a note says so.

## Numbers

`discover` finds the decimal sign of each file from all of its cells: `5,34` and `19.000.000` prove a comma, `5.34` and
`19,000,000` a point. A cell such as `2.600` then has one meaning. If no cell decides, `discover` refuses the table and
names a cell. Two customs are exceptions, and a note names every column that they decide:

- Where commas separate the cells, a point is the decimal sign, except in counts such as tokens.
- A loss is never in the thousands. This decides for other columns, too, but not for counts.

Notes show how `discover` read a number of each column.
"""

TAIL = """
Two units in one column, or `25.1%` beside `25.1`, are an error that names both cells. A number behind ± goes into a
column of its own, `loss_error`, which `--errors` can name.

## Units in headings

{headings}

## Cells without a value

`discover` leaves out runs without a value in a column that it uses. It says how many, on which lines, and what stood
there. These cells have no value: {missing}, every other error of a spreadsheet, and words for a run that gave no result: {failed}.

- In the group column of a plain table `none`, `null` and `-` are names.
- By guess, no column that is blank in more than half of the rows is a feature or a group.
- `discover` looks for missing targets in sealed rows only when it opens them.
- Any other text in place of a number is an error that names the cell.

## Runs that did not finish

`discover` knows a column of states by its words. It keeps `finished`, `COMPLETED`, `done`, `success`, `ok` and the like. It leaves out
and counts all others, also words that it does not know. `--where "status == running"` asks for others.

Conditions compare columns with `==`, `!=`, `<`, `<=`, `>`, `>=`, joined by `and`. `line` means the line of the file (`row` in
files without lines): `--where "line != 11"` leaves out one run. If rows are sealed, no condition may use the target.

## Experiment trackers

`discover` reads exports of experiment trackers as they are: settings called `config.model.n_params`, `params.n_params`
or `summary/eval.loss`, JSON or Python dictionaries in cells, nested objects in JSON lines. `--target loss` finds the
only column that ends in `loss`. Columns that the tracker keeps for itself (names, tags, run times) are left out with a
note. These headings tell which tracker wrote the file:

- Weights & Biases, runs: `State`, `Created`, `Runtime`, `config.`, `summary.`, `_step`
- Weights & Biases, line charts: `RUN - METRIC`, `__MIN`, `__MAX`. They give rows of run and step;
  `--target "RUN - METRIC"` takes one run.
- Optuna, studies: `number`, `state`, `value`, `params_`
- MLflow, `search_runs`: `metrics.`, `params.`, `tags.`, `artifact_uri`
- Neptune, Comet, ClearML, Aim: `sys/`, `experimentKey`, `hyperparams`, `hparams.`, or four headings of a tracker's own
  records, such as owner and creation time
- TensorBoard, scalars: `Wall time,Step,Value`
- lists of logged values: `tag`, `step`, `value`. They give one column per tag.
- WebPlotDigitizer, several curves: `X` and `Y` below the name of each. They give one row per point.

Which columns become features, and which one the group: [Tables](tables.md#what-discover-guesses).

## Libraries

calamine reads spreadsheets, pyarrow (extra `parquet`) Parquet and Arrow; charset-normalizer finds encodings. `discover`
finds delimiters, comments and heading lines itself: clevercsv needs 37 s for the delimiter of a table of 20,000 rows and
knows no comments, and pandas and polars must be told the decimal sign and the heading line.
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
    if paragraph.startswith(("|", "- ")) or all(len(line) <= WIDTH for line in lines):
        return paragraph
    return textwrap.fill(" ".join(lines), WIDTH, break_long_words=False, break_on_hyphens=False)
