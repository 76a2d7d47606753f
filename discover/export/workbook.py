"""Spreadsheet: an xlsx file whose predictions are live formulas over cells of constants and features.

A law's workbook has sheets for the law, its constants (one row per group), their errors and predictions. A
row of `Predict` finds its group's constants, then works the formula out from cells of its own row; further
rows are made by filling down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discover.errors import InputError
from discover.export.law import FittedLaw
from discover.export.layout import geometric_middle, inputs, meaning_of, real_literal
from discover.export.spreadsheet import BOLD, INPUT, Cell, Formula, Sheet, column_name, to_xlsx
from discover.expressions import Dialect, feature_names, to_text
from discover.law.document import LawDocument

_LONGEST = 8192  # characters of a formula that Excel accepts
Row = tuple[str, Mapping[str, float]]


def workbook(document: LawDocument) -> bytes:
    """Content of an xlsx file, with three rows of predictions per group.

    Raises:
        InputError: the formula is longer than a spreadsheet's cell takes.
    """
    return workbook_of(document, example_rows(document))


def workbook_of(document: LawDocument, rows: Sequence[Row]) -> bytes:
    """Content of an xlsx file with predictions for these rows, each a group and the features' values."""
    sheets = [_law_sheet(document), _constants_sheet("Constants", document, errors=False)]
    if any(error is not None for entry in document.constants for error in entry.errors.values()):
        sheets.append(_constants_sheet("Standard errors", document, errors=True))
    sheets.append(_Predict(document).sheet(rows))
    return to_xlsx(sheets)


def example_rows(document: LawDocument) -> list[Row]:
    """Per group the smallest, middle and largest values of the train rows."""
    rows: list[Row] = []
    for group in document.groups:
        for place in range(3):
            values = {}
            for name in inputs(document):
                low, high = document.domain.get(name, (1.0, 1.0))
                values[name] = (low, geometric_middle(low, high), high)[place]
            rows.append((group, values))
    return rows


def _law_sheet(document: LawDocument) -> Sheet:
    rows: list[list[Cell]] = [
        [Cell("Task", BOLD), Cell(document.task)],
        [Cell("Formula", BOLD), Cell(", ".join(document.targets) + " = " + document.formula)],
        [Cell("Constants per group", BOLD), Cell(float(document.n_constants))],
        [],
        [Cell(head, BOLD) for head in ("Feature", "Meaning", "Unit", "Smallest fitted", "Largest fitted")],
    ]
    for feature in document.features:
        ends = document.domain.get(feature.name, ())
        rows.append([Cell(feature.name), Cell(meaning_of(feature)), Cell(feature.unit), *(Cell(v) for v in ends)])
    rows += [[], [Cell("Software", BOLD), Cell("Version", BOLD)]]
    rows += [[Cell(name), Cell(version)] for name, version in document.versions.items()]
    return Sheet("Law", rows)


def _constants_sheet(title: str, document: LawDocument, errors: bool) -> Sheet:
    """One row per group; one column per target and constant."""
    several = len(document.targets) > 1
    heads = [f"{t}: {name}" if several else name for t in document.targets for name in document.constant_names]
    rows = [[Cell("group", BOLD), *(Cell(head, BOLD) for head in heads)]]
    for group in document.groups:
        row = [Cell(group)]
        for target in document.targets:
            entry = document.constant_set(group, target)
            found = entry.errors if errors else entry.values
            row += [Cell(found.get(name)) for name in document.constant_names]
        rows.append(row)
    return Sheet(title, rows)


@dataclass(frozen=True)
class _Predict:
    """The sheet of predictions. Columns: group, features, predictions, place of the group, its constants."""

    document: LawDocument

    def sheet(self, rows: Sequence[Row]) -> Sheet:
        document = self.document
        law = FittedLaw(document)
        several = len(document.targets) > 1
        names = [f"{t}: {c}" if several else c for t in document.targets for c in document.constant_names]
        heads = ["group", *inputs(document), *document.targets, "row of constants", *names]
        cells = [[Cell(head, BOLD) for head in heads]]
        columns = {name: [values[name] for _, values in rows] for name in inputs(document)}
        predicted = np.asarray(law(columns, group=[group for group, _ in rows])).reshape(len(rows), -1)
        for number, (group, values) in enumerate(rows, start=2):
            cells.append(self._row(number, group, values, predicted[number - 2].tolist()))
        return Sheet("Predict", cells)

    def _row(self, row: int, group: str, values: Mapping[str, float], predicted: Sequence[float]) -> list[Cell]:
        document = self.document
        found = [Cell(group, INPUT), *(Cell(values[name], INPUT) for name in inputs(document))]
        for t, value in enumerate(predicted):
            found.append(Cell(Formula(self._formula(row, t), value)))
        found.append(Cell(Formula(self._place(row), document.group_code(group) + 1.0)))
        place = 0
        for target in document.targets:
            constants = document.constant_set(group, target).values
            for name in document.constant_names:
                text = f"INDEX({self._constants_range(place + 1)},${column_name(self._place_column)}{row})"
                found.append(Cell(Formula(text, constants[name])))
                place += 1
        return found

    @property
    def _place_column(self) -> int:
        return 1 + len(inputs(self.document)) + len(self.document.targets)

    def _constants_range(self, column: int) -> str:
        letter, last = column_name(column), len(self.document.groups) + 1
        return f"Constants!${letter}$2:${letter}${last}"

    def _place(self, row: int) -> str:
        """Which row of constants; #N/A for an unknown group. MATCH would ignore case and read wildcards."""
        names = self._constants_range(0)
        place = f"SUMPRODUCT(EXACT($A{row},{names})*(ROW({names})-1))"
        return f"IF({place}=0,NA(),{place})"

    def _formula(self, row: int, target: int) -> str:
        document = self.document
        used = inputs(document)
        cells = {name: f"${column_name(1 + i)}{row}" for i, name in enumerate(used)}
        first = self._place_column + 1 + target * len(document.constant_names)
        cells |= {name: f"${column_name(first + i)}{row}" for i, name in enumerate(document.constant_names)}
        # POWER, because -a^b is (-a)^b in a spreadsheet.
        dialect = Dialect("excel", power="POWER(", number=real_literal, name=cells.__getitem__)
        text = to_text(document.expr, dialect)
        if not feature_names(document.expr):
            text += f"+0*{cells[used[0]]}"
        if len(text) > _LONGEST:
            raise InputError(
                f"the formula has {len(text)} characters as a spreadsheet's; at most {_LONGEST} fit a cell"
            )
        return text
