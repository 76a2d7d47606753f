"""A report as PDF, typeset by Typst, which needs neither a browser nor a TeX system."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from discover.errors import UnavailableError
from discover.expressions import to_typst
from discover.expressions.typesetting import typst_name
from discover.report.blocks import Block, Cell, Formula, Maths, Plots, Points, Report, TableBlock, Text
from discover.report.still_view import best_format, picture

LONG = 30  # letters of a cell that need not be broken


def pdf_file(report: Report) -> bytes:
    """The content of the PDF file.

    Raises:
        UnavailableError: typst is not installed.
    """
    try:
        import typst
    except ImportError:
        raise UnavailableError(
            "a PDF report needs typst; install it with: pip install 'scaling-discover[pdf]', "
            "or print the HTML report from a browser"
        ) from None
    place = Path(tempfile.mkdtemp(prefix="discover-report-"))
    try:
        content = {
            "title": report.title,
            "summary": report.summary,
            "headline": report.headline,
            "verdict": report.verdict,
            "made": f"Made with {report.made}",
            "facts": [{"value": f.value, "name": f.name, "remark": f.remark} for f in report.facts],
            "sections": [
                {"title": section.title, "blocks": [_block(block, place) for block in section.blocks]}
                for section in report.sections
            ],
        }
        (place / "content.json").write_text(json.dumps(content), encoding="utf-8")
        source = files("discover.report").joinpath("templates", "report.typ").read_text(encoding="utf-8")
        (place / "report.typ").write_text(source, encoding="utf-8")
        made: bytes = typst.compile(str(place / "report.typ"), root=str(place))
        return made
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _block(block: Block, place: Path) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"kind": "text", "text": block.text, "remark": block.remark}
    if isinstance(block, Points):
        return {"kind": "points", "items": list(block.items), "warning": block.warning}
    if isinstance(block, Formula):
        return {
            "kind": "formula",
            "left": _left(block.left),
            "right": to_typst(block.right, block.digits),
            "name": block.name,
        }
    if isinstance(block, TableBlock):
        return {
            "kind": "table",
            "head": [_cell(cell) for cell in block.head],
            "rows": [[_cell(cell) for cell in row] for row in block.rows],
            "numeric": sorted(block.numeric),
            "widths": _widths(block),
        }
    return _plots(block, place)


def _left(name: str) -> str:
    if name.isidentifier() and name.isascii():
        return typst_name(name)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'upright("{escaped}")'


def _cell(cell: Cell) -> str | dict[str, str]:
    return {"maths": to_typst(cell.expr)} if isinstance(cell, Maths) else cell


def _widths(block: TableBlock) -> list[str]:
    """Numbers and names take what they need; what is longest fills the line."""
    longest = [max(_length(row[i]) for row in block.rows) for i in range(len(block.head))]
    widest = longest.index(max(longest))
    if max(longest) <= LONG:
        return ["auto"] * len(longest)
    return ["1" if place == widest else "auto" for place in range(len(longest))]


def _length(cell: Cell) -> int:
    return len(to_typst(cell.expr)) if isinstance(cell, Maths) else len(cell)


def _plots(block: Plots, place: Path) -> dict[str, Any]:
    gallery = block.gallery
    small = gallery.glance
    shown = gallery.figures if not gallery.choice or gallery.glance else gallery.figures[:6]
    entries = []
    for number, figure in enumerate(shown):
        form = "png" if small else best_format(figure)
        name = f"{gallery.key}-{number}.{form}"
        (place / name).write_bytes(picture(figure, form, small=small))
        entries.append({"file": name, "caption": figure.label if small else figure.about})
    left_out = gallery.total - len(shown)
    note = f"{len(shown)} of {gallery.total} are shown; the HTML report has more." if left_out else ""
    return {"kind": "plots", "files": entries, "small": small, "note": note}
