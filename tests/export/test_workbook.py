"""The spreadsheet: read back by openpyxl, worked out by LibreOffice and by rules of spreadsheets kept here."""

from __future__ import annotations

import io
import math
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from discover.errors import InputError
from discover.export import export
from discover.export.spreadsheet import Cell, Sheet, column_name, to_xlsx
from discover.export.workbook import workbook_of
from discover.law.document import ConstantSet, FeatureInfo, LawDocument

from .laws import CASES, N_POINTS, Case

SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def book(case: Case) -> bytes:
    columns, groups = case.points()
    rows = [(group, {name: float(c[i]) for name, c in columns.items()}) for i, group in enumerate(groups)]
    return workbook_of(case.document, rows)


def cells_of(content: bytes, title: str) -> dict[str, tuple[str | None, str | float | None]]:
    """place -> (formula, value) of a sheet."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    titles = [
        s.get("name") for s in ElementTree.fromstring(archive.read("xl/workbook.xml")).iterfind(".//m:sheet", SPACE)
    ]
    tree = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{titles.index(title) + 1}.xml"))
    found: dict[str, tuple[str | None, str | float | None]] = {}
    for cell in tree.iterfind(".//m:c", SPACE):
        text, number = cell.find("m:is/m:t", SPACE), cell.find("m:v", SPACE)
        value = text.text if text is not None else float(number.text) if number is not None and number.text else None
        found[cell.get("r") or ""] = (cell.findtext("m:f", None, SPACE), value)
    return found


class Arithmetic:
    """Works out a formula of numbers and cells as spreadsheets do: a sign binds tighter than a power."""

    functions: Mapping[str, Callable[..., float]] = {
        "POWER": math.pow, "EXP": math.exp, "LN": math.log, "ABS": abs, "MIN": min, "MAX": max,
        "TANH": math.tanh, "SIN": math.sin, "COS": math.cos, "ATAN": math.atan,
    }  # fmt: skip
    token = re.compile(r"\s*(\d+\.?\d*(?:[eE][+-]?\d+)?|[A-Z]+(?=\()|\$?[A-Z]+\d+|[-+*/^(),])")

    def __init__(self, text: str, cells: Mapping[str, float]) -> None:
        self.tokens = self.token.findall(text)
        assert "".join(self.tokens) == text.replace(" ", ""), text
        self.cells = cells

    def value(self) -> float:
        result = self.sum()
        assert not self.tokens
        return result

    def take(self, *known: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in known else None

    def sum(self) -> float:
        left = self.product()
        while op := self.take("+", "-"):
            right = self.product()
            left = left + right if op == "+" else left - right
        return left

    def product(self) -> float:
        left = self.power()
        while op := self.take("*", "/"):
            right = self.power()
            left = left * right if op == "*" else left / right
        return left

    def power(self) -> float:
        left = self.signed()
        while self.take("^"):
            left = math.pow(left, self.signed())
        return left

    def signed(self) -> float:
        return -self.signed() if self.take("-") else self.atom()

    def atom(self) -> float:
        token = self.tokens.pop(0)
        if token == "(":
            value = self.sum()
            assert self.take(")")
            return value
        if token in self.functions:
            assert self.take("(")
            values = [self.sum()]
            while self.take(","):
                values.append(self.sum())
            assert self.take(")")
            return self.functions[token](*values)
        return self.cells[token.replace("$", "")] if token[0] in "$ABCDEFGHIJKLMNOPQRSTUVWXYZ" else float(token)


def predictions(cells: Mapping[str, tuple[str | None, str | float | None]], case: Case) -> dict[str, int]:
    """target -> column of its predictions."""
    heads = {content: place for place, (_, content) in cells.items() if re.fullmatch(r"[A-Z]+1", place)}
    return {target: heads[target] for target in case.targets}  # type: ignore[misc]


def test_formulas_of_the_cells_give_the_laws_values(case: Case) -> None:
    cells = cells_of(book(case), "Predict")
    constants = cells_of(book(case), "Constants")
    groups = {constants[f"A{r}"][1]: r for r in range(2, len(case.groups) + 2)}
    columns = predictions(cells, case)
    expected = case.expected()
    for i in range(N_POINTS):
        row = i + 2
        values = {place: v for place, (f, v) in cells.items() if place.endswith(str(row)) and f is None}
        group_row = groups[str(values[f"A{row}"])]
        for place, (formula, _) in cells.items():  # constants come from the row of the group
            if formula and re.fullmatch(rf"[A-Z]+{row}", place) and formula.startswith("INDEX(Constants!$"):
                values[place] = constants[f"{formula.split('$')[1]}{group_row}"][1]
        for t, head in enumerate(columns.values()):
            formula, cached = cells[f"{head[:-1]}{row}"]  # type: ignore[index]
            assert formula is not None
            found = Arithmetic(formula, values).value()  # type: ignore[arg-type]
            assert found == pytest.approx(expected[i, t], rel=1e-12)
            assert cached == expected[i, t]


def test_openpyxl_reads_the_workbook_with_all_digits(case: Case) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    content = export(case.document, "xlsx")
    assert isinstance(content, bytes)
    found = openpyxl.load_workbook(io.BytesIO(content))
    sheet = found["Constants"]
    for row, group in enumerate(case.groups, 2):
        for column, constant in enumerate(case.document.constant_names, 2):
            value = sheet.cell(row, column).value
            assert value == case.document.constant_set(group, case.targets[0]).values[constant]
    predicted = found["Predict"].cell(2, 2 + len({*case.features} & {c.value for c in found["Predict"][1]}))
    assert str(predicted.value).startswith("=")


@pytest.fixture(scope="module")
def worked_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every law's workbook as LibreOffice sees it; it starts slowly, so once for all."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not on the PATH")
    folder = tmp_path_factory.mktemp("books")
    for name, case in CASES.items():
        # Without the values beside the formulas, so that nothing but LibreOffice's own can come back.
        with zipfile.ZipFile(folder / f"{name}.xlsx", "w") as archive:
            source = zipfile.ZipFile(io.BytesIO(book(case)))
            for part in source.namelist():
                archive.writestr(part, re.sub(rb"</f><v>[^<]*</v>", b"</f>", source.read(part)))
    profile = f"-env:UserInstallation=file://{folder}/profile"
    files = [str(folder / f"{name}.xlsx") for name in CASES]
    command = [office, "--headless", profile, "--convert-to", "fods", "--outdir", str(folder), *files]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder


def test_libreoffice_works_out_the_same_values(case: Case, worked_out: Path) -> None:
    found = _fods_column(worked_out / f"{case.name}.fods", case)
    np.testing.assert_allclose(found, case.expected(), rtol=1e-12)


def _fods_column(path: Path, case: Case) -> np.ndarray:
    """Predictions in a flat OpenDocument sheet, (200, targets)."""
    table, office = (
        "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}",
        "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}",
    )
    tree = ElementTree.parse(path)
    sheet = next(t for t in tree.iter(f"{table}table") if t.get(f"{table}name") == "Predict")
    rows = []
    for row in sheet.iter(f"{table}table-row"):
        cells: list[str | None] = []
        for cell in row.iter(f"{table}table-cell"):
            text = "".join(cell.itertext()).strip()
            repeat = min(int(cell.get(f"{table}number-columns-repeated", "1")), 50)
            cells += [cell.get(f"{office}value") or text] * repeat
        rows.append(cells)
    places = [rows[0].index(target) for target in case.targets]
    return np.array([[float(row[p] or "nan") for p in places] for row in rows[1 : N_POINTS + 1]])


def test_same_law_same_bytes() -> None:
    document = CASES["mixture"].document
    assert export(document, "xlsx") == export(document, "xlsx")


def test_formula_too_long_for_a_cell_is_refused() -> None:
    terms = " + ".join(f"c{i}*params**(-0.{i}1234567)" for i in range(1, 400))
    case = Case("long", terms, {"params": (1, 2)})
    with pytest.raises(InputError, match="at most 8192"):
        export(case.document, "xlsx")


def test_columns_are_named_as_in_spreadsheets() -> None:
    assert [column_name(i) for i in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_text_is_never_markup() -> None:
    content = to_xlsx([Sheet('a"b', [[Cell("<b>&\x00"), Cell(None), Cell(0.1 + 0.2)]])])
    cells = cells_of(content, 'a"b')
    assert cells == {"A1": (None, "<b>& "), "C1": (None, 0.1 + 0.2)}


def test_a_law_of_many_groups_is_written_with_the_constants_of_each() -> None:
    groups = tuple(f"corpus {i}" for i in range(2000))
    constants = tuple(ConstantSet(group, "loss", {"E": float(i), "a": 0.5}) for i, group in enumerate(groups))
    document = LawDocument(
        task="many", formula="E + params**(-a)", features=(FeatureInfo("params"),), targets=("loss",),
        group_column="corpus", groups=groups, constants=constants, n_constants=2,
        domain={"params": (1.0, 4.0)}, target_range={"loss": (0.0, 2000.0)},
    )  # fmt: skip
    content = export(document, "xlsx")
    assert isinstance(content, bytes)
    shown = cells_of(content, "Predict")
    assert (shown["A5999"][1], shown["C5999"][1]) == ("corpus 1999", 2000.0)
    assert shown["C6001"][1] == 1999.5
