"""A file is written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from discover.errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside its place, then moves it there, so that no reader ever sees half of it.

    Raises:
        InputError: the folder is missing, not writable, or the disk is full.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
