"""Reports of runs: one page with the law, its forecasts, its rivals, and every reason to doubt it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, get_args

from discover.errors import InputError

Format = Literal["html", "md", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class Written:
    """What a report consists of on the disk.

    Attributes:
        path: the document.
        form: html, md or pdf.
        sections: their names.
        pictures: files beside it.
    """

    path: Path
    form: str
    sections: tuple[str, ...]
    pictures: tuple[Path, ...] = ()


def write_report(
    run: str | PathLike[str],
    form: str | None = None,
    out: Path | None = None,
    *,
    open_sealed: bool = False,
    groups: str = "",
) -> Written:
    """Writes the report of a run.

    Args:
        run: the run's folder.
        form: html, md or pdf; by default what the name of the file ends in, else html.
        out: the file; by default `report.<form>` in the run's folder.
        open_sealed: opens the sealed rows if the run has not done so yet; the journal counts it.
        groups: of which plots are asked for, see `gather`.

    Raises:
        InputError: no run, a run without an end, no such group, another format, or a file that cannot be written.
        UnavailableError: a library that the format needs is not installed.
    """
    from discover.files import write_whole
    from discover.report.content import gather
    from discover.report.sections import report_of
    from discover.runs.folder import open_folder

    form = form or (_ending(out) if out is not None else "html")
    if form not in FORMATS:
        raise InputError(f"--format is {form!r}; expected one of {', '.join(FORMATS)}")
    open_folder(Path(run))
    place = Path(run) / f"report.{form}" if out is None else out
    if not place.parent.is_dir() or place.is_dir():
        raise InputError(f"{place} cannot be written; expected the name of a file in a folder that exists")
    report = report_of(gather(Path(run), open_sealed=open_sealed, groups=groups))
    sections = tuple(section.key for section in report.sections)
    if form == "md":
        from discover.report.markdown_view import markdown_page

        folder = place.with_name(f"{place.stem}-figures")
        text, pictures = markdown_page(report, folder.name)
        written = _write_pictures(folder, pictures)
        write_whole(place, text.encode())
        return Written(place, form, sections, written)
    if form == "pdf":
        from discover.report.pdf_view import pdf_file

        write_whole(place, pdf_file(report))
    else:
        from discover.report.html_view import html_page

        write_whole(place, html_page(report).encode())
    return Written(place, form, sections)


def _ending(file: Path) -> str:
    suffix = file.suffix.lower().removeprefix(".")
    return suffix if suffix in FORMATS else "html"


def _write_pictures(folder: Path, pictures: Mapping[str, bytes]) -> tuple[Path, ...]:
    from discover.files import write_whole

    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made: {error.strerror or error}") from error
    for name, content in pictures.items():
        write_whole(folder / name, content)
    return tuple(folder / name for name in pictures)


__all__ = ["FORMATS", "Format", "Written", "write_report"]
