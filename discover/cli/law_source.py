"""What a command takes as a law: the folder of a run, a law.json, or a published law with its constants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from discover.errors import InputError
from discover.plain_data import quoted

if TYPE_CHECKING:
    from discover.law.document import LawDocument

SOURCE_HELP = (
    "The folder of a run, a law.json, or a published law such as chinchilla or chinchilla:replication, "
    "with the constants of its paper."
)


def read_law(source: Path) -> tuple[LawDocument, str]:
    """A law, and what messages call it.

    Raises:
        InputError: no such folder, file or law; a run without a law; a damaged file; a law without published constants.
    """
    from discover.cli.output import note, tell_notes
    from discover.law.storage import read
    from discover.runs.folder import open_folder

    if source.is_file():
        document = read(source)
        if document.edited:
            note(f"note: {source} was changed after discover wrote it; what follows is of the changed law")
        return document, str(source)
    if not source.exists() and (found := _published(str(source))) is not None:
        return found, str(source)
    if not source.exists():
        raise InputError(
            f"there is no folder, file or published law {source}; expected the folder of a run, a law.json, or a law "
            "of `discover laws`"
        )
    folder = open_folder(source)
    if not folder.law_path.is_file():
        raise InputError(f"{source} has no law yet; continue it with: discover resume {quoted(source)}")
    tell_notes(folder.doubts())
    return read(folder.law_path), str(folder.law_path)


def _published(text: str) -> LawDocument | None:
    """The law of the library that a text names, with published constants; None if it names none."""
    from discover.law import load_library
    from discover.law.document import from_published

    name, _, label = text.partition(":")
    law = load_library().get(name)
    if law is None:
        return None
    labels = [fit.label for fit in law.published]
    if not labels:
        raise InputError(
            f"no constants were published for {name}; fit it with: discover fit {name} TABLE --out law.json"
        )
    fits = [fit for fit in law.published if label in ("", fit.label)]
    if not fits:
        known = ", ".join(f"{name}:{one}" for one in labels)
        raise InputError(f"{name} has no published constants {label!r}; expected one of {known}")
    return from_published(law, fits[0])
