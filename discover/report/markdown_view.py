"""A report as a Markdown document, with its figures as PNG files in a folder beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from discover.expressions import to_latex
from discover.expressions.printing import latex_name
from discover.report.blocks import Block, Cell, Formula, Maths, Plots, Points, Report, TableBlock, Text
from discover.report.figures import Figure
from discover.report.still_view import picture

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|$~&])")
MOST_FIGURES = 12  # of one kind


def markdown_page(report: Report, folder: str) -> tuple[str, Mapping[str, bytes]]:
    """The document, and the pictures that it shows.

    Args:
        folder: name of the folder for the pictures, beside the document.

    Returns:
        The text, and file name -> content of the pictures.
    """
    pictures: dict[str, bytes] = {}
    parts = [f"# {plain(report.title)}"]
    parts += [plain(report.summary)] if report.summary else []
    parts += [f"**{plain(report.headline)}**"] if report.headline else []
    parts.append(f"**{plain(report.verdict)}**")
    parts.append("\n".join(f"- {plain(f.name)}: **{plain(f.value)}**{_remark(f.remark)}" for f in report.facts))
    for section in report.sections:
        parts.append(f"## {plain(section.title)}")
        for block in section.blocks:
            parts += _block(block, folder, pictures)
    parts.append(f"*Made with {plain(report.made)}.*")
    return "\n\n".join(parts) + "\n", pictures


def plain(text: str) -> str:
    """Text on one line in which Markdown and HTML see no markup."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _remark(text: str) -> str:
    return f" ({plain(text)})" if text else ""


def _block(block: Block, folder: str, pictures: dict[str, bytes]) -> Iterator[str]:
    if isinstance(block, Text):
        yield plain(block.text)
    elif isinstance(block, Points):
        yield "\n".join(f"- {plain(item)}" for item in block.items)
    elif isinstance(block, Formula):
        left = latex_name(block.left) if block.left.isidentifier() and block.left.isascii() else None
        if block.name:
            yield f"*{plain(block.name)}*"
        formula = to_latex(block.right, digits=block.digits)
        yield f"$${left} = {formula}$$" if left else f"{plain(block.left)} = ${formula}$"
    elif isinstance(block, TableBlock):
        yield _table(block)
    elif isinstance(block, Plots):
        yield from _figures(block, folder, pictures)


def _table(block: TableBlock) -> str:
    rules = ["---:" if place in block.numeric else "---" for place in range(len(block.head))]
    lines = [[_cell(cell) for cell in block.head], rules, *([_cell(cell) for cell in row] for row in block.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(cell: Cell) -> str:
    if isinstance(cell, Maths):
        return f"${to_latex(cell.expr)}$".replace("|", r"\vert ")
    return plain(cell)


def _figures(block: Plots, folder: str, pictures: dict[str, bytes]) -> Iterator[str]:
    for number, figure in enumerate(block.gallery.figures[:MOST_FIGURES], start=1):
        name = f"{_file_stem(figure, block.gallery.key)}-{number}.png"
        pictures[name] = picture(figure, "png")
        yield f"![{plain(figure.about)}]({folder}/{name})\n\n*{plain(figure.about)}*"
    total = block.gallery.total
    if total > MOST_FIGURES:
        yield f"{MOST_FIGURES} of {total} figures of this kind are shown; the HTML report has more."


def _file_stem(figure: Figure, key: str) -> str:
    """A column's name may hold anything; the name of a file may not."""
    return key if re.fullmatch(r"[a-z]+", key) else "figure"
