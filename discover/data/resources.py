"""Where the shipped tasks and datasets are."""

from __future__ import annotations

from pathlib import Path

from discover.errors import InputError

PACKAGE = Path(__file__).resolve().parent.parent


def resource_folder(kind: str, package: Path = PACKAGE) -> Path:
    """Folder of the shipped resources of this kind ("tasks" or "datasets").

    An installed wheel carries them inside the package; a checkout has them beside it.

    Raises:
        InputError: neither place has the folder, so the installation is incomplete.
    """
    places = (package / "_resources" / kind, package.parent / kind)
    for place in places:
        if place.is_dir():
            return place
    raise InputError(f"the shipped {kind} were not found; looked in {places[0]} and {places[1]}")


def tasks_folder() -> Path:
    """Folder of the shipped task files."""
    return resource_folder("tasks")


def datasets_folder() -> Path:
    """Folder of the shipped datasets, one subfolder each."""
    return resource_folder("datasets")
